//! The rows of postings that ClickHouse gets: of those that are no medical secret. Design J6.

use chrono::{DateTime, NaiveDate, Utc};
use clickhouse::Row;
use ledger_core::ids::MemberId;
use ledger_core::log::Event;
use ledger_warehouse::ordinary_postings;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::rows::{Decimal2, day_of};
use crate::source::StoredRow;

/// A row of `postings`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(super) struct PostingRow {
    pub(super) position: i64,
    pub(super) line: u32,
    #[serde(with = "clickhouse::serde::uuid")]
    event_id: Uuid,
    unit: String,
    account: String,
    #[serde(with = "clickhouse::serde::uuid")]
    member_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    lot_id: Uuid,
    funder: String,
    pub(super) amount: Decimal2,
    #[serde(with = "clickhouse::serde::chrono::date32")]
    day: NaiveDate,
    #[serde(with = "clickhouse::serde::chrono::datetime64::micros")]
    occurred_at: DateTime<Utc>,
    #[serde(with = "clickhouse::serde::chrono::datetime64::micros")]
    recorded_at: DateTime<Utc>,
}

/// The rows of an event.
pub(super) fn rows_of(stored: &StoredRow, event: &Event) -> impl Iterator<Item = PostingRow> {
    let row = &stored.row;
    let posted = ordinary_postings(MemberId::from_uuid(row.stream_id), event);
    posted.into_iter().map(|(line, posting)| PostingRow {
        position: row.position,
        line,
        event_id: row.event_id.as_uuid(),
        unit: posting.unit.as_str().to_owned(),
        account: posting.account.folded(),
        member_id: row.stream_id,
        lot_id: posting.lot_id.as_uuid(),
        funder: posting.funder.as_str().to_owned(),
        amount: Decimal2(posting.kopecks),
        day: day_of(row.occurred_at),
        occurred_at: row.occurred_at.to_utc(),
        recorded_at: row.recorded_at.to_utc(),
    })
}
