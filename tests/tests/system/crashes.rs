//! SIGKILL of every process, several times, in the middle of an import: afterwards every purchase is there exactly once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use system_tests::system::{
    Audit, Business, Client, Duplicates, Journal, Member, Role, Seeded, Site, Town, eventually,
    import_until_known, record_until_known, shared,
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

/// The log has her, the process is killed before the vault knows it: the next start finds that out by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_cut_between_log_and_vault_is_finished_at_the_next_start() {
    const PHONE: &str = "+79995558888";
    const PENDING: &str = "SELECT count(*) FROM vault.members WHERE state = 'pending'";
    const REGISTERED: &str = "SELECT count(*) FROM ledger.events WHERE event_type = 'MemberRegistered'";
    let mut site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let (log, vault) = (site.database("ledger").await, site.database("vault").await);
    let count = async |pool: &sqlx::PgPool, sql: &'static str| -> i64 {
        sqlx::query_scalar(sql).fetch_one(pool).await.expect("a count")
    };
    let limit = Duration::from_secs(30);

    let mut head = log.begin().await.expect("a transaction");
    sqlx::query("SELECT position FROM ledger.log_head FOR UPDATE").execute(&mut *head).await.expect("locked");
    let admin = site.admin();
    let personal = json!({"purpose": "personal_data", "version": "1"});
    let body = json!({"phone": PHONE, "first_name": "Анна", "consents": [personal, shop.consent()]});
    let registering = tokio::spawn(async move { admin.try_call("POST", "/admin/members", &body).await });
    eventually("she is pending", limit, async || count(&vault, PENDING).await, |found| *found == 1).await;
    // Now the vault holds still, so that its last step cannot be taken before the process dies.
    let mut still = vault.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE vault.members IN EXCLUSIVE MODE").execute(&mut *still).await.expect("locked");
    head.rollback().await.expect("the head is given back");
    eventually("the log has her", limit, async || count(&log, REGISTERED).await, |found| *found == 1).await;
    site.restart_api(0);
    assert!(registering.await.expect("a task").is_err(), "nobody heard how it ended");
    assert_eq!(count(&vault, PENDING).await, 1);
    still.rollback().await.expect("the vault goes on");

    site.wait_ready();
    eventually("she is settled", limit, async || count(&vault, PENDING).await, |found| *found == 0).await;
    let by_phone = json!({
        "external_id": "1", "member": {"phone": PHONE}, "amount": "100.00", "occurred_at": recently(),
    });
    let sold = shop.till(&site).post("/transactions", &by_phone).await;
    assert_eq!(sold.status, 201, "{}", sold.text);
    let id: String =
        sqlx::query_scalar("SELECT stream_id::text FROM ledger.events WHERE stream_type = 'member'")
            .fetch_one(&log)
            .await
            .expect("her id");
    let me = Member { id, phone: PHONE.to_owned() }.sign_in(&site).await;
    assert_eq!(me.get("/users/me").await.data(200)["first_name"], "Анна");
    const NOTED: &str = "SELECT count(*) FROM vault.partner_members WHERE granted";
    let noted = async || count(&vault, NOTED).await;
    eventually("her consent is known to look-ups by hash", limit, noted, |found| *found == 1).await;
    log.close().await;
    vault.close().await;
}
