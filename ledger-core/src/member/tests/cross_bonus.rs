//! Bonuses of a chain for a purchase that follows. Rules B9, F7, X3, X4, X5.

use chrono::TimeDelta;

use crate::category::Confidentiality;
use crate::chain::definition::{ChainFunder, ChainKind, Definition, Limits, Reward};
use crate::chain::event::{ChainEvent, ChainPaused, ChainRewardIssued};
use crate::ids::{LotId, MemberId};
use crate::log::Event;
use crate::member::command::PurchaseDocument;
use crate::member::consent::ConsentChoice;
use crate::member::event::{
    ChainConverted, ChainTriggered, CrossBonusAccrued, Holding, MemberEvent, Promise,
};
use crate::member::lot::{Funder, Lot, LotOrigin};
use crate::member::testing::{
    Decision, World, amend, anna, at, bon, business_id, buy, chain_id, consent, follow, give_back, hold,
    purchase_id, reason_id, redemption_id, rub, steps, take,
};
use crate::member::{MemberCommand, MemberOutcome};
use crate::money::Bonuses;

/// Миндаль → Букет, so much of the bill there.
fn flowers(rate: Option<&str>) -> Definition {
    let mut definition = steps(ChainKind::Linear, &[("mindal", "buket")]);
    let rate = rate.map(|rate| rate.parse().expect("a rate"));
    definition.steps[0].reward = Reward::CrossBonus { rate };
    definition
}

/// Anna bought at mindal, which promised her bonuses.
fn promised(definition: Definition) -> World {
    anna()
        .running(1, definition)
        .after(buy("mindal", "2000.00"))
        .after(take(1, 0, 1))
        .later(TimeDelta::hours(1))
}

/// She bought flowers for so much after that.
fn followed(definition: Definition, amount: &str) -> World {
    promised(definition).after(buy("buket", amount))
}

fn member_facts(decision: &Decision) -> Vec<MemberEvent> {
    let facts = decision.drafted().iter().filter_map(|new| match &new.event {
        Event::Member(fact) => Some(fact.clone()),
        _ => None,
    });
    facts.collect()
}

fn brought(decision: &Decision) -> Option<CrossBonusAccrued> {
    member_facts(decision).into_iter().find_map(|fact| match fact {
        MemberEvent::CrossBonusAccrued(fact) => Some(fact),
        _ => None,
    })
}

fn amount(decision: &Decision) -> Bonuses {
    brought(decision).and_then(|fact| fact.lot).map_or(Bonuses::ZERO, |lot| lot.amount)
}

/// What she has of the chain's, pending and available.
fn of_chain(world: &World) -> Bonuses {
    let lots = world.state.live_lots().filter(|lot| matches!(lot.origin, LotOrigin::CrossBonus { .. }));
    Bonuses::checked_sum(lots.map(|lot| lot.left)).expect("fits")
}

#[test]
fn rule_b9_a_purchase_after_a_trigger_brings_a_part_of_its_bill() {
    let world = anna().running(1, flowers(None)).after(buy("mindal", "2000.00"));
    let triggered = member_facts(&world.clone().when(take(1, 0, 1)));
    let [MemberEvent::ChainTriggered(ChainTriggered { business_id: target, promise, .. })] =
        triggered.as_slice()
    else {
        panic!("{triggered:?}");
    };
    assert_eq!((*target, *promise), (business_id("buket"), Promise::CrossBonus));
    let world = followed(flowers(None), "333.35");
    let decided = world.clone().when(follow(1, 0, 1, 2));
    let expected = CrossBonusAccrued {
        purchase_id: purchase_id(2),
        business_id: business_id("buket"),
        business: "buket".parse().expect("a slug"),
        confidentiality: Confidentiality::Ordinary,
        chain_id: chain_id(1),
        version: 1,
        step: 0,
        trigger_id: purchase_id(1),
        revision: None,
        rate: "0.10".parse().expect("a rate"),
        most: bon("33.34"),
        funded_by: Funder::Business("mindal".parse().expect("a slug")),
        lot: Some(Lot {
            lot_id: LotId::of_cross_bonus(purchase_id(2), purchase_id(1)),
            funder: Funder::Business("mindal".parse().expect("a slug")),
            amount: bon("33.34"),
            opens: Holding::Available,
            available_from: at("2026-03-02T13:00:00+03:00"),
            expires_at: at("2026-05-31T23:59:59.999999+03:00"),
        }),
    };
    assert_eq!(brought(&decided), Some(expected));
    let chain = decided.drafted().iter().find_map(|new| match &new.event {
        Event::Chain(ChainEvent::ChainRewardIssued(fact)) => Some(fact.clone()),
        _ => None,
    });
    let expected = ChainRewardIssued {
        chain_id: chain_id(1),
        version: 1,
        step: 0,
        purchase_id: purchase_id(1),
        coupon_id: None,
        cost: rub("33.34"),
        issued: 1,
        committed: rub("33.34"),
    };
    assert_eq!(chain, Some(expected));
    let once = world.after(follow(1, 0, 1, 2));
    assert_eq!(amount(&once.when(follow(1, 0, 1, 2))), Bonuses::ZERO, "one for a purchase");
}

