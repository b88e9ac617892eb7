//! ClickHouse as the sink sees it: synchronous inserts with a token, and questions about what it really holds.
//!
//! Why it is right: an insert is answered only after its rows are in a part (no asynchronous inserts), and is repeated
//! under the same token until it is; the server drops what it has. One stretch is one block per table, so one token covers
//! it. What the server lost (it does not fsync by default) shows in [`Warehouse::held`], which counts distinct rows.
//! Bounds: an insert or question that takes longer than [`ANSWER_SECONDS_MAX`] counts as failed.

use std::time::Duration;

use clickhouse::{Client, Row, RowOwned, RowWrite};
use ledger_core::ids::LogId;
use ledger_core::log::LeafHash;
use ledger_ops::settings::ClickHouse;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::checksum::{AUDITED, Checksum, Checksums, hash_in_words};
use super::clickhouse_failed;
use super::journal::Stretch;
use super::postings::PostingRow;
use super::promotion::{BillRow, ChainRow, LinkRow};
use super::rows::{DayRow, FactRow, MovementRow, Rows};
use super::schema::table_of;
use super::triggers::TriggerRow;
use crate::engine::Target;
use crate::error::ProjectError;

/// How long ClickHouse may take to answer.
const ANSWER_SECONDS_MAX: Duration = Duration::from_secs(60);

/// How many stretches one question is about: their bounds are part of its text.
const STRETCHES_ASKED_MAX: usize = 4_000;

/// A handle on one set of tables; cheap to clone.
#[derive(Clone)]
pub(super) struct Warehouse {
    client: Client,
    target: Target,
}

/// A client for the installation's database, with the settings of every insert: synchronous, and in as many monthly
/// partitions as an import has months.
#[must_use]
pub fn client(settings: &ClickHouse) -> Client {
    ledger_store::published::client(settings)
        .with_setting("async_insert", "0")
        .with_setting("insert_deduplicate", "1")
        .with_setting("deduplicate_blocks_in_dependent_materialized_views", "1")
        .with_setting("max_partitions_per_insert_block", "0")
}

#[derive(Row, Deserialize)]
struct HeldRow {
    from_position: i64,
    rows: u64,
    sum: u64,
}

#[derive(Row, Serialize)]
struct BatchRow {
    #[serde(with = "clickhouse::serde::uuid")]
    log_id: Uuid,
    from_position: i64,
    to_position: i64,
    leaf_hash: [u8; 32],
    row_counts: Vec<u64>,
    row_checksums: Vec<u64>,
    generation: u32,
}

impl Warehouse {
    /// The set `target` of the tables in `client`'s database.
    #[must_use]
    pub(super) const fn new(client: Client, target: Target) -> Self {
        Self { client, target }
    }

    /// Sends a stretch's rows to every table, and the hash of its last event. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`ProjectError::Sink`]: some tables may have the rows, some not.
    pub(super) async fn send(
        &self,
        log_id: LogId,
        stretch: &Stretch,
        leaf_hash: &LeafHash,
        rows: &Rows,
    ) -> Result<(), ProjectError> {
        let token = stretch.token(log_id);
        // The tables at once, since none waits for another; then what says that all of them have it.
        tokio::try_join!(
            self.insert::<FactRow>("transaction_facts", &token, rows.facts.iter()),
            self.insert::<DayRow<'_>>("business_day_input", &token, rows.facts.iter().map(FactRow::day_row)),
            self.insert::<MovementRow>("bonus_movements", &token, rows.movements.iter()),
            self.insert::<PostingRow>("postings", &token, rows.postings.iter()),
            self.insert::<BillRow>("bill_changes", &token, rows.bills.iter()),
            self.insert::<ChainRow>("chain_facts", &token, rows.chains.iter()),
            self.insert::<LinkRow>("account_links", &token, rows.links.iter()),
            self.insert::<TriggerRow>("chain_triggers", &token, rows.triggers.iter()),
        )?;
        let batch = BatchRow {
            log_id: log_id.as_uuid(),
            from_position: stretch.from,
            to_position: stretch.to,
            leaf_hash: *leaf_hash.as_bytes(),
            row_counts: stretch.rows.0.iter().map(|table| table.rows).collect(),
            row_checksums: stretch.rows.0.iter().map(|table| table.sum).collect(),
            generation: stretch.generation.cast_unsigned(),
        };
        self.insert::<BatchRow>("ingested_batches", &token, std::iter::once(batch)).await
    }

