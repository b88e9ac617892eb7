//! Inclusion and consistency proofs. RFC 9162, sections 2.1.3 and 2.1.4.
//!
//! A proof is checked to its last hash: one hash more or less than the sizes ask for is refused, whatever root it leads to.

use super::{Hash, empty, node};

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadProof {
    /// There is no such leaf in a tree of that size.
    #[error("there is no leaf {index} in a tree of {size}")]
    Outside {
        /// The leaf, from 0.
        index: u64,
        /// The size.
        size: u64,
    },
    /// The older tree is said to be larger.
    #[error("a tree of {second} cannot follow one of {first}")]
    Reversed {
        /// The older size.
        first: u64,
        /// The newer size.
        second: u64,
    },
    /// It has more or fewer hashes than the sizes ask for.
    #[error("the proof has {found} hashes, which is not what trees of these sizes ask for")]
    Length {
        /// How many it has.
        found: usize,
    },
    /// It leads to another root.
    #[error("the proof leads to another root than the one that was signed")]
    OtherRoot,
    /// It leads to another root of the older tree.
    #[error("the proof leads to another root of the older tree than the one that was signed")]
    OtherOldRoot,
}

/// Checks that the leaf with hash `leaf` stands at `index` of the tree of `size` leaves with `root`.
///
/// # Errors
/// [`BadProof`].
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: &Hash,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), BadProof> {
    let length = BadProof::Length { found: proof.len() };
    if index >= size {
        return Err(BadProof::Outside { index, size });
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for other in proof {
        if last == 0 {
            return Err(length);
        }
        if at & 1 == 1 || at == last {
            hash = node(other, &hash);
            (at, last) = up_to_a_right_child(at, last);
        } else {
            hash = node(&hash, other);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    if last != 0 {
        return Err(length);
    }
    if hash == *root { Ok(()) } else { Err(BadProof::OtherRoot) }
}

/// Checks that the tree of `second` leaves with root `second_root` begins with that of `first` leaves with root
/// `first_root`.
///
/// # Errors
/// [`BadProof`].
pub fn verify_consistency(
    first: u64,
    second: u64,
    first_root: &Hash,
    second_root: &Hash,
    proof: &[Hash],
) -> Result<(), BadProof> {
    let length = BadProof::Length { found: proof.len() };
    if first > second {
        return Err(BadProof::Reversed { first, second });
    }
    if first == 0 || first == second {
        return match (proof.is_empty(), first) {
            (false, _) => Err(length),
            (true, 0) if *first_root != empty() => Err(BadProof::OtherOldRoot),
            (true, 0) if second != 0 => Ok(()),
            (true, _) if first_root == second_root => Ok(()),
            (true, _) => Err(BadProof::OtherRoot),
        };
    }
    // A full older tree is a node of the newer one, and the proof need not repeat it.
    let (start, rest) =
        if first.is_power_of_two() { (first_root, proof) } else { proof.split_first().ok_or(length)? };
    let (mut at, mut last) = (first - 1, second - 1);
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    let (mut old, mut new) = (*start, *start);
    for other in rest {
        if last == 0 {
            return Err(length);
        }
        if at & 1 == 1 || at == last {
            old = node(other, &old);
            new = node(other, &new);
            (at, last) = up_to_a_right_child(at, last);
        } else {
            new = node(&new, other);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    if last != 0 {
        return Err(length);
    }
    if old != *first_root {
        return Err(BadProof::OtherOldRoot);
    }
    if new == *second_root { Ok(()) } else { Err(BadProof::OtherRoot) }
}

/// From a node without a sibling up to the first that is a right child, or to the root.
const fn up_to_a_right_child(mut at: u64, mut last: u64) -> (u64, u64) {
    while at & 1 == 0 && at != 0 {
        at >>= 1;
        last >>= 1;
    }
    (at, last)
}

/// The root of the tree of `leaves`. RFC 6962, 2.1.
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = halves(leaves);
            node(&root(left), &root(right))
        }
    }
}

/// The largest full subtree on the left that is not all, and the rest.
fn halves(leaves: &[Hash]) -> (&[Hash], &[Hash]) {
    leaves.split_at(leaves.len().next_power_of_two() / 2)
}

/// The proof that the leaf at `index` is in the tree of `leaves`; `None` when it is not.
#[must_use]
pub fn inclusion(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    if leaves.len() == 1 {
        return Some(Vec::new());
    }
    let (left, right) = halves(leaves);
    let (mut proof, other) = match index.checked_sub(left.len()) {
        None => (inclusion(left, index)?, root(right)),
        Some(index) => (inclusion(right, index)?, root(left)),
    };
    proof.push(other);
    Some(proof)
}

/// The proof that the tree of `leaves` begins with that of the first `first` of them; `None` when there are not so many.
#[must_use]
pub fn consistency(leaves: &[Hash], first: usize) -> Option<Vec<Hash>> {
    if first > leaves.len() {
        return None;
    }
    if first == 0 || first == leaves.len() {
        return Some(Vec::new());
    }
    let mut proof = Vec::new();
    subproof(leaves, first, true, &mut proof);
    Some(proof)
}

/// SUBPROOF of RFC 6962, 2.1.2: `is_known` says whether the older tree's root is one of these subtrees' whole.
fn subproof(leaves: &[Hash], first: usize, is_known: bool, proof: &mut Vec<Hash>) {
    if first == leaves.len() {
        if !is_known {
            proof.push(root(leaves));
        }
        return;
    }
    let (left, right) = halves(leaves);
    match first.checked_sub(left.len()) {
        None | Some(0) => {
            subproof(left, first, is_known, proof);
            proof.push(root(right));
        }
        Some(first) => {
            subproof(right, first, false, proof);
            proof.push(root(left));
        }
    }
}
