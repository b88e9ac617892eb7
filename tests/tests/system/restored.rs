//! A log restored from a backup is behind what it has published: nobody starts on it. Design L9.

use std::time::Duration;

use local_stack::ProcessOptions;
use system_tests::system::{
    Audit, Duplicates, Journal, Role, Seeded, Site, Town, import_until_known, own, shared,
};

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
    Role::ALL.into_iter().for_each(|role| site.start_role(role));
    let audit = Audit::pass(&site, &journal, Duplicates::None).await;
    let head = i64::try_from(audit.log.events.len()).unwrap();
    assert!(head > behind);
    site.kill_all();

    let backup = site
        .setting("LEDGER__URL")
        .replace(&format!("{}_ledger", site.name()), &format!("{}_backup", site.name()));
    let backup = backup.replace("_backup_service", "_ledger_service");
    let on_backup = [("OWN_CIRCLE__LEDGER__URL", backup.as_str())];
    let sealed = site
        .setting("SEAL__URL")
        .replace(&format!("{}_ledger", site.name()), &format!("{}_backup", site.name()));
    let seal_alone = [("OWN_CIRCLE__SEAL__URL", sealed.as_str())];
    let with_seal = [on_backup[0], seal_alone[0]];
    let limit = Duration::from_secs(60);
    for (label, program, arguments, set) in [
        ("restored-api", "ledger-api", ["serve"].as_slice(), on_backup.as_slice()),
        ("restored-relay", "projectors", ["relay"].as_slice(), &on_backup),
        ("restored-project", "projectors", ["project", "all"].as_slice(), &on_backup),
        ("restored-analytics", "projectors", ["analytics"].as_slice(), &on_backup),
        ("restored-schedule", "projectors", ["schedule"].as_slice(), &on_backup),
        ("restored-seal", "projectors", ["seal"].as_slice(), &with_seal),
        ("restored-seal-alone", "projectors", ["seal"].as_slice(), &seal_alone),
    ] {
        let (good, said) = site.run(label, program, arguments, set, limit);
        assert!(!good, "{label} runs on a restored backup: {said}");
        let line = format!("the log ends at position {behind}");
        assert!(said.lines().any(|said| said.contains(&line)), "{label} does not say so in one line: {said}");
    }
    let pool = site.database("backup").await;
    let written: i64 =
        sqlx::query_scalar("SELECT max(position) FROM ledger.events").fetch_one(&pool).await.unwrap();
    assert_eq!(written, behind, "nothing was appended to it");
    let signed: i64 =
        sqlx::query_scalar("SELECT max(tree_size) FROM ledger.checkpoint").fetch_one(&pool).await.unwrap();
    assert!(signed <= behind, "nothing of another history was signed");
}

