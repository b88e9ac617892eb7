//! The sink on a real PostgreSQL and a real ClickHouse. Design J6, J3.

mod promotion;

use std::sync::Arc;
use std::time::Duration;

use local_stack::{ServerKind, Stack, StackOptions};
use uuid::Uuid;

use super::sender::{Audited, Sender};
use super::sequence::Ready;
use super::{Sink, rebuild};
use crate::error::ProjectError;
use crate::fixture::{Bonuses, Fact, Installation, Purchase, Shop, joins};
use crate::source::{LogReader, LogSource, OpenSource};

const FACTS: &str = "SELECT count(), sum(amount), sum(bonus_accrued) FROM transaction_facts FINAL";
const STORED: &str = "SELECT count() FROM transaction_facts";
const MOVEMENTS: &str =
    "SELECT kind, count(), sum(amount) FROM bonus_movements FINAL GROUP BY kind ORDER BY kind";
const ACCOUNTS: &str = "SELECT unit, count(), sum(amount), sumIf(amount, account = 'member/available') \
     FROM postings FINAL GROUP BY unit ORDER BY unit";
const DAYS: &str = "SELECT toString(day), business, purchases, revenue, bonuses_accrued, unique_customers \
     FROM business_days ORDER BY day, business";

fn sink(installation: &Installation) -> Sink {
    let log = LogReader::new(installation.ledger.clone());
    let open: OpenSource = Arc::new(move || Ok(Box::new(LogSource::new(log.clone()))));
    Sink::new(installation.options(), installation.clickhouse.clone(), open)
}

async fn ready(sender: &Sender) -> Vec<Ready> {
    let stored = sender.log.read_after(sender.places.passed(), 1_000).await.expect("the log");
    stored.into_iter().map(|stored| Ready { stored, offset: None }).collect()
}

/// Two members, two ordinary shops and a clinic: seven purchases, two of them at the clinic.
fn story() -> Vec<Fact> {
    let (anna, vera) = (Uuid::new_v4(), Uuid::new_v4());
    let (mindal, cafe, clinic) =
        (Shop::ordinary("mindal"), Shop::ordinary("lisichkino"), Shop::medical("millennium"));
    let mut facts: Vec<Fact> = [&mindal, &cafe, &clinic].iter().map(|shop| shop.registered()).collect();
    facts.extend([joins(anna), joins(vera)]);
    // 21:30 in London is the next day in Moscow (Rule T2).
    for (member, shop, at, kopecks, bonuses) in [
        (anna, &mindal, "2026-03-02T10:00:00Z", 300_000, Bonuses::Available),
        (anna, &mindal, "2026-03-02T21:30:00Z", 100_050, Bonuses::Matured),
        (anna, &clinic, "2026-03-02T11:00:00Z", 990_000, Bonuses::Matured),
        (vera, &mindal, "2026-03-02T12:00:00Z", 200_000, Bonuses::Expired),
        (vera, &mindal, "2026-03-02T13:00:00Z", 50_000, Bonuses::Pending),
        (vera, &cafe, "2026-03-02T14:00:00Z", 70_000, Bonuses::Available),
        (vera, &clinic, "2026-03-02T15:00:00Z", 880_000, Bonuses::Expired),
    ] {
        facts.extend(Purchase { member, shop, at, kopecks, bonuses }.facts());
    }
    facts
}

const STORY_FACTS: &str = "5\t7200.5\t720.05";
const STORY_MOVEMENTS: &str = "accrued\t10\t720.05\nexpired\t2\t200\nmatured\t2\t100.05";
// 14 movements in bonuses; in roubles 6 lots opened available, 2 matured, 2 expired; a row on each side.
const STORY_ACCOUNTS: &str = "BON\t28\t0\t470.05\nRUB\t20\t0\t0";
const STORY_DAYS: &str = "2026-03-02\tlisichkino\t1\t700\t70\t1\n2026-03-02\tmindal\t3\t5500\t550\t2\n\
     2026-03-03\tmindal\t1\t1000.5\t100.05\t1";

