//! Proofs and signatures of the log, verified by the words of RFC 9162 and of the C2SP documents: no code is shared with
//! what makes them.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use sqlx::PgPool;

/// A hash of the tree.
pub type Hash = [u8; 32];

/// RFC 9162, 2.1.1: the hash of a leaf.
#[must_use]
pub fn leaf(event: &str) -> Hash {
    Sha256::new().chain_update([0]).chain_update(event).finalize().into()
}

/// The same: of what is above two.
fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// A hash written in base64.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn hash(text: &str) -> Hash {
    BASE64_STANDARD.decode(text).expect("base64").try_into().expect("32 bytes")
}

/// RFC 9162, 2.1.3.2: the root that `path` leads to from `leaf`.
#[must_use]
pub fn root_of(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    let (mut at, mut last, mut root) = (index, size.checked_sub(1)?, leaf);
    if at > last {
        return None;
    }
    for sibling in path {
        if last == 0 {
            return None;
        }
        if at % 2 == 1 || at == last {
            root = node(sibling, &root);
            while at % 2 == 0 && at != 0 {
                (at, last) = (at / 2, last / 2);
            }
        } else {
            root = node(&root, sibling);
        }
        (at, last) = (at / 2, last / 2);
    }
    (last == 0).then_some(root)
}

/// RFC 9162, 2.1.4.2: whether `path` leads to both roots.
#[must_use]
pub fn continues(from: (u64, Hash), to: (u64, Hash), path: &[Hash]) -> bool {
    if from.0 == to.0 {
        return path.is_empty() && from.1 == to.1;
    }
    let mut path = path.to_vec();
    if from.0.is_power_of_two() {
        path.insert(0, from.1);
    }
    let (mut at, mut last) = (from.0 - 1, to.0 - 1);
    while at % 2 == 1 {
        (at, last) = (at / 2, last / 2);
    }
    let Some((first, rest)) = path.split_first() else { return false };
    let (mut small, mut large) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            small = node(sibling, &small);
            large = node(sibling, &large);
            while at % 2 == 0 && at != 0 {
                (at, last) = (at / 2, last / 2);
            }
        } else {
            large = node(&large, sibling);
        }
        (at, last) = (at / 2, last / 2);
    }
    last == 0 && small == from.1 && large == to.1
}

/// C2SP signed-note and tlog-checkpoint: origin, size and root, if the key `verifier` signed them.
///
/// # Panics
/// When the verifier's number is not its key's.
#[must_use]
pub fn opened(note: &str, verifier: &str) -> Option<(String, u64, Hash)> {
    let (text, signatures) = note.rsplit_once("\n\n")?;
    let text = format!("{text}\n");
    let [name, id, key] = verifier.splitn(3, '+').collect::<Vec<_>>().try_into().ok()?;
    let key = BASE64_STANDARD.decode(key).ok()?;
    let number = Sha256::new().chain_update(name).chain_update("\n").chain_update(&key).finalize();
    assert_eq!(hex::encode(&number[..4]), id, "a key's number follows from it");
    let line = signatures.lines().find_map(|line| line.strip_prefix(&format!("\u{2014} {name} ")))?;
    let signature = BASE64_STANDARD.decode(line).ok()?;
    let (whose, signature) = signature.split_at_checked(4)?;
    if whose != &number[..4] {
        return None;
    }
    UnparsedPublicKey::new(&ED25519, &key[1..]).verify(text.as_bytes(), signature).ok()?;
    let [origin, size, root] = text.lines().collect::<Vec<_>>().try_into().ok()?;
    Some((origin.to_owned(), size.parse().ok()?, hash(root)))
}

/// C2SP tlog-proof, verified offline: whether `event` is on the log that signs with `verifier`.
#[must_use]
pub fn is_proved(proof: &str, event: &str, verifier: &str) -> bool {
    let Some((head, note)) = proof.split_once("\n\n") else { return false };
    let mut lines = head.lines();
    let index = (lines.next() == Some("c2sp.org/tlog-proof@v1")).then(|| lines.next()).flatten();
    let index = index.and_then(|line| line.strip_prefix("index ")?.parse().ok());
    let path: Vec<Hash> = lines.map(hash).collect();
    let (Some(index), Some((_, size, root))) = (index, opened(note, verifier)) else { return false };
    root_of(leaf(event), index, size, &path) == Some(root)
}

/// The verifier of the public key `key` of the log `name`: `name+number+base64`.
#[must_use]
pub fn verifier(name: &str, key: &[u8]) -> String {
    let key = [&[1], key].concat();
    let number = Sha256::new().chain_update(name).chain_update("\n").chain_update(&key).finalize();
    format!("{name}+{}+{}", hex::encode(&number[..4]), BASE64_STANDARD.encode(&key))
}

/// Battery, K5: every checkpoint is signed, and is of the log as it is.
///
/// # Panics
/// With the first that is not.
pub(super) async fn checkpoints(ledger: &PgPool) {
    let name: String = sqlx::query_scalar("SELECT 'own-circle/' || log_id FROM ledger.log_head")
        .fetch_one(ledger)
        .await
        .expect("the log");
    let keys: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT public_key FROM ledger.seal_key").fetch_all(ledger).await.expect("keys");
    let notes: Vec<(i64, String)> =
        sqlx::query_as("SELECT tree_size, signed_note FROM ledger.checkpoint ORDER BY tree_size")
            .fetch_all(ledger)
            .await
            .expect("checkpoints");
    let leaves: Vec<Vec<u8>> = sqlx::query_scalar("SELECT leaf_hash FROM ledger.events ORDER BY position")
        .fetch_all(ledger)
        .await
        .expect("leaves");
    let mut leaves = leaves.into_iter().map(|leaf| Hash::try_from(leaf).expect("32 bytes"));
    let mut tree = Subtrees::default();
    for (size, note) in &notes {
        while tree.size < *size {
            tree.push(leaves.next().expect("the log is as long as what was sealed of it"));
        }
        let signed = keys.iter().find_map(|key| opened(note, &verifier(&name, key)));
        let expected = (name.clone(), u64::try_from(*size).expect("a size"), tree.root());
        assert_eq!(signed, Some(expected), "the checkpoint of {size}");
    }
}

/// A tree as the complete subtrees it is made of, the largest first, each with its height.
#[derive(Default)]
struct Subtrees {
    size: i64,
    roots: Vec<(u32, Hash)>,
}

impl Subtrees {
    fn push(&mut self, leaf: Hash) {
        let (mut height, mut root) = (0, leaf);
        while let Some((_, left)) = self.roots.pop_if(|(other, _)| *other == height) {
            (height, root) = (height + 1, node(&left, &root));
        }
        self.roots.push((height, root));
        self.size += 1;
    }

    fn root(&self) -> Hash {
        let roots = self.roots.iter().rev().map(|(_, root)| *root);
        roots.reduce(|right, left| node(&left, &right)).expect("a leaf")
    }
}
