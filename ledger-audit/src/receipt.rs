//! What proves one event without asking anybody: the event, its place, the path to a signed root. C2SP tlog-proof.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ledger_core::log::Row;
use ledger_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::note::{Checkpoint, Note, VerifierKey};
use crate::tree::{Hash, leaf, verify_inclusion};

/// The first line of a proof as a text.
const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// A receipt, as the service gives it and as [`crate::prove`] makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The event's place on the log, from 1.
    pub position: u64,
    /// Its place in the tree, from 0.
    pub index: u64,
    /// How many events the tree has.
    pub tree_size: u64,
    /// The event's canonical JSON, to be hashed byte by byte.
    pub event: String,
    /// Its hash, hexadecimal.
    pub leaf_hash: String,
    /// From the leaf's sibling up to the root's child, in base64.
    pub path: Vec<String>,
    /// The checkpoint.
    pub checkpoint: String,
    /// Index, path and checkpoint as one text.
    pub proof: String,
    /// The keys that the log says it signs with.
    #[serde(default)]
    pub keys: Vec<ListedKey>,
}

/// A key as a receipt lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedKey {
    /// `name+id+base64`.
    pub verifier: String,
    /// From when it signs.
    pub valid_from: Timestamp,
    /// Until when.
    #[serde(default)]
    pub valid_until: Option<Timestamp>,
}

/// Why a receipt proves nothing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadReceipt(String);

impl BadReceipt {
    fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// What a receipt proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proved {
    /// The position.
    pub position: u64,
    /// The size of the signed tree.
    pub size: u64,
    /// Who signed.
    pub signed_by: Vec<String>,
    /// What the event is.
    pub event_type: String,
    /// When it happened.
    pub occurred_at: Timestamp,
}

impl Receipt {
    /// Reads a receipt, with the service's envelope around it or without.
    ///
    /// # Errors
    /// [`BadReceipt`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BadReceipt> {
        #[derive(Deserialize)]
        struct Envelope {
            data: Receipt,
        }
        let plain: Result<Self, _> = serde_json::from_slice(bytes);
        plain
            .or_else(|error| serde_json::from_slice(bytes).map(|Envelope { data }| data).map_err(|_| error))
            .map_err(|error| BadReceipt(format!("this is no receipt: {error}")))
    }

    /// Checks it against `keys`: those of the log, and of witnesses if their cosignatures shall be there too.
    ///
    /// # Errors
    /// [`BadReceipt`] says what does not hold.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Proved, BadReceipt> {
        let note = Note::parse(self.checkpoint.as_bytes()).map_err(BadReceipt::of)?;
        let signers = note.signed_by(keys).map_err(BadReceipt::of)?;
        let checkpoint = Checkpoint::parse(&note.text).map_err(BadReceipt::of)?;
        if !signers.iter().any(|key| key.name() == checkpoint.origin) {
            return Err(BadReceipt("no key of the log itself has signed the checkpoint".to_owned()));
        }
        let hash = leaf(self.event.as_bytes());
        if hex::encode(hash) != self.leaf_hash {
            return Err(BadReceipt("the event does not hash to the leaf hash beside it".to_owned()));
        }
        let path = hashes(&self.path).ok_or_else(|| BadReceipt("a hash of the path is none".to_owned()))?;
        let written = proof_text(self.index, &path, &self.checkpoint);
        if self.tree_size != checkpoint.size
            || self.index.checked_add(1) != Some(self.position)
            || self.proof != written
        {
            return Err(BadReceipt("position, index, size and proof do not say the same".to_owned()));
        }
        verify_inclusion(self.index, checkpoint.size, &hash, &path, &checkpoint.root)
            .map_err(BadReceipt::of)?;
        let row: Row = serde_json::from_slice(self.event.as_bytes()).map_err(BadReceipt::of)?;
        let is_there = u64::try_from(row.position) == Ok(self.position);
        if !is_there || row.canonical_json().ok().as_deref() != Some(self.event.as_bytes()) {
            return Err(BadReceipt(
                "the event is of another position, or not in its canonical form".to_owned(),
            ));
        }
        Ok(Proved {
            position: self.position,
            size: checkpoint.size,
            signed_by: signers.iter().map(|key| key.name().to_owned()).collect(),
            event_type: row.event_type,
            occurred_at: row.occurred_at,
        })
    }
}

/// The hashes of base64 texts, of 32 bytes each.
#[must_use]
pub fn hashes(texts: &[String]) -> Option<Vec<Hash>> {
    texts.iter().map(|text| STANDARD.decode(text).ok()?.try_into().ok()).collect()
}

/// The proof as a text. C2SP tlog-proof.
#[must_use]
pub fn proof_text(index: u64, path: &[Hash], checkpoint: &str) -> String {
    let hashes: String = path.iter().map(|hash| format!("{}\n", STANDARD.encode(hash))).collect();
    format!("{FIRST_LINE}\nindex {index}\n{hashes}\n{checkpoint}")
}
