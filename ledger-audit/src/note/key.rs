//! Keys of notes: who may have signed. C2SP signed-note "Verifier keys", tlog-cosignature.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::{Signature, is_name};

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Notes: the log's own key (0x01).
    Log,
    /// What a witness saw, and when (0x04).
    Witness,
}

impl KeyKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Log => 1,
            Self::Witness => 4,
        }
    }
}

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key line such as `own-circle/…+1a2b3c4d+AQ…` (name+id+base64): {0}")]
pub struct NotAKey(&'static str);

/// The public part of a key, under its name.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    public: [u8; 32],
}

impl VerifierKey {
    /// The key of `name` with this public part.
    ///
    /// # Errors
    /// [`NotAKey`] for what no key may be called.
    pub fn new(name: &str, kind: KeyKind, public: [u8; 32]) -> Result<Self, NotAKey> {
        let name = is_name(name).then(|| name.to_owned());
        Ok(Self { name: name.ok_or(NotAKey("its name is empty or has a space"))?, kind, public })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its public part.
    #[must_use]
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// What it signs.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// SHA-256(name ‖ newline ‖ kind ‖ public part), the first four bytes.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let mut hash = Sha256::new();
        hash.update(self.name.as_bytes());
        hash.update([b'\n', self.kind.byte()]);
        hash.update(self.public);
        let [a, b, c, d, ..]: [u8; 32] = hash.finalize().into();
        [a, b, c, d]
    }

    /// How a signature line names it: `name+id`.
    #[must_use]
    pub fn named(&self) -> String {
        format!("{}+{}", self.name, hex::encode(self.id()))
    }

    /// Whether `signature` is of `text` by this key.
    #[must_use]
    pub fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.public);
        match self.kind {
            KeyKind::Log => key.verify(text.as_bytes(), signature).is_ok(),
            KeyKind::Witness => signature.split_first_chunk::<8>().is_some_and(|(at, signature)| {
                key.verify(cosigned(u64::from_be_bytes(*at), text).as_bytes(), signature).is_ok()
            }),
        }
    }
}

/// What a witness signs: what it saw, and when.
fn cosigned(at: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {at}\n{text}")
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.kind.byte()];
        bytes.extend(self.public);
        write!(f, "{}+{}", self.named(), STANDARD.encode(bytes))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The name, the id and the bytes of a key line.
fn parts(line: &str) -> Result<(&str, &str, KeyKind, [u8; 32]), NotAKey> {
    let mut parts = line.splitn(3, '+');
    let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NotAKey("it does not have three parts"));
    };
    let bytes = STANDARD.decode(encoded).map_err(|_| NotAKey("its third part is not base64"))?;
    let (kind, bytes) = match bytes.split_first() {
        Some((1, bytes)) => (KeyKind::Log, bytes),
        Some((4, bytes)) => (KeyKind::Witness, bytes),
        Some(_) | None => return Err(NotAKey("it is neither an Ed25519 key of a log nor of a witness")),
    };
    let bytes = bytes.try_into().map_err(|_| NotAKey("an Ed25519 key has 32 bytes"))?;
    Ok((name, id, kind, bytes))
}

impl FromStr for VerifierKey {
    type Err = NotAKey;

    fn from_str(line: &str) -> Result<Self, NotAKey> {
        let (name, id, kind, public) = parts(line)?;
        let key = Self::new(name, kind, public)?;
        if hex::encode(key.id()) == id { Ok(key) } else { Err(NotAKey("its id is not that of its bytes")) }
    }
}

/// A key that signs. Its form on disk: `PRIVATE+KEY+name+id+base64`, as Go's `note` writes it.
pub struct SignerKey {
    verifier: VerifierKey,
    pair: Ed25519KeyPair,
    seed: [u8; 32],
}

impl SignerKey {
    /// The key of `name` that follows from `seed`.
    ///
    /// # Errors
    /// [`NotAKey`] for what no key may be called.
    pub fn from_seed(name: &str, kind: KeyKind, seed: [u8; 32]) -> Result<Self, NotAKey> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| NotAKey("not a seed"))?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| NotAKey("not 32 bytes"))?;
        Ok(Self { verifier: VerifierKey::new(name, kind, public)?, pair, seed })
    }

    /// A new key of `name`.
    ///
    /// # Errors
    /// [`NotAKey`] for what no key may be called, and when the machine has no randomness.
    pub fn generate(name: &str, kind: KeyKind) -> Result<Self, NotAKey> {
        let mut seed = [0; 32];
        aws_lc_rs::rand::fill(&mut seed).map_err(|_| NotAKey("the machine gives no randomness"))?;
        Self::from_seed(name, kind, seed)
    }

    /// Its public part.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The line for its file. A secret.
    #[must_use]
    pub fn private_line(&self) -> String {
        let mut bytes = vec![self.verifier.kind.byte()];
        bytes.extend(self.seed);
        let id = hex::encode(self.verifier.id());
        format!("PRIVATE+KEY+{}+{id}+{}", self.verifier.name, STANDARD.encode(bytes))
    }

    /// Signs `text`; `at`, in seconds since 1970, is what a witness says besides.
    #[must_use]
    pub fn sign(&self, text: &str, at: u64) -> Signature {
        let bytes = match self.verifier.kind {
            KeyKind::Log => self.pair.sign(text.as_bytes()).as_ref().to_vec(),
            KeyKind::Witness => {
                let signature = self.pair.sign(cosigned(at, text).as_bytes());
                [&at.to_be_bytes(), signature.as_ref()].concat()
            }
        };
        Signature { name: self.verifier.name.clone(), key_id: self.verifier.id(), bytes }
    }
}

impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the secret.
        f.debug_struct("SignerKey").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

impl FromStr for SignerKey {
    type Err = NotAKey;

    fn from_str(line: &str) -> Result<Self, NotAKey> {
        let line = line.strip_prefix("PRIVATE+KEY+").ok_or(NotAKey("it is not a private key"))?;
        let (name, id, kind, seed) = parts(line)?;
        let key = Self::from_seed(name, kind, seed)?;
        let is_its = hex::encode(key.verifier.id()) == id;
        if is_its { Ok(key) } else { Err(NotAKey("its id is not that of its bytes")) }
    }
}
