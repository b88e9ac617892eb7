//! Three members and a chain: what it really does for what they do, and the log of the same without it.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use uuid::Uuid;

use crate::chain::Chains;
use crate::chain::definition::Definition;
use crate::chain::event::{ChainEvent, ChainRewardIssued};
use crate::context::Context;
use crate::ids::{MemberId, PurchaseId};
use crate::log::{Event, Position};
use crate::member::command::PurchaseMode;
use crate::member::draft::Draft;
use crate::member::event::{ChainConverted, MemberEvent, Promise};
use crate::member::testing::{
    Ask, Decide, NOON, World, amend, anna, at, business_id, buy, chain_id, follow, give_back, purchase_id,
    reason_id, take,
};
use crate::member::{Accounts, HandOver, MemberCommand, MemberOutcome, hand_over, merge, unmerge};
use crate::money::Roubles;
use crate::simulation::chain::{ChainReport, ChainSimulation, ChainTrial};
use crate::simulation::{Fact, NotSimulated};
use crate::time::Timestamp;

/// The purchases of one member are numbered from here on.
const NUMBERS: u8 = 60;

/// What somebody does.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// One of the three buys there, and it is reported so many hours later.
    Buy { who: usize, slug: &'static str, kopecks: i64, late: i64 },
    /// Something becomes of one of the purchases so far.
    Edit { which: usize, edit: Edit },
    /// A newer revision of one of the purchases so far names another of the three.
    HandOver { which: usize, to: usize },
    /// The account of the one becomes one with the other's.
    Merge { from: usize, into: usize },
    /// They are two again.
    Part { from: usize, into: usize },
    /// Hours pass.
    Later(i64),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Edit {
    GiveAllBack,
    GiveAPartBack,
    Cancel,
    Raise,
}

/// Of a step: triggers, rewards, cost, conversions, revenue.
type OfStep = (u64, u64, Roubles, u64, Roubles);

/// What a step did, and what a day brought: triggers, rewards, cost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) steps: BTreeMap<u32, OfStep>,
    pub(super) days: BTreeMap<crate::time::MoscowDay, (u64, u64, Roubles)>,
}

impl Done {
    /// Of a simulation.
    pub(super) fn simulated(report: &ChainReport) -> Self {
        let steps = (0..).zip(&report.steps).filter_map(|(place, step)| {
            let it = step.as_ref()?;
            Some((place, (it.triggers, it.rewards, it.cost, it.conversions, it.revenue)))
        });
        let days = report.days.iter().map(|(day, it)| (*day, (it.triggers, it.rewards, it.cost)));
        let steps = steps.filter(|(_, it)| *it != OfStep::default()).collect();
        let days = days.filter(|(_, it)| *it != <(u64, u64, Roubles)>::default()).collect();
        Self { steps, days }
    }
}

/// See the module.
pub(super) struct Town {
    worlds: Vec<World>,
    facts: Vec<Vec<Fact>>,
    chains: Chains,
    /// The chain that runs, if it does.
    definition: Option<Definition>,
    now: Timestamp,
    position: Position,
    bought: Vec<Bought>,
    edits: u8,
    /// Which purchases of whom followed from a step.
    followed: Vec<(u32, usize, PurchaseId)>,
    done: Done,
}

#[derive(Clone, Copy)]
struct Bought {
    buyer: usize,
    /// Who has it by now.
    holder: usize,
    serial: u8,
    revision: u8,
}

pub(super) fn member(who: usize) -> MemberId {
    MemberId::from_uuid(Uuid::from_u128(0xa11a + u128::try_from(who).expect("few")))
}

impl Town {
    /// At noon of 2026-03-02, with the chain running from then on, or without it.
    pub(super) fn of(definition: Option<Definition>) -> Self {
        let world = |who: u8| anna().numbered_after(NUMBERS * who);
        let worlds: Vec<World> = (0..3).map(world).collect();
        let mut town = Self {
            facts: Vec::new(),
            chains: Chains::default(),
            now: at(NOON),
            position: 0,
            bought: Vec::new(),
            edits: 0,
            followed: Vec::new(),
            done: Done::default(),
            definition,
            worlds,
        };
        if let Some(definition) = town.definition.clone() {
            town.chains = anna().running(1, definition).registry.chains;
        }
        town.facts = vec![Vec::new(); 3];
        (0..3).for_each(|who| town.keep(who));
        town
    }

