//! What a purchase gets from a chain. Rules X1, X3, X5, X6, X9, F5.

use crate::category::Confidentiality;
use crate::chain::definition::Definition;
use crate::chain::definition::{Audience, ChainFunder, ChainKind, Limits};
use crate::chain::event::{ChainEnded, ChainEvent, ChainPaused, ChainRewardIssued};
use crate::log::Event;
use crate::member::MemberCommand;
use crate::member::consent::ConsentChoice;
use crate::member::event::{
    ChainConverted, CouponConditions, CouponIssued, CouponRevoked, FromChain, MemberEvent, PolicyMoment,
    Promise,
};
use crate::member::lot::Funder;
use crate::member::reward::may_take;
use crate::member::status::Status;
use crate::member::testing::{
    Decision, IN_THE_APP, NOON, TRIGGERED, World, activate, amend, anna, at, business_id, buy, chain_id,
    consent, coupon_id, fixed, give_back, purchase_id, refund_id, rub, steps, take,
};

fn dinner() -> Definition {
    steps(ChainKind::Linear, &[("mindal", "lisichkino")])
}

/// Anna has bought at mindal for so much while the chain ran.
fn bought(definition: Definition, amount: &str) -> World {
    anna().running(1, definition).after(buy("mindal", amount))
}

/// The coupon and the chain's fact, if there is a reward.
fn given(decision: &Decision) -> Option<(CouponIssued, ChainRewardIssued)> {
    match decision.drafted().iter().map(|new| new.event.clone()).collect::<Vec<_>>().as_slice() {
        [] => None,
        [.., Event::Member(MemberEvent::ChainTriggered(fact))] if fact.promise != Promise::CrossBonus => None,
        [
            Event::Member(MemberEvent::CouponIssued(coupon)),
            ..,
            Event::Chain(ChainEvent::ChainRewardIssued(fact)),
        ] => Some((coupon.clone(), fact.clone())),
        other => panic!("{other:?}"),
    }
}

fn is_given(world: World, chain: u8, step: u32, purchase: u8) -> bool {
    given(&world.when(take(chain, step, purchase))).is_some()
}

#[test]
fn rule_x3_a_purchase_triggers_the_reward_of_a_step() {
    let (coupon, reward) = given(&bought(dinner(), "2000.00").when(take(1, 0, 1))).expect("a reward");
    let expected = CouponIssued {
        coupon_id: coupon_id(TRIGGERED),
        business_id: business_id("lisichkino"),
        business: "lisichkino".parse().expect("a slug"),
        confidentiality: Confidentiality::Ordinary,
        gives: fixed("500.00"),
        conditions: CouponConditions {
            min_bill: Some(rub("1500.00")),
            new_customers_only: false,
            statuses: Vec::new(),
            with_bonuses: true,
            valid_from: None,
        },
        expires_at: at("2026-04-01T23:59:59.999999+03:00"),
        funded_by: Funder::Business("mindal".parse().expect("a slug")),
        description: None,
        gift: None,
        chain: Some(Box::new(FromChain {
            chain_id: chain_id(1),
            version: 1,
            step: 0,
            purchase_id: purchase_id(1),
            bought_at: at(NOON),
            until: at("2026-03-16T12:00:00+03:00"),
            trail: vec![business_id("mindal")],
            description: dinner().texts().nth(1),
            gift: None,
        })),
        offer: None,
    };
    assert_eq!(coupon, expected);
    let expected = ChainRewardIssued {
        chain_id: chain_id(1),
        version: 1,
        step: 0,
        purchase_id: purchase_id(1),
        coupon_id: Some(coupon_id(TRIGGERED)),
        cost: rub("500.00"),
        issued: 1,
        committed: rub("500.00"),
    };
    assert_eq!(reward, expected);
}

