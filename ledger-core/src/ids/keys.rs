//! Keyed hashes: of a document, and of the system that sent it. Rules D1, D2, D5.

use std::fmt;

use serde::{Deserialize, Serialize};

/// HMAC-SHA-256 of (business, source system, external id): the natural key of a purchase. Rule D1, design L4.
///
/// The partner's own number never stands on the log: through the partner it would lead to a person.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String", extend("pattern" = r"^[0-9a-f]{64}$")))]
pub struct NaturalKey([u8; 32]);

/// A text that is not as many lower-case hexadecimal digits as a key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the hexadecimal digits of a key")]
pub struct NotAKey;

impl NaturalKey {
    /// The key with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key of a later revision of the document: another for each, next to the document's own, so that all are found
    /// by one range. Rule D2.
    #[must_use]
    pub fn of_revision(&self, revision: u32) -> [u8; 32] {
        let mut key = self.0;
        for (byte, of_revision) in key.iter_mut().skip(REVISION_BYTES_FROM).zip(revision.to_be_bytes()) {
            *byte ^= of_revision;
        }
        key
    }
}

/// Where in a key the four bytes begin in which the revisions of one document differ.
const REVISION_BYTES_FROM: usize = 28;

/// The keys, from the first to the last, among which those of all revisions of the document with this key are.
#[must_use]
pub fn revisions_of(key: &[u8; 32]) -> ([u8; 32], [u8; 32]) {
    let (mut first, mut last) = (*key, *key);
    for (low, high) in first.iter_mut().zip(&mut last).skip(REVISION_BYTES_FROM) {
        (*low, *high) = (0, u8::MAX);
    }
    (first, last)
}

impl TryFrom<String> for NaturalKey {
    type Error = NotAKey;

    fn try_from(text: String) -> Result<Self, NotAKey> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(NotAKey);
        }
        let mut bytes = [0_u8; 32];
        hex::decode_to_slice(&text, &mut bytes).map_err(|_| NotAKey)?;
        Ok(Self(bytes))
    }
}

impl From<NaturalKey> for String {
    fn from(key: NaturalKey) -> Self {
        hex::encode(key.0)
    }
}

impl fmt::Debug for NaturalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NaturalKey({})", hex::encode(self.0))
    }
}

/// Which of a business's systems sent a document: the first bytes of a keyed hash, as a system's name is a partner's own text.
/// Rule D5.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String", extend("pattern" = r"^[0-9a-f]{16}$")))]
pub struct SourceKey([u8; 8]);

impl SourceKey {
    /// The key with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
}

impl TryFrom<String> for SourceKey {
    type Error = NotAKey;

    fn try_from(text: String) -> Result<Self, NotAKey> {
        let mut bytes = [0_u8; 8];
        hex::decode_to_slice(&text, &mut bytes).map_err(|_| NotAKey)?;
        if hex::encode(bytes) == text { Ok(Self(bytes)) } else { Err(NotAKey) }
    }
}

impl From<SourceKey> for String {
    fn from(key: SourceKey) -> Self {
        hex::encode(key.0)
    }
}

impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceKey({self})")
    }
}
