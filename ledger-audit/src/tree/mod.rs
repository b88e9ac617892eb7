//! The Merkle tree of RFC 6962 and its proofs (RFC 9162), written from the text of the RFCs alone.
//!
//! The service seals with another implementation: two programs that agree on a root and on every proof of it have one tree.
//! The leaf of position *p* has the index *p* − 1; it is hashed where the row is (design L7), so a tree here is made of leaf
//! hashes.
//!
//! Bounds: [`Frontier`] holds one hash for each bit of the size; proofs are made of all leaf hashes, 32 bytes each.

mod proof;

pub use proof::{BadProof, consistency, inclusion, verify_consistency, verify_inclusion};

use sha2::{Digest, Sha256};

/// A hash of the tree.
pub type Hash = [u8; 32];

/// The hash of a leaf that says `data`: SHA-256(0x00 ‖ data).
#[must_use]
pub fn leaf(data: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update([0_u8]);
    hash.update(data);
    hash.finalize().into()
}

/// The hash of two subtrees: SHA-256(0x01 ‖ left ‖ right).
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let mut hash = Sha256::new();
    hash.update([1_u8]);
    hash.update(left);
    hash.update(right);
    hash.finalize().into()
}

/// The root of the empty tree: SHA-256 of nothing.
#[must_use]
pub fn empty() -> Hash {
    Sha256::digest([]).into()
}

/// A tree that only grows: the roots of its full subtrees, the largest first.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    size: u64,
    full: Vec<Hash>,
}

impl Frontier {
    /// How many leaves it has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each trailing one of the size is a full subtree that the new leaf completes into a larger one.
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.full.pop() else { break };
            hash = node(&left, &hash);
        }
        self.full.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut smaller = self.full.iter().rev();
        let Some(last) = smaller.next() else { return empty() };
        smaller.fold(*last, |right, left| node(left, &right))
    }
}