async fn expect_story(installation: &Installation) {
    assert_eq!(installation.ask(FACTS).await, STORY_FACTS);
    assert_eq!(installation.ask(MOVEMENTS).await, STORY_MOVEMENTS);
    assert_eq!(installation.ask(ACCOUNTS).await, STORY_ACCOUNTS);
    assert_eq!(installation.ask(DAYS).await, STORY_DAYS);
}

#[tokio::test]
async fn design_j6_a_stretch_inserted_twice_is_there_once() {
    let installation = Installation::new().await;
    installation.append(&story()).await;
    let mut sender = sink(&installation).take_over().await.expect("the sink begins");
    let rows = ready(&sender).await;
    let planned = sender.plan(&rows).await.expect("planned").expect("nobody else");
    sender.insert(&planned).await.expect("inserted");
    sender.insert(&planned).await.expect("inserted again");
    assert_eq!(installation.ask(STORED).await, "5", "the token drops the second insert before any merge");
    expect_story(&installation).await;
}

#[tokio::test]
async fn design_j6_a_crash_between_insert_and_journal_counts_nothing_twice() {
    let installation = Installation::new().await;
    let head = installation.append(&story()).await;
    let mut sender = sink(&installation).take_over().await.expect("the sink begins");
    let rows = ready(&sender).await;
    let planned = sender.plan(&rows).await.expect("planned").expect("nobody else");
    sender.insert(&planned).await.expect("inserted");
    drop(sender);
    let sender = sink(&installation).take_over().await.expect("the sink begins again");
    assert_eq!(sender.places.passed(), head);
    assert_eq!(installation.ask(STORED).await, "5");
    expect_story(&installation).await;
}

#[tokio::test]
async fn design_j6_a_crash_between_plan_and_insert_loses_nothing() {
    let installation = Installation::new().await;
    let head = installation.append(&story()).await;
    let mut sender = sink(&installation).take_over().await.expect("the sink begins");
    let rows = ready(&sender).await;
    sender.plan(&rows).await.expect("planned").expect("nobody else");
    drop(sender);
    let sender = sink(&installation).take_over().await.expect("the sink begins again");
    assert_eq!(sender.places.passed(), head);
    expect_story(&installation).await;
}

#[tokio::test]
async fn design_j6_what_clickhouse_lost_is_found_and_sent_again() {
    let installation = Installation::new().await;
    let head = installation.append(&story()).await;
    let mut sender = sink(&installation).take_over().await.expect("the sink begins");
    let rows = ready(&sender).await;
    for part in rows.chunks(9) {
        let mut part = part.to_vec();
        super::sequence::make_whole(&mut part);
        let from = usize::try_from(sender.places.passed()).expect("a position");
        let until = usize::try_from(part.last().expect("rows").stored.row.position).expect("a position");
        assert_eq!(sender.send(&rows[from..until]).await.expect("sent"), super::journal::Written::Yes);
    }
    expect_story(&installation).await;
    for lost in [
        "ALTER TABLE transaction_facts DROP PARTITION 202603",
        "ALTER TABLE bonus_movements DELETE WHERE kind = 'expired' SETTINGS mutations_sync = 2",
        "ALTER TABLE postings DELETE WHERE unit = 'RUB' SETTINGS mutations_sync = 2",
        "ALTER TABLE business_day_states DROP PARTITION 202603",
    ] {
        installation.ask(lost).await;
        let Audited { refilled, days_mended, .. } = sender.audit().await.expect("audited");
        assert!(refilled > 0 || days_mended > 0, "{lost}");
        expect_story(&installation).await;
    }
    assert_eq!(sender.places.passed(), head);
    let Audited { refilled, days_mended, .. } = sender.audit().await.expect("audited");
    assert_eq!((refilled, days_mended), (0, 0), "nothing is left to mend");
}

#[tokio::test]
async fn design_j6_rows_the_log_does_not_say_stop_the_sink() {
    let installation = Installation::new().await;
    installation.append(&story()).await;
    let mut sender = sink(&installation).take_over().await.expect("the sink begins");
    let rows = ready(&sender).await;
    assert_eq!(sender.send(&rows).await.expect("sent"), super::journal::Written::Yes);
    installation
        .ask("ALTER TABLE transaction_facts UPDATE amount = amount + 1 WHERE business = 'lisichkino' SETTINGS mutations_sync = 2")
        .await;
    assert!(matches!(sender.audit().await, Err(ProjectError::Setup(_))));
}

