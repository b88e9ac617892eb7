//! Read models equal what the domain's own fold says, however often a projector dies on the way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use ledger_core::ids::{MemberId, ReasonId};
use ledger_core::log::{Event, LeafHash, partition_of};
use ledger_core::member::{Accounts, MemberCommand, MemberState};
use ledger_store::Command;
use projectors::error::ProjectError;
use projectors::projections;
use projectors::source::{Delivery, Feed, LogReader, LogSource, OpenSource, Places, Source, What};
use sqlx::{PgPool, Row};

use crate::support::{PARTITIONS, World, dump, read_database, wait_until_passed};

/// How many records the rough source gives at once.
const ROUGH_PAGE: i64 = 37;

/// A log source that gives small pages, repeats records, and loses some.
struct Rough {
    inner: LogSource,
    page: usize,
    /// Goes on from source to source: one that counted anew would lose the same record for ever.
    count: Arc<AtomicUsize>,
    last: Vec<Delivery>,
}

impl Rough {
    fn open(log: LogReader, page: usize) -> OpenSource {
        let count = Arc::new(AtomicUsize::new(0));
        Arc::new(move || {
            let (inner, count) = (LogSource::new(log.clone()), Arc::clone(&count));
            Ok(Box::new(Self { inner, page, count, last: Vec::new() }) as Box<dyn Source>)
        })
    }

    async fn rough(&mut self, wait: Duration) -> Result<Vec<Delivery>, ProjectError> {
        let mut page = self.inner.next(self.page, wait).await?;
        let again = std::mem::replace(&mut self.last, page.clone());
        page.splice(0..0, again);
        page.retain(|_| !(self.count.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(11));
        Ok(page)
    }
}

impl Source for Rough {
    fn start<'a>(&'a mut self, places: &'a Places) -> BoxFuture<'a, Result<(), ProjectError>> {
        self.last.clear();
        self.inner.start(places)
    }

