//! Rule P3 on random histories: a draft that changes nothing shows no difference, and what the replay says of the policies
//! that held is what the books of the real log say of all that has nothing to do with a clinic, to the kopeck.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::member::command::PurchaseMode;
use crate::member::event::{BonusReturned, LotPart, MemberEvent};
use crate::member::lot::Funder;
use crate::member::testing::{World, anna_since};
use crate::postings::{Account, Posting, Unit, postings};
use crate::simulation::{Fact, Figures, Report, Sides, Simulation, Trial};
use crate::time::Timestamp;

use super::*;

/// A history in which statuses are reviewed at the beginning of each day, and its facts as the log has them.
struct Told {
    world: World,
    facts: Vec<Fact>,
}

impl Told {
    fn tell(steps: &[Step]) -> Self {
        let mut told = Self { world: anna_since("2025-01-01T00:00:00Z"), facts: Vec::new() };
        told.world.now = "2025-01-01T09:00:00Z".parse().expect("a time");
        told.keep(PurchaseMode::Live);
        steps.iter().for_each(|step| told.step(step));
        told
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Clock { minutes } => {
                let until = self.world.now.plus(TimeDelta::minutes(*minutes));
                loop {
                    let midnight = self.world.now.moscow_day().plus_days(1).start();
                    if midnight > until {
                        break;
                    }
                    self.world.now = midnight;
                    self.run(&Step::Review, PurchaseMode::Live);
                }
                self.world.now = until;
            }
            Step::Buy { is_history: true, .. } => {
                self.run(step, PurchaseMode::Import { registered_at: None });
            }
            // At the beginning of a day: when else one would come to it is not on the log.
            Step::Review => {}
            _ => self.run(step, PurchaseMode::Live),
        }
    }

    fn run(&mut self, step: &Step, mode: PurchaseMode) {
        let world = self.world.clone();
        self.world = steps::run(world, step);
        self.keep(mode);
    }

    /// The facts that are new on the log.
    fn keep(&mut self, mode: PurchaseMode) {
        let recorded_at = self.world.now;
        for (occurred_at, event) in self.world.log.iter().skip(self.facts.len()) {
            let Event::Member(event) = event.clone() else { panic!("a member's fact") };
            let position = Position::try_from(self.facts.len() + 1).expect("short");
            self.facts.push(Fact { position, occurred_at: *occurred_at, recorded_at, mode, event });
        }
    }

    /// Under a draft without a change: the same value again.
    fn simulate(&self, from: Timestamp, to: Timestamp) -> Report {
        self.under([("rates.vip".to_owned(), json!("0.07"))].into(), from, to)
    }

    fn under(&self, changes: BTreeMap<String, Value>, from: Timestamp, to: Timestamp) -> Report {
        let mut simulation =
            Simulation::begin(&self.world.registry, Trial { from, to, changes }).expect("a draft");
        simulation.member(MEMBER, &self.facts).expect("holds");
        simulation.report()
    }
}

/// The lots that a fact moves as a medical secret: it says so of them, or of all that it opens.
fn secrets(event: &Event) -> BTreeSet<String> {
    fn walk(value: &Value, is_secret: bool, lots: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                let is_secret = fields.get("confidentiality").map_or(is_secret, |kind| kind == "medical");
                let lot = fields.get("lot_id").and_then(Value::as_str).filter(|_| is_secret);
                lots.extend(lot.map(str::to_owned));
                fields.values().for_each(|field| walk(field, is_secret, lots));
            }
            Value::Array(all) => all.iter().for_each(|one| walk(one, is_secret, lots)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut lots = BTreeSet::new();
    walk(&event.payload().expect("json"), false, &mut lots);
    lots
}

/// The sums of the postings that have nothing to do with a clinic, and of those what is still hers of each funder.
#[derive(Default)]
struct ToldBooks {
    accounts: BTreeMap<(Unit, Account), i64>,
    left: BTreeMap<Funder, i64>,
    pending: BTreeMap<Funder, i64>,
}

impl ToldBooks {
    fn post(&mut self, event: &Event) {
        let secrets = secrets(event);
        let told = |posting: &Posting| !secrets.contains(&posting.lot_id.as_uuid().to_string());
        for posting in postings(MEMBER, event).into_iter().filter(told) {
            let Posting { unit, account, kopecks, funder, .. } = posting;
            let is_pending = account == Account::MemberPending(MEMBER);
            if is_pending {
                *self.pending.entry(funder.clone()).or_default() += kopecks;
            }
            let hers = [Account::MemberAvailable(MEMBER), Account::MemberHeld(MEMBER)];
            if is_pending || hers.contains(&account) {
                *self.left.entry(funder).or_default() += kopecks;
            }
            *self.accounts.entry((unit, account)).or_default() += kopecks;
        }
    }

    fn of(&self, unit: Unit, account: Account) -> i64 {
        self.accounts.get(&(unit, account)).copied().unwrap_or_default()
    }
}

/// What of a lot has nothing to do with a clinic.
fn told<'a>(parts: impl Iterator<Item = &'a LotPart>) -> i64 {
    let told = parts.filter(|part| part.confidentiality == Confidentiality::Ordinary);
    told.map(|part| part.amount.kopecks()).sum()
}

