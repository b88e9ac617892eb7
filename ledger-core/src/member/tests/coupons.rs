//! Coupons. Rules C1–C4, with B4, D3, F2, F5, M1 where they touch them.

use chrono::TimeDelta;

use crate::category::Confidentiality;
use crate::ids::MemberId;
use crate::log::Event;
use crate::member::MemberCommand::WriteDue;
use crate::member::MemberOutcome;
use crate::member::command::{CouponUse, PurchaseOutcome};
use crate::member::consent::ConsentChoice;
use crate::member::coupon::OPEN_COUPONS_MAX;
use crate::member::event::CouponBenefit;
use crate::member::event::{CouponExpired, CouponRedeemed, CouponRevoked, MemberEvent};
use crate::member::lot::LotOrigin;
use crate::member::status::Status;
use crate::member::testing::{
    Decision, World, activate, amend, anna, at, bon, bonus, business_id, buy, code, consent, coupon,
    coupon_id, fixed, give_back, hold, percent, purchase_id, reason_id, revoke, rub,
};
use crate::postings::{Account, Unit, postings};
use crate::rejection::Rejection;

/// Anna with a coupon for mindal and a code for it.
fn ready(gives: CouponBenefit) -> World {
    anna().after(coupon(1, "mindal", gives)).after(activate(1, 1))
}

fn used(decision: &Decision) -> CouponRedeemed {
    let found = decision.drafted().iter().find_map(|new| match &new.event {
        Event::Member(MemberEvent::CouponRedeemed(fact)) => Some(fact.clone()),
        _ => None,
    });
    found.expect("a used coupon")
}

/// Base, discount and bonuses earned.
fn came_to(decision: &Decision) -> [String; 3] {
    let accrual = decision.accrual();
    [accrual.inputs.base.to_string(), used(decision).discount.to_string(), accrual.amount.to_string()]
}

/// What the coalition owes the business for discounts: the sum of the roubles posted to its clearing without a lot.
fn owed(world: &World, slug: &str) -> i64 {
    let member = MemberId::from_uuid(uuid::Uuid::from_u128(7));
    let clearing = Account::Clearing(slug.parse().expect("a funder"));
    let posted = world.log.iter().flat_map(|(_, event)| postings(member, event));
    let discount = crate::ids::LotId::of_coupon(purchase_id(1));
    let of = |posting: &crate::postings::Posting| {
        posting.unit == Unit::Rub && posting.account == clearing && posting.lot_id == discount
    };
    posted.filter(of).map(|posting| posting.kopecks).sum()
}

fn total(world: &World) -> [String; 2] {
    let (total, debt) = world.total_and_debt();
    [total.to_string(), debt.to_string()]
}

#[test]
fn rule_c1_b4_a_fixed_discount_comes_off_before_bonuses_are_earned() {
    let decision = ready(fixed("500.00")).when(buy("mindal", "3000.00").using(1));
    assert_eq!(came_to(&decision), ["2500.00", "500.00", "187.50"]);
    let MemberOutcome::Purchase(PurchaseOutcome::Recorded { coupon, .. }) = decision.outcome() else {
        panic!("recorded")
    };
    assert_eq!(*coupon, Some(CouponUse { coupon_id: coupon_id(1), discount: rub("500.00") }));
}

#[test]
fn rule_c1_a_percentage_is_rounded_once_half_away_from_zero_and_capped() {
    let decision = ready(percent("12.50", None)).when(buy("mindal", "100.04").using(1));
    assert_eq!(came_to(&decision), ["87.53", "12.51", "6.56"], "12.505 → 12.51");
    let decision = ready(percent("12.50", Some("10.00"))).when(buy("mindal", "100.04").using(1));
    assert_eq!(came_to(&decision), ["90.04", "10.00", "6.75"]);
}

#[test]
fn rule_c4_a_discount_never_exceeds_the_bill() {
    let decision = ready(fixed("500.00")).when(buy("mindal", "120.00").using(1));
    assert_eq!(came_to(&decision), ["0.00", "120.00", "0.00"]);
    let decision = ready(percent("100", None)).when(buy("mindal", "120.00").using(1));
    assert_eq!(came_to(&decision), ["0.00", "120.00", "0.00"]);
}

#[test]
fn rule_c1_bonuses_of_a_coupon_are_a_lot_that_lives_as_long_as_a_gift() {
    let decision = ready(bonus("300.00")).when(buy("mindal", "1000.00").using(1));
    assert_eq!(came_to(&decision), ["1000.00", "0.00", "75.00"]);
    let lot = used(&decision).lot.expect("a lot");
    assert_eq!((lot.amount, lot.funder.as_str()), (bon("300.00"), "mindal"));
    assert_eq!(lot.expires_at, at("2026-05-31T23:59:59.999999+03:00"));
    let origin = used(&decision).origin();
    let confidentiality = Confidentiality::Ordinary;
    let business_id = business_id("mindal");
    assert_eq!(origin, LotOrigin::Coupon { purchase_id: purchase_id(1), business_id, confidentiality });
    let world = ready(bonus("300.00")).after(buy("mindal", "1000.00").using(1));
    assert_eq!(world.balance(), (bon("375.00"), bon("0.00")));
}

