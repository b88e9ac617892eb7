//! SIGSTOP of one of two `ledger-api` processes while it holds work: the other goes on, and when the first wakes it finds its
//! work done or does it, once. Battery R9.

use std::time::Duration;

use futures::future::join_all;
use system_tests::system::{
    Audit, Client, Duplicates, Journal, Sale, Site, Town, record_until_known, shared,
};

use crate::{recently, sale};

/// Each process is stopped this often.
const STOPS: usize = 2;
/// Sales on their way to one process at the same time.
const AT_ONCE: usize = 24;
/// What the other may need: first the server must find that the stopped one holds the head's lock for too long.
const GOES_ON: Duration = Duration::from_secs(30);

fn some_sales(town: &Town, name: &str) -> Vec<Sale> {
    let one = |number: usize| {
        let (business, member) = (&town.businesses[number % 3], &town.members[number % 4]);
        sale(&format!("{name}-{number}"), business, member, 10_000, &recently())
    };
    (0..AT_ONCE).map(one).collect()
}

/// Sends them all at once to the process at `base`, each until it is known.
async fn sell(nobody: Client, base: &str, journal: &Journal, sales: &[Sale]) {
    let selling = sales.iter().map(|one| {
        let till = nobody.at(base).with(format!("ApiKey {}", one.business.key));
        async move { record_until_known(&till, journal, one).await }
    });
    for answer in join_all(selling).await {
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_stands_still_holds_nobody_up_and_doubles_nothing() {
    let mut site = Site::start(shared()).await;
    let town = Town::settle(&site, 4).await;
    let bases = [site.installation().http_url(), site.start_api()];
    let journal = Journal::default();
    let log = site.database("ledger").await;
    for round in 0..STOPS * 2 {
        let stopped = round % 2;
        let (its_base, other) = (&bases[stopped], &bases[1 - stopped]);
        // Each has just been overtaken by the other, which is when the head's lock is held longest.
        let raced = [some_sales(&town, &format!("a{round}")), some_sales(&town, &format!("b{round}"))];
        tokio::join!(
            sell(site.nobody(), its_base, &journal, &raced[0]),
            sell(site.nobody(), other, &journal, &raced[1])
        );

        let mut held = log.begin().await.expect("a transaction");
        let _: i64 = sqlx::query_scalar("SELECT position FROM ledger.log_head FOR UPDATE")
            .fetch_one(&mut *held)
            .await
            .expect("the head's lock");
        let (before, after) =
            (some_sales(&town, &format!("c{round}")), some_sales(&town, &format!("d{round}")));
        let its_work = sell(site.nobody(), its_base, &journal, &before);
        tokio::pin!(its_work);
        tokio::select! {
            () = &mut its_work => panic!("nothing is written while the head's lock is held"),
            () = Site::wait_for_waiting(&log) => {}
        }
        site.pause_api(stopped);
        held.rollback().await.expect("the lock is given back");

        // The same documents from the same tills, and new ones of the same members.
        let goes_on = async {
            sell(site.nobody(), other, &journal, &before[..AT_ONCE / 2]).await;
            sell(site.nobody(), other, &journal, &after).await;
        };
        tokio::time::timeout(GOES_ON, goes_on).await.expect("the other process goes on");
        site.resume_api(stopped);
        its_work.await;
    }
    log.close().await;
    let audit = Audit::pass(&site, &journal, Duplicates::None).await;
    assert_eq!(audit.purchases(), STOPS * 2 * 4 * AT_ONCE);
    assert!(site.all_run(), "{}", site.logs());
    site.check();
}
