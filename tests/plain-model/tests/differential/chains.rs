//! Chains in random histories, in the model's words and in the domain's. Rules X1, X2.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use ledger_core::chain::decide::{ChainCommand, ChangeChain, decide};
use ledger_core::chain::definition::{
    Audience, ChainFunder, ChainKind, CouponTemplate, Definition, Limits, Reward, Step,
};
use ledger_core::context::Context;
use ledger_core::ids::{ChainId, ReasonId};
use ledger_core::log::Event;
use ledger_core::member::event::CouponBenefit;
use ledger_core::time::Timestamp;
use plain_model::Kopecks;
use plain_model::chain::{self, Bears, Chain, Version};
use plain_model::coupon::Gives;
use plain_model::status::Status;
use proptest::prelude::*;
use uuid::Uuid;

use crate::coupons::{all_statuses, theirs};
use crate::domain::{Domain, business_id, roubles};
use crate::run::{ALL, Run};
use crate::steps::DAY;

/// A step of a chain as wanted.
#[derive(Debug, Clone)]
pub(crate) struct WantedStep {
    window_days: u32,
    min_amount: Option<i64>,
    reward: u8,
    kopecks: i64,
    rate: Option<i64>,
    min_bill: Option<i64>,
    life_days: u32,
}

/// A version of a chain as wanted.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    kind: u8,
    places: Vec<usize>,
    steps: Vec<WantedStep>,
    statuses: u8,
    new_customers: bool,
    limits: (Option<u32>, Option<u32>, Option<i64>),
    dates: (Option<i64>, Option<i64>),
    bears: u8,
    holdout: Option<u32>,
}

#[derive(Debug, Clone)]
pub(crate) enum OfChain {
    /// A new one is drawn up, agreed to and activated.
    Run(Wanted),
    /// So is a new version of one.
    Change {
        pick: usize,
        wanted: Wanted,
    },
    /// What an admin says of one.
    Pause {
        pick: usize,
    },
    Resume {
        pick: usize,
    },
    End {
        pick: usize,
    },
    /// Whoever follows the log catches up.
    React,
    /// From now on it is about another member.
    Meet {
        pick: usize,
    },
}

/// Where chains lead, and purchases of their histories are: two of one category, a clinic.
pub(crate) const PLACES: [usize; 5] = [0, 1, 2, 5, 6];

pub(crate) fn wanted() -> impl Strategy<Value = Wanted> {
    let or_none = |range: std::ops::Range<i64>| proptest::option::weighted(0.3, range);
    let step = (
        1..40_u32,
        or_none(100..300_000),
        0..8_u8,
        1_000..60_000_i64,
        proptest::option::weighted(0.7, 1..4_000_i64),
        or_none(60_000..400_000),
        1..60_u32,
    );
    let step = step.prop_map(|(window_days, min_amount, reward, kopecks, rate, min_bill, life_days)| {
        WantedStep { window_days, min_amount, reward, kopecks, rate, min_bill, life_days }
    });
    let limits = (
        proptest::option::weighted(0.3, 1..4_u32),
        proptest::option::weighted(0.3, 1..6_u32),
        proptest::option::weighted(0.4, 60_000..200_000_i64),
    );
    let dates =
        (proptest::option::weighted(0.1, -2 * DAY..10 * DAY), proptest::option::weighted(0.1, 0..40 * DAY));
    let audience = (prop_oneof![5 => Just(0_u8), 1 => 1..16_u8], proptest::bool::weighted(0.15));
    let holdout = proptest::option::weighted(0.2, 0..51_u32);
    let steps = proptest::collection::vec(step, 1..4);
    let places = Just(PLACES.to_vec()).prop_shuffle();
    (0..3_u8, places, steps, audience, limits, dates, 0..3_u8, holdout).prop_map(
        |(kind, places, steps, (statuses, new_customers), limits, dates, bears, holdout)| Wanted {
            kind,
            places,
            steps,
            statuses,
            new_customers,
            limits,
            dates,
            bears,
            holdout,
        },
    )
}

pub(crate) fn of_chains() -> impl Strategy<Value = OfChain> {
    prop_oneof![
        3 => wanted().prop_map(OfChain::Run),
        2 => (0..4_usize, wanted()).prop_map(|(pick, wanted)| OfChain::Change { pick, wanted }),
        2 => (0..4_usize).prop_map(|pick| OfChain::Pause { pick }),
        2 => (0..4_usize).prop_map(|pick| OfChain::Resume { pick }),
        1 => (0..4_usize).prop_map(|pick| OfChain::End { pick }),
        24 => Just(OfChain::React),
        6 => (0..2_usize).prop_map(|pick| OfChain::Meet { pick }),
    ]
}

