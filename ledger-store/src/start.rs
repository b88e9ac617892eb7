//! What start-up refuses: a server that does not keep what it acknowledges, and a log that is behind what it has already
//! published. Design L9.

use ledger_core::log::{LeafHash, Position};
use sqlx::PgPool;

use crate::error::StoreError;
use crate::log;

/// Refuses a server with `fsync`, `full_page_writes` or `synchronous_commit` off.
///
/// # Errors
/// [`StoreError::Refused`] naming the setting; [`StoreError::Database`].
pub async fn check_durable(pool: &PgPool) -> Result<(), StoreError> {
    let settings = sqlx::query!(
        r#"SELECT name AS "name!", setting AS "setting!" FROM pg_settings
           WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') ORDER BY name"#
    )
    .fetch_all(pool)
    .await?;
    for setting in settings {
        if setting.setting == "off" {
            return Err(StoreError::Refused(format!(
                "PostgreSQL runs with {} = off; the ledger needs it on, or acknowledged events could be lost",
                setting.name
            )));
        }
    }
    Ok(())
}

/// Something that has seen the log up to a position, with the hash it saw there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// Who, for the message.
    pub by: String,
    /// Up to where.
    pub position: Position,
    /// What it saw there; `None` when it keeps no hash.
    pub leaf_hash: Option<LeafHash>,
}

/// Refuses a log that lacks what `witnessed` has seen, or says something else there.
///
/// # Errors
/// [`StoreError::Refused`]; [`StoreError::Database`].
pub async fn check_not_behind(pool: &PgPool, witnessed: &[Witnessed]) -> Result<(), StoreError> {
    let head = log::head(pool).await?;
    for seen in witnessed.iter().filter(|seen| seen.position > 0) {
        if seen.position > head {
            return Err(StoreError::Refused(format!(
                "the log ends at position {head}, but {} has seen position {}: is this a restored backup? \
                 Repair it explicitly before appending",
                seen.by, seen.position
            )));
        }
        let Some(expected) = &seen.leaf_hash else { continue };
        let found =
            sqlx::query_scalar!("SELECT leaf_hash FROM ledger.events WHERE position = $1", seen.position)
                .fetch_optional(pool)
                .await?;
        if found.as_deref() != Some(expected.as_bytes().as_slice()) {
            return Err(StoreError::Refused(format!(
                "the log's event at position {} is not the one that {} has seen: the log has forked",
                seen.position, seen.by
            )));
        }
    }
    Ok(())
}
