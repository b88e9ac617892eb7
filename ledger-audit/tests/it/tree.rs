//! The tree against the known vectors of RFC 6962, and against its definition.

use ledger_audit::tree::{
    BadProof, Frontier, Hash, consistency, empty, inclusion, leaf, node, verify_consistency, verify_inclusion,
};

use crate::town::Dice;

/// The leaves of the test vectors that implementations of RFC 6962 share.
const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

/// The roots of the first 0, 1, … 8 of them.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const A: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const B: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const C: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const D: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const E: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const F: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";

fn hash(text: &str) -> Hash {
    hex::decode(text).expect("hexadecimal").try_into().expect("32 bytes")
}

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| hash(text)).collect()
}

fn leaves(count: usize) -> Vec<Hash> {
    LEAVES.iter().take(count).map(|text| leaf(&hex::decode(text).expect("hexadecimal"))).collect()
}

#[test]
fn the_known_roots_come_out() {
    for (size, root) in ROOTS.iter().enumerate() {
        let mut tree = Frontier::default();
        leaves(size).into_iter().for_each(|leaf| tree.push(leaf));
        assert_eq!(hex::encode(tree.root()), *root, "{size}");
    }
}

#[test]
fn the_known_proofs_come_out_and_are_accepted() {
    let included: [(usize, usize, &[&str]); 5] = [
        (0, 1, &[]),
        (0, 8, &[A, B, C]),
        (5, 8, &[D, E, ROOTS[4]]),
        (2, 3, &[ROOTS[2]]),
        (1, 5, &[ROOTS[1], B, D]),
    ];
    for (index, size, proof) in included {
        let (all, proof) = (leaves(size), hashes(proof));
        assert_eq!(inclusion(&all, index), Some(proof.clone()), "{index} of {size}");
        let (at, of) = (u64::try_from(index).expect("fits"), u64::try_from(size).expect("fits"));
        assert_eq!(verify_inclusion(at, of, &all[index], &proof, &hash(ROOTS[size])), Ok(()));
    }
    let consistent: [(usize, usize, &[&str]); 4] =
        [(1, 1, &[]), (1, 8, &[A, B, C]), (6, 8, &[F, E, ROOTS[4]]), (2, 5, &[B, D])];
    for (first, second, proof) in consistent {
        let (all, proof) = (leaves(second), hashes(proof));
        assert_eq!(consistency(&all, first), Some(proof.clone()), "{first} of {second}");
        let sizes = (u64::try_from(first).expect("fits"), u64::try_from(second).expect("fits"));
        let roots = (hash(ROOTS[first]), hash(ROOTS[second]));
        assert_eq!(verify_consistency(sizes.0, sizes.1, &roots.0, &roots.1, &proof), Ok(()));
    }
}

/// The definition of RFC 6962, 2.1, word for word.
fn defined(leaves: &[Hash]) -> Hash {
    match leaves.len() {
        0 => empty(),
        1 => leaves[0],
        n => {
            let mut k = 1;
            while k * 2 < n {
                k *= 2;
            }
            node(&defined(&leaves[..k]), &defined(&leaves[k..]))
        }
    }
}

/// How many random trees are crossed: 100,000, or as many as the environment says.
fn trees() -> usize {
    std::env::var("OWN_CIRCLE_TREES").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000)
}

#[test]
fn random_trees_and_all_their_proofs_are_as_defined() {
    let mut dice = Dice::of(6_962);
    for _ in 0..trees() {
        let size = if dice.one_in(50) { dice.below(700) + 1 } else { dice.below(24) + 1 };
        let all: Vec<Hash> = (0..size)
            .map(|_| {
                let mut hash = [0; 32];
                hash[..8].copy_from_slice(&dice.next().to_be_bytes());
                hash
            })
            .collect();
        let mut tree = Frontier::default();
        all.iter().for_each(|leaf| tree.push(*leaf));
        let root = defined(&all);
        assert_eq!(tree.root(), root);
        let (index, first) = (dice.below(size), dice.below(size) + 1);
        let (n, at) = (u64::try_from(size).expect("fits"), u64::try_from(index).expect("fits"));
        let m = u64::try_from(first).expect("fits");
        let path = inclusion(&all, index).expect("a leaf");
        assert_eq!(verify_inclusion(at, n, &all[index], &path, &root), Ok(()));
        let older = defined(&all[..first]);
        let proof = consistency(&all, first).expect("a size");
        assert_eq!(verify_consistency(m, n, &older, &root, &proof), Ok(()));
        hostile((at, n), &all[index], &path, &root);
        hostile_consistency((m, n), (&older, &root), &proof, &mut dice);
    }
}

/// No proof but the right one is accepted.
fn hostile((at, n): (u64, u64), leaf: &Hash, path: &[Hash], root: &Hash) {
    let refused = |at, n, path: &[Hash]| verify_inclusion(at, n, leaf, path, root).expect_err("refused");
    let longer = [path, &[*root]].concat();
    assert!(matches!(refused(at, n, &longer), BadProof::Length { .. }));
    if let Some((_, shorter)) = path.split_last() {
        assert!(matches!(refused(at, n, shorter), BadProof::Length { .. }));
    }
    for other in [at ^ 1, at + n, u64::MAX] {
        refused(other, n, path);
    }
    refused(at, 0, path);
    assert!(verify_inclusion(at, n, root, path, root).is_err() || path.is_empty());
}

fn hostile_consistency((m, n): (u64, u64), (older, root): (&Hash, &Hash), proof: &[Hash], dice: &mut Dice) {
    let longer = [proof, &[*root]].concat();
    assert!(matches!(verify_consistency(m, n, older, root, &longer), Err(BadProof::Length { .. })));
    if let Some((_, shorter)) = proof.split_last() {
        verify_consistency(m, n, older, root, shorter).expect_err("too short");
        let mut other = proof.to_vec();
        let place = dice.below(other.len());
        other[place][dice.below(32)] ^= 1 << dice.below(8);
        verify_consistency(m, n, older, root, &other).expect_err("another hash");
    }
    verify_consistency(n + 1, n, older, root, proof).expect_err("reversed");
    if m != n {
        verify_consistency(m, n, root, root, proof).expect_err("another older root");
        verify_consistency(m, n, older, older, proof).expect_err("another root");
    }
}

#[test]
fn hostile_sizes_are_refused_at_once() {
    let root = hash(ROOTS[8]);
    let path = hashes(&[A, B, C]);
    let first = leaves(1)[0];
    for (index, size) in [(0, 0), (8, 8), (u64::MAX, u64::MAX), (u64::MAX - 1, u64::MAX), (0, u64::MAX)] {
        assert!(verify_inclusion(index, size, &first, &path, &root).is_err(), "{index} of {size}");
    }
    for (from, to) in [(0, 8), (9, 8), (1, u64::MAX), (u64::MAX - 1, u64::MAX), (u64::MAX, u64::MAX)] {
        assert!(verify_consistency(from, to, &root, &root, &path).is_err(), "{from} to {to}");
    }
    let many = vec![root; 100_000];
    assert!(verify_inclusion(5, 8, &first, &many, &root).is_err());
}
