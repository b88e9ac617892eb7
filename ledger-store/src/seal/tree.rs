//! A tree of tiles in the database, and proofs from it. C2SP tlog-tiles, RFC 9162 2.1.3 and 2.1.4.
//!
//! Why it is right: every hash that leaves this module was held against the root it is asked under
//! (`tlog_tiles::TileHashReader`): a tile or a leaf that was changed gives an error and never a proof. So was the leaf that
//! is asked about, whoever says what it is. [`Roots`] remembers what was held against a root, and nothing else.
//!
//! Bounds: a question reads the tiles on its way and those along the right edge, some twenty of 8 KiB, and what the edge
//! follows from: up to 255 leaf hashes, and per level up to 255 roots of tiles, which [`Roots`] remembers.

use std::cell::RefCell;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;
use sqlx::PgConnection;
use tlog_tiles::tile::{Tile, TileHashReader, TileReader};
use tlog_tiles::tlog::{self, HASH_SIZE, Hash};

use super::frontier::{Frontier, FullTile, edge_widths, subtree};
use crate::error::StoreError;

/// 2 to this power hashes are a full tile.
const HEIGHT: u8 = 8;
/// Roots of full tiles that are remembered: of the edges of very large logs.
const ROOTS: NonZeroUsize = NonZeroUsize::new(16_384).expect("some");

/// The roots of full tiles, which never change.
#[derive(Debug)]
pub struct Roots(Mutex<LruCache<(i16, i64), Hash>>);

impl Default for Roots {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(ROOTS)))
    }
}

/// A tree of `size` leaves with this root: what a checkpoint says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tree {
    /// The number of leaves, at least one.
    pub size: u64,
    /// The root.
    pub root: Hash,
}

/// That a leaf is in a tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Inclusion {
    /// From the leaf up, as RFC 9162 2.1.3 lists it.
    pub path: Vec<Hash>,
    /// The root that it leads to.
    pub root: Hash,
}

impl Tree {
    /// The path from leaf `index`, which is `leaf`, to the root of this tree when it had `size` leaves, and that root.
    ///
    /// # Errors
    /// [`StoreError::Unproven`] when what is stored is not this tree, there is no such leaf, or it is another one;
    /// [`StoreError::Database`].
    pub async fn inclusion(
        &self,
        db: &mut PgConnection,
        roots: &Roots,
        (index, leaf): (u64, Hash),
        size: u64,
    ) -> Result<Inclusion, StoreError> {
        let path = self.path(db, roots, index, size).await?;
        let root = self.root_at(db, roots, size).await?;
        tlog::check_record(&path, size, root, index, leaf).map_err(|_| {
            StoreError::Unproven(format!("leaf {index} is not the one in the tree of {size} leaves"))
        })?;
        Ok(Inclusion { path, root })
    }

    /// The path alone, whatever the leaf.
    async fn path(
        &self,
        db: &mut PgConnection,
        roots: &Roots,
        index: u64,
        size: u64,
    ) -> Result<Vec<Hash>, StoreError> {
        self.within(size)?;
        self.ask(db, roots, |tiles| tlog::prove_record(size, index, tiles)).await
    }

    /// That this tree when it had `from` leaves was the beginning of what it was with `to`.
    ///
    /// # Errors
    /// As [`Tree::inclusion`]; a tree of no leaves has no proof.
    pub async fn consistency(
        &self,
        db: &mut PgConnection,
        roots: &Roots,
        from: u64,
        to: u64,
    ) -> Result<Vec<Hash>, StoreError> {
        self.within(to)?;
        self.ask(db, roots, |tiles| tlog::prove_tree(to, from, tiles)).await
    }

    /// The root of this tree when it had `size` leaves.
    ///
    /// # Errors
    /// As [`Tree::inclusion`].
    pub async fn root_at(&self, db: &mut PgConnection, roots: &Roots, size: u64) -> Result<Hash, StoreError> {
        self.within(size)?;
        if size == self.size {
            return Ok(self.root);
        }
        self.ask(db, roots, |tiles| tlog::tree_hash(size, tiles)).await
    }

    /// Reads the tree back as it is stored, and proves that it continues `before`, or, of the first one, that it leads from its
    /// last leaf to its root.
    ///
    /// # Errors
    /// [`StoreError::Unproven`] when it does not; [`StoreError::Database`].
    pub async fn check_continues(
        &self,
        db: &mut PgConnection,
        roots: &Roots,
        before: Option<Self>,
    ) -> Result<(), StoreError> {
        let Some(before) = before else {
            return self.path(db, roots, self.size.saturating_sub(1), self.size).await.map(drop);
        };
        let proof = self.consistency(db, roots, before.size, self.size).await?;
        tlog::check_tree(&proof, self.size, self.root, before.size, before.root).map_err(|_| {
            let (from, to) = (before.size, self.size);
            StoreError::Unproven(format!(
                "the tree of {to} leaves does not continue the sealed one of {from}"
            ))
        })
    }