/// What the facts and postings of the log say of each funder, as far as it may be told: issued, what it cost, and what is
/// outstanding.
fn books(world: &World) -> BTreeMap<Funder, Figures> {
    let (mut books, mut at_tills) = (ToldBooks::default(), BTreeMap::<Funder, i64>::new());
    let mut funders = vec![Funder::Coalition];
    for (_, event) in &world.log {
        books.post(event);
        let Event::Member(fact) = event else { continue };
        if let MemberEvent::BonusesRedeemed(fact) = fact {
            let till = Funder::Business(fact.business.clone());
            *at_tills.entry(till).or_default() += told(fact.parts.iter().map(|held| &held.part));
        } else if let MemberEvent::BonusReturned(BonusReturned { business, parts, past_life, .. }) = fact {
            let back = told(parts.iter().map(|held| &held.part).chain(past_life));
            *at_tills.entry(Funder::Business(business.clone())).or_default() -= back;
        } else if let MemberEvent::CouponRedeemed(fact) = fact {
            // Between businesses and the coalition a discount is settled, too: it is no bonus.
            let of_till = Funder::Business(fact.business.clone());
            *at_tills.entry(of_till).or_default() += fact.discount.kopecks();
            *at_tills.entry(fact.funded_by.clone()).or_default() -= fact.discount.kopecks();
        } else if let MemberEvent::CouponReckoned(fact) = fact {
            let more = fact.discount.kopecks() - fact.discount_before.kopecks();
            *at_tills.entry(Funder::Business(fact.business.clone())).or_default() += more;
            *at_tills.entry(fact.funded_by.clone()).or_default() -= more;
        } else if let MemberEvent::PurchaseRecorded(fact) = fact {
            funders.push(Funder::Business(fact.business.clone()));
        } else if let MemberEvent::PurchaseTakenOver(fact) = fact {
            funders.push(Funder::Business(fact.purchase.business.clone()));
        }
    }
    let of = |sums: &BTreeMap<Funder, i64>, funder: &Funder| sums.get(funder).copied().unwrap_or_default();
    let figures = |funder: Funder| {
        // What a funder has paid, less what it got as the till; nobody has paid for what is pending (Rule M2).
        let clearing = books.of(Unit::Rub, Account::Clearing(funder.clone()));
        let cost = of(&at_tills, &funder) - clearing + of(&books.pending, &funder);
        let figures = Figures {
            issued: Bonuses::from_kopecks(-books.of(Unit::Bon, Account::Issued(funder.clone()))),
            cost: Bonuses::from_kopecks(cost),
            outstanding: Bonuses::from_kopecks(of(&books.left, &funder)),
        };
        (funder, figures)
    };
    let is_something = |(_, figures): &(Funder, Figures)| *figures != Figures::default();
    funders.into_iter().map(figures).filter(is_something).collect()
}

fn of_the_log(report: &Report) -> BTreeMap<Funder, Figures> {
    let real = report.funders.iter().map(|(funder, sides)| (funder.clone(), sides.real));
    real.filter(|(_, figures)| *figures != Figures::default()).collect()
}

fn outstanding(figures: &BTreeMap<Funder, Figures>) -> BTreeMap<Funder, Bonuses> {
    let some = figures.iter().filter(|(_, figures)| !figures.outstanding.is_zero());
    some.map(|(funder, figures)| (funder.clone(), figures.outstanding)).collect()
}

