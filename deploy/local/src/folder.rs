//! The data folder of a stack: where it is, that one stack at a time uses it, and when it is thrown away.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::{StackError, random};

/// Where a stack keeps its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataFolder {
    /// `.stack/<name>` beside the workspace's `Cargo.lock` (ignored by git). Kept when the stack ends.
    Named(String),
    /// This folder. Kept when the stack ends.
    At(PathBuf),
    /// A fresh one in the system's temporary folder, removed when the stack is dropped.
    Temporary,
}

/// A data folder in use.
#[derive(Debug)]
pub(crate) struct OpenFolder {
    path: PathBuf,
    temporary: bool,
    _lock: File,
}

impl OpenFolder {
    pub(crate) fn open(folder: &DataFolder) -> Result<Self, StackError> {
        let (path, temporary) = match folder {
            DataFolder::Named(name) => (workspace()?.join(".stack").join(name), false),
            DataFolder::At(path) => (path.clone(), false),
            DataFolder::Temporary => {
                (std::env::temp_dir().join(format!("own-circle-{}", random::token()?)), true)
            }
        };
        fs::create_dir_all(&path)
            .map_err(StackError::io(format!("creating the data folder {}", path.display())))?;
        let path = path.canonicalize().map_err(StackError::io(format!("finding {}", path.display())))?;
        let lock_path = path.join("lock");
        let lock =
            File::create(&lock_path).map_err(StackError::io(format!("creating {}", lock_path.display())))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, temporary, _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(StackError::FolderInUse(path)),
            Err(fs::TryLockError::Error(source)) => {
                Err(StackError::Io { doing: format!("locking {}", lock_path.display()), source })
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn is_temporary(&self) -> bool {
        self.temporary
    }
}

impl Drop for OpenFolder {
    fn drop(&mut self) {
        if self.temporary {
            // PostgreSQL's part may be a link to a place its account can reach.
            if let Ok(linked) = fs::read_link(self.path.join("postgres")) {
                let _ = fs::remove_dir_all(linked);
            }
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The nearest folder upwards that holds a `Cargo.lock`, or the current one.
fn workspace() -> Result<PathBuf, StackError> {
    let current = std::env::current_dir().map_err(StackError::io("finding the current folder"))?;
    let root = current.ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    Ok(root.unwrap_or(&current).to_path_buf())
}
