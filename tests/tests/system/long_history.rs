//! A member with thousands of events: after a restart she is decided on as before, from a snapshot or without it.

use serde_json::Value;
use system_tests::system::{
    Audit, Duplicates, Journal, Role, Site, Town, import_until_known, record_until_known, shared,
};

use crate::{past, recently, sale};

/// Purchases of each of the two members, two events each.
const PURCHASES: i64 = 1_100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_history_decides_the_same_after_a_restart() {
    let mut site = Site::start(shared()).await;
    let town = Town::settle(&site, 2).await;
    let journal = Journal::default();
    let lines: Vec<_> = (0..PURCHASES)
        .flat_map(|number| {
            let business = &town.businesses[if number % 500 == 7 { 1 } else { 0 }];
            let at = past(number * 600);
            let one = |who: usize| {
                sale(&format!("l{number}-{who}"), business, &town.members[who], 900 + number, &at)
            };
            [one(0), one(1)]
        })
        .collect();
    for part in lines.chunks(500) {
        import_until_known(&site.admin(), &journal, part).await;
    }
    let at = recently();
    // To each of them the same purchases: to the first before the restart, to the second after it.
    let before = bought(&site, &town, &journal, 0, &at).await;
    site.restart_api(0);
    site.wait_ready();
    let after = bought(&site, &town, &journal, 1, &at).await;
    assert_eq!(before, after);
    assert!(before.iter().any(|(earned, _)| earned != &Value::from("0.00")));
    let pool = site.database("ledger").await;
    let deep: i64 = sqlx::query_scalar("SELECT max(stream_version)::bigint FROM ledger.snapshots")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(deep > 1_000, "the newest snapshot is at version {deep}");
    sqlx::query("DELETE FROM ledger.snapshots").execute(&pool).await.expect("a cache may be emptied");
    pool.close().await;
    site.restart_api(0);
    site.wait_ready();
    let one = sale("replayed", &town.businesses[2], &town.members[0], 100_000, &at);
    let answer = record_until_known(&town.businesses[2].till(&site), &journal, &one).await;
    assert_eq!(answer.status, 200, "known before: {}", answer.text);
    site.restart_role(Role::Project);
    let audit = Audit::pass(&site, &journal, Duplicates::None).await;
    assert_eq!(audit.purchases(), usize::try_from(PURCHASES).unwrap() * 2 + 6);
    site.check();
}

/// Three purchases at three businesses: what each earned, and the status after it.
async fn bought(site: &Site, town: &Town, journal: &Journal, who: usize, at: &str) -> Vec<(Value, Value)> {
    let mut results = Vec::new();
    for (index, name) in [(0, "old"), (1, "known"), (2, "replayed")] {
        let business = &town.businesses[index];
        let number = if who == 0 { name.to_owned() } else { format!("{name}-{who}") };
        let one = sale(&number, business, &town.members[who], 100_000, at);
        let answer = record_until_known(&business.till(site), journal, &one).await;
        let data = answer.data(201);
        results.push((data["bonuses_earned"].clone(), data["status"].clone()));
    }
    results
}
