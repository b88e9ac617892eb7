//! The check on a real PostgreSQL and a real ClickHouse: it says equal when all is, and finds what is not.

mod merging;

use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use sqlx::AssertSqlSafe;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Report, check};
use crate::analytics::Sink;
use crate::engine::Projector;
use crate::error::ProjectError;
use crate::fixture::{Bonuses, Fact, Installation, Purchase, Shop, joins};
use crate::projections;
use crate::source::{LogReader, LogSource, OpenSource};

fn open(installation: &Installation) -> OpenSource {
    let log = LogReader::new(installation.ledger.clone());
    Arc::new(move || Ok(Box::new(LogSource::new(log.clone()))))
}

/// Everything that follows the log, until dropped.
fn follow(installation: &Installation) -> JoinSet<ProjectError> {
    let mut tasks = JoinSet::new();
    for projection in projections() {
        let projector = Projector::new(projection, installation.options(), open(installation));
        tasks.spawn(async move { projector.run().await });
    }
    let sink = Sink::new(installation.options(), installation.clickhouse.clone(), open(installation));
    tasks.spawn(async move { sink.run().await });
    tasks
}

fn story() -> Vec<Fact> {
    let shops = [Shop::ordinary("mindal"), Shop::ordinary("lisichkino"), Shop::medical("millennium")];
    let members: Vec<Uuid> = (0..12).map(|_| Uuid::new_v4()).collect();
    let mut facts: Vec<Fact> = shops.iter().map(Shop::registered).collect();
    facts.extend(members.iter().map(|member| joins(*member)));
    let ends = [Bonuses::Available, Bonuses::Matured, Bonuses::Expired, Bonuses::Pending];
    for (number, member) in members.iter().cycle().take(60).enumerate() {
        let day = 1 + number % 27;
        let purchase = Purchase {
            member: *member,
            shop: &shops[number % shops.len()],
            at: &format!("2026-03-{day:02}T10:00:00Z"),
            kopecks: 10_000 + 1_003 * i64::try_from(number).expect("small"),
            bonuses: ends[number % ends.len()],
        };
        facts.extend(purchase.facts());
        // Of the first shop's sales two lead to a step of a chain: the member is held out of the one, and promised bonuses of the other.
        let promise = ["held_out", "cross_bonus"].into_iter().nth(number / shops.len());
        let triggered = promise.filter(|_| number % shops.len() == 0).map(|promise| {
            let from = serde_json::json!({
                "chain_id": Uuid::new_v4(), "version": 1, "step": 0, "purchase_id": Uuid::new_v4(),
                "bought_at": "2026-03-02T10:00:00Z", "until": "2026-03-16T10:00:00Z", "trail": [shops[0].id],
            });
            let payload = serde_json::json!({
                "chain": from, "business_id": shops[1].id, "confidentiality": "ordinary", "promise": promise,
            });
            facts.last().expect("a fact").of("ChainTriggered", payload)
        });
        facts.extend(triggered);
    }
    facts
}

async fn checked(installation: &Installation) -> Report {
    let wait = Duration::from_secs(60);
    check(&installation.options(), &installation.clickhouse, wait, &mut |_, _| {}).await.expect("decided")
}

#[tokio::test]
async fn log_read_models_and_clickhouse_are_equal_and_every_difference_is_found() {
    let installation = Installation::new().await;
    let head = installation.append(&story()).await;
    let mut tasks = follow(&installation);
    let report = checked(&installation).await;
    assert!(report.equal, "{}", report.table());
    assert_eq!((report.position, report.members), (head, 12));
    tasks.shutdown().await;

    let member: Uuid = sqlx::query_scalar("SELECT member_id FROM balances.lots LIMIT 1")
        .fetch_one(&installation.read)
        .await
        .expect("a member");
    // A change, what must be said of it, and the way back.
    let changes = [
        ("UPDATE balances.member_balances SET available_kopecks = available_kopecks + {n}", "available"),
        ("UPDATE balances.lots SET left_kopecks = left_kopecks + {n}", "lots"),
        ("UPDATE history.totals SET total_kopecks = total_kopecks + {n}", "history total"),
        ("UPDATE history.lines SET balance_after_kopecks = balance_after_kopecks + {n}", "running total"),
        ("UPDATE statuses.bills SET amount_kopecks = amount_kopecks + {n}", "bills"),
        ("UPDATE directory.purchases SET amount_kopecks = amount_kopecks + {n}", "purchases at business"),
    ];
    for (change, said) in changes {
        for n in ["1", "-1"] {
            let statement = format!("{} WHERE member_id = '{member}'", change.replace("{n}", n));
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&installation.read).await.expect("changed");
            if n == "1" {
                let report = checked(&installation).await;
                assert!(!report.equal, "{change}");
                let named = report
                    .differences
                    .iter()
                    .any(|one| one.contains(&member.to_string()) && one.contains(said));
                assert!(named, "{change}: {}", report.table());
            }
        }
    }
    assert!(checked(&installation).await.equal, "everything was put back");
    for change in [
        "ALTER TABLE bonus_movements DELETE WHERE kind = 'matured' SETTINGS mutations_sync = 2",
        "ALTER TABLE postings DELETE WHERE unit = 'RUB' SETTINGS mutations_sync = 2",
        "ALTER TABLE chain_triggers DELETE WHERE held_out = 1 SETTINGS mutations_sync = 2",
        "ALTER TABLE business_day_states DROP PARTITION 202603",
        "ALTER TABLE transaction_facts DELETE WHERE business = 'mindal' SETTINGS mutations_sync = 2",
    ] {
        installation.ask(change).await;
        let report = checked(&installation).await;
        assert!(!report.equal, "{change}");
        // The sink mends it at its start; then all is equal again.
        let mut tasks = follow(&installation);
        let mended = async {
            while !checked(&installation).await.equal {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), mended).await.expect("the sink mends it");
        // The first of these may have seen how far the sink was before its audit, and ClickHouse amid it; the second waits
        // for the audit's end. A sink that is stopped before leaves everybody waiting for the next.
        assert!(checked(&installation).await.equal, "{change}");
        tasks.shutdown().await;
    }
}

