//! What a policy would have cost: a period of the real log, replayed under a draft. Rule P3. A chain: `chain/mod.rs`.
//!
//! Each member's real facts are told again, twice: under the policies that held, and under the draft in force from the
//! first moment of the period. What people did is taken from the log (she bought, held bonuses, gave back, was invited);
//! what follows from it by rule (accruals, maturing, expiry, statuses, debts) is decided anew by [`member::decide`], at the
//! moment at which it really was. No rule is written down here a second time.
//!
//! | file | what |
//! |---|---|
//! | `fact.rs` | one fact of a member's log, and what of her other facts belongs to it |
//! | `replay.rs` | one of the two replays: her state, its clock, the reviews and dues of time alone |
//! | `retell.rs` | from a real fact to the command that it came from |
//! | `edits.rs` | the same for revisions, refunds and what changes hands |
//! | `figures.rs` | what a replay's facts come to, by funder |
//! | `report.rs` | the two beside each other |
//! | `chain/` | a chain tried on the past, which has but one column |
//!
//! Why it is right:
//! 1. Both columns come from the same machine, so a draft that changes nothing shows no difference, whatever the log holds.
//!    That the machine tells the truth is a property test: the replay under the real policies comes to the books of the
//!    real log, to the kopeck.
//! 2. Facts before the period are folded as they are (Rule P4). A fact is of the period by the moment as of which it was
//!    decided: when the log took it, or for imported history its own time (Rule T6).
//! 3. A purchase that was taken is taken: a draft that would have stopped it at the door (too old, before membership) does
//!    not. Bonuses she paid with are at most what the replay gives her and its policy allows. What cannot be told again
//!    is counted in [`Report::left_out`].
//! 4. No figure tells of a clinic (`compliance.md` M4): what has to do with one is told again, since it is a part of what she
//!    has and does, and is entered nowhere (`figures.rs`). Her status is what is shown of it (Rule S7).
//!
//! Bounds: one member's facts at a time; O(facts), plus a review for each day on which time alone can change a status.
//!
//! [`member::decide`]: crate::member::decide

pub mod chain;
mod edits;
mod fact;
mod figures;
mod replay;
mod report;
mod retell;

pub use fact::Fact;
pub use figures::Figures;
pub use report::{Change, LARGEST, Report, Sides};

use std::collections::BTreeMap;

use serde_json::Value;

use crate::category::Confidentiality;
use crate::context::Registry;
use crate::ids::{MemberId, Slug};
use crate::member::CorruptHistory;
use crate::member::lot::Funder;
use crate::policy::decide::{changed, next_version};
use crate::policy::event::{PolicyEvent, PolicyPublished};
use crate::policy::{Policies, Policy};
use crate::rejection::Rejection;
use crate::time::{MoscowDay, Timestamp};
use fact::Story;
use figures::Books;
use replay::Replay;

/// A draft to try on a period of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The first moment of the period.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
    /// The parameters that change, by name, as for a publication.
    pub changes: BTreeMap<String, Value>,
}

/// The first moment of the period, and the first after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Period {
    from: Timestamp,
    to: Timestamp,
}

/// Why a simulation ends without a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSimulated {
    /// A member's history does not hold.
    #[error(transparent)]
    Corrupt(#[from] CorruptHistory),
    /// A sum that does not fit.
    #[error("a sum of the simulation does not fit")]
    OutOfRange,
    /// More of the period is needed at once than is kept.
    #[error("too much happened in the period to try it at once: choose fewer days")]
    TooMuch,
}

/// A simulation under way.
#[derive(Debug)]
pub struct Simulation {
    period: Period,
    registries: Sides<Registry>,
    /// Midnights at which everybody is reviewed: the first, and the first of each policy.
    reviews: Vec<Timestamp>,
    books: Sides<Books>,
    report: Report,
}

