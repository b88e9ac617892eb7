//! Every projection is built anew from the log while it serves: the same rows, and readers notice nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use system_tests::system::{
    Audit, Client, Duplicates, Journal, Seeded, Site, Town, import_until_known, record_until_known, shared,
};

use crate::{recently, sale, sales};

const TABLES: [(&str, &[&str]); 5] = [
    ("balances", &["member_balances", "lots"]),
    ("history", &["lines", "totals"]),
    ("statuses", &["members", "consents", "bills"]),
    ("directory", &["businesses", "terms", "multipliers", "policies", "quarantine", "purchases"]),
    ("journal", &["postings", "totals", "lots"]),
];

/// Every row of a projection, as one digest.
async fn digest(pool: &sqlx::PgPool, schema: &str, tables: &[&str]) -> Vec<(String, i64, Option<String>)> {
    let mut digests = Vec::new();
    for table in tables {
        let query = format!(
            "SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {schema}.{table} t"
        );
        let (count, md5): (i64, Option<String>) =
            sqlx::query_as(sqlx::AssertSqlSafe(query)).fetch_one(pool).await.expect("a table");
        digests.push(((*table).to_owned(), count, md5));
    }
    digests
}

/// Reads without pause; every answer is whole, and the same.
async fn reading(me: Client, head: i64, stop: Arc<AtomicBool>, reads: Arc<AtomicU64>) {
    let paths = ["/loyalty/balance", "/loyalty/transactions", "/loyalty/status-progress"];
    let mut first: Vec<Option<serde_json::Value>> = vec![None; paths.len()];
    while !stop.load(Ordering::Relaxed) {
        for (path, first) in paths.iter().zip(&mut first) {
            let answer = me.get(path).await;
            let passed: i64 = answer.header("x-read-position").parse().unwrap_or_default();
            let data = answer.data(200);
            assert!(passed >= head, "{path} went back from {head} to {passed}");
            assert_eq!(*first.get_or_insert(data.clone()), data, "{path}");
            reads.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_ends_in_the_same_rows_and_readers_notice_nothing() {
    let site = Site::start(shared()).await;
    let town = Town::settle(&site, 20).await;
    let journal = Arc::new(Journal::default());
    let seeded = Seeded::new("rebuild", 61);
    let lines = sales(&seeded, &town.businesses, &town.members, 0, 1_500);
    import_until_known(&site.admin(), &journal, &lines).await;
    let head = site.settle().await;
    let me = town.members[0].sign_in(&site).await;
    let (stop, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let reader = tokio::spawn(reading(me, head, stop.clone(), reads.clone()));
    let pool = site.database("read").await;
    for (name, tables) in TABLES {
        let before = digest(&pool, name, tables).await;
        assert!(before.iter().any(|(_, count, _)| *count > 0), "{name} is empty");
        rebuilt(&site, name);
        assert_eq!(digest(&pool, name, tables).await, before, "{name}");
    }
    let count = "SELECT count(), sum(cityHash64(*)) FROM transaction_facts FINAL";
    let before = site.warehouse().rows(count).await;
    rebuilt(&site, "analytics");
    assert_eq!(site.warehouse().rows(count).await, before, "analytics");
    stop.store(true, Ordering::Relaxed);
    reader.await.expect("the reader never met an error");
    assert!(reads.load(Ordering::Relaxed) > 30, "{} reads", reads.load(Ordering::Relaxed));
    Audit::pass(&site, &journal, Duplicates::None).await;
    pool.close().await;
    while_writing(site, &town, journal).await;
}

/// Sells until told to stop; gives the number of sales.
async fn selling(till: Client, town: Town, journal: Arc<Journal>, stop: Arc<AtomicBool>) -> usize {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let member = &town.members[number % town.members.len()];
        let one = sale(&format!("n{number}"), &town.businesses[0], member, 7_700, &recently());
        assert_eq!(record_until_known(&till, &journal, &one).await.status, 201);
        number += 1;
    }
    number
}

/// The same with purchases coming in: the new tables miss none.
async fn while_writing(site: Site, town: &Town, journal: Arc<Journal>) {
    let stop = Arc::new(AtomicBool::new(false));
    let till = town.businesses[0].till(&site);
    let writer = tokio::spawn(selling(till, town.clone(), journal.clone(), stop.clone()));
    for name in ["balances", "history", "statuses", "directory", "journal", "analytics"] {
        rebuilt(&site, name);
    }
    stop.store(true, Ordering::Relaxed);
    let written = writer.await.expect("the writer ends");
    assert!(written > 0);
    let audit = Audit::pass(&site, &journal, Duplicates::UntilMerged).await;
    assert_eq!(audit.purchases(), 1_500 + written);
    site.check();
}

fn rebuilt(site: &Site, name: &str) {
    let limit = Duration::from_secs(90);
    let (good, said) = site.run(&format!("rebuild-{name}"), "projectors", &["rebuild", name], &[], limit);
    assert!(good, "rebuild {name}: {said}");
}
