//! Servers that go away under load: Kafka for ten seconds, PostgreSQL killed as by a power cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use system_tests::system::{
    Audit, Client, Duplicates, Journal, Role, Seeded, Site, Town, eventually, own, record,
};
use tokio::task::JoinHandle;

use crate::{recently, sale};

/// What the tills saw.
#[derive(Debug, Default)]
struct Seen {
    created: AtomicU64,
    unavailable: AtomicU64,
    silent: AtomicU64,
    stop: AtomicBool,
}

impl Seen {
    fn created(&self) -> u64 {
        self.created.load(Ordering::Relaxed)
    }

    fn unavailable(&self) -> u64 {
        self.unavailable.load(Ordering::Relaxed)
    }
}

/// One till: each sale is tried again until it is known; every 503 says when to come again.
async fn selling(number: u64, till: Client, town: Town, journal: Arc<Journal>, seen: Arc<Seen>) {
    let seeded = Seeded::new("a till", 50 + number);
    let mut count = 0_u64;
    while !seen.stop.load(Ordering::Relaxed) {
        count += 1;
        let kopecks = i64::try_from(1 + seeded.below(100_000)).unwrap();
        let name = format!("o{number}-{count}");
        let one = sale(&name, &town.businesses[0], seeded.pick(&town.members), kopecks, &recently());
        loop {
            match record(&till, &journal, &one).await {
                Some(answer) if matches!(answer.status, 200 | 201) => break,
                Some(answer) => {
                    assert_eq!(answer.status, 503, "{}", answer.text);
                    seen.unavailable.fetch_add(1, Ordering::Relaxed);
                }
                None => {
                    seen.silent.fetch_add(1, Ordering::Relaxed);
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        seen.created.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn tills(site: &Site, town: &Town, journal: &Arc<Journal>, first: u64) -> (Arc<Seen>, Vec<JoinHandle<()>>) {
    let seen = Arc::new(Seen::default());
    let till = town.businesses[0].till(site);
    let start =
        |number| tokio::spawn(selling(number, till.clone(), town.clone(), journal.clone(), seen.clone()));
    let tasks = (first..first + 4).map(start).collect();
    (seen, tasks)
}

async fn closed(seen: &Seen, tasks: Vec<JoinHandle<()>>) {
    seen.stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.expect("a till ends");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_go_away_and_come_back() {
    let stack = own();
    let mut site = Site::start(stack.clone()).await;
    let town = Town::settle(&site, 8).await;
    let journal = Arc::new(Journal::default());
    kafka_away(&site, &town, &journal).await;
    Audit::pass(&site, &journal, Duplicates::None).await;
    assert!(site.all_run(), "no process ended with the broker: {}", site.logs());
    postgres_killed(&site, &town, &journal).await;
    // A projector may end with the database; whoever runs it starts it again. `ledger-api` recovers by itself.
    Role::ALL.into_iter().for_each(|role| site.restart_role(role));
    Audit::pass(&site, &journal, Duplicates::None).await;
    site.check();
}

/// Battery R5 in the small: writes go on without a broker, and the lag is gone afterwards.
async fn kafka_away(site: &Site, town: &Town, journal: &Arc<Journal>) {
    let (seen, tasks) = tills(site, town, journal, 0);
    eventually("sales", Duration::from_secs(20), async || seen.created(), |created| *created >= 20).await;
    site.stack().kafka().kill().expect("the broker is killed");
    let before = seen.created();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let meanwhile = seen.created() - before;
    assert!(meanwhile >= 50, "{meanwhile} sales in ten seconds without a broker");
    assert_eq!(seen.unavailable(), 0, "no sale was refused");
    site.stack().kafka().start().expect("the broker starts");
    closed(&seen, tasks).await;
    site.settle().await;
}

/// Battery R3 in the small: 503 with Retry-After meanwhile, nothing acknowledged is lost, recovery unaided.
async fn postgres_killed(site: &Site, town: &Town, journal: &Arc<Journal>) {
    let (seen, tasks) = tills(site, town, journal, 10);
    for _ in 0..2 {
        let before = (seen.created(), seen.unavailable());
        let limit = Duration::from_secs(30);
        eventually("sales", limit, async || seen.created(), |created| *created >= before.0 + 20).await;
        site.stack().postgres().kill().expect("the server is killed");
        eventually("503", limit, async || seen.unavailable(), |refused| *refused >= before.1 + 3).await;
        let ready = site.nobody().get("/health/ready").await;
        assert_eq!(ready.status, 503, "not ready without a database: {}", ready.text);
        assert_eq!(site.nobody().get("/health/live").await.status, 200, "and alive");
        site.stack().postgres().start().expect("the server starts");
        let after = seen.created();
        eventually("sales again, unaided", limit, async || seen.created(), |created| *created >= after + 20)
            .await;
    }
    closed(&seen, tasks).await;
    assert!(journal.unknown().is_empty());
}
