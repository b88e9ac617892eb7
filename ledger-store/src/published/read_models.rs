//! How far the read models are.

use ledger_core::log::LeafHash;
use sqlx::PgPool;

use crate::error::StoreError;
use crate::start::Witnessed;

/// PostgreSQL's code for a table that is not there.
const UNDEFINED_TABLE: &str = "42P01";

/// What the read models `names` have seen of the log. Those that are not there yet have seen nothing; any other failure is
/// one, or a log that is behind could slip through.
pub(super) async fn checkpoints(read: &PgPool, names: &[&str]) -> Result<Vec<Witnessed>, StoreError> {
    let mut seen = Vec::new();
    for name in names {
        // Names are the programs' own constants.
        let query = format!("SELECT position, leaf_hash FROM {name}.checkpoint WHERE position > 0");
        let query = sqlx::query_as::<_, (i64, Option<Vec<u8>>)>(sqlx::AssertSqlSafe(query));
        let rows = match query.fetch_all(read).await {
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(UNDEFINED_TABLE) => {
                Vec::new()
            }
            rows => rows?,
        };
        for (position, hash) in rows {
            let leaf_hash = hash.and_then(|hash| LeafHash::from_slice(&hash).ok());
            seen.push(Witnessed { by: format!("the read model {name}"), position, leaf_hash });
        }
    }
    Ok(seen)
}
