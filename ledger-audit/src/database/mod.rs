//! The log where it is: taken out of its database as a bundle, by a role that may read and nothing else.
//!
//! All of it is read in one snapshot, so that events, head, checkpoints and keys are of one moment while the service goes on.
//! Rows are written as they stand, whatever they say: what is wrong with them is for the audit to find.
//!
//! The statements are not checked at compile time: the auditor's program is built apart from the service's databases.
//!
//! Bounds: one row at a time.

mod compare;

pub use compare::{Compared, balances, cosignatures, tiles};

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use ledger_core::ids::LogId;
use ledger_core::time::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, FromRow};
use uuid::Uuid;

use crate::bundle::{Manifest, Writer, event_line};
use crate::error::AuditError;
use crate::note::{KeyKind, VerifierKey};

/// Whether a source is the address of a database.
#[must_use]
pub fn is_address(source: &str) -> bool {
    source.starts_with("postgres://") || source.starts_with("postgresql://")
}

fn failed(error: sqlx::Error) -> AuditError {
    let hint = match &error {
        sqlx::Error::Database(error) if error.code().as_deref() == Some("42501") => {
            "the role may not read it: log in as a member of own_circle_audit"
        }
        sqlx::Error::Database(error) if error.code().as_deref() == Some("42P01") => {
            "a table is missing: is this the ledger's database, and are its migrations of today?"
        }
        sqlx::Error::Io(_) => "is the server up, and the address right?",
        _ => "look into the server's log",
    };
    // The address holds a password, and is not shown.
    AuditError::Input(format!("the database answers: {error}. {hint}"))
}

/// Runs one task to its end.
pub(crate) fn block_on<T>(task: impl Future<Output = Result<T, AuditError>>) -> Result<T, AuditError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| AuditError::Input(format!("the runtime does not start: {error}")))?.block_on(task)
}

async fn connect(address: &str) -> Result<PgConnection, AuditError> {
    let options: PgConnectOptions = address.parse().map_err(failed)?;
    options.disable_statement_logging().connect().await.map_err(failed)
}

/// One snapshot for all that is read.
const SNAPSHOT: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A row of the log.
#[derive(FromRow)]
struct Columns {
    position: i64,
    event_id: Uuid,
    stream_type: String,
    stream_id: Uuid,
    stream_version: i32,
    event_type: String,
    schema_version: i16,
    occurred_at: String,
    recorded_at: String,
    payload: String,
    metadata: String,
    leaf_hash: Vec<u8>,
}

/// The same as it is hashed, in the order of the names (design L7). Its parts are whatever the database says.
#[derive(Serialize)]
struct Canonical {
    event_id: Uuid,
    event_type: String,
    metadata: Value,
    occurred_at: Value,
    payload: Value,
    position: i64,
    recorded_at: Value,
    schema_version: i16,
    stream_id: Uuid,
    stream_type: String,
    stream_version: i32,
}

impl Columns {
    fn line(self) -> Result<Vec<u8>, AuditError> {
        let hash = <[u8; 32]>::try_from(self.leaf_hash.as_slice()).unwrap_or_default();
        let canonical = Canonical {
            event_id: self.event_id,
            event_type: self.event_type,
            metadata: read(self.metadata),
            occurred_at: moment(self.occurred_at),
            payload: read(self.payload),
            position: self.position,
            recorded_at: moment(self.recorded_at),
            schema_version: self.schema_version,
            stream_id: self.stream_id,
            stream_type: self.stream_type,
            stream_version: self.stream_version,
        };
        let bytes = serde_json::to_vec(&canonical).map_err(|error| AuditError::Input(error.to_string()))?;
        Ok(event_line(&bytes, &hash))
    }
}

/// A moment as it is written in the log; what has no such form (`infinity`) as the database writes it, to be found by the audit.
fn moment(text: String) -> Value {
    let read = text.parse::<Timestamp>().ok().and_then(|at| serde_json::to_value(at).ok());
    read.unwrap_or(Value::String(text))
}

