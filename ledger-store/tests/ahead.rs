//! What is decided while a batch is in flight stands and falls with it, on a real PostgreSQL. Design L1, L2.

#[allow(dead_code, reason = "each test program uses its own part")]
mod support;

use chrono::TimeDelta;
use ledger_core::ids::{BusinessId, MemberId, NaturalKey, PurchaseId, RefundId};
use ledger_core::member::{MemberCommand, MemberOutcome};
use ledger_core::money::Roubles;
use ledger_core::rejection::Rejection;
use ledger_ops::clock::Clock;
use ledger_store::{
    Command, ExecuteError, Ledger, LedgerOptions, Outcome, Receipt, RefundRequest, Repeat, Unknown,
};
use sqlx::{PgPool, Postgres, Transaction};
use support::{Log, business, eventually, idempotency, member, purchase, purchase_at, request, whole_log};
use tokio::task::JoinHandle;

type Answer = JoinHandle<Result<Receipt, ExecuteError>>;

/// A ledger with a batch in flight that waits for the head's lock, and more decided on what it will make true.
struct Waiting {
    pool: PgPool,
    lock: Transaction<'static, Postgres>,
    /// Another process's purchase, before all of these in the queue for the lock.
    competitor: Option<Answer>,
    in_flight: Answer,
    /// Another purchase of the same member.
    next: Answer,
    /// The one in flight again.
    repeat: Answer,
    /// One that a rule refuses.
    refused: Answer,
    ledger: Ledger,
    sold: Command,
}

fn send(ledger: &Ledger, command: Command, key: &str) -> Answer {
    let (ledger, request) = (ledger.clone(), request(command, key));
    tokio::spawn(async move { ledger.execute(request).await })
}

/// Whether another process is the first in the queue for the lock.
#[derive(PartialEq, Eq)]
enum Competitor {
    Yes,
    No,
}

impl Waiting {
    async fn behind(log: &Log, competitor: Competitor) -> Self {
        let ledger = log.open(LedgerOptions::default()).await;
        let shop = business(&ledger, "mindal").await;
        let id = member(&ledger, "mindal").await;
        let pool = log.owner_pool().await;
        let other = log.open(LedgerOptions::default()).await;
        let mut lock = pool.begin().await.expect("a transaction");
        sqlx::query("SELECT 1 FROM ledger.log_head FOR UPDATE").execute(&mut *lock).await.expect("locked");
        let competitor = (competitor == Competitor::Yes)
            .then(|| send(&other, purchase(id, shop, 30_000), "the competitor's"));
        let before = usize::from(competitor.is_some());
        eventually(|| async { blocked(&pool).await.len() == before }).await;
        let sold = purchase(id, shop, 10_000);
        let in_flight = send(&ledger, sold.clone(), "one");
        eventually(|| async { blocked(&pool).await.len() == before + 1 }).await;
        let next = send(&ledger, purchase(id, shop, 20_000), "two");
        let repeat = send(&ledger, sold.clone(), "one");
        let refused = send(&ledger, in_an_hour(id, shop), "three");
        Self { pool, lock, competitor, in_flight, next, repeat, refused, ledger, sold }
    }
}

fn in_an_hour(id: MemberId, shop: BusinessId) -> Command {
    purchase_at(id, shop, 10_000, Clock::machine_now().plus(TimeDelta::hours(1)))
}

/// The server's processes that wait for the lock.
async fn blocked(pool: &PgPool) -> Vec<i32> {
    sqlx::query_scalar(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )
    .fetch_all(pool)
    .await
    .expect("the server tells")
}

async fn answer(answer: Answer) -> Result<Receipt, ExecuteError> {
    answer.await.expect("it is answered")
}

