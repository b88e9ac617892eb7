//! Why a scenario did not pass.

use std::path::PathBuf;

use serde_json::Value;

use super::expect::Mismatch;

/// A scenario that could not be read, could not be prepared, or was answered otherwise than it expects.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// The file cannot be read.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a scenario.
    #[error("not a scenario: {0}")]
    Format(String),
    /// A `$name` that nothing has saved.
    #[error("${0} is not known here")]
    UnknownName(String),
    /// Somebody acts who is neither a business nor a member of the scenario.
    #[error(
        "nobody is called `{0}` here: businesses and members are named in `given`; there are also admin and nobody"
    )]
    UnknownActor(String),
    /// A `call` that is not `METHOD /path`.
    #[error("`{0}` is not a method and a path")]
    Call(String),
    /// A clock that is not a time.
    #[error("`{0}` is not a time with a zone")]
    Time(String),
    /// The service cannot be reached.
    #[error("{doing}")]
    Http {
        /// What was asked.
        doing: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// A call that the runner makes by itself was refused.
    #[error("{doing}: answered {status} {body}")]
    Refused {
        /// What was asked.
        doing: String,
        /// The answer's status.
        status: u16,
        /// The answer.
        body: Value,
    },
    /// An answer without something the runner needs.
    #[error("{doing}: the answer has no `{field}`: {body}")]
    Missing {
        /// What was asked.
        doing: String,
        /// What is missing.
        field: String,
        /// The answer.
        body: Value,
    },
    /// Answered otherwise than expected.
    #[error("{}", lines(mismatches))]
    Unexpected {
        /// Every difference.
        mismatches: Vec<Mismatch>,
    },
    /// A failure at a step.
    #[error("step {number} ({what})")]
    Step {
        /// From 1.
        number: usize,
        /// The step's call.
        what: String,
        /// The cause.
        #[source]
        source: Box<GoldenError>,
    },
    /// The installation could not be started.
    #[error("starting an installation")]
    Stack(#[from] local_stack::StackError),
}

fn lines(mismatches: &[Mismatch]) -> String {
    let lines: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

impl GoldenError {
    /// The error and its causes, one below the other.
    #[must_use]
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(next) = cause {
            text = format!("{text}\n{next}");
            cause = next.source();
        }
        text
    }
}
