//! The tables in ClickHouse: made by the statements of `migrations/clickhouse`, for the live set or for the set that a
//! rebuild fills beside it.

use clickhouse::Client;
use sqlx::{Connection, PgConnection};

use super::clickhouse_failed;
use crate::engine::{CHECKPOINT, Target, lock_for_tables};
use crate::error::ProjectError;

/// Every file of `migrations/clickhouse`, in order.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/clickhouse/0001_analytics.sql"),
    include_str!("../../../migrations/clickhouse/0002_promotion.sql"),
    include_str!("../../../migrations/clickhouse/0003_triggers.sql"),
];

/// The journal's tables in the read database, with unqualified names.
const JOURNAL: &str = include_str!("../../../migrations/read/analytics.sql");

/// What a rebuild makes anew and exchanges.
const EXCHANGED: [&str; 9] = [
    "transaction_facts",
    "bonus_movements",
    "postings",
    "bill_changes",
    "chain_facts",
    "account_links",
    "chain_triggers",
    "business_day_states",
    "ingested_batches",
];

/// What a rebuild needs beside them and drops in the end.
const WAY_IN: [&str; 2] = ["business_day_feed", "business_day_input"];

/// The name of a set of tables in the journal.
#[must_use]
pub(super) const fn name_of(target: Target) -> &'static str {
    match target {
        Target::Live => "live",
        Target::Next => "next",
    }
}

/// The table `base` of a set.
#[must_use]
pub(super) fn table_of(target: Target, base: &str) -> String {
    match target {
        Target::Live => base.to_owned(),
        Target::Next => format!("{base}_next"),
    }
}

/// Makes the journal's schema and tables in the read database where they are missing.
///
/// # Errors
/// [`ProjectError::Database`].
pub(super) async fn ensure_journal(connection: &mut PgConnection) -> Result<(), ProjectError> {
    let mut transaction = connection.begin().await?;
    lock_for_tables(&mut transaction).await?;
    let there: bool = sqlx::query_scalar("SELECT to_regclass('analytics.ingest_epoch') IS NOT NULL")
        .fetch_one(&mut *transaction)
        .await?;
    if !there {
        sqlx::raw_sql("CREATE SCHEMA IF NOT EXISTS analytics").execute(&mut *transaction).await?;
        sqlx::raw_sql(CHECKPOINT).execute(&mut *transaction).await?;
        sqlx::raw_sql(JOURNAL).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Makes the database and the tables that are not there yet.
///
/// # Errors
/// [`ProjectError::Sink`] when ClickHouse is away or refuses.
pub(super) async fn create(client: &Client, target: Target) -> Result<(), ProjectError> {
    if let Some(database) = client.database() {
        let statement = format!("CREATE DATABASE IF NOT EXISTS {}", quoted(database));
        // The connection's own database does not exist yet, so the statement runs in one that always does.
        let outside = client.clone().with_database("default");
        execute(&outside, &statement).await?;
    }
    for statement in statements(target) {
        execute(client, &statement).await?;
    }
    client.clear_cached_metadata().await;
    Ok(())
}

/// Drops what a rebuild left behind.
///
/// # Errors
/// As [`create`].
pub(super) async fn drop_next(client: &Client) -> Result<(), ProjectError> {
    for base in WAY_IN.iter().chain(&EXCHANGED) {
        execute(client, &format!("DROP TABLE IF EXISTS {} SYNC", table_of(Target::Next, base))).await?;
    }
    Ok(())
}

/// Puts the tables of the next set in the place of the live ones, each in one step: a reader sees the old or the new.
///
/// # Errors
/// As [`create`].
pub(super) async fn exchange(client: &Client) -> Result<(), ProjectError> {
    for base in EXCHANGED {
        execute(client, &format!("EXCHANGE TABLES {base} AND {}", table_of(Target::Next, base))).await?;
    }
    client.clear_cached_metadata().await;
    Ok(())
}

async fn execute(client: &Client, statement: &str) -> Result<(), ProjectError> {
    // `query_raw` and not `query`: a question mark in a comment is no parameter.
    client.query_raw(statement).execute().await.map_err(clickhouse_failed("making tables"))
}

/// The statements for one set of tables. Views are for readers and stand on the live set alone.
fn statements(target: Target) -> Vec<String> {
    let all = MIGRATIONS.iter().flat_map(|file| file.split(";\n")).map(without_comments);
    let wanted = all.filter(|statement| !statement.is_empty());
    match target {
        Target::Live => wanted.collect(),
        Target::Next => wanted
            .filter(|statement| !statement.starts_with("CREATE VIEW"))
            .map(|statement| {
                let bases = WAY_IN.iter().chain(&EXCHANGED);
                bases.fold(statement, |text, base| text.replace(base, &table_of(Target::Next, base)))
            })
            .collect(),
    }
}

fn without_comments(statement: &str) -> String {
    let lines = statement.lines().filter(|line| !line.starts_with("--"));
    lines.collect::<Vec<_>>().join("\n").trim().trim_end_matches(';').to_owned()
}

fn quoted(identifier: &str) -> String {
    format!("`{}`", identifier.replace('\\', "\\\\").replace('`', "\\`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_set_has_no_name_in_common_with_the_live_one() {
        let next = statements(Target::Next);
        assert_eq!(next.len(), EXCHANGED.len() + WAY_IN.len());
        for base in EXCHANGED.iter().chain(&WAY_IN) {
            for statement in &next {
                let named = statement.matches(base).count();
                assert_eq!(named, statement.matches(&table_of(Target::Next, base)).count(), "{statement}");
            }
        }
    }

    #[test]
    fn every_statement_can_be_repeated_and_keeps_a_deduplication_window() {
        for statement in statements(Target::Live) {
            assert!(statement.contains("IF NOT EXISTS"), "{statement}");
            let keeps_rows = statement.contains("MergeTree");
            assert_eq!(keeps_rows, statement.contains("non_replicated_deduplication_window"), "{statement}");
        }
    }
}
