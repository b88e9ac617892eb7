//! What can go wrong in a projector, split by what the caller does about it: try again, or stop and alarm.

use ledger_core::ids::LogId;
use ledger_core::log::Position;

/// A failure of a relay, projection, reactor or sink.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// A record that cannot be applied: never skipped (design J4).
    #[error("position {position} cannot be applied: {reason}")]
    Unapplicable {
        /// The place of the record.
        position: Position,
        /// Why, without the record's content.
        reason: String,
    },
    /// A row that the log's seal cannot vouch for: nothing from there on is sealed (design L8).
    #[error("position {position} cannot be sealed: {reason}")]
    Unsealable {
        /// The place.
        position: Position,
        /// Why, without the row's content.
        reason: String,
    },
    /// What comes in does not continue what was applied: two histories (design J1).
    #[error("fork at position {position} in partition {partition}: {reason}")]
    Fork {
        /// The partition.
        partition: i32,
        /// The place.
        position: Position,
        /// What does not fit.
        reason: String,
    },
    /// The checkpoint belongs to another log (design L9).
    #[error("the checkpoint belongs to log {found}, the log is {expected}: rebuild this read model")]
    OtherLog {
        /// The log that is there.
        expected: LogId,
        /// The log of the checkpoint or record.
        found: LogId,
    },
    /// The log is behind what was published or applied: a restored backup (design L9).
    #[error(
        "the log ends at position {head}, behind {what} at position {published}: is this a restored backup?"
    )]
    LogBehind {
        /// The log's newest position.
        head: Position,
        /// What is further.
        what: String,
        /// How far that is.
        published: Position,
    },
    /// No key is in force to seal the log with: it waits until a person has listed one.
    #[error("no key to seal with is in force: make one with `projectors seal-key new`")]
    NoSealKey,
    /// A setting, argument or set of tables that cannot be used as it is; says what would be right.
    #[error("{0}")]
    Setup(String),
    /// PostgreSQL failed or is away.
    #[error("PostgreSQL: {0}")]
    Database(#[from] sqlx::Error),
    /// Kafka failed or is away.
    #[error("Kafka: {0}")]
    Kafka(#[from] rdkafka::error::KafkaError),
    /// Another server failed or is away (ClickHouse).
    #[error("{what}: {source}")]
    Sink {
        /// Which server, doing what.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ProjectError {
    /// True when trying again may help: the fault lies with a server, not with a record.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unapplicable { .. }
            | Self::Unsealable { .. }
            | Self::Fork { .. }
            | Self::OtherLog { .. }
            | Self::LogBehind { .. }
            | Self::Setup(_) => false,
            Self::Database(error) => !is_about_data(error),
            Self::NoSealKey | Self::Kafka(_) | Self::Sink { .. } => true,
        }
    }

    /// The place that stopped the work, where there is one.
    #[must_use]
    pub const fn position(&self) -> Option<Position> {
        match self {
            Self::Unapplicable { position, .. }
            | Self::Unsealable { position, .. }
            | Self::Fork { position, .. } => Some(*position),
            Self::LogBehind { published, .. } => Some(*published),
            Self::OtherLog { .. }
            | Self::NoSealKey
            | Self::Setup(_)
            | Self::Database(_)
            | Self::Kafka(_)
            | Self::Sink { .. } => None,
        }
    }
}

/// SQLSTATE classes 22 and 23 (bad value, violated constraint) come back however often they are tried.
fn is_about_data(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => true,
        _ => false,
    }
}
