//! What she bought. Rules D, T.

use serde::{Deserialize, Serialize};

use crate::category::{Category, Confidentiality};
use crate::ids::{BusinessId, NaturalKey, PurchaseId, QuarantineId, Slug, SourceKey};
use crate::member::event::{AccrualInputs, LotLife};
use crate::money::{Bonuses, Roubles};
use crate::time::Timestamp;

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
    /// Which of the business's systems sent it; none for the one that has no name of its own (`api`). Rule D5.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source_system: Option<SourceKey>,
}

/// Why a document waits for an admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum QuarantineReason {
    /// Older than a partner may report on its own. Rule T3.
    TooOld,
    /// Perhaps another system's report of a sale that is known. Rule D5.
    SuspectedDuplicate,
}

impl QuarantineReason {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::TooOld, Self::SuspectedDuplicate];
}

/// A purchase that an admin must apply or drop. Rules T3, D5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PurchaseQuarantined {
    /// What the admin names it by.
    pub quarantine_id: QuarantineId,
    /// Why it waits.
    pub reason: QuarantineReason,
    /// The sale that it may be a report of. Rule D5.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resembles: Option<PurchaseId>,
    /// The document as it would have been recorded.
    pub purchase: PurchaseRecorded,
}

/// An admin took a document out of quarantine: it is recorded. Rule T3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct QuarantineApplied {
    /// What waited.
    pub quarantine_id: QuarantineId,
    /// The purchase that it became.
    pub purchase_id: PurchaseId,
}

/// An admin dropped a document that waited, or a newer revision took its place: it is never recorded. Rules T3, D3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct QuarantineDropped {
    /// What waited.
    pub quarantine_id: QuarantineId,
    /// The purchase that it would have become.
    pub purchase_id: PurchaseId,
}

/// A newer revision of a purchase's document: another amount, cancelled, or restored. Rule D3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PurchaseAmended {
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// Where it was.
    pub business_id: BusinessId,
    /// The category it counts for.
    pub category: Category,
    /// Whether the visit is a medical secret.
    pub confidentiality: Confidentiality,
    /// When it was: bills count by that moment (Rule S1).
    pub bought_at: Timestamp,
    /// The revision of the document that was taken. Rule D2.
    pub revision: u32,
    /// Whether it says that the purchase is void.
    pub cancelled: bool,
    /// The bill before this revision.
    pub bill_before: Roubles,
    /// The bill now; nothing when it is cancelled.
    pub bill: Roubles,
    /// What refunds gave back of it.
    pub refunded: Roubles,
    /// What of the bill is paid in bonuses now; less than before when the bill is.
    pub redeemed: Bonuses,
    /// The original's inputs with the base of now. Rule P5.
    pub inputs: AccrualInputs,
    /// What the purchase had accrued before this revision.
    pub accrual_before: Bonuses,
    /// What it accrues now, before refunds: Rule B4 of the inputs.
    pub accrual: Bonuses,
    /// What of that is the business's. Rule B5.
    pub of_business: Bonuses,
    /// Whether the revision names another member, who takes it over: then nothing is left of it here.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub handed_over: bool,
}

/// A newer revision of a purchase's document named her instead of the member from whom everything was taken back. Rule D3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PurchaseTakenOver {
    /// The document as it is now; its bill is nothing when it is cancelled.
    pub purchase: PurchaseRecorded,
    /// What refunds gave back of it before.
    pub refunded: Roubles,
    /// Her inputs under the original's policy and multiplier. Rule P5.
    pub inputs: AccrualInputs,
    /// What it accrues, before refunds: Rule B4 of the inputs.
    pub accrual: Bonuses,
    /// What of that is the business's. Rule B5.
    pub of_business: Bonuses,
    /// When lots of it are spendable, of a later revision too (Rule D3).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub life: Option<LotLife>,
}

impl PurchaseTakenOver {
    /// What counts as spent: the bill net of refunds. Rule F6.
    #[must_use]
    pub fn counted(&self) -> Roubles {
        self.purchase.amount.checked_sub(self.refunded).unwrap_or_default().max(Roubles::ZERO)
    }
}

impl PurchaseAmended {
    /// What counts as spent, before and after: the bill net of refunds. Rule F6.
    #[must_use]
    pub fn counted(&self) -> (Roubles, Roubles) {
        let net = |bill: Roubles| bill.checked_sub(self.refunded).unwrap_or_default().max(Roubles::ZERO);
        (net(self.bill_before), net(self.bill))
    }
}