impl WantedStep {
    fn reward(&self, from: &str, to: &str) -> chain::Step {
        let value = Kopecks::from(self.kopecks);
        let hundredths = value % 10_000 + 1;
        let gives = match self.reward {
            0 | 1 => Some(Gives::Fixed(value)),
            2 => Some(Gives::Percent { hundredths, cap: Some(value) }),
            3 => Some(Gives::Percent { hundredths, cap: None }),
            4 => Some(Gives::Bonus(value)),
            5 => Some(Gives::Gift),
            _ => None,
        };
        let rate = self.rate.map(Kopecks::from);
        let min_bill = self.min_bill.map(Kopecks::from);
        let reward = gives.map_or(chain::Reward::CrossBonus { rate }, |gives| chain::Reward::Coupon {
            gives,
            min_bill,
            life_days: self.life_days,
        });
        chain::Step {
            from: from.to_owned(),
            to: to.to_owned(),
            window_days: self.window_days.into(),
            min_amount: self.min_amount.map(Kopecks::from),
            reward,
        }
    }
}

impl Wanted {
    /// It in the model's words.
    fn version(&self, number: u32, now: Timestamp) -> Version {
        let slug = |place: usize| ALL[self.places[place]].0;
        let pairs: Vec<(usize, usize)> = match self.kind {
            0 => vec![(0, 1), (1, 0)],
            1 => (0..self.steps.len()).map(|step| (step, step + 1)).collect(),
            _ => (0..self.steps.len()).map(|step| (0, step + 1)).collect(),
        };
        let steps = pairs.iter().zip(self.steps.iter().cycle());
        let (per_member, total, budget) = self.limits;
        let count = |limit: u32| usize::try_from(limit).expect("few");
        let moment = |seconds: i64| {
            let days = TimeDelta::days(10);
            now.minus(days).plus(days + TimeDelta::seconds(seconds))
        };
        let is_wanted = |place: &usize| self.statuses & (1 << place) != 0;
        Version {
            number,
            steps: steps.map(|((from, to), step)| step.reward(slug(*from), slug(*to))).collect(),
            statuses: (0..4).filter(is_wanted).map(|place| all_statuses()[place]).collect(),
            new_customers_of_target: self.new_customers,
            per_member: per_member.map(count),
            total: total.map(count),
            budget: budget.map(Kopecks::from),
            from: self.dates.0.map(moment),
            to: self.dates.1.map(moment),
            bears: [Bears::Source, Bears::Target, Bears::Coalition][usize::from(self.bears)],
            holdout: self.holdout,
            runs: Vec::new(),
        }
    }

    fn kind(&self) -> ChainKind {
        [ChainKind::Mutual, ChainKind::Linear, ChainKind::Fan][usize::from(self.kind)]
    }
}

/// A version in the domain's words.
fn definition(kind: ChainKind, version: &Version) -> Definition {
    let count = |limit: usize| u32::try_from(limit).expect("few");
    let statuses: Vec<_> = version.statuses.iter().map(|status: &Status| theirs(*status)).collect();
    Definition {
        name: ReasonId::from_uuid(Uuid::from_u128(1)),
        kind,
        steps: version.steps.iter().map(step).collect(),
        audience: Audience { statuses, new_customers_of_target: version.new_customers_of_target },
        limits: Limits {
            per_member: version.per_member.map(count),
            total: version.total.map(count),
            budget: version.budget.map(roubles),
        },
        from: version.from,
        to: version.to,
        funded_by: match version.bears {
            Bears::Source => ChainFunder::Source,
            Bears::Target => ChainFunder::Target,
            Bears::Coalition => ChainFunder::Coalition,
        },
        holdout_percent: version.holdout,
    }
}

fn step(step: &chain::Step) -> Step {
    let reward = match &step.reward {
        chain::Reward::CrossBonus { rate } => {
            let rate = rate.map(|rate| format!("0.{rate:04}").parse().expect("a rate"));
            Reward::CrossBonus { rate }
        }
        chain::Reward::Coupon { gives, min_bill, life_days } => {
            let gives = crate::coupons::benefit(gives);
            let is_gift = matches!(gives, CouponBenefit::Gift {});
            let text = ReasonId::from_uuid(Uuid::from_u128(2));
            let is_clinic = ALL.iter().any(|(slug, _, is_medical)| *slug == step.to && *is_medical);
            Reward::Coupon {
                coupon: CouponTemplate {
                    gives,
                    min_bill: min_bill.map(roubles),
                    life_days: *life_days,
                    description: (!is_clinic).then_some(text),
                    gift: is_gift.then_some(text),
                },
            }
        }
    };
    Step {
        from: business_id(&step.from),
        to: business_id(&step.to),
        window_days: u32::try_from(step.window_days).expect("few"),
        min_amount: step.min_amount.map(roubles),
        reward,
    }
}

