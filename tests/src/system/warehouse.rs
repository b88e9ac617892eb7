//! ClickHouse by hand, over HTTP.

use serde_json::Value;

/// One installation's ClickHouse database.
#[derive(Debug, Clone)]
pub struct Warehouse {
    http: reqwest::Client,
    address: String,
    database: String,
}

impl Warehouse {
    /// The database `database` of the server at `address`.
    ///
    /// # Panics
    /// When no client can be made.
    #[must_use]
    pub fn new(address: &str, database: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { http, address: address.to_owned(), database: database.to_owned() }
    }

    /// Runs a statement; gives what it answers.
    ///
    /// # Panics
    /// With the server's words when it fails.
    pub async fn run(&self, statement: &str) -> String {
        let url = format!("{}/?database={}", self.address, self.database);
        let response =
            self.http.post(url).body(statement.to_owned()).send().await.expect("ClickHouse answers");
        let good = response.status().is_success();
        let text = response.text().await.expect("ClickHouse answers whole");
        assert!(good, "{statement}: {text}");
        text
    }

    /// The rows of a query; every value is a text.
    ///
    /// # Panics
    /// As [`Warehouse::run`].
    pub async fn rows(&self, query: &str) -> Vec<Vec<String>> {
        let text = self.run(&format!("{query} FORMAT JSONCompactStringsEachRow")).await;
        let row = |line: &str| serde_json::from_str::<Vec<String>>(line).expect("a row");
        text.lines().filter(|line| !line.is_empty()).map(row).collect()
    }

    /// The one value of a query.
    ///
    /// # Panics
    /// As [`Warehouse::run`], or when there is not exactly one.
    pub async fn value(&self, query: &str) -> String {
        let rows = self.rows(query).await;
        assert_eq!((rows.len(), rows.first().map(Vec::len)), (1, Some(1)), "{query}: {rows:?}");
        rows[0][0].clone()
    }

    /// Every row of every table of this database, as one text, for a search.
    ///
    /// # Panics
    /// As [`Warehouse::run`].
    pub async fn dump(&self) -> String {
        let mut text = String::new();
        let tables = format!(
            "SELECT name FROM system.tables WHERE database = '{}' AND engine NOT IN ('View', 'MaterializedView', 'Null')",
            self.database
        );
        for table in self.rows(&tables).await {
            text.push_str(&self.run(&format!("SELECT * FROM `{}` FORMAT JSONEachRow", table[0])).await);
        }
        text
    }

    /// What the tables say, line by line in an order of its own: however the server has merged the parts, the same.
    pub async fn contents(&self) -> Vec<String> {
        let tables = format!(
            "SELECT name, engine LIKE '%ReplacingMergeTree' OR engine LIKE '%AggregatingMergeTree' \
             FROM system.tables WHERE database = '{}' AND engine LIKE '%MergeTree' ORDER BY name",
            self.database
        );
        let mut all = Vec::new();
        for table in self.rows(&tables).await {
            let merged = if table[1] == "1" { "FINAL" } else { "" };
            let text = self.run(&format!("SELECT * FROM `{}` {merged} FORMAT JSONEachRow", table[0])).await;
            let mut lines: Vec<String> = text.lines().map(|line| format!("{}: {line}", table[0])).collect();
            lines.sort();
            all.extend(lines);
        }
        all
    }
}

/// A decimal of two places as kopecks.
///
/// # Panics
/// When it is none.
#[must_use]
pub(super) fn kopecks(text: &str) -> i64 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let whole: i64 = whole.parse().unwrap_or_else(|_| panic!("not an amount: {text}"));
    let part: i64 = format!("{part:0<2}").parse().unwrap_or_else(|_| panic!("not an amount: {text}"));
    assert!(part < 100, "more than two decimals: {text}");
    sign * (whole * 100 + part)
}

/// A JSON amount as kopecks.
///
/// # Panics
/// When it is none.
#[must_use]
pub(super) fn kopecks_of(value: &Value) -> i64 {
    kopecks(value.as_str().unwrap_or_else(|| panic!("not an amount: {value}")))
}