    fn within(&self, size: u64) -> Result<(), StoreError> {
        let fits = size <= self.size;
        fits.then_some(()).ok_or_else(|| StoreError::Unproven(format!("no tree of {size} leaves is sealed")))
    }

    /// Lets `ask` read tiles: once to learn which it wants, and again when they are there.
    async fn ask<T>(
        &self,
        db: &mut PgConnection,
        roots: &Roots,
        ask: impl Fn(&TileHashReader<'_>) -> Result<T, tlog::Error>,
    ) -> Result<T, StoreError> {
        let (mut tiles, mut reading) = (Tiles::default(), Reading::new(roots));
        let first = ask(&TileHashReader::new(self.size, self.root, &tiles));
        let wanted = tiles.wanted.take();
        let answer = match first {
            Err(_) if !wanted.is_empty() => {
                tiles.held = read(db, &mut reading, &wanted).await?;
                ask(&TileHashReader::new(self.size, self.root, &tiles))
            }
            answer => answer,
        };
        let answer = answer.map_err(|error| {
            StoreError::Unproven(format!("the tree of {} leaves as it is stored: {error}", self.size))
        })?;
        reading.was_right();
        Ok(answer)
    }
}

/// Roots of tiles for one question: those that are remembered, and those that were read for it.
struct Reading<'a> {
    known: &'a Roots,
    fresh: Vec<(Place, Hash)>,
}

impl<'a> Reading<'a> {
    const fn new(known: &'a Roots) -> Self {
        Self { known, fresh: Vec::new() }
    }

    /// What was read led to the root it was asked under: it is remembered.
    fn was_right(self) {
        let mut known = self.known.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, root) in self.fresh {
            known.put(place, root);
        }
    }
}

/// Tiles that were read, or those that are wanted.
#[derive(Default)]
struct Tiles {
    held: HashMap<Tile, Vec<u8>>,
    wanted: RefCell<Vec<Tile>>,
}

impl TileReader for Tiles {
    fn height(&self) -> u8 {
        HEIGHT
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog::Error> {
        let held: Option<Vec<Vec<u8>>> = tiles.iter().map(|tile| self.held.get(tile).cloned()).collect();
        held.ok_or_else(|| {
            self.wanted.borrow_mut().extend_from_slice(tiles);
            tlog::Error::InvalidTile
        })
    }

    fn save_tiles(&self, _tiles: &[Tile], _data: &[Vec<u8>]) {}
}

/// The tiles `wanted`, as far as they are there.
async fn read(
    db: &mut PgConnection,
    reading: &mut Reading<'_>,
    wanted: &[Tile],
) -> Result<HashMap<Tile, Vec<u8>>, StoreError> {
    let (full, edge): (Vec<&Tile>, Vec<&Tile>) = wanted.iter().partition(|tile| tile.width() == 1 << HEIGHT);
    let mut places = Vec::new();
    for tile in full {
        places.push((i16::from(tile.level()), number(tile.level_index())?));
    }
    let mut held = HashMap::new();
    for ((level, index), hashes) in full_tiles(db, &places).await? {
        let place = u8::try_from(level).ok().zip(u64::try_from(index).ok());
        if let Some((level, index)) = place {
            held.insert(Tile::new(HEIGHT, level, index, 1 << HEIGHT, false), hashes);
        }
    }
    for tile in edge {
        let hashes =
            edge_hashes(db, reading, tile.level(), tile.level_index(), u64::from(tile.width())).await?;
        held.insert(*tile, hashes.iter().flat_map(|hash| hash.0).collect());
    }
    Ok(held)
}

type Place = (i16, i64);

async fn full_tiles(db: &mut PgConnection, places: &[Place]) -> Result<Vec<(Place, Vec<u8>)>, StoreError> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let (levels, indexes): (Vec<i16>, Vec<i64>) = places.iter().copied().unzip();
    let select = "SELECT tile.level, tile.index, tile.hashes FROM UNNEST($1::smallint[], $2::bigint[]) AS wanted (level, index) \
                  JOIN ledger.tile ON tile.level = wanted.level AND tile.index = wanted.index";
    let rows: Vec<(i16, i64, Vec<u8>)> =
        sqlx::query_as(select).bind(levels).bind(indexes).fetch_all(db).await?;
    Ok(rows.into_iter().map(|(level, index, hashes)| ((level, index), hashes)).collect())
}

