//! Chains: what they are, when they ran, what they gave. Rules X1, X2, X5.
//!
//! Readings:
//! - X2: a version runs from its activation until it is paused or ended, or another version is activated.
//! - X3, P1: what counts is whether it ran at the moment that decides on the purchase, whatever became of it later.
//! - X3, T3: of a purchase of the tolerated future it is the moment of its recording, so that it does not matter when chains
//!   look at it.
//! - X5: the limits are those of the version that is triggered; what counts against them is what the chain gave by all its
//!   versions, each reward with the most that it can cost. What was not used does not come back.
//! - X6: whoever draws up a chain sees to it that no step leads from a business to itself.

use ledger_core::ids::ChainId;
use ledger_core::time::Timestamp;

use crate::Kopecks;
use crate::circle::Circle;
use crate::coupon::Gives;
use crate::lot::COALITION;
use crate::member::Purchase;
use crate::status::Status;

/// What a step gives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the contract")]
pub enum Reward {
    Coupon { gives: Gives, min_bill: Option<Kopecks>, life_days: u32 },
    CrossBonus { rate: Option<i128> },
}

impl Reward {
    /// The most that one can cost; a cross bonus's is known when it is given. Rule X5.
    pub(crate) fn cost(&self) -> Kopecks {
        match self {
            Self::Coupon { gives: Gives::Fixed(value) | Gives::Bonus(value), .. } => *value,
            Self::Coupon { gives: Gives::Percent { cap, .. }, .. } => cap.unwrap_or(0),
            Self::Coupon { gives: Gives::Gift, .. } | Self::CrossBonus { .. } => 0,
        }
    }
}

/// Who bought there gets something here.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the contract")]
pub struct Step {
    pub from: String,
    pub to: String,
    pub window_days: i64,
    pub min_amount: Option<Kopecks>,
    pub reward: Reward,
}

/// Who bears the rewards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the contract")]
pub enum Bears {
    Source,
    Target,
    Coalition,
}

/// One version of a chain. Rule X1.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the contract")]
pub struct Version {
    pub number: u32,
    pub steps: Vec<Step>,
    pub statuses: Vec<Status>,
    pub new_customers_of_target: bool,
    pub per_member: Option<usize>,
    pub total: Option<usize>,
    pub budget: Option<Kopecks>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub bears: Bears,
    /// Whole percents; the policy's when absent.
    pub holdout: Option<u32>,
    /// When it ran: from, and the first moment at which it did no more.
    pub runs: Vec<(Timestamp, Option<Timestamp>)>,
}

impl Version {
    /// Whether it ran then, and the moment is in its dates. Rules X2, X3.
    #[must_use]
    pub fn is_active(&self, at: Timestamp) -> bool {
        let ran = self.runs.iter().any(|(from, to)| *from <= at && to.is_none_or(|to| at < to));
        ran && self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }

    /// Who bears what a step of it gives.
    pub(crate) fn funder(&self, step: &Step) -> String {
        match self.bears {
            Bears::Source => step.from.clone(),
            Bears::Target => step.to.clone(),
            Bears::Coalition => COALITION.to_owned(),
        }
    }
}

/// One chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its id.
    pub id: ChainId,
    /// Its versions, version 1 first.
    pub versions: Vec<Version>,
    /// What each reward it gave takes of the budget. Rule X5.
    pub given: Vec<Kopecks>,
}

impl Chain {
    /// The version with this number runs from now on, and no other.
    pub fn activate(&mut self, number: u32, now: Timestamp) {
        self.stop(now);
        let version = self.versions.iter_mut().find(|version| version.number == number);
        version.into_iter().for_each(|version| version.runs.push((now, None)));
    }

    /// No version runs from now on: the chain is paused or ended.
    pub fn stop(&mut self, now: Timestamp) {
        for (_, to) in self.versions.iter_mut().flat_map(|version| &mut version.runs) {
            to.get_or_insert(now);
        }
    }

    /// What all rewards take of the budget.
    #[must_use]
    pub fn committed(&self) -> Kopecks {
        self.given.iter().sum()
    }

    /// Whether one more reward, at this cost, for who had `hers` of the chain, is within the limits. Rule X5.
    pub(crate) fn allows(&self, version: &Version, hers: usize, cost: Kopecks) -> bool {
        version.per_member.is_none_or(|most| hers < most)
            && version.total.is_none_or(|most| self.given.len() < most)
            && version.budget.is_none_or(|most| self.committed() + cost <= most)
    }
}

/// One step of one version of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub struct StepId {
    pub chain: ChainId,
    pub version: u32,
    pub step: usize,
}

impl Purchase {
    /// The moment as of which chains look at it.
    pub(crate) fn looked_at(&self) -> Timestamp {
        self.moment.min(self.recorded_at)
    }
}

impl Circle {
    /// The steps that a purchase triggers. Rule X3.
    #[must_use]
    pub fn triggered_by(&self, purchase: &Purchase) -> Vec<StepId> {
        let mut triggered = Vec::new();
        for chain in &self.chains {
            for version in chain.versions.iter().filter(|version| version.is_active(purchase.looked_at())) {
                let places = version.steps.iter().enumerate();
                let from_here = places.filter(|(_, step)| step.from == purchase.business);
                triggered.extend(from_here.map(|(step, _)| StepId {
                    chain: chain.id,
                    version: version.number,
                    step,
                }));
            }
        }
        triggered
    }

    /// A chain gave a reward that takes so much of its budget. Rule X5.
    pub fn gave(&mut self, chain: ChainId, cost: Kopecks) {
        let chain = self.chains.iter_mut().find(|it| it.id == chain);
        chain.into_iter().for_each(|chain| chain.given.push(cost));
    }

    pub(crate) fn step(&self, id: StepId) -> (&Chain, &Version, &Step) {
        let chain = self.chains.iter().find(|chain| chain.id == id.chain).expect("a known chain");
        let version = chain.versions.iter().find(|version| version.number == id.version);
        let version = version.expect("a known version");
        (chain, version, &version.steps[id.step])
    }
}
