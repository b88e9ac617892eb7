//! What ClickHouse gets of a stretch of the log: a pure function of its rows, so that any stretch can be sent again.
//!
//! Why it is right: every event says by itself whether it is about a medical business, and such events give no row
//! (design J6, `compliance.md` M4). Nothing personal is on the log, so nothing personal can come out here; natural keys,
//! idempotency keys, actors and consents stay behind too.
//! A purchase and its accrual stand next to each other on the log (one decision wrote them); a stretch never ends
//! between the two (`sequence.rs`).

use chrono::{DateTime, NaiveDate, Utc};
use clickhouse::Row;
use ledger_core::category::Confidentiality;
use ledger_core::ids::MemberId;
use ledger_core::log::{Event, Position};
use ledger_core::member::event::{BonusAccrued, MemberEvent, PurchaseRecorded, PurchaseSource};
use ledger_core::money::{Bonuses, Roubles};
use ledger_core::postings::{Posting, Unit, postings};
use ledger_core::time::Timestamp;
use ledger_warehouse::lots_of;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::checksum::{Checksums, hash_of};
use super::clinics::Clinics;
use super::postings::{PostingRow, rows_of};
use super::promotion::{BillRow, ChainRow, LinkRow};
use super::triggers::TriggerRow;
use crate::error::ProjectError;
use crate::source::StoredRow;

/// An amount as ClickHouse's `Decimal(18, 2)`: kopecks in an `i64`, no float anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Decimal2(pub(super) i64);

impl Decimal2 {
    /// The amount in kopecks, or hundredths of a bonus.
    #[must_use]
    pub(super) const fn kopecks(self) -> i64 {
        self.0
    }
}

impl From<Roubles> for Decimal2 {
    fn from(amount: Roubles) -> Self {
        Self(amount.kopecks())
    }
}

impl From<Bonuses> for Decimal2 {
    fn from(amount: Bonuses) -> Self {
        Self(amount.kopecks())
    }
}

/// A row of `transaction_facts`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(super) struct FactRow {
    pub(super) position: i64,
    #[serde(with = "clickhouse::serde::uuid")]
    pub(super) event_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    pub(super) transaction_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    pub(super) member_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    pub(super) business_id: Uuid,
    pub(super) business: String,
    pub(super) category: String,
    pub(super) source: String,
    pub(super) amount: Decimal2,
    pub(super) bonus_accrued: Decimal2,
    #[serde(with = "clickhouse::serde::chrono::date32")]
    pub(super) day: NaiveDate,
    #[serde(with = "clickhouse::serde::chrono::datetime64::micros")]
    pub(super) occurred_at: DateTime<Utc>,
    #[serde(with = "clickhouse::serde::chrono::datetime64::micros")]
    pub(super) recorded_at: DateTime<Utc>,
}

/// A row of `business_day_input`: what of a fact the daily statistics need.
#[derive(Debug, Clone, Row, Serialize)]
pub(super) struct DayRow<'a> {
    position: i64,
    #[serde(with = "clickhouse::serde::uuid")]
    member_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    business_id: Uuid,
    business: &'a str,
    category: &'a str,
    amount: Decimal2,
    bonus_accrued: Decimal2,
    #[serde(with = "clickhouse::serde::chrono::date32")]
    day: NaiveDate,
}

impl FactRow {
    pub(super) fn day_row(&self) -> DayRow<'_> {
        DayRow {
            position: self.position,
            member_id: self.member_id,
            business_id: self.business_id,
            business: &self.business,
            category: &self.category,
            amount: self.amount,
            bonus_accrued: self.bonus_accrued,
            day: self.day,
        }
    }
}

/// A row of `bonus_movements`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(super) struct MovementRow {
    pub(super) position: i64,
    pub(super) ordinal: u32,
    #[serde(with = "clickhouse::serde::uuid")]
    pub(super) event_id: Uuid,
    pub(super) kind: String,
    #[serde(with = "clickhouse::serde::uuid")]
    pub(super) lot_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    pub(super) transaction_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    pub(super) member_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    pub(super) business_id: Uuid,
    pub(super) funder: String,
    pub(super) from_account: String,
    pub(super) to_account: String,
    pub(super) amount: Decimal2,
    #[serde(with = "clickhouse::serde::chrono::date32")]
    pub(super) day: NaiveDate,
    #[serde(with = "clickhouse::serde::chrono::datetime64::micros")]
    pub(super) occurred_at: DateTime<Utc>,
    #[serde(with = "clickhouse::serde::chrono::datetime64::micros")]
    pub(super) recorded_at: DateTime<Utc>,
}

