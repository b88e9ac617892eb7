//! What a Kafka record holds: the row of the log with the log's id and the leaf hash beside it; or a watermark.

use ledger_core::ids::{EventId, LogId};
use ledger_core::log::{LeafHash, Metadata, Position, Row, StreamType};
use ledger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// The value of an event's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The log it is from. Design L9.
    pub log_id: LogId,
    /// Its leaf hash. Design L7.
    pub leaf_hash: LeafHash,
    position: Position,
    event_id: EventId,
    stream_type: StreamType,
    stream_id: Uuid,
    stream_version: i32,
    event_type: String,
    schema_version: i16,
    occurred_at: Timestamp,
    recorded_at: Timestamp,
    payload: Value,
    metadata: Metadata,
}

impl Envelope {
    /// The envelope of `row`.
    #[must_use]
    pub fn new(log_id: LogId, leaf_hash: LeafHash, row: Row) -> Self {
        Self {
            log_id,
            leaf_hash,
            position: row.position,
            event_id: row.event_id,
            stream_type: row.stream_type,
            stream_id: row.stream_id,
            stream_version: row.stream_version,
            event_type: row.event_type,
            schema_version: row.schema_version,
            occurred_at: row.occurred_at,
            recorded_at: row.recorded_at,
            payload: row.payload,
            metadata: row.metadata,
        }
    }

    /// The row in it.
    #[must_use]
    pub fn into_row(self) -> Row {
        Row {
            position: self.position,
            event_id: self.event_id,
            stream_type: self.stream_type,
            stream_id: self.stream_id,
            stream_version: self.stream_version,
            event_type: self.event_type,
            schema_version: self.schema_version,
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            payload: self.payload,
            metadata: self.metadata,
        }
    }
}

/// The value of a watermark's record. Design J8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watermark {
    /// The log it is about.
    pub log_id: LogId,
    /// The partition is complete up to here.
    pub position: Position,
}

/// The `event_type` header of a watermark; no event has such a name.
pub const WATERMARK: &str = "watermark";