/// The first `width` hashes of the tile `index` of `level`, which is not full: leaf hashes of the log, or roots of the
/// full tiles below.
async fn edge_hashes(
    db: &mut PgConnection,
    reading: &mut Reading<'_>,
    level: u8,
    index: u64,
    width: u64,
) -> Result<Vec<Hash>, StoreError> {
    let first = number(index.saturating_mul(256))?;
    let until = first.saturating_add(number(width)?);
    let hashes = match level.checked_sub(1) {
        None => leaves(db, first, until).await?,
        Some(below) => roots_of(db, reading, i16::from(below), first, until).await?,
    };
    if u64::try_from(hashes.len()).is_ok_and(|count| count == width) {
        return Ok(hashes);
    }
    Err(StoreError::Unproven(format!("of tile {index} of level {level} some of {width} hashes are missing")))
}

/// The leaf hashes from index `first` on, before `until`.
async fn leaves(db: &mut PgConnection, first: i64, until: i64) -> Result<Vec<Hash>, StoreError> {
    // Leaf i stands at position i + 1.
    let select =
        "SELECT leaf_hash FROM ledger.events WHERE position > $1 AND position <= $2 ORDER BY position";
    let rows: Vec<Vec<u8>> = sqlx::query_scalar(select).bind(first).bind(until).fetch_all(db).await?;
    let hash = |bytes: Vec<u8>| {
        let bytes =
            bytes.try_into().map_err(|_| StoreError::Unproven("a leaf hash has 32 bytes".to_owned()))?;
        Ok(Hash(bytes))
    };
    rows.into_iter().map(hash).collect()
}

/// The roots of the full tiles of `level` from `first` on, before `until`.
async fn roots_of(
    db: &mut PgConnection,
    reading: &mut Reading<'_>,
    level: i16,
    first: i64,
    until: i64,
) -> Result<Vec<Hash>, StoreError> {
    let mut found: HashMap<i64, Hash> = HashMap::new();
    {
        let mut known = reading.known.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.extend((first..until).filter_map(|index| Some((index, *known.get(&(level, index))?))));
    }
    let missing: Vec<Place> =
        (first..until).filter(|index| !found.contains_key(index)).map(|index| (level, index)).collect();
    for (place, hashes) in full_tiles(db, &missing).await? {
        let root = Tile::subtree_hash(&hashes);
        found.insert(place.1, root);
        reading.fresh.push((place, root));
    }
    Ok((first..until).map_while(|index| found.get(&index).copied()).collect())
}

/// The right edge of `tree`.
///
/// # Errors
/// [`StoreError::Unproven`] when something of it is missing, or what is stored has another root; [`StoreError::Database`].
pub(super) async fn edge(db: &mut PgConnection, roots: &Roots, tree: Tree) -> Result<Frontier, StoreError> {
    let size = tree.size;
    let (mut reading, mut levels) = (Reading::new(roots), Vec::new());
    let mut rest = size;
    for (level, width) in (0_u8..).zip(edge_widths(size)) {
        rest /= 256;
        levels.push(edge_hashes(db, &mut reading, level, rest, width).await?);
    }
    let edge = Frontier::of(size, levels);
    let edge = edge.ok_or_else(|| StoreError::Unproven(format!("no edge of {size} leaves")))?;
    if edge.root() != tree.root {
        let what = "the log, or a tile of its tree, is not what was sealed";
        return Err(StoreError::Unproven(what.to_owned()));
    }
    reading.was_right();
    Ok(edge)
}

impl FullTile {
    /// Stores `tiles`, for ever.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when one of them is stored already.
    pub async fn store(db: &mut PgConnection, tiles: &[Self]) -> Result<(), StoreError> {
        let mut levels = Vec::with_capacity(tiles.len());
        let mut indexes = Vec::with_capacity(tiles.len());
        let mut hashes: Vec<Vec<u8>> = Vec::with_capacity(tiles.len());
        for tile in tiles {
            levels.push(i16::from(tile.level));
            indexes.push(number(tile.index)?);
            let mut bytes = Vec::with_capacity(tile.hashes.len().saturating_mul(HASH_SIZE));
            tile.hashes.iter().for_each(|hash| bytes.extend_from_slice(&hash.0));
            hashes.push(bytes);
        }
        let insert = "INSERT INTO ledger.tile (level, index, hashes) \
                      SELECT * FROM UNNEST($1::smallint[], $2::bigint[], $3::bytea[])";
        sqlx::query(insert).bind(levels).bind(indexes).bind(hashes).execute(db).await?;
        Ok(())
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> Hash {
        subtree(&self.hashes)
    }
}

/// A count as the database keeps it.
fn number(count: u64) -> Result<i64, StoreError> {
    i64::try_from(count).map_err(|_| StoreError::Unproven(format!("no log has {count} leaves")))
}