/// Everything ClickHouse gets of one stretch, with what identifies it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rows {
    /// Purchases.
    pub(super) facts: Vec<FactRow>,
    /// Movements of bonuses.
    pub(super) movements: Vec<MovementRow>,
    /// Postings.
    pub(super) postings: Vec<PostingRow>,
    /// What bills became.
    pub(super) bills: Vec<BillRow>,
    /// Rewards of chains, and what became of them.
    pub(super) chains: Vec<ChainRow>,
    /// Accounts that became one, or two again.
    pub(super) links: Vec<LinkRow>,
    /// Who triggered steps of chains.
    pub(super) triggers: Vec<TriggerRow>,
}

impl Rows {
    /// What ClickHouse gets of `stretch`, which follows the log without a gap and does not end in a purchase
    /// without its accrual.
    ///
    /// # Errors
    /// [`ProjectError::Unapplicable`] for a row this program cannot read, or a purchase without its accrual.
    pub(super) fn of<'a>(
        stretch: impl IntoIterator<Item = &'a StoredRow>,
        clinics: &Clinics,
    ) -> Result<Self, ProjectError> {
        let mut rows = Self::default();
        let mut open: Option<(&'a StoredRow, PurchaseRecorded)> = None;
        for stored in stretch {
            let event = read(stored)?;
            if let Some((of, purchase)) = open.take() {
                rows.fact(of, &purchase, accrual_of(&purchase, of.row.position, &event)?);
            }
            if let Event::Member(MemberEvent::PurchaseRecorded(purchase)) = event {
                open = Some((stored, purchase));
            } else {
                rows.moves(stored, &event)?;
                rows.postings.extend(rows_of(stored, &event));
                rows.bills.extend(BillRow::of(stored, &event));
                rows.chains.extend(ChainRow::of(stored, &event, clinics));
                rows.links.extend(LinkRow::of(stored, &event));
                rows.triggers.extend(TriggerRow::of(stored, &event, clinics));
            }
        }
        match open {
            None => Ok(rows),
            Some((of, _)) => Err(no_accrual(of.row.position)),
        }
    }

    fn fact(&mut self, stored: &StoredRow, purchase: &PurchaseRecorded, accrued: Bonuses) {
        if purchase.confidentiality == Confidentiality::Medical {
            return;
        }
        let row = &stored.row;
        self.facts.push(FactRow {
            position: row.position,
            event_id: row.event_id.as_uuid(),
            transaction_id: purchase.purchase_id.as_uuid(),
            member_id: row.stream_id,
            business_id: purchase.business_id.as_uuid(),
            business: purchase.business.as_str().to_owned(),
            category: purchase.category.as_str().to_owned(),
            source: source_name(purchase.source).to_owned(),
            amount: purchase.amount.into(),
            bonus_accrued: accrued.into(),
            day: day_of(row.occurred_at),
            occurred_at: row.occurred_at.to_utc(),
            recorded_at: row.recorded_at.to_utc(),
        });
    }

    /// One row per pair of BON postings. Rule M1: a movement takes from one account what it gives to another.
    fn moves(&mut self, stored: &StoredRow, event: &Event) -> Result<(), ProjectError> {
        let Some((kind, lots)) = lots_of(event) else { return Ok(()) };
        let row = &stored.row;
        let posted = postings(MemberId::from_uuid(row.stream_id), event);
        let bonuses: Vec<&Posting> = posted.iter().filter(|posting| posting.unit == Unit::Bon).collect();
        if bonuses.len() != lots.len().saturating_mul(2) {
            return Err(unpaired(row.position));
        }
        for ((ordinal, pair), lot) in (0_u32..).zip(bonuses.chunks(2)).zip(&lots) {
            let [from, to] = pair else { return Err(unpaired(row.position)) };
            let is_pair = from.kopecks.checked_neg() == Some(to.kopecks);
            if !is_pair || from.lot_id != lot.lot_id || to.lot_id != lot.lot_id {
                return Err(unpaired(row.position));
            }
            if lot.confidentiality == Confidentiality::Medical {
                continue;
            }
            self.movements.push(MovementRow {
                position: row.position,
                ordinal,
                event_id: row.event_id.as_uuid(),
                kind: kind.to_owned(),
                lot_id: to.lot_id.as_uuid(),
                transaction_id: lot.origin.id(),
                member_id: row.stream_id,
                // A column of the sorting key cannot be empty: no business is the nil id.
                business_id: lot.origin.business_id().map_or_else(Uuid::nil, |id| id.as_uuid()),
                funder: to.funder.as_str().to_owned(),
                from_account: from.account.folded(),
                to_account: to.account.folded(),
                amount: Decimal2(to.kopecks),
                day: day_of(row.occurred_at),
                occurred_at: row.occurred_at.to_utc(),
                recorded_at: row.recorded_at.to_utc(),
            });
        }
        Ok(())
    }

    /// What identifies these rows.
    #[must_use]
    pub(super) fn checksums(&self) -> Checksums {
        let kopecks = |amounts: [Decimal2; 2]| amounts.map(Decimal2::kopecks);
        Checksums([
            self.facts
                .iter()
                .map(|it| hash_of(it.position, &kopecks([it.amount, it.bonus_accrued])))
                .collect(),
            self.movements
                .iter()
                .map(|it| hash_of(it.position, &[it.ordinal.into(), it.amount.kopecks()]))
                .collect(),
            self.postings
                .iter()
                .map(|it| hash_of(it.position, &[it.line.into(), it.amount.kopecks()]))
                .collect(),
            self.bills.iter().map(|it| hash_of(it.position, &kopecks([it.bill, it.refunded]))).collect(),
            self.chains.iter().map(|it| hash_of(it.position, &kopecks([it.discount, it.bonuses]))).collect(),
            self.links.iter().map(|it| hash_of(it.position, &[])).collect(),
            self.triggers
                .iter()
                .map(|it| hash_of(it.position, &[it.step.into(), it.held_out.into()]))
                .collect(),
        ])
    }
}

