//! A rebuild beside a live projector: equal rows, no reader ever sees less than before, the projector goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use projectors::projections;
use projectors::rebuild::rebuild;

use crate::support::{World, dump, wait_until_passed};

#[tokio::test(flavor = "multi_thread")]
async fn design_j3_a_rebuild_swaps_under_readers_and_the_projector_goes_on() {
    let mut world = World::with_members(5).await;
    world.live().await;
    let read = world.options.read.clone();
    for projection in projections() {
        let name = projection.name();
        let running = world.project(name, &read, world.log_source());
        let before = world.head().await;
        wait_until_passed(&read, name, before).await;
        let rows = dump(&read, name).await;
        let oid = |schema: &str| {
            let oid = sqlx::query_scalar::<_, i64>("SELECT oid::bigint FROM pg_namespace WHERE nspname = $1");
            oid.bind(schema.to_owned())
        };
        let old = oid(name).fetch_one(&read).await.expect("a schema");
        let stop = Arc::new(AtomicBool::new(false));
        let watching = {
            let (read, stop) = (read.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut looks = 0_u32;
                while !stop.load(Ordering::Acquire) {
                    let seen = format!("SELECT min(passed) FROM {name}.checkpoint");
                    let passed: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(seen))
                        .fetch_one(&read)
                        .await
                        .expect("the read model is there");
                    assert!(passed >= before, "a reader saw {passed}, after {before}");
                    looks += 1;
                }
                looks
            })
        };
        rebuild(projection, world.options.clone()).await.expect("a rebuild");
        assert_ne!(oid(name).fetch_one(&read).await.expect("a schema"), old);
        assert_eq!(dump(&read, name).await, rows, "{name}");
        stop.store(true, Ordering::Release);
        let looks =
            tokio::time::timeout(Duration::from_secs(30), watching).await.expect("ends").expect("sees all");
        assert!(looks > 0);
        world.purchases(2).await;
        wait_until_passed(&read, name, world.head().await).await;
        assert!(!running.is_finished());
        running.abort();
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM pg_namespace WHERE nspname ~ '_(old|next)$'")
                .fetch_one(&read)
                .await
                .expect("schemas");
        assert_eq!(left, 0);
    }
    // After all that, equal to an undisturbed run.
    for (projection, expected) in projections().into_iter().zip(world.expected().await) {
        let name = projection.name();
        let running = world.project(name, &read, world.log_source());
        wait_until_passed(&read, name, world.head().await).await;
        running.abort();
        assert_eq!(dump(&read, name).await, expected, "{name}");
    }
}
