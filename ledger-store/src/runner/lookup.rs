//! What a batch must know from the database: cold members before it is decided, earlier answers to its keys when they are
//! likely, and afterwards for what wrote nothing.

use std::collections::{HashMap, HashSet};

use ledger_core::ids::{MemberId, PurchaseId};
use ledger_core::log::Position;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::Pending;
use super::purchases::Files;
use super::revisions::{amended, newest};
use super::warmth::Warmth;
use crate::command::{Command, Outcome};
use crate::error::StoreError;
use crate::snapshot::{self, Warm};

/// The answer to a key; to a document's, that to its newest revision.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) revision: u32,
    pub(crate) fingerprint: [u8; 32],
    pub(crate) position: Position,
    pub(crate) outcome: Outcome,
}

/// Answers by key.
pub(crate) type KnownKeys = HashMap<[u8; 32], Known>;

/// What was looked up for a batch before it is decided.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) keys: KnownKeys,
    pub(crate) members: HashMap<Uuid, Warm>,
    pub(crate) files: Files,
}

/// Looks up which of `keys` were answered before.
pub(crate) async fn known_keys(db: &mut PgConnection, keys: &[[u8; 32]]) -> Result<KnownKeys, StoreError> {
    let asked: Vec<&[u8]> = keys.iter().map(<[u8; 32]>::as_slice).collect();
    let rows = sqlx::query!(
        r#"SELECT key, revision, fingerprint, last_position, outcome AS "outcome: Json<Outcome>"
           FROM ledger.idempotency WHERE key = ANY($1)"#,
        &asked as &[&[u8]]
    )
    .fetch_all(&mut *db)
    .await?;
    let mut known_keys = KnownKeys::with_capacity(rows.len());
    for row in rows {
        let position = row.last_position;
        let known = Known {
            revision: u32::try_from(row.revision).unwrap_or_default(),
            fingerprint: bytes_of(row.fingerprint, position)?,
            position,
            outcome: row.outcome.0,
        };
        known_keys.insert(bytes_of(row.key, position)?, known);
    }
    newest(db, &mut known_keys).await?;
    Ok(known_keys)
}

pub(super) fn bytes_of(bytes: Vec<u8>, position: Position) -> Result<[u8; 32], StoreError> {
    let what = "a key has 32 bytes";
    <[u8; 32]>::try_from(bytes).map_err(|_| StoreError::Malformed { position, what })
}

/// The members that `waiting` is about, or whose purchases these are: the accounts that stand for them.
pub(super) fn members_of(waiting: &[Pending], files: &Files, warmth: &Warmth) -> HashSet<Uuid> {
    let accounts = &warmth.registry.registry.accounts;
    let survivor = |id: Uuid| accounts.survivor(MemberId::from_uuid(id)).as_uuid();
    let mut members: HashSet<Uuid> = files.members().map(survivor).collect();
    for pending in waiting {
        match &pending.request.command {
            Command::Member { member_id, .. } => drop(members.insert(survivor(member_id.as_uuid()))),
            // They themselves: what was one before is two afterwards, for what follows in the same batch.
            Command::Merge(of) | Command::Unmerge(of) => {
                members.extend([of.from.as_uuid(), of.into.as_uuid()]);
            }
            _ => {}
        }
    }
    members
}

/// Those of them that are not warm.
fn cold_members(waiting: &[Pending], files: &Files, warmth: &Warmth) -> Vec<Uuid> {
    let all = members_of(waiting, files, warmth);
    all.into_iter().filter(|id| !warmth.members.contains(id)).collect()
}

/// Whether `waiting` can be decided on what is warm.
pub(crate) fn is_warm(waiting: &[Pending], warmth: &Warmth) -> bool {
    Files::named(waiting).is_empty() && cold_members(waiting, &Files::default(), warmth).is_empty()
}

/// Looks up the keys of `waiting`, and what [`load_cold`] does. When nothing is in flight (`is_settled`), the purchases of
/// which it has newer revisions, too.
pub(crate) async fn look_up(
    db: &mut PgConnection,
    waiting: &[Pending],
    warmth: &Warmth,
    is_settled: bool,
) -> Result<Found, StoreError> {
    let asked: Vec<[u8; 32]> = waiting.iter().map(|pending| pending.request.idempotency.key).collect();
    let keys = known_keys(&mut *db, &asked).await?;
    let mut named = Files::named(waiting);
    if is_settled {
        named.extend(amended(waiting, &keys));
    }
    Ok(Found { keys, ..load(db, waiting, warmth, &named).await? })
}

/// Loads the purchases that `waiting` edits, and the members that are not warm.
pub(crate) async fn load_cold(
    db: &mut PgConnection,
    waiting: &[Pending],
    warmth: &Warmth,
) -> Result<Found, StoreError> {
    load(db, waiting, warmth, &Files::named(waiting)).await
}

async fn load(
    db: &mut PgConnection,
    waiting: &[Pending],
    warmth: &Warmth,
    named: &[PurchaseId],
) -> Result<Found, StoreError> {
    let files = Files::load(&mut *db, named, &warmth.registry.registry.accounts).await?;
    let members = match cold_members(waiting, &files, warmth) {
        cold if cold.is_empty() => HashMap::new(),
        cold => snapshot::load(db, &cold).await?,
    };
    Ok(Found { members, files, ..Found::default() })
}
