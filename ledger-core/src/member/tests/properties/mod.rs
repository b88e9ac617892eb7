//! Properties on random histories of one member. Design, "Standing checks"; Rules B4, M1, M2, S7.
#![expect(clippy::disallowed_methods, reason = "reads the golden files; the domain itself reads none")]

mod books;
mod coupons;
mod documents;
mod merging;
mod simulation;
mod steps;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use crate::category::Confidentiality;
use crate::ids::MemberId;
use crate::log::{Event, Position};
use crate::member::MemberCommand::{self, WriteDue};
use crate::member::consent::ConsentChoice;
use crate::member::event::{BonusAccrued, MemberEvent, Track};
use crate::member::lot::Funder;
use crate::member::state::MemberState;
use crate::member::testing::{CLINICS, World, activate, buy, consent, give_back, hold, purchase_id};
use crate::member::tests::model;
use crate::money::Bonuses;

use books::Books;
use coupons::{Given, coupons};
use steps::{Step, history, steps};

const MEMBER: MemberId = MemberId::from_uuid(Uuid::from_u128(7));

fn facts(world: &World) -> impl Iterator<Item = &MemberEvent> {
    world.log.iter().map(|(_, event)| match event {
        Event::Member(fact) => fact,
        Event::Business(_) | Event::Policy(_) | Event::Chain(_) | Event::Offer(_) => {
            panic!("not a member's fact")
        }
    })
}

fn fold(world: &World, from: usize, to: usize, mut state: MemberState) -> MemberState {
    for (index, fact) in facts(world).enumerate().take(to).skip(from) {
        let position = Position::try_from(index + 1).expect("short");
        state.apply(position, world.log[index].0, fact).expect("holds");
    }
    state
}