fn read(stored: &StoredRow) -> Result<Event, ProjectError> {
    let position = stored.row.position;
    // The error's own text names type and version, never the payload's content.
    stored.row.event().map_err(|error| ProjectError::Unapplicable { position, reason: error.to_string() })
}

fn accrual_of(purchase: &PurchaseRecorded, at: Position, next: &Event) -> Result<Bonuses, ProjectError> {
    match next {
        Event::Member(MemberEvent::BonusAccrued(BonusAccrued { purchase_id, amount, .. }))
            if *purchase_id == purchase.purchase_id =>
        {
            Ok(*amount)
        }
        Event::Member(_) | Event::Business(_) | Event::Policy(_) | Event::Chain(_) | Event::Offer(_) => {
            Err(no_accrual(at))
        }
    }
}

fn no_accrual(position: Position) -> ProjectError {
    let reason = "the purchase is not followed by its accrual".to_owned();
    ProjectError::Unapplicable { position, reason }
}

fn unpaired(position: Position) -> ProjectError {
    ProjectError::Unapplicable { position, reason: "its postings in BON are not pairs".to_owned() }
}

const fn source_name(source: PurchaseSource) -> &'static str {
    match source {
        PurchaseSource::Manual => "manual",
        PurchaseSource::Api => "api",
        PurchaseSource::Qr => "qr",
        PurchaseSource::Csv => "csv",
        PurchaseSource::Crm => "crm",
        PurchaseSource::Import => "import",
    }
}

/// The Moscow day (Rule T2), within what ClickHouse's `Date32` can say: 1900 to 2299. Only a statistic of days before or
/// after depends on it; the moment itself is sent as it is.
pub(super) fn day_of(at: Timestamp) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap_or(NaiveDate::MIN);
    let last = NaiveDate::from_ymd_opt(2299, 12, 31).unwrap_or(NaiveDate::MAX);
    at.moscow_day().to_date().clamp(first, last)
}
