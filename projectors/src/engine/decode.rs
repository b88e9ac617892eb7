//! A row of the log with its fact read, and where it stands.

use ledger_core::business::event::BusinessEvent;
use ledger_core::chain::event::ChainEvent;
use ledger_core::ids::{CorrelationId, EventId, MemberId};
use ledger_core::log::{Event, Position, StreamType};
use ledger_core::member::event::MemberEvent;
use ledger_core::offer::event::OfferEvent;
use ledger_core::policy::event::PolicyEvent;
use ledger_core::time::Timestamp;

use crate::error::ProjectError;
use crate::source::{Delivery, What};

/// An event ready to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Its place on the log.
    pub position: Position,
    /// Its id.
    pub event_id: EventId,
    /// What one request led to shares this.
    pub correlation_id: CorrelationId,
    /// When it happened. Rule T1.
    pub occurred_at: Timestamp,
    /// When the log took it. Rule T1.
    pub recorded_at: Timestamp,
    /// The fact, with whom it is about.
    pub fact: Fact,
}

impl Decoded {
    /// Whether it moves what an account has to another, or back.
    #[must_use]
    pub const fn moves_accounts(&self) -> bool {
        match &self.fact {
            Fact::Member(_, fact) => fact.estate().is_some(),
            Fact::Business(_) | Fact::Policy(_) | Fact::Chain(_) | Fact::Offer(_) => false,
        }
    }
}

/// The fact of an event, with whom it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "most facts are a member's: a box for each would cost more than room"
)]
pub enum Fact {
    /// About one member.
    Member(MemberId, MemberEvent),
    /// About one business.
    Business(BusinessEvent),
    /// About the policies.
    Policy(PolicyEvent),
    /// About one chain.
    Chain(ChainEvent),
    /// About one offer.
    Offer(OfferEvent),
}

/// Reads the fact of `delivery`; `None` for a watermark.
///
/// # Errors
/// [`ProjectError::Unapplicable`] for what this program cannot read (design J4).
pub fn decode(delivery: &Delivery) -> Result<Option<Decoded>, ProjectError> {
    let position = delivery.position;
    let row = match &delivery.what {
        What::Watermark => return Ok(None),
        What::Unreadable { reason } => {
            return Err(ProjectError::Unapplicable { position, reason: reason.clone() });
        }
        What::Row { row, .. } => row,
    };
    // The words of `UnknownEvent` name types and versions; the payload's own words stay in its source.
    let event =
        row.event().map_err(|error| ProjectError::Unapplicable { position, reason: error.to_string() })?;
    if event.stream_type() != row.stream_type {
        let reason = format!("a `{}` on a stream of another kind", row.event_type);
        return Err(ProjectError::Unapplicable { position, reason });
    }
    let fact = match (row.stream_type, event) {
        (StreamType::Member, Event::Member(event)) => Fact::Member(MemberId::from_uuid(row.stream_id), event),
        (_, Event::Business(event)) => Fact::Business(event),
        (_, Event::Policy(event)) => Fact::Policy(event),
        (_, Event::Chain(event)) => Fact::Chain(event),
        (_, Event::Offer(event)) => Fact::Offer(event),
        (_, Event::Member(_)) => {
            let reason = "a member's fact on another stream".to_owned();
            return Err(ProjectError::Unapplicable { position, reason });
        }
    };
    Ok(Some(Decoded {
        position,
        event_id: row.event_id,
        correlation_id: row.metadata.correlation_id,
        occurred_at: row.occurred_at,
        recorded_at: row.recorded_at,
        fact,
    }))
}
