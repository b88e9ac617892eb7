//! The tree of tiles in a real database, against the definitions of RFC 6962 written down once more.

#[allow(dead_code, reason = "each test program uses its own part")]
mod support;

use ledger_core::log::LeafHash;
use ledger_store::StoreError;
use ledger_store::seal::{Frontier, FullTile, Hash, Roots, Tree, leaf_index};
use sqlx::PgConnection;
use support::Log;
use tlog_tiles::tlog::{check_record, check_tree, node_hash};

/// RFC 6962, 2.1: the largest power of two smaller than `n`.
fn split(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// RFC 6962, 2.1: MTH.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [one] => *one,
        more => {
            let (left, right) = more.split_at(split(more.len()));
            node_hash(mth(left), mth(right))
        }
    }
}

/// RFC 6962, 2.1.1: PATH.
fn path(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut found, other) =
        if m < k { (path(m, left), mth(right)) } else { (path(m - k, right), mth(left)) };
    found.push(other);
    found
}

/// RFC 6962, 2.1.2: SUBPROOF.
fn subproof(m: usize, leaves: &[Hash], is_known: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if is_known { Vec::new() } else { vec![mth(leaves)] };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut found, other) = if m <= k {
        (subproof(m, left, is_known), mth(right))
    } else {
        (subproof(m - k, right, false), mth(left))
    };
    found.push(other);
    found
}

/// Rows whose leaf hash is a hash of their position, up to `count`; nothing else about them is true.
async fn fill(log: &Log, count: i64) -> Vec<Hash> {
    let owner = log.owner_pool().await;
    sqlx::query(
        "INSERT INTO ledger.events SELECT n, gen_random_uuid(), 'member', gen_random_uuid(), 1, 'Nothing', 1, now(), now(), \
         '{}', '{}', sha256(n::text::bytea) FROM generate_series(1, $1) AS n",
    )
    .bind(count)
    .execute(&owner)
    .await
    .expect("rows");
    sqlx::query("UPDATE ledger.log_head SET position = $1")
        .bind(count)
        .execute(&owner)
        .await
        .expect("the head");
    let leaves: Vec<Vec<u8>> = sqlx::query_scalar("SELECT leaf_hash FROM ledger.events ORDER BY position")
        .fetch_all(&owner)
        .await
        .expect("leaves");
    leaves.into_iter().map(|leaf| Hash(leaf.try_into().expect("32 bytes"))).collect()
}

/// Stores the tiles of `leaves`; the tree.
async fn store(db: &mut PgConnection, leaves: &[Hash]) -> Tree {
    let (mut edge, mut full) = (Frontier::default(), Vec::new());
    for leaf in leaves {
        edge.push(&LeafHash::from_slice(&leaf.0).expect("32 bytes"), &mut full);
    }
    FullTile::store(db, &full).await.expect("tiles");
    Tree { size: edge.size(), root: edge.root() }
}

