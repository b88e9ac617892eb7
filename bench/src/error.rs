//! What can go wrong in a benchmark.

/// A benchmark that could not be run; never a figure that is not good enough.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// A server or process did not start.
    #[error("the stack failed")]
    Stack(#[from] local_stack::StackError),
    /// The database failed.
    #[error("PostgreSQL failed")]
    Database(#[from] sqlx::Error),
    /// A connection failed.
    #[error("a connection failed")]
    Io(#[from] std::io::Error),
    /// HTTP failed.
    #[error("HTTP failed")]
    Hyper(#[from] hyper::Error),
    /// A request could not be built.
    #[error("a request cannot be built")]
    Request(#[from] hyper::http::Error),
    /// An answer is not what the benchmark needs.
    #[error("{call} answered {status}: {body}")]
    Answer {
        /// The call.
        call: String,
        /// The status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// A task died.
    #[error("a task died")]
    Join(#[from] tokio::task::JoinError),
    /// A body is not JSON.
    #[error("an answer is not JSON")]
    Json(#[from] serde_json::Error),
    /// The log could not be opened.
    #[error("the log cannot be opened")]
    Store(#[from] ledger_store::StoreError),
    /// A command of the seed was not taken.
    #[error("a command of the seed was not taken")]
    Seed(#[from] ledger_store::ExecuteError),
    /// A made-up name is none.
    #[error("a made-up name is none")]
    Slug(#[from] ledger_core::ids::NotASlug),
    /// A made-up version of a consent is none.
    #[error("a made-up version is none")]
    Version(#[from] ledger_core::member::consent::NotAConsentVersion),
    /// Something took too long.
    #[error("{0}")]
    TooLong(String),
}

/// The error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