#[test]
fn rule_b9_the_chain_says_how_much_and_who_bears_it() {
    let by = |funded_by| {
        let definition = Definition { funded_by, ..flowers(Some("0.25")) };
        brought(&followed(definition, "100.00").when(follow(1, 0, 1, 2)))
            .and_then(|fact| fact.lot)
            .expect("a bonus")
    };
    assert_eq!(by(ChainFunder::Coalition).funder, Funder::Coalition);
    assert_eq!(by(ChainFunder::Target).funder, Funder::Business("buket".parse().expect("a slug")));
    assert_eq!(by(ChainFunder::Source).amount, bon("25.00"));
}

#[test]
fn rule_b9_the_lot_lives_as_those_of_its_purchase() {
    let mut definition = flowers(None);
    definition.steps[0].to = business_id("lisichkino");
    let world = promised(definition).after(buy("lisichkino", "1000.00"));
    let lot = brought(&world.clone().when(follow(1, 0, 1, 2))).and_then(|fact| fact.lot).expect("a bonus");
    assert_eq!(lot.opens, Holding::Pending, "14 days of hold there");
    assert_eq!(lot.available_from, at("2026-03-16T13:00:00+03:00"));
    let after = world.clone().at("2026-05-31T23:59:59.999999+03:00").when(follow(1, 0, 1, 2));
    assert_eq!(amount(&after), bon("100.00"));
    assert_eq!(amount(&world.at("2026-06-01T00:00:00+03:00").when(follow(1, 0, 1, 2))), Bonuses::ZERO);
}

#[test]
fn rule_f7_a_cross_bonus_falls_with_its_purchase_in_proportion() {
    let world = followed(flowers(None), "1000.00").after(follow(1, 0, 1, 2));
    assert_eq!(of_chain(&world), bon("100.00"));
    let part = world.clone().after(give_back(1, 2, "333.33"));
    assert_eq!(of_chain(&part), bon("66.67"));
    assert_eq!(of_chain(&part.after(give_back(2, 2, "666.67"))), bon("0.00"));
    // As if it were refunded before.
    let refunded = followed(flowers(None), "1000.00").after(give_back(1, 2, "333.33"));
    assert_eq!(amount(&refunded.when(follow(1, 0, 1, 2))), bon("66.67"));
    let all = followed(flowers(None), "1000.00").after(give_back(1, 2, "1000.00"));
    assert_eq!(amount(&all.when(follow(1, 0, 1, 2))), Bonuses::ZERO);
}

#[test]
fn rule_f7_d3_a_revision_reckons_it_anew() {
    let world = followed(flowers(None), "1000.00").after(follow(1, 0, 1, 2));
    assert_eq!(of_chain(&world.clone().after(amend(2, 2, Some("400.00")))), bon("40.00"));
    let up = world.clone().after(amend(2, 2, Some("1500.00")));
    assert_eq!(of_chain(&up), bon("100.00"), "never more than was counted of the budget (X5)");
    assert_eq!(of_chain(&up.after(amend(2, 3, Some("900.00")))), bon("90.00"));
    let void = world.after(amend(2, 2, None));
    assert_eq!(of_chain(&void), bon("0.00"));
    let restored = void.after(amend(2, 3, Some("1000.00")));
    assert_eq!(of_chain(&restored), bon("100.00"));
    assert_eq!(of_chain(&restored.after(give_back(1, 2, "500.00"))), bon("50.00"));
}

