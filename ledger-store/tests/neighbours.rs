//! What stands still or cannot be read hurts nobody else, on a real PostgreSQL. Design L1.

#[allow(dead_code, reason = "each test program uses its own part")]
mod support;

use ledger_store::{ExecuteError, LedgerOptions, Repeat};
use support::{Log, business, member, purchase, request};

#[tokio::test(flavor = "multi_thread")]
async fn design_l1_a_history_that_cannot_be_read_hurts_no_neighbour() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    let shop = business(&ledger, "mindal").await;
    let (strange, plain) = (member(&ledger, "mindal").await, member(&ledger, "mindal").await);
    // A newer program has written what this one does not know.
    let mut newer = log.owner_pool().await.begin().await.expect("a transaction");
    sqlx::query("UPDATE ledger.log_head SET position = position + 1").execute(&mut *newer).await.expect("ok");
    sqlx::query(
        "INSERT INTO ledger.events
         SELECT (SELECT position FROM ledger.log_head), gen_random_uuid(), stream_type, stream_id, stream_version + 1,
                'FromTheFuture', 1, occurred_at, recorded_at, '{}', metadata, leaf_hash
         FROM ledger.events WHERE stream_id = $1 ORDER BY stream_version DESC LIMIT 1",
    )
    .bind(strange.as_uuid())
    .execute(&mut *newer)
    .await
    .expect("inserted");
    newer.commit().await.expect("committed");

    // To one process she is warm, to the other she is cold; in both her neighbour stands in the same batch.
    for (name, ledger) in [("warm", ledger), ("cold", log.open(LedgerOptions::default()).await)] {
        let key = |number: usize| format!("{name} {number}");
        let of = |id, number| ledger.execute(request(purchase(id, shop, 10_000), &key(number)));
        let (one, two, three) = tokio::join!(of(plain, 1), of(strange, 2), of(plain, 3));
        assert_eq!(one.expect("accepted").repeat, Repeat::First, "{name}");
        assert!(matches!(two, Err(ExecuteError::Corrupt)), "{name}: {two:?}");
        assert_eq!(three.expect("accepted").repeat, Repeat::First, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l1_a_process_that_stands_still_with_the_heads_lock_loses_it() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    let shop = business(&ledger, "mindal").await;
    let id = member(&ledger, "mindal").await;
    let mut stopped = log.pool().await.begin().await.expect("a transaction");
    sqlx::query("SELECT position FROM ledger.log_head FOR UPDATE")
        .execute(&mut *stopped)
        .await
        .expect("locked");
    let sold = ledger.execute(request(purchase(id, shop, 10_000), "receipt 1"));
    let receipt = tokio::time::timeout(std::time::Duration::from_secs(60), sold).await.expect("not for ever");
    assert_eq!(receipt.expect("accepted").repeat, Repeat::First);
    assert!(stopped.commit().await.is_err(), "the server has ended the session that stood still");
}