fn accruals(world: &World) -> Vec<BonusAccrued> {
    let accrual = |fact: &MemberEvent| match fact {
        // What a revision adds is a difference: see what the revision itself says.
        MemberEvent::BonusAccrued(fact) if fact.revision.is_none() => Some(fact.clone()),
        _ => None,
    };
    facts(world).filter_map(accrual).collect()
}

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        ".{0,24}".prop_map(Value::from),
        proptest::sample::select(vec![
            "9999-12-31T23:59:59Z",
            "-0.00",
            "1e400",
            "coalition",
            "partner:",
            "+262143-01-01"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{0,12}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn rule_m1_m2_the_books_balance_at_every_prefix(steps in steps()) {
        let world = history(&steps);
        let (mut books, mut state) = (Books::default(), MemberState::default());
        for (index, (_, event)) in world.log.iter().enumerate() {
            books.post(event);
            state = fold(&world, index, index + 1, state);
            books.check(&state);
        }
        prop_assert_eq!(state, world.state);
    }

    #[test]
    fn folding_in_any_batches_and_through_snapshots_gives_the_same_state(
        steps in steps(),
        cuts in proptest::collection::vec(0_usize..120, 0..6),
    ) {
        let world = history(&steps);
        let mut ends: Vec<_> = cuts.into_iter().map(|cut| cut.min(world.log.len())).collect();
        ends.sort_unstable();
        ends.push(world.log.len());
        let (mut state, mut from) = (MemberState::default(), 0);
        for to in ends {
            state = fold(&world, from, to, state);
            let snapshot = serde_json::to_string(&state).expect("json");
            let restored: MemberState = serde_json::from_str(&snapshot).expect("a snapshot");
            prop_assert_eq!(&restored, &state);
            (state, from) = (restored, to);
        }
        prop_assert_eq!(state, world.state);
    }

    #[test]
    fn rule_b4_p5_an_accrual_is_what_integers_say(steps in steps()) {
        let world = history(&steps);
        for fact in facts(&world) {
            if let MemberEvent::PurchaseAmended(fact) = fact {
                let said = (i128::from(fact.accrual.kopecks()), i128::from(fact.of_business.kopecks()));
                prop_assert_eq!(said, model::accrual(&fact.inputs), "rule D3");
            }
        }
        for accrual in accruals(&world) {
            let (total, business) = model::accrual(&accrual.inputs);
            prop_assert_eq!(i128::from(accrual.amount.kopecks()), total);
            prop_assert!(accrual.amount.kopecks() >= 0);
            let by = |wanted: fn(&Funder) -> bool| -> i128 {
                accrual.lots.iter().filter(|lot| wanted(&lot.funder)).map(|lot| i128::from(lot.amount.kopecks())).sum()
            };
            prop_assert_eq!(by(|funder| matches!(funder, Funder::Business(_))), business);
            prop_assert_eq!(by(|funder| matches!(funder, Funder::Coalition)), total - business);
        }
    }

    #[test]
    fn rule_c4_a_discount_is_within_its_bill_and_c2_no_coupon_is_used_twice(steps in steps()) {
        let world = history(&steps);
        let mut used = std::collections::BTreeSet::new();
        for fact in facts(&world) {
            if let MemberEvent::CouponRedeemed(fact) = fact {
                prop_assert!(used.insert(fact.coupon_id), "rule C2");
                prop_assert!(fact.discount <= fact.bill && fact.discount.kopecks() >= 0);
            }
            if let MemberEvent::PurchaseAmended(fact) = fact {
                prop_assert!(fact.inputs.base.kopecks() >= 0, "what is paid is within the bill");
            }
        }
        for accrual in accruals(&world) {
            prop_assert!(accrual.inputs.base.kopecks() >= 0, "what is paid is within the bill");
        }
    }

    #[test]
    fn rule_s7_without_the_consent_a_history_looks_as_if_no_clinic_were_visited(steps in steps()) {
        let about_clinics = |step: &Step| match step {
            Step::Buy { slug, .. } => CLINICS.iter().any(|(clinic, _)| clinic == slug),
            Step::Consent { purpose, .. } => *purpose == "medical_status",
            // A clinic's bonuses are money she may spend anywhere: without bonuses her status must look the same.
            Step::Hold { .. } | Step::Pay { .. } | Step::Cancel { .. } => true,
            Step::Refund { .. } | Step::Amend { .. } => true,
            Step::Coupon(_) | Step::Document(_) => true,
            _ => false,
        };
        let spends = |step: &Step| {
            let edits = matches!(step, Step::Refund { .. } | Step::Amend { .. } | Step::Coupon(_) | Step::Document(_));
            edits || matches!(step, Step::Hold { .. } | Step::Pay { .. } | Step::Cancel { .. })
        };
        let no_consent = |step: &&Step| !matches!(step, Step::Consent { purpose: "medical_status", .. });
        let visited: Vec<_> = steps.iter().filter(no_consent).filter(|step| !spends(step)).cloned().collect();
        let never: Vec<_> = steps.iter().filter(|step| !about_clinics(step)).cloned().collect();
        let (visited, never) = (history(&visited), history(&never));
        prop_assert_eq!(visited.state.shown(), never.state.shown());
        let shown = |world: &World| -> Vec<Value> { shown_story(world) };
        prop_assert_eq!(shown(&visited), shown(&never));
    }

    #[test]
    fn rule_b6_the_balance_does_not_depend_on_what_is_written(steps in steps(), minutes in 0..400_000_i64) {
        let world = history(&steps).later(TimeDelta::minutes(minutes));
        let written = world.clone().after(WriteDue);
        prop_assert_eq!(world.state.balance(world.now, 30), written.state.balance(world.now, 30));
        prop_assert!(written.when(WriteDue).drafted().is_empty());
    }

    #[test]
    fn rule_f2_any_split_of_a_refund_comes_to_the_same_as_one(
        steps in steps(),
        kopecks in 100..3_000_000_i64,
        paid in 0..90_000_i64,
        cuts in proptest::collection::vec(1..1_000_i64, 0..5),
        is_late in any::<bool>(),
        given in proptest::option::of(coupons()),
    ) {
        let world = history(&steps).after(MemberCommand::Block(None));
        let world = world.after([consent("partner:mindal", ConsentChoice::Granted)]);
        // A purchase, paid with whatever it can be, and perhaps another that spends what it earned.
        let amount = |kopecks: i64| Bonuses::from_kopecks(kopecks).to_string();
        let can = world.state.balance(world.now, 30).expect("fits").available.kopecks().min(paid).min(kopecks / 2);
        let can = if can < 100 { 0 } else { can };
        let world = if can > 0 { world.after(hold(252, "mindal", &amount(kopecks), &amount(can))) } else { world };
        let before = world.log.len();
        let purchase = buy("mindal", &amount(kopecks));
        let (world, purchase) = match given.map(|given| Given { slug: "mindal", ..given }) {
            Some(given) => (world.clone().after(given.ask(251, world.now)).after(activate(251, 251)), purchase.using(251)),
            None => (world, purchase),
        };
        let decision = world.when(if can > 0 { purchase.paying(252, None) } else { purchase });
        let Ok((draft, _)) = decision.answer else { return Ok(()) };
        let mut world = decision.world;
        draft.events.into_iter().for_each(|new| world.write(new.occurred_at, new.event));
        let recorded = world.log[before..].iter().find_map(|(_, event)| match event {
            Event::Member(MemberEvent::PurchaseRecorded(fact)) => Some(fact.natural_key.as_bytes()[0]),
            _ => None,
        });
        let Some(serial) = recorded else { return Ok(()) };
        // The daily review has run meanwhile: a fall that is overdue is not the refund's.
        let late = |world: World| world.later(TimeDelta::days(100)).after(MemberCommand::ReviewStatus);
        let world = if is_late { late(world) } else { world };
        let whole: i64 = cuts.iter().map(|cut| (kopecks / 5_000 * cut).max(1)).sum::<i64>().clamp(1, kopecks);
        let once = world.clone().after(give_back(253, serial, &amount(whole)));
        let (mut split, mut left) = (world, whole);
        for (index, cut) in (0_u8..).zip(&cuts) {
            let part = (kopecks / 5_000 * cut).max(1).min(left);
            if part > 0 {
                split = split.after(give_back(100 + index, serial, &amount(part)));
                left -= part;
            }
        }
        if left > 0 {
            split = split.after(give_back(254, serial, &amount(left)));
        }
        prop_assert_eq!(once.total_and_debt(), split.total_and_debt());
        prop_assert_eq!(moved_by_refunds(&once, serial), moved_by_refunds(&split, serial));
        prop_assert_eq!(once.state.shown().status, split.state.shown().status);
    }

    #[test]
    fn design_l6_every_payload_reads_back(steps in steps()) {
        for (_, event) in &history(&steps).log {
            let text = serde_json::to_string(&event.payload().expect("json")).expect("text");
            let payload: Value = serde_json::from_str(&text).expect("json");
            let read = Event::decode(event.event_type(), event.schema_version(), &payload).expect("readable");
            prop_assert_eq!(&read, event);
        }
    }

    #[test]
    fn arbitrary_json_never_panics_a_reader(
        payload in arbitrary_json(),
        kind in 0..Event::CATALOGUE.len(),
        version in -1..4_i16,
    ) {
        let (event_type, _) = Event::CATALOGUE[kind];
        let _ = Event::decode(event_type, version, &payload);
        let golden = std::fs::read_to_string(format!("tests/golden-events/{event_type}.v1.json")).expect("the file");
        let mut spoilt: Value = serde_json::from_str(&golden).expect("json");
        if let Some(field) = spoilt.as_object_mut().and_then(|map| map.values_mut().next()) {
            *field = payload;
        }
        let _ = Event::decode(event_type, 1, &spoilt);
    }
}

/// What the refunds of a purchase took back and returned in all, and what each funder is to get.
fn moved_by_refunds(world: &World, serial: u8) -> (i64, i64, BTreeMap<String, i64>) {
    let id = purchase_id(serial);
    let (mut taken, mut returned, mut credited) = (0, 0, BTreeMap::<String, i64>::new());
    for fact in facts(world) {
        match fact {
            MemberEvent::BonusTakenBack(fact) if fact.purchase_id == id => {
                taken += fact.amount.kopecks();
                for other in &fact.others {
                    let kopecks = other.part.amount.kopecks();
                    *credited.entry(other.creditor.to_string()).or_default() += kopecks;
                    *credited.entry(other.part.funder.to_string()).or_default() -= kopecks;
                }
            }
            MemberEvent::DebtIncurred(fact) if fact.purchase_id == id => {
                *credited.entry(fact.creditor.to_string()).or_default() += fact.amount.kopecks();
            }
            MemberEvent::BonusReturned(fact) if fact.purchase_id == id => returned += fact.amount.kopecks(),
            MemberEvent::CouponReckoned(fact) if fact.purchase_id == id => {
                let change = fact.discount.kopecks() - fact.discount_before.kopecks();
                *credited.entry("discount".to_owned()).or_default() += change;
            }
            _ => {}
        }
    }
    // A part may pay one of its funders out of the other's lot, which a later part then makes good.
    credited.retain(|_, kopecks| *kopecks != 0);
    (taken, returned, credited)
}

/// What of a history must not betray a visit: what is shown of her status, and what ordinary purchases were paid by.
fn shown_story(world: &World) -> Vec<Value> {
    let told = |fact: &&MemberEvent| match fact {
        MemberEvent::StatusChanged(fact) => fact.track != Track::WithMedical,
        MemberEvent::StatusDowngradeScheduled(fact) => fact.track != Track::WithMedical,
        MemberEvent::StatusDowngradeCancelled(fact) => fact.track != Track::WithMedical,
        MemberEvent::TopSpendersEntered(fact) => fact.track != Track::WithMedical,
        MemberEvent::TopSpendersLeft(fact) => fact.track != Track::WithMedical,
        MemberEvent::BonusAccrued(fact) => fact.confidentiality == Confidentiality::Ordinary,
        _ => false,
    };
    let tell = |fact: &MemberEvent| {
        let mut value = Event::Member(fact.clone()).payload().expect("json");
        let map = value.as_object_mut().expect("an object");
        // One fact may speak for both statuses; ids are counted and differ.
        for name in ["track", "purchase_id", "lots"] {
            map.remove(name);
        }
        value
    };
    facts(world).filter(told).map(tell).collect()
}