#[test]
fn rule_f2_f3_what_is_spent_of_it_is_owed_to_whom_it_came_from() {
    let world = followed(flowers(Some("0.50")), "1000.00").after(follow(1, 0, 1, 2));
    let (total, _) = world.total_and_debt();
    let all = total.to_string();
    let pays = |document: &mut PurchaseDocument| document.redemption_id = Some(redemption_id(1));
    let spent = world.after(hold(1, "zubok", "5000.00", &all)).after(buy("zubok", "5000.00").with(pays));
    let facts = member_facts(&spent.when(give_back(1, 2, "1000.00")));
    let owed = facts.iter().find_map(|fact| match fact {
        MemberEvent::DebtIncurred(fact)
            if fact.lot_id == LotId::of_cross_bonus(purchase_id(2), purchase_id(1)) =>
        {
            Some((fact.creditor.clone(), fact.amount))
        }
        _ => None,
    });
    let taken = facts.iter().find_map(|fact| match fact {
        MemberEvent::BonusTakenBack(fact) => Some((fact.accrual, fact.amount)),
        _ => None,
    });
    let (accrual, amount) = taken.expect("a take-back");
    assert_eq!(amount, accrual.checked_add(bon("500.00")).expect("fits"));
    let (creditor, debt) = owed.expect("a debt");
    assert_eq!(creditor, Funder::Business("mindal".parse().expect("a slug")));
    assert!(debt.is_positive() && debt <= bon("500.00"), "{debt}");
}

#[test]
fn rule_x5_a_cross_bonus_counts_when_it_is_given() {
    let second = |limits| {
        let world = followed(Definition { limits, ..flowers(None) }, "1000.00").after(follow(1, 0, 1, 2));
        let world = world.after(buy("mindal", "2000.00")).after(take(1, 0, 3));
        let world = world.later(TimeDelta::hours(1)).after(buy("buket", "1000.00"));
        amount(&world.when(follow(1, 0, 3, 4)))
    };
    let none = Limits::default;
    assert_eq!(second(none()), bon("100.00"));
    assert_eq!(second(Limits { budget: Some(rub("200.00")), ..none() }), bon("100.00"));
    assert_eq!(second(Limits { budget: Some(rub("199.99")), ..none() }), bon("0.00"));
    assert_eq!(second(Limits { total: Some(1), ..none() }), bon("0.00"));
    assert_eq!(second(Limits { per_member: Some(1), ..none() }), bon("0.00"));
}

#[test]
fn rule_x9_a_cross_bonus_that_tells_of_a_clinic_is_a_secret() {
    let mut definition = flowers(None);
    (definition.steps[0].to, definition.funded_by) = (business_id("steam-center"), ChainFunder::Coalition);
    let world = promised(definition).after(buy("steam-center", "1000.00"));
    let fact = brought(&world.when(follow(1, 0, 1, 2))).expect("a bonus");
    assert_eq!(fact.confidentiality, Confidentiality::Medical);
}

/// She was at the clinic, which promised her bonuses for flowers, and bought some.
fn after_clinic() -> World {
    let mut definition = flowers(None);
    (definition.steps[0].from, definition.funded_by) = (business_id("steam-center"), ChainFunder::Coalition);
    let world = anna().after([consent("medical_cross_promo", ConsentChoice::Granted)]).running(1, definition);
    let world = world.after(buy("steam-center", "2000.00")).after(take(1, 0, 1)).later(TimeDelta::hours(1));
    world.after(buy("buket", "1000.00"))
}

