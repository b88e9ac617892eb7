//! What she bought. Rules D, T.

use serde::{Deserialize, Serialize};

use crate::category::{Category, Confidentiality};
use crate::ids::{BusinessId, NaturalKey, PurchaseId, QuarantineId, Slug};
use crate::money::Roubles;

/// How a purchase came to the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the HTTP contract")]
pub enum PurchaseSource {
    Manual,
    Api,
    Qr,
    Csv,
    Crm,
    Import,
}

/// She bought something at a business. Rules D1, T1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PurchaseRecorded {
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// Where.
    pub business_id: BusinessId,
    /// The business's short name, as accounts are named by it.
    pub business: Slug,
    /// The business's registered category. Rule S7.
    pub category: Category,
    /// Whether the visit is a medical secret. Rule S7.
    pub confidentiality: Confidentiality,
    /// The keyed natural key of the document. Rule D1.
    pub natural_key: NaturalKey,
    /// The revision of the document that was taken. Rule D2.
    pub revision: u32,
    /// The bill, before bonuses and coupons.
    pub amount: Roubles,
    /// How it came in.
    pub source: PurchaseSource,
}

/// Why a document waits for an admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum QuarantineReason {
    /// Older than a partner may report on its own. Rule T3.
    TooOld,
}

/// A purchase that an admin must apply or drop. Rule T3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PurchaseQuarantined {
    /// What the admin names it by.
    pub quarantine_id: QuarantineId,
    /// Why it waits.
    pub reason: QuarantineReason,
    /// The document as it would have been recorded.
    pub purchase: PurchaseRecorded,
}