#[test]
fn rule_c1_a_gift_is_nothing_in_money() {
    let decision = ready(CouponBenefit::Gift {}).when(buy("mindal", "1000.00").using(1));
    assert_eq!(came_to(&decision), ["1000.00", "0.00", "75.00"]);
    assert_eq!(used(&decision).lot, None);
}

#[test]
fn rule_c2_a_coupon_is_used_once() {
    let world = ready(fixed("500.00")).after(buy("mindal", "1000.00").using(1));
    world.clone().when(buy("mindal", "1000.00").using(1)).then_rejected(Rejection::CouponNotValid);
    world.clone().when(activate(1, 2)).then_rejected(Rejection::CouponClosed);
    world.when(revoke(1)).then_rejected(Rejection::CouponClosed);
}

#[test]
fn rule_c2_a_code_is_good_for_five_days_and_another_follows_it() {
    let world = ready(fixed("500.00"));
    let asked = world.clone().when(activate(1, 2));
    let MemberOutcome::CouponActivated { code: good, valid_until, .. } = asked.outcome() else {
        panic!("activated")
    };
    assert_eq!((*good, asked.drafted().len()), (code(1), 0), "the code that is good stays");
    assert_eq!(*valid_until, at("2026-03-07T12:00:00+03:00"));
    world.clone().later(TimeDelta::days(5)).after(buy("mindal", "1000.00").using(1));
    let lapsed = world.later(TimeDelta::days(5) + TimeDelta::microseconds(1));
    lapsed.clone().when(buy("mindal", "1000.00").using(1)).then_rejected(Rejection::CouponNotValid);
    let anew = lapsed.after(activate(1, 2));
    anew.clone().when(buy("mindal", "1000.00").using(1)).then_rejected(Rejection::CouponNotValid);
    anew.after(buy("mindal", "1000.00").using(2));
}

#[test]
fn rule_c2_a_code_is_not_good_beyond_its_coupon_whether_or_not_the_end_is_written() {
    let until = "2026-03-03T20:00:00+03:00";
    let world = anna().after(coupon(1, "mindal", fixed("500.00")).until(until)).after(activate(1, 1));
    world.clone().at(until).after(buy("mindal", "1000.00").using(1));
    let late = world.at("2026-03-03T20:00:00.000001+03:00");
    late.clone().when(buy("mindal", "1000.00").using(1)).then_rejected(Rejection::CouponNotValid);
    late.clone().when(activate(1, 2)).then_rejected(Rejection::CouponClosed);
    let (coupon_id, business_id) = (coupon_id(1), business_id("mindal"));
    let expired = CouponExpired { coupon_id, business_id, confidentiality: Confidentiality::Ordinary };
    let decision = late.clone().when(WriteDue).then([expired.into()]);
    assert_eq!(decision.drafted()[0].occurred_at, at(until));
    let written = late.after(WriteDue);
    written.clone().when(buy("mindal", "1000.00").using(1)).then_rejected(Rejection::CouponNotValid);
    assert_eq!(written.state.open_coupons().count(), 0, "old coupons are not kept");
}

#[test]
fn rule_c2_a_revoked_coupon_is_gone() {
    let world = ready(fixed("500.00"));
    let revoked = CouponRevoked {
        coupon_id: coupon_id(1),
        business_id: business_id("mindal"),
        confidentiality: Confidentiality::Ordinary,
        reason_id: Some(reason_id(1)),
        refund_id: None,
    };
    world.clone().when(revoke(1)).then([revoked.into()]);
    let world = world.after(revoke(1));
    world.when(buy("mindal", "1000.00").using(1)).then_rejected(Rejection::CouponNotValid);
}

#[test]
fn rule_c2_a_code_is_good_at_its_own_business_alone() {
    ready(fixed("500.00")).when(buy("kozha", "1000.00").using(1)).then_rejected(Rejection::CouponNotValid);
    ready(fixed("500.00")).when(buy("mindal", "1000.00").using(9)).then_rejected(Rejection::CouponNotValid);
    let import = buy("mindal", "1000.00").using(1).imported();
    ready(fixed("500.00")).when(import).then_rejected(Rejection::CouponNotValid);
}

