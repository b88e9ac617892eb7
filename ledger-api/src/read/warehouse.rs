//! Asking ClickHouse: the log restricted to ordinary businesses. Design J6.
//!
//! Questions come from here alone; moments, days and ids go in as parameters. Bounds: a question may take [`ANSWER_MAX`].

use std::time::Duration;

use chrono::NaiveDate;
use clickhouse::error::Error;
use clickhouse::{Client, RowOwned, RowRead};
use ledger_core::time::Timestamp;
use ledger_ops::settings::ClickHouse;
use uuid::Uuid;

use crate::app::App;
use crate::problem::{ApiError, Cause};

/// How long ClickHouse may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The moments after `from`, up to and with `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// The moment before the first.
    pub(crate) from: Timestamp,
    /// The last.
    pub(crate) until: Timestamp,
}

/// How much memory one may take, in bytes: the sink needs the rest.
const MEMORY_MAX: u64 = 2 << 30;

/// A client for questions.
#[must_use]
pub(crate) fn client(settings: &ClickHouse) -> Client {
    let seconds = ANSWER_MAX.as_secs().to_string();
    ledger_store::published::client(settings)
        .with_setting("max_execution_time", seconds)
        .with_setting("max_memory_usage", MEMORY_MAX.to_string())
}

/// Asks a question with the parameters `from`, `until` (microseconds), `from_day`, `until_day` (dates) and `chain`.
///
/// # Errors
/// [`ApiError::Unavailable`] when ClickHouse is away or no part of this installation.
pub(crate) async fn ask<T: RowOwned + RowRead>(
    app: &App,
    question: &str,
    window: Window,
    chain: Uuid,
) -> Result<Vec<T>, ApiError> {
    let nowhere = ApiError::Unavailable(Cause::Impossible("no ClickHouse is configured"));
    let client = app.clickhouse.as_ref().ok_or(nowhere)?;
    let question = client
        .query_raw(question)
        .param("from", window.from.micros())
        .param("until", window.until.micros())
        .param("from_day", day_of(window.from))
        .param("until_day", day_of(window.until))
        .param("chain", chain.to_string());
    let answer = tokio::time::timeout(ANSWER_MAX, question.fetch_all()).await;
    answer.unwrap_or(Err(Error::TimedOut)).map_err(|cause| ApiError::Unavailable(Cause::Analytics(cause)))
}

/// The Moscow day, within what ClickHouse's `Date32` can say, as the sink has it.
fn day_of(at: Timestamp) -> String {
    let first = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap_or(NaiveDate::MIN);
    let last = NaiveDate::from_ymd_opt(2299, 12, 31).unwrap_or(NaiveDate::MAX);
    at.moscow_day().to_date().clamp(first, last).to_string()
}
