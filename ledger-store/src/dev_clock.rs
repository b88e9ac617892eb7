//! The installation's clock in the `dev` profile: one row that every process follows.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ledger_core::time::Timestamp;
use ledger_ops::clock::Clock;
use sqlx::PgPool;
use sqlx::postgres::PgListener;

use crate::error::StoreError;

const CHANNEL: &str = "dev_clock";
/// How long a process may miss a change when a notification is lost.
const POLL: Duration = Duration::from_millis(250);

/// The clock as the row says it, with the count of its settings.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn read(pool: &PgPool) -> Result<(Option<Timestamp>, i64), StoreError> {
    let row = sqlx::query!("SELECT now, version FROM ledger.dev_clock").fetch_one(pool).await?;
    Ok((row.now.map(Timestamp::new), row.version))
}

/// Sets the clock for every process; `None` is the machine's time. The new count of settings.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set(pool: &PgPool, clock: &Clock, now: Option<Timestamp>) -> Result<i64, StoreError> {
    let at: Option<DateTime<Utc>> = now.map(Timestamp::to_utc);
    let version = sqlx::query_scalar!(
        "WITH set AS (UPDATE ledger.dev_clock SET now = $1, version = version + 1 RETURNING version)
         SELECT version AS \"version!\" FROM set, pg_notify('dev_clock', version::text)",
        at
    )
    .fetch_one(pool)
    .await?;
    clock.set(now);
    Ok(version)
}

/// Keeps `clock` as the row says, for ever; a database that is away is tried again.
pub async fn follow(pool: PgPool, clock: Clock) {
    let mut listener = None;
    loop {
        match read(&pool).await {
            Ok((now, _)) => clock.set(now),
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "the clock cannot be read")
            }
        }
        if listener.is_none() {
            listener = listen(&pool).await.ok();
        }
        match &mut listener {
            Some(live) => match tokio::time::timeout(POLL, live.recv()).await {
                Ok(Ok(_)) | Err(_) => {}
                Ok(Err(_)) => listener = None,
            },
            None => tokio::time::sleep(POLL).await,
        }
    }
}

async fn listen(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}
