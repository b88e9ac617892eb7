//! Writing a bundle.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use ledger_core::ids::LogId;
use ledger_core::time::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{CHECKPOINTS, Digest, EVENTS, FILES, FORMAT, KEYS, MANIFEST, Manifest, archive};
use crate::error::AuditError;

/// A file under way, and what it comes to.
struct Measured {
    path: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

impl Measured {
    fn create(path: PathBuf) -> Result<Self, AuditError> {
        let file = File::create_new(&path).map_err(AuditError::file(&path))?;
        let file = BufWriter::with_capacity(1 << 20, file);
        Ok(Self { path, file, hash: Sha256::new(), bytes: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), AuditError> {
        self.hash.update(bytes);
        self.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        self.file.write_all(bytes).map_err(AuditError::file(&self.path))
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), AuditError> {
        let mut bytes = serde_json::to_vec(line).map_err(|error| AuditError::Input(error.to_string()))?;
        bytes.push(b'\n');
        self.write(&bytes)
    }

    fn close(mut self) -> Result<Digest, AuditError> {
        self.file.flush().map_err(AuditError::file(&self.path))?;
        Ok(Digest { bytes: self.bytes, sha256: hex::encode(self.hash.finalize()) })
    }
}

/// A bundle being written.
pub struct Writer {
    folder: PathBuf,
    log_id: LogId,
    events: Measured,
    checkpoints: Measured,
    keys: Measured,
    size: u64,
}

impl Writer {
    /// Begins a bundle of the log `log_id` in `folder`, which is made; it must not hold a bundle yet.
    ///
    /// # Errors
    /// [`AuditError::File`].
    pub fn create(folder: &Path, log_id: LogId) -> Result<Self, AuditError> {
        std::fs::create_dir_all(folder).map_err(AuditError::file(folder))?;
        let file = |name: &str| Measured::create(folder.join(name));
        let (events, checkpoints, keys) = (file(EVENTS)?, file(CHECKPOINTS)?, file(KEYS)?);
        Ok(Self { folder: folder.to_owned(), log_id, events, checkpoints, keys, size: 0 })
    }

    /// Writes the next event: a line as [`super::event_line`] makes it.
    ///
    /// # Errors
    /// [`AuditError::File`].
    pub fn event(&mut self, line: &[u8]) -> Result<(), AuditError> {
        self.size += 1;
        self.events.write(line)
    }

    /// Writes the next checkpoint: a [`super::CheckpointLine`], or what stands in its place.
    ///
    /// # Errors
    /// [`AuditError::File`].
    pub fn checkpoint(&mut self, line: &impl Serialize) -> Result<(), AuditError> {
        self.checkpoints.line(line)
    }

    /// Writes the next key: a [`super::KeyLine`], or what stands in its place.
    ///
    /// # Errors
    /// [`AuditError::File`].
    pub fn key(&mut self, line: &impl Serialize) -> Result<(), AuditError> {
        self.keys.line(line)
    }

    /// How many events were written.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Writes the manifest, which says that the log ends at `head`: only now is it a bundle.
    ///
    /// # Errors
    /// [`AuditError::File`].
    pub fn close(self, head: u64, exported_at: Timestamp) -> Result<Manifest, AuditError> {
        let Self { folder, log_id, events, checkpoints, keys, .. } = self;
        let files = BTreeMap::from([
            (EVENTS.to_owned(), events.close()?),
            (CHECKPOINTS.to_owned(), checkpoints.close()?),
            (KEYS.to_owned(), keys.close()?),
        ]);
        let manifest = Manifest { format: FORMAT.to_owned(), log_id, size: head, exported_at, files };
        let path = folder.join(MANIFEST);
        let mut text =
            serde_json::to_vec_pretty(&manifest).map_err(|error| AuditError::Input(error.to_string()))?;
        text.push(b'\n');
        std::fs::write(&path, text).map_err(AuditError::file(&path))?;
        Ok(manifest)
    }
}

/// Packs the bundle in `folder` as the file `target`, a `.tar.zst`.
///
/// # Errors
/// [`AuditError::File`].
pub fn pack(folder: &Path, target: &Path) -> Result<(), AuditError> {
    archive::pack(folder, &[&[MANIFEST][..], &FILES].concat(), target)
}
