//! The reactors on the clock, and the words of settle.

use std::time::Duration;

use chrono::TimeDelta;
use ledger_core::time::Timestamp;
use ledger_ops::settings::Profile;
use ledger_store::published::Published;
use projectors::projections;
use projectors::schedule::Schedule;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::support::{World, wait_until_passed};

const SETTLE: &str = include_str!("../../src/schedule/settle.md");

pub(crate) fn schedule(world: &World) -> JoinHandle<projectors::error::ProjectError> {
    let published = Published::nowhere(world.options.log.pool().clone());
    let schedule = Schedule::new(world.options.clone(), world.clock.clone(), published, Profile::Dev);
    tokio::spawn(async move { schedule.run().await })
}

/// The statement of `settle.md`.
fn statement() -> String {
    let (_, rest) = SETTLE.split_once("```sql").expect("the statement");
    rest.split_once("```").expect("its end").0.replace(';', "")
}

/// Does what `settle.md` says.
pub(crate) async fn settle(world: &World) {
    let until = Instant::now() + Duration::from_secs(60);
    let at: Timestamp = world.clock.now();
    let names: Vec<String> = projections().iter().map(|projection| projection.name().to_owned()).collect();
    let mut last: Vec<(String, String, i64)> = Vec::new();
    while Instant::now() < until {
        let head = world.head().await;
        let behind = sqlx::query_as(sqlx::AssertSqlSafe(statement()))
            .bind(head)
            .bind(at.to_utc())
            .bind(&names)
            .fetch_all(&world.options.read)
            .await;
        last = behind.unwrap_or_else(|_| vec![("tables".to_owned(), "not made".to_owned(), 0)]);
        if last.is_empty() && world.head().await == head {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not settled: {last:?}");
}

pub(crate) async fn count(world: &World, event_type: &str) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM ledger.events WHERE event_type = $1")
        .bind(event_type)
        .fetch_one(world.options.log.pool())
        .await
        .expect("a count")
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_b5_b8_s3_what_is_due_is_written_when_its_time_comes() {
    let mut world = World::with_members(4).await;
    let following = world.follow_all();
    let first = schedule(&world);
    let second = schedule(&world);
    // A hold of 14 days, and one without; enough money and categories for vip in the third member's case.
    world.purchase(0, 1, 1_000_000).await;
    world.purchase(1, 0, 1_000_000).await;
    settle(&world).await;
    assert_eq!((count(&world, "BonusMatured").await, count(&world, "BonusExpired").await), (0, 0));
    world.pass(TimeDelta::days(14));
    settle(&world).await;
    // Two funders, two lots.
    assert_eq!((count(&world, "BonusMatured").await, count(&world, "BonusExpired").await), (2, 0));
    first.abort();
    world.pass(TimeDelta::days(100));
    settle(&world).await;
    assert_eq!((count(&world, "BonusMatured").await, count(&world, "BonusExpired").await), (2, 4));
    let head = world.head().await;
    second.abort();
    // A new leader at the same time finds nothing to do, and repeats nothing.
    let third = schedule(&world);
    world.pass(TimeDelta::minutes(1));
    settle(&world).await;
    assert_eq!(world.head().await, head);
    let empty: i64 = sqlx::query_scalar("SELECT count(*) FROM balances.lots")
        .fetch_one(&world.options.read)
        .await
        .expect("lots");
    assert_eq!(empty, 0);
    third.abort();
    following.iter().for_each(JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_s3_the_daily_review_schedules_the_fall_and_lets_it_happen() {
    let mut world = World::with_members(2).await;
    world.business("flowers", ledger_core::category::Category::Floristry, ordinary(), 0).await;
    world.consent(0, "partner:flowers").await;
    let following = world.follow_all();
    let working = schedule(&world);
    for business in [0, 1, 3] {
        world.purchase(0, business, 1_500_000).await;
    }
    settle(&world).await;
    assert_eq!(status(&world).await, ("vip".to_owned(), false));
    world.pass(TimeDelta::days(366));
    settle(&world).await;
    assert_eq!(status(&world).await, ("vip".to_owned(), true));
    world.pass(TimeDelta::days(29));
    settle(&world).await;
    assert_eq!(status(&world).await, ("vip".to_owned(), true));
    world.pass(TimeDelta::days(1));
    settle(&world).await;
    assert_eq!(status(&world).await, ("insider".to_owned(), false));
    wait_until_passed(&world.options.read, "statuses", world.head().await).await;
    working.abort();
    following.iter().for_each(JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_s2_t6_the_daily_review_lifts_whom_bills_imported_out_of_order_lift() {
    let mut world = World::with_members(2).await;
    world.business("flowers", ledger_core::category::Category::Floristry, ordinary(), 0).await;
    world.consent(0, "partner:flowers").await;
    let following = world.follow_all();
    let working = schedule(&world);
    // The first review, of everyone, is over before the import.
    settle(&world).await;
    // Newest first: as of its own time, none of them completes the window.
    for (business, days_ago) in [(0, 10), (1, 20), (3, 30)] {
        world.import(0, business, 1_500_000, days_ago).await;
    }
    settle(&world).await;
    assert_eq!(status(&world).await, ("insider".to_owned(), false));
    world.pass(TimeDelta::days(1));
    settle(&world).await;
    assert_eq!(status(&world).await, ("vip".to_owned(), false));
    working.abort();
    following.iter().for_each(JoinHandle::abort);
}

const fn ordinary() -> ledger_core::category::Confidentiality {
    ledger_core::category::Confidentiality::Ordinary
}

/// The first member's status, and whether a fall is scheduled.
async fn status(world: &World) -> (String, bool) {
    sqlx::query_as(
        "SELECT ordinary_status, ordinary_falls_on IS NOT NULL FROM statuses.members WHERE member_id = $1",
    )
    .bind(world.members[0].as_uuid())
    .fetch_one(&world.options.read)
    .await
    .expect("her status")
}