#[test]
fn rule_x9_s7_what_is_taken_back_of_a_clinics_cross_bonus_is_told_to_nobody() {
    let world = after_clinic().after(follow(1, 0, 1, 2));
    assert_eq!(of_chain(&world), bon("100.00"));
    let decided = world.when(give_back(1, 2, "1000.00"));
    let MemberOutcome::Refunded { bonuses_taken_back, .. } = decided.outcome() else { panic!("a refund") };
    let fact = member_facts(&decided).into_iter().find_map(|fact| match fact {
        MemberEvent::BonusTakenBack(fact) => Some(fact),
        _ => None,
    });
    let fact = fact.expect("a take-back");
    assert_eq!((*bonuses_taken_back, fact.of_secret), (fact.accrual, bon("100.00")));
    let secret = fact.own.iter().filter(|own| own.part.confidentiality == Confidentiality::Medical);
    assert_eq!(Bonuses::checked_sum(secret.map(|own| own.part.amount)), Some(bon("100.00")));
}

#[test]
fn rule_x9_nothing_comes_of_a_clinics_visit_once_the_consent_is_withdrawn() {
    let world = after_clinic();
    assert_eq!(amount(&world.clone().when(follow(1, 0, 1, 2))), bon("100.00"));
    let world = world.after([consent("medical_cross_promo", ConsentChoice::Withdrawn)]);
    assert_eq!(amount(&world.when(follow(1, 0, 1, 2))), Bonuses::ZERO);
}

#[test]
fn rule_b9_only_while_the_step_runs() {
    let at = |world: &World| ChainPaused { chain_id: chain_id(1), version: 1, at: world.now };
    let mut paused = promised(flowers(None));
    let fact = ChainEvent::ChainPaused(at(&paused));
    paused.registry.chains.apply(&fact).expect("it runs");
    let late = paused.clone().later(TimeDelta::hours(1)).after(buy("buket", "1000.00"));
    assert_eq!(amount(&late.when(follow(1, 0, 1, 2))), Bonuses::ZERO);
    let mut before = followed(flowers(None), "1000.00").later(TimeDelta::hours(1));
    let fact = ChainEvent::ChainPaused(at(&before));
    before.registry.chains.apply(&fact).expect("it runs");
    assert_eq!(amount(&before.when(follow(1, 0, 1, 2))), bon("100.00"), "it ran when she bought");
}

#[test]
fn rule_x3_a_cross_bonus_of_nothing_is_decided_once() {
    let limits = Limits { budget: Some(rub("40.00")), ..Limits::default() };
    let world = followed(Definition { limits, ..flowers(None) }, "1000.00");
    let fact = brought(&world.clone().when(follow(1, 0, 1, 2))).expect("a fact");
    assert_eq!((fact.lot, fact.most), (None, Bonuses::ZERO));
    let later = world.after(follow(1, 0, 1, 2)).after(give_back(1, 2, "700.00"));
    assert!(later.when(follow(1, 0, 1, 2)).drafted().is_empty(), "30.00 would fit now");
}

#[test]
fn rule_x4_who_is_held_out_of_one_chain_loses_nothing_of_another() {
    let other = steps(ChainKind::Linear, &[("zubok", "buket")]);
    let world = anna().running(1, flowers(None)).running(2, held_out(other));
    let world = world.after(buy("mindal", "2000.00")).after(take(1, 0, 1)).later(TimeDelta::hours(1));
    let world = world.after(buy("zubok", "2000.00")).after(take(2, 0, 2)).later(TimeDelta::hours(1));
    let facts = member_facts(&world.when(buy("buket", "1000.00")));
    let conversions: Vec<_> = facts
        .iter()
        .filter_map(|fact| match fact {
            MemberEvent::ChainConverted(fact) => Some((fact.trigger_id, fact.held_out)),
            _ => None,
        })
        .collect();
    assert_eq!(conversions, [(purchase_id(1), false), (purchase_id(2), true)]);
}

/// Anna is one of so many of a hundred who get nothing.
fn held_out(definition: Definition) -> Definition {
    Definition { holdout_percent: Some(100), ..definition }
}