    /// What is new of her log.
    fn keep(&mut self, who: usize) {
        let (world, facts) = (&self.worlds[who], &mut self.facts[who]);
        for (occurred_at, event) in world.log.iter().skip(facts.len()) {
            let Event::Member(event) = event.clone() else { panic!("a member's fact") };
            self.position += 1;
            let (position, recorded_at) = (self.position, world.now);
            let mode = PurchaseMode::Live;
            facts.push(Fact { position, occurred_at: *occurred_at, recorded_at, mode, event });
        }
    }

    /// Decides and writes, if it is not refused; what is decided, and what is new of her log.
    fn ask(&mut self, who: usize, ask: impl Ask) -> Option<(MemberOutcome, Vec<Event>)> {
        let mut world = self.worlds[who].clone();
        (world.now, world.registry.chains) = (self.now, self.chains.clone());
        world.last = Some(self.position);
        let decision = world.when(ask);
        let (draft, outcome) = decision.answer.ok()?;
        let mut world = decision.world;
        let events: Vec<Event> = draft.events.iter().map(|new| new.event.clone()).collect();
        draft.events.into_iter().for_each(|new| world.write(new.occurred_at, new.event));
        self.chains = world.registry.chains.clone();
        self.worlds[who] = world;
        self.keep(who);
        for event in &events {
            self.count(who, event);
        }
        Some((outcome, events))
    }

    fn count(&mut self, who: usize, event: &Event) {
        let day = self.done.days.entry(self.now.moscow_day());
        if let Event::Chain(ChainEvent::ChainRewardIssued(ChainRewardIssued { step, cost, .. })) = event {
            let (day, step) = (day.or_default(), self.done.steps.entry(*step).or_default());
            (day.1, step.1) = (day.1 + 1, step.1 + 1);
            day.2 = day.2.checked_add(*cost).expect("fits");
            step.2 = step.2.checked_add(*cost).expect("fits");
        } else if let Event::Member(MemberEvent::ChainConverted(ChainConverted {
            step,
            purchase_id,
            held_out: false,
            ..
        })) = event
        {
            self.done.steps.entry(*step).or_default().3 += 1;
            self.followed.push((*step, who, *purchase_id));
        }
    }

    /// What whoever follows the log asks for a purchase: what it triggers, then what it brings.
    fn react(&mut self, who: usize, serial: u8, slug: &str, recorded: &[Event]) {
        let steps = self.definition.iter().flat_map(|it| it.steps.clone()).collect::<Vec<_>>();
        let mut followed: Vec<Event> = recorded.to_vec();
        for (place, step) in (0..).zip(&steps).filter(|(_, step)| step.from == business_id(slug)) {
            let (outcome, events) = self.ask(who, take(1, place, serial)).expect("no refusal");
            let is_trigger = matches!(
                outcome,
                MemberOutcome::Rewarded { .. } | MemberOutcome::Triggered { promise: Promise::CrossBonus }
            );
            if is_trigger {
                self.done.days.entry(self.now.moscow_day()).or_default().0 += 1;
                self.done.steps.entry(place).or_default().0 += 1;
            }
            let _ = step;
            followed.extend(events);
        }
        self.bring(who, followed);
    }

    /// What followed brings what was promised.
    fn bring(&mut self, who: usize, followed: Vec<Event>) {
        for event in followed {
            let Event::Member(MemberEvent::ChainConverted(fact)) = event else { continue };
            let serial = |id: PurchaseId| (0..=u8::MAX).find(|serial| purchase_id(*serial) == id);
            let (trigger, purchase) = (serial(fact.trigger_id), serial(fact.purchase_id));
            let (trigger, purchase) = (trigger.expect("known"), purchase.expect("known"));
            self.ask(who, follow(1, fact.step, trigger, purchase)).expect("no refusal");
        }
    }

