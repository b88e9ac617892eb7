//! Facts about one partner business.

use serde::{Deserialize, Serialize};

use crate::category::{Category, Confidentiality};
use crate::ids::{BusinessId, OfferId, PurchaseId, RefundId, Slug};
use crate::money::Roubles;
use crate::rate::{Multiplier, Rate};
use crate::time::Timestamp;

/// A fact on a business's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is documented on the struct it holds")]
pub enum BusinessEvent {
    BusinessRegistered(BusinessRegistered),
    BusinessRenamed(BusinessRenamed),
    BusinessTermsChanged(BusinessTermsChanged),
    BusinessMultiplierSet(BusinessMultiplierSet),
    BusinessMultiplierEnded(BusinessMultiplierEnded),
    RefundWaiting(RefundWaiting),
    WaitingRefundsClosed(WaitingRefundsClosed),
}

impl BusinessEvent {
    /// The business the fact is about: its stream.
    #[must_use]
    pub const fn business_id(&self) -> BusinessId {
        match self {
            Self::BusinessRegistered(fact) => fact.business_id,
            Self::BusinessRenamed(fact) => fact.business_id,
            Self::BusinessTermsChanged(fact) => fact.business_id,
            Self::BusinessMultiplierSet(fact) => fact.business_id,
            Self::RefundWaiting(fact) => fact.business_id,
            Self::BusinessMultiplierEnded(fact) => fact.business_id,
            Self::WaitingRefundsClosed(fact) => fact.business_id,
        }
    }
}

/// A business's own terms; what is absent is the policy's. Rules B3, B5, R2, D5.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Its multiplier outside of special periods; 1 when absent. Rule B3.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cashback_multiplier: Option<Multiplier>,
    /// Days until a lot earned here is available. Rule B5.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hold_days: Option<u32>,
    /// The largest share of a bill paid in bonuses. Rule R2.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_redeem_share: Option<Rate>,
    /// The systems that report its purchases, the primary one first. Rule D5.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub purchase_sources: Vec<String>,
}

/// A business joined the coalition. Its slug, category and confidentiality never change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BusinessRegistered {
    /// The business.
    pub business_id: BusinessId,
    /// Its short name.
    pub slug: Slug,
    /// Its name as members see it.
    pub name: String,
    /// What it does.
    pub category: Category,
    /// Whether a visit is a medical secret.
    pub confidentiality: Confidentiality,
    /// Its terms from the beginning of time.
    pub terms: Terms,
}

/// Its name as members see it changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BusinessRenamed {
    /// The business.
    pub business_id: BusinessId,
    /// The new name.
    pub name: String,
}

/// Its terms changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BusinessTermsChanged {
    /// The business.
    pub business_id: BusinessId,
    /// From when; never in the past (as Rule P2).
    pub effective_from: Timestamp,
    /// All its terms from then on.
    pub terms: Terms,
}

/// Its multiplier for a period. Rule B3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BusinessMultiplierSet {
    /// The business.
    pub business_id: BusinessId,
    /// The first moment of the period.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
    /// The multiplier.
    pub value: Multiplier,
    /// The offer that promises it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub offer_id: Option<OfferId>,
}

/// The period of an offer that promised a multiplier is over before its time. Rule B3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BusinessMultiplierEnded {
    /// The business.
    pub business_id: BusinessId,
    /// The offer.
    pub offer_id: OfferId,
    /// The first moment after the period.
    pub at: Timestamp,
}

/// It reported a refund of a purchase that nobody has reported yet. Rule D4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RefundWaiting {
    /// The business.
    pub business_id: BusinessId,
    /// The purchase, when it comes.
    pub purchase_id: PurchaseId,
    /// The refund.
    pub refund_id: RefundId,
    /// How much is given back.
    pub amount: Roubles,
    /// When it was given back. Rule T1.
    pub occurred_at: Timestamp,
    /// When the log took it.
    pub reported_at: Timestamp,
    /// The last moment at which it takes effect.
    pub waits_until: Timestamp,
}

/// The purchase came that refunds waited for: none of them waits for it any more. Rule D4. What each came to is on the
/// member's stream, in the same append.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WaitingRefundsClosed {
    /// The business.
    pub business_id: BusinessId,
    /// The purchase.
    pub purchase_id: PurchaseId,
}
