//! Opaque random tokens: refresh tokens and API keys. 256 random bits, shown once, stored as SHA-256.
//!
//! A plain hash is enough, as there is nothing to guess: the tokens are not chosen by people.

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::index::to_array;
use crate::keys::KeyError;
use crate::random;

/// A token in the clear, to be handed to its owner once.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretToken(String);

impl SecretToken {
    /// A fresh token behind a prefix that says what it is.
    pub(super) fn generate(prefix: &str) -> Result<Self, KeyError> {
        Ok(Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random::bytes::<32>()?))))
    }

    /// The token.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretToken(***)")
    }
}

/// SHA-256 of a token: what is stored and looked up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Hash of a token as it came in.
    pub fn of(token: &str) -> Self {
        Self(to_array(digest::digest(&digest::SHA256, token.as_bytes()).as_ref()))
    }

    pub(super) fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(***)")
    }
}
