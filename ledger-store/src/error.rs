//! Failures of the store, and what a command can end with.

use ledger_core::log::{NotCanonical, Position, UnknownEvent};
use ledger_core::member::CorruptHistory;
use ledger_core::rejection::Rejection;

/// A failure of the log or its database: not a refusal, and never the client's fault.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database did not answer or refused.
    #[error("the ledger database failed")]
    Database(#[from] sqlx::Error),
    /// The database's tables could not be brought up to date.
    #[error("the migrations of a database failed")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A row that this program cannot read.
    #[error("the log cannot be read at position {position}")]
    Unreadable {
        /// Where.
        position: Position,
        /// Why.
        #[source]
        source: UnknownEvent,
    },
    /// A row whose columns cannot be.
    #[error("the log's row at position {position} is malformed: {what}")]
    Malformed {
        /// Where.
        position: Position,
        /// What cannot be.
        what: &'static str,
    },
    /// History that cannot hold.
    #[error("the log's history cannot hold")]
    Corrupt(#[from] CorruptHistory),
    /// History of the businesses or chains that cannot hold.
    #[error("the log's history cannot hold")]
    CorruptRegistry(#[from] ledger_core::context::CorruptRegistry),
    /// A row that has no canonical form.
    #[error("a row has no canonical form")]
    Canonical(#[from] NotCanonical),
    /// A value that cannot be written as JSON.
    #[error("a value cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The rule book's defaults cannot be read: a fault of this program.
    #[error("the default policy cannot be made")]
    DefaultPolicy(#[from] ledger_core::policy::ParameterError),
    /// Kafka did not say how far the log was published.
    #[error("Kafka does not answer")]
    Kafka(#[from] rdkafka::error::KafkaError),
    /// ClickHouse did not say how far the log was published.
    #[error("ClickHouse does not answer")]
    ClickHouse(#[from] clickhouse::error::Error),
    /// What is stored of the Merkle tree does not lead to the root that was signed: nothing is proved with it.
    #[error("no proof: {0}")]
    Unproven(String),
    /// Start-up refuses this log or this server. Design L9.
    #[error("{0}")]
    Refused(String),
}

/// Why a command has no receipt.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExecuteError {
    /// A rule does not allow it; nothing was written.
    #[error(transparent)]
    Refused(Rejection),
    /// The database is away, or what became of the append is not known: the same request with the same key gets the one
    /// answer.
    #[error("the ledger is unavailable")]
    Unavailable,
    /// The process is stopping.
    #[error("the ledger is stopping")]
    Stopped,
    /// The stream's history cannot hold, or this program cannot read it: an operator must look.
    #[error("the stream's history cannot be read")]
    Corrupt,
}
