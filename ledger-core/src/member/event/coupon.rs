//! Coupons: issued, activated, used with a purchase, ended. Rules C.
//!
//! What a coupon says in words (its description, a gift, why it was revoked) is somebody's own text, which may name a
//! person: it lives in the vault, sealed with the member's key, under an id that follows from the coupon's. The code is
//! here as a keyed hash alone: who reads the log cannot use it.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::category::Confidentiality;
use crate::ids::{BusinessId, CouponId, NaturalKey, OfferId, PurchaseId, ReasonId, RefundId, Slug};
use crate::member::event::FromChain;
use crate::member::lot::{Funder, Lot, LotOrigin};
use crate::member::status::Status;
use crate::money::{Bonuses, Roubles};
use crate::rate::Percent;
use crate::time::Timestamp;

/// What a coupon gives. Rule C1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum CouponBenefit {
    /// So much off the bill.
    DiscountFixed {
        /// How much.
        value: Roubles,
    },
    /// A share of the bill off it.
    DiscountPercent {
        /// The share.
        value: Percent,
        /// At most so much.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        cap: Option<Roubles>,
    },
    /// Bonuses to her account.
    Bonus {
        /// How many.
        value: Bonuses,
    },
    /// Something that its text names; nothing in money.
    Gift {},
}

impl CouponBenefit {
    /// The names of all types on the wire.
    pub const KINDS: [&'static str; 4] = ["discount_fixed", "discount_percent", "bonus", "gift"];

    /// The name of its type on the wire, one of [`Self::KINDS`].
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::DiscountFixed { .. } => "discount_fixed",
            Self::DiscountPercent { .. } => "discount_percent",
            Self::Bonus { .. } => "bonus",
            Self::Gift {} => "gift",
        }
    }

    /// The most that it can cost; `None` for a share of any bill.
    #[must_use]
    pub const fn costs_at_most(&self) -> Option<Roubles> {
        match self {
            Self::DiscountFixed { value } => Some(*value),
            Self::DiscountPercent { cap, .. } => *cap,
            Self::Bonus { value } => Some(value.face_value()),
            Self::Gift {} => Some(Roubles::ZERO),
        }
    }

    /// What comes off `bill`: rounded once, half away from zero, and never more than the bill. Rules C1, C4.
    ///
    /// `None` when it does not fit.
    #[must_use]
    pub fn discount(&self, bill: Roubles) -> Option<Roubles> {
        let discount = match self {
            Self::DiscountFixed { value } => *value,
            Self::DiscountPercent { value, cap } => {
                let exact = bill.to_decimal().checked_mul(value.to_decimal())?;
                let share = Bonuses::rounded(exact.checked_div(Decimal::ONE_HUNDRED)?)?.face_value();
                cap.map_or(share, |cap| share.min(cap))
            }
            Self::Bonus { .. } | Self::Gift {} => Roubles::ZERO,
        };
        Some(discount.min(bill).max(Roubles::ZERO))
    }

    /// What a purchase with this bill gives her: nothing for one that is void.
    #[must_use]
    pub fn bonuses(&self, bill: Roubles) -> Bonuses {
        match self {
            Self::Bonus { value } if bill.is_positive() => *value,
            Self::Bonus { .. }
            | Self::DiscountFixed { .. }
            | Self::DiscountPercent { .. }
            | Self::Gift {} => Bonuses::ZERO,
        }
    }
}

/// With which purchases it can be used. Rule C3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CouponConditions {
    /// The smallest bill.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min_bill: Option<Roubles>,
    /// Only who has no purchase there that was not refunded in full.
    pub new_customers_only: bool,
    /// Only members of these statuses; of any when empty.
    pub statuses: Vec<Status>,
    /// Whether the purchase may be paid in bonuses, too.
    pub with_bonuses: bool,
    /// From when; at once when absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub valid_from: Option<Timestamp>,
}

