//! Properties on random histories of one member. Design, "Standing checks"; Rules B4, M1, M2, S7.
#![expect(clippy::disallowed_methods, reason = "reads the golden files; the domain itself reads none")]

use std::collections::BTreeMap;

use chrono::TimeDelta;
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use crate::category::Confidentiality;
use crate::ids::{GrantId, LotId, MemberId, NaturalKey, ReasonId};
use crate::log::{Event, Position};
use crate::member::MemberCommand::{self, CancelHold, ReviewStatus, WriteDue};
use crate::member::consent::ConsentChoice;
use crate::member::event::{BonusAccrued, GiftKind, Holding, MemberEvent, Track};
use crate::member::gift::{Adjustment, Gift};
use crate::member::lot::Funder;
use crate::member::premium::PayPremium;
use crate::member::standing::{Ranking, Rankings};
use crate::member::state::MemberState;
use crate::member::testing::{
    CLINICS, ORDINARY, World, amend, anna_since, business_id, buy, consent, give_back, hold, purchase_id,
};
use crate::member::tests::model;
use crate::money::{Bonuses, Roubles};
use crate::postings::{Account, Unit, postings};

const MEMBER: MemberId = MemberId::from_uuid(Uuid::from_u128(7));

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Clock { minutes: i64 },
    Buy { slug: &'static str, kopecks: i64, ago_minutes: i64, is_history: bool },
    Hold { slug: &'static str, kopecks: i64 },
    Pay { slug: &'static str, kopecks: i64 },
    Cancel { slug: &'static str },
    Refund { purchase: u8, permille: i64 },
    Amend { purchase: u8, kopecks: Option<i64> },
    Due,
    Review,
    Consent { purpose: &'static str, choice: ConsentChoice },
    Invite(bool),
    Block(bool),
    Rank { ordinary: i64, with_medical: i64 },
    Premium { days: i64 },
    CancelPremium,
    Gift { kopecks: i64, life_days: u32 },
    Adjust { kopecks: i64 },
}

fn slugs() -> impl Strategy<Value = &'static str> {
    let all: Vec<_> = ORDINARY.iter().chain(&CLINICS).chain(&CLINICS).map(|(slug, _)| *slug).collect();
    proptest::sample::select(all)
}

fn amounts() -> impl Strategy<Value = i64> {
    prop_oneof![1..200_i64, 1_000..2_000_000_i64, 2_000_000..9_000_000_i64, Just(10_000_000_000)]
}

/// Mostly just now, sometimes late, sometimes in the tolerated future, sometimes refused.
fn ages() -> impl Strategy<Value = i64> {
    prop_oneof![4 => Just(0_i64), 2 => -7..3_000_i64, 2 => 0..150_000_i64, 1 => 0..900_000_i64]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let buys = (slugs(), amounts(), ages(), proptest::bool::weighted(0.2)).prop_map(
        |(slug, kopecks, ago_minutes, is_history)| Step::Buy { slug, kopecks, ago_minutes, is_history },
    );
    let clock = prop_oneof![0..3_000_i64, 0..200_000_i64].prop_map(|minutes| Step::Clock { minutes });
    let purposes =
        proptest::sample::select(vec!["medical_status", "marketing", "partner:mindal", "medical:skinerica"]);
    let choices = prop_oneof![Just(ConsentChoice::Granted), Just(ConsentChoice::Withdrawn)];
    let consents = (purposes, choices).prop_map(|(purpose, choice)| Step::Consent { purpose, choice });
    let holds = (slugs(), 100..90_000_i64).prop_map(|(slug, kopecks)| Step::Hold { slug, kopecks });
    let pays = (slugs(), 100..90_000_i64).prop_map(|(slug, kopecks)| Step::Pay { slug, kopecks });
    let cancels = slugs().prop_map(|slug| Step::Cancel { slug });
    let parts = prop_oneof![Just(1_000_i64), 1..1_000_i64];
    let refunds = (1..12_u8, parts).prop_map(|(purchase, permille)| Step::Refund { purchase, permille });
    let bills = prop_oneof![3 => amounts().prop_map(Some), 1 => Just(None)];
    let amends = (1..12_u8, bills).prop_map(|(purchase, kopecks)| Step::Amend { purchase, kopecks });
    let ranks = (0..5_000_000_i64, 0..5_000_000_i64)
        .prop_map(|(ordinary, with_medical)| Step::Rank { ordinary, with_medical });
    let by_hand = prop_oneof![
        2 => any::<bool>().prop_map(Step::Invite),
        1 => proptest::bool::weighted(0.3).prop_map(Step::Block),
        3 => ranks,
        2 => (1..60_i64).prop_map(|days| Step::Premium { days }),
        1 => Just(Step::CancelPremium),
        2 => (1..100_000_i64, 1..200_u32).prop_map(|(kopecks, life_days)| Step::Gift { kopecks, life_days }),
        2 => (-200_000..50_000_i64).prop_map(|kopecks| Step::Adjust { kopecks }),
    ];
    let step = prop_oneof![
        8 => buys, 4 => clock, 4 => holds, 2 => pays, 1 => cancels, 4 => refunds, 3 => amends,
        1 => Just(Step::Due), 2 => Just(Step::Review), 1 => consents, 5 => by_hand
    ];
    proptest::collection::vec(step, 1..40)
}

/// The world after one step; a refusal leaves it as it was, and whatever is accepted must fold.
fn run(world: World, step: &Step) -> World {
    let decision = match step {
        Step::Clock { minutes } => return world.later(TimeDelta::minutes(*minutes)),
        Step::Buy { slug, kopecks, ago_minutes, is_history } => {
            let amount = Bonuses::from_kopecks(*kopecks).to_string();
            let happened = world.now.minus(TimeDelta::minutes(*ago_minutes));
            let purchase = buy(slug, &amount).on_moment(happened);
            world.when(if *is_history { purchase.imported() } else { purchase })
        }
        Step::Hold { slug, kopecks } => {
            let (bill, amount) = (Bonuses::from_kopecks(kopecks * 2), Bonuses::from_kopecks(*kopecks));
            let serial = serial(&world);
            world.when(hold(serial, slug, &bill.to_string(), &amount.to_string()))
        }
        // With the newest hold, at its own business or another.
        Step::Pay { slug, kopecks } => {
            let amount = Bonuses::from_kopecks(*kopecks).to_string();
            let newest = world.log.iter().rev().find_map(|(_, event)| match event {
                Event::Member(MemberEvent::BonusesHeld(fact)) => Some(fact.clone()),
                _ => None,
            });
            let Some(held) = newest else { return world };
            let slug = if kopecks % 5 == 0 { slug } else { held.business.as_str() };
            let pays = buy(slug, &amount).with_hold(held.redemption_id);
            world.when(pays)
        }
        Step::Cancel { slug } => {
            let id = world.state.open_holds().next().map(|(id, _)| *id);
            let Some(redemption_id) = id else { return world };
            world.when(CancelHold { redemption_id, business_id: business_id(slug) })
        }
        Step::Refund { purchase, permille } => {
            let Some(file) = world.file(*purchase) else { return world };
            let kopecks = (file.bill.kopecks() / 1_000 * permille).clamp(1, file.left().kopecks().max(1));
            let amount = Bonuses::from_kopecks(kopecks).to_string();
            let serial = serial(&world);
            world.when(give_back(serial, *purchase, &amount))
        }
        Step::Amend { purchase, kopecks } => {
            let Some(_) = world.file(*purchase) else { return world };
            let amount = kopecks.map(|kopecks| Bonuses::from_kopecks(kopecks).to_string());
            let revision = u32::try_from(world.log.len()).expect("short");
            world.when(amend(*purchase, revision, amount.as_deref()))
        }
        Step::Due => world.when(WriteDue),
        Step::Review => world.when(ReviewStatus),
        Step::Consent { purpose, choice } => world.when([consent(purpose, *choice)]),
        by_hand => {
            let command = by_hand_command(&world, by_hand);
            world.when(command)
        }
    };
    let mut world = decision.world;
    if let Ok((draft, _)) = decision.answer {
        draft.events.into_iter().for_each(|new| world.write(new.occurred_at, new.event));
    }
    world
}

/// A serial that no hold or refund had.
fn serial(world: &World) -> u8 {
    let had = facts(world)
        .filter(|fact| matches!(fact, MemberEvent::BonusesHeld(_) | MemberEvent::PurchaseRefunded(_)))
        .count();
    u8::try_from(had).expect("few")
}

/// What staff and the daily ranking do. Ids follow from the length of the log.
fn by_hand_command(world: &World, step: &Step) -> MemberCommand {
    let serial = u128::try_from(world.log.len()).expect("short");
    let grant_id = GrantId::from_uuid(Uuid::from_u128(50_000 + serial));
    let reason_id = ReasonId::from_uuid(Uuid::from_u128(90_000 + serial));
    let ranking = |kopecks: i64| Ranking {
        members: 1_000,
        enter_above: Some(Roubles::from_kopecks(kopecks)),
        stay_above: Some(Roubles::from_kopecks(kopecks / 2)),
    };
    match step {
        Step::Invite(invited) => MemberCommand::Invite(*invited),
        Step::Block(blocked) => MemberCommand::Block(blocked.then_some(reason_id)),
        Step::Rank { ordinary, with_medical } => MemberCommand::RankSpending(Rankings {
            ordinary: ranking(*ordinary),
            with_medical: ranking(*with_medical),
        }),
        Step::Premium { days } => {
            let last = world.state.premium().periods().iter().map(|period| period.to).max();
            let from = last.filter(|end| *end > world.now.minus(TimeDelta::days(3))).unwrap_or(world.now);
            let to = from.plus(TimeDelta::days(*days));
            let payment = NaturalKey::from_bytes([7; 32]);
            MemberCommand::PayPremium(PayPremium { payment, from, to })
        }
        Step::CancelPremium => MemberCommand::CancelPremium,
        Step::Gift { kopecks, life_days } => MemberCommand::Gift(Gift {
            grant_id,
            kind: if kopecks % 2 == 0 { GiftKind::Goodwill } else { GiftKind::Referral },
            reason_id: Some(reason_id),
            amount: Bonuses::from_kopecks(*kopecks),
            life_days: Some(*life_days),
        }),
        Step::Adjust { kopecks } => {
            let amount = Bonuses::from_kopecks(*kopecks);
            MemberCommand::Adjust(Adjustment { grant_id, reason_id, amount })
        }
        other => panic!("{other:?} is done otherwise"),
    }
}

fn history(steps: &[Step]) -> World {
    steps.iter().fold(anna_since("2025-01-01T00:00:00Z"), run)
}

fn facts(world: &World) -> impl Iterator<Item = &MemberEvent> {
    world.log.iter().map(|(_, event)| match event {
        Event::Member(fact) => fact,
        Event::Business(_) | Event::Policy(_) => panic!("not a member's fact"),
    })
}

fn fold(world: &World, from: usize, to: usize, mut state: MemberState) -> MemberState {
    for (index, fact) in facts(world).enumerate().take(to).skip(from) {
        let position = Position::try_from(index + 1).expect("short");
        state.apply(position, world.log[index].0, fact).expect("holds");
    }
    state
}

/// The sums of postings at a prefix.
#[derive(Default)]
struct Books {
    accounts: BTreeMap<(Unit, Account), i64>,
    lots: BTreeMap<(LotId, Account), i64>,
}

impl Books {
    fn post(&mut self, event: &Event) {
        let mut sums = BTreeMap::<Unit, i64>::new();
        for posting in postings(MEMBER, event) {
            *sums.entry(posting.unit).or_default() += posting.kopecks;
            if posting.unit == Unit::Bon {
                *self.lots.entry((posting.lot_id, posting.account.clone())).or_default() += posting.kopecks;
            }
            *self.accounts.entry((posting.unit, posting.account)).or_default() += posting.kopecks;
        }
        assert!(sums.values().all(|sum| *sum == 0), "rule M1: {event:?} does not sum to zero");
    }

    fn of(&self, unit: Unit, account: Account) -> i64 {
        self.accounts.get(&(unit, account)).copied().unwrap_or_default()
    }

    fn total(&self, unit: Unit, is_wanted: impl Fn(&Account) -> bool) -> i64 {
        let wanted = |(of, account): &(Unit, Account)| *of == unit && is_wanted(account);
        self.accounts.iter().filter(|(key, _)| wanted(key)).map(|(_, sum)| sum).sum()
    }

    /// The standing checks against the state at the same prefix.
    fn check(&self, state: &MemberState) {
        let held = |holding| {
            state.live_lots().filter(|lot| lot.holding == holding).map(|lot| lot.left.kopecks()).sum::<i64>()
        };
        let available = self.of(Unit::Bon, Account::MemberAvailable(MEMBER));
        assert_eq!(available, held(Holding::Available), "available = sum of lots");
        let in_holds = self.of(Unit::Bon, Account::MemberHeld(MEMBER));
        let of_lots = state.live_lots().map(|lot| lot.held.kopecks()).sum::<i64>();
        let of_holds =
            state.open_holds().map(|(_, hold)| hold.amount().expect("fits").kopecks()).sum::<i64>();
        assert_eq!((in_holds, in_holds), (of_lots, of_holds), "held = sum of lots = sum of holds");
        let debt = state.debt().expect("fits").kopecks();
        assert_eq!(-self.of(Unit::Bon, Account::MemberDebt(MEMBER)), debt, "rule F3: debt");
        let claims = self.total(Unit::Bon, |account| matches!(account, Account::Claims(_)));
        assert_eq!(claims, debt, "what is owed is claimed");
        assert_eq!(self.of(Unit::Bon, Account::MemberPending(MEMBER)), held(Holding::Pending), "pending");
        assert_eq!(
            self.of(Unit::Rub, Account::Float),
            available + in_holds,
            "RUB float = BON available + held"
        );
        for lot in state.live_lots() {
            let hers = [
                Account::MemberAvailable(MEMBER),
                Account::MemberPending(MEMBER),
                Account::MemberHeld(MEMBER),
            ];
            let live: i64 = hers
                .into_iter()
                .map(|account| self.lots.get(&(lot.lot_id, account)).copied().unwrap_or_default())
                .sum();
            assert!(!lot.left.kopecks().is_negative() && !lot.held.kopecks().is_negative());
            assert_eq!(
                live,
                lot.left.kopecks() + lot.held.kopecks(),
                "a lot's postings are what is left of it"
            );
        }
        for funder in self.funders() {
            let of_funder = state.live_lots().filter(|lot| lot.funder == funder);
            let outstanding: i64 = of_funder.map(|lot| lot.left.kopecks() + lot.held.kopecks()).sum();
            let issued = -self.of(Unit::Bon, Account::Issued(funder.clone()));
            let expired = self.of(Unit::Bon, Account::Expired(funder.clone()));
            let taken_back = self.of(Unit::Bon, Account::TakenBack(funder.clone()));
            let redeemed = self.redeemed_of(&funder);
            assert_eq!(issued, redeemed + expired + taken_back + outstanding, "rule M2: {funder}");
            assert!(expired >= 0 && outstanding >= 0 && taken_back >= 0 && redeemed >= 0);
        }
        let clearing = self.total(Unit::Rub, |account| matches!(account, Account::Clearing(_)));
        let breakage = self.of(Unit::Rub, Account::Breakage);
        assert_eq!(
            -clearing - breakage,
            available + in_holds,
            "what funders paid and did not get back is outstanding"
        );
    }

    /// What was redeemed of lots that `funder` issued, wherever.
    fn redeemed_of(&self, funder: &Funder) -> i64 {
        let issued = Account::Issued(funder.clone());
        let of_funder = |lot: &LotId| self.lots.contains_key(&(*lot, issued.clone()));
        let redeemed = self
            .lots
            .iter()
            .filter(|((lot, account), _)| matches!(account, Account::Redeemed(_)) && of_funder(lot));
        redeemed.map(|(_, sum)| sum).sum()
    }

    fn funders(&self) -> Vec<Funder> {
        let funder = |(_, account): &(Unit, Account)| match account {
            Account::Issued(funder) => Some(funder.clone()),
            _ => None,
        };
        self.accounts.keys().filter_map(funder).collect()
    }
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
    fn rule_s7_without_the_consent_a_history_looks_as_if_no_clinic_were_visited(steps in steps()) {
        let about_clinics = |step: &Step| match step {
            Step::Buy { slug, .. } => CLINICS.iter().any(|(clinic, _)| clinic == slug),
            Step::Consent { purpose, .. } => *purpose == "medical_status",
            // A clinic's bonuses are money she may spend anywhere: without bonuses her status must look the same.
            Step::Hold { .. } | Step::Pay { .. } | Step::Cancel { .. } => true,
            Step::Refund { .. } | Step::Amend { .. } => true,
            _ => false,
        };
        let spends = |step: &Step| {
            let edits = matches!(step, Step::Refund { .. } | Step::Amend { .. });
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
        let decision = world.when(if can > 0 { purchase.paying(252, None) } else { purchase });
        let Ok((draft, _)) = decision.answer else { return Ok(()) };
        let mut world = decision.world;
        draft.events.into_iter().for_each(|new| world.write(new.occurred_at, new.event));
        let recorded = world.log[before..].iter().find_map(|(_, event)| match event {
            Event::Member(MemberEvent::PurchaseRecorded(fact)) => Some(fact.natural_key.as_bytes()[0]),
            _ => None,
        });
        let Some(serial) = recorded else { return Ok(()) };
        let world = if is_late { world.later(TimeDelta::days(100)) } else { world };
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
                    *credited.entry(other.creditor.to_string()).or_default() += other.part.amount.kopecks();
                }
            }
            MemberEvent::DebtIncurred(fact) if fact.purchase_id == id => {
                *credited.entry(fact.creditor.to_string()).or_default() += fact.amount.kopecks();
            }
            MemberEvent::BonusReturned(fact) if fact.purchase_id == id => returned += fact.amount.kopecks(),
            _ => {}
        }
    }
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
