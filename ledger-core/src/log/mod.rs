//! The log's envelope: what one row of the log says, its canonical form and its hash. Design L1, L5, L6, L7.

mod canonical;
mod event;
mod metadata;
mod partition;

pub use canonical::{LeafHash, NotCanonical};
pub use event::{Event, StreamType, UnknownEvent};
pub use metadata::{Actor, ActorKind, Metadata};
pub use partition::partition_of;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::ids::EventId;
use crate::time::Timestamp;

/// A place on the log: gapless, from 1, in the order of commits. Design L1.
pub type Position = i64;

/// One row of the log, with its payload still as JSON: what Kafka carries and the hash covers. Design L7.
///
/// The fields stand in the order of their names, as RFC 8785 wants them: see [`Row::canonical_json`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its id (UUID version 7).
    pub event_id: EventId,
    /// Which fact.
    pub event_type: String,
    /// Who, why, under which policy. Design L5.
    pub metadata: Metadata,
    /// When the business fact happened. Rule T1.
    pub occurred_at: Timestamp,
    /// The fact.
    pub payload: Value,
    /// Its place.
    pub position: Position,
    /// When the log took it. Rule T1.
    pub recorded_at: Timestamp,
    /// The version of the fact's shape. Design L6.
    pub schema_version: i16,
    /// The stream.
    pub stream_id: Uuid,
    /// The kind of stream.
    pub stream_type: StreamType,
    /// Its place in the stream, from 1.
    pub stream_version: i32,
}

impl Row {
    /// The fact, lifted to its newest shape.
    ///
    /// # Errors
    /// [`UnknownEvent`] for a type or version this program does not know, or a payload that does not fit it.
    pub fn event(&self) -> Result<Event, UnknownEvent> {
        Event::decode(&self.event_type, self.schema_version, &self.payload)
    }
}
