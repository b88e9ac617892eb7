//! Facts about one offer.

use serde::{Deserialize, Serialize};

use super::definition::Definition;
use crate::ids::{CouponId, OfferId, ReasonId};
use crate::money::Roubles;
use crate::time::Timestamp;

/// A fact on an offer's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is documented on the struct it holds")]
pub enum OfferEvent {
    OfferDrafted(OfferDrafted),
    OfferSubmitted(OfferSubmitted),
    OfferApproved(OfferApproved),
    OfferRejected(OfferRejected),
    OfferCommented(OfferCommented),
    OfferPublished(OfferPublished),
    OfferEnded(OfferEnded),
    OfferCouponIssued(OfferCouponIssued),
}

impl OfferEvent {
    /// The offer.
    #[must_use]
    pub const fn offer_id(&self) -> OfferId {
        match self {
            Self::OfferDrafted(fact) => fact.offer_id,
            Self::OfferSubmitted(fact) => fact.offer_id,
            Self::OfferApproved(fact) => fact.offer_id,
            Self::OfferRejected(fact) => fact.offer_id,
            Self::OfferCommented(fact) => fact.offer_id,
            Self::OfferPublished(fact) => fact.offer_id,
            Self::OfferEnded(fact) => fact.offer_id,
            Self::OfferCouponIssued(fact) => fact.offer_id,
        }
    }
}

macro_rules! facts {
    ($($(#[$doc:meta])* $name:ident { $($fields:tt)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The offer.
            pub offer_id: OfferId,
            /// Which version of it.
            pub version: u32,
            $($fields)*
        }
    )*};
}

facts! {
    /// Somebody drew up an offer, as its version 1, or changed it, as the next one: a draft.
    OfferDrafted {
        /// What it is, all of it.
        pub definition: Box<Definition>,
    }
    /// It waits for an admin's word.
    OfferSubmitted {}
    /// An admin approved it.
    OfferApproved {}
    /// An admin rejected it.
    OfferRejected {
        /// Why, in the vault.
        pub reason_id: ReasonId,
    }
    /// Somebody said something about it.
    OfferCommented {
        /// What, in the vault.
        pub comment_id: ReasonId,
    }
    /// From now on, in its dates, it gives what it promises; a multiplier is a fact on the business's stream, beside this one.
    OfferPublished {
        /// From when.
        pub at: Timestamp,
    }
    /// It is over, whatever it was before. Coupons that it gave live on.
    OfferEnded {
        /// From when.
        pub at: Timestamp,
    }
    /// It gave a coupon to a member of its audience, on whose stream that is. The newest of these facts says all that the ones
    /// before it came to, so that nobody has to read a million of them.
    OfferCouponIssued {
        /// The coupon.
        pub coupon_id: CouponId,
        /// What of the budget it takes.
        pub cost: Roubles,
        /// How many coupons the offer has given with this one.
        pub issued: u32,
        /// What all of them take of the budget.
        pub committed: Roubles,
    }
}