    fn next(&mut self, _max: usize, wait: Duration) -> BoxFuture<'_, Result<Vec<Delivery>, ProjectError>> {
        Box::pin(self.rough(wait))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn design_j1_a_projector_killed_again_and_again_ends_in_equal_rows() {
    let mut world = World::with_members(5).await;
    world.live().await;
    let expected = world.expected().await;
    let read = read_database().await;
    let head = world.head().await;
    for (projection, expected) in projections().into_iter().zip(expected) {
        let name = projection.name();
        for milliseconds in [30, 45, 60, 75, 90, 120] {
            let running = world.project(name, &read, Rough::open(world.options.log.clone(), 13));
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            running.abort();
        }
        let running = world.project(
            name,
            &read,
            Rough::open(world.options.log.clone(), usize::try_from(ROUGH_PAGE).expect("small")),
        );
        // What is lost of a page comes again with the next one, and may be lost again: of the last two pages something may be
        // missing for good, until one more event brings it.
        tokio::time::timeout(Duration::from_secs(60), async {
            loop {
                let passed: Option<i64> =
                    sqlx::query_scalar("SELECT passed FROM projectors.progress WHERE name = $1")
                        .bind(name)
                        .fetch_optional(&read)
                        .await
                        .expect("progress");
                if passed.is_some_and(|passed| passed + 2 * ROUGH_PAGE >= head) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("the rough projector follows");
        running.abort();
        let running = world.project(name, &read, world.log_source());
        wait_until_passed(&read, name, head).await;
        running.abort();
        assert_eq!(dump(&read, name).await, expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn read_models_equal_the_fold_of_the_domain() {
    let mut world = World::with_members(4).await;
    world.live().await;
    let read = world.options.read.clone();
    let head = world.head().await;
    for projection in projections() {
        let running = world.project(projection.name(), &read, world.log_source());
        wait_until_passed(&read, projection.name(), head).await;
        running.abort();
    }
    let mut states: BTreeMap<MemberId, MemberState> = BTreeMap::new();
    let (mut expired, mut purchases) = (0_i64, 0_i64);
    for stored in world.options.log.read_after(0, i64::MAX).await.expect("the log") {
        let row = stored.row;
        let Event::Member(event) = row.event().expect("an event") else { continue };
        expired += i64::from(row.event_type == "BonusExpired");
        purchases += i64::from(row.event_type == "PurchaseRecorded");
        let state = states.entry(MemberId::from_uuid(row.stream_id)).or_default();
        state.apply(row.position, row.occurred_at, &event).expect("history holds");
    }
    assert!(expired > 10, "the life has expiries: {expired}");
    let now = world.clock.now();
    for (member, state) in &states {
        let balance = state.balance(now, 30).expect("fits");
        let row = sqlx::query(
            "SELECT (SELECT coalesce(sum(left_kopecks) FILTER (WHERE available_from <= $2), 0)::bigint \
                     FROM balances.lots WHERE member_id = $1 AND expires_at >= $2) AS available, \
                    (SELECT coalesce(sum(left_kopecks) FILTER (WHERE available_from > $2), 0)::bigint \
                     FROM balances.lots WHERE member_id = $1 AND expires_at >= $2) AS pending, \
                    m.available_kopecks + m.pending_kopecks AS posted, t.total_kopecks AS total, \
                    (SELECT balance_after_kopecks FROM history.lines WHERE member_id = $1 \
                     ORDER BY position DESC LIMIT 1) AS newest, s.ordinary_status, s.with_medical_status \
             FROM balances.member_balances m JOIN history.totals t USING (member_id) \
             JOIN statuses.members s USING (member_id) WHERE m.member_id = $1",
        )
        .bind(member.as_uuid())
        .bind(now.to_utc())
        .fetch_one(&read)
        .await
        .expect("her rows");
        let total = balance.total().expect("fits").kopecks();
        assert_eq!(row.get::<i64, _>("available"), balance.available.kopecks());
        assert_eq!(row.get::<i64, _>("pending"), balance.pending.kopecks());
        for column in ["posted", "total", "newest"] {
            assert_eq!(row.get::<i64, _>(column), total, "{column}");
        }
        let (ordinary, with_medical) = state.tracks();
        assert_eq!(row.get::<String, _>("ordinary_status"), ordinary.status.as_str());
        assert_eq!(row.get::<String, _>("with_medical_status"), with_medical.status.as_str());
    }
    let recorded: i64 =
        sqlx::query_scalar("SELECT count(*) FROM directory.purchases WHERE bonuses_kopecks > 0")
            .fetch_one(&read)
            .await
            .expect("purchases");
    assert_eq!(recorded, purchases);
    journal_agrees(&read, purchases).await;
}

/// Rules M1, M2: a member's account in the journal is her balance, every lot adds up, each unit sums to zero.
async fn journal_agrees(read: &PgPool, purchases: i64) {
    let (apart, broken, unbalanced): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM balances.member_balances m WHERE available_kopecks <> coalesce( \
                    (SELECT sum(kopecks) FROM journal.postings \
                     WHERE unit = 'BON' AND account = 'member/' || m.member_id || '/available'), 0)), \
                (SELECT count(*) FROM journal.lots WHERE issued_kopecks <> \
                    redeemed_kopecks + expired_kopecks + taken_back_kopecks + outstanding_kopecks), \
                (SELECT count(*) FROM (SELECT FROM journal.totals GROUP BY unit HAVING sum(kopecks) <> 0) AS units)",
    )
    .fetch_one(read)
    .await
    .expect("the journal");
    assert_eq!((apart, broken, unbalanced), (0, 0, 0));
    let postings: i64 =
        sqlx::query_scalar("SELECT count(*) FROM journal.postings").fetch_one(read).await.expect("rows");
    assert!(postings > 4 * purchases, "each purchase is posted in both units: {postings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lots_of_one_purchase_that_expire_together_are_one_line() {
    let mut world = World::with_members(1).await;
    // A new category: the business's lot and the coalition's.
    world.purchase(0, 0, 100_000).await;
    world.pass(chrono::TimeDelta::days(100));
    world.review_all().await;
    let read = world.options.read.clone();
    // Pages of one record: the two expiries come in batches of their own.
    let log = world.options.log.clone();
    let open: OpenSource =
        Arc::new(move || Ok(Box::new(OneByOne(LogSource::new(log.clone()))) as Box<dyn Source>));
    let running = world.project("history", &read, open);
    wait_until_passed(&read, "history", world.head().await).await;
    running.abort();
    let lines: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT type, amount_kopecks, balance_after_kopecks FROM history.lines ORDER BY position",
    )
    .fetch_all(&read)
    .await
    .expect("lines");
    // 1,000 ₽ × 5 % × 1.5.
    assert_eq!(lines, [("earned".to_owned(), 7_500, 7_500), ("expired".to_owned(), 7_500, 0)]);
}

/// Gives one event at a time.
struct OneByOne(LogSource);

impl Source for OneByOne {
    fn start<'a>(&'a mut self, places: &'a Places) -> BoxFuture<'a, Result<(), ProjectError>> {
        self.0.start(places)
    }

    fn next(&mut self, _max: usize, wait: Duration) -> BoxFuture<'_, Result<Vec<Delivery>, ProjectError>> {
        self.0.next(1, wait)
    }
}

/// Gives what it was told to give.
struct Told(Vec<Delivery>);

impl Source for Told {
    fn start<'a>(&'a mut self, _places: &'a Places) -> BoxFuture<'a, Result<(), ProjectError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn next(&mut self, _max: usize, _wait: Duration) -> BoxFuture<'_, Result<Vec<Delivery>, ProjectError>> {
        Box::pin(std::future::ready(Ok(std::mem::take(&mut self.0))))
    }
}

async fn all_deliveries(world: &World) -> Vec<Delivery> {
    let mut source = LogSource::new(world.options.log.clone());
    let beginning = Places::beginning(world.ledger.log_id(), PARTITIONS);
    source.start(&beginning).await.expect("starts");
    source.next(10_000, Duration::ZERO).await.expect("all of the log")
}

async fn feed(world: &World, deliveries: Vec<Delivery>) -> Feed {
    let beginning = Places::beginning(world.ledger.log_id(), PARTITIONS);
    let open: OpenSource = Arc::new(move || Ok(Box::new(Told(deliveries.clone()))));
    Feed::open(open, world.options.log.clone(), beginning).await.expect("a feed")
}

fn positions(deliveries: &[Delivery]) -> Vec<i64> {
    let rows = deliveries.iter().filter(|delivery| matches!(delivery.what, What::Row { .. }));
    let mut positions: Vec<i64> = rows.map(|delivery| delivery.position).collect();
    positions.sort_unstable();
    positions
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_refilled_from_the_log_and_repeats_are_dropped() {
    let mut world = World::with_members(3).await;
    world.purchases(5).await;
    let all = all_deliveries(&world).await;
    let rows = positions(&all);
    // Only the last record of each partition comes, twice.
    let mut last: BTreeMap<i32, Delivery> = BTreeMap::new();
    for delivery in all.iter().filter(|delivery| matches!(delivery.what, What::Row { .. })) {
        last.insert(delivery.partition, delivery.clone());
    }
    let twice: Vec<Delivery> = last.values().chain(last.values()).cloned().collect();
    let mut feed = feed(&world, twice).await;
    let came = feed.next(10_000, Duration::ZERO).await.expect("everything");
    assert_eq!(positions(&came), rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_brings_what_was_anothers_comes_after_all_before_it_of_every_partition() {
    let mut world = World::with_members(2).await;
    while partition_of(world.members[0].as_uuid(), PARTITIONS)
        == partition_of(world.members[1].as_uuid(), PARTITIONS)
    {
        world = World::with_members(2).await;
    }
    for member in [0, 1, 0, 1] {
        world.purchase(member, 0, 100_000).await;
    }
    let (from, into) = (world.members[0], world.members[1]);
    let accounts = Accounts { from, into, reason_id: ReasonId::from_uuid(uuid::Uuid::from_u128(1)) };
    world.execute(Command::Merge(accounts)).await;
    world.execute(Command::Member { member_id: from, command: MemberCommand::ReviewStatus }).await;
    let all = all_deliveries(&world).await;
    let of = |member: MemberId| {
        let partition = partition_of(member.as_uuid(), PARTITIONS);
        all.iter().filter(move |delivery| delivery.partition == partition).cloned()
    };
    let head = world.head().await;
    let moved = |event_type: &str| {
        let found = all
            .iter()
            .find(|delivery| matches!(&delivery.what, What::Row { row, .. } if row.event_type == event_type));
        found.expect("a fact").position
    };
    let (merged, taken_in) = (moved("AccountMerged"), moved("AccountTakenIn"));
    // The survivor's partition comes first, whole.
    let mut feed = feed(&world, of(into).chain(of(from)).collect()).await;
    let mut came = Vec::new();
    while feed.places().get(partition_of(into.as_uuid(), PARTITIONS)).expect("a place").passed < taken_in {
        came.extend(feed.next(10_000, Duration::ZERO).await.expect("deliveries"));
    }
    let rows: Vec<i64> = came
        .iter()
        .filter(|delivery| matches!(delivery.what, What::Row { .. }))
        .map(|delivery| delivery.position)
        .collect();
    let place = |position| rows.iter().position(|row| *row == position).expect("it came");
    assert!(place(merged) < place(taken_in));
    assert!((1..taken_in).all(|position| place(position) < place(taken_in)), "{rows:?}");
    assert!(rows.iter().all(|position| *position <= head));
    // And once.
    assert_eq!(rows.len(), positions(&came).into_iter().collect::<std::collections::BTreeSet<_>>().len());
    let read = world.options.read.clone();
    for name in ["balances", "statuses", "history"] {
        let running = world.project(name, &read, world.log_source());
        wait_until_passed(&read, name, head).await;
        running.abort();
    }
    let lots: Vec<uuid::Uuid> = sqlx::query_scalar("SELECT DISTINCT member_id FROM balances.lots")
        .fetch_all(&read)
        .await
        .expect("lots");
    assert_eq!(lots, [into.as_uuid()]);
    let bills: i64 = sqlx::query_scalar("SELECT count(*) FROM statuses.bills WHERE member_id = $1")
        .bind(into.as_uuid())
        .fetch_one(&read)
        .await
        .expect("bills");
    assert_eq!(bills, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn design_j1_the_same_position_with_another_hash_is_a_fork() {
    let mut world = World::with_members(1).await;
    world.purchases(2).await;
    let mut all = all_deliveries(&world).await;
    all.retain(|delivery| matches!(delivery.what, What::Row { .. }));
    let mut forged = all.iter().rev().find(|delivery| delivery.prev > 0).expect("a second record").clone();
    if let What::Row { leaf_hash, .. } = &mut forged.what {
        *leaf_hash = LeafHash::from_slice(&[9; 32]).expect("a hash");
    }
    let position = forged.position;
    all.retain(|delivery| delivery.partition == forged.partition && delivery.position <= position);
    all.push(forged);
    let mut feed = feed(&world, all).await;
    let error = feed.next(10_000, Duration::ZERO).await.expect_err("a fork");
    assert!(matches!(error, ProjectError::Fork { position: at, .. } if at == position), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn design_j4_an_unreadable_record_stops_one_projection_at_its_place() {
    let mut world = World::with_members(2).await;
    world.purchases(3).await;
    let mut all = all_deliveries(&world).await;
    let index = all.iter().rposition(|delivery| matches!(delivery.what, What::Row { .. })).expect("a record");
    let position = all[index].position;
    all[index].what = What::Unreadable { reason: "the envelope does not read".to_owned() };
    all.truncate(index + 1);
    let read = world.options.read.clone();
    let told = std::sync::Mutex::new(Some(all));
    let open: OpenSource = Arc::new(move || {
        let deliveries = told.lock().expect("a lock").take().unwrap_or_default();
        Ok(Box::new(Told(deliveries)) as Box<dyn Source>)
    });
    let stopped = world.project("balances", &read, open);
    let error =
        tokio::time::timeout(Duration::from_secs(60), stopped).await.expect("it stops").expect("no panic");
    assert_eq!(error.position(), Some(position), "{error}");
    let row: (String, Option<i64>, Option<String>) =
        sqlx::query_as("SELECT state, stopped_at, reason FROM projectors.progress WHERE name = 'balances'")
            .fetch_one(&read)
            .await
            .expect("its status");
    assert_eq!((row.0.as_str(), row.1), ("stopped", Some(position)));
    assert!(row.2.expect("a reason").contains("does not read"));
    // What came before it is in; the others go on.
    let applied: i64 = sqlx::query_scalar("SELECT max(position) FROM balances.checkpoint")
        .fetch_one(&read)
        .await
        .expect("a checkpoint");
    assert_eq!(applied, position - 1);
    let running = world.project("history", &read, world.log_source());
    wait_until_passed(&read, "history", world.head().await).await;
    running.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l9_a_read_model_of_another_log_is_refused() {
    let world = World::with_members(1).await;
    let read = world.options.read.clone();
    let running = world.project("balances", &read, world.log_source());
    wait_until_passed(&read, "balances", world.head().await).await;
    running.abort();
    let other = World::with_members(1).await;
    assert_ne!(other.ledger.log_id(), world.ledger.log_id());
    let stopped = other.project("balances", &read, other.log_source());
    let error =
        tokio::time::timeout(Duration::from_secs(60), stopped).await.expect("it stops").expect("no panic");
    assert!(matches!(error, ProjectError::OtherLog { .. }), "{error}");
}
