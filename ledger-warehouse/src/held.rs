//! What ClickHouse holds, asked in a few questions: by member and business, by member, by kind of movement, by account, by
//! daily statistics.
//!
//! Each question ends at one place of the log, so that it can be asked while the sink goes on. What is as large as there are
//! members is handed on row by row.

use std::collections::BTreeMap;

use clickhouse::error::Error;
use clickhouse::{Client, Row, RowOwned, RowRead};
use ledger_core::ids::LogId;
use ledger_core::log::Position;
use serde::Deserialize;
use uuid::Uuid;

use crate::movements::KINDS;
use crate::tally::{Purchases, Sum};
use crate::triggers::Groups;

/// Up to where ClickHouse has been sent a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The place up to which it was sent everything; 0 before the first time.
    pub passed: Position,
    /// Of the places at which it was told the log's leaf hash, the newest that is not behind the head that was asked about; 0
    /// when there is none.
    pub at: Position,
    /// The leaf hash there, hexadecimal.
    pub leaf_hash: String,
    /// Whether it holds something of another log.
    pub has_another: bool,
}

/// What ClickHouse holds up to a place, for all members together.
#[derive(Debug, Default)]
pub struct Held {
    /// Different purchases.
    pub distinct: i128,
    /// The daily statistics by business.
    pub days: BTreeMap<Uuid, Purchases>,
    /// By kind, as [`KINDS`].
    pub movements: [Sum; KINDS.len()],
    /// Postings by unit and account, all members as one.
    pub postings: BTreeMap<(String, String), Sum>,
    /// Triggers of chains.
    pub triggers: Groups,
    /// Movements of other kinds.
    pub unknown: i128,
}

/// What the postings of one member come to in ClickHouse, in hundredths of a bonus: of lots that are no medical secret alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// Spendable.
    pub available: i64,
    /// Not yet.
    pub pending: i64,
    /// Reserved.
    pub held: i64,
    /// Owed: below zero in the books, and not here.
    pub debt: i64,
}

#[derive(Row, Deserialize)]
struct Place {
    passed: i64,
    seen_at: i64,
    seen_hash: String,
    others: u64,
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
struct BalanceSum {
    #[serde(with = "clickhouse::serde::uuid")]
    member_id: Uuid,
    available: i64,
    pending: i64,
    held: i64,
    owed: i64,
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

/// Asks ClickHouse how far it was sent the log `log_id`, and what it saw of it up to `head`. A stretch says so only once all of
/// it is there.
///
/// # Errors
/// When it is away, or has no tables.
pub async fn seen(client: &Client, log_id: LogId, head: Position) -> Result<Seen, Error> {
    let question = format!(
        "SELECT maxIf(to_position, log_id = '{log_id}') AS passed, \
         maxIf(to_position, log_id = '{log_id}' AND to_position <= {head}) AS seen_at, \
         lower(hex(argMaxIf(leaf_hash, to_position, log_id = '{log_id}' AND to_position <= {head}))) AS seen_hash, \
         countIf(log_id != '{log_id}') AS others FROM ingested_batches"
    );
    let row = client.query_raw(&question).fetch_one::<Place>().await?;
    let Place { passed, seen_at, seen_hash, others } = row;
    Ok(Seen { passed, at: seen_at, leaf_hash: seen_hash, has_another: others > 0 })
}

/// Tells `each` member's purchases at each business up to `until`: member, business, sums.
///
/// # Errors
/// When ClickHouse is away.
pub async fn facts(
    client: &Client,
    until: Position,
    mut each: impl FnMut(Uuid, Uuid, Purchases),
) -> Result<(), Error> {
    let question = format!(
        "SELECT member_id, business_id, count() AS count, toInt64(sum(amount) * 100) AS amount, \
         toInt64(sum(bonus_accrued) * 100) AS bonuses FROM transaction_facts FINAL WHERE position <= {until} \
         GROUP BY member_id, business_id"
    );
    let mut rows = client.query_raw(&question).fetch::<FactSum>()?;
    while let Some(row) = rows.next().await? {
        let sums =
            Purchases { count: row.count.into(), amount: row.amount.into(), bonuses: row.bonuses.into() };
        each(row.member_id, row.business_id, sums);
    }
    Ok(())
}

/// Tells `each` member's balance up to `until`, of those who have postings.
///
/// # Errors
/// When ClickHouse is away.
pub async fn balances(
    client: &Client,
    until: Position,
    mut each: impl FnMut(Uuid, Balance),
) -> Result<(), Error> {
    let question = format!(
        "SELECT member_id, toInt64(sumIf(amount, account = 'member/available') * 100) AS available, \
         toInt64(sumIf(amount, account = 'member/pending') * 100) AS pending, \
         toInt64(sumIf(amount, account = 'member/held') * 100) AS held, \
         toInt64(sumIf(amount, account = 'member/debt') * 100) AS owed \
         FROM postings FINAL WHERE unit = 'BON' AND startsWith(account, 'member/') AND position <= {until} \
         GROUP BY member_id"
    );
    let mut rows = client.query_raw(&question).fetch::<BalanceSum>()?;
    while let Some(row) = rows.next().await? {
        let BalanceSum { member_id, available, pending, held, owed } = row;
        each(member_id, Balance { available, pending, held, debt: 0_i64.saturating_sub(owed) });
    }
    Ok(())
}

/// Asks ClickHouse what it holds up to `until` for all members together.
///
/// # Errors
/// When it is away.
pub async fn held(client: &Client, until: Position) -> Result<Held, Error> {
    let mut held = Held::default();
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

async fn ask<T: RowOwned + RowRead>(client: &Client, question: &str) -> Result<Vec<T>, Error> {
    client.query_raw(question).fetch_all().await
}
