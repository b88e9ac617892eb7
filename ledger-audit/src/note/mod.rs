//! Signed notes, checkpoints and cosignatures (C2SP signed-note, tlog-checkpoint, tlog-cosignature), written from their texts.
//!
//! Stricter than a reader must be, as an auditor may: a note of ours has each key's signature once, at most
//! [`SIGNATURES_MAX`] of them, and no control characters.

mod checkpoint;
mod key;

pub use checkpoint::{Checkpoint, NotACheckpoint};
pub use key::{KeyKind, NotAKey, SignerKey, VerifierKey};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The largest note that is looked at.
pub const NOTE_BYTES_MAX: usize = 256 * 1024;

/// The most signatures that a note may have.
pub const SIGNATURES_MAX: usize = 100;

/// Why a text is no signed note, or not one to believe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadNote {
    /// Larger than [`NOTE_BYTES_MAX`].
    #[error("the note has {0} bytes; none that is looked at has more than {NOTE_BYTES_MAX}")]
    TooLarge(usize),
    /// Not UTF-8, or a control character such as a carriage return.
    #[error("the note has a character that no note may have (byte {0})")]
    Character(usize),
    /// Not a text, an empty line and signature lines.
    #[error("the note is not a text, an empty line and signature lines: {0}")]
    Form(&'static str),
    /// More than [`SIGNATURES_MAX`].
    #[error("the note has {0} signatures; none that is looked at has more than {SIGNATURES_MAX}")]
    TooManySignatures(usize),
    /// Two signatures of one key.
    #[error("the note has two signatures of the key `{0}`")]
    SignedTwice(String),
    /// A known key's signature does not fit the text.
    #[error("the signature of the key `{0}` is not of this text")]
    WrongSignature(String),
    /// Nobody known has signed it.
    #[error("no known key has signed the note; its signatures name {0}")]
    UnknownKey(String),
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Who, by the line.
    pub name: String,
    /// Which key of that name, by the line.
    pub key_id: [u8; 4],
    /// The signature itself.
    pub bytes: Vec<u8>,
}

/// A note as it is written, not yet believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What is signed, with its last newline.
    pub text: String,
    /// By whom.
    pub signatures: Vec<Signature>,
}

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    /// [`BadNote`] for what has no form of a note.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadNote> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(BadNote::TooLarge(bytes.len()));
        }
        let note = std::str::from_utf8(bytes).map_err(|error| BadNote::Character(error.valid_up_to()))?;
        if let Some(at) = note.bytes().position(|byte| byte < 0x20 && byte != b'\n') {
            return Err(BadNote::Character(at));
        }
        let split = note.rfind("\n\n").ok_or(BadNote::Form("there is no empty line"))?;
        let (text, signatures) = (&note[..=split], &note[split + 2..]);
        let Some(lines) = signatures.strip_suffix('\n') else {
            return Err(BadNote::Form("its last line does not end, or there is no signature"));
        };
        let count = lines.split('\n').count();
        if count > SIGNATURES_MAX {
            return Err(BadNote::TooManySignatures(count));
        }
        let signatures = lines.split('\n').map(Signature::parse).collect::<Option<_>>();
        let signatures = signatures.ok_or(BadNote::Form("a signature line is not one"))?;
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The keys of `known` that have signed it: at least one.
    ///
    /// # Errors
    /// [`BadNote`] when nobody known has, one of them has signed something else, or has signed twice.
    pub fn signed_by<'a>(&self, known: &'a [VerifierKey]) -> Result<Vec<&'a VerifierKey>, BadNote> {
        let signers = self.signers(known)?;
        if signers.is_empty() {
            let named: Vec<String> = self.signatures.iter().map(Signature::named).collect();
            return Err(BadNote::UnknownKey(named.join(", ")));
        }
        Ok(signers)
    }

    /// The keys of `known` that have signed it; none of them need have.
    ///
    /// # Errors
    /// [`BadNote`] when one of them has signed something else, or has signed twice.
    pub fn signers<'a>(&self, known: &'a [VerifierKey]) -> Result<Vec<&'a VerifierKey>, BadNote> {
        let mut signers: Vec<&VerifierKey> = Vec::new();
        for signature in &self.signatures {
            let Some(key) = known.iter().find(|key| signature.is_of(key)) else { continue };
            if signers.iter().any(|seen| signature.is_of(seen)) {
                return Err(BadNote::SignedTwice(signature.name.clone()));
            }
            if !key.verifies(&self.text, &signature.bytes) {
                return Err(BadNote::WrongSignature(signature.name.clone()));
            }
            signers.push(key);
        }
        Ok(signers)
    }
}

impl Signature {
    /// Reads a line of a note, without its newline; `None` for what is no such line.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
        if !is_name(name) {
            return None;
        }
        let bytes = STANDARD.decode(encoded).ok()?;
        let (key_id, bytes) = bytes.split_first_chunk::<4>()?;
        (!bytes.is_empty()).then(|| Self { name: name.to_owned(), key_id: *key_id, bytes: bytes.to_vec() })
    }

    /// Which key it names: `name+id`.
    #[must_use]
    pub fn named(&self) -> String {
        format!("{}+{}", self.name, hex::encode(self.key_id))
    }

    /// Whether it names `key`; what it is of is another question.
    #[must_use]
    pub fn is_of(&self, key: &VerifierKey) -> bool {
        self.name == key.name() && self.key_id == key.id()
    }

    /// When a witness says that it saw what it cosigns, in seconds since 1970; of a log's signature it says nothing.
    #[must_use]
    pub fn seen_at(&self) -> Option<u64> {
        self.bytes.split_first_chunk::<8>().map(|(at, _)| u64::from_be_bytes(*at))
    }

    /// The line of a note.
    #[must_use]
    pub fn line(&self) -> String {
        let mut bytes = self.key_id.to_vec();
        bytes.extend(&self.bytes);
        format!("— {} {}\n", self.name, STANDARD.encode(bytes))
    }
}

/// Whether a key may be called so.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('+') && !name.contains(char::is_whitespace)
}

/// A note of `text` with one signature, as the service writes it.
#[must_use]
pub fn written(text: &str, signatures: &[Signature]) -> String {
    let lines: String = signatures.iter().map(Signature::line).collect();
    format!("{text}\n{lines}")
}
