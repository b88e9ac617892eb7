//! Her status. Rules S.

use serde::{Deserialize, Serialize};

use crate::ids::{NaturalKey, ReasonId};
use crate::member::status::Status;
use crate::money::Roubles;
use crate::rate::Percent;
use crate::time::{MoscowDay, Timestamp};

/// Which of the two statuses a fact is about. Rule S7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Track {
    /// The status computed as if purchases at medical businesses had not happened.
    Ordinary,
    /// The status with them.
    WithMedical,
    /// Both at once.
    Both,
}

impl Track {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ordinary, Self::WithMedical, Self::Both];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::WithMedical => "with_medical",
            Self::Both => "both",
        }
    }
}

/// Why a status changed. Rule S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StatusReason {
    /// She meets the conditions of a higher status.
    Reached,
    /// She is invited to the inner circle.
    Invited,
    /// She is among the top spenders.
    TopSpender,
    /// The grace after a scheduled downgrade is over and she has not recovered.
    GraceEnded,
    /// She no longer meets the conditions and the policy grants no grace.
    NoGrace,
}

impl StatusReason {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Reached, Self::Invited, Self::TopSpender, Self::GraceEnded, Self::NoGrace];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Invited => "invited",
            Self::TopSpender => "top_spender",
            Self::GraceEnded => "grace_ended",
            Self::NoGrace => "no_grace",
        }
    }
}

/// Her status changed. Rule S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StatusChanged {
    /// Which status.
    pub track: Track,
    /// Before.
    pub from: Status,
    /// After.
    pub to: Status,
    /// Why.
    pub reason: StatusReason,
    /// Spent in the window of Rule S1.
    pub spent_12m: Roubles,
    /// Categories visited in it.
    pub categories_12m: u32,
    /// The policy that decided.
    pub policy_version: u32,
}

/// She no longer meets the conditions of her status and will fall on a day unless she recovers. Rule S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StatusDowngradeScheduled {
    /// Which status.
    pub track: Track,
    /// The status she has and keeps until that day.
    pub from: Status,
    /// What she would fall to as things are.
    pub to: Status,
    /// The Moscow day of the fall.
    pub on: MoscowDay,
    /// Spent in the window of Rule S1.
    pub spent_12m: Roubles,
    /// Categories visited in it.
    pub categories_12m: u32,
    /// What she would have to spend more to keep it.
    pub missing_spend: Roubles,
    /// How many more categories she would have to visit to keep it.
    pub missing_categories: u32,
    /// The policy that decided.
    pub policy_version: u32,
}

/// She meets the conditions again before the day of a scheduled downgrade. Rule S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StatusDowngradeCancelled {
    /// Which status.
    pub track: Track,
    /// The status she keeps.
    pub status: Status,
    /// Spent in the window of Rule S1.
    pub spent_12m: Roubles,
    /// Categories visited in it.
    pub categories_12m: u32,
    /// The policy that decided.
    pub policy_version: u32,
}

/// She is invited to the inner circle: she is in it, and does not fall. Rules S1, S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InnerCircleInvited {}

/// The invitation is withdrawn: she is evaluated as all others. Rule S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InnerCircleInvitationWithdrawn {}

/// The daily ranking found her among the top spenders. Rules S1, S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TopSpendersEntered {
    /// Which status it is about.
    pub track: Track,
    /// What she spent in the window of Rule S1, on this track.
    pub spent_12m: Roubles,
    /// How many members with a purchase in the window were ranked.
    pub members: u32,
    /// The share of them in percent.
    pub percent: Percent,
    /// What the first one outside that share spent: she spent more.
    pub above: Roubles,
    /// The policy that decided.
    pub policy_version: u32,
}

/// The daily ranking found her no longer among the top spenders. Rules S1, S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TopSpendersLeft {
    /// Which status it is about.
    pub track: Track,
    /// What she spent in the window of Rule S1, on this track.
    pub spent_12m: Roubles,
    /// How many members with a purchase in the window were ranked.
    pub members: u32,
    /// The share of them in percent.
    pub percent: Percent,
    /// What the first one outside that share spent: she did not spend more. None when too few members were ranked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub above: Option<Roubles>,
    /// The policy that decided.
    pub policy_version: u32,
}

/// A payment for Premium came while she had none. Rule S4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PremiumStarted {
    /// The payment's own number as a keyed hash: through the payment system it would lead to a person.
    pub payment: NaturalKey,
    /// The first moment paid for.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

/// A payment for Premium came that follows on what was paid before. Rule S4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PremiumRenewed {
    /// The payment's own number as a keyed hash.
    pub payment: NaturalKey,
    /// The first moment paid for: where the period before ends.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

/// Premium ends before what was paid for is over, and periods to come are void. Rule S4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PremiumCancelled {
    /// The first moment without it.
    pub at: Timestamp,
}

/// What was paid for is over, and nothing follows on it. Rule S4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PremiumLapsed {
    /// The first moment without it.
    pub ended_at: Timestamp,
}

/// An admin blocked her: she cannot buy or spend until she is unblocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MemberBlocked {
    /// The admin's reason, in the vault.
    pub reason_id: ReasonId,
}

/// An admin lifted the block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MemberUnblocked {}

/// She proved another phone, which finds her from now on; the numbers are in the vault alone. Whoever took her account over
/// cannot spend at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PhoneChanged {
    /// The first moment at which bonuses can be reserved again.
    pub spending_from: Timestamp,
}