/// One change of a policy: far away from what held, on either side.
fn changes() -> impl Strategy<Value = BTreeMap<String, Value>> {
    let all: Vec<(&str, Value)> = vec![
        ("rates.insider", json!("0")),
        ("rates.insider", json!("1")),
        ("rates.premium", json!("0.01")),
        ("new_category.insider", json!("1.0")),
        ("bonus.life_days", json!(1)),
        ("bonus.life_days", json!(1_000)),
        ("bonus.hold_days", json!(60)),
        ("bonus.returned_life_days", json!(1)),
        ("bonus.expired_to", json!("coalition")),
        ("redeem.max_share", json!("0.01")),
        ("redeem.min_amount", json!("500.00")),
        ("redeem.hold_minutes", json!(1)),
        ("purchase.max_age_days", json!(1)),
        ("purchase.before_membership_hours", json!(1)),
        ("purchase.duplicate_minutes", json!(1_000)),
        ("purchase.policy_lag_hours", json!(1)),
        ("status.vip.spent", json!("1.00")),
        ("status.vip.categories", json!(1)),
        ("status.vip.spent", json!("90000.00")),
        ("status.window_months", json!(1)),
        ("status.grace_days", json!(1)),
        ("coupon.activation_days", json!(1)),
    ];
    proptest::collection::vec(proptest::sample::select(all), 1..5)
        .prop_map(|some| some.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The one status of the one member.
fn status(report: &Report) -> Option<String> {
    let held = report.statuses.iter().find(|(_, sides)| sides.real == 1);
    held.map(|(status, _)| status.as_str().to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn rule_p3_a_replay_under_the_policies_that_held_comes_to_the_books_of_the_log(
        steps in steps(),
        share in 0..1_000_i64,
    ) {
        let mut told = Told::tell(&steps);
        // A bill of the tolerated future is of its own time.
        told.step(&Step::Clock { minutes: 10 });
        let (first, end) = (told.facts[0].recorded_at, told.world.now);
        let world = told.world.clone().after(WriteDue);
        let expected = books(&world);
        let shown = world.state.status_at(end).as_str();

        let whole = told.simulate(first.minus(TimeDelta::days(2_000)), end);
        prop_assert_eq!(of_the_log(&whole), expected.clone());
        prop_assert_eq!(status(&whole), Some(shown.to_owned()));

        // Rule P4: from any moment on, what was before stands.
        let lasts = end.since(first).num_minutes();
        let part = told.simulate(first.plus(TimeDelta::minutes(lasts / 1_000 * share)), end);
        prop_assert_eq!(outstanding(&of_the_log(&part)), outstanding(&expected));
        prop_assert_eq!(status(&part), Some(shown.to_owned()));
    }

    #[test]
    fn rule_p3_a_draft_that_changes_nothing_shows_no_difference(
        steps in steps(),
        share in 0..1_000_i64,
        lasts in 1..500_000_i64,
    ) {
        let told = Told::tell(&steps);
        let (first, last) = (told.facts[0].recorded_at, told.world.now);
        let from = first.plus(TimeDelta::minutes(last.since(first).num_minutes() / 1_000 * share));
        let report = told.simulate(from, from.plus(TimeDelta::minutes(lasts)));
        for Sides { real, draft } in report.funders.values() {
            prop_assert_eq!(real, draft);
        }
        for Sides { real, draft } in report.statuses.values() {
            prop_assert_eq!(real, draft);
        }
        prop_assert_eq!((report.won, report.lost, report.largest), (0, 0, Vec::new()));
        prop_assert_eq!(report.left_out.real, report.left_out.draft);
    }

    #[test]
    fn rule_p3_whatever_the_draft_a_history_that_holds_can_be_told(
        steps in steps(),
        share in 0..1_000_i64,
        changes in changes(),
    ) {
        let told = Told::tell(&steps);
        let (first, end) = (told.facts[0].recorded_at, told.world.now.plus(TimeDelta::minutes(10)));
        let from = first.plus(TimeDelta::minutes(end.since(first).num_minutes() / 1_000 * share));
        let report = told.under(changes, from, end);
        for (funder, Sides { draft, .. }) in &report.funders {
            let least = draft.issued.min(draft.outstanding);
            prop_assert!(!least.kopecks().is_negative(), "{funder}: {draft:?}");
        }
        let named: Vec<_> = report.largest.iter().map(|change| change.member).collect();
        prop_assert!(named.len() <= 1 && named.iter().all(|member| *member == MEMBER));
        // What is of the real column does not depend on the draft.
        let real = |report: &Report| (of_the_log(report), status(report), report.left_out.real, report.purchases);
        prop_assert_eq!(real(&report), real(&told.simulate(from, end)));
    }
}