    async fn insert<'a, T>(
        &self,
        base: &str,
        token: &str,
        rows: impl ExactSizeIterator<Item = impl std::borrow::Borrow<T::Value<'a>>>,
    ) -> Result<(), ProjectError>
    where
        T: RowWrite,
    {
        if rows.len() == 0 {
            return Ok(());
        }
        let failed = || clickhouse_failed("inserting rows");
        let mut insert = self
            .client
            .insert::<T>(&table_of(self.target, base))
            .await
            .map_err(failed())?
            .with_setting("insert_deduplication_token", token)
            .with_timeouts(Some(ANSWER_SECONDS_MAX), Some(ANSWER_SECONDS_MAX));
        for row in rows {
            insert.write(std::borrow::Borrow::borrow(&row)).await.map_err(failed())?;
        }
        insert.end().await.map_err(failed())
    }

    /// What ClickHouse holds of each of `stretches` (in order, joining end to end), each row counted once.
    ///
    /// # Errors
    /// [`ProjectError::Sink`].
    pub(super) async fn held(&self, stretches: &[Stretch]) -> Result<Vec<Checksums>, ProjectError> {
        let mut all = Vec::with_capacity(stretches.len());
        for asked in stretches.chunks(STRETCHES_ASKED_MAX) {
            let mut held = vec![Checksums::default(); asked.len()];
            for (table, (base, numbers)) in AUDITED.into_iter().enumerate() {
                let found = self.checksums(base, &hash_in_words(numbers), asked).await?;
                held.iter_mut().zip(found).for_each(|(held, found)| held.0[table] = found);
            }
            all.extend(held);
        }
        Ok(all)
    }

    async fn checksums(
        &self,
        base: &str,
        hash: &str,
        asked: &[Stretch],
    ) -> Result<Vec<Checksum>, ProjectError> {
        let (Some(first), Some(last)) = (asked.first(), asked.last()) else { return Ok(Vec::new()) };
        let froms: Vec<String> = asked.iter().map(|stretch| stretch.from.to_string()).collect();
        let question = format!(
            "SELECT toInt64(roundDown(position - 1, [{}])) AS from_position, count() AS rows, \
             sumWithOverflow({hash}) AS sum FROM {} FINAL WHERE position > {} AND position <= {} \
             GROUP BY from_position",
            froms.join(","),
            table_of(self.target, base),
            first.from,
            last.to
        );
        let found: Vec<HeldRow> = self.ask(&question).await?;
        let of = |stretch: &Stretch| {
            let row = found.iter().find(|row| row.from_position == stretch.from);
            row.map(|row| Checksum { rows: row.rows, sum: row.sum }).unwrap_or_default()
        };
        Ok(asked.iter().map(of).collect())
    }

    /// The logs whose events the tables hold, other than `log_id`.
    ///
    /// # Errors
    /// [`ProjectError::Sink`].
    pub(super) async fn foreign_log(&self, log_id: LogId) -> Result<Option<LogId>, ProjectError> {
        #[derive(Row, Deserialize)]
        struct Found {
            #[serde(with = "clickhouse::serde::uuid")]
            log_id: Uuid,
        }
        let table = table_of(self.target, "ingested_batches");
        let question = format!("SELECT DISTINCT log_id FROM {table} WHERE log_id != '{log_id}' LIMIT 1");
        let found: Vec<Found> = self.ask(&question).await?;
        Ok(found.first().map(|row| LogId::from_uuid(row.log_id)))
    }

    /// Feeds the days whose statistics differ from their facts to the statistics once more; answers how many.
    ///
    /// # Errors
    /// [`ProjectError::Sink`].
    pub(super) async fn mend_days(&self) -> Result<u64, ProjectError> {
        #[derive(Row, Deserialize)]
        struct Found {
            days: u64,
        }
        let (facts, states) =
            (table_of(self.target, "transaction_facts"), table_of(self.target, "business_day_states"));
        // Of facts and states each the same four numbers per business and day; what stands once differs.
        let differing = format!(
            "SELECT business_id, day FROM (\
               SELECT business_id, day, count() AS n, sum(amount) AS a, sum(bonus_accrued) AS b, \
                      uniqExact(member_id) AS c FROM {facts} FINAL GROUP BY business_id, day \
             ) AS f LEFT JOIN (\
               SELECT business_id, day, length((maxMapMerge(amounts) AS m).1) AS n, arraySum(m.2) AS a, \
                      arraySum(maxMapMerge(bonuses).2) AS b, uniqExactMerge(customers) AS c \
               FROM {states} GROUP BY business_id, day\
             ) AS s USING (business_id, day) \
             WHERE f.n != s.n OR f.a != s.a OR f.b != s.b OR f.c != s.c"
        );
        let found: Vec<Found> = self.ask(&format!("SELECT count() AS days FROM ({differing})")).await?;
        let days = found.first().map_or(0, |row| row.days);
        if days > 0 {
            let statement = format!(
                "INSERT INTO {} SELECT position, member_id, business_id, business, category, amount, \
                 bonus_accrued, day FROM {facts} FINAL WHERE (business_id, day) IN ({differing})",
                table_of(self.target, "business_day_input")
            );
            let repeated = self.client.query_raw(&statement).with_setting("insert_deduplicate", "0");
            repeated.execute().await.map_err(clickhouse_failed("mending daily statistics"))?;
        }
        Ok(days)
    }

    /// Asks a question that has no parameters.
    ///
    /// # Errors
    /// [`ProjectError::Sink`].
    pub(super) async fn ask<T>(&self, question: &str) -> Result<Vec<T>, ProjectError>
    where
        T: RowOwned + clickhouse::RowRead,
    {
        let answer = tokio::time::timeout(ANSWER_SECONDS_MAX, self.client.query_raw(question).fetch_all());
        match answer.await {
            Ok(rows) => rows.map_err(clickhouse_failed("asking what it holds")),
            Err(_) => Err(clickhouse_failed("asking what it holds")(clickhouse::error::Error::TimedOut)),
        }
    }
}
