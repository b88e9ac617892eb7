//! A member's state as it was, and as it was known, at any moment. Rule T1.
//!
//! A fact has two times: when it happened and when the log took it. `as_of` leaves out what happened later, `known_at` what
//! the log took later.
//!
//! The log is in the order of the second. So a fact may have happened before one that it leans on: bonuses that pay for a
//! purchase are spent when it was made, and may have been held a minute later. As of a moment between the two, the fact is
//! left out, and what it caused with it: neither had happened as far as it can be told.

use std::collections::BTreeSet;

use super::event::MemberEvent;
use super::state::{CorruptHistory, MemberState};
use crate::ids::EventId;
use crate::log::{Event, Row, UnknownEvent};
use crate::time::Timestamp;

/// After how many facts the state is kept, to go on from.
const STEP: usize = 64;

/// From where she is looked at; without moments, from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hindsight {
    /// What happened later is left out.
    pub as_of: Option<Timestamp>,
    /// What the log took later is left out.
    pub known_at: Option<Timestamp>,
}

/// Why there is no looking back.
#[derive(Debug, thiserror::Error)]
pub enum NoHindsight {
    /// A row that this program cannot read.
    #[error(transparent)]
    Unknown(#[from] UnknownEvent),
    /// What was known does not hold.
    #[error(transparent)]
    Corrupt(#[from] CorruptHistory),
}

impl Hindsight {
    /// The moment at which a balance or a status is looked at: `as_of`, else `known_at`, else now.
    #[must_use]
    pub fn moment(&self, now: Timestamp) -> Timestamp {
        self.as_of.or(self.known_at).unwrap_or(now)
    }

    /// Her state, folded from the rows of her stream. O(history), and [`STEP`] facts anew for each that is left out.
    ///
    /// # Errors
    /// [`NoHindsight`] for rows that cannot be read, or do not hold though nothing that happened is left out.
    pub fn state(&self, rows: &[Row]) -> Result<MemberState, NoHindsight> {
        let mut facts = Vec::with_capacity(rows.len());
        // A clock may go back: what was known at a moment is what the log held before the first fact that was not.
        let known = rows.iter().take_while(|row| self.known_at.is_none_or(|at| row.recorded_at <= at));
        for row in known.filter(|row| self.as_of.is_none_or(|at| row.occurred_at <= at)) {
            if let Event::Member(fact) = row.event()? {
                facts.push((row, fact));
            }
        }
        let (mut kept, mut from) = (MemberState::default(), 0);
        let mut left_out = BTreeSet::new();
        loop {
            match fold(&facts, (&mut kept, &mut from), &mut left_out) {
                Ok(state) => return Ok(state),
                // What was known at a moment is a prefix of the log, and holds.
                Err((_, corrupt)) if self.as_of.is_none() => return Err(corrupt.into()),
                Err((event_id, _)) => drop(left_out.insert(event_id)),
            }
        }
    }
}

/// The fold of what is not left out, or the first fact that cannot be. What a fact left out caused joins it; that comes later,
/// so the state that is kept every [`STEP`] facts holds, and the next try goes on from there.
fn fold(
    facts: &[(&Row, MemberEvent)],
    (kept, from): (&mut MemberState, &mut usize),
    left_out: &mut BTreeSet<EventId>,
) -> Result<MemberState, (EventId, CorruptHistory)> {
    let mut state = kept.clone();
    for (index, (row, fact)) in facts.iter().enumerate().skip(*from) {
        if index.saturating_sub(*from) == STEP {
            (*kept, *from) = (state.clone(), index);
        }
        let follows = row.metadata.causation_id.is_some_and(|cause| left_out.contains(&cause));
        if follows {
            left_out.insert(row.event_id);
        }
        if !left_out.contains(&row.event_id) {
            state.apply(row.position, row.occurred_at, fact).map_err(|corrupt| (row.event_id, corrupt))?;
        }
    }
    Ok(state)
}
