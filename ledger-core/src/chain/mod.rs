//! Cross-promotion chains: what they are, who agreed to them, which of them run. Rules X1, X2.
//!
//! A chain has versions. The newest is drawn up, submitted, consented to by the owner of each business in it, approved and
//! activated; a change makes a new one, which begins as a draft, and the one that runs goes on until the new one is
//! activated. So nothing runs that not every owner and an admin agreed to word for word.

pub mod decide;
pub mod definition;
pub mod event;
pub mod held_out;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use rpds::RedBlackTreeMapSync;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{BusinessId, ChainId, MemberId, ReasonId};
use crate::money::Roubles;
use crate::rate::Percent;
use crate::time::Timestamp;
use definition::{DAYS_MAX, Definition, Step};
use event::ChainEvent;

/// Where a version of a chain stands. Rule X2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainState {
    /// Drawn up; may be submitted.
    Draft,
    /// Waits for consents and an admin's word.
    Submitted,
    /// Approved; may be activated.
    Approved,
    /// An admin said no; may be changed.
    Rejected,
    /// Purchases trigger its steps.
    Active,
    /// They do not, for a while.
    Paused,
    /// They never will again.
    Ended,
}

impl ChainState {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Submitted => "submitted",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Ended => "ended",
        }
    }
}

/// A time in which a version ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    from: Timestamp,
    to: Option<Timestamp>,
}

/// One version of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// From 1.
    pub version: u32,
    /// What it is.
    pub definition: Arc<Definition>,
    /// Where it stands.
    pub state: ChainState,
    /// The businesses whose owners consented to it.
    pub consents: BTreeSet<BusinessId>,
    /// Why it was rejected, in the vault.
    pub reason: Option<ReasonId>,
    /// When it ran, in order.
    runs: Vec<Run>,
}

impl Version {
    fn drafted(version: u32, definition: &Definition) -> Self {
        Self {
            version,
            definition: Arc::new(definition.clone()),
            state: ChainState::Draft,
            consents: BTreeSet::new(),
            reason: None,
            runs: Vec::new(),
        }
    }

    /// Whether it is active or paused.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        matches!(self.state, ChainState::Active | ChainState::Paused)
    }

    /// Whether purchases of the moment `at` trigger its steps: it was active then, and the moment is in its dates. What
    /// became of it later does not matter to them. Rules P1, X3.
    #[must_use]
    pub fn triggers_at(&self, at: Timestamp) -> bool {
        let ran = self.runs.iter().any(|run| run.from <= at && run.to.is_none_or(|to| at < to));
        let Definition { from, to, .. } = *self.definition;
        ran && from.is_none_or(|from| from <= at) && to.is_none_or(|to| at < to)
    }

    /// Whether she is one of those to whom it gives nothing, so that it can be told what it brings: always the same of a chain,
    /// whatever she does. Without a share of its own the policy's is the `default`.
    #[must_use]
    pub fn holds_out(&self, chain: ChainId, member: MemberId, default: Percent) -> bool {
        let drawn = Uuid::new_v5(&chain.as_uuid(), member.as_uuid().as_bytes()).as_fields().0;
        let percent = self.definition.holdout_percent.map_or(default.to_decimal(), Decimal::from);
        // Hundredths of a percent, of which a policy may speak.
        Decimal::new(i64::from(drawn % 10_000), 2) < percent
    }

    fn stop(&mut self, state: ChainState, at: Timestamp) {
        self.state = state;
        if let Some(run) = self.runs.last_mut() {
            run.to = run.to.or(Some(at));
        }
    }
}

/// One chain: a fold of its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its id.
    pub chain_id: ChainId,
    /// Its place in the order of drafting, from 1.
    pub number: u32,
    /// The version that was drawn up last.
    pub newest: Version,
    /// Those before it that ever ran.
    older: Vec<Version>,
    /// How many rewards it has given, by all versions. Rule X5.
    pub issued: u32,
    /// What they take of the budget. Rule X5.
    pub committed: Roubles,
}

