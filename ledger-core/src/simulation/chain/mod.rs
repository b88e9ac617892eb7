//! What a chain would have done: a period of the real log, with the chain in it. Rules X1, X3–X6, B9.
//!
//! What people did stands as it is, so conversions are those that came without any reward: what a reward adds to them is not
//! known, and a chain leads to at least as many. What the chain would have done is decided by the code that decides it on the
//! log (`member/reward.rs`, `conversion.rs`, `cross_bonus.rs`), in two turns:
//!
//! 1. Member by member, on her real state: what would each of her purchases get of each step, if the chain had no limits
//!    (`told.rs`)? What gets nothing is counted with the reason.
//! 2. Limits and budget are of everybody together (Rule X5), and what is given decides what can follow. So what is left is told
//!    once more, of all members in the order of time, and decided with the chain as it is, on states that hold what the chain
//!    did, and purchases at its businesses, and nothing else (`course.rs`). Who is new at a target is judged here, too: history
//!    may come to the log after what followed it. So is what was told on the streams of several accounts that are one.
//!
//! Why it is right: each condition is on what really was, or on what the chain did; a reward is given when both turns say so.
//! One condition alone is a sum of both, the room for open coupons: here the chain's and all others have room apart.
//!
//! No step from or to a clinic is told (`compliance.md` M4): how often it was triggered, or followed from, or for whom it was
//! not, tells of visits; and they take nothing of the limits.
//!
//! Bounds: the facts of one member at a time; besides, of each member who triggered something in the period, or whose account
//! is or was one with another, her purchases at businesses of the chain, and what the chain gave her: at most `KEPT_MAX` facts.

mod course;
mod report;
mod told;

pub use report::{ChainReport, DayFigures, StepFigures};

use super::{Fact, NotSimulated};
use crate::chain::Chains;
use crate::chain::decide::check;
use crate::chain::definition::{Audience, Definition, Limits};
use crate::chain::event::{ChainActivated, ChainDrafted, ChainEvent};
use crate::context::{Context, Registry};
use crate::ids::{ChainId, MemberId};
use crate::rejection::Rejection;
use crate::time::Timestamp;
use told::{Terms, Told, read};

/// The most purchases, edits and questions that are kept until the log is read: about a gigabyte.
const KEPT_MAX: usize = 2_000_000;

/// The version that is tried.
const VERSION: u32 = 1;

/// A chain to try on a period of the log, as if it had been active from its first moment to its last. Its own dates, which are
/// those of its future, do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainTrial {
    /// The chain: who is held out follows from it.
    pub chain_id: ChainId,
    /// What it is.
    pub definition: Definition,
    /// The first moment of the period.
    pub from: Timestamp,
    /// Now.
    pub to: Timestamp,
}

/// A simulation under way.
#[derive(Debug)]
pub struct ChainSimulation {
    /// What the first turn is decided with.
    terms: Terms,
    /// What the second turn is decided with.
    registry: Registry,
    told: Vec<Told>,
    kept_max: usize,
    report: ChainReport,
}

impl ChainSimulation {
    /// Begins a simulation on the policies and businesses of `registry`.
    ///
    /// # Errors
    /// What drawing up the chain would be refused for.
    pub fn begin(registry: &Registry, trial: ChainTrial) -> Result<Self, Rejection> {
        let ChainTrial { chain_id, definition, from, to } = trial;
        let context = Context { recorded_at: to, registry };
        context.policy_at(to)?;
        check(&definition, &context)?;
        let definition = Definition { from: None, to: None, ..definition };
        // Who is new there by then is known in the order of time alone.
        let audience = Audience { new_customers_of_target: false, ..definition.audience.clone() };
        let boundless = Definition { limits: Limits::default(), audience, ..definition.clone() };
        let with = |definition: &Definition| with_chain(registry, chain_id, definition, from);
        let terms = Terms::of(with(&boundless)?, &definition, from);
        let registry = with(&definition)?;
        let report = ChainReport::of(definition, &registry.businesses, (from, to));
        Ok(Self { terms, registry, told: Vec::new(), kept_max: KEPT_MAX, report })
    }

    /// Tells one member's facts: all of them, in the order of the log.
    ///
    /// # Errors
    /// [`NotSimulated`].
    pub fn member(&mut self, member: MemberId, facts: &[Fact]) -> Result<(), NotSimulated> {
        self.report.members = self.report.members.saturating_add(1);
        self.told.extend(read(&self.terms, member, facts, &mut self.report)?);
        if self.told.len() > self.kept_max { Err(NotSimulated::TooMuch) } else { Ok(()) }
    }

    /// With another bound on what is kept.
    #[cfg(test)]
    pub(crate) fn keeping(self, kept_max: usize) -> Self {
        Self { kept_max, ..self }
    }

    /// Members told so far, and their purchases in the period where a step begins.
    #[must_use]
    pub const fn progress(&self) -> (u64, u64) {
        (self.report.members, self.report.purchases)
    }

    /// What it came to.
    ///
    /// # Errors
    /// [`NotSimulated`].
    pub fn report(self) -> Result<ChainReport, NotSimulated> {
        course::run(self.registry, self.told, self.report)
    }
}

/// The registry with this chain alone, active from `at` on.
fn with_chain(
    registry: &Registry,
    chain_id: ChainId,
    definition: &Definition,
    at: Timestamp,
) -> Result<Registry, Rejection> {
    let mut chains = Chains::default();
    let drafted = ChainDrafted { chain_id, version: VERSION, definition: Box::new(definition.clone()) };
    for fact in [
        ChainEvent::ChainDrafted(drafted),
        ChainEvent::ChainActivated(ChainActivated { chain_id, version: VERSION, at }),
    ] {
        chains.apply(&fact).map_err(|_| Rejection::ChainNotFound)?;
    }
    Ok(Registry { chains, ..registry.clone() })
}
