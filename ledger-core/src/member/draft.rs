//! The facts of a decision as they are drawn up.

use crate::log::Event;
use crate::member::consent::Purpose;
use crate::member::event::{MemberEvent, StatusChanged, Track};
use crate::member::state::MemberState;
use crate::member::status::Status;
use crate::policy::RULES_REVISION;
use crate::time::Timestamp;

/// A fact that a decision wants written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// When it happened. Rule T1.
    pub occurred_at: Timestamp,
    /// The fact.
    pub event: Event,
    /// The index, in the same decision, of the fact it follows from. Design L5.
    pub cause: Option<usize>,
}

/// The facts of a decision as they are drawn up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The facts, in order.
    pub events: Vec<NewEvent>,
    /// The policy that decided.
    pub policy_version: u32,
    /// The revision of the rule code.
    pub rules_revision: u32,
}

impl Draft {
    /// An empty draft under the policy `policy_version`.
    #[must_use]
    pub const fn new(policy_version: u32) -> Self {
        Self { events: Vec::new(), policy_version, rules_revision: RULES_REVISION }
    }

    /// Adds a fact that follows from the command itself; its index.
    pub fn push(&mut self, occurred_at: Timestamp, event: Event) -> usize {
        self.events.push(NewEvent { occurred_at, event, cause: None });
        self.events.len().saturating_sub(1)
    }

    pub(super) fn push_caused(&mut self, occurred_at: Timestamp, event: Event, cause: usize) {
        self.events.push(NewEvent { occurred_at, event, cause: Some(cause) });
    }

    /// Her status as shown at `at` once the draft is written. Rules S4, S7.
    pub(super) fn shown_status(&self, state: &MemberState, at: Timestamp) -> Status {
        let shown =
            if state.consents_to(&Purpose::MedicalStatus) { Track::WithMedical } else { Track::Ordinary };
        let changed =
            |event: &StatusChanged| (event.track == shown || event.track == Track::Both).then_some(event.to);
        let last = self.events.iter().rev().find_map(|new| match &new.event {
            Event::Member(MemberEvent::StatusChanged(event)) => changed(event),
            Event::Member(_) | Event::Business(_) | Event::Policy(_) | Event::Chain(_) | Event::Offer(_) => {
                None
            }
        });
        last.unwrap_or(state.shown().status).max(state.premium.floor(at))
    }
}
