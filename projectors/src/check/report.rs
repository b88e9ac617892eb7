//! What a check found, for people and for programs.

use std::fmt::Write;

use ledger_core::log::Position;
use ledger_warehouse::{Kopecks, Purchases};
use serde::Serialize;

/// How many differences are named; the rest are counted.
const NAMED_MAX: usize = 20;

/// One comparison: what the log says, what the read models and ClickHouse say. `None`: that side does not hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What is compared.
    pub what: String,
    /// The fold of the log.
    pub log: String,
    /// The read models in PostgreSQL.
    pub read_models: Option<String>,
    /// ClickHouse.
    pub clickhouse: Option<String>,
    /// Whether the sides that hold it agree.
    pub equal: bool,
}

/// The result of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Everything up to here was compared.
    pub position: Position,
    /// How many members were compared one by one.
    pub members: u64,
    /// Whether everything agrees and every invariant holds.
    pub equal: bool,
    /// The comparisons.
    pub lines: Vec<Line>,
    /// How many single differences there are.
    pub differences_total: u64,
    /// The first of them.
    pub differences: Vec<String>,
}

impl Report {
    /// Adds a comparison.
    pub(super) fn compare(
        &mut self,
        what: impl Into<String>,
        log: &impl ToString,
        read_models: Option<&dyn ToString>,
        clickhouse: Option<&dyn ToString>,
    ) {
        let log = log.to_string();
        let read_models = read_models.map(ToString::to_string);
        let clickhouse = clickhouse.map(ToString::to_string);
        let equal = [&read_models, &clickhouse].into_iter().flatten().all(|side| *side == log);
        self.lines.push(Line { what: what.into(), log, read_models, clickhouse, equal });
    }

    /// Adds the comparisons of purchases: number, bills, bonuses; sides are the read models and ClickHouse.
    pub(super) fn purchases(&mut self, which: &str, log: &Purchases, sides: [Option<Purchases>; 2]) {
        let mut add = |what: &str, of: fn(&Purchases) -> String| {
            let [read_models, clickhouse] = sides.map(|side| side.as_ref().map(of));
            let [read_models, clickhouse] =
                [&read_models, &clickhouse].map(|side| side.as_ref().map(|text| -> &dyn ToString { text }));
            self.compare(format!("{which}: {what}"), &of(log), read_models, clickhouse);
        };
        add("purchases", |sums| sums.count.to_string());
        add("bills, ₽", |sums| Kopecks(sums.amount).to_string());
        add("bonuses", |sums| Kopecks(sums.bonuses).to_string());
    }

    /// Adds an invariant of the log with the number of places where it does not hold.
    pub(super) fn invariant(&mut self, what: &str, broken: u64) {
        let log = if broken == 0 { "holds".to_owned() } else { format!("broken {broken} times") };
        let equal = broken == 0;
        self.lines.push(Line { what: what.to_owned(), log, read_models: None, clickhouse: None, equal });
    }

    /// Names a single difference.
    pub(super) fn differs(&mut self, difference: impl FnOnce() -> String) {
        self.differences_total = self.differences_total.saturating_add(1);
        if self.differences.len() < NAMED_MAX {
            self.differences.push(difference());
        }
    }

    /// Decides.
    pub(super) fn close(mut self) -> Self {
        self.equal = self.differences_total == 0 && self.lines.iter().all(|line| line.equal);
        self
    }

    /// The report as a table for a terminal.
    #[must_use]
    pub fn table(&self) -> String {
        const HEADS: [&str; 4] = ["", "log", "read models", "ClickHouse"];
        let cells = |line: &Line| {
            let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "·".to_owned());
            [line.what.clone(), line.log.clone(), side(&line.read_models), side(&line.clickhouse)]
        };
        let rows: Vec<[String; 4]> = self.lines.iter().map(cells).collect();
        let width = |column: usize| {
            let longest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
            longest.max(HEADS[column].chars().count())
        };
        let widths: [usize; 4] = std::array::from_fn(width);
        let mut text = String::new();
        let mut put = |cells: &[String; 4], sign: &str| {
            let [a, b, c, d] = widths;
            let [what, log, read, click] = cells;
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{what:<a$}  {log:>b$}  {read:>c$}  {click:>d$}  {sign}");
        };
        put(&HEADS.map(str::to_owned), "equal");
        for (row, line) in rows.iter().zip(&self.lines) {
            put(row, if line.equal { "✓" } else { "✗" });
        }
        let verdict = if self.equal { "log = read models = ClickHouse" } else { "the sides differ" };
        let _ = writeln!(
            text,
            "\n{verdict}: {} members one by one, up to position {}",
            self.members, self.position
        );
        for difference in &self.differences {
            let _ = writeln!(text, "  {difference}");
        }
        let more = self.differences_total.saturating_sub(u64::try_from(self.differences.len()).unwrap_or(0));
        if more > 0 {
            let _ = writeln!(text, "  … and {more} more");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_equal_only_when_every_side_says_the_same() {
        let mut report = Report::default();
        report.compare("purchases", &3, Some(&3), Some(&3));
        report.compare("lots", &2, Some(&2), None);
        report.invariant("postings sum to zero", 0);
        assert!(report.clone().close().equal);
        assert!(report.clone().close().table().contains("log = read models = ClickHouse"));

        let mut one_side = report.clone();
        one_side.compare("purchases", &3, Some(&3), Some(&4));
        assert!(!one_side.close().equal);

        let mut single = report.clone();
        single.differs(|| "member X".to_owned());
        assert!(!single.clone().close().equal);
        assert!(single.close().table().contains("member X"));

        report.invariant("float = available + held", 1);
        assert!(!report.close().equal);
    }
}
