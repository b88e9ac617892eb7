//! What became of purchase documents.

use ledger_core::money::{Bonuses, Roubles};
use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What a recorded purchase led to.
#[derive(Serialize, ToSchema)]
pub(crate) struct PurchaseAnswer {
    /// The purchase.
    pub(crate) transaction_id: Uuid,
    /// Whose.
    pub(crate) member_id: Uuid,
    /// What it earned in all.
    #[schema(value_type = String)]
    pub(crate) bonuses_earned: Bonuses,
    /// From when that is spendable.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) bonuses_available_from: Timestamp,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) bonuses_expire_at: Timestamp,
    /// Paid in bonuses.
    #[schema(value_type = String)]
    pub(crate) bonuses_redeemed: Bonuses,
    /// The coupon that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) coupon_id: Option<Uuid>,
    /// Taken off by a coupon.
    #[schema(value_type = String)]
    pub(crate) coupon_discount: Roubles,
    /// Her status after it.
    #[schema(value_type = String)]
    pub(crate) status: &'static str,
    /// Where on the log.
    pub(crate) position: Option<i64>,
    /// Present and true when the same document was recorded before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
    /// Present and true when this is a newer revision of a recorded purchase. Rule D3.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) amended: bool,
}

impl PurchaseAnswer {
    /// In a batch: created, replayed or amended.
    pub(crate) const fn outcome(&self) -> &'static str {
        match (self.replayed, self.amended) {
            (true, _) => "replayed",
            (false, true) => "amended",
            (false, false) => "created",
        }
    }
}

/// What became of a document that was not recorded.
#[derive(Serialize, ToSchema)]
pub(crate) struct OutcomeAnswer {
    /// unmatched, quarantined, before_membership or stale.
    #[schema(value_type = String)]
    pub(crate) outcome: &'static str,
    /// What the admin names it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quarantine_id: Option<Uuid>,
    /// Present and true when the same document came before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// What became of each document, in order.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchAnswer {
    /// As many as were sent.
    pub(crate) outcomes: Vec<ItemOutcome>,
}

/// What became of one document.
#[derive(Serialize, ToSchema)]
pub(crate) struct ItemOutcome {
    /// The partner's own number, when it could be read.
    pub(crate) external_id: Option<String>,
    /// created, replayed, amended, stale, unmatched, quarantined, before_membership or refused.
    #[schema(value_type = String)]
    pub(crate) outcome: &'static str,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) code: Option<&'static str>,
    /// The facts of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) details: Option<serde_json::Value>,
    /// The purchase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transaction_id: Option<Uuid>,
    /// Where on the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<i64>,
}

/// What became of one line of an import.
#[derive(Serialize, ToSchema)]
pub(crate) struct ImportOutcome {
    /// The line's number, from 1.
    pub(crate) line: u64,
    /// What became of it.
    #[serde(flatten)]
    pub(crate) outcome: ItemOutcome,
}

/// Recorded purchases.
#[derive(Serialize, ToSchema)]
pub(crate) struct Purchases {
    /// Newest first.
    pub(crate) items: Vec<Purchase>,
    /// For the next page.
    pub(crate) next_cursor: Option<String>,
}

/// A recorded purchase as its business sees it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Purchase {
    /// The purchase.
    pub(crate) transaction_id: Uuid,
    /// Where.
    pub(crate) business_id: Uuid,
    /// Whose.
    pub(crate) member_id: Uuid,
    /// The bill.
    #[schema(value_type = String)]
    pub(crate) amount: Roubles,
    /// What it earned.
    #[schema(value_type = String)]
    pub(crate) bonuses_earned: Bonuses,
    /// From when that is spendable.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) bonuses_available_from: Option<Timestamp>,
    /// Until when.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) bonuses_expire_at: Option<Timestamp>,
    /// How it came.
    pub(crate) source: String,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) occurred_at: Timestamp,
    /// When the log took it.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) recorded_at: Timestamp,
    /// Where on the log.
    pub(crate) position: i64,
}
