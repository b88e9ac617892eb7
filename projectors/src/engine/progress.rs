//! How far every projection and sink is, in one small table for readers, settle, alerts and people. Design J4, J7.
//!
//! `projectors.progress` (read database): one row per projection and sink. A PostgreSQL projection writes `passed` in the
//! transaction of its rows; a sink writes it after its insert is acknowledged.

use ledger_core::log::Position;
use sqlx::{PgExecutor, PgPool};

use crate::error::ProjectError;

/// What a projection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Follows the log.
    Running,
    /// Tries again: a server is away.
    Waiting,
    /// Stopped at a record; needs a person (design J4).
    Stopped,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
        }
    }
}

/// Reports under one name.
#[derive(Debug, Clone)]
pub struct Progress {
    pool: PgPool,
    name: String,
}

impl Progress {
    /// Reports as `name` into the read database of `pool`; makes the row when it is not there.
    ///
    /// # Errors
    /// [`ProjectError::Database`].
    pub async fn open(pool: PgPool, name: &str) -> Result<Self, ProjectError> {
        sqlx::query("INSERT INTO projectors.progress (name) VALUES ($1) ON CONFLICT DO NOTHING")
            .bind(name)
            .execute(&pool)
            .await?;
        Ok(Self { pool, name: name.to_owned() })
    }

    /// The name it reports under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything up to `passed` is in; for a sink, after its server acknowledged it.
    ///
    /// # Errors
    /// [`ProjectError::Database`].
    pub async fn passed(&self, passed: Position) -> Result<(), ProjectError> {
        advance(&self.pool, &self.name, passed).await
    }

    /// Says what the projection is doing, and why it stopped or waits. Also a metric, `projector_stopped`.
    ///
    /// # Errors
    /// [`ProjectError::Database`].
    pub async fn state(&self, state: State, error: Option<&ProjectError>) -> Result<(), ProjectError> {
        let stopped = if state == State::Stopped { 1.0 } else { 0.0 };
        metrics::gauge!("projector_stopped", "projection" => self.name.clone()).set(stopped);
        sqlx::query(
            "UPDATE projectors.progress SET state = $2, stopped_at = $3, reason = $4, changed_at = now() \
             WHERE name = $1 AND (state, reason) IS DISTINCT FROM ($2, $4)",
        )
        .bind(&self.name)
        .bind(state.as_str())
        .bind(error.and_then(ProjectError::position))
        .bind(error.map(ToString::to_string))
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

/// Writes `passed` and wakes whoever waits: `LISTEN read_model_moved`, payload the name.
pub(super) async fn advance(
    executor: impl PgExecutor<'_>,
    name: &str,
    passed: Position,
) -> Result<(), ProjectError> {
    sqlx::query(
        "WITH moved AS (UPDATE projectors.progress SET passed = $2 WHERE name = $1 AND passed <> $2 RETURNING name) \
         SELECT pg_notify('read_model_moved', name) FROM moved",
    )
    .bind(name)
    .bind(passed)
    .execute(executor)
    .await?;
    Ok(())
}