/// JSON; what no program of ours can read (`1e400`) as a text, to be found by the audit.
fn read(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// A moment that need not be one: as a text, so that it can be read whatever it is.
macro_rules! moment {
    ($column:literal) => {
        concat!(
            "CASE WHEN isfinite(",
            $column,
            ") THEN to_char(",
            $column,
            " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') \
             ELSE ",
            $column,
            "::text END AS ",
            $column
        )
    };
}

const EVENTS: &str = concat!(
    "SELECT position, event_id, stream_type, stream_id, stream_version, event_type, schema_version, ",
    moment!("occurred_at"),
    ", ",
    moment!("recorded_at"),
    ", payload::text AS payload, metadata::text AS metadata, leaf_hash FROM ledger.events ORDER BY position"
);
/// With the lines of witnesses behind the log's own, in the order in which the service shows them.
const CHECKPOINTS: &str = concat!(
    "SELECT tree_size, signed_note || COALESCE((SELECT string_agg(said.line || chr(10), '' ORDER BY said.witness, said.key_id) \
     FROM ledger.cosignature said WHERE said.tree_size = checkpoint.tree_size), ''), ",
    moment!("sealed_at"),
    " FROM ledger.checkpoint ORDER BY tree_size"
);
const KEYS: &str = concat!(
    "SELECT key_name, public_key, ",
    moment!("valid_from"),
    ", ",
    moment!("valid_until"),
    " FROM ledger.seal_key ORDER BY seal_key.valid_from"
);

type Key = (String, Vec<u8>, String, Option<String>);

/// Takes the log at `address` out into the folder `folder`. `told` hears how many events of how many are there.
///
/// # Errors
/// [`AuditError`] when the database is away or may not be read, or the folder holds a bundle.
pub fn export(address: &str, folder: &Path, told: &mut dyn FnMut(u64, u64)) -> Result<Manifest, AuditError> {
    block_on(async {
        let mut connection = connect(address).await?;
        let mut snapshot = connection.begin().await.map_err(failed)?;
        sqlx::query(SNAPSHOT).execute(&mut *snapshot).await.map_err(failed)?;
        let (head, log_id, now): (i64, Uuid, DateTime<Utc>) =
            sqlx::query_as("SELECT position, log_id, now() FROM ledger.log_head")
                .fetch_one(&mut *snapshot)
                .await
                .map_err(failed)?;
        let head = u64::try_from(head).unwrap_or(0);
        let mut writer = Writer::create(folder, LogId::from_uuid(log_id))?;
        for key in sqlx::query_as::<_, Key>(KEYS).fetch_all(&mut *snapshot).await.map_err(failed)? {
            writer.key(&key_line(key))?;
        }
        checkpoints(&mut snapshot, &mut writer).await?;
        let mut rows = sqlx::query_as::<_, Columns>(EVENTS).fetch(&mut *snapshot);
        let mut count = 0_u64;
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            writer.event(&row.line()?)?;
            count += 1;
            if count.is_multiple_of(4_096) {
                told(count, head);
            }
        }
        drop(rows);
        told(count, head);
        let manifest = writer.close(head, Timestamp::new(now))?;
        snapshot.rollback().await.map_err(failed)?;
        Ok(manifest)
    })
}

async fn checkpoints(db: &mut PgConnection, writer: &mut Writer) -> Result<(), AuditError> {
    let mut lines = sqlx::query_as::<_, (i64, String, String)>(CHECKPOINTS).fetch(db);
    while let Some((size, note, sealed_at)) = lines.try_next().await.map_err(failed)? {
        let size = u64::try_from(size).unwrap_or(0);
        writer.checkpoint(&json!({ "note": note, "sealed_at": moment(sealed_at), "size": size }))?;
    }
    Ok(())
}

/// What is no key is written as it stands: the audit says so.
fn key_line((name, public, from, until): Key) -> Value {
    let key = <[u8; 32]>::try_from(public.as_slice()).ok();
    let key = key.and_then(|public| VerifierKey::new(&name, KeyKind::Log, public).ok());
    let key = key.map_or_else(|| format!("{name}+?+{}", STANDARD.encode(&public)), |key| key.to_string());
    json!({ "key": key, "valid_from": moment(from), "valid_until": until.map(moment) })
}
