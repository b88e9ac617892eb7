//! SIGKILL of every process, several times, in the middle of an import: afterwards every purchase is there exactly once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use system_tests::system::{
    Audit, Client, Duplicates, Journal, Role, Seeded, Site, Town, import_until_known, record_until_known,
    shared,
};

use crate::{recently, sale, sales};

/// Kills of each process.
const KILLS: u64 = 3;
/// Purchases there are at least.
const PURCHASES_MIN: u64 = 3_000;
/// Lines of one import.
const LINES: u64 = 250;

/// Imports until told to stop and at least [`PURCHASES_MIN`] lines; gives their number.
async fn importing(admin: Client, journal: Arc<Journal>, town: Town, stop: Arc<AtomicBool>) -> u64 {
    let seeded = Seeded::new("the import", 11);
    let mut sent = 0;
    while sent < PURCHASES_MIN || !stop.load(Ordering::Relaxed) {
        let lines = sales(&seeded, &town.businesses, &town.members, sent, LINES);
        import_until_known(&admin, &journal, &lines).await;
        sent += LINES;
    }
    sent
}

/// Single purchases beside the import, from a till that tries again.
async fn selling(
    till: Client,
    journal: Arc<Journal>,
    town: Town,
    stop: Arc<AtomicBool>,
    sold: Arc<AtomicU64>,
) {
    let seeded = Seeded::new("the till", 12);
    while !stop.load(Ordering::Relaxed) {
        let number = sold.fetch_add(1, Ordering::Relaxed);
        let kopecks = i64::try_from(1 + seeded.below(100_000)).unwrap();
        let one = sale(
            &format!("t{number}"),
            &town.businesses[0],
            seeded.pick(&town.members),
            kopecks,
            &recently(),
        );
        let answer = record_until_known(&till, &journal, &one).await;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_process_is_killed_in_the_middle_of_an_import() {
    let mut site = Site::start(shared()).await;
    let town = Town::settle(&site, 40).await;
    let journal = Arc::new(Journal::default());
    let (stop, sold) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let import = tokio::spawn(importing(site.admin(), journal.clone(), town.clone(), stop.clone()));
    let till = town.businesses[0].till(&site);
    let till = tokio::spawn(selling(till, journal.clone(), town, stop.clone(), sold.clone()));
    let seeded = Seeded::new("the kills", 13);
    let mut victims: Vec<Option<Role>> = Vec::new();
    for _ in 0..KILLS {
        let mut round: Vec<Option<Role>> = Role::ALL.into_iter().map(Some).collect();
        round.push(None);
        while !round.is_empty() {
            let next = seeded.place(round.len());
            victims.push(round.remove(next));
        }
    }
    for victim in victims {
        // A seeded moment of the work, not a wait for anything.
        tokio::time::sleep(Duration::from_millis(100 + seeded.below(500))).await;
        match victim {
            Some(role) => site.restart_role(role),
            None => site.restart_api(0),
        }
    }
    stop.store(true, Ordering::Relaxed);
    let imported = import.await.expect("the import ends");
    till.await.expect("the till ends");
    let audit = Audit::pass(&site, &journal, Duplicates::None).await;
    let sold = sold.load(Ordering::Relaxed);
    assert_eq!(u64::try_from(audit.purchases()).unwrap(), imported + sold);
    assert!(imported >= PURCHASES_MIN && sold > 0, "{imported} imported, {sold} sold");
    assert!(site.all_run(), "{}", site.logs());
    site.check();
}
