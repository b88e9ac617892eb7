//! A decision of several steps: each step sees what the ones before it led to.

use std::borrow::Cow;

use super::draft::Draft;
use super::state::MemberState;
use crate::log::{Event, Position};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// Where the facts of a draft are taken to stand until they have their places: after everything that has one.
const AFTER_ALL: Position = Position::MAX / 2;

/// A draft, and her state as if it were written. The state is copied only when there is something to write on it.
pub(super) struct Working<'a> {
    pub(super) state: Cow<'a, MemberState>,
    draft: &'a mut Draft,
}

impl<'a> Working<'a> {
    /// Her state after `draft`.
    ///
    /// # Errors
    /// [`Rejection::AmountOutOfRange`] for what no fold takes; sums are what can be too large.
    pub(super) fn after(state: &'a MemberState, draft: &'a mut Draft) -> Result<Self, Rejection> {
        let mut state = Cow::Borrowed(state);
        for (place, new) in (AFTER_ALL..).zip(&draft.events) {
            fold(&mut state, place, new.occurred_at, &new.event)?;
        }
        Ok(Self { state, draft })
    }

    /// Adds a fact, and what it leads to.
    ///
    /// # Errors
    /// As [`Working::after`].
    pub(super) fn push(
        &mut self,
        occurred_at: Timestamp,
        event: impl Into<Event>,
        cause: Option<usize>,
    ) -> Result<usize, Rejection> {
        let event = event.into();
        let index = self.draft.events.len();
        let place = Position::try_from(index).ok().and_then(|index| AFTER_ALL.checked_add(index));
        fold(&mut self.state, place.ok_or(Rejection::AmountOutOfRange)?, occurred_at, &event)?;
        match cause {
            Some(cause) => self.draft.push_caused(occurred_at, event, cause),
            None => drop(self.draft.push(occurred_at, event)),
        }
        Ok(index)
    }

    /// The draft so far.
    pub(super) fn draft(&mut self) -> &mut Draft {
        self.draft
    }
}

fn fold(
    state: &mut Cow<'_, MemberState>,
    place: Position,
    occurred_at: Timestamp,
    event: &Event,
) -> Result<(), Rejection> {
    let Event::Member(fact) = event else { return Ok(()) };
    state.to_mut().apply(place, occurred_at, fact).map_err(|_| Rejection::AmountOutOfRange)
}
