//! How much a purchase earns. Rules B1–B5, P1, P4, P5.

use serde_json::json;

use crate::member::accrual::{Split, split};
use crate::member::event::{AccrualInputs, PolicyMoment, RateRule, StatusChanged, StatusReason, Track};
use crate::member::status::Status;
use crate::member::testing::{World, anna, at, bon, buy, rub};

/// The inputs of a plain insider purchase of 1,000 ₽.
fn inputs() -> AccrualInputs {
    AccrualInputs {
        base: rub("1000.00"),
        status: Status::Insider,
        rate_rule: RateRule::Status,
        rate: "0.05".parse().expect("a rate"),
        status_rate: "0.05".parse().expect("a rate"),
        new_category: "1".parse().expect("a multiplier"),
        business_multiplier: "1".parse().expect("a multiplier"),
        policy_version: 1,
        policy_moment: PolicyMoment::OccurredAt,
        rules_revision: 1,
    }
}

fn parts(total: &str, business: &str, coalition: &str) -> Option<Split> {
    Some(Split { total: bon(total), business: bon(business), coalition: bon(coalition) })
}

/// Anna, who has bought at mindal before, with this status.
fn anna_as(status: Status) -> World {
    let mut world = anna().after(buy("mindal", "1.00"));
    let fact = StatusChanged {
        track: Track::Both,
        from: Status::Insider,
        to: status,
        reason: StatusReason::Reached,
        spent_12m: rub("0.00"),
        categories_12m: 0,
        policy_version: 1,
    };
    let event = crate::member::event::MemberEvent::StatusChanged(fact);
    world.state.apply(1_000, world.now, &event).expect("fits");
    world
}

#[test]
fn rule_b1_each_status_has_its_rate() {
    for (status, earned) in [
        (Status::Insider, "50.00"),
        (Status::Vip, "70.00"),
        (Status::Elite, "100.00"),
        (Status::InnerCircle, "100.00"),
    ] {
        let accrual = anna_as(status).when(buy("mindal", "1000.00")).accrual();
        assert_eq!((accrual.amount, accrual.inputs.status), (bon(earned), status));
        assert_eq!(accrual.inputs.rate_rule, RateRule::Status);
    }
}

#[test]
fn rule_b1_premium_pays_ten_percent_and_the_coalition_the_difference() {
    let premium = |status_rate: &str| AccrualInputs {
        rate_rule: RateRule::Premium,
        rate: "0.10".parse().expect("a rate"),
        status_rate: status_rate.parse().expect("a rate"),
        ..inputs()
    };
    assert_eq!(split(&premium("0.05")), parts("100.00", "50.00", "50.00"));
    assert_eq!(split(&premium("0.07")), parts("100.00", "70.00", "30.00"));
    assert_eq!(split(&premium("0.10")), parts("100.00", "100.00", "0.00"));
}

#[test]
fn rule_b2_a_new_category_multiplies_by_status() {
    for (status, earned) in [
        (Status::Insider, "75.00"),
        (Status::Vip, "140.00"),
        (Status::Elite, "200.00"),
        (Status::InnerCircle, "200.00"),
    ] {
        assert_eq!(anna_as(status).when(buy("buket", "1000.00")).earned(), bon(earned), "{status:?}");
    }
}

#[test]
fn rule_b2_the_second_purchase_of_a_category_is_not_new() {
    let world = anna().after(buy("mindal", "10.00"));
    assert_eq!(world.when(buy("mindal", "1000.00")).earned(), bon("50.00"));
}

#[test]
fn rule_b2_earlier_means_recorded_earlier_even_if_it_happened_later() {
    let world = anna().after(buy("mindal", "10.00").on("2026-03-02T11:00:00+03:00"));
    let late = buy("mindal", "1000.00").on("2026-02-20T11:00:00+03:00");
    assert_eq!(world.when(late).earned(), bon("50.00"));
}

