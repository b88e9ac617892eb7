//! What can be asked about coupons, in few words.

use chrono::TimeDelta;

use super::{Ask, World, at, bon, business_id, reason_id, rub};
use crate::ids::{CouponId, NaturalKey};
use crate::member::command::MemberCommand;
use crate::member::coupon::{ActivateCoupon, FundedBy, IssueCoupon};
use crate::member::event::{CouponBenefit, CouponConditions};
use crate::time::Timestamp;

/// The id of the coupon with this serial.
pub(crate) fn coupon_id(serial: u8) -> CouponId {
    CouponId::of_key(&[serial; 32])
}

/// The code with this serial.
pub(crate) fn code(serial: u8) -> NaturalKey {
    NaturalKey::from_bytes([serial; 32])
}

pub(crate) fn fixed(value: &str) -> CouponBenefit {
    CouponBenefit::DiscountFixed { value: rub(value) }
}

pub(crate) fn percent(value: &str, cap: Option<&str>) -> CouponBenefit {
    CouponBenefit::DiscountPercent { value: value.parse().expect("a percentage"), cap: cap.map(rub) }
}

pub(crate) fn bonus(value: &str) -> CouponBenefit {
    CouponBenefit::Bonus { value: bon(value) }
}

/// A coupon for `slug`, by default of the business's, without conditions, good until the end of March 2026.
#[derive(Debug, Clone)]
pub(crate) struct Coupon {
    serial: u8,
    slug: String,
    gives: CouponBenefit,
    by_coalition: bool,
    until: Timestamp,
    change: fn(&mut CouponConditions),
}

pub(crate) fn coupon(serial: u8, slug: &str, gives: CouponBenefit) -> Coupon {
    let until = at("2026-03-31T23:59:59.999999+03:00");
    Coupon { serial, slug: slug.to_owned(), gives, by_coalition: false, until, change: |_| {} }
}

impl Coupon {
    pub(crate) fn by_coalition(mut self) -> Self {
        self.by_coalition = true;
        self
    }

    pub(crate) fn until(mut self, when: &str) -> Self {
        self.until = at(when);
        self
    }

    pub(crate) fn until_moment(mut self, when: Timestamp) -> Self {
        self.until = when;
        self
    }

    pub(crate) fn with(mut self, change: fn(&mut CouponConditions)) -> Self {
        self.change = change;
        self
    }
}

impl Ask for Coupon {
    fn command(self, _: &mut World) -> MemberCommand {
        let mut conditions = CouponConditions {
            min_bill: None,
            new_customers_only: false,
            statuses: Vec::new(),
            with_bonuses: true,
            valid_from: None,
        };
        (self.change)(&mut conditions);
        MemberCommand::IssueCoupon(Box::new(IssueCoupon {
            coupon_id: coupon_id(self.serial),
            business_id: business_id(&self.slug),
            gives: self.gives,
            conditions,
            expires_at: self.until,
            funded_by: if self.by_coalition { FundedBy::Coalition } else { FundedBy::Business },
            description: None,
            gift: None,
        }))
    }
}

/// A code for the coupon with this serial.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Activate(u8, u8);

/// Asks for the code with the second serial for the coupon with the first.
pub(crate) const fn activate(coupon: u8, code: u8) -> Activate {
    Activate(coupon, code)
}

impl Ask for Activate {
    fn command(self, world: &mut World) -> MemberCommand {
        MemberCommand::ActivateCoupon(ActivateCoupon {
            coupon_id: coupon_id(self.0),
            code: code(self.1),
            reserved_until: world.now.plus(TimeDelta::days(1_000)),
        })
    }
}

pub(crate) fn revoke(serial: u8) -> MemberCommand {
    MemberCommand::RevokeCoupon { coupon_id: coupon_id(serial), reason_id: reason_id(serial) }
}
