//! Statuses and their changes. Rules S1–S3, S5, S6; consents are in `medical.rs`.

use serde_json::json;

use crate::log::Event;
use crate::member::MemberCommand::ReviewStatus;
use crate::member::command::{MemberOutcome, PurchaseOutcome};
use crate::member::event::{
    StatusChanged, StatusDowngradeCancelled, StatusDowngradeScheduled, StatusReason, Track,
};
use crate::member::status::{Requirement, Spent, Status, progress_percent};
use crate::member::testing::{ORDINARY, World, anna_since, bon, buy, rub};

fn member() -> World {
    anna_since("2020-01-01T00:00:00+03:00")
}

/// A vip: 10,000 ₽ at each of three businesses on 2026-03-02 at noon.
fn vip() -> World {
    let world = member().after(buy("mindal", "10000.00")).after(buy("kozha", "10000.00"));
    world.after(buy("buket", "10000.00"))
}

fn changed(from: Status, to: Status, reason: StatusReason, spent: &str, categories: u32) -> Event {
    let fact = StatusChanged {
        track: Track::Both,
        from,
        to,
        reason,
        spent_12m: rub(spent),
        categories_12m: categories,
        policy_version: 1,
    };
    fact.into()
}

fn lifted(to: Status, spent: &str, categories: u32) -> Event {
    changed(Status::Insider, to, StatusReason::Reached, spent, categories)
}

fn scheduled(on: &str, spent: &str, categories: u32, missing_spend: &str, missing_categories: u32) -> Event {
    let fact = StatusDowngradeScheduled {
        track: Track::Both,
        from: Status::Vip,
        to: Status::Insider,
        on: serde_json::from_value(json!(on)).expect("a day"),
        spent_12m: rub(spent),
        categories_12m: categories,
        missing_spend: rub(missing_spend),
        missing_categories,
        policy_version: 1,
    };
    fact.into()
}

#[test]
fn rule_s1_vip_needs_30_000_and_three_categories() {
    let two = member().after(buy("mindal", "10000.00")).after(buy("kozha", "10000.00"));
    two.clone().when(buy("buket", "9999.99")).then_besides([]);
    two.clone().when(buy("kozha", "10000.00")).then_besides([]);
    two.when(buy("buket", "10000.00")).then_besides([lifted(Status::Vip, "30000.00", 3)]);
}

#[test]
fn rule_s1_elite_needs_100_000_and_five_categories() {
    let mut world = vip().after(buy("linza", "10000.00"));
    world = world.after(buy("mindal", "50000.00"));
    let to_elite = changed(Status::Vip, Status::Elite, StatusReason::Reached, "100000.00", 5);
    world.when(buy("zakon", "10000.00")).then_besides([to_elite]);
}

#[test]
fn rule_s1_inner_circle_needs_200_000_and_every_ordinary_category() {
    let mut world = member();
    for (slug, _) in ORDINARY.iter().take(8) {
        world = world.after(buy(slug, "20000.00"));
    }
    world = world.after(buy("mindal", "40000.00"));
    assert_eq!(world.state.shown().status, Status::Elite);
    let to_inner = changed(Status::Elite, Status::InnerCircle, StatusReason::Reached, "200001.00", 9);
    world.when(buy("zakon", "1.00")).then_besides([to_inner]);
}

#[test]
fn rule_s1_a_bill_of_exactly_a_year_ago_no_longer_counts() {
    let two = member().after(buy("mindal", "10000.00")).after(buy("kozha", "10000.00"));
    let at_edge = two.clone().at("2027-03-02T12:00:00+03:00").when(buy("buket", "10000.00"));
    at_edge.then_besides([
        crate::member::testing::expired(
            1,
            "mindal",
            "mindal",
            "500.00",
            crate::member::event::ExpiredTo::Funder,
        ),
        crate::member::testing::expired(
            1,
            "mindal",
            "coalition",
            "250.00",
            crate::member::event::ExpiredTo::Funder,
        ),
        crate::member::testing::expired(
            2,
            "kozha",
            "kozha",
            "500.00",
            crate::member::event::ExpiredTo::Funder,
        ),
        crate::member::testing::expired(
            2,
            "kozha",
            "coalition",
            "250.00",
            crate::member::event::ExpiredTo::Funder,
        ),
    ]);
    let before = two.at("2027-03-02T11:59:59.999999+03:00").after(buy("buket", "10000.00"));
    assert_eq!(before.state.shown().status, Status::Vip);
}

#[test]
fn rule_s1_a_late_bill_counts_by_when_it_happened() {
    let two = member()
        .after(buy("mindal", "10000.00").on("2025-03-02T12:00:00+03:00").imported())
        .after(buy("kozha", "10000.00"));
    two.clone().when(buy("buket", "10000.00")).then_besides([]);
    let two = two.after(buy("linza", "10000.00").on("2026-01-01T12:00:00+03:00"));
    two.when(buy("buket", "10000.00")).then_besides([lifted(Status::Vip, "30000.00", 3)]);
}

#[test]
fn rule_s1_a_bill_of_the_tolerated_future_counts_at_once_and_stays_counted() {
    let world = member().after(buy("mindal", "10000.00")).after(buy("kozha", "10000.00"));
    let world = world.after(buy("buket", "10000.00").on("2026-03-02T12:05:00+03:00"));
    assert_eq!(world.state.shown().status, Status::Vip);
    world.when(ReviewStatus).then([]);
}

