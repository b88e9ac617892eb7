//! The postings that ClickHouse gets: those of lots that have nothing to do with a medical business. Design J6.
//!
//! A posting is kept with its lot or left out with it. The postings of one lot sum to zero in each unit within their event,
//! so what is sent sums to zero too.

use chrono::{DateTime, NaiveDate, Utc};
use clickhouse::Row;
use ledger_core::category::Confidentiality;
use ledger_core::ids::MemberId;
use ledger_core::log::Event;
use ledger_core::postings::{Posting, postings};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::lots::{discount_of, lots_of};
use super::rows::{Decimal2, day_of};
use crate::journal::folded;
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

/// The postings of `event` that are no medical secret, each with its place among all of them. What is not known to be
/// ordinary is left out.
pub(crate) fn ordinary_postings(member: MemberId, event: &Event) -> Vec<(u32, Posting)> {
    let Some((_, mut lots)) = lots_of(event) else { return Vec::new() };
    lots.extend(discount_of(event));
    let is_ordinary = |posting: &Posting| {
        let lot = lots.iter().find(|lot| lot.lot_id == posting.lot_id);
        lot.is_some_and(|lot| lot.confidentiality == Confidentiality::Ordinary)
    };
    (0..).zip(postings(member, event)).filter(|(_, posting)| is_ordinary(posting)).collect()
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
        account: folded(&posting.account),
        member_id: row.stream_id,
        lot_id: posting.lot_id.as_uuid(),
        funder: posting.funder.as_str().to_owned(),
        amount: Decimal2(posting.kopecks),
        day: day_of(row.occurred_at),
        occurred_at: row.occurred_at.to_utc(),
        recorded_at: row.recorded_at.to_utc(),
    })
}
