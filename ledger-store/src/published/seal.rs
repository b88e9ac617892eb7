//! What was sealed of the log. A backup of the database takes it back with the log; what was cut off the log or changed
//! in place does not get past it.

use sqlx::PgPool;

use crate::error::StoreError;
use crate::seal::{Roots, sealed};

/// Refuses a log that is behind what was sealed of it, or says something else there.
pub(super) async fn check(log: &PgPool) -> Result<(), StoreError> {
    let mut connection = log.acquire().await?;
    sealed(&mut connection, &Roots::default()).await.map(drop)
}