#[test]
fn rule_x1_the_reward_is_borne_by_whom_the_chain_says() {
    let by = |funded_by| {
        let world = bought(Definition { funded_by, ..dinner() }, "2000.00");
        given(&world.when(take(1, 0, 1))).expect("a reward").0.funded_by
    };
    assert_eq!(by(ChainFunder::Target), Funder::Business("lisichkino".parse().expect("a slug")));
    assert_eq!(by(ChainFunder::Coalition), Funder::Coalition);
}

#[test]
fn rule_x3_what_stands_in_the_accrual_tells_who_asks_in_vain() {
    let asks = |definition, amount| {
        let world = bought(definition, amount);
        let fact = world.log.iter().find_map(|(_, event)| match event {
            Event::Member(MemberEvent::BonusAccrued(fact)) => Some(fact),
            _ => None,
        });
        let fact = fact.expect("a purchase");
        let triggered = world.registry.chains.triggered(business_id("mindal"), world.now);
        let asks: Vec<bool> = triggered.map(|it| may_take(&it, fact)).collect();
        (asks, is_given(world.clone(), 1, 0, 1))
    };
    let for_them =
        |statuses| Definition { audience: Audience { statuses, new_customers_of_target: false }, ..dinner() };
    assert_eq!(asks(dinner(), "2000.00"), (vec![true], true));
    assert_eq!(asks(dinner(), "1999.99"), (vec![false], false));
    assert_eq!(asks(for_them(vec![Status::Insider, Status::Vip]), "2000.00"), (vec![true], true));
    assert_eq!(asks(for_them(vec![Status::Vip]), "2000.00"), (vec![false], false));
}

#[test]
fn rule_x3_the_net_amount_counts() {
    assert!(!is_given(bought(dinner(), "1999.99"), 1, 0, 1));
    let refunded = bought(dinner(), "3000.00").after(give_back(1, 1, "1000.00"));
    assert!(is_given(refunded.clone(), 1, 0, 1));
    assert!(!is_given(refunded.after(give_back(2, 1, "0.01")), 1, 0, 1));
    assert!(!is_given(bought(dinner(), "3000.00").after(amend(1, 2, Some("1999.00"))), 1, 0, 1));
    assert!(!is_given(bought(dinner(), "3000.00").after(amend(1, 2, None)), 1, 0, 1));
    let mut any = dinner();
    any.steps[0].min_amount = None;
    assert!(is_given(bought(any.clone(), "0.01"), 1, 0, 1));
    assert!(!is_given(bought(any, "1.00").after(give_back(1, 1, "1.00")), 1, 0, 1), "a net of 0 (X6)");
}

#[test]
fn rule_x3_only_while_the_version_runs_and_inside_the_window() {
    let world = bought(dinner(), "2000.00");
    assert!(is_given(world.clone().at("2026-03-16T12:00:00+03:00"), 1, 0, 1));
    assert!(!is_given(world.clone().at("2026-03-16T12:00:00.000001+03:00"), 1, 0, 1), "14 days");
    let mut later = world.clone();
    let (chain_id, version, at) = (chain_id(1), 1, world.now.plus(chrono::TimeDelta::seconds(1)));
    later
        .registry
        .chains
        .apply(&ChainEvent::ChainPaused(ChainPaused { chain_id, version, at }))
        .expect("runs");
    later
        .registry
        .chains
        .apply(&ChainEvent::ChainEnded(ChainEnded { chain_id, version, at }))
        .expect("is known");
    assert!(is_given(later.clone(), 1, 0, 1), "it ran when she bought");
    let late = later.later(chrono::TimeDelta::hours(1)).after(buy("mindal", "2000.00"));
    assert!(!is_given(late, 1, 0, 2));
    let before =
        anna().after(buy("mindal", "2000.00")).later(chrono::TimeDelta::hours(1)).running(1, dinner());
    assert!(!is_given(before, 1, 0, 1), "it did not run yet");
}

