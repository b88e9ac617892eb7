//! A member's coupons: what the log says became of each, and what `directory` holds. Rules C.

use std::collections::BTreeMap;

use ledger_core::member::event::MemberEvent;
use sqlx::FromRow;
use uuid::Uuid;

/// What is held of some members.
pub(super) const COUPONS: &str = "SELECT member_id, coupon_id, state, discount_kopecks, bonuses_kopecks \
     FROM directory.coupons WHERE member_id = ANY($1)";

/// A coupon in `directory`.
#[derive(Debug, Clone, FromRow)]
pub(super) struct CouponRow {
    pub(super) member_id: Uuid,
    pub(super) coupon_id: Uuid,
    state: String,
    discount_kopecks: i64,
    bonuses_kopecks: i64,
}

/// What became of a coupon: its state, the discount net of refunds, the bonuses it gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Became {
    state: String,
    discount: i64,
    bonuses: i64,
}

impl From<CouponRow> for Became {
    fn from(row: CouponRow) -> Self {
        Self { state: row.state, discount: row.discount_kopecks, bonuses: row.bonuses_kopecks }
    }
}

/// A member's coupons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Coupons(pub(super) BTreeMap<Uuid, Became>);

impl Coupons {
    /// One more fact; most are not about a coupon.
    pub(super) fn see(&mut self, fact: &MemberEvent) {
        let (id, state) = match fact {
            MemberEvent::CouponIssued(fact) => (fact.coupon_id, "issued"),
            MemberEvent::CouponActivated(fact) => (fact.coupon_id, "activated"),
            MemberEvent::CouponRedeemed(fact) => (fact.coupon_id, "redeemed"),
            MemberEvent::CouponReckoned(fact) => (fact.coupon_id, "redeemed"),
            MemberEvent::CouponExpired(fact) => (fact.coupon_id, "expired"),
            MemberEvent::CouponRevoked(fact) => (fact.coupon_id, "revoked"),
            _ => return,
        };
        let new = || Became { state: String::new(), discount: 0, bonuses: 0 };
        let coupon = self.0.entry(id.as_uuid()).or_insert_with(new);
        state.clone_into(&mut coupon.state);
        if let MemberEvent::CouponRedeemed(fact) = fact {
            coupon.discount = fact.discount.kopecks();
            coupon.bonuses = fact.lot.as_ref().map_or(0, |lot| lot.amount.kopecks());
        } else if let MemberEvent::CouponReckoned(fact) = fact {
            coupon.discount = fact.discount.kopecks();
        }
    }
}
