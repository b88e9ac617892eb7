//! What can happen to coupons in random histories.

use chrono::TimeDelta;
use proptest::prelude::*;

use crate::member::event::CouponBenefit;
use crate::member::testing::{Coupon, Decision, World, activate, bonus, buy, coupon, fixed, percent, revoke};
use crate::money::Bonuses;
use crate::time::Timestamp;

use super::steps::{amounts, serial, slugs};

/// A coupon as given.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) slug: &'static str,
    pub(super) kind: u8,
    pub(super) kopecks: i64,
    pub(super) by_coalition: bool,
    pub(super) days: i64,
}

impl Given {
    /// It, under this serial.
    pub(super) fn ask(&self, serial: u8, now: Timestamp) -> Coupon {
        let value = Bonuses::from_kopecks(self.kopecks).to_string();
        let share = (self.kopecks % 100 + 1).to_string();
        let gives = match self.kind {
            0 => fixed(&value),
            1 => percent(&share, None),
            2 => percent(&share, Some(&value)),
            3 => CouponBenefit::Gift {},
            _ => bonus(&value),
        };
        let coupon = coupon(serial, self.slug, gives).until_moment(now.plus(TimeDelta::days(self.days)));
        if self.by_coalition { coupon.by_coalition() } else { coupon }
    }
}

pub(super) fn coupons() -> impl Strategy<Value = Given> {
    (slugs(), 0..6_u8, 1..90_000_i64, any::<bool>(), 1..60_i64).prop_map(
        |(slug, kind, kopecks, by_coalition, days)| Given { slug, kind, kopecks, by_coalition, days },
    )
}

/// One thing that happens to a coupon.
#[derive(Debug, Clone)]
pub(super) enum CouponStep {
    Give(Given),
    Activate { coupon: u8 },
    Use { kopecks: i64 },
    Revoke { coupon: u8 },
}

pub(super) fn coupon_steps() -> impl Strategy<Value = CouponStep> {
    prop_oneof![
        2 => coupons().prop_map(CouponStep::Give),
        2 => (0..6_u8).prop_map(|coupon| CouponStep::Activate { coupon }),
        3 => amounts().prop_map(|kopecks| CouponStep::Use { kopecks }),
        1 => (0..6_u8).prop_map(|coupon| CouponStep::Revoke { coupon }),
    ]
}

impl CouponStep {
    /// Asks for it, if there is something to ask.
    pub(super) fn ask(&self, world: &World) -> Option<Decision> {
        let (serial, now, world) = (serial(world), world.now, world.clone());
        Some(match self {
            Self::Give(given) => world.when(given.ask(serial, now)),
            Self::Activate { coupon } => world.when(activate(*coupon, serial)),
            // With some code, and whatever is held.
            Self::Use { kopecks } => {
                let ready = world.state.open_coupons().find_map(|coupon| {
                    let activation = coupon.activation?;
                    Some((activation.code.as_bytes()[0], coupon.issued.business.to_string()))
                });
                let (code, slug) = ready?;
                let purchase = buy(&slug, &Bonuses::from_kopecks(*kopecks).to_string()).using(code);
                let held = world.state.open_holds().map(|(id, _)| *id).next();
                match held.filter(|_| kopecks % 2 == 0) {
                    Some(id) => world.when(purchase.with_hold(id)),
                    None => world.when(purchase),
                }
            }
            Self::Revoke { coupon } => world.when(revoke(*coupon)),
        })
    }
}
