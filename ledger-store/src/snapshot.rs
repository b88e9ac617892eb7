//! Loading members: the snapshot of a long stream plus what came after it.
//!
//! A snapshot is a cache: one of another state revision, or one that cannot be read, is passed over; the table may be
//! emptied at any time.

use std::collections::HashMap;

use ledger_core::log::{Event, Position};
use ledger_core::member::MemberState;
use ledger_core::member::state::STATE_REVISION;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::StoreError;
use crate::log;

/// A stream is snapshot when at least this many events have come since its last snapshot.
const SNAPSHOT_EVERY: i32 = 128;
/// And when a large fold has grown by one part in so many: writing it costs in proportion to its size.
const SNAPSHOT_PART: usize = 2;

/// A member's fold, warm in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Warm {
    /// The fold.
    pub(crate) state: MemberState,
    /// How many events it holds.
    pub(crate) version: i32,
    /// The version of its newest snapshot.
    pub(crate) snapshot_version: i32,
}

impl Warm {
    /// A copy of this fold of `stream_id` to be saved, when enough has come since the last one.
    pub(crate) fn snapshot(&mut self, stream_id: Uuid) -> Option<Snapshot> {
        let since = self.version.saturating_sub(self.snapshot_version);
        if since < SNAPSHOT_EVERY || usize::try_from(since).unwrap_or(0) < self.state.size() / SNAPSHOT_PART {
            return None;
        }
        self.snapshot_version = self.version;
        Some(Snapshot { stream_id, version: self.version, state: self.state.clone() })
    }

    /// Folds one more event.
    pub(crate) fn fold(&mut self, stored: &log::StoredRow) -> Result<(), StoreError> {
        let row = &stored.row;
        let position: Position = row.position;
        if row.stream_version != self.version.saturating_add(1) {
            return Err(StoreError::Malformed { position, what: "a stream's versions have a gap" });
        }
        let event = row.event().map_err(|source| StoreError::Unreadable { position, source })?;
        let Event::Member(event) = event else {
            return Err(StoreError::Malformed {
                position,
                what: "another stream's fact on a member's stream",
            });
        };
        self.state.apply(position, row.occurred_at, &event)?;
        self.version = row.stream_version;
        Ok(())
    }
}

/// The folds of `members` as the database has them; a stream without events is an empty fold. A member whose history this
/// program cannot read is left out, so that she stands in nobody else's way.
pub(crate) async fn load(db: &mut PgConnection, members: &[Uuid]) -> Result<HashMap<Uuid, Warm>, StoreError> {
    let mut loaded: HashMap<Uuid, Warm> = members.iter().map(|id| (*id, Warm::default())).collect();
    let snapshots = sqlx::query!(
        "SELECT stream_id, stream_version, state FROM ledger.snapshots WHERE stream_id = ANY($1) AND state_revision = $2",
        members,
        STATE_REVISION
    )
    .fetch_all(&mut *db)
    .await?;
    for snapshot in snapshots {
        if let Ok(state) = serde_json::from_value(snapshot.state) {
            let version = snapshot.stream_version;
            loaded.insert(snapshot.stream_id, Warm { state, version, snapshot_version: version });
        }
    }
    let (ids, versions): (Vec<Uuid>, Vec<i32>) = loaded.iter().map(|(id, warm)| (*id, warm.version)).unzip();
    for stored in log::read_streams(&mut *db, &ids, &versions).await? {
        let folded = loaded.get_mut(&stored.row.stream_id).map(|warm| warm.fold(&stored));
        if let Some(Err(error)) = folded {
            let error = &error as &dyn std::error::Error;
            tracing::error!(member.id = %stored.row.stream_id, error, "a member's history cannot be read");
            metrics::counter!("unreadable_histories_total").increment(1);
            loaded.remove(&stored.row.stream_id);
        }
    }
    Ok(loaded)
}

/// A snapshot to be written.
pub(crate) struct Snapshot {
    pub(crate) stream_id: Uuid,
    pub(crate) version: i32,
    pub(crate) state: MemberState,
}

/// Writes snapshots of committed folds. Losing one costs time, never truth, so the commit does not wait for the disk.
pub(crate) async fn save(pool: &PgPool, mut snapshots: Vec<Snapshot>) -> Result<(), StoreError> {
    // Two saves may overlap: in one order they cannot wait for each other.
    snapshots.sort_by_key(|snapshot| snapshot.stream_id);
    let mut transaction = pool.begin().await?;
    sqlx::query("SET LOCAL synchronous_commit = off").execute(&mut *transaction).await?;
    for Snapshot { stream_id, version, state } in snapshots {
        // A fold may be megabytes: the decider's thread has better things to do than to write it out.
        let written = tokio::task::spawn_blocking(move || serde_json::value::to_raw_value(&state));
        let state = Json(written.await.map_err(std::io::Error::from).map_err(sqlx::Error::Io)??);
        sqlx::query!(
            "INSERT INTO ledger.snapshots (stream_id, stream_version, state_revision, state) VALUES ($1, $2, $3, $4)
             ON CONFLICT (stream_id) DO UPDATE SET stream_version = $2, state_revision = $3, state = $4
             WHERE ledger.snapshots.stream_version < $2 OR ledger.snapshots.state_revision <> $3",
            stream_id,
            version,
            STATE_REVISION,
            state as _
        )
        .execute(&mut *transaction)
        .await?;
    }
    Ok(transaction.commit().await?)
}
