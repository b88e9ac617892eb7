//! Coupons in random histories, in the model's words and in the domain's. Rules C.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use ledger_core::ids::{CouponId, ReasonId};
use ledger_core::member::MemberCommand;
use ledger_core::member::coupon::{ActivateCoupon, FundedBy, IssueCoupon};
use ledger_core::member::event::{CouponBenefit, CouponConditions};
use ledger_core::time::Timestamp;
use plain_model::Kopecks;
use plain_model::coupon::{Coupon, Gives};
use plain_model::lot::COALITION;
use plain_model::member::{Command, Document, Member};
use plain_model::status::Status;
use proptest::prelude::*;
use uuid::Uuid;

use crate::domain::{Domain, bonuses, business_id, natural_key, roubles};
use crate::run::{ALL, Run, place_of};
use crate::steps::{DAY, bills, businesses};

/// A coupon as wanted.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) business: usize,
    kind: u8,
    kopecks: i64,
    by_coalition: bool,
    min_bill: Option<i64>,
    new_customers_only: bool,
    statuses: u8,
    with_bonuses: bool,
    valid_in: Option<i64>,
    life: i64,
}

#[derive(Debug, Clone)]
pub(crate) enum OfCoupon {
    Issue(Wanted),
    Activate { pick: usize },
    Use { pick: usize, business: Option<usize>, kopecks: i64, with_hold: Option<usize> },
    Revoke { pick: usize },
}

pub(crate) fn of_coupons() -> impl Strategy<Value = OfCoupon> {
    let conditions = (
        proptest::option::weighted(0.3, bills()),
        proptest::bool::weighted(0.2),
        prop_oneof![4 => Just(0_u8), 2 => 1..16_u8],
        proptest::bool::weighted(0.7),
        proptest::option::weighted(0.2, 0..20 * DAY),
        prop_oneof![10 => 0..60 * DAY, 1 => -DAY..0_i64],
    );
    let wanted = (businesses(), 0..6_u8, 1..500_000_i64, any::<bool>(), conditions);
    let issue = wanted.prop_map(|(business, kind, kopecks, by_coalition, conditions)| {
        let (min_bill, new_customers_only, statuses, with_bonuses, valid_in, life) = conditions;
        OfCoupon::Issue(Wanted {
            business,
            kind,
            kopecks,
            by_coalition,
            min_bill,
            new_customers_only,
            statuses,
            with_bonuses,
            valid_in,
            life,
        })
    });
    let elsewhere = proptest::option::weighted(0.06, businesses());
    let with_hold = proptest::option::weighted(0.4, 0..3_usize);
    prop_oneof![
        5 => issue,
        5 => (0..3_usize).prop_map(|pick| OfCoupon::Activate { pick }),
        6 => (0..3_usize, elsewhere, bills(), with_hold)
            .prop_map(|(pick, business, kopecks, with_hold)| OfCoupon::Use { pick, business, kopecks, with_hold }),
        1 => (0..3_usize).prop_map(|pick| OfCoupon::Revoke { pick }),
    ]
}

impl OfCoupon {
    /// A fresh coupon; or one of the last ones is activated, used or revoked.
    pub(crate) fn command(&self, run: &mut Run) -> Option<Command> {
        run.serial += 1;
        let coupons = &run.member.coupons;
        let picked = |pick: usize| coupons.iter().rev().nth(pick).or(coupons.last()).cloned();
        match self {
            Self::Issue(wanted) => {
                let coupon = wanted.coupon(run.serial, run.now, ALL[wanted.business].0);
                Some(Command::IssueCoupon(coupon))
            }
            Self::Activate { pick } => {
                Some(Command::ActivateCoupon { id: picked(*pick)?.id, code: run.serial })
            }
            Self::Revoke { pick } => Some(Command::RevokeCoupon { id: picked(*pick)?.id }),
            Self::Use { pick, business, kopecks, with_hold } => {
                let coupon = picked(*pick)?;
                let business = business.or_else(|| place_of(&coupon.business))?;
                let code = coupon.code.map_or(run.serial, |(code, _)| code);
                let hold = with_hold.and_then(|pick| run.recent_hold(pick)).map(|hold| hold.id);
                let document = run.document(business, *kopecks, 0);
                Some(Command::Purchase(Document { coupon: Some(code), redemption: hold, ..document }))
            }
        }
    }
}

