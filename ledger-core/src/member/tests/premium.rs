//! The Premium subscription. Rules B1, B5, S4.

use crate::ids::NaturalKey;
use crate::member::MemberCommand::{self, CancelPremium, ReviewStatus, WriteDue};
use crate::member::event::{PremiumCancelled, PremiumLapsed, PremiumRenewed, PremiumStarted, RateRule};
use crate::member::premium::PayPremium;
use crate::member::status::Status;
use crate::member::testing::{World, anna, at, bon, buy, given};
use crate::rejection::Rejection;

const MARCH: &str = "2026-03-01T00:00:00+03:00";
const APRIL: &str = "2026-04-01T00:00:00+03:00";
const MAY: &str = "2026-05-01T00:00:00+03:00";

fn payment() -> NaturalKey {
    NaturalKey::from_bytes([9; 32])
}

fn pay(from: &str, to: &str) -> MemberCommand {
    MemberCommand::PayPremium(PayPremium { payment: payment(), from: at(from), to: at(to) })
}

fn premium() -> World {
    anna().after(pay(MARCH, APRIL))
}

/// Status, rate and the two funders' shares of a purchase of 1,000 ₽ in a known category.
fn paid(world: World) -> (Status, RateRule, String, Vec<(String, String)>) {
    let accrual = world.when(buy("mindal", "1000.00")).accrual();
    let lots = accrual.lots.iter().map(|lot| (lot.funder.to_string(), lot.amount.to_string())).collect();
    (accrual.inputs.status, accrual.inputs.rate_rule, accrual.inputs.rate.to_string(), lots)
}

fn share(funder: &str, amount: &str) -> (String, String) {
    (funder.to_owned(), amount.to_owned())
}

#[test]
fn rule_s4_a_payment_starts_and_the_next_renews() {
    let (payment, from, to) = (payment(), at(MARCH), at(APRIL));
    anna().when(pay(MARCH, APRIL)).then([PremiumStarted { payment, from, to }.into()]);
    let renewed = PremiumRenewed { payment, from: at(APRIL), to: at(MAY) };
    premium().when(pay(APRIL, MAY)).then([renewed.into()]);
    given([]).when(pay(MARCH, APRIL)).then_rejected(Rejection::MemberNotFound);
    anna().when(pay(APRIL, MARCH)).then_rejected(Rejection::PeriodReversed);
    anna().when(pay(MARCH, MARCH)).then_rejected(Rejection::PeriodReversed);
}

#[test]
fn rule_s4_no_day_is_paid_for_twice() {
    let twice = Rejection::PremiumOverlaps { from: at(MARCH), to: at(APRIL) };
    premium().when(pay(MARCH, APRIL)).then_rejected(twice.clone());
    premium().when(pay("2026-03-31T23:59:59.999999+03:00", MAY)).then_rejected(twice.clone());
    premium().at(MAY).after(WriteDue).when(pay(MARCH, APRIL)).then_rejected(twice);
}

#[test]
fn rule_s4_b1_b5_premium_pays_ten_percent_and_the_coalition_pays_the_difference() {
    let (world, other) = (anna().after(buy("mindal", "1.00")), premium().after(buy("mindal", "1.00")));
    let mindal = |amount| vec![share("mindal", amount)];
    let five = (Status::Insider, RateRule::Status, "0.05".to_owned(), mindal("50.00"));
    assert_eq!(paid(world), five);
    // At least vip: the business pays 7 %, the coalition the other 3 %.
    let lots = vec![share("mindal", "70.00"), share("coalition", "30.00")];
    assert_eq!(paid(other), (Status::Vip, RateRule::Premium, "0.10".to_owned(), lots));
}

#[test]
fn rule_s4_who_earns_as_much_anyway_is_paid_by_her_status() {
    let world = premium().after(MemberCommand::Invite(true)).after(buy("mindal", "1.00"));
    let lots = vec![share("mindal", "100.00")];
    assert_eq!(paid(world), (Status::InnerCircle, RateRule::Status, "0.10".to_owned(), lots));
}