impl Chain {
    /// The version that is active or paused.
    #[must_use]
    pub fn running(&self) -> Option<&Version> {
        self.versions().find(|version| version.is_running())
    }

    /// The newest version, then those before it that ever ran.
    pub fn versions(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.newest).chain(self.older.iter().rev())
    }

    /// Whether the business takes part: in the newest version, or in the one that runs.
    #[must_use]
    pub fn involves(&self, business: BusinessId) -> bool {
        let in_it = |version: &Version| version.definition.parties().contains(&business);
        in_it(&self.newest) || self.running().is_some_and(in_it)
    }

    /// Whether a version of it ran at some time after `at`.
    fn ran_after(&self, at: Timestamp) -> bool {
        self.versions().flat_map(|version| &version.runs).any(|run| run.to.is_none_or(|to| to > at))
    }

    fn running_mut(&mut self) -> Option<&mut Version> {
        std::iter::once(&mut self.newest).chain(&mut self.older).find(|version| version.is_running())
    }

    /// `None` for a fact that cannot follow from what was before.
    fn apply(&mut self, event: &ChainEvent) -> Option<()> {
        match event {
            ChainEvent::ChainDrafted(_) => return None,
            ChainEvent::ChainRevised(fact) => {
                let before =
                    std::mem::replace(&mut self.newest, Version::drafted(fact.version, &fact.definition));
                if !before.runs.is_empty() {
                    self.older.push(before);
                }
            }
            ChainEvent::ChainSubmitted(fact) => self.known(fact.version)?.state = ChainState::Submitted,
            ChainEvent::ChainConsented(fact) => {
                self.known(fact.version)?.consents.insert(fact.business_id);
            }
            ChainEvent::ChainApproved(fact) => self.known(fact.version)?.state = ChainState::Approved,
            ChainEvent::ChainRejected(fact) => {
                let rejected = self.known(fact.version)?;
                (rejected.state, rejected.reason) = (ChainState::Rejected, Some(fact.reason_id));
            }
            ChainEvent::ChainActivated(fact) => {
                let before = self.running_mut().filter(|before| before.version != fact.version);
                before.into_iter().for_each(|before| before.stop(ChainState::Ended, fact.at));
                let activated = self.known(fact.version)?;
                activated.state = ChainState::Active;
                activated.runs.push(Run { from: fact.at, to: None });
            }
            ChainEvent::ChainPaused(fact) => self.known(fact.version)?.stop(ChainState::Paused, fact.at),
            ChainEvent::ChainEnded(fact) => {
                self.running_mut().into_iter().for_each(|running| running.stop(ChainState::Ended, fact.at));
                self.newest.state = ChainState::Ended;
            }
            ChainEvent::ChainRewardIssued(fact) => {
                (self.issued, self.committed) = (fact.issued, fact.committed);
            }
        }
        Some(())
    }

    /// Its steps that a purchase at `business` triggers, judged as of the moment `at`. Rule X3.
    pub(crate) fn triggered(
        &self,
        business: BusinessId,
        at: Timestamp,
    ) -> impl Iterator<Item = Triggered<'_>> {
        let active = self.versions().filter(move |version| version.triggers_at(at));
        active.flat_map(move |version| {
            let steps = (0..).zip(&version.definition.steps).filter(move |(_, step)| step.from == business);
            steps.map(move |(place, step)| Triggered { chain: self, version, place, step })
        })
    }

    /// The version with this number, if it is the newest or ever ran.
    #[must_use]
    pub fn version(&self, number: u32) -> Option<&Version> {
        self.versions().find(|version| version.version == number)
    }

    fn known(&mut self, version: u32) -> Option<&mut Version> {
        std::iter::once(&mut self.newest).chain(&mut self.older).find(|known| known.version == version)
    }
}

