//! What keeps an audit from deciding (exit code 2): each error says what to do about it.

use std::path::{Path, PathBuf};

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A file cannot be read or written.
    #[error("{}: {source}. Is the path right, and may this program use it?", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A bundle lacks a file.
    #[error("{}: the bundle has no `{name}`. Ask for it anew: `ledger-audit export` writes it whole", bundle.display())]
    Missing {
        /// The bundle.
        bundle: PathBuf,
        /// The file.
        name: &'static str,
    },
    /// Something the caller gave is not what it should be.
    #[error("{0}")]
    Input(String),
}

impl AuditError {
    /// A failure of the file at `path`.
    pub fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}
