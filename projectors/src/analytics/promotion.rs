//! What ClickHouse gets of edits of bills, of the rewards of chains, and of accounts that are one. Rules F6, X4, X8.
//!
//! A pure function of an event, as all of `rows.rs`. What has to do with a medical business gives nothing: neither an edit of a
//! bill there, nor a step of a chain from or to one (Rule X9, `compliance.md` M4). An event says so of the place where it
//! happened; where a coupon was triggered, [`Clinics`] knows.

use chrono::{DateTime, NaiveDate, Utc};
use clickhouse::Row;
use ledger_core::category::Confidentiality;
use ledger_core::ids::{ChainId, PurchaseId};
use ledger_core::log::Event;
use ledger_core::member::event::{
    ChainTriggered, CouponBenefit, CouponIssued, FromChain, MemberEvent, Promise,
};
use ledger_core::money::{Bonuses, Roubles};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clinics::Clinics;
use super::rows::{Decimal2, day_of};
use crate::source::StoredRow;

/// A row of `bill_changes`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(super) struct BillRow {
    pub(super) position: i64,
    #[serde(with = "clickhouse::serde::uuid")]
    event_id: Uuid,
    kind: String,
    #[serde(with = "clickhouse::serde::uuid")]
    transaction_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    member_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    business_id: Uuid,
    pub(super) bill: Decimal2,
    pub(super) refunded: Decimal2,
    #[serde(with = "clickhouse::serde::chrono::date32")]
    day: NaiveDate,
    #[serde(with = "clickhouse::serde::chrono::datetime64::micros")]
    bought_at: DateTime<Utc>,
    #[serde(with = "clickhouse::serde::chrono::datetime64::micros")]
    recorded_at: DateTime<Utc>,
}

impl BillRow {
    /// The row of an event, if it changes what the bill of an ordinary purchase comes to.
    pub(super) fn of(stored: &StoredRow, event: &Event) -> Option<Self> {
        let Event::Member(event) = event else { return None };
        let nothing = Roubles::ZERO;
        let (kind, purchase, business, confidentiality, bought_at, (bill_before, bill), refunded) =
            match event {
                MemberEvent::PurchaseRefunded(it) => {
                    let unchanged = (it.bill, it.bill);
                    (
                        "refunded",
                        it.purchase_id,
                        it.business_id,
                        it.confidentiality,
                        it.bought_at,
                        unchanged,
                        it.amount,
                    )
                }
                MemberEvent::PurchaseAmended(it) => {
                    let kind = if it.handed_over { "handed_over" } else { "amended" };
                    let bills = (it.bill_before, it.bill);
                    (kind, it.purchase_id, it.business_id, it.confidentiality, it.bought_at, bills, nothing)
                }
                // What was given back before is told by the refunds themselves.
                MemberEvent::PurchaseTakenOver(it) => {
                    let (it, at) = (&it.purchase, stored.row.occurred_at);
                    let bills = (nothing, it.amount);
                    ("taken_over", it.purchase_id, it.business_id, it.confidentiality, at, bills, nothing)
                }
                _ => return None,
            };
        let row = &stored.row;
        (confidentiality == Confidentiality::Ordinary).then(|| Self {
            position: row.position,
            event_id: row.event_id.as_uuid(),
            kind: kind.to_owned(),
            transaction_id: purchase.as_uuid(),
            member_id: row.stream_id,
            business_id: business.as_uuid(),
            bill: difference(bill_before, bill),
            refunded: refunded.into(),
            day: day_of(bought_at),
            bought_at: bought_at.to_utc(),
            recorded_at: row.recorded_at.to_utc(),
        })
    }
}

/// A row of `chain_facts`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(super) struct ChainRow {
    pub(super) position: i64,
    #[serde(with = "clickhouse::serde::uuid")]
    event_id: Uuid,
    kind: String,
    #[serde(with = "clickhouse::serde::uuid")]
    chain_id: Uuid,
    version: u32,
    step: u32,
    #[serde(with = "clickhouse::serde::uuid")]
    source_business_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    target_business_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    coupon_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    trigger_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    transaction_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    member_id: Uuid,
    pub(super) discount: Decimal2,
    pub(super) bonuses: Decimal2,
    #[serde(with = "clickhouse::serde::chrono::date32")]
    day: NaiveDate,
    #[serde(with = "clickhouse::serde::chrono::datetime64::micros")]
    occurred_at: DateTime<Utc>,
    #[serde(with = "clickhouse::serde::chrono::datetime64::micros")]
    recorded_at: DateTime<Utc>,
}

