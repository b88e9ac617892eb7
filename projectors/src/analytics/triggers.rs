//! What ClickHouse gets of triggers of chains: who was given something, and who was held out. Rules X3, X8.
//!
//! A pure function of an event, as all of `rows.rs`, and without a step from or to a clinic (`compliance.md` M4): the fact of
//! a trigger that gave no coupon says so itself, that of a coupon says it of the target, and [`Clinics`] of the source.

use chrono::{DateTime, NaiveDate, Utc};
use clickhouse::Row;
use ledger_core::log::Event;
use ledger_core::member::event::MemberEvent;
use ledger_warehouse::{Trigger, trigger_of};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clinics::Clinics;
use super::rows::day_of;
use crate::source::StoredRow;

/// A row of `chain_triggers`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(super) struct TriggerRow {
    pub(super) position: i64,
    #[serde(with = "clickhouse::serde::uuid")]
    event_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    chain_id: Uuid,
    version: u32,
    pub(super) step: u32,
    #[serde(with = "clickhouse::serde::uuid")]
    source_business_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    target_business_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    trigger_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    member_id: Uuid,
    pub(super) held_out: u8,
    #[serde(with = "clickhouse::serde::chrono::datetime64::micros")]
    bought_at: DateTime<Utc>,
    #[serde(with = "clickhouse::serde::chrono::datetime64::micros")]
    until: DateTime<Utc>,
    #[serde(with = "clickhouse::serde::chrono::datetime64::micros")]
    occurred_at: DateTime<Utc>,
    #[serde(with = "clickhouse::serde::chrono::date32")]
    day: NaiveDate,
    #[serde(with = "clickhouse::serde::chrono::datetime64::micros")]
    recorded_at: DateTime<Utc>,
}

impl TriggerRow {
    /// The row of an event, if it is a trigger of a step between ordinary businesses that gave something or was held out.
    pub(super) fn of(stored: &StoredRow, event: &Event, clinics: &Clinics) -> Option<Self> {
        let Event::Member(event) = event else { return None };
        let Trigger { from, source, target, held_out } = trigger_of(event)?;
        let is_secret = matches!(event, MemberEvent::CouponIssued(_)) && clinics.has(source);
        let row = &stored.row;
        (!is_secret).then(|| Self {
            position: row.position,
            event_id: row.event_id.as_uuid(),
            chain_id: from.chain_id.as_uuid(),
            version: from.version,
            step: from.step,
            source_business_id: source.as_uuid(),
            target_business_id: target.as_uuid(),
            trigger_id: from.purchase_id.as_uuid(),
            member_id: row.stream_id,
            held_out: held_out.into(),
            bought_at: from.bought_at.to_utc(),
            until: from.until.to_utc(),
            occurred_at: row.occurred_at.to_utc(),
            day: day_of(row.occurred_at),
            recorded_at: row.recorded_at.to_utc(),
        })
    }
}
