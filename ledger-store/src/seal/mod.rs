//! What proves the log: the Merkle tree over its leaf hashes and its signed heads. Design L7–L9, RFC 6962/9162, C2SP
//! tlog-tiles, tlog-checkpoint, tlog-cosignature and signed-note.
//!
//! `projectors seal` writes, `ledger-api` reads; both take what is stored for what it is, a claim: whatever is read of
//! tiles is held against the root that was signed before anything follows from it.
//!
//! | file | what |
//! |---|---|
//! | `frontier.rs` | the right edge of the tree, which grows |
//! | `tree.rs` | a tree of tiles, and proofs from it |
//! | `note.rs` | the signed text of a checkpoint |
//! | `keys.rs` | the keys, and when they are in force |
//! | `checkpoint.rs` | checkpoints in the database; the edge of the newest one's tree |
//! | `witness.rs` | what witnesses say of checkpoints |

mod checkpoint;
mod frontier;
mod keys;
mod note;
mod tree;
mod witness;

pub use checkpoint::{Checkpoint, Sealed, at_least, newest, sealed};
pub use frontier::{Frontier, FullTile, TILE_WIDTH};
pub use keys::{SealKey, keys};
pub use note::{NotSigned, origin, sign, text, verify};
pub use tlog_tiles::tlog::Hash;
pub use tree::{Inclusion, Roots, Tree};
pub use witness::{Cosignature, NoWitnessKey, WitnessKey, cosignatures, newest_cosigned};

use ledger_core::log::Position;

/// The index in the tree of what stands at `position`: positions count from 1, leaves from 0. The one place that says so.
/// `None` for what is no position.
#[must_use]
pub fn leaf_index(position: Position) -> Option<u64> {
    u64::try_from(position).ok()?.checked_sub(1)
}
