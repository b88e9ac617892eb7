//! What the seal refuses: a log that is not what it says, or not what was sealed. Design L7–L9.

use std::time::Duration;

use ledger_store::published::Published;
use projectors::seal::FirstKey;
use sqlx::PgPool;

use crate::sealing::Sealing;
use crate::support::World;

/// Changes what no service may change.
pub(crate) async fn tamper(world: &World, change: &str) {
    let mut transaction = world.owner.begin().await.expect("a transaction");
    for table in ["events", "tile", "checkpoint", "seal_key", "log_head"] {
        let off = format!("ALTER TABLE ledger.{table} DISABLE TRIGGER ALL");
        sqlx::query(sqlx::AssertSqlSafe(off)).execute(&mut *transaction).await.expect("the owner may");
    }
    sqlx::raw_sql(sqlx::AssertSqlSafe(change)).execute(&mut *transaction).await.expect("a change");
    transaction.commit().await.expect("it is changed");
}

/// What the seal ends with.
async fn ends(sealing: &Sealing) -> String {
    let ended = tokio::time::timeout(Duration::from_secs(30), sealing.start(FirstKey::Make)).await;
    ended.expect("it stops").expect("no panic").to_string()
}

/// What a start of any process says.
async fn start(log: &PgPool) -> Result<(), String> {
    Published::nowhere(log.clone()).ask().await.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_not_what_its_hash_says_is_never_sealed() {
    let changes = [
        ("UPDATE ledger.events SET payload = payload || '{\"more\": 1}' WHERE position = 9", 9),
        ("UPDATE ledger.events SET leaf_hash = sha256('') WHERE position = 10", 10),
        (
            "UPDATE ledger.events SET recorded_at = recorded_at + interval '1 microsecond' WHERE position = 11",
            11,
        ),
        ("UPDATE ledger.events SET metadata = '{}' WHERE position = 12", 12),
        ("UPDATE ledger.events SET stream_type = 'cat' WHERE position = 13", 13),
        ("DELETE FROM ledger.events WHERE position = 14", 14),
    ];
    for (change, position) in changes {
        let world = World::with_members(5).await;
        let sealing = Sealing::of(&world).await;
        tamper(&world, change).await;
        let error = ends(&sealing).await;
        assert!(error.contains(&format!("position {position} cannot be sealed")), "{change}: {error}");
        assert_eq!(sealing.checkpoints().await, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l9_a_log_that_is_not_what_was_sealed_is_refused() {
    let changes = [
        (
            "DELETE FROM ledger.events WHERE position > 20; UPDATE ledger.log_head SET position = 20",
            "the log ends at position 20",
        ),
        ("UPDATE ledger.events SET payload = '{}' WHERE position = 9", ""),
        (
            "UPDATE ledger.events SET leaf_hash = sha256('') WHERE position = 10",
            "position 10 cannot be sealed",
        ),
        ("DELETE FROM ledger.events WHERE position = 11", "position 11 cannot be sealed"),
        ("UPDATE ledger.checkpoint SET root = sha256('')", "its note says something else"),
        (
            "UPDATE ledger.checkpoint SET signed_note = replace(signed_note, 'own-circle', 'own-square')",
            "another log",
        ),
        (
            "UPDATE ledger.checkpoint SET signed_note = left(signed_note, -4) || E'A==\\n'",
            "its signature does not hold",
        ),
        (
            "UPDATE ledger.seal_key SET valid_until = valid_from + interval '1 microsecond'",
            "not signed with the key",
        ),
        ("UPDATE ledger.seal_key SET public_key = sha256('')", "not the one of that number"),
    ];
    for (change, said) in changes {
        let world = World::with_members(8).await;
        let sealing = Sealing::of(&world).await;
        let running = sealing.start(FirstKey::Make);
        sealing.wait_until_sealed(world.head().await).await;
        running.abort();
        assert_eq!(start(world.options.log.pool()).await, Ok(()));
        tamper(&world, change).await;
        // A payload whose leaf hash was left alone is the audit's to find; what the tree says, every start does.
        if said.is_empty() {
            assert_eq!(start(world.options.log.pool()).await, Ok(()), "{change}");
            continue;
        }
        let error = ends(&sealing).await;
        assert!(error.contains(said), "{change}: {error}");
        assert!(start(world.options.log.pool()).await.is_err(), "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l3_what_was_sealed_is_never_changed_and_the_seal_writes_nothing_else() {
    let world = World::with_members(3).await;
    let sealing = Sealing::of(&world).await;
    let running = sealing.start(FirstKey::Make);
    sealing.wait_until_sealed(world.head().await).await;
    running.abort();
    for pool in [&sealing.pool, world.options.log.pool(), &world.owner] {
        for table in ["checkpoint", "tile", "seal_key"] {
            for attempt in [
                format!("DELETE FROM ledger.{table}"),
                format!("TRUNCATE ledger.{table}"),
                format!(
                    "UPDATE ledger.{table} SET {} = NULL",
                    if table == "tile" { "hashes" } else { "key_id" }
                ),
            ] {
                let refused = sqlx::query(sqlx::AssertSqlSafe(attempt.clone())).execute(pool).await;
                assert!(refused.is_err(), "{attempt}");
            }
        }
    }
    for attempt in [
        "UPDATE ledger.log_head SET position = position + 1",
        "INSERT INTO ledger.events SELECT * FROM ledger.events",
        "SELECT * FROM ledger.idempotency",
        "SELECT * FROM ledger.snapshots",
    ] {
        assert!(sqlx::query(attempt).execute(&sealing.pool).await.is_err(), "{attempt}");
    }
    let copy = "INSERT INTO ledger.checkpoint SELECT tree_size + $1, root, key_id, signed_note, sealed_at + $2::interval \
                FROM ledger.checkpoint ORDER BY tree_size DESC LIMIT 1";
    for (more, later) in [(0, "1 s"), (-1, "1 s"), (1_000, "1 s"), (1, "-1 s")] {
        let refused = sqlx::query(copy).bind(i64::from(more)).bind(later).execute(&sealing.pool).await;
        assert!(refused.is_err(), "{more} {later}");
    }
    assert!(sqlx::query(copy).bind(0_i64).bind("1 s").execute(world.options.log.pool()).await.is_err());
}