impl Simulation {
    /// Begins a simulation on the policies and businesses of `registry`.
    ///
    /// # Errors
    /// [`Rejection::PeriodReversed`]; what a publication of the draft would be refused for.
    pub fn begin(registry: &Registry, trial: Trial) -> Result<Self, Rejection> {
        let Trial { from, to, changes } = trial;
        if to <= from {
            return Err(Rejection::PeriodReversed);
        }
        let newest = registry.policies.newest().ok_or(Rejection::PolicyMissing)?;
        let parameters = Box::new(changed(&newest.parameters, &changes, BTreeMap::new())?);
        let version = next_version(&registry.policies)?;
        let draft = PolicyPublished { version, effective_from: from, parameters };
        let begins = registry.policies.iter().map(|policy| policy.effective_from);
        let mut reviews: Vec<_> = begins.filter(|at| from < *at && *at < to).map(midnight_from).collect();
        reviews.push(midnight_from(from));
        reviews.sort_unstable();
        let businesses = registry.businesses.without_waiting();
        let real =
            Registry { policies: with_open_doors(&registry.policies, None), businesses, ..registry.clone() };
        let policies = with_open_doors(&registry.policies, Some(draft));
        let draft = Registry { policies, ..real.clone() };
        Ok(Self {
            period: Period { from, to },
            registries: Sides { real, draft },
            reviews,
            books: Sides::default(),
            report: Report::default(),
        })
    }

    /// Tells one member's facts again: all of them, in the order of the log.
    ///
    /// # Errors
    /// [`NotSimulated`].
    pub fn member(&mut self, member: MemberId, facts: &[Fact]) -> Result<(), NotSimulated> {
        let story = Story::of(facts)?;
        let is_before = |fact: &&Fact| fact.moment() < self.period.from;
        let (before, since) = facts.split_at(facts.iter().take_while(is_before).count());
        let mut real = Replay::after(before, &story, self.period, &self.registries.real, &self.reviews)?;
        let mut draft = real.under(&self.registries.draft);
        for (replay, books) in [(&mut real, &mut self.books.real), (&mut draft, &mut self.books.draft)] {
            for fact in since {
                replay.tell(fact, &story, books)?;
            }
            replay.end(&story, books)?;
        }
        self.report.purchases = self.report.purchases.saturating_add(purchases(since, self.period));
        if real.is_member() {
            let ends = Sides { real: real.ending(), draft: draft.ending() };
            self.report.count(member, &ends);
        }
        Ok(())
    }

    /// Members and purchases of the period told so far.
    #[must_use]
    pub const fn progress(&self) -> (u64, u64) {
        (self.report.members, self.report.purchases)
    }

    /// What it came to.
    #[must_use]
    pub fn report(self) -> Report {
        let mut report = self.report;
        report.enter(self.books);
        // What a clinic bears elsewhere would name it beside what it gives at its own.
        let businesses = &self.registries.real.businesses;
        let is_clinic = |slug: &Slug| {
            businesses.by_slug(slug).is_some_and(|it| it.confidentiality == Confidentiality::Medical)
        };
        report.funders.retain(|funder, _| !matches!(funder, Funder::Business(slug) if is_clinic(slug)));
        report
    }
}

fn purchases(facts: &[Fact], period: Period) -> u64 {
    let is_told = |fact: &&Fact| fact.is_purchase() && !fact.is_secret() && period.holds(fact.moment());
    let told = facts.iter().filter(is_told);
    u64::try_from(told.count()).unwrap_or(u64::MAX)
}

impl Period {
    fn holds(self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

/// The first midnight not before `at`: statuses are reviewed at the beginning of each Moscow day. Rule S2.
fn midnight_from(at: Timestamp) -> Timestamp {
    let day: MoscowDay = at.moscow_day();
    if day.start() == at { at } else { day.plus_days(1).start() }
}

/// The policies, and the draft after them, without what keeps a document out: what is on the log was let in. Rules T3, T5, D5.
fn with_open_doors(policies: &Policies, draft: Option<PolicyPublished>) -> Policies {
    let ahead = policies.iter().map(|policy| policy.parameters.purchase_future_minutes).max();
    let mut opened = Policies::default();
    let mut open = |mut published: PolicyPublished| {
        published.parameters.purchase_max_age_days = u32::MAX;
        published.parameters.purchase_before_membership_hours = u32::MAX;
        published.parameters.purchase_duplicate_minutes = 0;
        opened.apply(&PolicyEvent::PolicyPublished(published));
    };
    for Policy { version, effective_from, parameters } in policies.iter() {
        let (version, effective_from) = (*version, *effective_from);
        open(PolicyPublished { version, effective_from, parameters: Box::new(parameters.clone()) });
    }
    if let Some(mut draft) = draft {
        draft.parameters.purchase_future_minutes = ahead.unwrap_or(draft.parameters.purchase_future_minutes);
        open(draft);
    }
    opened
}
