//! The two replays beside each other. Rule P3.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::figures::{Books, Figures};
use crate::ids::MemberId;
use crate::member::lot::Funder;
use crate::member::status::Status;
use crate::money::Bonuses;

/// How many of the members with the largest change are named.
pub const LARGEST: usize = 20;

/// One thing under the policies that held, and under the draft.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sides<T> {
    /// Under the policies that held.
    pub real: T,
    /// Under the draft.
    pub draft: T,
}

/// How one replay of one member ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) earned: Bonuses,
    pub(super) status: Status,
}

/// A member who would have earned more or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Who.
    pub member: MemberId,
    /// What her purchases of the period earned, less what refunds took back. What she earned where a visit is a medical
    /// secret is left out: a line with her name must not tell of it (Rule S7).
    pub earned: Sides<Bonuses>,
    /// Her status at the end, as shown.
    pub status: Sides<Status>,
}

impl Change {
    /// How far the two are apart.
    fn size(&self) -> u64 {
        self.earned.real.kopecks().abs_diff(self.earned.draft.kopecks())
    }
}

/// What a simulation came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Members at the end of the period.
    pub members: u64,
    /// Purchases of the period.
    pub purchases: u64,
    /// Facts of the period that a replay could not tell again; nothing, unless the draft forbids what was done.
    pub left_out: Sides<u64>,
    /// By who funds the bonuses.
    pub funders: BTreeMap<Funder, Sides<Figures>>,
    /// Members by status at the end, as shown.
    pub statuses: BTreeMap<Status, Sides<u64>>,
    /// Members whose status is higher under the draft.
    pub won: u64,
    /// Members whose status is lower under the draft.
    pub lost: u64,
    /// Those whose earnings change most, the largest change first; at most [`LARGEST`].
    pub largest: Vec<Change>,
}

impl Report {
    pub(super) fn count(&mut self, member: MemberId, ends: &Sides<Ending>) {
        let Sides { real, draft } = ends;
        self.members = self.members.saturating_add(1);
        let more = |count: &mut u64| *count = count.saturating_add(1);
        more(&mut self.statuses.entry(real.status).or_default().real);
        more(&mut self.statuses.entry(draft.status).or_default().draft);
        match draft.status.cmp(&real.status) {
            std::cmp::Ordering::Greater => more(&mut self.won),
            std::cmp::Ordering::Less => more(&mut self.lost),
            std::cmp::Ordering::Equal => {}
        }
        let earned = Sides { real: real.earned, draft: draft.earned };
        let status = Sides { real: real.status, draft: draft.status };
        self.name(Change { member, earned, status });
    }

    fn name(&mut self, change: Change) {
        let size = change.size();
        let is_full = self.largest.len() >= LARGEST;
        if size == 0 || is_full && self.largest.last().is_some_and(|last| last.size() >= size) {
            return;
        }
        let rank = |change: &Change| (Reverse(change.size()), change.member);
        let place = self.largest.partition_point(|there| rank(there) < rank(&change));
        self.largest.insert(place, change);
        self.largest.truncate(LARGEST);
    }

    pub(super) fn enter(&mut self, books: Sides<Books>) {
        self.left_out = Sides { real: books.real.left_out, draft: books.draft.left_out };
        for (funder, figures) in books.real.funders {
            self.funders.entry(funder).or_default().real = figures;
        }
        for (funder, figures) in books.draft.funders {
            self.funders.entry(funder).or_default().draft = figures;
        }
    }

    /// The sums over all funders; `None` when one does not fit.
    #[must_use]
    pub fn total(&self) -> Option<Sides<Figures>> {
        self.funders.values().try_fold(Sides::<Figures>::default(), |sum, one| {
            let (real, draft) = (sum.real.checked_add(one.real)?, sum.draft.checked_add(one.draft)?);
            Some(Sides { real, draft })
        })
    }
}
