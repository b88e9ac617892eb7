//! A slow transaction holds the place of the next event while others want to commit: nobody skips what comes late.

use std::time::Duration;

use futures::future::join_all;
use system_tests::system::{Audit, Duplicates, Journal, Site, Town, record_until_known, shared};

use crate::{recently, sale};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_skips_what_a_slow_transaction_holds() {
    let mut site = Site::start(shared()).await;
    let town = Town::settle(&site, 4).await;
    let second = site.start_api();
    let journal = Journal::default();
    let pool = site.database("ledger").await;
    for round in 0..3 {
        let head = site.settle().await;
        let mut slow = pool.begin().await.expect("a transaction");
        let held: i64 = sqlx::query_scalar("SELECT position FROM ledger.log_head FOR UPDATE")
            .fetch_one(&mut *slow)
            .await
            .expect("the place");
        assert_eq!(held, head);
        let business = &town.businesses[round];
        let till = business.till(&site);
        let all: Vec<_> = (0..100)
            .map(|number| {
                let till = if number % 2 == 0 { till.clone() } else { till.at(&second) };
                let member = &town.members[number % 4];
                (till, sale(&format!("s{round}-{number}"), business, member, 10_000, &recently()))
            })
            .collect();
        let writing = join_all(all.iter().map(|(till, one)| record_until_known(till, &journal, one)));
        let holding = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let stands: i64 = sqlx::query_scalar("SELECT max(position) FROM ledger.events")
                .fetch_one(&pool)
                .await
                .expect("the log");
            assert_eq!(stands, head, "nobody passes the place that is held");
            if round == 1 { slow.commit().await } else { slow.rollback().await }
                .expect("the place is given back");
        };
        let (answers, ()) = tokio::join!(writing, holding);
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 201)));
    }
    pool.close().await;
    let audit = Audit::pass(&site, &journal, Duplicates::None).await;
    assert_eq!(audit.purchases(), 300);
    site.check();
}