/// Numbers that look random and are the same every time.
fn numbers() -> impl Iterator<Item = usize> {
    let next = |last: &u64| {
        Some(last.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    std::iter::successors(Some(7), next).map(|number| usize::try_from(number >> 33).expect("31 bits"))
}

fn as_u64(number: usize) -> u64 {
    u64::try_from(number).expect("small")
}

#[tokio::test]
async fn rfc_6962_proofs_from_tiles_are_those_of_its_definitions() {
    let log = Log::new().await;
    let leaves = fill(&log, 67_000).await;
    // As the service: it may read what is sealed.
    let mut owner = log.owner_pool().await.acquire().await.expect("a connection");
    let tree = store(&mut owner, &leaves).await;
    assert_eq!(tree.root, mth(&leaves));
    let service = log.pool().await;
    let (mut db, roots) = (service.acquire().await.expect("a connection"), Roots::default());
    let borders = [1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 65_792, 66_999, 67_000];
    let mut random = numbers();
    let mut any = |upto: usize| random.next().expect("a number") % upto + 1;
    let mut sizes = borders.to_vec();
    sizes.extend((0..60).map(|_| any(67_000)));
    for size in sizes {
        let at = &leaves[..size];
        let root = tree.root_at(&mut db, &roots, as_u64(size)).await.expect("a root");
        assert_eq!(root, mth(at), "{size}");
        for index in [0, size - 1, any(size) - 1] {
            let leaf = (as_u64(index), leaves[index]);
            let found = tree.inclusion(&mut db, &roots, leaf, as_u64(size)).await.expect("a proof");
            assert_eq!((&found.path, found.root), (&path(index, at), root), "leaf {index} of {size}");
            check_record(&found.path, as_u64(size), root, as_u64(index), leaves[index]).expect("it verifies");
        }
        for from in [1, size, any(size)] {
            let found = tree.consistency(&mut db, &roots, as_u64(from), as_u64(size)).await.expect("a proof");
            assert_eq!(found, subproof(from, at, true), "{from} to {size}");
            check_tree(&found, as_u64(size), root, as_u64(from), mth(&leaves[..from])).expect("it verifies");
        }
    }
}

#[tokio::test]
async fn what_is_not_in_the_tree_is_not_proved() {
    let log = Log::new().await;
    let leaves = fill(&log, 700).await;
    let owner = log.owner_pool().await;
    let mut db = owner.acquire().await.expect("a connection");
    let (tree, roots) = (store(&mut db, &leaves).await, Roots::default());
    let huge = u64::MAX;
    for (index, size) in [(0, 0), (700, 700), (0, 701), (huge, 700), (0, huge), (huge, huge), (5, 5)] {
        let found = tree.inclusion(&mut db, &roots, (index, leaves[0]), size).await;
        assert!(matches!(found, Err(StoreError::Unproven(_))), "leaf {index} of {size}: {found:?}");
    }
    for (from, to) in [(0, 700), (0, 0), (2, 1), (1, 701), (huge, huge), (1, huge)] {
        let found = tree.consistency(&mut db, &roots, from, to).await;
        assert!(matches!(found, Err(StoreError::Unproven(_))), "{from} to {to}: {found:?}");
    }
    assert_eq!(
        [leaf_index(1), leaf_index(700), leaf_index(0), leaf_index(-1)],
        [Some(0), Some(699), None, None]
    );
}

#[tokio::test]
async fn a_tile_or_a_leaf_that_was_changed_proves_nothing() {
    let log = Log::new().await;
    let leaves = fill(&log, 700).await;
    let owner = log.owner_pool().await;
    let mut db = owner.acquire().await.expect("a connection");
    let (tree, roots) = (store(&mut db, &leaves).await, Roots::default());
    let (leaf, other) = ((3, leaves[3]), leaves[4]);
    let change = [
        "UPDATE ledger.tile SET hashes = set_byte(hashes, 4000, get_byte(hashes, 4000) # 1) WHERE index = 1",
        "DELETE FROM ledger.tile WHERE index = 0",
        "UPDATE ledger.events SET leaf_hash = set_byte(leaf_hash, 0, get_byte(leaf_hash, 0) # 1) WHERE position = 600",
        "DELETE FROM ledger.events WHERE position = 650",
    ];
    for change in change {
        let mut transaction = owner.begin().await.expect("a transaction");
        for table in ["tile", "events"] {
            let off = format!("ALTER TABLE ledger.{table} DISABLE TRIGGER ALL");
            sqlx::query(sqlx::AssertSqlSafe(off)).execute(&mut *transaction).await.expect("the owner may");
        }
        sqlx::query(change).execute(&mut *transaction).await.expect("a change");
        let found = tree.inclusion(&mut transaction, &roots, leaf, 700).await;
        assert!(matches!(found, Err(StoreError::Unproven(_))), "{change}: {found:?}");
        transaction.rollback().await.expect("as before");
    }
    // A leaf that is another proves nothing either, with whatever tree it has had.
    for size in [4, 256, 257, 700] {
        let found = tree.inclusion(&mut db, &roots, (3, other), size).await;
        assert!(matches!(found, Err(StoreError::Unproven(_))), "{size}: {found:?}");
    }
    // Nothing of what was wrong is remembered.
    assert!(tree.inclusion(&mut db, &roots, leaf, 700).await.is_ok());
}
