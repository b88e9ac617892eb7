//! The accounts of the chart: what the log posts to each, against `journal` and ClickHouse. Rule M1.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::hash::Hash;

use ledger_warehouse::{Kopecks, Sum};
use uuid::Uuid;

use super::fold::{Accounts, Expected};
use super::report::Report;

/// Postings by unit and name of the account.
pub(super) type Names = HashMap<(String, String), Sum>;

/// What the log says of accounts, member by member, and what is not compared yet of the journal.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// How many rows the journal has.
    rows: i128,
    /// Of the journal's rows, what no member was compared with yet.
    journal: Names,
    /// The log's postings to accounts of nobody alone.
    shared: Names,
    /// All of the log's postings, with all members as one.
    totals: Names,
    /// Those of them that ClickHouse gets.
    ordinary: Names,
}

impl Books {
    /// What `journal` holds by account.
    pub(super) fn of(journal: Names) -> Self {
        Self { rows: count(&journal), journal, ..Self::default() }
    }

    /// Compares the member's own accounts, and keeps what she has a part in.
    pub(super) fn member(&mut self, member: Uuid, expected: &Expected, report: &mut Report) {
        for ((unit, account), log) in &expected.journal {
            let key = (unit.as_str().to_owned(), account.to_string());
            if key.1.starts_with(&format!("member/{member}/")) {
                let there = self.journal.remove(&key).unwrap_or_default();
                compare("journal", &key, *log, there, report);
            } else {
                add(&mut self.shared, key, *log);
            }
        }
        fold(&mut self.totals, &expected.journal);
        fold(&mut self.ordinary, &expected.ordinary);
    }

    /// Compares what belongs to no single member: accounts of the coalition and of businesses, the journal's `totals` and
    /// what it says is `outstanding` of lots, and what `clickhouse` holds.
    pub(super) fn close(
        self,
        totals: &BTreeMap<(String, String), i64>,
        outstanding: i64,
        clickhouse: &BTreeMap<(String, String), Sum>,
        report: &mut Report,
    ) {
        report.compare("postings", &count(&self.totals), Some(&self.rows), None);
        let sent: i128 = clickhouse.values().map(|sum| sum.count).sum();
        report.compare("postings, ordinary lots", &count(&self.ordinary), None, Some(&sent));
        let left =
            ["member/pending", "member/available", "member/held", "transfer/pending", "transfer/available"];
        let left = left.map(|account| of(&self.totals, &("BON".to_owned(), account.to_owned())).amount);
        let left = Kopecks(left.iter().sum());
        report.compare("outstanding of lots", &left, Some(&Kopecks(outstanding.into())), None);
        for key in keys(self.shared.keys().chain(self.journal.keys())) {
            compare("journal", key, of(&self.shared, key), of(&self.journal, key), report);
        }
        for key in keys(self.totals.keys().chain(totals.keys())) {
            let log = of(&self.totals, key);
            let there = Sum { amount: totals.get(key).copied().unwrap_or_default().into(), ..log };
            compare("the journal's totals", key, log, there, report);
        }
        for key in keys(self.ordinary.keys().chain(clickhouse.keys())) {
            let there = clickhouse.get(key).copied().unwrap_or_default();
            compare("ClickHouse's postings", key, of(&self.ordinary, key), there, report);
        }
    }
}

/// Each key once, in order.
fn keys<'a, K: Ord + 'a>(keys: impl Iterator<Item = &'a K>) -> Vec<&'a K> {
    let mut keys: Vec<&K> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn of<K: Eq + Hash>(sums: &HashMap<K, Sum>, key: &K) -> Sum {
    sums.get(key).copied().unwrap_or_default()
}

fn count(sums: &Names) -> i128 {
    sums.values().map(|sum| sum.count).sum()
}

fn add(sums: &mut Names, key: (String, String), one: Sum) {
    let sum = sums.entry(key).or_default();
    sum.count += one.count;
    sum.amount += one.amount;
}

fn fold(into: &mut Names, accounts: &Accounts) {
    for ((unit, account), sum) in accounts {
        add(into, (unit.as_str().to_owned(), account.folded()), *sum);
    }
}

fn compare(
    side: impl Display,
    (unit, account): &(String, String),
    log: Sum,
    there: Sum,
    report: &mut Report,
) {
    if log != there {
        report.differs(|| format!("{unit} {account}: log {log}, {side} {there}"));
    }
}
