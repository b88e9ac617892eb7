//! One owner at a time, by an advisory lock. Design J1.
//!
//! Why it is right: the lock belongs to the connection on which its owner also writes, so whoever lost the one lost the
//! other.

use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::ProjectError;

/// How often a standby asks whether the owner is gone.
const STANDBY: Duration = Duration::from_millis(300);

/// Waits until `connection` is the one owner of what `name` names; it stays so as long as it lives.
///
/// # Errors
/// [`ProjectError::Database`].
pub(crate) async fn own(connection: &mut PgConnection, name: &str) -> Result<(), ProjectError> {
    let mut waited = false;
    while !try_own(connection, name).await? {
        if !std::mem::replace(&mut waited, true) {
            tracing::info!(name, "standing by: another process owns this");
        }
        tokio::time::sleep(STANDBY).await;
    }
    Ok(())
}

/// The same without waiting: whether `connection` is the owner now.
///
/// # Errors
/// As [`own`].
pub(crate) async fn try_own(connection: &mut PgConnection, name: &str) -> Result<bool, ProjectError> {
    let owned = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(advisory_key(name));
    Ok(owned.fetch_one(connection).await?)
}

/// The key of the advisory lock named `name`.
pub(crate) fn advisory_key(name: &str) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = *Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).as_bytes();
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}