    pub(super) fn act(&mut self, act: &Act) {
        // Whoever follows the log comes between two acts.
        self.now = self.now.plus(TimeDelta::seconds(1));
        match act {
            Act::Later(hours) => self.now = self.now.plus(TimeDelta::hours(*hours)),
            Act::Buy { who, slug, kopecks, late } => {
                let amount = Roubles::from_kopecks(*kopecks).to_string();
                let when = self.now.minus(TimeDelta::hours(*late));
                let (_, events) = self.ask(*who, buy(slug, &amount).on_moment(when)).expect("a purchase");
                let before = self.bought.iter().filter(|it| it.buyer == *who).count();
                let serial =
                    NUMBERS * u8::try_from(*who).expect("few") + u8::try_from(before + 1).expect("few");
                self.bought.push(Bought { buyer: *who, holder: *who, serial, revision: 1 });
                self.react(*who, serial, slug, &events);
            }
            Act::Edit { which, edit } => self.edit(*which, *edit),
            Act::HandOver { which, to } => self.hand_over(*which, *to),
            Act::Merge { from, into } => self.join(merge, *from, *into),
            Act::Part { from, into } => self.join(unmerge, *from, *into),
        }
        self.done.days.retain(|_, it| *it != <(u64, u64, Roubles)>::default());
    }

    fn edit(&mut self, which: usize, edit: Edit) {
        let which = which % self.bought.len().max(1);
        let Some(&Bought { holder, serial, revision, .. }) = self.bought.get(which) else { return };
        self.edits += 1;
        let bill = self.worlds[holder].file(serial).expect("recorded").bill;
        let part = Roubles::from_kopecks(bill.kopecks() / 4).to_string();
        let raised = Roubles::from_kopecks(bill.kopecks() + 100_000).to_string();
        let revised = u32::from(revision) + 1;
        let _refused = match edit {
            Edit::GiveAllBack => self.ask(holder, give_back(self.edits, serial, &bill.to_string())),
            Edit::GiveAPartBack => self.ask(holder, give_back(self.edits, serial, &part)),
            Edit::Cancel => self.ask(holder, amend(serial, revised, None)),
            Edit::Raise => self.ask(holder, amend(serial, revised, Some(&raised))),
        };
        self.bought[which].revision += 1;
    }

    /// It may be refused.
    fn hand_over(&mut self, which: usize, to: usize) {
        let which = which % self.bought.len().max(1);
        let Some(&Bought { holder, serial, revision, .. }) = self.bought.get(which) else { return };
        if holder == to {
            return;
        }
        let bill = self.worlds[holder].file(serial).expect("recorded").bill.to_string();
        let revised = amend(serial, u32::from(revision) + 1, Some(&bill));
        let MemberCommand::AmendPurchase(command) = revised.command(&mut self.worlds[holder]) else { return };
        let context = Context { recorded_at: self.now, registry: &self.worlds[holder].registry };
        let (gives, takes) = (&self.worlds[holder].state, &self.worlds[to].state);
        let Ok(decided) = hand_over(gives, takes, &HandOver::Recorded(command), &context) else { return };
        (self.bought[which].holder, self.bought[which].revision) = (to, revision + 1);
        let followed: Vec<Event> = decided.to.events.iter().map(|new| new.event.clone()).collect();
        self.write(holder, decided.from);
        self.write(to, decided.to);
        for event in &followed {
            self.count(to, event);
        }
        self.bring(to, followed);
    }