/// A step that a purchase triggers.
#[derive(Debug, Clone, Copy)]
pub struct Triggered<'a> {
    /// Of which chain.
    pub chain: &'a Chain,
    /// Of which version of it.
    pub version: &'a Version,
    /// The step's place in it, from 0.
    pub place: u32,
    /// The step.
    pub step: &'a Step,
}

/// A fact about a chain that cannot follow from what the log said of it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log has a fact about chain {0} that cannot follow from those before it")]
pub struct CorruptChain(pub ChainId);

/// All chains: a fold of all chain streams. Copies share what they have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chains {
    by_id: RedBlackTreeMapSync<ChainId, Arc<Chain>>,
    by_number: RedBlackTreeMapSync<u32, ChainId>,
    /// Those that run, or ran within the longest window, by the businesses whose purchases trigger a step: what a purchase
    /// looks at.
    by_source: Arc<BTreeMap<BusinessId, BTreeSet<ChainId>>>,
}

impl Chains {
    /// Applies one fact.
    ///
    /// # Errors
    /// [`CorruptChain`] when the history cannot hold.
    pub fn apply(&mut self, event: &ChainEvent) -> Result<(), CorruptChain> {
        let id = event.chain_id();
        if let ChainEvent::ChainDrafted(fact) = event {
            let number = self.by_number.last().map_or(0, |(number, _)| *number).saturating_add(1);
            let newest = Version::drafted(fact.version, &fact.definition);
            let (issued, committed) = (0, Roubles::ZERO);
            let chain = Chain { chain_id: id, number, newest, older: Vec::new(), issued, committed };
            if self.by_id.contains_key(&id) {
                return Err(CorruptChain(id));
            }
            self.by_id.insert_mut(id, Arc::new(chain));
            self.by_number.insert_mut(number, id);
            return Ok(());
        }
        let chain = self.by_id.get_mut(&id).ok_or(CorruptChain(id))?;
        Arc::make_mut(chain).apply(event).ok_or(CorruptChain(id))?;
        if let ChainEvent::ChainActivated(fact) = event {
            let sources = chain.running().into_iter().flat_map(|running| &running.definition.steps);
            let sources: BTreeSet<BusinessId> = sources.map(|step| step.from).collect();
            self.look_at(id, &sources, fact.at);
        }
        Ok(())
    }

    /// From `now` on the purchases of `sources` look at the chain, and no longer at those that ended so long ago that no
    /// window reaches them.
    fn look_at(&mut self, id: ChainId, sources: &BTreeSet<BusinessId>, now: Timestamp) {
        let Self { by_id, by_source, .. } = self;
        let oldest = now.minus(TimeDelta::days(i64::from(DAYS_MAX)));
        let matters = |id: &ChainId| by_id.get(id).is_some_and(|chain| chain.ran_after(oldest));
        let by_source = Arc::make_mut(by_source);
        for source in sources {
            let chains = by_source.entry(*source).or_default();
            chains.retain(matters);
            chains.insert(id);
        }
    }

    /// The chain with this id.
    #[must_use]
    pub fn get(&self, id: ChainId) -> Option<&Chain> {
        self.by_id.get(&id).map(AsRef::as_ref)
    }

    /// All of them, the last drafted first; those before the number `before` alone.
    pub fn before(&self, before: u32) -> impl Iterator<Item = &Chain> {
        self.by_number.range(..before).rev().filter_map(|(_, id)| self.get(*id))
    }

    /// The chains with a version that runs, or ran within the longest window, and has a step from this business.
    pub fn from_source(&self, business: BusinessId) -> impl Iterator<Item = &Chain> {
        self.by_source.get(&business).into_iter().flatten().filter_map(|id| self.get(*id))
    }

    /// The steps that a purchase at `business` triggers, judged as of the moment `at`. O(those of its own chains). Rule X3.
    pub fn triggered(&self, business: BusinessId, at: Timestamp) -> impl Iterator<Item = Triggered<'_>> {
        self.from_source(business).flat_map(move |chain| chain.triggered(business, at))
    }
}