/// She was given a coupon for a business. Rule C1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CouponIssued {
    /// The coupon.
    pub coupon_id: CouponId,
    /// Where alone it can be used.
    pub business_id: BusinessId,
    /// That business's short name.
    pub business: Slug,
    /// Whether a visit there is a medical secret: then all about the coupon is one too.
    pub confidentiality: Confidentiality,
    /// What it gives.
    pub gives: CouponBenefit,
    /// With which purchases.
    pub conditions: CouponConditions,
    /// The last moment at which it is good.
    pub expires_at: Timestamp,
    /// Who bears it: a business, in general that one, or the coalition. Rule C4.
    pub funded_by: Funder,
    /// The vault's text that describes one given by hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<ReasonId>,
    /// The vault's text that says what a gift given by hand is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gift: Option<ReasonId>,
    /// The step of a chain that gave it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub chain: Option<Box<FromChain>>,
    /// The offer that gave it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub offer: Option<Box<FromOffer>>,
}

/// The offer that gave a coupon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FromOffer {
    /// The offer.
    pub offer_id: OfferId,
    /// Which version of it.
    pub version: u32,
    /// The vault's text that describes the coupon.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<ReasonId>,
    /// The vault's text that says what a gift is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gift: Option<ReasonId>,
}

/// She asked for a code to use it with; a code before it is no longer good. Rule C2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CouponActivated {
    /// The coupon.
    pub coupon_id: CouponId,
    /// Where it can be used.
    pub business_id: BusinessId,
    /// Whether a visit there is a medical secret.
    pub confidentiality: Confidentiality,
    /// The keyed hash of the code.
    pub code: NaturalKey,
    /// The last moment at which the code is good.
    pub valid_until: Timestamp,
}

/// It was used with a purchase. Rules C2–C4, P5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CouponRedeemed {
    /// The coupon.
    pub coupon_id: CouponId,
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// Where.
    pub business_id: BusinessId,
    /// That business's short name.
    pub business: Slug,
    /// Whether the visit is a medical secret.
    pub confidentiality: Confidentiality,
    /// The keyed hash of the code that named it.
    pub code: NaturalKey,
    /// What it gives.
    pub gives: CouponBenefit,
    /// Who bears it.
    pub funded_by: Funder,
    /// The bill.
    pub bill: Roubles,
    /// Her status before the purchase, as shown.
    pub status: Status,
    /// Whether she was a new customer there.
    pub new_customer: bool,
    /// What comes off the bill. Rules B4, C4.
    pub discount: Roubles,
    /// The bonuses it gives.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lot: Option<Lot>,
}

/// A refund or a revision of its purchase changed what a used coupon came to; it stays used. Rules F2, F5, D3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CouponReckoned {
    /// The coupon.
    pub coupon_id: CouponId,
    /// The refund, or what stands for the revision.
    pub refund_id: RefundId,
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// Where it was.
    pub business_id: BusinessId,
    /// That business's short name.
    pub business: Slug,
    /// Whether the visit is a medical secret.
    pub confidentiality: Confidentiality,
    /// Who bears it.
    pub funded_by: Funder,
    /// The discount net of refunds before.
    pub discount_before: Roubles,
    /// The discount net of refunds now.
    pub discount: Roubles,
    /// The bonuses that a revision gives anew; what is taken back is a fact of its own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lot: Option<Lot>,
}

/// Nobody used it in its time. Rule C2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CouponExpired {
    /// The coupon.
    pub coupon_id: CouponId,
    /// Where it could have been used.
    pub business_id: BusinessId,
    /// Whether a visit there is a medical secret.
    pub confidentiality: Confidentiality,
}

/// It was taken away before it was used: by the business or an admin for a reason, or because the purchase that had
/// triggered it was refunded. Rules C2, F5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CouponRevoked {
    /// The coupon.
    pub coupon_id: CouponId,
    /// Where it could have been used.
    pub business_id: BusinessId,
    /// Whether a visit there is a medical secret.
    pub confidentiality: Confidentiality,
    /// Why, in the vault.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason_id: Option<ReasonId>,
    /// The refund.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refund_id: Option<RefundId>,
}

/// The origin of the lots of a fact about a coupon's use.
macro_rules! of_a_coupon {
    ($($fact:ident,)*) => {$(
        impl $fact {
            /// The coupon's use with its purchase, as the origin of lots.
            #[must_use]
            pub const fn origin(&self) -> LotOrigin {
                let Self { purchase_id, business_id, confidentiality, .. } = *self;
                LotOrigin::Coupon { purchase_id, business_id, confidentiality }
            }
        }
    )*};
}

of_a_coupon! { CouponRedeemed, CouponReckoned, }
