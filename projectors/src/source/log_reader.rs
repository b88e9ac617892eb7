//! Reads the log in order: pages after a position, the head, the log's id. Design L1.

use ledger_core::ids::{BusinessId, LogId};
use ledger_core::log::Position;
pub use ledger_store::log::StoredRow;
use ledger_store::{StoreError, log};
use sqlx::PgPool;
use uuid::Uuid;

use crate::error::ProjectError;

/// A handle for reading the log; cheap to clone.
#[derive(Debug, Clone)]
pub struct LogReader {
    pool: PgPool,
}

impl LogReader {
    /// Reads the log in the database of `pool`.
    #[must_use]
    pub const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// The pool of the log's database.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The newest position; 0 on an empty log.
    ///
    /// # Errors
    /// [`ProjectError::Database`].
    pub async fn head(&self) -> Result<Position, ProjectError> {
        log::head(&self.pool).await.map_err(failure)
    }

    /// The id of the log. Design L9.
    ///
    /// # Errors
    /// [`ProjectError::Database`].
    pub async fn log_id(&self) -> Result<LogId, ProjectError> {
        log::log_id(&self.pool).await.map_err(failure)
    }

    /// Every business that ever joined the coalition, and whether it is medical.
    ///
    /// # Errors
    /// [`ProjectError::Database`].
    pub async fn businesses(&self) -> Result<Vec<(BusinessId, bool)>, ProjectError> {
        // What is not said to be ordinary is taken for medical. The conditions are those of an index.
        let rows: Vec<(Uuid, bool)> = sqlx::query_as(
            "SELECT stream_id, payload->>'confidentiality' IS DISTINCT FROM 'ordinary' FROM ledger.events \
             WHERE stream_type <> 'member' AND event_type NOT IN ('ChainRewardIssued', 'OfferCouponIssued') \
               AND event_type = 'BusinessRegistered'",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|(id, is_medical)| (BusinessId::from_uuid(id), is_medical)).collect())
    }

    /// At most `limit` rows after `after`, in order.
    ///
    /// # Errors
    /// [`ProjectError::Database`]; [`ProjectError::Unapplicable`] for a row this program cannot read, or a place that is
    /// missing (design L1: positions have no gaps).
    pub async fn read_after(&self, after: Position, limit: i64) -> Result<Vec<StoredRow>, ProjectError> {
        let rows = log::read_after(&self.pool, after, limit).await.map_err(failure)?;
        let mut expected = after;
        for stored in &rows {
            expected = expected.saturating_add(1);
            if stored.row.position != expected {
                let reason = format!("the log goes on at {}", stored.row.position);
                return Err(ProjectError::Unapplicable { position: expected, reason });
            }
        }
        Ok(rows)
    }
}

/// The store's failures as this crate's: what a person must look at names its place.
pub(crate) fn failure(error: StoreError) -> ProjectError {
    match error {
        StoreError::Database(error) => ProjectError::Database(error),
        StoreError::Unreadable { position, source } => {
            ProjectError::Unapplicable { position, reason: source.to_string() }
        }
        StoreError::Malformed { position, what } => {
            ProjectError::Unapplicable { position, reason: what.to_owned() }
        }
        StoreError::Corrupt(corrupt) => {
            ProjectError::Unapplicable { position: corrupt.position, reason: corrupt.what.to_owned() }
        }
        StoreError::Kafka(error) => ProjectError::Kafka(error),
        StoreError::ClickHouse(source) => {
            ProjectError::Sink { what: "asking how far the log was published", source: Box::new(source) }
        }
        other => ProjectError::Setup(other.to_string()),
    }
}