#[tokio::test]
async fn compliance_m4_nothing_of_a_medical_business_is_sent() {
    let installation = Installation::new().await;
    installation.append(&story()).await;
    let mut sender = sink(&installation).take_over().await.expect("the sink begins");
    let rows = ready(&sender).await;
    assert_eq!(sender.send(&rows).await.expect("sent"), super::journal::Written::Yes);
    let clinic: Uuid = rows[2].stored.row.stream_id;
    for table in ["transaction_facts", "bonus_movements", "business_day_states"] {
        let question = format!("SELECT count() FROM {table} WHERE business_id = '{clinic}'");
        assert_eq!(installation.ask(&question).await, "0", "{table}");
    }
    let named = "SELECT count() FROM bonus_movements WHERE concat(funder, from_account, to_account) LIKE '%millennium%'";
    assert_eq!(installation.ask(named).await, "0");
    let named = "SELECT count() FROM postings WHERE concat(funder, account) LIKE '%millennium%'";
    assert_eq!(installation.ask(named).await, "0");
    expect_story(&installation).await;
}

#[tokio::test]
async fn design_failure_table_clickhouse_away_loses_nothing() {
    let own = StackOptions::temporary().only([ServerKind::ClickHouse]);
    let stack = tokio::task::spawn_blocking(move || Stack::start(&own).expect("ClickHouse starts"));
    let stack = stack.await.expect("ClickHouse");
    let address = stack.clickhouse().address().expect("an address").to_owned();
    let installation = Installation::with_clickhouse(&address).await;
    let story = story();
    let (first, second) = story.split_at(9);
    let head = installation.append(first).await;
    let running = sink(&installation);
    let task = tokio::spawn(async move { running.run().await });
    installation.wait_for("analytics", head).await;
    stack.clickhouse().kill().expect("killed");
    let head = installation.append(second).await;
    let waits =
        "SELECT EXISTS (SELECT FROM projectors.progress WHERE name = 'analytics' AND state = 'waiting')";
    let seen = async {
        while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&installation.read).await.expect("an answer") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), seen).await.expect("the sink says that it waits");
    let stack = tokio::task::spawn_blocking(move || {
        stack.clickhouse().start().expect("started again");
        stack
    });
    let _stack = stack.await.expect("ClickHouse");
    installation.wait_for("analytics", head).await;
    expect_story(&installation).await;
    assert!(!task.is_finished(), "the sink goes on");
    task.abort();
}

#[tokio::test]
async fn the_running_sink_follows_the_log_and_a_rebuild_takes_its_tables() {
    let installation = Installation::new().await;
    let story = story();
    let (first, second) = story.split_at(6);
    installation.append(first).await;
    let running = sink(&installation).auditing_every(Duration::from_millis(300));
    let task = tokio::spawn(async move { running.run().await });
    let head = installation.append(second).await;
    installation.wait_for("analytics", head).await;
    expect_story(&installation).await;

    installation.ask("ALTER TABLE business_day_states DROP PARTITION 202603").await;
    let options = installation.options();
    let passed = rebuild(&options, &installation.clickhouse, |_, _| {}).await.expect("rebuilt");
    assert_eq!(passed, head);
    expect_story(&installation).await;
    let left = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name LIKE '%_next'";
    assert_eq!(installation.ask(left).await, "0");

    let shop = Shop::ordinary("optika");
    let more = Purchase {
        member: Uuid::new_v4(),
        shop: &shop,
        at: "2026-04-01T10:00:00Z",
        kopecks: 1_000,
        bonuses: Bonuses::Available,
    };
    let head = installation.append(&more.facts()).await;
    installation.wait_for("analytics", head).await;
    assert_eq!(installation.ask(FACTS).await, "6\t7210.5\t721.05");
    assert!(!task.is_finished(), "the sink goes on");
    task.abort();
}