fn is_future(answer: Result<Receipt, ExecuteError>) -> bool {
    matches!(answer, Err(ExecuteError::Refused(Rejection::OccurredInFuture { .. })))
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l1_what_is_decided_ahead_follows_the_batch_in_flight() {
    let log = Log::new().await;
    let waiting = Waiting::behind(&log, Competitor::No).await;
    waiting.lock.rollback().await.expect("given back");
    let one = answer(waiting.in_flight).await.expect("accepted");
    let two = answer(waiting.next).await.expect("accepted");
    let repeat = answer(waiting.repeat).await.expect("the first answer again");
    assert_eq!((one.repeat, two.repeat), (Repeat::First, Repeat::First));
    assert_eq!((repeat.repeat, repeat.position), (Repeat::Replayed, one.position));
    assert!(is_future(answer(waiting.refused).await));
    assert_eq!(two.position, one.position.map(|position| position + 2));
    assert_eq!(whole_log(&waiting.pool).await.last().map(|last| last.row.position), two.position);
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l2_what_is_decided_ahead_of_a_conflict_is_decided_anew() {
    let log = Log::new().await;
    let waiting = Waiting::behind(&log, Competitor::Yes).await;
    waiting.lock.rollback().await.expect("given back");
    // As many facts as the batch in flight holds: the head moves to where that one would have moved it.
    let foreign = answer(waiting.competitor.expect("there is one")).await.expect("accepted");
    let one = answer(waiting.in_flight).await.expect("accepted");
    let two = answer(waiting.next).await.expect("accepted");
    let repeat = answer(waiting.repeat).await.expect("the first answer again");
    assert_eq!((one.repeat, two.repeat, repeat.repeat), (Repeat::First, Repeat::First, Repeat::Replayed));
    assert!(is_future(answer(waiting.refused).await));
    assert_eq!(one.position, foreign.position.map(|position| position + 2));
    assert_eq!(two.position, foreign.position.map(|position| position + 4));
    assert_eq!(whole_log(&waiting.pool).await.last().map(|last| last.row.position), two.position);
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l1_what_is_decided_ahead_of_a_lost_batch_is_decided_without_it() {
    let log = Log::new().await;
    let waiting = Waiting::behind(&log, Competitor::No).await;
    let in_flight = blocked(&waiting.pool).await;
    sqlx::query("SELECT pg_terminate_backend($1)")
        .bind(in_flight[0])
        .execute(&waiting.pool)
        .await
        .expect("ok");
    assert!(matches!(answer(waiting.in_flight).await, Err(ExecuteError::Unavailable)));
    waiting.lock.rollback().await.expect("given back");
    let two = answer(waiting.next).await.expect("accepted");
    let repeat = answer(waiting.repeat).await.expect("accepted");
    assert_eq!((two.repeat, repeat.repeat), (Repeat::First, Repeat::First), "the lost one was never written");
    assert!(is_future(answer(waiting.refused).await));
    let again = waiting.ledger.execute(request(waiting.sold, "one")).await.expect("the one answer");
    assert_eq!((again.repeat, again.position), (Repeat::Replayed, repeat.position));
    // Which of the two came first is nobody's promise.
    let last = whole_log(&waiting.pool).await.last().map(|last| last.row.position);
    assert_eq!(last, two.position.max(repeat.position));
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_f1_a_refund_sees_the_purchase_that_is_on_its_way_to_the_disk() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    let shop = business(&ledger, "mindal").await;
    let id = member(&ledger, "mindal").await;
    let pool = log.owner_pool().await;
    let mut lock = pool.begin().await.expect("a transaction");
    sqlx::query("SELECT 1 FROM ledger.log_head FOR UPDATE").execute(&mut *lock).await.expect("locked");
    let (sold, purchase_id) = keyed(purchase(id, shop, 10_000), "one");
    let in_flight = send(&ledger, sold, "one");
    eventually(|| async { blocked(&pool).await.len() == 1 }).await;
    let [first, second] = [6_000, 4_000].map(|kopecks| {
        let refund_id = RefundId::of_key(&[u8::try_from(kopecks / 1_000).expect("small"); 32]);
        let amount = Roubles::from_kopecks(kopecks);
        let refund = RefundRequest {
            purchase_id,
            business_id: shop,
            refund_id,
            amount,
            occurred_at: None,
            unknown: Unknown::Refused,
        };
        send(&ledger, Command::Refund(refund), &format!("refund {kopecks}"))
    });
    lock.rollback().await.expect("given back");
    answer(in_flight).await.expect("accepted");
    let taken_back = |receipt: Receipt| match receipt.outcome {
        Outcome::Member(MemberOutcome::Refunded { bonuses_taken_back, .. }) => bonuses_taken_back.kopecks(),
        other => panic!("not a refund: {other:?}"),
    };
    let (first, second) = (answer(first).await.expect("accepted"), answer(second).await.expect("accepted"));
    assert_eq!(taken_back(first) + taken_back(second), 750, "5 % × 1.5 of the whole bill");
    whole_log(&pool).await;
}

/// The purchase under the natural key that its request has, and its id.
fn keyed(command: Command, key: &str) -> (Command, PurchaseId) {
    let Command::Member { member_id, command: MemberCommand::RecordPurchase(mut sold) } = command else {
        panic!("not a purchase: {command:?}")
    };
    sold.document.natural_key = NaturalKey::from_bytes(idempotency(key, key).key);
    let purchase_id = sold.purchase_id();
    (Command::Member { member_id, command: MemberCommand::RecordPurchase(sold) }, purchase_id)
}