#[test]
fn rule_x3_of_a_purchase_of_the_tolerated_future_the_moment_of_its_recording_counts() {
    let (now, soon) = (at(NOON), at("2026-03-02T12:04:00+03:00"));
    assert_eq!(PolicyMoment::OccurredAt.of_chains(soon, now), now);
    assert_eq!(PolicyMoment::OccurredAt.of_chains(now, soon), now);
    assert_eq!(PolicyMoment::RecordedAt.of_chains(now, soon), soon);
}

#[test]
fn rule_p1_who_is_held_out_is_up_to_the_policy_that_decides_on_the_purchase() {
    let two_days = chrono::TimeDelta::days(2);
    let everybody = |world: World| world.policy("chain.holdout_percent", serde_json::json!("100"));
    let late = everybody(anna().running(1, dinner()).later(two_days));
    let late = late.after(buy("mindal", "2000.00").on(NOON));
    assert!(!is_given(late, 1, 0, 1), "recorded too late for the policy of its day");
    let in_time = everybody(bought(dinner(), "2000.00").later(two_days));
    assert!(is_given(in_time, 1, 0, 1));
}

#[test]
fn rule_x1_the_audience() {
    let of = |statuses, new_customers_of_target| Definition {
        audience: Audience { statuses, new_customers_of_target },
        ..dinner()
    };
    assert!(is_given(bought(of(vec![Status::Insider], true), "2000.00"), 1, 0, 1));
    assert!(!is_given(bought(of(vec![Status::Vip, Status::Elite], false), "2000.00"), 1, 0, 1));
    let customer = || anna().running(1, of(Vec::new(), true)).after(buy("lisichkino", "10.00"));
    assert!(!is_given(customer().after(buy("mindal", "2000.00")), 1, 0, 2));
}

#[test]
fn rule_x5_the_limits_of_a_chain_are_kept() {
    let within = |limits| {
        let world = bought(Definition { limits, ..dinner() }, "2000.00").after(take(1, 0, 1));
        is_given(world.after(buy("mindal", "2000.00")), 1, 0, 2)
    };
    let none = Limits::default;
    assert!(within(none()));
    assert!(!within(Limits { per_member: Some(1), ..none() }));
    assert!(within(Limits { per_member: Some(2), ..none() }));
    assert!(!within(Limits { total: Some(1), ..none() }));
    assert!(within(Limits { total: Some(2), ..none() }));
    assert!(!within(Limits { budget: Some(rub("999.99")), ..none() }));
    assert!(within(Limits { budget: Some(rub("1000.00")), ..none() }));
}

#[test]
fn rule_x6_a_coupon_leads_nowhere_it_came_from() {
    let mutual = steps(ChainKind::Mutual, &[("mindal", "lisichkino"), ("lisichkino", "mindal")]);
    let on = steps(ChainKind::Fan, &[("lisichkino", "mindal"), ("lisichkino", "buket")]);
    let with_coupon = bought(mutual, "2000.00")
        .running(2, on)
        .after(take(1, 0, 1))
        .after(activate(TRIGGERED, 1))
        .after(buy("lisichkino", "3000.00").using(1));
    assert!(!is_given(with_coupon.clone(), 1, 1, 2), "in the same chain");
    assert!(!is_given(with_coupon.clone(), 2, 0, 2), "through another");
    let (coupon, _) = given(&with_coupon.when(take(2, 1, 2))).expect("a reward");
    let trail = coupon.chain.expect("of a chain").trail;
    assert_eq!(trail, [business_id("mindal"), business_id("lisichkino")]);
    let mutual = steps(ChainKind::Mutual, &[("mindal", "lisichkino"), ("lisichkino", "mindal")]);
    let without = bought(mutual, "2000.00").after(take(1, 0, 1)).after(buy("lisichkino", "3000.00"));
    assert!(is_given(without, 1, 1, 2), "a purchase without the coupon begins anew");
}