pub(crate) fn chain_id(serial: usize) -> ChainId {
    ChainId::from_uuid(Uuid::from_u128(0xc4a1_0000 + serial as u128))
}

impl Domain {
    /// Whether it is allowed.
    fn chain(&mut self, now: Timestamp, id: ChainId, command: &ChainCommand) -> bool {
        let context = Context { recorded_at: now, registry: &self.registry };
        let Ok((events, _)) = decide(id, command, &context) else { return false };
        for event in events {
            let Event::Chain(fact) = event else { panic!("a fact of a chain") };
            self.registry.chains.apply(&fact).expect("a history that holds");
        }
        true
    }

    /// The newest version goes all the way.
    fn agree(&mut self, now: Timestamp, id: ChainId, version: &Version) {
        let parties: BTreeSet<&str> =
            version.steps.iter().flat_map(|step| [step.from.as_str(), step.to.as_str()]).collect();
        let consents =
            parties.iter().map(|slug| ChainCommand::Consent { of: business_id(slug), version: None });
        let way = std::iter::once(ChainCommand::Submit).chain(consents);
        for command in way.chain([ChainCommand::Approve, ChainCommand::Activate]) {
            assert!(self.chain(now, id, &command), "{command:?}");
        }
    }

    /// Of each chain how many rewards it gave, and what they take of its budget.
    pub(crate) fn given(&self) -> Vec<(usize, Kopecks)> {
        let chains = (0..).map(|serial| self.registry.chains.get(chain_id(serial)));
        let chains = chains.take_while(Option::is_some).flatten();
        let count = |issued: u32| usize::try_from(issued).expect("few");
        chains.map(|chain| (count(chain.issued), Kopecks::from(chain.committed.kopecks()))).collect()
    }
}

impl Run {
    pub(crate) fn of_chain(&mut self, step: &OfChain) -> Result<(), TestCaseError> {
        // After all that was recorded: a chain never changes at the very moment of a purchase.
        self.now = self.now.plus(TimeDelta::microseconds(1));
        let now = self.now;
        match step {
            OfChain::React => return self.react(),
            OfChain::Meet { pick } => self.meet(*pick),
            OfChain::Run(wanted) => {
                let (id, version) = (chain_id(self.circle.chains.len()), wanted.version(1, now));
                let draft = ChainCommand::Draft(Box::new(definition(wanted.kind(), &version)));
                if self.domain.chain(now, id, &draft) {
                    self.domain.agree(now, id, &version);
                    self.circle.chains.push(Chain { id, versions: vec![version], given: Vec::new() });
                    self.circle.chains.last_mut().expect("it").activate(1, now);
                }
            }
            OfChain::Change { pick, wanted } => self.change(*pick, wanted),
            OfChain::Pause { pick } => self.say(*pick, &ChainCommand::Pause),
            OfChain::Resume { pick } => self.say(*pick, &ChainCommand::Activate),
            OfChain::End { pick } => self.say(*pick, &ChainCommand::End),
        }
        Ok(())
    }

    fn change(&mut self, pick: usize, wanted: &Wanted) {
        let Some(chain) = self.circle.chains.get_mut(pick) else { return };
        let number = u32::try_from(chain.versions.len()).expect("few") + 1;
        let version = wanted.version(number, self.now);
        let Definition { name, kind, steps, audience, limits, from, to, funded_by, holdout_percent } =
            definition(wanted.kind(), &version);
        let change = ChangeChain {
            name: Some(name),
            kind: Some(kind),
            steps: Some(steps),
            audience: Some(audience),
            limits: Some(limits),
            from: from.map(Some),
            to: to.map(Some),
            funded_by: Some(funded_by),
            holdout_percent: holdout_percent.map(Some),
        };
        if !self.domain.chain(self.now, chain.id, &ChainCommand::Change(Box::new(change))) {
            return;
        }
        // What a change does not say stays.
        let old = chain.versions.last().expect("a first version");
        let version = Version {
            from: version.from.or(old.from),
            to: version.to.or(old.to),
            holdout: version.holdout.or(old.holdout),
            ..version
        };
        if self.domain.registry.chains.get(chain.id).is_some_and(|it| it.newest.version == number) {
            self.domain.agree(self.now, chain.id, &version);
            chain.versions.push(version);
            chain.activate(number, self.now);
        }
    }

    fn say(&mut self, pick: usize, command: &ChainCommand) {
        let Some(chain) = self.circle.chains.get_mut(pick) else { return };
        if !self.domain.chain(self.now, chain.id, command) {
            return;
        }
        let newest = chain.versions.last().expect("a first version").number;
        match command {
            ChainCommand::Activate => chain.activate(newest, self.now),
            _ => chain.stop(self.now),
        }
    }
}