/// The whole server is restored, the read models with the log: only the topic and ClickHouse know better.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_starts_on_a_restored_server() {
    let stack = own();
    let mut site = Site::start(stack.clone()).await;
    let town = Town::settle(&site, 5).await;
    let journal = Journal::default();
    let seeded = Seeded::new("a backup of everything", 72);
    import_until_known(&site.admin(), &journal, &sales(&seeded, &town.businesses, &town.members, 0, 100))
        .await;
    let behind = site.settle().await;
    site.kill_all();
    for part in DATABASES {
        copy(&site, part, &format!("saved_{part}")).await;
    }
    site.start_api();
    Role::ALL.into_iter().for_each(|role| site.start_role(role));
    let more = sales(&seeded, &town.businesses, &town.members, 100, 100);
    import_until_known(&site.admin(), &journal, &more).await;
    let published = site.settle().await;
    assert!(published > behind);
    site.kill_all();
    for part in DATABASES {
        copy(&site, &format!("saved_{part}"), part).await;
    }

    let line = format!("the log ends at position {behind}");
    let tells = |said: &str| said.lines().any(|said| said.contains(&line) && said.contains("backup"));
    let nowhere = [("OWN_CIRCLE__CLICKHOUSE__URL", "http://127.0.0.1:9")];
    let limit = Duration::from_secs(60);
    for (label, program, arguments) in [
        ("server-api", "ledger-api", ["serve"].as_slice()),
        ("server-relay", "projectors", ["relay"].as_slice()),
        ("server-project", "projectors", ["project", "all"].as_slice()),
        ("server-analytics", "projectors", ["analytics"].as_slice()),
        ("server-schedule", "projectors", ["schedule"].as_slice()),
        ("server-all", "projectors", ["all"].as_slice()),
    ] {
        let (good, said) = site.run(label, program, arguments, &nowhere, limit);
        assert!(!good && tells(&said), "{label}, by the topic alone: {said}");
    }
    stack.kafka().kill().expect("the broker is killed");
    let (good, said) = site.run("server-clickhouse", "ledger-api", &["serve"], &[], limit);
    assert!(!good && tells(&said), "by ClickHouse alone: {said}");

    // With nobody to ask it serves; it ends as soon as the broker says what it has.
    let mut options = ProcessOptions::new("server-late", "ledger-api", ["serve"]);
    for (variable, value) in nowhere {
        options = options.with(variable, value);
    }
    let mut late = site.installation().start(options).expect("ledger-api starts");
    let ready = format!("{}/health/ready", site.installation().http_url());
    late.wait_ready(&ready, limit).expect("it serves without a broker");
    stack.kafka().start().expect("the broker starts");
    let ended = late.wait_for_end(limit).expect("it ends when the broker answers");
    let said = std::fs::read_to_string(site.installation().folder().join("server-late.log")).unwrap();
    assert!(!ended.success() && tells(&said), "{said}");
    assert_eq!(site.head().await, behind, "nothing was appended to it");
    forked(&mut site, &town, published).await;
}

/// Nobody could be asked, and the restored log grew beyond what was published, by other events: each of those who saw the
/// first ones tells, alone.
async fn forked(site: &mut Site, town: &Town, published: i64) {
    let limit = Duration::from_secs(60);
    let nowhere = ("OWN_CIRCLE__CLICKHOUSE__URL", "http://127.0.0.1:9");
    site.stack().kafka().kill().expect("the broker is killed");
    let alone = ProcessOptions::new("server-alone", "ledger-api", ["serve"]).with(nowhere.0, nowhere.1);
    let mut alone = site.installation().start(alone).expect("ledger-api starts");
    let ready = format!("{}/health/ready", site.installation().http_url());
    alone.wait_ready(&ready, limit).expect("it serves with nobody to ask");
    let other = sales(&Seeded::new("another history", 73), &town.businesses, &town.members, 500, 200);
    import_until_known(&site.admin(), &Journal::default(), &other).await;
    alone.kill9();
    let head = site.head().await;
    assert!(head > published, "{head} is not beyond {published}");

    let tells = |said: &str| said.lines().any(|said| said.contains("the log has forked"));
    let (good, said) = site.run("forked-clickhouse", "ledger-api", &["serve"], &[], limit);
    assert!(!good && tells(&said) && said.contains("ClickHouse"), "by ClickHouse alone: {said}");
    site.stack().kafka().start().expect("the broker starts");
    let (good, said) = site.run("forked-topic", "ledger-api", &["serve"], &[nowhere], limit);
    assert!(!good && tells(&said) && said.contains("topic"), "by the topic alone: {said}");
    assert_eq!(site.head().await, head, "nothing was appended to it");
}

const DATABASES: [&str; 3] = ["ledger", "read", "vault"];

/// A copy of the log's database as it is now.
async fn back_up(site: &Site) {
    copy(site, "ledger", "backup").await;
}

/// Makes the database `to` what the database `from` is now.
pub(crate) async fn copy(site: &Site, from: &str, to: &str) {
    let pool = sqlx::PgPool::connect(site.installation().admin_url()).await.expect("the server's owner");
    let name = site.name();
    let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1";
    sqlx::query(ended).bind(format!("{name}_{from}")).execute(&pool).await.expect("its connections end");
    for statement in [
        format!("DROP DATABASE IF EXISTS {name}_{to} WITH (FORCE)"),
        format!("CREATE DATABASE {name}_{to} TEMPLATE {name}_{from}"),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&pool).await.expect("a copy");
    }
    pool.close().await;
}