#[test]
fn rule_b2_a_visit_to_a_clinic_ends_newness_for_that_clinic_alone() {
    let world = anna().after(buy("steam-center", "10.00"));
    assert_eq!(world.clone().when(buy("steam-center", "1000.00")).earned(), bon("50.00"), "the same clinic");
    assert_eq!(world.clone().when(buy("skinerica", "1000.00")).earned(), bon("75.00"), "another clinic");
    assert_eq!(
        world.when(buy("kozha", "1000.00")).earned(),
        bon("75.00"),
        "an ordinary business of the category"
    );
}

#[test]
fn rule_b2_an_ordinary_purchase_ends_newness_for_clinics_too() {
    let world = anna().after(buy("kozha", "10.00"));
    assert_eq!(world.when(buy("steam-center", "1000.00")).earned(), bon("50.00"));
}

#[test]
fn rule_b3_a_period_multiplies_from_its_first_moment_to_before_its_end() {
    let world = anna().after(buy("mindal", "1.00")).multiplier(
        "mindal",
        "2026-03-01T00:00:00+03:00",
        "2026-03-02T00:00:00+03:00",
        "2.50",
    );
    for (moment, earned) in [
        ("2026-02-28T23:59:59.999999+03:00", "50.00"),
        ("2026-03-01T00:00:00+03:00", "125.00"),
        ("2026-03-01T23:59:59.999999+03:00", "125.00"),
        ("2026-03-02T00:00:00+03:00", "50.00"),
    ] {
        let world = world.clone().at("2026-03-01T12:00:00+03:00").later(chrono::TimeDelta::hours(12));
        assert_eq!(world.when(buy("mindal", "1000.00").on(moment)).earned(), bon(earned), "{moment}");
    }
}

#[test]
fn rule_b3_the_newest_period_wins_and_terms_hold_outside_of_periods() {
    let mut world = anna().after(buy("mindal", "1.00"));
    let change = crate::business::decide::ChangeBusiness {
        business_id: crate::member::testing::business_id("mindal"),
        name: None,
        cashback_multiplier: Some("0.1".parse().expect("a multiplier")),
        hold_days: None,
        max_redeem_share: None,
        purchase_sources: None,
    };
    let now = at("2026-02-01T00:00:00+03:00");
    for event in crate::business::decide::change(&world.registry.businesses, &change, now).expect("a change")
    {
        let crate::log::Event::Business(fact) = event else { panic!("{event:?}") };
        world.registry.businesses.apply(&fact).expect("known");
    }
    let by_terms = world.clone().when(buy("mindal", "1000.00"));
    assert_eq!(by_terms.earned(), bon("5.00"));
    assert_eq!(by_terms.accrual().inputs.business_multiplier.to_string(), "0.1");
    let period = |world: World, value| {
        world.multiplier("mindal", "2026-03-01T00:00:00+03:00", "2026-04-01T00:00:00+03:00", value)
    };
    let world = period(period(world, "3.0"), "1.5");
    assert_eq!(world.when(buy("mindal", "1000.00")).earned(), bon("75.00"));
}

#[test]
fn rule_b4_the_product_is_rounded_once_at_the_end_half_away_from_zero() {
    for (base, new_category, multiplier, expected) in [
        ("33.30", "1", "1", parts("1.67", "1.67", "0.00")),
        ("0.09", "1", "1", parts("0.00", "0.00", "0.00")),
        ("0.10", "1", "1", parts("0.01", "0.01", "0.00")),
        ("33.30", "1.5", "1", parts("2.50", "1.67", "0.83")),
        ("100.01", "1.5", "1.11", parts("8.33", "5.55", "2.78")),
        ("0.07", "1.5", "1", parts("0.01", "0.00", "0.01")),
    ] {
        let inputs = AccrualInputs {
            base: rub(base),
            new_category: new_category.parse().expect("a multiplier"),
            business_multiplier: multiplier.parse().expect("a multiplier"),
            ..inputs()
        };
        assert_eq!(split(&inputs), expected, "{base} {new_category} {multiplier}");
    }
}

#[test]
fn rule_b4_an_accrual_is_never_negative() {
    assert_eq!(split(&AccrualInputs { base: rub("-10.00"), ..inputs() }), parts("0.00", "0.00", "0.00"));
    let small = anna().after(buy("mindal", "1.00")).when(buy("mindal", "0.01")).accrual();
    assert_eq!((small.amount, small.lots), (bon("0.00"), Vec::new()));
}

