//! What rewards changed: those who got one, against those who were held out.

use ledger_core::money::Roubles;
use serde::Serialize;
use utoipa::ToSchema;

use crate::ratio::Ratio;

/// Members who triggered a step, or any step of a version, each once.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct GroupFigures {
    /// How many.
    pub(crate) members: u64,
    /// How many of them bought at the target within the step's window, with the coupon or without.
    pub(crate) purchased: u64,
    /// purchased ÷ members, with four decimals.
    #[schema(value_type = String)]
    pub(crate) rate: Ratio,
    /// What they bought there then, net of refunds.
    #[schema(value_type = String)]
    pub(crate) revenue: Roubles,
    /// revenue ÷ members.
    #[schema(value_type = String)]
    pub(crate) revenue_per_member: Roubles,
}

/// By how much more of the treated bought, with the bounds within which chance leaves it in 95 of 100 cases.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Uplift {
    /// The rate of the treated less that of the control group, with four decimals.
    #[schema(value_type = String)]
    pub(crate) difference: Ratio,
    /// The lower bound of the 95 % confidence interval (Newcombe's hybrid score interval).
    #[schema(value_type = String)]
    pub(crate) low: Ratio,
    /// The upper bound.
    #[schema(value_type = String)]
    pub(crate) high: Ratio,
}

/// Why nothing is said of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NoEffect {
    /// Nobody was held out.
    NoControlGroup,
    /// The policy's share of members held out changed while the version ran: the groups cannot be compared.
    ShareChanged,
    /// One of the groups has fewer than 10 members.
    #[serde(rename = "fewer_than_10_members")]
    TooFew,
    /// Businesses are not told: they know who bought.
    AdminsAlone,
}

/// What rewards changed. All are null where `reason` says why.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Effect {
    /// Members who were given a reward.
    pub(crate) treated: Option<GroupFigures>,
    /// Members of the same audience who were given none, by lot.
    pub(crate) control: Option<GroupFigures>,
    /// By how much more of the treated bought.
    pub(crate) uplift: Option<Uplift>,
    /// What the treated bought beyond what as many of the control group would have: the difference of revenue per member × treated.
    #[schema(value_type = Option<String>)]
    pub(crate) incremental_revenue: Option<Roubles>,
    /// What the rewards cost.
    #[schema(value_type = Option<String>)]
    pub(crate) cost: Option<Roubles>,
    /// incremental revenue ÷ cost, with four decimals; null without cost, too.
    #[schema(value_type = Option<String>)]
    pub(crate) return_on_promotion: Option<Ratio>,
    /// Why nothing is said; null when something is.
    pub(crate) reason: Option<NoEffect>,
}

/// What a whole version changed: each member counts once, whichever of its steps she triggered.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct VersionEffect {
    /// The version.
    pub(crate) version: u32,
    /// What it changed.
    pub(crate) effect: Effect,
}

/// What rewards of chains changed from one business to another: the steps of which it can be told, together.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct WayEffect {
    /// Steps of versions of chains with both groups large enough.
    pub(crate) steps: u64,
    /// Their incremental revenue; null without such a step.
    #[schema(value_type = Option<String>)]
    pub(crate) incremental_revenue: Option<Roubles>,
    /// What the rewards of these steps cost; null without such a step.
    #[schema(value_type = Option<String>)]
    pub(crate) cost: Option<Roubles>,
    /// incremental revenue ÷ cost, with four decimals; null without cost.
    #[schema(value_type = Option<String>)]
    pub(crate) return_on_promotion: Option<Ratio>,
}
