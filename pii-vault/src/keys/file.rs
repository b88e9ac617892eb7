//! Keys in a directory: `kek-0001.key`, `kek-0002.key`, … and `secret-<name>.key`, each 64 hexadecimal digits, mode 0600.
//!
//! Why it is right:
//! 1. A key comes into being by `link(2)` of a complete, synced file to its final name, which fails if the name exists:
//!    of several processes starting at once one wins and all read the winner's key.
//! 2. The newest KEK is the one with the highest number, by the directory as it is at each wrapping: adding a file is all
//!    a rotation needs, and no running process goes on wrapping with the old one.
//! 3. A file others may read is refused rather than used.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::future::ready;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::RwLock;

use crate::cipher;
use crate::keys::{KeyError, KeyFuture, KeyProvider, Secret, SecretName, WrappedKey};
use crate::random;

const FIRST_KEK: &str = "0001";
/// Numbers have four digits.
const KEK_NUMBER_MAX: u16 = 9_999;
/// A key file is 64 digits and a newline; anything much longer is not one.
const FILE_BYTES_MAX: u64 = 128;

/// What to do about keys that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingKeys {
    /// Make them (the `dev` profile, and the first start of a new installation by explicit command).
    Create,
    /// Refuse to start: a new key in place of a lost one would hide the loss.
    Refuse,
}

/// A [`KeyProvider`] over a directory of files.
pub struct FileKeyProvider {
    directory: PathBuf,
    keks: RwLock<BTreeMap<String, [u8; 32]>>,
    secrets: BTreeMap<&'static str, [u8; 32]>,
}

impl FileKeyProvider {
    /// Reads (or makes, see [`MissingKeys`]) all keys in `directory`.
    ///
    /// # Errors
    /// [`KeyError`] naming the file that is missing, too open or malformed.
    pub fn open(directory: &Path, missing: MissingKeys) -> Result<Self, KeyError> {
        if missing == MissingKeys::Create {
            DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(storage)?;
        }
        let mut keks = read_keks(directory)?;
        if keks.is_empty() {
            let first = load(directory, &kek_file(FIRST_KEK), missing)?;
            keks.insert(FIRST_KEK.to_owned(), first);
        }
        let mut secrets = BTreeMap::new();
        for name in SecretName::ALL {
            secrets
                .insert(name.as_str(), load(directory, &format!("secret-{}.key", name.as_str()), missing)?);
        }
        Ok(Self { directory: directory.to_owned(), keks: RwLock::new(keks), secrets })
    }

    fn wrap_now(&self, plain: &[u8], context: &[u8]) -> Result<WrappedKey, KeyError> {
        let (kek_id, kek) = self.newest()?;
        let bytes = cipher::seal(&kek, &bound(&kek_id, context), plain)?;
        Ok(WrappedKey { kek_id, bytes })
    }

    /// The newest KEK there is. A directory that cannot be listed adds none to those that are known.
    fn newest(&self) -> Result<(String, [u8; 32]), KeyError> {
        let known = || {
            let keks = self.keks.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            keks.last_key_value().map(|(id, key)| (id.clone(), *key))
        };
        let there = kek_ids(&self.directory).unwrap_or_default();
        if there.last() > known().as_ref().map(|(id, _)| id) {
            self.read_again()?;
        }
        known().ok_or_else(|| KeyError::Missing { file: kek_file(FIRST_KEK) })
    }

    fn read_again(&self) -> Result<(), KeyError> {
        let fresh = read_keks(&self.directory)?;
        *self.keks.write().unwrap_or_else(std::sync::PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Of two that do this at once one makes the file, and both use it.
    fn create_now(&self) -> Result<String, KeyError> {
        let (newest, _) = self.newest()?;
        let next = newest.parse::<u16>().ok().and_then(|number| number.checked_add(1));
        let next = next.filter(|number| *number <= KEK_NUMBER_MAX);
        let next =
            next.ok_or(KeyError::Settings { what: "the numbers of key-encryption keys are used up" })?;
        create_key(&self.directory, &kek_file(&format!("{next:04}")))?;
        Ok(self.newest()?.0)
    }

    fn unwrap_now(&self, wrapped: &WrappedKey, context: &[u8]) -> Result<Secret, KeyError> {
        let kek = self.kek(&wrapped.kek_id)?;
        cipher::open(&kek, &bound(&wrapped.kek_id, context), &wrapped.bytes)
            .map(Secret::new)
            .map_err(|_| KeyError::NotOurs)
    }

    fn kek(&self, kek_id: &str) -> Result<[u8; 32], KeyError> {
        let known = |keks: &BTreeMap<String, [u8; 32]>| keks.get(kek_id).copied();
        if let Some(kek) = known(&self.keks.read().unwrap_or_else(std::sync::PoisonError::into_inner)) {
            return Ok(kek);
        }
        self.read_again()?;
        let keks = self.keks.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        known(&keks).ok_or_else(|| KeyError::UnknownKek { kek_id: kek_id.to_owned() })
    }

    fn secret_now(&self, name: SecretName) -> Result<Secret, KeyError> {
        let key = self.secrets.get(name.as_str());
        key.map(|key| Secret::new(key.to_vec()))
            .ok_or_else(|| KeyError::Missing { file: format!("secret-{}.key", name.as_str()) })
    }
}

impl KeyProvider for FileKeyProvider {
    fn wrap<'a>(&'a self, plain: &'a [u8], context: &'a [u8]) -> KeyFuture<'a, WrappedKey> {
        Box::pin(ready(self.wrap_now(plain, context)))
    }

