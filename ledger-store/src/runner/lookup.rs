//! What a batch must know from the database before it is decided: earlier answers to its keys, and cold members.

use std::collections::{HashMap, HashSet};

use ledger_core::log::Position;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::Pending;
use super::warmth::Warmth;
use crate::command::{Command, Outcome};
use crate::error::StoreError;
use crate::log;
use crate::snapshot::{self, Warm};

/// The first answer to a key.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) revision: u32,
    pub(crate) fingerprint: [u8; 32],
    pub(crate) position: Position,
    pub(crate) outcome: Outcome,
}

/// Answers by key.
pub(crate) type KnownKeys = HashMap<[u8; 32], Known>;

/// What was looked up for a batch.
#[derive(Default)]
pub(crate) struct Found {
    /// The head of the log as the database has it: another than the decider's means that it is out of step.
    pub(crate) head: Position,
    pub(crate) keys: KnownKeys,
    pub(crate) members: HashMap<Uuid, Warm>,
}

/// Looks up the keys of `waiting` and the members that are not warm.
pub(crate) async fn look_up(
    db: &mut PgConnection,
    waiting: &[Pending],
    warmth: &Warmth,
) -> Result<Found, StoreError> {
    let keys: Vec<&[u8]> = waiting.iter().map(|pending| pending.request.idempotency.key.as_slice()).collect();
    let head = log::head(&mut *db).await?;
    let rows = sqlx::query!(
        r#"SELECT key, revision, fingerprint, last_position, outcome AS "outcome: Json<Outcome>"
           FROM ledger.idempotency WHERE key = ANY($1)"#,
        &keys as &[&[u8]]
    )
    .fetch_all(&mut *db)
    .await?;
    let mut found = Found { head, ..Found::default() };
    for row in rows {
        let position = row.last_position;
        let bytes = |bytes: Vec<u8>| {
            <[u8; 32]>::try_from(bytes)
                .map_err(|_| StoreError::Malformed { position, what: "a key has 32 bytes" })
        };
        let known = Known {
            revision: u32::try_from(row.revision).unwrap_or_default(),
            fingerprint: bytes(row.fingerprint)?,
            position,
            outcome: row.outcome.0,
        };
        found.keys.insert(bytes(row.key)?, known);
    }
    let cold: HashSet<Uuid> = waiting
        .iter()
        .filter_map(|pending| match &pending.request.command {
            Command::Member { member_id, .. } => Some(member_id.as_uuid()),
            _ => None,
        })
        .filter(|id| !warmth.members.contains(id))
        .collect();
    if !cold.is_empty() {
        found.members = snapshot::load(db, &cold.into_iter().collect::<Vec<_>>()).await?;
    }
    Ok(found)
}
