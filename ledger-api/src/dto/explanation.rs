//! Why a line of a member's history is what it is. Rule P5.

use ledger_core::money::{Bonuses, Roubles};
use ledger_core::rate::{Multiplier, NewCategoryMultiplier, Rate};
use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::HistoryLine;

/// What led to a line, from what was recorded with the decision.
#[derive(Serialize, ToSchema)]
pub(crate) struct Explanation {
    /// The line, as the history shows it.
    #[serde(flatten)]
    pub(crate) line: HistoryLine,
    /// When the log took it.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) recorded_at: Timestamp,
    /// Its place on the log.
    pub(crate) position: i64,
    /// The policy that decided.
    pub(crate) policy_version: u32,
    /// The revision of the rule code.
    pub(crate) rules_revision: u32,
    /// How it came about, in words, step by step.
    pub(crate) steps: Vec<String>,
    /// The inputs of an accrual; null for other lines.
    pub(crate) calculation: Option<Calculation>,
    /// What it moved of which lots, in the order of the log.
    pub(crate) lots: Vec<MovedLot>,
}

/// Every input of an accrual, and its result. Rules B1–B5.
#[derive(Serialize, ToSchema)]
pub(crate) struct Calculation {
    /// The bill less bonuses redeemed less coupon discount.
    #[schema(value_type = String)]
    pub(crate) base: Roubles,
    /// Her status at the moment before the purchase.
    #[schema(value_type = String)]
    pub(crate) status: &'static str,
    /// Which rate paid: status or premium.
    #[schema(value_type = String)]
    pub(crate) rate_rule: &'static str,
    /// The rate that paid.
    #[schema(value_type = String)]
    pub(crate) rate: Rate,
    /// The rate of her status alone.
    #[schema(value_type = String)]
    pub(crate) status_rate: Rate,
    /// For a new category; 1 when it was not new.
    #[schema(value_type = String)]
    pub(crate) new_category: NewCategoryMultiplier,
    /// The business's.
    #[schema(value_type = String)]
    pub(crate) business_multiplier: Multiplier,
    /// When the policy was looked up: `occurred_at` or `recorded_at`. Rule P1.
    #[schema(value_type = String)]
    pub(crate) policy_moment: &'static str,
    /// The product, before it was rounded.
    pub(crate) exact: String,
    /// Rounded once to kopecks, half away from zero. Rule B4.
    #[schema(value_type = String)]
    pub(crate) accrual: Bonuses,
    /// What a revision of the document found accrued already: the line is the rest. Rule D3.
    #[schema(value_type = Option<String>)]
    pub(crate) accrued_before: Option<Bonuses>,
}

/// What was moved of a lot.
#[derive(Serialize, ToSchema)]
pub(crate) struct MovedLot {
    /// The lot.
    pub(crate) lot_id: Uuid,
    /// Who pays for it: business or coalition.
    #[schema(value_type = String)]
    pub(crate) funded_by: &'static str,
    /// How much of it.
    #[schema(value_type = String)]
    pub(crate) amount: Bonuses,
    /// From when it is spendable; null where the line's fact does not say it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) available_from: Option<Timestamp>,
    /// Its last moment; null where the line's fact does not say it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) expires_at: Option<Timestamp>,
}
