//! Money given back, and what it takes of the bonuses. Rules F.

use serde::{Deserialize, Serialize};

use super::bonus::ExpiredTo;
use super::{HeldPart, Holding, LotPart};
use crate::category::{Category, Confidentiality};
use crate::ids::{BusinessId, LotId, PurchaseId, RefundId, Slug};
use crate::member::lot::{Funder, Lot};
use crate::money::{Bonuses, Roubles};
use crate::time::Timestamp;

/// A business gave back a part of a bill, or all of it. Rule F1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PurchaseRefunded {
    /// The refund.
    pub refund_id: RefundId,
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
    /// The bill.
    pub bill: Roubles,
    /// What was given back before.
    pub refunded_before: Roubles,
    /// What is given back now.
    pub amount: Roubles,
}

impl PurchaseRefunded {
    /// What is given back in all; `None` when it does not fit.
    #[must_use]
    pub fn refunded(&self) -> Option<Roubles> {
        self.refunded_before.checked_add(self.amount)
    }
}

/// Bonuses that paid for a refunded purchase came back. Rule F4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BonusReturned {
    /// The refund.
    pub refund_id: RefundId,
    /// The purchase they had paid.
    pub purchase_id: PurchaseId,
    /// Where it was.
    pub business_id: BusinessId,
    /// That business's short name.
    pub business: Slug,
    /// Whether the visit is a medical secret.
    pub confidentiality: Confidentiality,
    /// How much came back in all.
    pub amount: Bonuses,
    /// To lots that are alive, in the reverse order of spending.
    pub parts: Vec<HeldPart>,
    /// What had been of lots past their life: it ended with them.
    pub past_life: Vec<LotPart>,
    /// Who gets the face value of those.
    pub expired_to: ExpiredTo,
    /// The coalition's lot in their stead, with a life of its own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instead: Option<Lot>,
}

/// What was taken of a purchase's own lot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OwnPart {
    /// What of the lot.
    pub part: LotPart,
    /// Where it was.
    pub holding: Holding,
}

/// What of a purchase's own lot had expired before, and counts as taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ExpiredPart {
    /// The lot.
    pub lot_id: LotId,
    /// How much of it.
    pub amount: Bonuses,
}

/// What was taken of another lot for a funder whose own could not give it. Rule M2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OtherPart {
    /// For whom.
    pub creditor: Funder,
    /// What of which lot.
    pub part: LotPart,
}

/// What a refunded purchase had earned was taken back. Rule F2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BonusTakenBack {
    /// The refund.
    pub refund_id: RefundId,
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// Where it was.
    pub business_id: BusinessId,
    /// Whether the visit is a medical secret.
    pub confidentiality: Confidentiality,
    /// What the purchase had earned in all.
    pub accrual: Bonuses,
    /// What this refund takes back in all: of own lots, expired before, of other lots, or as a debt.
    pub amount: Bonuses,
    /// What of that is a cross bonus's, and with that a medical secret though the visit is none. Rules F7, S7.
    #[serde(skip_serializing_if = "Bonuses::is_zero", default)]
    pub of_secret: Bonuses,
    /// Of the purchase's own lots.
    pub own: Vec<OwnPart>,
    /// Of those, what had expired before.
    pub expired: Vec<ExpiredPart>,
    /// Of other lots, in the order of spending (Rule B7).
    pub others: Vec<OtherPart>,
}

/// What nobody's lot could give is owed. Rules F2, F3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DebtIncurred {
    /// The refund.
    pub refund_id: RefundId,
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// Where it was.
    pub business_id: BusinessId,
    /// Whether the visit is a medical secret.
    pub confidentiality: Confidentiality,
    /// The purchase's own lot that could not give it: what the debt is named by.
    pub lot_id: LotId,
    /// To whom.
    pub creditor: Funder,
    /// How much.
    pub amount: Bonuses,
}

/// What became available paid a debt, the oldest first. Rule F3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DebtRepaid {
    /// The refund that led to the debt.
    pub refund_id: RefundId,
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// Where it was.
    pub business_id: BusinessId,
    /// Whether the visit is a medical secret.
    pub confidentiality: Confidentiality,
    /// The lot the debt is named by.
    pub lot_id: LotId,
    /// To whom.
    pub creditor: Funder,
    /// How much.
    pub amount: Bonuses,
    /// Out of which lots, in the order of spending (Rule B7).
    pub parts: Vec<LotPart>,
}

/// A refund that had waited for its purchase was more than the purchase: it was dropped. Rules D4, F1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WaitingRefundDropped {
    /// The refund.
    pub refund_id: RefundId,
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// What it asked for.
    pub amount: Roubles,
    /// What was left of the purchase.
    pub left: Roubles,
}