#[test]
fn rule_x4_the_share_that_is_held_out_is_the_chains_or_the_policys_and_always_the_same_members() {
    let running = |percent| anna().running(1, Definition { holdout_percent: percent, ..flowers(None) });
    let holds_out = |percent: Option<u32>, default: &str, member: u128| {
        let world = running(percent);
        let chain = world.registry.chains.get(chain_id(1)).expect("a chain");
        let member = MemberId::from_uuid(uuid::Uuid::from_u128(member));
        chain.newest.holds_out(chain_id(1), member, default.parse().expect("a share"))
    };
    let share = |percent, default| (0..2_000).filter(|member| holds_out(percent, default, *member)).count();
    assert_eq!((share(None, "0"), share(Some(0), "50"), share(Some(100), "0")), (0, 0, 2_000));
    let tenth = share(Some(10), "0");
    assert!((150..=250).contains(&tenth), "{tenth}");
    assert_eq!(share(None, "10"), tenth);
    let stays =
        (0..2_000).all(|member| !holds_out(Some(10), "0", member) || holds_out(Some(11), "0", member));
    assert!(stays, "who is held out of ten is held out of eleven");
}

#[test]
fn rule_x4_who_is_held_out_gets_nothing_and_converts() {
    for definition in [flowers(None), steps(ChainKind::Linear, &[("mindal", "buket")])] {
        let world = anna().running(1, held_out(definition.clone())).after(buy("mindal", "2000.00"));
        let triggered = member_facts(&world.clone().when(take(1, 0, 1)));
        let [MemberEvent::ChainTriggered(fact)] = triggered.as_slice() else { panic!("{triggered:?}") };
        assert_eq!(fact.promise, Promise::HeldOut);
        let world = world.after(take(1, 0, 1)).later(TimeDelta::hours(1));
        let converted = member_facts(&world.when(buy("buket", "1000.00")));
        let conversion = converted.iter().find_map(|fact| match fact {
            MemberEvent::ChainConverted(ChainConverted { held_out, trigger_id, .. }) => {
                Some((*held_out, *trigger_id))
            }
            _ => None,
        });
        assert_eq!(conversion, Some((true, purchase_id(1))));
    }
}

#[test]
fn rule_x3_what_may_be_otherwise_later_is_decided_once() {
    let blocked = MemberCommand::Block(Some(reason_id(1)));
    let world = anna().running(1, flowers(None)).after(buy("mindal", "2000.00")).after(blocked);
    let facts = member_facts(&world.when(take(1, 0, 1)));
    let [MemberEvent::ChainTriggered(fact)] = facts.as_slice() else { panic!("{facts:?}") };
    assert_eq!(fact.promise, Promise::Nothing);
    let never = anna().running(1, flowers(None)).after(buy("mindal", "1999.99")).when(take(1, 0, 1));
    assert!(never.drafted().is_empty(), "what can never be otherwise writes nothing");
}

#[test]
fn rule_x6_bonuses_of_a_chain_lead_nowhere_they_came_from() {
    let mut mutual = steps(ChainKind::Mutual, &[("mindal", "buket"), ("buket", "mindal")]);
    mutual.steps.iter_mut().for_each(|step| step.reward = Reward::CrossBonus { rate: None });
    let on = steps(ChainKind::Fan, &[("buket", "mindal"), ("buket", "lisichkino")]);
    let asks = |world: &World, chain: u8, step: u32| member_facts(&world.clone().when(take(chain, step, 2)));
    let followed = promised(mutual.clone()).running(2, on.clone()).after(buy("buket", "3000.00"));
    assert!(asks(&followed, 1, 1).is_empty(), "in the same chain");
    assert!(asks(&followed, 2, 0).is_empty(), "through another");
    let goes_on = asks(&followed, 2, 1).into_iter().find_map(|fact| match fact {
        MemberEvent::CouponIssued(fact) => fact.chain,
        _ => None,
    });
    assert_eq!(goes_on.expect("on to dinner").trail, [business_id("mindal"), business_id("buket")]);
    // A purchase that follows from nothing begins anew.
    let first = anna().running(1, mutual).after(buy("zakon", "10.00")).after(buy("buket", "3000.00"));
    assert!(matches!(asks(&first, 1, 1).as_slice(), [.., MemberEvent::ChainTriggered(_)]));
}
