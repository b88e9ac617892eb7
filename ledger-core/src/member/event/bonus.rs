//! Bonuses earned, matured and expired. Rules B.

use serde::{Deserialize, Serialize};

use crate::category::Confidentiality;
use crate::ids::{BusinessId, LotId, PurchaseId};
use crate::member::lot::{Funder, Lot, LotOrigin};
use crate::member::status::Status;
use crate::money::{Bonuses, Roubles};
use crate::rate::{Multiplier, NewCategoryMultiplier, Rate};
use crate::time::Timestamp;

/// Which rate paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RateRule {
    /// The rate of her status. Rule B1.
    Status,
    /// The rate of an active Premium subscription. Rules B1, S4.
    Premium,
}

/// At which moment a policy was looked up. Rule P1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PolicyMoment {
    /// When the business fact happened: recorded soon enough, or an import (Rule T6).
    OccurredAt,
    /// When the log took it.
    RecordedAt,
}

impl PolicyMoment {
    /// The moment as of which chains look at a purchase. Of the tolerated future (Rule T3) it is that of its recording: a
    /// chain that is activated or paused afterwards would make what a purchase triggers a matter of when it is looked at.
    /// Rules P1, X3.
    #[must_use]
    pub fn of_chains(self, occurred_at: Timestamp, recorded_at: Timestamp) -> Timestamp {
        match self {
            Self::OccurredAt => occurred_at.min(recorded_at),
            Self::RecordedAt => recorded_at,
        }
    }
}

/// Every input of one accrual, and its result. Rules B1–B5, P5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AccrualInputs {
    /// Amount less bonuses redeemed less coupon discount.
    pub base: Roubles,
    /// Her status at the moment before this purchase, as shown (Rule S7).
    pub status: Status,
    /// Which rate paid.
    pub rate_rule: RateRule,
    /// The rate that paid.
    pub rate: Rate,
    /// The rate of her status alone: what the business funds. Rule B5.
    pub status_rate: Rate,
    /// The new-category multiplier applied; 1 when the category was not new. Rule B2.
    pub new_category: NewCategoryMultiplier,
    /// The business multiplier in force. Rule B3.
    pub business_multiplier: Multiplier,
    /// The policy.
    pub policy_version: u32,
    /// At which moment it was looked up. Rule P1.
    pub policy_moment: PolicyMoment,
    /// The revision of the rule code. Rule P5.
    pub rules_revision: u32,
}

/// Bonuses for a purchase: one lot per funder. Rules B4, B5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BonusAccrued {
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// Where it was.
    pub business_id: BusinessId,
    /// Whether the visit is a medical secret: then the movement is one too.
    pub confidentiality: Confidentiality,
    /// What decided the amount.
    pub inputs: AccrualInputs,
    /// The revision of the document that adds these bonuses (Rule D3): they are what it accrues more than was accrued
    /// before. None for the purchase itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revision: Option<u32>,
    /// The amount, rounded once. Rule B4.
    pub amount: Bonuses,
    /// The lots, business first; their amounts add up to `amount`. Empty for an amount of nothing.
    pub lots: Vec<Lot>,
    /// Of an amount of nothing: when lots of a revision are spendable (Rule D3). Where there are lots, they say it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub life: Option<LotLife>,
}

/// When a lot is spendable. Rule B5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LotLife {
    /// The first moment.
    pub available_from: Timestamp,
    /// The last one.
    pub expires_at: Timestamp,
}

impl LotLife {
    /// The first moment and the last.
    #[must_use]
    pub const fn moments(self) -> (Timestamp, Timestamp) {
        (self.available_from, self.expires_at)
    }
}

/// A pending lot became available. Rule B5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BonusMatured {
    /// The lot.
    pub lot_id: LotId,
    /// What it came from.
    pub origin: LotOrigin,
    /// Whether the lot was earned, or bonuses of it were ever held or spent, where a visit is a medical secret: then
    /// what moves it is one too (design J6).
    pub confidentiality: Confidentiality,
    /// Who funds it.
    pub funder: Funder,
    /// What of it became available.
    pub amount: Bonuses,
}

/// In which of the member's accounts bonuses were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Holding {
    /// Not yet spendable. Rule B5.
    Pending,
    /// Spendable.
    Available,
}

/// Who gets the face value of an expired lot. Rule B8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExpiredTo {
    /// The lot's funder.
    Funder,
    /// The coalition's breakage.
    Coalition,
}

/// What was left of a lot passed its life. Rule B8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BonusExpired {
    /// The lot.
    pub lot_id: LotId,
    /// What it came from.
    pub origin: LotOrigin,
    /// Whether the lot was earned, or bonuses of it were ever held or spent, where a visit is a medical secret: then
    /// what moves it is one too (design J6).
    pub confidentiality: Confidentiality,
    /// Who funded it.
    pub funder: Funder,
    /// What was left.
    pub amount: Bonuses,
    /// Where it was.
    pub holding: Holding,
    /// Who gets its face value.
    pub expired_to: ExpiredTo,
}