impl Wanted {
    /// It, as the `serial`th thing that happens.
    pub(crate) fn coupon(&self, serial: u32, now: Timestamp, business: &str) -> Coupon {
        let value = Kopecks::from(self.kopecks);
        let hundredths = Kopecks::from(self.kopecks % 10_000 + 1);
        let gives = match self.kind {
            0 => Gives::Fixed(value),
            1 => Gives::Percent { hundredths, cap: None },
            2 => Gives::Percent { hundredths, cap: Some(value) },
            3 => Gives::Gift,
            _ => Gives::Bonus(value),
        };
        let all = all_statuses();
        let wanted = |place: usize| self.statuses & (1 << place) != 0;
        Coupon {
            id: CouponId::of_key(natural_key(serial).as_bytes()),
            business: business.to_owned(),
            gives,
            funder: if self.by_coalition { COALITION } else { business }.to_owned(),
            min_bill: self.min_bill.map(Kopecks::from),
            new_customers_only: self.new_customers_only,
            statuses: (0..4).filter(|place| wanted(*place)).map(|place| all[place]).collect(),
            with_bonuses: self.with_bonuses,
            valid_from: self.valid_in.map(|seconds| now.plus(TimeDelta::seconds(seconds))),
            expires_at: now.plus(TimeDelta::seconds(self.life)),
            code: None,
            is_closed: false,
            came_from: None,
        }
    }
}

pub(crate) const fn all_statuses() -> [Status; 4] {
    [Status::Insider, Status::Vip, Status::Elite, Status::InnerCircle]
}

pub(crate) fn theirs(status: Status) -> ledger_core::member::status::Status {
    use ledger_core::member::status::Status as Theirs;
    let all = [Theirs::Insider, Theirs::Vip, Theirs::Elite, Theirs::InnerCircle];
    all.into_iter().find(|theirs| theirs.as_str() == status.as_str()).expect("the same names")
}

/// What is asked of coupons, in the domain's words.
pub(crate) fn translate(command: &Command) -> MemberCommand {
    match command {
        Command::ActivateCoupon { id, code } => MemberCommand::ActivateCoupon(ActivateCoupon {
            coupon_id: *id,
            code: natural_key(*code),
            reserved_until: Timestamp::LAST,
        }),
        Command::RevokeCoupon { id } => {
            let reason_id = ReasonId::from_uuid(Uuid::from_u128(8));
            MemberCommand::RevokeCoupon { coupon_id: *id, reason_id }
        }
        Command::IssueCoupon(coupon) => issue(coupon),
        other => panic!("{other:?} is not about a coupon"),
    }
}

pub(crate) fn benefit(gives: &Gives) -> CouponBenefit {
    match gives {
        Gives::Fixed(value) => CouponBenefit::DiscountFixed { value: roubles(*value) },
        Gives::Percent { hundredths, cap } => {
            let value = format!("{}.{:02}", hundredths / 100, hundredths % 100);
            let value = value.parse().expect("a percentage");
            CouponBenefit::DiscountPercent { value, cap: cap.map(roubles) }
        }
        Gives::Bonus(value) => CouponBenefit::Bonus { value: bonuses(*value) },
        Gives::Gift => CouponBenefit::Gift {},
    }
}

fn issue(coupon: &Coupon) -> MemberCommand {
    MemberCommand::IssueCoupon(Box::new(IssueCoupon {
        coupon_id: coupon.id,
        business_id: business_id(&coupon.business),
        gives: benefit(&coupon.gives),
        conditions: CouponConditions {
            min_bill: coupon.min_bill.map(roubles),
            new_customers_only: coupon.new_customers_only,
            statuses: coupon.statuses.iter().map(|it| theirs(*it)).collect(),
            with_bonuses: coupon.with_bonuses,
            valid_from: coupon.valid_from,
        },
        expires_at: coupon.expires_at,
        funded_by: if coupon.funder == COALITION { FundedBy::Coalition } else { FundedBy::Business },
        description: None,
        gift: None,
    }))
}

/// What the domain has open at `now`, with everything due written.
pub(crate) fn open(domain: &Domain, now: Timestamp) -> BTreeSet<CouponId> {
    let mut after = domain.clone();
    after.command(now, &Command::Due).expect("never refused");
    after.her.state.open_coupons().map(|coupon| coupon.issued.coupon_id).collect()
}

/// What became of her coupons.
pub(crate) fn seen(member: &Member) -> Vec<String> {
    let used = || member.purchases.iter().filter_map(|purchase| purchase.coupon.as_ref());
    let gave = used().any(|used| used.bonuses > 0);
    let owed = used().any(|used| used.discount > 0 && used.funder == COALITION);
    let seen = [(gave, "bonuses of a coupon"), (owed, "discount of the coalition's")];
    seen.into_iter().filter(|(is_seen, _)| *is_seen).map(|(_, what)| what.to_owned()).collect()
}
