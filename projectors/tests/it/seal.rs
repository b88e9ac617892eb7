//! The seal at work. Design L8.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use ledger_ops::clock::Clock;
use ledger_store::seal::{self, NotSigned, SealKey};
use projectors::seal::{FirstKey, Seal};
use projectors::source::LogReader;
use tokio::time::Instant;

use crate::seal_attacked::tamper;
use crate::sealing::Sealing;
use crate::support::World;

fn now() -> DateTime<Utc> {
    Clock::machine_now().to_utc()
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l8_the_log_is_sealed_as_it_grows_and_everything_can_be_proved() {
    let mut world = World::with_members(5).await;
    let sealing = Sealing::of(&world).await;
    let running = sealing.start(FirstKey::Make);
    let first = sealing.wait_until_sealed(world.head().await).await;
    world.live().await;
    let last = sealing.wait_until_sealed(world.head().await).await;
    assert!(last.tree_size > 256 && last.tree_size > first.tree_size, "{last:?}");
    running.abort();
    sealing.check_everything().await;
    // A start goes on where the last one ended, from tiles; with nothing new there is nothing to sign.
    let sealed = sealing.checkpoints().await.len();
    let running = sealing.start(FirstKey::Refuse);
    world.purchases(1).await;
    sealing.wait_until_sealed(world.head().await).await;
    running.abort();
    sealing.check_everything().await;
    assert_eq!(sealing.checkpoints().await.len(), sealed + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_log_has_no_checkpoint_and_without_a_key_nothing_is_sealed_until_there_is_one() {
    let world = World::new().await;
    let sealing = Sealing::of(&world).await;
    // A log is never quite empty: the default policy is its first event (Rule P1).
    let mut running = sealing.start(FirstKey::Refuse);
    let waits = tokio::time::timeout(Duration::from_secs(3), &mut running).await;
    assert!(waits.is_err(), "it waits for a key: {waits:?}");
    assert_eq!(sealing.checkpoints().await, []);
    // Listed while it waits; it need not be started again.
    let key = sealing.key(None, None).await;
    let first = sealing.wait_until_sealed(world.head().await).await;
    assert_eq!(first.key_id, key.id().to_be_bytes());
    running.abort();
    sealing.check_everything().await;
}

/// The connection of who seals breaks.
async fn cut(world: &World) {
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = current_database() AND application_name = 'projectors/seal'";
    let cut: i64 = sqlx::query_scalar(cut).fetch_one(&world.owner).await.expect("the owner may");
    assert_eq!(cut, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l9_what_a_process_signed_it_remembers_when_its_connection_breaks() {
    let mut world = World::with_members(3).await;
    let sealing = Sealing::of(&world).await;
    let running = sealing.start(FirstKey::Make);
    sealing.wait_until_sealed(world.head().await).await;
    cut(&world).await;
    // It goes on with what is there, when that is what it signed.
    world.purchases(3).await;
    let last = sealing.wait_until_sealed(world.head().await).await;
    assert!(!running.is_finished());
    tamper(
        &world,
        "DELETE FROM ledger.checkpoint WHERE tree_size = (SELECT max(tree_size) FROM ledger.checkpoint)",
    )
    .await;
    cut(&world).await;
    let error = tokio::time::timeout(Duration::from_secs(30), running).await;
    let error = error.expect("it stops").expect("no panic").to_string();
    assert!(error.contains(&format!("this process signed {}", last.tree_size)), "{error}");
    let newest = sealing.checkpoints().await.last().map(|checkpoint| checkpoint.tree_size);
    assert!(newest.is_some_and(|newest| newest < last.tree_size), "{newest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l9_another_history_that_was_sealed_meanwhile_is_refused_by_who_signed_the_first() {
    let world = World::with_members(5).await;
    let sealing = Sealing::of(&world).await;
    sealing.key(None, None).await;
    let first = sealing.start(FirstKey::Refuse);
    let signed = sealing.wait_until_sealed(world.head().await).await;
    // Its connection breaks, and it is kept away.
    let role: String =
        sqlx::query_scalar("SELECT current_user::text").fetch_one(&sealing.pool).await.expect("a name");
    let login = async |may: &str| {
        let alter = format!("ALTER ROLE {role} {may}");
        sqlx::query(sqlx::AssertSqlSafe(alter)).execute(&world.owner).await.expect("the owner may");
    };
    login("NOLOGIN").await;
    cut(&world).await;
    let change =
        "UPDATE ledger.events SET recorded_at = recorded_at + interval '1 microsecond' WHERE position = 9";
    tamper(&world, change).await;
    let rows = ledger_store::log::read_after(&world.owner, 8, 1).await.expect("a row");
    let leaf = hex::encode(rows[0].row.leaf_hash().expect("a hash").as_bytes());
    tamper(
        &world,
        &format!(
            "UPDATE ledger.events SET leaf_hash = '\\x{leaf}' WHERE position = 9; \
             DELETE FROM ledger.tile; DELETE FROM ledger.checkpoint"
        ),
    )
    .await;
    // Another process, which knows of nothing, finds a log that holds together.
    let other = Seal::new(LogReader::new(world.owner.clone()), sealing.folder(), FirstKey::Refuse);
    let other = tokio::spawn(async move { other.run().await });
    let until = Instant::now() + Duration::from_secs(30);
    let newest = async || seal::newest(&world.owner).await.expect("a checkpoint");
    while newest().await.is_none_or(|newest| newest.tree_size < signed.tree_size) {
        assert!(Instant::now() < until, "the other history is sealed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    other.abort();
    login("LOGIN").await;
    let error = tokio::time::timeout(Duration::from_secs(30), first).await;
    let error = error.expect("it stops").expect("no panic").to_string();
    assert!(error.contains("another history is sealed"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_seal_one_stands_by_and_takes_over() {
    let mut world = World::with_members(3).await;
    let sealing = Sealing::of(&world).await;
    sealing.key(None, None).await;
    let (one, two) = (sealing.start(FirstKey::Refuse), sealing.start(FirstKey::Refuse));
    for running in [one, two] {
        world.purchases(20).await;
        sealing.wait_until_sealed(world.head().await).await;
        assert!(!running.is_finished());
        running.abort();
    }
    sealing.check_everything().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_leaves_no_checkpoint_that_does_not_continue_the_one_before() {
    let mut world = World::with_members(5).await;
    let sealing = Sealing::of(&world).await;
    let until = Instant::now() + Duration::from_secs(20);
    let mut kills = 0_u32;
    while kills < 25 && Instant::now() < until {
        // Two at once: the one that is not killed takes over.
        let mut processes = [sealing.process(&world), sealing.process(&world)];
        let moment = Duration::from_millis(40 * u64::from(kills % 13) + 20);
        let killed = Instant::now() + moment;
        while Instant::now() < killed {
            world.purchases(1).await;
        }
        if kills % 5 == 4 {
            // So that something is there which killed processes signed.
            sealing.wait_until_sealed(world.head().await).await;
        }
        for process in &mut processes {
            process.kill().expect("it runs");
            process.wait().expect("it is gone");
        }
        kills += 1;
    }
    assert!(kills >= 10, "{kills}");
    let by_killed = sealing.checkpoints().await.len();
    assert!(by_killed >= 2, "{by_killed}");
    let running = sealing.start(FirstKey::Make);
    sealing.wait_until_sealed(world.head().await).await;
    running.abort();
    sealing.check_everything().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_takes_over_and_what_the_old_one_signed_stays_good() {
    let mut world = World::with_members(3).await;
    let sealing = Sealing::of(&world).await;
    let old = sealing.key(None, Some(now() + TimeDelta::days(1))).await;
    let running = sealing.start(FirstKey::Refuse);
    let before = sealing.wait_until_sealed(world.head().await).await;
    assert_eq!(before.key_id, old.id().to_be_bytes());
    let new = sealing.key(None, None).await;
    let next = Some((now() + TimeDelta::days(30)).trunc_subsecs(6));
    let planned = sealing.key(next, None).await;
    world.purchases(3).await;
    let after = sealing.wait_until_sealed(world.head().await).await;
    assert_eq!(after.key_id, new.id().to_be_bytes());
    running.abort();
    sealing.check_everything().await;
    let keys = seal::keys(&sealing.pool).await.expect("keys");
    assert_eq!(keys, [old.clone(), new.clone(), planned]);
    // Outside of its time a signature is none, however well it is made.
    let origin = &old.name;
    let later = |key: &SealKey| SealKey { valid_from: after.sealed_at, ..key.clone() };
    assert!(seal::verify(&before.signed_note, origin, &keys, before.sealed_at).is_ok());
    assert_eq!(seal::verify(&before.signed_note, origin, &keys, after.sealed_at), Err(NotSigned::Key));
    assert_eq!(seal::verify(&after.signed_note, origin, &keys, before.sealed_at), Err(NotSigned::Key));
    assert_eq!(
        seal::verify(&before.signed_note, origin, &[later(&old)], before.sealed_at),
        Err(NotSigned::Key)
    );
    let past =
        projectors::seal::new_key(&sealing.pool, &sealing.folder(), Some(before.sealed_at), None).await;
    assert!(past.expect_err("refused").to_string().contains("not in the past"));
}