#[test]
fn rule_x6_causation_is_no_deeper_than_the_policy_says() {
    let on = steps(ChainKind::Linear, &[("lisichkino", "buket")]);
    let world = |depth: u32| {
        anna()
            .policy("chain.max_depth", depth.into())
            .running(1, dinner())
            .running(2, on.clone())
            .after(buy("mindal", "2000.00"))
            .after(take(1, 0, 1))
            .after(activate(TRIGGERED, 1))
            .after(buy("lisichkino", "3000.00").using(1))
    };
    assert!(!is_given(world(1), 2, 0, 2));
    assert!(is_given(world(2), 2, 0, 2));
}

#[test]
fn rule_x9_a_clinic_triggers_only_by_consent_and_may_be_a_target() {
    let from_clinic = || {
        let definition = steps(ChainKind::Linear, &[("steam-center", "mindal")]);
        anna().running(1, definition).after(buy("steam-center", "2000.00"))
    };
    assert!(!is_given(from_clinic(), 1, 0, 1));
    let choose = |choice| MemberCommand::ChangeConsents {
        changes: vec![consent("medical_cross_promo", choice)],
        origin: IN_THE_APP,
    };
    let consents = from_clinic().after(choose(ConsentChoice::Granted));
    assert!(is_given(consents.clone(), 1, 0, 1));
    assert!(!is_given(consents.after(choose(ConsentChoice::Withdrawn)), 1, 0, 1));
    let to_clinic = bought(steps(ChainKind::Linear, &[("mindal", "steam-center")]), "2000.00");
    let (coupon, _) = given(&to_clinic.when(take(1, 0, 1))).expect("a reward");
    assert_eq!(coupon.confidentiality, Confidentiality::Medical);
}

#[test]
fn rule_f5_a_full_refund_of_the_trigger_revokes_an_unused_coupon_alone() {
    let world = || bought(dinner(), "2000.00").after(take(1, 0, 1));
    let revoked = |decision: &Decision| {
        decision.drafted().iter().find_map(|new| match &new.event {
            Event::Member(MemberEvent::CouponRevoked(fact)) => Some(fact.clone()),
            _ => None,
        })
    };
    assert_eq!(revoked(&world().when(give_back(1, 1, "1999.99"))), None);
    let expected = CouponRevoked {
        coupon_id: coupon_id(TRIGGERED),
        business_id: business_id("lisichkino"),
        confidentiality: Confidentiality::Ordinary,
        reason_id: None,
        refund_id: Some(refund_id(2)),
    };
    let rest = world().after(give_back(1, 1, "1999.99")).when(give_back(2, 1, "0.01"));
    assert_eq!(revoked(&rest), Some(expected));
    assert!(revoked(&world().when(amend(1, 2, None))).is_some(), "a document that is void (D3)");
    let used = world().after(activate(TRIGGERED, 1)).after(buy("lisichkino", "3000.00").using(1));
    assert_eq!(revoked(&used.when(give_back(1, 1, "2000.00"))), None, "a used one stays");
}

/// The conversion that is decided, if one is.
fn converted(decision: &Decision) -> Option<ChainConverted> {
    decision.drafted().iter().find_map(|new| match &new.event {
        Event::Member(MemberEvent::ChainConverted(fact)) => Some(fact.clone()),
        _ => None,
    })
}

