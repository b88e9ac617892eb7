//! A log to take away: events, checkpoints and keys as files, so that it can be verified without the service.
//!
//! | file | what |
//! |---|---|
//! | `manifest.json` | which log, how many events, what the other files are to be: bytes and SHA-256 |
//! | `keys.ndjson` | one verifier key a line, with the moments from and until which it signs |
//! | `checkpoints.ndjson` | one signed note a line, the smallest first, with the moment at which it was sealed; under the log's signature the cosignatures of witnesses that were handed in |
//! | `events.ndjson` | one event a line, in order: the canonical bytes that are hashed, then the leaf hash (design L7) |
//!
//! A line of events is `{"event":…,"leaf_hash":"…"}` with nothing between, and the event's bytes are the very ones that are
//! hashed: who has no program of ours can cut them out and hash them.
//!
//! A bundle is a folder, or the same as a `.tar.zst`. Its manifest is not signed: it tells a copy that was cut short, not a
//! forger, whom the checkpoints tell.

mod archive;
mod read;
mod write;

pub use read::{Bundle, Lines, Notes};
pub use write::{Writer, pack};

use std::collections::BTreeMap;

use ledger_core::ids::LogId;
use ledger_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What this program writes and reads.
pub const FORMAT: &str = "own-circle-audit-bundle/1";

/// The name of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// The name of the file of keys.
pub const KEYS: &str = "keys.ndjson";
/// The name of the file of checkpoints.
pub const CHECKPOINTS: &str = "checkpoints.ndjson";
/// The name of the file of events.
pub const EVENTS: &str = "events.ndjson";

/// The files beside the manifest.
pub const FILES: [&str; 3] = [KEYS, CHECKPOINTS, EVENTS];

/// The longest line that is read: no event of ours comes near it.
pub const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a line of events begins with.
pub const EVENT_BEGINS: &[u8] = b"{\"event\":";
/// What stands between the event and its hash.
pub const HASH_BEGINS: &[u8] = b",\"leaf_hash\":\"";
/// What a line of events ends with.
pub const HASH_ENDS: &[u8] = b"\"}";

/// What a bundle says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// Which log.
    pub log_id: LogId,
    /// The newest position, as the log's head says; so many events there are.
    pub size: u64,
    /// When it was taken.
    pub exported_at: Timestamp,
    /// The other files.
    pub files: BTreeMap<String, Digest>,
}

/// What a file is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    /// How long.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// A line of `keys.ndjson`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyLine {
    /// `name+id+base64`, as C2SP writes a verifier key.
    pub key: String,
    /// The first moment at which it signs.
    pub valid_from: Timestamp,
    /// The first moment at which it no longer does; none for a key in use.
    pub valid_until: Option<Timestamp>,
}

/// A line of `checkpoints.ndjson`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointLine {
    /// The signed note, with the cosignatures of witnesses.
    pub note: String,
    /// When the log says that it was sealed. Not signed.
    pub sealed_at: Timestamp,
    /// The size that it is kept under.
    pub size: u64,
}

/// The origin of the checkpoints of a log.
#[must_use]
pub fn origin(log_id: LogId) -> String {
    format!("{}{}", crate::note::Checkpoint::ORIGIN, log_id.as_uuid())
}

/// A line of events, with its newline.
#[must_use]
pub fn event_line(canonical: &[u8], leaf_hash: &[u8; 32]) -> Vec<u8> {
    let hash = hex::encode(leaf_hash);
    [EVENT_BEGINS, canonical, HASH_BEGINS, hash.as_bytes(), HASH_ENDS, b"\n"].concat()
}
