//! Three members and a chain: what it really does for what they do, and the log of the same without it.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use uuid::Uuid;

use crate::chain::Chains;
use crate::chain::definition::Definition;
use crate::chain::event::{ChainEvent, ChainRewardIssued};
use crate::ids::{MemberId, PurchaseId};
use crate::log::{Event, Position};
use crate::member::MemberOutcome;
use crate::member::command::PurchaseMode;
use crate::member::event::{ChainConverted, MemberEvent, Promise};
use crate::member::testing::{
    Ask, NOON, World, amend, anna, at, business_id, buy, chain_id, follow, give_back, purchase_id, take,
};
use crate::money::Roubles;
use crate::simulation::Fact;
use crate::simulation::chain::{ChainReport, ChainSimulation, ChainTrial};
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

/// What a step did, and what a day brought: triggers, rewards, cost; of a step conversions, too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) steps: BTreeMap<u32, (u64, u64, Roubles, u64)>,
    pub(super) days: BTreeMap<crate::time::MoscowDay, (u64, u64, Roubles)>,
}

impl Done {
    /// Of a simulation.
    pub(super) fn simulated(report: &ChainReport) -> Self {
        let steps = (0..).zip(&report.steps).filter_map(|(place, step)| {
            let it = step.as_ref()?;
            Some((place, (it.triggers, it.rewards, it.cost, it.conversions)))
        });
        let days = report.days.iter().map(|(day, it)| (*day, (it.triggers, it.rewards, it.cost)));
        let steps = steps.filter(|(_, it)| *it != <(u64, u64, Roubles, u64)>::default()).collect();
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
    /// Who bought it, its number, and how often it was edited.
    bought: Vec<(usize, u8, u8)>,
    edits: u8,
    pub(super) done: Done,
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
        let decision = world.when(ask);
        let (draft, outcome) = decision.answer.ok()?;
        let mut world = decision.world;
        let events: Vec<Event> = draft.events.iter().map(|new| new.event.clone()).collect();
        draft.events.into_iter().for_each(|new| world.write(new.occurred_at, new.event));
        self.chains = world.registry.chains.clone();
        self.worlds[who] = world;
        self.keep(who);
        for event in &events {
            self.count(event);
        }
        Some((outcome, events))
    }

    fn count(&mut self, event: &Event) {
        let day = self.done.days.entry(self.now.moscow_day());
        if let Event::Chain(ChainEvent::ChainRewardIssued(ChainRewardIssued { step, cost, .. })) = event {
            let (day, step) = (day.or_default(), self.done.steps.entry(*step).or_default());
            (day.1, step.1) = (day.1 + 1, step.1 + 1);
            day.2 = day.2.checked_add(*cost).expect("fits");
            step.2 = step.2.checked_add(*cost).expect("fits");
        } else if let Event::Member(MemberEvent::ChainConverted(ChainConverted {
            step,
            held_out: false,
            ..
        })) = event
        {
            self.done.steps.entry(*step).or_default().3 += 1;
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
                let before = self.bought.iter().filter(|(whose, _, _)| whose == who).count();
                let serial =
                    NUMBERS * u8::try_from(*who).expect("few") + u8::try_from(before + 1).expect("few");
                self.bought.push((*who, serial, 1));
                self.react(*who, serial, slug, &events);
            }
            Act::Edit { which, edit } => {
                let count = self.bought.len().max(1);
                let Some(&(who, serial, revision)) = self.bought.get(which % count) else { return };
                self.edits += 1;
                let bill = self.worlds[who].file(serial).expect("recorded").bill;
                let part = Roubles::from_kopecks(bill.kopecks() / 4).to_string();
                let raised = Roubles::from_kopecks(bill.kopecks() + 100_000).to_string();
                let revised = u32::from(revision) + 1;
                let _refused = match edit {
                    Edit::GiveAllBack => self.ask(who, give_back(self.edits, serial, &bill.to_string())),
                    Edit::GiveAPartBack => self.ask(who, give_back(self.edits, serial, &part)),
                    Edit::Cancel => self.ask(who, amend(serial, revised, None)),
                    Edit::Raise => self.ask(who, amend(serial, revised, Some(&raised))),
                };
                self.bought[which % count].2 += 1;
            }
        }
        self.done.days.retain(|_, it| *it != <(u64, u64, Roubles)>::default());
    }

    /// The same as a partner's history, which comes in all at once, much later.
    pub(super) fn imported(&mut self) {
        let recorded_at = self.now.plus(TimeDelta::days(200));
        for fact in self.facts.iter_mut().flatten() {
            (fact.mode, fact.recorded_at) = (PurchaseMode::Import { registered_at: None }, recorded_at);
        }
    }

    /// What the chain would have done with this log.
    pub(super) fn simulated(&self, definition: &Definition) -> ChainReport {
        let (from, to) = (at(NOON), self.now);
        let definition = definition.clone();
        let trial = ChainTrial { chain_id: chain_id(1), definition, from, to };
        let mut simulation = ChainSimulation::begin(&self.worlds[0].registry, trial).expect("a chain");
        for (who, facts) in self.facts.iter().enumerate() {
            simulation.member(member(who), facts).expect("holds");
        }
        simulation.report().expect("holds")
    }
}
