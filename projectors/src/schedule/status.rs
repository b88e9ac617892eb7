//! What a reactor has done, for settle and for the next leader: `projectors.reactor_status`.

use ledger_core::log::Position;
use ledger_core::time::Timestamp;
use serde_json::Value;
use sqlx::PgPool;

use crate::error::ProjectError;

/// With the log up to `log_position` applied, nothing was left to do at `done_through`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) done_through: Timestamp,
    pub(super) log_position: Position,
}

/// Writes what the reactor `name` has done, and what it must remember.
pub(super) async fn record(
    read: &PgPool,
    name: &str,
    done: Done,
    memory: &Value,
) -> Result<(), ProjectError> {
    sqlx::query(
        "INSERT INTO projectors.reactor_status (name, done_through, log_position, memory) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET done_through = excluded.done_through, log_position = excluded.log_position, \
            memory = excluded.memory, changed_at = now()",
    )
    .bind(name)
    .bind(done.done_through.to_utc())
    .bind(done.log_position)
    .bind(memory)
    .execute(read)
    .await?;
    Ok(())
}

/// What the reactor `name` remembers; `None` before its first time.
pub(super) async fn memory(read: &PgPool, name: &str) -> Result<Option<Value>, ProjectError> {
    let memory = sqlx::query_scalar("SELECT memory FROM projectors.reactor_status WHERE name = $1");
    Ok(memory.bind(name).fetch_optional(read).await?)
}