#[test]
fn rule_c3_a_refusal_says_which_condition_failed() {
    let given =
        |change| anna().after(coupon(1, "mindal", fixed("500.00")).with(change)).after(activate(1, 1));
    let world = given(|it| it.valid_from = Some(at("2026-03-02T12:00:00.000001+03:00")));
    let valid_from = at("2026-03-02T12:00:00.000001+03:00");
    world.when(buy("mindal", "1000.00").using(1)).then_rejected(Rejection::CouponNotYetValid { valid_from });
    let world = given(|it| it.min_bill = Some(rub("1000.00")));
    let min_bill = rub("1000.00");
    world.clone().when(buy("mindal", "999.99").using(1)).then_rejected(Rejection::CouponMinBill { min_bill });
    world.after(buy("mindal", "1000.00").using(1));
    let world = given(|it| it.statuses = vec![Status::Vip, Status::Elite]);
    let statuses = vec![Status::Vip, Status::Elite];
    world.when(buy("mindal", "1000.00").using(1)).then_rejected(Rejection::CouponStatusRequired { statuses });
    given(|it| it.statuses = vec![Status::Insider]).after(buy("mindal", "1000.00").using(1));
    let world = given(|it| it.with_bonuses = false).after(buy("kozha", "9000.00"));
    let world = world.after(hold(1, "mindal", "1000.00", "100.00"));
    world
        .clone()
        .when(buy("mindal", "1000.00").using(1).paying(1, None))
        .then_rejected(Rejection::CouponNotWithBonuses);
    world.after(buy("mindal", "1000.00").using(1));
}

#[test]
fn rule_c3_new_customers_are_those_without_a_purchase_there_that_stands() {
    let only_new = coupon(1, "mindal", fixed("500.00")).with(|it| it.new_customers_only = true);
    let world = anna().after(only_new.clone()).after(activate(1, 1)).after(buy("kozha", "100.00"));
    world.clone().after(buy("mindal", "1000.00").using(1));
    let world = world.after(buy("mindal", "100.00"));
    let refused = Rejection::CouponNewCustomersOnly;
    world.clone().when(buy("mindal", "1000.00").using(1)).then_rejected(refused.clone());
    let partly = world.after(give_back(1, 2, "99.99"));
    partly.clone().when(buy("mindal", "1000.00").using(1)).then_rejected(refused);
    partly.after(give_back(2, 2, "0.01")).after(buy("mindal", "1000.00").using(1));
}

#[test]
fn rule_c4_r2_the_discount_comes_off_first_and_bonuses_pay_no_more_than_is_left() {
    // 750.00 to spend. R2's half of 1,000 ₽ is 500 ₽; after 700 ₽ off, 300 ₽ are left to be paid.
    let world = ready(fixed("700.00")).after(buy("kozha", "10000.00"));
    let world = world.after(hold(1, "mindal", "1000.00", "500.00"));
    let decision = world.clone().when(buy("mindal", "1000.00").using(1).paying(1, None));
    assert_eq!(came_to(&decision), ["0.00", "700.00", "0.00"]);
    let MemberOutcome::Purchase(PurchaseOutcome::Recorded { bonuses_redeemed, .. }) = decision.outcome()
    else {
        panic!("recorded")
    };
    assert_eq!(*bonuses_redeemed, bon("300.00"));
    let (asked, limit, minimum) = (bon("300.01"), bon("300.00"), rub("1.00"));
    world
        .when(buy("mindal", "1000.00").using(1).paying(1, Some("300.01")))
        .then_rejected(Rejection::OverRedeemLimit { asked, limit, minimum });
}

#[test]
fn rule_c4_m1_what_the_coalition_bears_it_owes_the_business_and_a_refund_reverses_in_proportion() {
    let given = |by_coalition| {
        let coupon = coupon(1, "mindal", fixed("100.00"));
        let coupon = if by_coalition { coupon.by_coalition() } else { coupon };
        anna().after(coupon).after(activate(1, 1)).after(buy("mindal", "300.00").using(1))
    };
    assert_eq!(owed(&given(false), "mindal"), 0, "its own discount is nobody else's");
    let world = given(true);
    assert_eq!((owed(&world, "mindal"), owed(&world, "coalition")), (10_000, -10_000));
    let world = world.after(give_back(1, 1, "100.00"));
    assert_eq!(owed(&world, "mindal"), 6_667);
    let world = world.after(give_back(2, 1, "100.00"));
    assert_eq!(owed(&world, "mindal"), 3_333);
    let world = world.after(give_back(3, 1, "100.00"));
    assert_eq!((owed(&world, "mindal"), total(&world)), (0, ["0.00".into(), "0.00".into()]));
}

#[test]
fn rule_f5_a_used_coupon_stays_used_and_its_bonuses_go_back_in_proportion() {
    let world = ready(bonus("100.00")).after(buy("mindal", "300.00").using(1));
    assert_eq!(total(&world), ["122.50", "0.00"]);
    let world = world.after(give_back(1, 1, "100.00"));
    assert_eq!(total(&world), ["81.67", "0.00"], "22.50 − 7.50, 100 − 33.33");
    let world = world.after(give_back(2, 1, "200.00"));
    assert_eq!(total(&world), ["0.00", "0.00"]);
    world.when(buy("mindal", "300.00").using(1)).then_rejected(Rejection::CouponNotValid);
}

