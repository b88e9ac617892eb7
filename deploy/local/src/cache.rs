//! The cache of unpacked servers, outside the checkout.
//!
//! Why it is right:
//! 1. A server's folder appears by one rename of a complete, checked folder: if it exists, it is whole.
//! 2. A file lock per server lets one process fetch while the others wait, then find it there.
//! 3. The folder's name ends in a digest of the pins, so changed pins mean a new folder, never a mixed one.
//!
//! How each server is fetched is in `package`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::digest::Digests;
use crate::{ServerKind, StackError, package};

/// Where unpacked servers are kept, and what they must be.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
    digests: Digests,
}

impl Cache {
    /// `OWN_CIRCLE_CACHE`, or `own-circle/servers` below `XDG_CACHE_HOME` or `HOME/.cache`.
    #[must_use]
    pub fn from_environment() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let root = set("OWN_CIRCLE_CACHE").unwrap_or_else(|| {
            let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
            base.unwrap_or_else(std::env::temp_dir).join("own-circle/servers")
        });
        Self::new(root, Digests::pinned())
    }

    /// A cache at `root` that accepts what `digests` lists.
    #[must_use]
    pub fn new(root: PathBuf, digests: Digests) -> Self {
        Self { root, digests }
    }

    /// The folder of the cache.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of an unpacked server; fetches it when it is not there yet.
    ///
    /// # Errors
    /// A missing tool, a failed download, a wrong digest, or a file system error.
    pub fn server(&self, kind: ServerKind) -> Result<PathBuf, StackError> {
        let folder = self.root.join(self.folder_name(kind));
        if folder.is_dir() {
            return Ok(folder);
        }
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            return Err(StackError::UnsupportedPlatform);
        }
        let making = format!("creating the cache folder {}", self.root.display());
        fs::create_dir_all(&self.root).map_err(StackError::io(making))?;
        let _lock = self.lock(kind)?;
        if folder.is_dir() {
            return Ok(folder);
        }
        let partial = self.root.join(format!("{}.partial", self.folder_name(kind)));
        remove_if_there(&partial)?;
        fs::create_dir(&partial).map_err(StackError::io(format!("creating {}", partial.display())))?;
        let fetched = package::fetch(kind, &self.digests, &partial);
        let kept = fetched.and_then(|unpacked| {
            fs::rename(&unpacked, &folder).map_err(StackError::io(format!("moving to {}", folder.display())))
        });
        // A failed or refused download leaves nothing behind that a later run could take for good.
        remove_if_there(&partial)?;
        kept.map(|()| folder)
    }

    fn lock(&self, kind: ServerKind) -> Result<File, StackError> {
        let path = self.root.join(format!("{}.lock", package::name_and_version(kind)));
        let file = File::create(&path).map_err(StackError::io(format!("creating {}", path.display())))?;
        file.lock().map_err(StackError::io(format!("locking {}", path.display())))?;
        Ok(file)
    }

    fn folder_name(&self, kind: ServerKind) -> String {
        let mut hasher = Sha256::new();
        for name in self.digests.names_ending(package::file_ending(kind)) {
            hasher.update(name);
            hasher.update(self.digests.of(name).unwrap_or_default());
        }
        let tag: String = hex::encode(hasher.finalize()).chars().take(12).collect();
        format!("{}-{tag}", package::name_and_version(kind))
    }
}

fn remove_if_there(folder: &Path) -> Result<(), StackError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StackError::Io { doing: format!("removing {}", folder.display()), source: error })
        }
        _ => Ok(()),
    }
}