impl ChainRow {
    /// The row of an event, if it is about a reward of a chain, or a coupon that may be one.
    pub(super) fn of(stored: &StoredRow, event: &Event, clinics: &Clinics) -> Option<Self> {
        let Event::Member(event) = event else { return None };
        let (confidentiality, row) = match event {
            MemberEvent::CouponIssued(it) => (it.confidentiality, Self::issued(stored, it, clinics)?),
            MemberEvent::CouponActivated(it) => {
                let blank = Self::blank(stored, "activated", it.business_id.as_uuid());
                (it.confidentiality, Self { coupon_id: it.coupon_id.as_uuid(), ..blank })
            }
            MemberEvent::CouponRedeemed(it) => {
                let row = Self {
                    coupon_id: it.coupon_id.as_uuid(),
                    transaction_id: it.purchase_id.as_uuid(),
                    discount: it.discount.into(),
                    bonuses: bonuses_of(&it.gives).into(),
                    ..Self::blank(stored, "used", it.business_id.as_uuid())
                };
                (it.confidentiality, row)
            }
            MemberEvent::CouponReckoned(it) => {
                let row = Self {
                    coupon_id: it.coupon_id.as_uuid(),
                    transaction_id: it.purchase_id.as_uuid(),
                    discount: difference(it.discount_before, it.discount),
                    ..Self::blank(stored, "reckoned", it.business_id.as_uuid())
                };
                (it.confidentiality, row)
            }
            MemberEvent::ChainTriggered(it) if it.promise == Promise::CrossBonus => {
                (it.confidentiality, Self::promised(stored, it)?)
            }
            MemberEvent::CrossBonusAccrued(it) if it.revision.is_none() && it.lot.is_some() => {
                let row = Self {
                    coupon_id: reward_of(it.chain_id, (it.version, it.step), it.trigger_id),
                    transaction_id: it.purchase_id.as_uuid(),
                    bonuses: it.most.into(),
                    ..Self::blank(stored, "used", it.business_id.as_uuid())
                };
                (it.confidentiality, row)
            }
            // Who was held out is no part of what a chain led to.
            MemberEvent::ChainConverted(it) if !it.held_out => {
                let row = Self {
                    chain_id: it.chain_id.as_uuid(),
                    version: it.version,
                    step: it.step,
                    trigger_id: it.trigger_id.as_uuid(),
                    transaction_id: it.purchase_id.as_uuid(),
                    ..Self::blank(stored, "converted", it.business_id.as_uuid())
                };
                (it.confidentiality, row)
            }
            _ => return None,
        };
        (confidentiality == Confidentiality::Ordinary).then_some(row)
    }

    fn issued(stored: &StoredRow, fact: &CouponIssued, clinics: &Clinics) -> Option<Self> {
        let from = fact.chain.as_deref()?;
        let is_secret = from.trail.last().is_some_and(|source| clinics.has(*source));
        let blank = Self::blank(stored, "issued", fact.business_id.as_uuid());
        (!is_secret).then(|| blank.given(from, fact.coupon_id.as_uuid()))?
    }

    /// A cross bonus is a reward as a coupon is, named by what it follows from.
    fn promised(stored: &StoredRow, fact: &ChainTriggered) -> Option<Self> {
        let from = &fact.chain;
        let reward = reward_of(from.chain_id, (from.version, from.step), from.purchase_id);
        Self::blank(stored, "issued", fact.business_id.as_uuid()).given(from, reward)
    }

    /// The reward that a step gave.
    fn given(self, from: &FromChain, reward: Uuid) -> Option<Self> {
        Some(Self {
            chain_id: from.chain_id.as_uuid(),
            version: from.version,
            step: from.step,
            source_business_id: from.trail.last()?.as_uuid(),
            coupon_id: reward,
            trigger_id: from.purchase_id.as_uuid(),
            ..self
        })
    }

    fn blank(stored: &StoredRow, kind: &str, target_business_id: Uuid) -> Self {
        let row = &stored.row;
        Self {
            position: row.position,
            event_id: row.event_id.as_uuid(),
            kind: kind.to_owned(),
            chain_id: Uuid::nil(),
            version: 0,
            step: 0,
            source_business_id: Uuid::nil(),
            target_business_id,
            coupon_id: Uuid::nil(),
            trigger_id: Uuid::nil(),
            transaction_id: Uuid::nil(),
            member_id: row.stream_id,
            discount: Decimal2(0),
            bonuses: Decimal2(0),
            day: day_of(row.occurred_at),
            occurred_at: row.occurred_at.to_utc(),
            recorded_at: row.recorded_at.to_utc(),
        }
    }
}

/// What stands for the coupon of a cross bonus.
fn reward_of(chain: ChainId, (version, step): (u32, u32), trigger: PurchaseId) -> Uuid {
    let name =
        [&version.to_be_bytes(), &step.to_be_bytes(), trigger.as_uuid().as_bytes().as_slice()].concat();
    Uuid::new_v5(&chain.as_uuid(), &name)
}

/// A row of `account_links`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(super) struct LinkRow {
    pub(super) position: i64,
    #[serde(with = "clickhouse::serde::uuid")]
    event_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    member_id: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    survivor_id: Uuid,
    #[serde(with = "clickhouse::serde::chrono::datetime64::micros")]
    recorded_at: DateTime<Utc>,
}

impl LinkRow {
    /// The row of an event by which another account begins to stand for this one, or ends.
    pub(super) fn of(stored: &StoredRow, event: &Event) -> Option<Self> {
        let row = &stored.row;
        let survivor_id = match event {
            Event::Member(MemberEvent::AccountMerged(fact)) => fact.survivor.as_uuid(),
            Event::Member(MemberEvent::AccountRestored(_)) => row.stream_id,
            _ => return None,
        };
        Some(Self {
            position: row.position,
            event_id: row.event_id.as_uuid(),
            member_id: row.stream_id,
            survivor_id,
            recorded_at: row.recorded_at.to_utc(),
        })
    }
}

/// What a coupon gives in bonuses with a purchase that counts.
const fn bonuses_of(gives: &CouponBenefit) -> Bonuses {
    match gives {
        CouponBenefit::Bonus { value } => *value,
        CouponBenefit::DiscountFixed { .. }
        | CouponBenefit::DiscountPercent { .. }
        | CouponBenefit::Gift {} => Bonuses::ZERO,
    }
}

/// By how much `after` is more; amounts of bills are far below what a difference could not hold.
fn difference(before: Roubles, after: Roubles) -> Decimal2 {
    Decimal2(after.kopecks().saturating_sub(before.kopecks()))
}