#[test]
fn rule_f2_f3_bonuses_of_a_coupon_that_are_spent_become_a_debt_to_who_bore_it() {
    let coupon = coupon(1, "mindal", bonus("100.00")).by_coalition();
    let world = anna().after(coupon).after(activate(1, 1)).after(buy("mindal", "20.00").using(1));
    // 101.50 to spend; all of it goes at kozha, where 203 ₽ earn (203 − 101.50) × 5 % × 1.5 = 7.61.
    let world =
        world.after(hold(1, "kozha", "203.00", "101.50")).after(buy("kozha", "203.00").paying(1, None));
    let world = world.after(give_back(1, 1, "20.00"));
    assert_eq!(total(&world), ["0.00", "93.89"], "101.50 − 7.61");
    let debts: Vec<_> =
        world.state.debts().iter().map(|debt| (debt.creditor.to_string(), debt.left.to_string())).collect();
    assert_eq!(debts, [("coalition".to_owned(), "93.89".to_owned())]);
}

#[test]
fn rule_d3_a_revision_is_reckoned_by_the_terms_the_coupon_was_used_with() {
    let world = ready(percent("10", None)).after(buy("mindal", "1000.00").using(1));
    let revised = |bill| {
        let decision = world.clone().when(amend(1, 2, bill));
        let MemberOutcome::Purchase(PurchaseOutcome::Recorded { coupon, bonuses_earned, .. }) =
            decision.outcome()
        else {
            panic!("recorded")
        };
        [coupon.expect("a coupon").discount.to_string(), bonuses_earned.to_string()]
    };
    assert_eq!(revised(Some("2000.00")), ["200.00", "135.00"]);
    assert_eq!(revised(Some("500.00")), ["50.00", "33.75"]);
    assert_eq!(revised(None), ["0.00", "0.00"]);
    let same = amend(1, 2, Some("500.00")).with(|it| it.coupon_code = Some(code(1)));
    world.clone().after(same);
    let other = amend(1, 2, Some("500.00")).with(|it| it.coupon_code = Some(code(2)));
    world.when(other).then_rejected(Rejection::CouponNotValid);
}

#[test]
fn rule_d3_a_cancelled_purchase_takes_what_its_coupon_gave_and_a_restored_one_gives_it_again() {
    let world = ready(bonus("100.00")).after(buy("mindal", "300.00").using(1));
    let world = world.after(amend(1, 2, None));
    assert_eq!(total(&world), ["0.00", "0.00"]);
    world.clone().when(buy("mindal", "300.00").using(1)).then_rejected(Rejection::CouponNotValid);
    let world = world.after(amend(1, 3, Some("300.00")));
    assert_eq!(total(&world), ["122.50", "0.00"]);
    let world = world.after(give_back(1, 1, "300.00"));
    assert_eq!(total(&world), ["0.00", "0.00"]);
}

#[test]
fn rule_d2_a_document_that_is_void_from_the_first_uses_no_coupon() {
    let world = ready(fixed("100.00")).after(buy("mindal", "300.00").using(1).with(|it| it.cancelled = true));
    world.clone().after(buy("mindal", "300.00").using(1));
    let restored = amend(1, 2, Some("300.00")).with(|it| it.coupon_code = Some(code(1)));
    world.when(restored).then_rejected(Rejection::CouponNotValid);
}

#[test]
fn rule_c1_a_coupon_is_given_to_a_member_who_lets_the_business_know_her() {
    let gives = || coupon(1, "mindal", fixed("100.00"));
    let world = anna().after([consent("partner:mindal", ConsentChoice::Withdrawn)]);
    world.when(gives()).then_rejected(Rejection::MemberNotFound);
    crate::member::testing::given([]).when(gives()).then_rejected(Rejection::MemberNotFound);
    anna().when(gives().until("2026-03-02T11:59:59+03:00")).then_rejected(Rejection::PeriodReversed);
    let later = gives().with(|it| it.valid_from = Some(at("2027-01-01T00:00:00Z")));
    anna().when(later).then_rejected(Rejection::PeriodReversed);
    anna().when(coupon(1, "mindal", fixed("0.00"))).then_rejected(Rejection::AmountOutOfRange);
    let many = (1..=u8::try_from(OPEN_COUPONS_MAX).expect("few"))
        .fold(anna(), |world, serial| world.after(coupon(serial, "mindal", fixed("100.00"))));
    many.clone().when(coupon(200, "mindal", fixed("100.00"))).then_rejected(Rejection::TooManyCoupons);
    many.after(coupon(201, "kozha", fixed("100.00")));
}