#[tokio::test]
async fn a_side_that_is_behind_leaves_it_undecided() {
    let installation = Installation::new().await;
    installation.append(&story()).await;
    let options = installation.options();
    let short = Duration::from_millis(200);
    let before = check(&options, &installation.clickhouse, short, &mut |_, _| {}).await;
    assert!(matches!(before, Err(ProjectError::Setup(_))), "no tables yet");

    let mut tasks = follow(&installation);
    assert!(checked(&installation).await.equal);
    tasks.shutdown().await;
    installation.append(&[joins(Uuid::new_v4())]).await;
    let behind = check(&options, &installation.clickhouse, short, &mut |_, _| {}).await;
    let error = behind.expect_err("behind").to_string();
    assert!(error.contains("has passed"), "{error}");
}

/// Waits until the metrics of the standing checks say what `lines` do.
async fn wait_for_metrics(metrics: &PrometheusHandle, lines: &[String]) {
    let seen = async {
        while !lines.iter().all(|line| metrics.render().lines().any(|there| there == line)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(60), seen).await;
    assert!(in_time.is_ok(), "{lines:?} should be in {}", metrics.render());
}

/// A table, its column and row; what the check says once it is altered; the standing checks that breaks.
const ALTERED: [(&str, &str, &str, &str, &[&str]); 5] = [
    (
        "journal.postings",
        "kopecks",
        "line = 1 AND position = (SELECT min(position) FROM journal.postings)",
        "BON member/",
        // The check alone sums all rows up.
        &[],
    ),
    (
        "journal.totals",
        "kopecks",
        "account = 'coalition/float'",
        "RUB coalition/float: ",
        &["rub_zero", "float"],
    ),
    (
        "journal.lots",
        "outstanding_kopecks",
        "lot_id = (SELECT min(lot_id::text)::uuid FROM journal.lots)",
        "outstanding of lots",
        &["lots"],
    ),
    (
        "balances.member_balances",
        "available_kopecks",
        "member_id = (SELECT min(member_id::text)::uuid FROM balances.lots)",
        "available: ",
        &["member_balances"],
    ),
    (
        "balances.lots",
        "left_kopecks",
        "lot_id = (SELECT min(lot_id::text)::uuid FROM balances.lots)",
        "live lots",
        &["member_lots"],
    ),
];

#[tokio::test]
async fn rule_m1_a_row_altered_by_hand_is_named_by_the_check_and_breaks_a_standing_check() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    // Of this thread alone, on which all tasks of this test run.
    let _guard = metrics::set_default_local_recorder(&recorder);
    let installation = Installation::new().await;
    installation.append(&story()).await;
    let mut tasks = follow(&installation);
    assert!(checked(&installation).await.equal);
    let ok = |check: &str, value: u8| format!("ledger_check_ok{{check=\"{check}\"}} {value}");
    let off = |check: &str, kopecks: u8| format!("ledger_check_off_kopecks{{check=\"{check}\"}} {kopecks}");
    let all = ["bon_zero", "rub_zero", "float", "lots", "member_balances", "member_lots"];
    let whole: Vec<String> = all.iter().flat_map(|check| [ok(check, 1), off(check, 0)]).collect();
    wait_for_metrics(&metrics, &whole).await;

    for (table, column, row, said, broken) in ALTERED {
        let change =
            |by: i32| AssertSqlSafe(format!("UPDATE {table} SET {column} = {column} + {by} WHERE {row}"));
        let changed = sqlx::query(change(1)).execute(&installation.read).await.expect("changed");
        assert_eq!(changed.rows_affected(), 1, "{table}");
        let report = checked(&installation).await;
        assert!(!report.equal, "{table}");
        let named = report.differences.iter().any(|one| one.contains(said))
            || report.lines.iter().any(|line| !line.equal && line.what.contains(said));
        assert!(named, "{table}: {}", report.table());
        let lines: Vec<String> = broken.iter().flat_map(|check| [ok(check, 0), off(check, 1)]).collect();
        wait_for_metrics(&metrics, &lines).await;
        sqlx::query(change(-1)).execute(&installation.read).await.expect("put back");
        wait_for_metrics(&metrics, &whole).await;
    }
    assert!(checked(&installation).await.equal, "everything was put back");
    assert!(tasks.try_join_next().is_none(), "a broken check stops no projection");
    tasks.shutdown().await;
}
