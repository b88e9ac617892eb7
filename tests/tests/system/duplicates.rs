//! Everything twice, at every hop: requests, Kafka records, the relay, ClickHouse inserts. Counted once.

use futures::future::join_all;
use serde_json::json;
use std::time::Duration;
use system_tests::system::{
    Audit, Duplicates, Fate, Journal, Role, Seeded, Site, Town, eventually, import_until_known, record,
    shared,
};

use crate::{recently, sale, sales};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_twice_counts_once() {
    let mut site = Site::start(shared()).await;
    let town = Town::settle(&site, 10).await;
    let journal = Journal::default();
    requests(&site, &town, &journal).await;
    let seeded = Seeded::new("duplicates", 21);
    let lines = sales(&seeded, &town.businesses, &town.members, 0, 400);
    for _ in 0..3 {
        import_until_known(&site.admin(), &journal, &lines).await;
    }
    let once = Audit::pass(&site, &journal, Duplicates::None).await;
    let before = (once.purchases(), once.turnover(), once.log.events.len());

    kafka_records(&site).await;
    relay_from_the_start(&mut site).await;
    let again = Audit::pass(&site, &journal, Duplicates::None).await;
    assert_eq!((again.purchases(), again.turnover(), again.log.events.len()), before);

    clickhouse_inserts(&mut site).await;
    let again = Audit::pass(&site, &journal, Duplicates::UntilMerged).await;
    assert_eq!((again.purchases(), again.turnover(), again.log.events.len()), before);
    site.check();
}

/// Battery R13 and C4: five times one after the other, 200 times at once, with the same body and with another.
async fn requests(site: &Site, town: &Town, journal: &Journal) {
    let (business, member) = (&town.businesses[0], &town.members[0]);
    let till = business.till(site);
    let one = sale("d1", business, member, 123_456, &recently());
    let mut first = None;
    for attempt in 0..5 {
        let answer = record(&till, journal, &one).await.expect("an answer");
        assert_eq!(answer.status, if attempt == 0 { 201 } else { 200 });
        let mut data = answer.body["data"].clone();
        let replayed = data.as_object_mut().unwrap().remove("replayed");
        assert_eq!(replayed.is_some(), attempt > 0, "{}", answer.text);
        assert_eq!(*first.get_or_insert(data.clone()), data, "the first answer again");
    }
    let head = site.head().await;
    let mut other = one.clone();
    other.kopecks += 1;
    let reused = till.post("/transactions", &other.body()).await;
    assert_eq!((reused.status, reused.code()), (422, "IDEMPOTENCY_KEY_REUSED"));
    assert_eq!(site.head().await, head, "nothing was written");

    let many = sale("d2", business, member, 5_000, &recently());
    let another = sale("d2", business, member, 5_001, &recently());
    let sending = (0..200).map(|number| {
        let body = if number % 2 == 0 { many.body() } else { another.body() };
        let till = till.clone();
        async move { (number % 2, till.post("/transactions", &body).await) }
    });
    let answers = join_all(sending).await;
    let created: Vec<_> = answers.iter().filter(|(_, answer)| answer.status == 201).collect();
    assert_eq!(created.len(), 1, "one of 200 wins");
    let (winner, transaction_id) = (created[0].0, created[0].1.body["data"]["transaction_id"].clone());
    for (body, answer) in &answers {
        if *body == winner {
            assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
            assert_eq!(answer.body["data"]["transaction_id"], transaction_id);
        } else {
            assert_eq!((answer.status, answer.code()), (422, "IDEMPOTENCY_KEY_REUSED"), "{}", answer.text);
        }
    }
    journal.about_to_send(if winner == 0 { &many } else { &another });
    let transaction_id = transaction_id.as_str().unwrap().to_owned();
    journal.heard(&business.slug, "d2", Fate::Recorded { transaction_id });

    let body = json!({"slug": "twice", "category": "optics"});
    let headers = [("Idempotency-Key", "the same key")];
    let registering = (0..50).map(|_| async {
        let answer = site
            .admin()
            .try_call_with("POST", "/admin/businesses", &body, &headers)
            .await
            .expect("an answer");
        (answer.status, answer.body["data"]["business_id"].clone())
    });
    let answers = join_all(registering).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 201).count(), 1);
    assert!(
        answers.iter().all(|(status, id)| matches!(status, 200 | 201) && *id == answers[0].1),
        "{answers:?}"
    );
}

/// Every record of the topic comes a second time, in its partition, after all others.
async fn kafka_records(site: &Site) {
    let topic = site.topic();
    let records = topic.records();
    assert!(!records.is_empty());
    topic.send_again(&records).await;
    let doubled = topic.records().len();
    assert!(doubled >= 2 * records.len(), "{doubled} of {}", records.len());
}

/// The relay forgets what the broker acknowledged and sends the whole log again.
async fn relay_from_the_start(site: &mut Site) {
    site.kill_role(Role::Relay);
    let records = site.topic().records().len();
    let pool = site.database("ledger").await;
    sqlx::query("DELETE FROM ledger.relay_checkpoint").execute(&pool).await.expect("the checkpoint goes");
    site.start_role(Role::Relay);
    let head = site.head().await;
    let passed = || async {
        let passed =
            sqlx::query_scalar::<_, Option<i64>>("SELECT min(log_position) FROM ledger.relay_checkpoint");
        passed.fetch_one(&pool).await.expect("the relay's checkpoint")
    };
    let limit = Duration::from_secs(60);
    eventually("the relay has sent everything again", limit, passed, |passed| *passed == Some(head)).await;
    let now = site.topic().records().len();
    assert!(now > records + usize::try_from(head).unwrap() / 2, "{now} records after {records}, head {head}");
    pool.close().await;
}

/// The sink forgets that ClickHouse has answered: the inserts are repeated; then it forgets what it sent.
async fn clickhouse_inserts(site: &mut Site) {
    let pool = site.database("read").await;
    site.kill_role(Role::Analytics);
    let forgotten = sqlx::query("UPDATE analytics.ingest_batches SET sent = false").execute(&pool).await;
    assert!(forgotten.expect("the sink's journal").rows_affected() > 0);
    site.start_role(Role::Analytics);
    let unsent = || async {
        let unsent =
            sqlx::query_scalar::<_, i64>("SELECT count(*) FROM analytics.ingest_batches WHERE NOT sent");
        unsent.fetch_one(&pool).await.expect("the sink's journal")
    };
    eventually("the sink has repeated its inserts", Duration::from_secs(60), unsent, |unsent| *unsent == 0)
        .await;
    pool.close().await;
}
