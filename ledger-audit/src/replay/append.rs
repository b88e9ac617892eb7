//! One decision as the log has it: the rows that one command wrote, in one append.

use ledger_core::ids::MemberId;
use ledger_core::log::{Event, Row, StreamType};
use ledger_core::member::command::PurchaseMode;
use ledger_core::member::event::MemberEvent;
use ledger_core::time::Timestamp;

/// What the metadata of an import's facts name as the way they came in.
const IMPORT: &str = "import";

/// A fact with its row.
#[derive(Debug)]
pub(super) struct Fact {
    pub(super) row: Row,
    pub(super) event: Event,
}

impl Fact {
    pub(super) const fn member_event(&self) -> Option<&MemberEvent> {
        match &self.event {
            Event::Member(event) => Some(event),
            Event::Business(_) | Event::Policy(_) | Event::Chain(_) | Event::Offer(_) => None,
        }
    }
}

/// The facts of one command, in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Append {
    pub(super) facts: Vec<Fact>,
}

/// What of an append is one member's, with what it led to elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) member: MemberId,
    pub(super) facts: &'a [Fact],
}

impl Append {
    /// Whether `row` was written by the same command.
    pub(super) fn goes_on_with(&self, row: &Row) -> bool {
        self.facts.last().is_some_and(|last| {
            let (before, said) = (&last.row.metadata, &row.metadata);
            last.row.recorded_at == row.recorded_at
                && before.correlation_id == said.correlation_id
                && before.idempotency_key == said.idempotency_key
        })
    }

    /// When the log took it.
    pub(super) fn recorded_at(&self) -> Timestamp {
        self.facts.first().map_or(Timestamp::BEGINNING, |fact| fact.row.recorded_at)
    }

    /// The parts of members, in order; none when it is about no member.
    pub(super) fn parts(&self) -> Vec<Part<'_>> {
        let mut begins: Vec<(usize, MemberId)> = Vec::new();
        for (index, fact) in self.facts.iter().enumerate() {
            // By the fact itself: what the row says of it is looked at for itself.
            let is_hers = fact.event.stream_type() == StreamType::Member;
            let member = MemberId::from_uuid(fact.row.stream_id);
            if is_hers && begins.last().is_none_or(|(_, before)| *before != member) {
                // What stands before the first member's facts belongs to them.
                begins.push((if begins.is_empty() { 0 } else { index }, member));
            }
        }
        let ends = begins.iter().skip(1).map(|(from, _)| *from).chain([self.facts.len()]);
        let part = |(&(from, member), to): (&(usize, MemberId), usize)| Part {
            member,
            facts: &self.facts[from..to],
        };
        begins.iter().zip(ends).map(part).collect()
    }
}

impl<'a> Part<'a> {
    pub(super) fn events(self) -> impl Iterator<Item = &'a MemberEvent> {
        self.facts.iter().filter_map(Fact::member_event)
    }

    /// The first fact for which `pick` says something.
    pub(super) fn find<T>(self, pick: impl FnMut(&'a MemberEvent) -> Option<T>) -> Option<T> {
        self.events().find_map(pick)
    }

    /// The row of the first fact of a member for which `is_it` holds.
    pub(super) fn row(self, is_it: impl Fn(&MemberEvent) -> bool) -> Option<&'a Row> {
        let found = self.facts.iter().find(|fact| fact.member_event().is_some_and(&is_it));
        found.map(|fact| &fact.row)
    }

    /// Live, or history. Rule T6.
    pub(super) fn mode(self) -> PurchaseMode {
        let is_import = self.facts.iter().any(|fact| fact.row.metadata.source == IMPORT);
        if !is_import {
            return PurchaseMode::Live;
        }
        let registered_at = self.find(|event| match event {
            MemberEvent::MembershipBackdated(fact) => Some(fact.registered_at),
            _ => None,
        });
        PurchaseMode::Import { registered_at }
    }
}