    fn join(&mut self, decide: Decide, from: usize, into: usize) {
        let accounts = Accounts { from: member(from), into: member(into), reason_id: reason_id(1) };
        let context = Context { recorded_at: self.now, registry: &self.worlds[into].registry };
        let (old, hers) = (&self.worlds[from].state, &self.worlds[into].state);
        let joined = decide(old, hers, &accounts, &context).expect("accepted");
        for new in &joined.from.events {
            for world in &mut self.worlds {
                world.registry.apply(member(from).as_uuid(), &new.event).expect("known");
            }
        }
        let is_one = self.worlds[into].registry.accounts.survivor(member(from)) == member(into);
        self.write(from, joined.from);
        self.write(into, joined.into);
        let mut known = [self.facts[from].clone(), self.facts[into].clone()].concat();
        known.sort_by_key(|fact| fact.position);
        let known = known.into_iter().map(|fact| (fact.occurred_at, Event::Member(fact.event))).collect();
        let (giver, taker) = if is_one { (from, into) } else { (into, from) };
        self.worlds[taker].known = known;
        for it in &mut self.bought {
            if it.holder == giver && (is_one || it.buyer == taker) {
                it.holder = taker;
            }
        }
    }

    fn write(&mut self, who: usize, draft: Draft) {
        let world = &mut self.worlds[who];
        (world.now, world.last) = (self.now, Some(self.position));
        draft.events.into_iter().for_each(|new| world.write(new.occurred_at, new.event));
        self.keep(who);
    }

    /// What the chain did, and what its conversions come to by now.
    pub(super) fn done(&self) -> Done {
        let mut done = self.done.clone();
        for (step, who, purchase) in &self.followed {
            let is_it = |it: &&Bought| purchase_id(it.serial) == *purchase && it.holder == *who;
            let Some(hers) = self.bought.iter().find(is_it) else { continue };
            let left = self.worlds[*who].file(hers.serial).expect("recorded").left();
            let revenue = &mut done.steps.entry(*step).or_default().4;
            *revenue = revenue.checked_add(left).expect("fits");
        }
        done
    }

    /// So that her bill has no room for another of that day.
    pub(super) fn without_bounds(&mut self) {
        for fact in self.facts.iter_mut().flatten() {
            if let MemberEvent::PurchaseRecorded(recorded) = &mut fact.event {
                recorded.amount = Roubles::from_kopecks(i64::MAX);
            }
        }
    }

    /// What was bought there comes in at the end, all at once, as a partner's history.
    pub(super) fn imported_last(&mut self, slug: &str) {
        let (business, recorded_at) = (business_id(slug), self.now.plus(TimeDelta::days(1)));
        let is_its = |fact: &Fact| match &fact.event {
            MemberEvent::PurchaseRecorded(it) => it.business_id == business,
            MemberEvent::BonusAccrued(it) => it.business_id == business,
            _ => false,
        };
        for facts in &mut self.facts {
            for fact in facts.iter_mut().filter(|fact| is_its(fact)) {
                (fact.mode, fact.recorded_at) = (PurchaseMode::Import { registered_at: None }, recorded_at);
                fact.position += self.position;
            }
            facts.sort_by_key(|fact| fact.position);
        }
    }

    /// The same as a partner's history, which comes in all at once, much later.
    pub(super) fn imported(&mut self) {
        let recorded_at = self.now.plus(TimeDelta::days(200));
        for fact in self.facts.iter_mut().flatten() {
            (fact.mode, fact.recorded_at) = (PurchaseMode::Import { registered_at: None }, recorded_at);
        }
    }

    /// A simulation of the chain that nothing is told yet.
    pub(super) fn trial(&self, definition: &Definition) -> ChainSimulation {
        let (from, to) = (at(NOON), self.now);
        let definition = definition.clone();
        let trial = ChainTrial { chain_id: chain_id(1), definition, from, to };
        ChainSimulation::begin(&self.worlds[0].registry, trial).expect("a chain")
    }

    /// What the chain would have done with this log.
    pub(super) fn simulated(&self, definition: &Definition) -> ChainReport {
        let mut simulation = self.trial(definition);
        self.told(&mut simulation).expect("holds");
        simulation.report().expect("holds")
    }

    /// Tells all of it.
    pub(super) fn told(&self, simulation: &mut ChainSimulation) -> Result<(), NotSimulated> {
        let mut all = self.facts.iter().enumerate();
        all.try_for_each(|(who, facts)| simulation.member(member(who), facts))
    }
}
