//! Keys: key-encryption keys that never touch data, and named secrets for look-ups and codes.
//!
//! A data key is *wrapped* by a key-encryption key (KEK). The wrapped form names its KEK, so several may be in use while
//! one is replaced by the next. The blind-index key and the other named secrets are not KEKs and are stored apart from
//! them, so each can be destroyed alone (compliance D2).
//!
//! [`FileKeyProvider`] serves local use and small installations, [`KmsKeyProvider`] those with a key service: there a KEK
//! never leaves it. Calls are asynchronous for its sake, and plain key material is only ever handed over for as long as a
//! call lasts. How a KEK is replaced is told in [`crate::rotation`].

mod file;
mod kms;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use thiserror::Error;

pub use file::{FileKeyProvider, MissingKeys};
pub use kms::{KmsKeyProvider, KmsSettings};

/// What a call of a [`KeyProvider`] returns.
pub type KeyFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, KeyError>> + Send + 'a>>;

/// Wraps and unwraps data keys, and holds the named secrets.
pub trait KeyProvider: Send + Sync {
    /// Wraps `plain` with the newest KEK. `context` is bound to the result: it must be given again to unwrap.
    fn wrap<'a>(&'a self, plain: &'a [u8], context: &'a [u8]) -> KeyFuture<'a, WrappedKey>;

    /// Gives back what [`KeyProvider::wrap`] was given.
    ///
    /// # Errors
    /// [`KeyError::UnknownKek`] when its KEK is gone, [`KeyError::NotOurs`] when the form or its context was changed.
    fn unwrap<'a>(&'a self, wrapped: &'a WrappedKey, context: &'a [u8]) -> KeyFuture<'a, Secret>;

    /// The id of the newest KEK: what [`KeyProvider::wrap`] uses now, in every process.
    fn current_kek(&self) -> KeyFuture<'_, String>;

    /// Makes a KEK newer than all others, to be used for wrapping from now on; gives its id. Older ones still unwrap.
    fn create_kek(&self) -> KeyFuture<'_, String>;

    /// Whether there is a KEK of this id, and it is older than the newest.
    fn is_older_kek<'a>(&'a self, kek_id: &'a str) -> KeyFuture<'a, bool>;

    /// A named secret of 32 bytes, the same for every process of the installation.
    fn secret(&self, name: SecretName) -> KeyFuture<'_, Secret>;
}

/// The secrets that are not KEKs. Each has one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretName {
    /// Blind index of phones, and of addresses for the sending limits.
    BlindIndex,
    /// HMAC of the codes sent by SMS.
    CodeMac,
    /// Seals phones and texts that belong to no member (code requests, the dev outbox, words of partners).
    CodeSeal,
}

impl SecretName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::BlindIndex, Self::CodeMac, Self::CodeSeal];

    /// Name in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BlindIndex => "blind-index",
            Self::CodeMac => "code-mac",
            Self::CodeSeal => "code-seal",
        }
    }
}

/// Key material or another secret. Shows nothing of itself and cannot be serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes, for the one who uses the secret.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// A wrapped key with the id of the KEK that opens it. Safe to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// Which KEK.
    pub kek_id: String,
    /// The provider's ciphertext.
    pub bytes: Vec<u8>,
}

/// Why a key could not be had.
#[derive(Debug, Error)]
pub enum KeyError {
    /// A key file or directory is missing and may not be created in this profile.
    #[error("the key file {file} is missing")]
    Missing {
        /// File name, without its directory.
        file: String,
    },
    /// A key file is readable by others than its owner.
    #[error("the key file {file} must be readable by its owner alone (mode 0600)")]
    TooOpen {
        /// File name, without its directory.
        file: String,
    },
    /// A key file does not hold 64 hexadecimal digits.
    #[error("the key file {file} does not hold a key of 64 hexadecimal digits")]
    Malformed {
        /// File name, without its directory.
        file: String,
    },
    /// The key directory or a file in it cannot be read or written.
    #[error("the key directory cannot be used ({kind})")]
    Storage {
        /// Class of the failure.
        kind: std::io::ErrorKind,
    },
    /// The KEK a wrapped key names is not here.
    #[error("the key-encryption key {kek_id} is not known")]
    UnknownKek {
        /// The id in the wrapped form.
        kek_id: String,
    },
    /// The wrapped key was changed, or belongs to another context.
    #[error("a wrapped key does not open in its context")]
    NotOurs,
    /// The operating system gives no random bytes, or the cipher refused.
    #[error("no randomness or cipher available")]
    NoRandomness,
    /// The remote key service does not answer, or not in time.
    #[error("the key service is unavailable")]
    Unavailable,
    /// The remote key service refuses: a wrong token, a missing right, a key it does not have.
    #[error("the key service refuses (HTTP status {status})")]
    Refused {
        /// The status it answered with.
        status: u16,
    },
    /// The remote key service answered what a key service does not answer.
    #[error("the answer of the key service cannot be read")]
    Unintelligible,
    /// A setting of the key service that cannot be.
    #[error("{what}")]
    Settings {
        /// What is wrong, without its value.
        what: &'static str,
    },
}

impl KeyError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable => true,
            Self::Missing { .. }
            | Self::TooOpen { .. }
            | Self::Malformed { .. }
            | Self::Storage { .. }
            | Self::UnknownKek { .. }
            | Self::NotOurs
            | Self::NoRandomness
            | Self::Refused { .. }
            | Self::Unintelligible
            | Self::Settings { .. } => false,
        }
    }
}
