//! A wrong setting, or a server that is not there: one clear line that names it, and a failure.

use std::time::Duration;

use system_tests::system::{Site, shared};

const LIMIT: Duration = Duration::from_secs(60);

/// (label, program, arguments, variable, value, what the line must name)
type Case = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
    &'static str,
    &'static [&'static str],
);

const CASES: [Case; 18] = [
    ("api-url", "ledger-api", &["serve"], "LEDGER__URL", "mysql://x", &["ledger.url"]),
    (
        "api-ledger-away",
        "ledger-api",
        &["serve"],
        "LEDGER__URL",
        "postgres://a:secret7@127.0.0.1:9/x",
        &["ledger.url"],
    ),
    (
        "api-read-away",
        "ledger-api",
        &["serve"],
        "READ__URL",
        "postgres://a:secret7@127.0.0.1:9/x",
        &["read.url"],
    ),
    (
        "api-vault-away",
        "ledger-api",
        &["serve"],
        "VAULT__URL",
        "postgres://a:secret7@127.0.0.1:9/x",
        &["vault.url"],
    ),
    ("api-profile", "ledger-api", &["serve"], "PROFILE", "staging", &["profile"]),
    ("api-listen", "ledger-api", &["serve"], "HTTP__LISTEN", "everywhere", &["http.listen"]),
    ("api-workers", "ledger-api", &["serve"], "HTTP__WORKERS", "0", &["http.workers"]),
    ("api-workers-text", "ledger-api", &["serve"], "HTTP__WORKERS", "many", &["http.workers"]),
    ("api-unknown", "ledger-api", &["serve"], "HTTP__LISTEM", "127.0.0.1:0", &["listem"]),
    (
        "api-natural-key",
        "ledger-api",
        &["serve"],
        "SECRETS__NATURAL_KEY",
        "secret7",
        &["secrets.natural_key"],
    ),
    ("api-production", "ledger-api", &["serve"], "PROFILE", "production", &["dev.admin_key"]),
    ("api-secrets", "ledger-api", &["serve"], "SECRETS__DIR", "/proc/none", &["secrets.dir"]),
    ("relay-partitions", "projectors", &["relay"], "KAFKA__PARTITIONS", "0", &["kafka.partitions"]),
    (
        "project-read-away",
        "projectors",
        &["project", "all"],
        "READ__URL",
        "postgres://a:secret7@127.0.0.1:9/x",
        &["read.url"],
    ),
    (
        "relay-ledger-away",
        "projectors",
        &["relay"],
        "LEDGER__URL",
        "postgres://a:secret7@127.0.0.1:9/x",
        &["ledger.url"],
    ),
    ("seal-away", "projectors", &["seal"], "SEAL__URL", "postgres://a:secret7@127.0.0.1:9/x", &["seal.url"]),
    (
        "seal-key",
        "projectors",
        &["seal-key", "new", "--from", "2020-01-01T00:00:00Z"],
        "PROFILE",
        "dev",
        &["past"],
    ),
    ("project-nobody", "projectors", &["project", "fame"], "PROFILE", "dev", &["fame"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_lets_who_seals_and_who_audits_in_each_time() {
    let site = Site::prepare(shared());
    let log = site.database("ledger").await;
    let may = async || -> (bool, bool) {
        let may = "SELECT has_database_privilege('own_circle_seal', current_database(), 'CONNECT'), \
                   has_database_privilege('own_circle_audit', current_database(), 'CONNECT')";
        sqlx::query_as(may).fetch_one(&log).await.expect("an answer")
    };
    let name: String =
        sqlx::query_scalar("SELECT current_database()::text").fetch_one(&log).await.expect("a name");
    let off = format!("REVOKE CONNECT ON DATABASE {name} FROM own_circle_seal, own_circle_audit");
    sqlx::query(sqlx::AssertSqlSafe(off)).execute(&log).await.expect("the owner may");
    assert_eq!(may().await, (false, false));
    site.installation().migrate().expect("migrations run");
    assert_eq!(may().await, (true, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_start_says_why_in_one_line() {
    let site = Site::prepare(shared());
    let mut wrong = Vec::new();
    for (label, program, arguments, variable, value, names) in CASES {
        let variable = format!("OWN_CIRCLE__{variable}");
        let (good, said) = site.run(label, program, arguments, &[(&variable, value)], LIMIT);
        let lower = said.to_lowercase();
        let errors: Vec<&str> =
            lower.lines().filter(|line| names.iter().all(|name| line.contains(name))).collect();
        let one_line = said.lines().filter(|line| !line.trim().is_empty()).count() <= 2;
        if good || errors.is_empty() || !one_line || said.contains("secret7") || said.contains("panicked") {
            wrong.push(format!("{label}: success {good}, wanted one line with {names:?}:\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
