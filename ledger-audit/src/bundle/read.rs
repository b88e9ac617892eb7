//! Reading a bundle: line by line, measured as it goes, so that memory does not grow with it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::{CHECKPOINTS, CheckpointLine, Digest, EVENTS, FILES, FORMAT, KEYS, KeyLine, LINE_BYTES_MAX};
use super::{MANIFEST, Manifest, archive};
use crate::error::AuditError;
use crate::note::NOTE_BYTES_MAX;

/// The most keys that are looked at: one a month is eighty years of them.
const KEYS_MAX: usize = 1_000;

/// A bundle, opened.
#[derive(Debug)]
pub struct Bundle {
    folder: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
    /// What an auditor should hear, and what proves nothing.
    pub remarks: Vec<String>,
    /// Where an archive was unpacked; goes away with this.
    _unpacked: Option<TempDir>,
}

impl Bundle {
    /// Opens the folder or the archive at `path`.
    ///
    /// # Errors
    /// [`AuditError`]: what cannot be read is neither right nor wrong.
    pub fn open(path: &Path) -> Result<Self, AuditError> {
        let about = std::fs::metadata(path).map_err(AuditError::file(path))?;
        let (unpacked, strange) = if about.is_dir() {
            (None, strange_files(path)?)
        } else {
            let (folder, strange) = archive::unpack(path)?;
            (Some(folder), strange)
        };
        let folder = unpacked.as_ref().map_or(path, TempDir::path).to_owned();
        for name in FILES.iter().chain([&MANIFEST]) {
            if !folder.join(name).is_file() {
                return Err(AuditError::Missing { bundle: path.to_owned(), name });
            }
        }
        let manifest = manifest(&folder.join(MANIFEST), path)?;
        let remarks =
            strange.iter().map(|name| format!("`{name}` is no file of a bundle and was not looked at"));
        Ok(Self { folder, manifest, remarks: remarks.collect(), _unpacked: unpacked })
    }

    /// The lines of events.
    ///
    /// # Errors
    /// [`AuditError::File`].
    pub fn events(&self) -> Result<Lines, AuditError> {
        Lines::open(&self.folder.join(EVENTS), LINE_BYTES_MAX)
    }

    /// The checkpoints.
    ///
    /// # Errors
    /// [`AuditError::File`].
    pub fn checkpoints(&self) -> Result<Notes, AuditError> {
        // A note is written with its newlines and quotes escaped.
        Ok(Notes(Lines::open(&self.folder.join(CHECKPOINTS), NOTE_BYTES_MAX * 2)?))
    }

    /// The keys; of a line that is none, its number and why. And what the file comes to.
    ///
    /// # Errors
    /// [`AuditError::File`].
    pub fn keys(&self) -> Result<(Vec<Result<KeyLine, String>>, Digest), AuditError> {
        let mut lines = Lines::open(&self.folder.join(KEYS), 64 * 1024)?;
        let mut keys = Vec::new();
        let mut line = Vec::new();
        while let Some(whole) = lines.read(&mut line)? {
            if keys.len() > KEYS_MAX {
                continue;
            }
            if keys.len() == KEYS_MAX {
                keys.push(Err(format!(
                    "{KEYS} has more than {KEYS_MAX} lines; those behind were not looked at"
                )));
                continue;
            }
            let key = if whole { serde_json::from_slice(&line).ok() } else { None };
            keys.push(key.ok_or_else(|| format!("line {} of {KEYS} is no key", keys.len() + 1)));
        }
        Ok((keys, lines.digest()))
    }

    /// What the manifest says of a file.
    #[must_use]
    pub fn said_of(&self, name: &str) -> Option<&Digest> {
        self.manifest.files.get(name)
    }
}

fn manifest(path: &Path, bundle: &Path) -> Result<Manifest, AuditError> {
    let file = File::open(path).map_err(AuditError::file(path))?;
    let mut text = Vec::new();
    file.take(1 << 20).read_to_end(&mut text).map_err(AuditError::file(path))?;
    let read: Result<Manifest, _> = serde_json::from_slice(&text);
    match read {
        Ok(manifest) if manifest.format == FORMAT => Ok(manifest),
        Ok(manifest) => Err(AuditError::Input(format!(
            "{}: the bundle has the format `{}`; this program reads `{FORMAT}`",
            bundle.display(),
            manifest.format
        ))),
        Err(error) => Err(AuditError::Input(format!(
            "{}: {MANIFEST} is not the manifest of a bundle: {error}",
            bundle.display()
        ))),
    }
}

fn strange_files(folder: &Path) -> Result<Vec<String>, AuditError> {
    let mut strange = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(AuditError::file(folder))? {
        let name = entry.map_err(AuditError::file(folder))?.file_name().to_string_lossy().into_owned();
        if name != MANIFEST && !FILES.contains(&name.as_str()) {
            strange.push(name);
        }
    }
    strange.sort();
    Ok(strange)
}

/// The lines of a file, one after the other.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    hash: Sha256,
    bytes: u64,
    bytes_max: usize,
}

impl Lines {
    fn open(path: &Path, bytes_max: usize) -> Result<Self, AuditError> {
        let file = File::open(path).map_err(AuditError::file(path))?;
        let file = BufReader::with_capacity(1 << 20, file);
        Ok(Self { path: path.to_owned(), file, hash: Sha256::new(), bytes: 0, bytes_max })
    }

    /// Puts the next line into `line`, without its newline; `None` at the end. False when the line has no newline, or is too
    /// long to be kept: then it is skipped.
    ///
    /// # Errors
    /// [`AuditError::File`].
    pub fn read(&mut self, line: &mut Vec<u8>) -> Result<Option<bool>, AuditError> {
        line.clear();
        let (mut read, mut ended) = (0_usize, false);
        while !ended {
            let buffer = self.file.fill_buf().map_err(AuditError::file(&self.path))?;
            if buffer.is_empty() {
                break;
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let taken = &buffer[..end.map_or(buffer.len(), |end| end + 1)];
            self.hash.update(taken);
            read = read.saturating_add(taken.len());
            if read <= self.bytes_max {
                line.extend_from_slice(taken);
            }
            ended = end.is_some();
            let taken = taken.len();
            self.file.consume(taken);
        }
        self.bytes = self.bytes.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        if read == 0 {
            return Ok(None);
        }
        if ended {
            line.pop();
        }
        Ok(Some(ended && read <= self.bytes_max))
    }

    /// What has been read so far comes to.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest { bytes: self.bytes, sha256: hex::encode(self.hash.clone().finalize()) }
    }
}

/// The checkpoints of a bundle.
#[derive(Debug)]
pub struct Notes(Lines);

impl Notes {
    /// The next one; of a line that is none, why. `None` at the end.
    ///
    /// # Errors
    /// [`AuditError::File`].
    pub fn read(&mut self) -> Result<Option<Result<CheckpointLine, String>>, AuditError> {
        let mut line = Vec::new();
        let Some(whole) = self.0.read(&mut line)? else { return Ok(None) };
        if !whole {
            return Ok(Some(Err("is longer than a signed note can be, or does not end".to_owned())));
        }
        Ok(Some(serde_json::from_slice(&line).map_err(|error| format!("is no checkpoint: {error}"))))
    }

    /// What has been read so far comes to.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0.digest()
    }
}
