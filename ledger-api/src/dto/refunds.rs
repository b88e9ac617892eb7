//! Money given back. Rules F, D4.
//!
//! The reason is read and dropped: free text has no place on the log.

use ledger_core::money::{Bonuses, Roubles};
use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::values::{Amount, moment};
use crate::json::{self, Fields};
use crate::natural_key::DEFAULT_SOURCE;

/// Give back money for a purchase named by its id.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct RefundPurchase {
    /// The partner's own number of the refund.
    #[schema(max_length = 128, min_length = 1)]
    external_id: String,
    /// How much.
    amount: Amount,
    /// Why; not stored.
    #[schema(max_length = 1000, min_length = 1)]
    reason: String,
    /// Only from an admin, who must: id or slug.
    #[schema(max_length = 64, nullable = false)]
    business_id: Option<String>,
}

/// Give back money for a purchase named by the partner's own number.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct RefundByNumber {
    /// Which of the partner's systems numbered both; `api` when absent.
    #[schema(max_length = 32, min_length = 1, nullable = false)]
    source_system: Option<String>,
    /// The partner's own number of the purchase.
    #[schema(max_length = 128, min_length = 1)]
    purchase_external_id: String,
    /// The partner's own number of the refund.
    #[schema(max_length = 128, min_length = 1)]
    external_id: String,
    /// How much.
    amount: Amount,
    /// Why; not stored.
    #[schema(max_length = 1000, min_length = 1)]
    reason: String,
    /// When; now when absent.
    #[schema(schema_with = moment, required = false)]
    occurred_at: String,
    /// Only from an admin, who must: id or slug.
    #[schema(max_length = 64, nullable = false)]
    business_id: Option<String>,
}

/// A refund as reported.
pub(crate) struct Refund {
    /// The partner's own number.
    pub(crate) external_id: String,
    /// Which of the partner's systems.
    pub(crate) source_system: String,
    /// The partner's number of the purchase, when that is how it is named.
    pub(crate) purchase_external_id: Option<String>,
    /// How much.
    pub(crate) amount: Roubles,
    /// When, if the partner said.
    pub(crate) occurred_at: Option<Timestamp>,
}

impl Refund {
    /// Reads a refund of a purchase that the address names.
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let external_id = fields.required("external_id", json::text(128));
        let amount = fields.required("amount", json::money);
        let reason = fields.required("reason", json::text(1_000));
        reason?;
        Some(Self {
            external_id: external_id?,
            source_system: DEFAULT_SOURCE.to_owned(),
            purchase_external_id: None,
            amount: amount?,
            occurred_at: None,
        })
    }

    /// Reads a refund of a purchase that it names by the partner's own number.
    pub(crate) fn read_by_number(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let source_system = fields.optional("source_system", json::text(32));
        let purchase_external_id = fields.required("purchase_external_id", json::text(128));
        let occurred_at = fields.optional("occurred_at", json::moment);
        let plain = Self::read(fields)?;
        Some(Self {
            source_system: source_system.unwrap_or(plain.source_system),
            purchase_external_id: Some(purchase_external_id?),
            occurred_at,
            ..plain
        })
    }
}

/// What a refund came to.
#[derive(Serialize, ToSchema)]
pub(crate) struct RefundAnswer {
    /// The refund.
    pub(crate) refund_id: Uuid,
    /// What was taken back of what the purchase had earned, with what became debt.
    #[schema(value_type = String)]
    pub(crate) bonuses_taken_back: Bonuses,
    /// What came back of the bonuses it was paid with.
    #[schema(value_type = String)]
    pub(crate) bonuses_returned: Bonuses,
    /// What the member owes after it.
    #[schema(value_type = String)]
    pub(crate) debt: Bonuses,
    /// Present and true when the same refund came before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}
