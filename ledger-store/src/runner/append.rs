//! The append: one statement, one round trip, one fsync for a whole batch. Design L1, L4.

use chrono::{DateTime, Utc};
use ledger_core::log::{Position, Row};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::command::Idempotency;
use crate::error::StoreError;

/// The columns of the rows to write, one array each.
#[derive(Default)]
pub(crate) struct EventColumns {
    position: Vec<i64>,
    event_id: Vec<Uuid>,
    stream_type: Vec<&'static str>,
    stream_id: Vec<Uuid>,
    stream_version: Vec<i32>,
    event_type: Vec<String>,
    schema_version: Vec<i16>,
    occurred_at: Vec<DateTime<Utc>>,
    recorded_at: Vec<DateTime<Utc>>,
    payload: Vec<String>,
    metadata: Vec<String>,
    leaf_hash: Vec<Vec<u8>>,
}

/// The columns of a row that may have no form to be written in.
struct Encoded {
    payload: String,
    metadata: String,
    leaf_hash: Vec<u8>,
}

impl Encoded {
    fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            payload: serde_json::to_string(&row.payload)?,
            metadata: serde_json::to_string(&row.metadata)?,
            leaf_hash: row.leaf_hash()?.as_bytes().to_vec(),
        })
    }
}

impl EventColumns {
    /// Adds rows, all or none.
    ///
    /// # Errors
    /// When one has no canonical form.
    pub(crate) fn extend(&mut self, rows: Vec<Row>) -> Result<(), StoreError> {
        let encoded: Vec<Encoded> = rows.iter().map(Encoded::of).collect::<Result<_, _>>()?;
        for (row, encoded) in rows.into_iter().zip(encoded) {
            self.push(row, encoded);
        }
        Ok(())
    }

    fn push(&mut self, row: Row, Encoded { payload, metadata, leaf_hash }: Encoded) {
        self.payload.push(payload);
        self.metadata.push(metadata);
        self.leaf_hash.push(leaf_hash);
        self.position.push(row.position);
        self.event_id.push(row.event_id.as_uuid());
        self.stream_type.push(row.stream_type.as_str());
        self.stream_id.push(row.stream_id);
        self.stream_version.push(row.stream_version);
        self.event_type.push(row.event_type);
        self.schema_version.push(row.schema_version);
        self.occurred_at.push(row.occurred_at.to_utc());
        self.recorded_at.push(row.recorded_at.to_utc());
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.position.len()
    }
}

/// The columns of the keys to write.
#[derive(Default)]
pub(crate) struct KeyColumns {
    key: Vec<Vec<u8>>,
    revision: Vec<i32>,
    fingerprint: Vec<Vec<u8>>,
    first_position: Vec<i64>,
    last_position: Vec<i64>,
    outcome: Vec<String>,
}

impl KeyColumns {
    /// Adds the key of a command that wrote the positions `first` to `last`; `outcome` is JSON.
    pub(crate) fn push(
        &mut self,
        idempotency: &Idempotency,
        (first, last): (Position, Position),
        outcome: String,
    ) {
        self.outcome.push(outcome);
        self.key.push(idempotency.key.to_vec());
        self.revision.push(i32::try_from(idempotency.revision).unwrap_or(i32::MAX));
        self.fingerprint.push(idempotency.fingerprint.to_vec());
        self.first_position.push(first);
        self.last_position.push(last);
    }
}

/// Whether an append took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Appended {
    /// Durably.
    Yes,
    /// Another process was faster: nothing was written.
    HeadMoved,
    /// One of the keys was answered before: nothing was written.
    KeyKnown,
}

/// The statement, hinting at nothing: every value is bound. The head moves only from the position the batch was decided
/// at; every insert joins the moved head, so that nothing is written unless it moved.
const APPEND: &str = "
    WITH head AS (
         UPDATE ledger.log_head SET position = $2 WHERE position = $1 RETURNING position
     ), written AS (
         INSERT INTO ledger.events (position, event_id, stream_type, stream_id, stream_version, event_type,
                                    schema_version, occurred_at, recorded_at, payload, metadata, leaf_hash)
         SELECT e.position, e.event_id, e.stream_type, e.stream_id, e.stream_version, e.event_type,
                e.schema_version, e.occurred_at, e.recorded_at, e.payload::jsonb, e.metadata::jsonb, e.leaf_hash
         FROM head, UNNEST($3::bigint[], $4::uuid[], $5::text[], $6::uuid[], $7::int[], $8::text[], $9::smallint[],
                           $10::timestamptz[], $11::timestamptz[], $12::text[], $13::text[], $14::bytea[])
              AS e (position, event_id, stream_type, stream_id, stream_version, event_type,
                    schema_version, occurred_at, recorded_at, payload, metadata, leaf_hash)
     ), keyed AS (
         INSERT INTO ledger.idempotency (key, revision, fingerprint, first_position, last_position, outcome)
         SELECT k.key, k.revision, k.fingerprint, k.first_position, k.last_position, k.outcome::jsonb
         FROM head, UNNEST($15::bytea[], $16::int[], $17::bytea[], $18::bigint[], $19::bigint[], $20::text[])
              AS k (key, revision, fingerprint, first_position, last_position, outcome)
     )
     SELECT head.position FROM head, pg_notify('ledger_appended', head.position::text)";

/// The constraint that holds a key to one command.
const KEYS_ARE_UNIQUE: &str = "idempotency_pkey";

/// Appends the rows and keys after position `expected`.
///
/// # Errors
/// [`StoreError::Database`]; then it is not known whether the append took place, unless the server said so.
pub(crate) async fn append(
    db: &mut PgConnection,
    expected: Position,
    events: &EventColumns,
    keys: &KeyColumns,
) -> Result<Appended, StoreError> {
    let last = events.position.last().copied().unwrap_or(expected);
    let moved: Result<Option<i64>, sqlx::Error> = sqlx::query_scalar(APPEND)
        .bind(expected)
        .bind(last)
        .bind(&events.position)
        .bind(&events.event_id)
        .bind(&events.stream_type)
        .bind(&events.stream_id)
        .bind(&events.stream_version)
        .bind(&events.event_type)
        .bind(&events.schema_version)
        .bind(&events.occurred_at)
        .bind(&events.recorded_at)
        .bind(&events.payload)
        .bind(&events.metadata)
        .bind(&events.leaf_hash)
        .bind(&keys.key)
        .bind(&keys.revision)
        .bind(&keys.fingerprint)
        .bind(&keys.first_position)
        .bind(&keys.last_position)
        .bind(&keys.outcome)
        .fetch_optional(db)
        .await;
    match moved {
        Ok(Some(_)) => Ok(Appended::Yes),
        Ok(None) => Ok(Appended::HeadMoved),
        Err(sqlx::Error::Database(error)) if error.constraint() == Some(KEYS_ARE_UNIQUE) => {
            Ok(Appended::KeyKnown)
        }
        Err(error) => Err(error.into()),
    }
}