#[test]
fn rule_s2_the_purchase_that_lifts_is_paid_at_the_old_rate() {
    let world = member().after(buy("mindal", "10000.00")).after(buy("kozha", "10000.00"));
    let decision = world.when(buy("buket", "10000.00"));
    assert_eq!(decision.earned(), bon("750.00"), "5 % × 1.5 of an insider");
    let MemberOutcome::Purchase(PurchaseOutcome::Recorded { status, .. }) = decision.outcome() else {
        panic!("{decision:?}")
    };
    assert_eq!(*status, Status::Vip);
    assert_eq!(vip().when(buy("mindal", "1000.00")).earned(), bon("70.00"));
}

#[test]
fn rule_s3_a_downgrade_is_scheduled_once_with_its_date_and_what_is_missing() {
    let world = vip().at("2027-03-02T12:00:00+03:00").after(crate::member::MemberCommand::WriteDue);
    world.clone().when(ReviewStatus).then([scheduled("2027-04-01", "0.00", 0, "30000.00", 3)]);
    let world = world.after(ReviewStatus);
    assert_eq!(world.state.shown().status, Status::Vip, "she keeps it");
    world.clone().when(ReviewStatus).then([]);
    world.at("2027-03-31T23:59:59.999999+03:00").when(ReviewStatus).then([]);
}

#[test]
fn rule_s3_what_is_missing_counts_what_she_still_has() {
    let world = vip().after(buy("mindal", "5000.50").on("2026-03-02T12:00:00.000001+03:00"));
    let world = world.at("2027-03-02T12:00:00+03:00").after(crate::member::MemberCommand::WriteDue);
    world.when(ReviewStatus).then([scheduled("2027-04-01", "5000.50", 1, "24999.50", 2)]);
}

#[test]
fn rule_s3_she_falls_on_the_day() {
    let world = vip().at("2027-03-02T12:00:00+03:00").after(ReviewStatus);
    let fall = changed(Status::Vip, Status::Insider, StatusReason::GraceEnded, "0.00", 0);
    let world = world.at("2027-04-01T00:00:00+03:00");
    world.clone().when(ReviewStatus).then([fall]);
    let world = world.after(ReviewStatus);
    assert_eq!((world.state.shown().status, world.state.shown().scheduled), (Status::Insider, None));
}

#[test]
fn rule_s3_she_who_recovers_stays() {
    let world = vip().at("2027-03-02T12:00:00+03:00").after(ReviewStatus);
    let world = world.after(buy("mindal", "10000.00")).after(buy("kozha", "10000.00"));
    let cancelled = StatusDowngradeCancelled {
        track: Track::Both,
        status: Status::Vip,
        spent_12m: rub("30000.00"),
        categories_12m: 3,
        policy_version: 1,
    };
    world.clone().when(buy("buket", "10000.00")).then_besides([cancelled.into()]);
    let world = world.after(buy("buket", "10000.00")).at("2027-04-01T00:00:00+03:00");
    world.when(ReviewStatus).then([]);
}

#[test]
fn rule_s3_without_grace_she_falls_at_once() {
    let world = vip().policy("status.grace_days", json!(0)).at("2027-03-02T12:00:00+03:00");
    let world = world.after(crate::member::MemberCommand::WriteDue);
    let fact = StatusChanged {
        track: Track::Both,
        from: Status::Vip,
        to: Status::Insider,
        reason: StatusReason::NoGrace,
        spent_12m: rub("0.00"),
        categories_12m: 0,
        policy_version: 2,
    };
    world.when(ReviewStatus).then([fact.into()]);
}

#[test]
fn rule_s3_a_partial_recovery_falls_to_what_is_earned_on_the_day() {
    let mut world = vip();
    for slug in ["linza", "zakon"] {
        world = world.after(buy(slug, "35000.00"));
    }
    assert_eq!(world.state.shown().status, Status::Elite);
    world = world.at("2027-03-02T12:00:00+03:00").after(ReviewStatus);
    assert_eq!(world.state.shown().scheduled.map(|it| it.to), Some(Status::Insider));
    for slug in ["mindal", "kozha", "buket"] {
        world = world.after(buy(slug, "10000.00"));
    }
    world = world.at("2027-04-01T12:00:00+03:00");
    let fall = changed(Status::Elite, Status::Vip, StatusReason::GraceEnded, "30000.00", 3);
    world.when(ReviewStatus).then([fall]);
}

#[test]
fn rule_s5_progress_is_the_floor_of_the_mean_of_two_capped_shares() {
    let percent = |spent: &str, visited: usize, need: &str, categories: usize| {
        let spent = Spent { amount: rub(spent), ..Spent::default() };
        progress_percent(&spent, Requirement { spent: rub(need), categories }, visited)
    };
    assert_eq!(percent("3033.30", 1, "30000.00", 3), 21);
    assert_eq!(percent("10200.00", 2, "30000.00", 3), 50, "0.34 and 2/3: 50.33");
    assert_eq!(percent("10000.00", 2, "30000.00", 3), 50, "one third and two thirds are exactly one");
    assert_eq!(percent("29999.99", 3, "30000.00", 3), 99);
    assert_eq!(percent("90000.00", 9, "30000.00", 3), 100);
    assert_eq!(percent("-5.00", 0, "30000.00", 3), 0);
    assert_eq!(percent("15000.00", 0, "30000.00", 0), 75, "what demands nothing is fulfilled");
}

#[test]
fn rule_s6_a_new_member_is_insider_from_registration() {
    let world = member();
    assert_eq!(world.state.shown().status, Status::Insider);
    world.when(ReviewStatus).then([]);
}
