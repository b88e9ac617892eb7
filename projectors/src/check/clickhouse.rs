//! What ClickHouse holds, asked in a few questions: by member and business, by kind of movement, by account, by daily
//! statistics.
//!
//! Each question ends at one place of the log, so that it can be asked while the sink goes on.

use std::collections::{BTreeMap, HashMap};

use clickhouse::{Client, Row, RowOwned, RowRead};
use ledger_core::log::Position;
use serde::Deserialize;
use uuid::Uuid;

use super::fold::KINDS;
use super::tally::{Purchases, Sum};
use super::triggers::Groups;
use crate::analytics::clickhouse_failed;
use crate::error::ProjectError;

/// What ClickHouse holds up to a place.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Purchases by member and business.
    pub(super) facts: HashMap<Uuid, BTreeMap<Uuid, Purchases>>,
    /// Different purchases.
    pub(super) distinct: i128,
    /// The daily statistics by business.
    pub(super) days: BTreeMap<Uuid, Purchases>,
    /// By kind, as [`KINDS`].
    pub(super) movements: [Sum; KINDS.len()],
    /// Postings by unit and account, all members as one.
    pub(super) postings: BTreeMap<(String, String), Sum>,
    /// Triggers of chains.
    pub(super) triggers: Groups,
    /// Movements of other kinds.
    pub(super) unknown: i128,
}

#[derive(Row, Deserialize)]
struct FactSum {
    #[serde(with = "clickhouse::serde::uuid")]
    member_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    business_id: Uuid,
    count: u64,
    amount: i64,
    bonuses: i64,
}

#[derive(Row, Deserialize)]
struct DaySum {
    #[serde(with = "clickhouse::serde::uuid")]
    business_id: Uuid,
    count: u64,
    amount: i64,
    bonuses: i64,
}

#[derive(Row, Deserialize)]
struct Distinct {
    count: u64,
}

#[derive(Row, Deserialize)]
struct MovementSum {
    kind: String,
    count: u64,
    amount: i64,
}

#[derive(Row, Deserialize)]
struct TriggerSum {
    treated: u64,
    held_out: u64,
}

#[derive(Row, Deserialize)]
struct PostingSum {
    unit: String,
    account: String,
    count: u64,
    amount: i64,
}

/// Asks ClickHouse what it holds up to `until`.
///
/// # Errors
/// [`ProjectError::Sink`] when it is away.
pub(super) async fn held(client: &Client, until: Position) -> Result<Held, ProjectError> {
    let mut held = Held::default();
    let facts = format!(
        "SELECT member_id, business_id, count() AS count, toInt64(sum(amount) * 100) AS amount, \
         toInt64(sum(bonus_accrued) * 100) AS bonuses FROM transaction_facts FINAL WHERE position <= {until} \
         GROUP BY member_id, business_id"
    );
    for row in ask::<FactSum>(client, &facts).await? {
        let sums =
            Purchases { count: row.count.into(), amount: row.amount.into(), bonuses: row.bonuses.into() };
        held.facts.entry(row.member_id).or_default().insert(row.business_id, sums);
    }
    let distinct =
        format!("SELECT uniqExact(transaction_id) AS count FROM transaction_facts WHERE position <= {until}");
    held.distinct = ask::<Distinct>(client, &distinct).await?.first().map_or(0, |row| row.count.into());
    let days = format!(
        "SELECT business_id, toUInt64(sum(n)) AS count, toInt64(sum(a) * 100) AS amount, \
         toInt64(sum(b) * 100) AS bonuses FROM (\
            SELECT business_id, day, maxMapMerge(amounts) AS m, maxMapMerge(bonuses) AS w, \
                   length(arrayFilter(p -> p <= {until}, m.1)) AS n, \
                   arraySum(arrayFilter((v, p) -> p <= {until}, m.2, m.1)) AS a, \
                   arraySum(arrayFilter((v, p) -> p <= {until}, w.2, w.1)) AS b \
            FROM business_day_states GROUP BY business_id, day) GROUP BY business_id"
    );
    for row in ask::<DaySum>(client, &days).await? {
        let sums =
            Purchases { count: row.count.into(), amount: row.amount.into(), bonuses: row.bonuses.into() };
        held.days.insert(row.business_id, sums);
    }
    let movements = format!(
        "SELECT kind, count() AS count, toInt64(sum(amount) * 100) AS amount FROM bonus_movements FINAL \
         WHERE position <= {until} GROUP BY kind"
    );
    for row in ask::<MovementSum>(client, &movements).await? {
        let sum = Sum { count: row.count.into(), amount: row.amount.into() };
        match KINDS.iter().position(|kind| *kind == row.kind) {
            Some(index) => held.movements[index] = sum,
            None => held.unknown += sum.count,
        }
    }
    let postings = format!(
        "SELECT unit, account, count() AS count, toInt64(sum(amount) * 100) AS amount FROM postings FINAL \
         WHERE position <= {until} GROUP BY unit, account"
    );
    for row in ask::<PostingSum>(client, &postings).await? {
        let sum = Sum { count: row.count.into(), amount: row.amount.into() };
        held.postings.insert((row.unit, row.account), sum);
    }
    let triggers = format!(
        "SELECT countIf(t.held_out = 0) AS treated, countIf(t.held_out = 1) AS held_out \
         FROM chain_triggers AS t FINAL WHERE t.position <= {until}"
    );
    for row in ask::<TriggerSum>(client, &triggers).await? {
        held.triggers = Groups { treated: row.treated.into(), held_out: row.held_out.into() };
    }
    Ok(held)
}

async fn ask<T: RowOwned + RowRead>(client: &Client, question: &str) -> Result<Vec<T>, ProjectError> {
    client.query_raw(question).fetch_all().await.map_err(clickhouse_failed("asking what it holds"))
}
