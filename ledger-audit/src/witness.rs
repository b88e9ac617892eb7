//! A witness: whoever runs one elsewhere makes it impossible to show two logs to two people.
//!
//! It keeps the last checkpoint it saw. A new one is cosigned (C2SP tlog-cosignature) only after a proof that the log grew from
//! the one to the other; what it keeps is written before the cosignature leaves it.

use std::io::Write;
use std::path::Path;

use serde::Deserialize;

use crate::error::AuditError;
use crate::note::{Checkpoint, KeyKind, Note, SignerKey, VerifierKey, written};
use crate::receipt::hashes;
use crate::tree::{Hash, verify_consistency};

/// What a witness says of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saw {
    /// The log goes on from what it saw: the checkpoint with its cosignature.
    Grew {
        /// What it had seen; none the first time.
        from: Option<u64>,
        /// The size now.
        to: u64,
        /// The cosigned note.
        note: String,
    },
    /// The log is another than the one it saw.
    Fork(String),
}

/// What a witness has: its key, the log's keys, what it saw.
#[derive(Debug)]
pub struct Witness<'a> {
    /// Its own key.
    pub key: &'a SignerKey,
    /// The keys of the log.
    pub log_keys: &'a [VerifierKey],
    /// What it kept.
    pub kept: Option<String>,
}

/// What was kept, and what it says.
fn read(note: &str, keys: &[VerifierKey]) -> Result<(Note, Checkpoint), String> {
    let note = Note::parse(note.as_bytes()).map_err(|error| error.to_string())?;
    note.signed_by(keys).map_err(|error| error.to_string())?;
    let checkpoint = Checkpoint::parse(&note.text).map_err(|error| error.to_string())?;
    Ok((note, checkpoint))
}

impl Witness<'_> {
    /// The size of the log that it saw last.
    ///
    /// # Errors
    /// When what it kept cannot be read.
    pub fn seen(&self) -> Result<Option<Checkpoint>, AuditError> {
        let Some(kept) = &self.kept else { return Ok(None) };
        // Its own signature is enough: the log may have changed its key since.
        let own = [self.log_keys, std::slice::from_ref(self.key.verifier())].concat();
        let read = read(kept, &own).map_err(|error| {
            AuditError::Input(format!(
                "what this witness kept cannot be read: {error}. Restore it; do not begin anew"
            ))
        })?;
        Ok(Some(read.1))
    }

    /// Looks at a new checkpoint; `proof` shows that the log grew, and is empty the first time. `at` is now, in seconds since
    /// 1970.
    ///
    /// # Errors
    /// When what it kept cannot be read, or `note` is no checkpoint that this log signed.
    pub fn look(&self, note: &str, proof: &[Hash], at: u64) -> Result<Saw, AuditError> {
        if self.key.verifier().kind() != KeyKind::Witness {
            return Err(AuditError::Input(
                "the key is not a witness's: make one with `witness-key`".to_owned(),
            ));
        }
        let (mut signed, new) = read(note, self.log_keys).map_err(|error| {
            AuditError::Input(format!("the new checkpoint is not to be believed: {error}"))
        })?;
        let old = self.seen()?;
        if let Some(old) = &old {
            let (from, to) = (old.size, new.size);
            if old.origin != new.origin {
                return Err(AuditError::Input(format!(
                    "this witness watches `{}`, not `{}`",
                    old.origin, new.origin
                )));
            }
            if to < from {
                return Ok(Saw::Fork(format!(
                    "the log had {from} events and now shows a checkpoint of {to}"
                )));
            }
            let proved = verify_consistency(from, to, &old.root, &new.root, proof);
            if let Err(error) = proved {
                return Ok(Saw::Fork(format!(
                    "the log of {to} does not follow from that of {from}: {error}"
                )));
            }
        }
        let own = self.key.verifier();
        // Of the log's keys alone: what others have put beside them would be kept, and could make it a note that nobody reads.
        signed.signatures.retain(|signature| {
            !signature.is_of(own) && self.log_keys.iter().any(|key| signature.is_of(key))
        });
        let mut signatures = signed.signatures;
        signatures.push(self.key.sign(&signed.text, at));
        let (from, to) = (old.map(|old| old.size), new.size);
        let note = written(&signed.text, &signatures);
        let kept = read(&note, std::slice::from_ref(own));
        if kept.is_ok_and(|(_, kept)| kept == new) {
            return Ok(Saw::Grew { from, to, note });
        }
        Err(AuditError::Input("the cosigned checkpoint could not be read again: it is not kept".to_owned()))
    }
}

/// Keeps `note` in the file at `path`: all of it or nothing.
///
/// # Errors
/// [`AuditError::File`].
pub fn keep(path: &Path, note: &str) -> Result<(), AuditError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let kept = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(note.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        std::fs::File::open(folder)?.sync_all()
    };
    kept().map_err(AuditError::file(path))
}

/// The hashes of a consistency proof as the service answers it, with its envelope or without.
///
/// # Errors
/// [`AuditError::Input`].
pub fn proof(bytes: &[u8]) -> Result<Vec<Hash>, AuditError> {
    #[derive(Deserialize)]
    struct Proof {
        path: Vec<String>,
    }
    #[derive(Deserialize)]
    struct Envelope {
        data: Proof,
    }
    let plain: Result<Proof, _> = serde_json::from_slice(bytes);
    let proof = plain.or_else(|_| serde_json::from_slice(bytes).map(|Envelope { data }| data));
    let read = proof.ok().and_then(|proof| hashes(&proof.path));
    read.ok_or_else(|| {
        AuditError::Input("this is no consistency proof: `{\"path\": [base64, …]}`".to_owned())
    })
}
