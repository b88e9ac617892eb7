//! Why an import ends before its file does.

use std::path::PathBuf;

use reqwest::StatusCode;

/// A reason to give up. A bad line is not one of them: it is counted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// No usable key.
    #[error("no API key: set OWN_CIRCLE_API_KEY, or name a file with --key-file")]
    NoKey,
    /// A file that cannot be read or written.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// A file that is neither of the known formats.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// An address that cannot be used.
    #[error("--base-url: {0}")]
    Address(&'static str),
    /// The HTTP client could not be made.
    #[error("preparing the HTTP client")]
    Client(#[source] reqwest::Error),
    /// Nobody answers, for longer than asked to try.
    #[error("no progress for {waited_s} s, gave up: {last}")]
    Unreachable {
        /// How long it was tried, in seconds.
        waited_s: u64,
        /// What happened last.
        last: String,
    },
    /// The service refuses the import as a whole.
    #[error("{doing}: the service answered {status} {code}: {message}")]
    Refused {
        /// What was asked.
        doing: &'static str,
        /// The answer's status.
        status: StatusCode,
        /// The stable code, such as `FORBIDDEN`.
        code: String,
        /// The sentence for people.
        message: String,
    },
    /// An answer that is not what the contract says.
    #[error("the service's answer cannot be understood: {0}")]
    Protocol(String),
    /// Asked to stop at the first bad line.
    #[error("stopped at line {0}, as asked")]
    Stopped(u64),
}

impl ImportError {
    /// The exit code: see the command's help.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Stopped(_) => 1,
            Self::NoKey | Self::File { .. } | Self::Format { .. } | Self::Address(_) | Self::Client(_) => 2,
            Self::Refused { status, .. }
                if matches!(*status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) =>
            {
                2
            }
            Self::Unreachable { .. } | Self::Refused { .. } | Self::Protocol(_) => 3,
        }
    }

    /// The error and its causes in one line.
    pub(crate) fn chain(&self) -> String {
        chain(self)
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let sentence = next.to_string();
        if !text.contains(&sentence) {
            text = format!("{text}: {sentence}");
        }
        cause = next.source();
    }
    text
}