#[test]
fn rule_x4_a_purchase_at_the_target_converts_the_last_open_trigger() {
    let hour = chrono::TimeDelta::hours(1);
    let world = bought(dinner(), "2000.00").after(take(1, 0, 1)).later(hour);
    let world = world.after(buy("mindal", "2000.00")).after(take(1, 0, 2)).later(hour);
    let expected = ChainConverted {
        chain_id: chain_id(1),
        version: 1,
        step: 0,
        trigger_id: purchase_id(2),
        purchase_id: purchase_id(3),
        bought_at: world.now,
        business_id: business_id("lisichkino"),
        confidentiality: Confidentiality::Ordinary,
        held_out: false,
    };
    assert_eq!(
        converted(&world.clone().when(buy("lisichkino", "10.00"))),
        Some(expected),
        "without the coupon"
    );
    let trigger = |world: &World| {
        let answer = converted(&world.clone().when(buy("lisichkino", "10.00")));
        answer.map(|fact| fact.trigger_id)
    };
    let once = world.after(buy("lisichkino", "10.00"));
    assert_eq!(trigger(&once), Some(purchase_id(1)), "each trigger once");
    assert_eq!(
        trigger(&once.clone().after(give_back(1, 1, "2000.00"))),
        None,
        "nothing follows from what was refunded"
    );
    assert_eq!(trigger(&once.after(buy("lisichkino", "10.00"))), None);
    let late = bought(dinner(), "2000.00").after(take(1, 0, 1)).at("2026-03-16T12:00:00+03:00");
    assert_eq!(trigger(&late), Some(purchase_id(1)), "the last moment of the window");
    assert_eq!(trigger(&late.later(chrono::TimeDelta::microseconds(1))), None);
}

#[test]
fn rule_x4_of_two_chains_of_one_pair_the_one_drawn_up_first_has_its_turn_first() {
    // Chain 2 was drawn up before chain 1, whose id is smaller; in whichever order the log took what was triggered.
    let world = anna().running(2, dinner()).running(1, dinner()).after(buy("mindal", "2000.00"));
    for order in [[1, 2], [2, 1]] {
        let given = order.into_iter().fold(world.clone(), |world, chain| world.after(take(chain, 0, 1)));
        let given = given.later(chrono::TimeDelta::hours(1));
        let by = |decision: &Decision| converted(decision).map(|fact| fact.chain_id);
        assert_eq!(by(&given.clone().when(buy("lisichkino", "10.00"))), Some(chain_id(2)));
        let once = given.after(buy("lisichkino", "10.00"));
        assert_eq!(
            by(&once.clone().when(buy("lisichkino", "10.00"))),
            Some(chain_id(1)),
            "the next is the other's"
        );
        assert_eq!(by(&once.after(buy("lisichkino", "10.00")).when(buy("lisichkino", "10.00"))), None);
    }
}

#[test]
fn rule_x4_a_trigger_that_comes_late_converts_by_the_first_purchase_after_it() {
    let hour = chrono::TimeDelta::hours(1);
    let ran = anna().running(1, dinner()).later(hour);
    let world = ran.after(buy("lisichkino", "10.00")).later(hour).after(buy("lisichkino", "10.00"));
    let world = world.after(buy("mindal", "2000.00").on("2026-03-02T12:30:00+03:00"));
    let decided = world.clone().when(take(1, 0, 3));
    let by = |decision: &Decision| converted(decision).map(|fact| (fact.trigger_id, fact.purchase_id));
    assert_eq!(by(&decided), Some((purchase_id(3), purchase_id(1))));
    let world = world.after(take(1, 0, 3)).after(buy("mindal", "2000.00").on("2026-03-02T12:31:00+03:00"));
    assert_eq!(by(&world.clone().when(take(1, 0, 4))), Some((purchase_id(4), purchase_id(2))));
    let world = world.after(take(1, 0, 4)).after(buy("mindal", "2000.00").on("2026-03-02T12:32:00+03:00"));
    assert_eq!(by(&world.when(take(1, 0, 5))), None, "each purchase once");
}

#[test]
fn rule_x9_a_conversion_that_tells_of_a_clinic_is_a_secret() {
    let definition = steps(ChainKind::Linear, &[("mindal", "steam-center")]);
    let world = bought(definition, "2000.00").after(take(1, 0, 1)).later(chrono::TimeDelta::hours(1));
    let fact = converted(&world.when(buy("steam-center", "10.00"))).expect("a conversion");
    assert_eq!(fact.confidentiality, Confidentiality::Medical);
}