    fn unwrap<'a>(&'a self, wrapped: &'a WrappedKey, context: &'a [u8]) -> KeyFuture<'a, Secret> {
        Box::pin(ready(self.unwrap_now(wrapped, context)))
    }

    fn current_kek(&self) -> KeyFuture<'_, String> {
        Box::pin(ready(self.newest().map(|(id, _)| id)))
    }

    fn create_kek(&self) -> KeyFuture<'_, String> {
        Box::pin(ready(self.create_now()))
    }

    fn is_older_kek<'a>(&'a self, kek_id: &'a str) -> KeyFuture<'a, bool> {
        Box::pin(ready(kek_ids(&self.directory).map(|there| {
            there.contains(kek_id) && there.last().is_some_and(|newest| newest.as_str() > kek_id)
        })))
    }

    fn secret(&self, name: SecretName) -> KeyFuture<'_, Secret> {
        Box::pin(ready(self.secret_now(name)))
    }
}

fn kek_file(kek_id: &str) -> String {
    format!("kek-{kek_id}.key")
}

/// The KEK's own id is bound to what it wraps, so that a row cannot be moved to another key's name.
fn bound(kek_id: &str, context: &[u8]) -> Vec<u8> {
    [b"kek\0", kek_id.as_bytes(), b"\0", context].concat()
}

fn storage(cause: std::io::Error) -> KeyError {
    KeyError::Storage { kind: cause.kind() }
}

fn read_keks(directory: &Path) -> Result<BTreeMap<String, [u8; 32]>, KeyError> {
    let key = |number: String| Ok((number.clone(), read_key(directory, &kek_file(&number))?));
    kek_ids(directory)?.into_iter().map(key).collect()
}

/// The numbers of the KEKs that are there, the oldest first.
fn kek_ids(directory: &Path) -> Result<BTreeSet<String>, KeyError> {
    let entries = match fs::read_dir(directory) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
        other => other.map_err(storage)?,
    };
    let mut numbers = BTreeSet::new();
    for entry in entries {
        let name = entry.map_err(storage)?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("kek-")?.strip_suffix(".key"));
        // Numbers have four digits, so that their order as text is their order.
        let is_number = |n: &&str| n.len() == 4 && n.bytes().all(|b| b.is_ascii_digit());
        numbers.extend(number.filter(is_number).map(str::to_owned));
    }
    Ok(numbers)
}

fn load(directory: &Path, file: &str, missing: MissingKeys) -> Result<[u8; 32], KeyError> {
    match (read_key(directory, file), missing) {
        (Err(KeyError::Missing { .. }), MissingKeys::Create) => {
            create_key(directory, file)?;
            read_key(directory, file)
        }
        (result, _) => result,
    }
}

fn read_key(directory: &Path, file: &str) -> Result<[u8; 32], KeyError> {
    let path = directory.join(file);
    let about = match fs::metadata(&path) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => {
            return Err(KeyError::Missing { file: file.to_owned() });
        }
        other => other.map_err(storage)?,
    };
    if about.permissions().mode() & 0o077 != 0 {
        return Err(KeyError::TooOpen { file: file.to_owned() });
    }
    let malformed = || KeyError::Malformed { file: file.to_owned() };
    if !about.is_file() || about.len() > FILE_BYTES_MAX {
        return Err(malformed());
    }
    let text = fs::read(&path).map_err(storage)?;
    let mut key = [0u8; 32];
    hex::decode_to_slice(text.trim_ascii(), &mut key).map_err(|_| malformed())?;
    Ok(key)
}

/// Makes a key unless one is there. Losing the race to another process is success.
fn create_key(directory: &Path, file: &str) -> Result<(), KeyError> {
    let draft = directory.join(format!(".draft-{}", random::uuid()?.simple()));
    let outcome = write_draft(&draft).and_then(|()| match fs::hard_link(&draft, directory.join(file)) {
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other.map_err(storage),
    });
    let removed = fs::remove_file(&draft).map_err(storage);
    outcome?;
    removed?;
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(storage)
}

fn write_draft(path: &Path) -> Result<(), KeyError> {
    let text = format!("{}\n", hex::encode(random::bytes::<32>()?));
    let mut draft =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(storage)?;
    draft.write_all(text.as_bytes()).and_then(|()| draft.sync_all()).map_err(storage)
}
