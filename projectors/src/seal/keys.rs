//! The keys' secret halves: a folder with a file `seal-<number>.key` for each, mode 0600, as Go's `note` writes them
//! (`PRIVATE+KEY+name+number+base64`). When a key is in force stands with its public half in the log's database.
//!
//! A key comes into being as those of the vault do: a complete, synced file is linked to its final name, and only then is
//! its public half listed. What is listed has its file; a file that is not listed signs nothing.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use ed25519_dalek::SigningKey;
use ledger_store::seal::SealKey;
use signed_note::StandardSigner;
use uuid::Uuid;

use crate::error::ProjectError;

/// A key's line is some 150 bytes; anything much longer is none.
const FILE_BYTES_MAX: u64 = 1_024;

/// The folder of the keys.
#[derive(Debug, Clone)]
pub struct KeyFolder {
    directory: PathBuf,
}

impl KeyFolder {
    /// The keys in `directory`.
    #[must_use]
    pub const fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The signer of the listed key `key`.
    ///
    /// # Errors
    /// [`ProjectError::Setup`] naming the file that is missing, open to others or not this key's.
    pub fn signer(&self, key: &SealKey) -> Result<StandardSigner, ProjectError> {
        let path = self.file(key);
        let about = fs::metadata(&path).map_err(|error| unusable(&path, error))?;
        if about.permissions().mode() & 0o077 != 0 {
            return Err(unusable(&path, "must be readable by its owner alone (mode 0600)"));
        }
        if !about.is_file() || about.len() > FILE_BYTES_MAX {
            return Err(unusable(&path, "does not hold a key"));
        }
        let text = fs::read_to_string(&path).map_err(|error| unusable(&path, error))?;
        let signer = StandardSigner::new(text.trim()).map_err(|_| unusable(&path, "does not hold a key"))?;
        let named = (signed_note::Signer::name(&signer), signed_note::Signer::key_id(&signer));
        if named != (key.name.as_str(), key.id()) {
            return Err(unusable(&path, "holds another key"));
        }
        Ok(signer)
    }

    /// Makes a key of the log `name`. It signs once it is listed.
    ///
    /// # Errors
    /// [`ProjectError::Setup`] when there is no randomness or the file cannot be written.
    pub fn make(
        &self,
        name: &str,
        valid_from: DateTime<Utc>,
        valid_until: Option<DateTime<Utc>>,
    ) -> Result<SealKey, ProjectError> {
        let mut secret = [0; 32];
        aws_lc_rs::rand::fill(&mut secret)
            .map_err(|_| ProjectError::Setup("the operating system gives no random bytes".to_owned()))?;
        let public_key = SigningKey::from_bytes(&secret).verifying_key().to_bytes();
        let key = SealKey { name: name.to_owned(), public_key, valid_from, valid_until };
        // 1 is Ed25519.
        let encoded = BASE64_STANDARD.encode([&[1], secret.as_slice()].concat());
        let line = format!("PRIVATE+KEY+{name}+{:08x}+{encoded}\n", key.id());
        let path = self.file(&key);
        write(&self.directory, &path, &line).map_err(|error| unusable(&path, error))?;
        Ok(key)
    }

    fn file(&self, key: &SealKey) -> PathBuf {
        self.directory.join(format!("seal-{:08x}.key", key.id()))
    }
}

fn unusable(path: &Path, why: impl std::fmt::Display) -> ProjectError {
    ProjectError::Setup(format!("the seal's key file {}: {why}", path.display()))
}

fn write(directory: &Path, path: &Path, line: &str) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let draft = directory.join(format!(".draft-{}", Uuid::new_v4().simple()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    });
    fs::remove_file(&draft)?;
    linked?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_made_signs_and_others_may_not_read_it() {
        let directory = std::env::temp_dir().join(format!("own-circle-seal-{}", Uuid::new_v4().simple()));
        let folder = KeyFolder::new(directory.clone());
        let key = folder.make("own-circle/test", DateTime::UNIX_EPOCH, None).expect("a key");
        let signer = folder.signer(&key).expect("a signer");
        let note = ledger_store::seal::sign(b"own-circle/test\n", &signer).expect("a note");
        let note = signed_note::Note::from_bytes(note.as_bytes()).expect("a note");
        let verifier = signed_note::StandardVerifier::new(&key.verifier()).expect("a verifier");
        let known = signed_note::VerifierList::new(vec![Box::new(verifier)]);
        assert_eq!(note.verify(&known).expect("signed").0.len(), 1);
        let other = folder.make("own-circle/test", DateTime::UNIX_EPOCH, None).expect("another");
        assert_ne!(key.id(), other.id());
        let said =
            |what: Result<StandardSigner, ProjectError>| what.map(drop).expect_err("refused").to_string();
        fs::copy(folder.file(&other), folder.file(&key)).expect("a copy");
        assert!(said(folder.signer(&key)).contains("another key"));
        fs::set_permissions(folder.file(&key), fs::Permissions::from_mode(0o640)).expect("a mode");
        assert!(said(folder.signer(&key)).contains("owner alone"));
        fs::remove_file(folder.file(&key)).expect("it was there");
        assert!(said(folder.signer(&key)).contains("seal-"));
        fs::remove_dir_all(directory).expect("it was there");
    }
}