#[test]
fn rule_s4_premium_is_never_paid_after_its_end_even_if_the_lapse_is_not_written() {
    let world = premium().after(buy("mindal", "1.00"));
    let rule = |when: &str| paid(world.clone().at(when)).1;
    assert_eq!(rule("2026-03-31T23:59:59.999999+03:00"), RateRule::Premium);
    assert_eq!(rule(APRIL), RateRule::Status);
    assert_eq!(world.state.status_at(at("2026-03-31T23:59:59.999999+03:00")), Status::Vip);
    assert_eq!(world.state.status_at(at(APRIL)), Status::Insider);
}

#[test]
fn rule_p1_a_purchase_of_the_last_day_is_paid_as_of_its_time_whether_or_not_the_lapse_is_written() {
    let world = premium().after(buy("mindal", "1.00")).at("2026-04-01T10:00:00+03:00");
    let late = || buy("mindal", "1000.00").on("2026-03-31T22:00:00+03:00");
    assert_eq!(world.clone().when(late()).earned(), bon("100.00"));
    assert_eq!(world.after(WriteDue).when(late()).earned(), bon("100.00"));
}

#[test]
fn rule_s4_a_lapse_is_written_first_by_any_decision_and_once() {
    let ended_at = at(APRIL);
    let world = premium().at("2026-04-05T12:00:00+03:00");
    world.clone().when(WriteDue).then([PremiumLapsed { ended_at }.into()]);
    assert_eq!(world.clone().when(buy("mindal", "1.00")).drafted()[0].occurred_at, ended_at);
    world.after(WriteDue).when(WriteDue).then([]);
}

#[test]
fn rule_s4_a_period_that_goes_on_does_not_lapse() {
    let world = premium().after(pay(APRIL, MAY));
    world.clone().at("2026-04-05T12:00:00+03:00").when(WriteDue).then([]);
    let lapsed = PremiumLapsed { ended_at: at(MAY) };
    world.at("2026-05-05T12:00:00+03:00").when(WriteDue).then([lapsed.into()]);
}

#[test]
fn rule_s4_a_payment_after_the_end_starts_anew() {
    let world = premium().at("2026-04-05T12:00:00+03:00");
    let started = PremiumStarted { payment: payment(), from: at(APRIL), to: at(MAY) };
    world.when(pay(APRIL, MAY)).then([PremiumLapsed { ended_at: at(APRIL) }.into(), started.into()]);
}

#[test]
fn rule_s4_a_cancellation_ends_it_at_once_and_voids_what_was_to_come() {
    let world = premium().after(pay(APRIL, MAY));
    let now = world.now;
    world.clone().when(CancelPremium).then([PremiumCancelled { at: now }.into()]);
    let cancelled = world.after(CancelPremium);
    assert_eq!(cancelled.state.status_at(now), Status::Insider);
    assert_eq!(cancelled.state.status_at(at("2026-04-05T12:00:00+03:00")), Status::Insider);
    cancelled.clone().when(CancelPremium).then_rejected(Rejection::PremiumNotActive);
    cancelled.at(MAY).when(WriteDue).then([]);
    given([]).when(CancelPremium).then_rejected(Rejection::MemberNotFound);
}

#[test]
fn rule_s4_the_status_she_earned_goes_its_own_way_beneath() {
    let world = anna().after(buy("mindal", "10000.00")).after(buy("kozha", "10000.00"));
    let vip = world.after(buy("buket", "10000.00")).at("2027-03-01T12:00:00+03:00");
    let vip = vip.after(pay("2027-03-01T00:00:00+03:00", "2027-05-01T00:00:00+03:00"));
    let falls = vip.at("2027-03-03T12:00:00+03:00").after(ReviewStatus);
    let fallen = falls.at("2027-04-02T12:00:00+03:00").after(ReviewStatus);
    assert_eq!(fallen.state.shown().status, Status::Insider);
    assert_eq!(fallen.state.status_at(fallen.now), Status::Vip);
}
