//! Proofs that an event is on the log, and that the log only grew. Design L7, L8.
//!
//! Hashes of the tree are in base64 as in checkpoints; leaf hashes in hexadecimal as in the records of Kafka.

use ledger_core::log::{LeafHash, Position};
use serde::Serialize;
use utoipa::ToSchema;

use crate::json::{self, Fields};

/// The longest line of a witness: a name of 255 characters, and 76 bytes in base64.
const COSIGNATURE_CHARS_MAX: usize = 512;

/// What a witness says of a checkpoint.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cosign {
    /// How many events the checkpoint is of.
    pub(crate) tree_size: u32,
    /// The witness's line of the signed note, `— name base64`.
    #[schema(max_length = 512)]
    pub(crate) cosignature: String,
}

impl Cosign {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let tree_size = fields.required("tree_size", json::integer(1, u32::MAX));
        let cosignature = fields.required("cosignature", json::text(COSIGNATURE_CHARS_MAX));
        Some(Self { tree_size: tree_size?, cosignature: cosignature? })
    }
}

/// A cosignature is kept.
#[derive(Serialize, ToSchema)]
pub(crate) struct Cosigned {
    /// How many events the checkpoint is of.
    pub(crate) tree_size: u32,
    /// Whose it is.
    pub(crate) witness: String,
    /// True when one of this witness was kept before, which stays.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// That an event is on the log. RFC 9162, 2.1.3.
#[derive(Serialize, ToSchema)]
pub(crate) struct InclusionProof {
    /// The event's place on the log, from 1.
    pub(crate) position: Position,
    /// Its place in the tree, from 0: `position` - 1.
    pub(crate) index: u64,
    /// How many events the tree has.
    pub(crate) tree_size: u64,
    /// SHA-256 of 0x00 and the event's canonical JSON, 64 hexadecimal digits.
    #[schema(value_type = String)]
    pub(crate) leaf_hash: LeafHash,
    /// From the leaf's sibling up to the root's child, each in base64.
    pub(crate) path: Vec<String>,
    /// The root that the path leads to, in base64.
    pub(crate) root: String,
    /// The checkpoint of this size, a signed note; null when none was signed of just this size.
    pub(crate) checkpoint: Option<String>,
}

/// That a tree is the beginning of another. RFC 9162, 2.1.4.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConsistencyProof {
    /// How many events the smaller tree has.
    pub(crate) from: u64,
    /// How many the larger.
    pub(crate) to: u64,
    /// The root of the smaller, in base64.
    pub(crate) from_root: String,
    /// The root of the larger, in base64.
    pub(crate) to_root: String,
    /// The proof's hashes in their order, each in base64.
    pub(crate) path: Vec<String>,
}

/// Events as they are hashed.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditEvents {
    /// In the order of the log.
    pub(crate) items: Vec<AuditEvent>,
    /// Where the next page begins; null at the end of the log.
    pub(crate) next_from: Option<Position>,
}

/// An event as it is hashed.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditEvent {
    /// Its place on the log.
    pub(crate) position: Position,
    /// Its canonical JSON (RFC 8785) as a text, to be hashed byte by byte.
    pub(crate) event: String,
    /// The hash that stands beside it on the log, 64 hexadecimal digits.
    #[schema(value_type = String)]
    pub(crate) leaf_hash: LeafHash,
}

/// What proves an event of a member's history, without asking anybody: the event, its path, a checkpoint.
#[derive(Serialize, ToSchema)]
pub(crate) struct TransactionReceipt {
    /// The event's place on the log, from 1.
    pub(crate) position: Position,
    /// Its place in the tree, from 0.
    pub(crate) index: u64,
    /// How many events the tree has.
    pub(crate) tree_size: u64,
    /// The event's canonical JSON (RFC 8785) as a text, to be hashed byte by byte.
    pub(crate) event: String,
    /// SHA-256 of 0x00 and that text, 64 hexadecimal digits.
    #[schema(value_type = String)]
    pub(crate) leaf_hash: LeafHash,
    /// From the leaf's sibling up to the root's child, each in base64.
    pub(crate) path: Vec<String>,
    /// The checkpoint: a signed note.
    pub(crate) checkpoint: String,
    /// Index, path and checkpoint once more as one text (C2SP tlog-proof), for programs that take it.
    pub(crate) proof: String,
    /// The keys that checkpoints are signed with, oldest first. Who does not believe this service learns them elsewhere.
    pub(crate) keys: Vec<SealKey>,
}

/// A key that checkpoints are signed with.
#[derive(Serialize, ToSchema)]
pub(crate) struct SealKey {
    /// `name+number+base64`, as verifiers of signed notes take it.
    pub(crate) verifier: String,
    /// From when it signs (RFC 3339).
    #[schema(value_type = String)]
    pub(crate) valid_from: ledger_core::time::Timestamp,
    /// Until when; null: until another one takes over.
    #[schema(value_type = Option<String>)]
    pub(crate) valid_until: Option<ledger_core::time::Timestamp>,
}
