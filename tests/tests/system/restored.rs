//! A log restored from a backup is behind what it has published: nobody starts on it. Design L9.

use std::time::Duration;

use system_tests::system::{Audit, Duplicates, Journal, Seeded, Site, Town, import_until_known, shared};

use crate::sales;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_starts_on_a_restored_backup() {
    let mut site = Site::start(shared()).await;
    let town = Town::settle(&site, 5).await;
    let journal = Journal::default();
    let seeded = Seeded::new("a backup", 71);
    let lines = sales(&seeded, &town.businesses, &town.members, 0, 100);
    import_until_known(&site.admin(), &journal, &lines).await;
    let behind = site.settle().await;
    site.kill_all();
    back_up(&site).await;
    site.start_api();
    let more = sales(&seeded, &town.businesses, &town.members, 100, 100);
    import_until_known(&site.admin(), &journal, &more).await;
    system_tests::system::Role::ALL.into_iter().for_each(|role| site.start_role(role));
    let audit = Audit::pass(&site, &journal, Duplicates::None).await;
    let head = i64::try_from(audit.log.events.len()).unwrap();
    assert!(head > behind);
    site.kill_all();

    let backup = site
        .setting("LEDGER__URL")
        .replace(&format!("{}_ledger", site.name()), &format!("{}_backup", site.name()));
    let backup = backup.replace("_backup_service", "_ledger_service");
    let on_backup = [("OWN_CIRCLE__LEDGER__URL", backup.as_str())];
    let limit = Duration::from_secs(60);
    for (label, program, arguments) in [
        ("restored-api", "ledger-api", ["serve"].as_slice()),
        ("restored-relay", "projectors", ["relay"].as_slice()),
        ("restored-project", "projectors", ["project", "all"].as_slice()),
        ("restored-analytics", "projectors", ["analytics"].as_slice()),
    ] {
        let (good, said) = site.run(label, program, arguments, &on_backup, limit);
        assert!(!good, "{label} runs on a restored backup: {said}");
        let line = format!("the log ends at position {behind}");
        assert!(said.lines().any(|said| said.contains(&line)), "{label} does not say so in one line: {said}");
    }
    let pool = site.database("backup").await;
    let written: i64 =
        sqlx::query_scalar("SELECT max(position) FROM ledger.events").fetch_one(&pool).await.unwrap();
    assert_eq!(written, behind, "nothing was appended to it");
}

/// A copy of the log's database as it is now.
async fn back_up(site: &Site) {
    let pool = sqlx::PgPool::connect(site.installation().admin_url()).await.expect("the server's owner");
    let name = site.name();
    let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1";
    sqlx::query(ended).bind(format!("{name}_ledger")).execute(&pool).await.expect("its connections end");
    let copy = format!("CREATE DATABASE {name}_backup TEMPLATE {name}_ledger");
    sqlx::query(sqlx::AssertSqlSafe(copy)).execute(&pool).await.expect("a copy");
    pool.close().await;
}
