//! The fold of coupons: those that can still be used, and the businesses that know her. Rules C2, C3.

use serde::{Deserialize, Serialize};

use super::conversion::OpenTrigger;
use super::event::{CouponActivated, CouponIssued, CouponReckoned, CouponRedeemed};
use super::state::MemberState;
use crate::category::Confidentiality;
use crate::ids::{BusinessId, CouponId, NaturalKey};
use crate::log::Position;
use crate::time::Timestamp;

/// A code that she asked for. Rule C2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Activation {
    /// The keyed hash of the code.
    pub code: NaturalKey,
    /// The last moment at which it is good.
    pub valid_until: Timestamp,
}

/// A coupon that was not used, revoked or written off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OpenCoupon {
    /// What it was issued with.
    pub issued: CouponIssued,
    /// Its newest code, good or lapsed.
    pub activation: Option<Activation>,
}

impl MemberState {
    /// Her coupons that can still be used, but for those whose end is not yet written.
    pub fn open_coupons(&self) -> impl Iterator<Item = &OpenCoupon> {
        self.coupons.values()
    }

    /// Whether she has no purchase at this business that was not refunded in full. Rule C3.
    #[must_use]
    pub fn is_new_customer(&self, business: BusinessId, confidentiality: Confidentiality) -> bool {
        !self.all_books().any(|books| books.knows_business(business, confidentiality))
    }

    pub(super) fn issue(&mut self, fact: &CouponIssued) -> Result<(), &'static str> {
        if let Some(from) = &fact.chain {
            let (of, target) = (from.as_ref().clone(), fact.business_id);
            self.books.trigger(OpenTrigger { from: of, target, held_out: false, promised: false });
            self.books.count_reward(from.chain_id);
        }
        if let Some(from) = &fact.offer {
            self.books.offers.insert(from.offer_id);
        }
        let coupon = OpenCoupon { issued: fact.clone(), activation: None };
        match self.coupons.insert(fact.coupon_id, coupon) {
            None => Ok(()),
            Some(_) => Err("a coupon is issued twice"),
        }
    }

    pub(super) fn activate(&mut self, fact: &CouponActivated) -> Result<(), &'static str> {
        let coupon = self.coupons.get_mut(&fact.coupon_id).ok_or("an unknown coupon is activated")?;
        coupon.activation = Some(Activation { code: fact.code, valid_until: fact.valid_until });
        Ok(())
    }

    pub(super) fn use_coupon(
        &mut self,
        (position, used_at): (Position, Timestamp),
        fact: &CouponRedeemed,
    ) -> Result<(), &'static str> {
        if let Some(from) = self.coupons.get(&fact.coupon_id).and_then(|open| open.issued.chain.as_ref()) {
            let trail = from.trail.clone();
            self.books_of_mut(fact.purchase_id).remember(fact.purchase_id, trail, used_at);
        }
        self.close_coupon(fact.coupon_id)?;
        fact.lot.iter().try_for_each(|lot| self.open(position, fact.origin(), lot.clone()))
    }

    pub(super) fn reckon(&mut self, position: Position, fact: &CouponReckoned) -> Result<(), &'static str> {
        fact.lot.iter().try_for_each(|lot| self.open(position, fact.origin(), lot.clone()))
    }

    pub(super) fn close_coupon(&mut self, id: CouponId) -> Result<(), &'static str> {
        self.coupons.remove(&id).map(drop).ok_or("an unknown coupon ends")
    }
}