#[test]
fn rule_p1_the_policy_of_the_purchases_time_decides_when_it_is_recorded_within_24_hours() {
    let world = anna().after(buy("mindal", "1.00")).policy("rates.insider", json!("0.06"));
    let world = world.at("2026-03-03T11:00:00+03:00");
    for (moment, earned, version, looked_up) in [
        ("2026-03-03T10:00:00+03:00", "60.00", 2, PolicyMoment::OccurredAt),
        ("2026-03-02T12:00:00+03:00", "60.00", 2, PolicyMoment::OccurredAt),
        ("2026-03-02T11:59:59.999999+03:00", "50.00", 1, PolicyMoment::OccurredAt),
        ("2026-03-02T11:00:00+03:00", "50.00", 1, PolicyMoment::OccurredAt),
        ("2026-03-02T10:59:59.999999+03:00", "60.00", 2, PolicyMoment::RecordedAt),
    ] {
        let decision = world.clone().when(buy("mindal", "1000.00").on(moment));
        let accrual = decision.accrual();
        assert_eq!(accrual.amount, bon(earned), "{moment}");
        assert_eq!((accrual.inputs.policy_version, accrual.inputs.policy_moment), (version, looked_up));
        assert_eq!(decision.answer.expect("accepted").0.policy_version, version);
    }
}

#[test]
fn rule_p1_a_multiplier_period_is_looked_up_at_the_same_moment_as_the_policy() {
    let world = anna().after(buy("mindal", "1.00")).multiplier(
        "mindal",
        "2026-03-02T00:00:00+03:00",
        "2026-03-03T00:00:00+03:00",
        "2",
    );
    let late = world.clone().when(buy("mindal", "1000.00").on("2026-02-20T12:00:00+03:00"));
    assert_eq!(late.earned(), bon("100.00"), "by the multiplier of now: recorded too late");
    let imported = world.when(buy("mindal", "1000.00").on("2026-02-20T12:00:00+03:00").imported());
    assert_eq!(imported.earned(), bon("50.00"), "history by its own");
}

#[test]
fn rule_p1_an_import_is_decided_by_the_policy_of_its_own_time_however_old() {
    let world = anna().after(buy("mindal", "1.00")).policy("rates.insider", json!("0.06"));
    let accrual = world.when(buy("mindal", "1000.00").on("2026-02-01T12:00:00+03:00").imported()).accrual();
    assert_eq!((accrual.amount, accrual.inputs.policy_version), (bon("50.00"), 1));
    assert_eq!(accrual.inputs.policy_moment, PolicyMoment::OccurredAt);
}

#[test]
fn rule_p4_a_new_policy_leaves_what_was_earned_alone() {
    let world = anna().after(buy("mindal", "1000.00"));
    let before: Vec<_> = world.state.live_lots().cloned().collect();
    let world = world.policy("rates.insider", json!("0.01")).policy("bonus.life_days", json!(1));
    let world = world.at("2026-05-31T23:59:59.999999+03:00").after(crate::member::MemberCommand::WriteDue);
    assert_eq!(world.state.live_lots().cloned().collect::<Vec<_>>(), before);
    assert_eq!(world.balance(), (bon("75.00"), bon("0.00")));
}

#[test]
fn rule_p5_the_recorded_inputs_lead_to_the_recorded_amounts() {
    let world = anna().multiplier("buket", "2026-03-01T00:00:00+03:00", "2026-04-01T00:00:00+03:00", "1.37");
    let accrual = world.when(buy("buket", "777.77")).accrual();
    let again = split(&accrual.inputs).expect("fits");
    assert_eq!(accrual.amount, bon("79.92"), "777.77 × 0.05 × 1.5 × 1.37 = 79.9159");
    assert_eq!(again.total, accrual.amount);
    assert_eq!(
        accrual.lots.iter().map(|lot| lot.amount).collect::<Vec<_>>(),
        [again.business, again.coalition]
    );
    assert_eq!(accrual.inputs.rules_revision, crate::policy::RULES_REVISION);
}
