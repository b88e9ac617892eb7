//! The right edge of the tree, in memory: all that is needed to go on.

use ledger_core::log::LeafHash;
use tlog_tiles::tlog::{EMPTY_HASH, Hash, node_hash};

/// How many hashes a full tile has.
pub const TILE_WIDTH: usize = 256;

/// A tile that has become full.
#[derive(Debug, Clone, PartialEq)]
pub struct FullTile {
    /// Level of tiles, from 0.
    pub level: u8,
    /// Its number within the level, from 0.
    pub index: u64,
    /// Its hashes.
    pub hashes: Vec<Hash>,
}

/// A tree without what lies in full tiles: of each level the hashes of the tile that is not full yet. Grows leaf by leaf.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Frontier {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Frontier {
    /// The edge of a tree of `size` leaves with these hashes, level by level; `None` when they are not as many as it has.
    #[must_use]
    pub fn of(size: u64, levels: Vec<Vec<Hash>>) -> Option<Self> {
        let widths = levels.iter().map(Vec::len).map(Some);
        widths.eq(edge_widths(size).map(|width| usize::try_from(width).ok())).then_some(Self { size, levels })
    }

    /// The number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next leaf; tiles it makes full are added to `full`.
    pub fn push(&mut self, leaf: &LeafHash, full: &mut Vec<FullTile>) {
        let mut hash = Hash(*leaf.as_bytes());
        let mut index = self.size;
        self.size = self.size.saturating_add(1);
        for level in 0..=u8::MAX {
            let number = usize::from(level);
            if number == self.levels.len() {
                self.levels.push(Vec::with_capacity(TILE_WIDTH));
            }
            let Some(hashes) = self.levels.get_mut(number) else { return };
            hashes.push(hash);
            if hashes.len() < TILE_WIDTH {
                return;
            }
            let hashes = std::mem::replace(hashes, Vec::with_capacity(TILE_WIDTH));
            hash = subtree(&hashes);
            index /= 256;
            full.push(FullTile { level, index, hashes });
        }
    }

    /// The root of the tree. RFC 6962, 2.1.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut root: Option<Hash> = None;
        // From the smallest complete subtree, which lies rightmost, to the largest.
        for hashes in &self.levels {
            let mut rest = hashes.as_slice();
            while !rest.is_empty() {
                let (before, last) = rest.split_at(rest.len() - (1 << rest.len().trailing_zeros()));
                let left = subtree(last);
                root = Some(root.map_or(left, |right| node_hash(left, right)));
                rest = before;
            }
        }
        root.unwrap_or(EMPTY_HASH)
    }
}

/// How many hashes of each level lie in the tile that is not full, of a tree of `size` leaves.
pub(super) fn edge_widths(size: u64) -> impl Iterator<Item = u64> {
    std::iter::successors((size > 0).then_some(size), |rest| (*rest >= 256).then_some(*rest / 256))
        .map(|rest| rest % 256)
}

/// The root over `hashes`, of which there are a power of two.
pub(super) fn subtree(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => EMPTY_HASH,
        [one] => *one,
        [left, right] => node_hash(*left, *right),
        more => {
            let (left, right) = more.split_at(more.len() / 2);
            node_hash(subtree(left), subtree(right))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962, 2.1, word for word: the second implementation.
    fn plain_root(leaves: &[Hash]) -> Hash {
        match leaves.len() {
            0 => EMPTY_HASH,
            1 => leaves[0],
            n => {
                let mut k = 1;
                while k * 2 < n {
                    k *= 2;
                }
                node_hash(plain_root(&leaves[..k]), plain_root(&leaves[k..]))
            }
        }
    }

    fn leaf(number: u64) -> LeafHash {
        LeafHash::from_slice(&tlog_tiles::tlog::record_hash(&number.to_be_bytes()).0).expect("32 bytes")
    }

    #[test]
    fn rfc_6962_the_edge_has_the_root_of_the_whole_tree_at_every_size() {
        let (mut edge, mut full, mut leaves) = (Frontier::default(), Vec::new(), Vec::new());
        assert_eq!(edge.root(), EMPTY_HASH);
        for number in 0..70_000_u64 {
            edge.push(&leaf(number), &mut full);
            leaves.push(Hash(*leaf(number).as_bytes()));
            // Every small size, the borders of tiles of both levels, and some in between.
            let size = number + 1;
            if size < 600
                || size % 9_973 == 0
                || [255, 0, 1].contains(&(size % 16_384))
                || (65_535..65_540).contains(&size)
            {
                assert_eq!(edge.root(), plain_root(&leaves), "{size}");
                assert_eq!(Frontier::of(size, edge.levels.clone()).as_ref(), Some(&edge));
            }
        }
        assert_eq!(full.iter().filter(|tile| tile.level == 0).count(), 273);
        assert_eq!(
            full.iter().filter(|tile| tile.level == 1).map(|tile| tile.index).collect::<Vec<_>>(),
            [0]
        );
    }

    #[test]
    fn an_edge_that_lacks_a_hash_is_none() {
        assert_eq!(Frontier::of(0, vec![]), Some(Frontier::default()));
        assert_eq!(Frontier::of(257, vec![vec![EMPTY_HASH]]), None);
        assert!(Frontier::of(257, vec![vec![EMPTY_HASH], vec![EMPTY_HASH]]).is_some());
        assert_eq!(Frontier::of(1, vec![vec![EMPTY_HASH; 2]]), None);
    }

    /// The vectors of the reference implementation of RFC 6962 (certificate-transparency-go, package `testonly`).
    #[test]
    fn rfc_6962_known_roots() {
        let inputs: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut edge = Frontier::default();
        for (input, root) in inputs.into_iter().zip(roots) {
            let leaf = tlog_tiles::tlog::record_hash(input);
            edge.push(&LeafHash::from_slice(&leaf.0).expect("32 bytes"), &mut Vec::new());
            assert_eq!(hex::encode(edge.root().0), root);
        }
    }
}
