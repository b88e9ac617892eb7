//! What is told one by one, in her own copy: lots, statuses, Premium, money given back, chains, changes of her phone.

use ledger_core::money::{Bonuses, Roubles};
use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What is told one by one.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct ReportedDetails {
    /// Bonuses as they were given, with what is left of each lot, the oldest first; none in an admin's copy.
    pub(crate) lots: Vec<ReportedLot>,
    /// Changes of her status, the oldest first; none in an admin's copy.
    pub(crate) statuses: Vec<ReportedStatusChange>,
    /// What was paid for Premium, as far as it was not cancelled.
    pub(crate) premium_periods: Vec<ReportedPeriod>,
    /// Money that businesses gave back, the oldest first; none in an admin's copy.
    pub(crate) refunds: Vec<ReportedRefund>,
    /// Steps of chains that her purchases triggered, the oldest first; none in an admin's copy.
    pub(crate) chain_triggers: Vec<ReportedTrigger>,
    /// Changes of her phone.
    pub(crate) phone_changes: Vec<ReportedPhoneChange>,
}

/// Bonuses that were given at once, by one funder. Rule B5.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedLot {
    /// When what gave them happened.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// `purchase`, `coupon`, `cross_bonus`, `gift`, `referral` or `adjustment`.
    pub(crate) origin: &'static str,
    /// Where they were earned; null for what the coalition gave.
    pub(crate) business: Option<String>,
    /// How many; of a lot that came with another account, how many came.
    #[schema(value_type = String)]
    pub(crate) amount: Bonuses,
    /// What of them she still has, reserved ones among it.
    #[schema(value_type = String)]
    pub(crate) left: Bonuses,
    /// From when they can be spent.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) available_from: Timestamp,
    /// The last moment at which they can.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
}

/// Her status changed. Rules S3, S7.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedStatusChange {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// Which of her two: `ordinary` without clinics, `with_medical`, or `both`.
    pub(crate) track: &'static str,
    /// Before.
    pub(crate) from: &'static str,
    /// After.
    pub(crate) to: &'static str,
    /// Why.
    pub(crate) reason: &'static str,
}

/// A period of Premium. Rule S4.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedPeriod {
    /// Its first moment.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) from: Timestamp,
    /// The first moment after it.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) to: Timestamp,
}

/// Money given back for a purchase. Rule F1.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedRefund {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// By whom.
    pub(crate) business: Option<String>,
    /// For which purchase.
    pub(crate) transaction_id: Uuid,
    /// The bill as it was.
    #[schema(value_type = String)]
    pub(crate) bill: Roubles,
    /// How much of it came back.
    #[schema(value_type = String)]
    pub(crate) amount: Roubles,
}

/// A purchase triggered a step of a chain. Rules X3, X4.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedTrigger {
    /// When she bought.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// The chain.
    pub(crate) chain_id: Uuid,
    /// Where she bought.
    pub(crate) from: Option<String>,
    /// Where the step leads.
    pub(crate) to: Option<String>,
    /// The last moment at which a purchase there follows from it.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) until: Timestamp,
    /// What it brought: `coupon`, `cross_bonus` (with the purchase that follows), `held_out` or `nothing`.
    pub(crate) brings: &'static str,
    /// When a purchase followed, if one did.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) followed_at: Option<Timestamp>,
}

/// Another phone; the numbers are not told.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportedPhoneChange {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
}
