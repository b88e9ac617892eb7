//! Folds the log into each member's list of movements with her total after each. `api.md`, `/loyalty/transactions`.
//!
//! A line is what one cause did to the lots of one purchase, or a gift, or an adjustment whatever lots it took from: the
//! lots an accrual opens, or the lots of one purchase that expire by one decision. Such events follow one another (lots are settled in the order of Rule B7, which keeps the lots
//! of one purchase together), so a further event goes into the newest line or makes a new one, and a batch may end
//! between the two.
//!
//! Whether a purchase is a medical secret is kept with the line; it is the reader that neutralises it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use ledger_core::category::Confidentiality;
use ledger_core::ids::MemberId;
use ledger_core::log::Position;
use ledger_core::member::event::{BonusTakenBack, MemberEvent};
use ledger_core::member::lot::LotOrigin;
use ledger_core::money::Bonuses;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::engine::{Decoded, Fact, Projection};
use crate::error::ProjectError;

/// The read model `history`.
pub struct History;

/// One movement, before it is merged into a line.
struct Movement {
    kind: &'static str,
    /// Signed: what it does to the total.
    change: i64,
    origin_id: Uuid,
    business_id: Option<Uuid>,
    medical: bool,
}

impl Movement {
    fn of_lot(kind: &'static str, change: i64, origin: LotOrigin) -> Self {
        Self {
            kind,
            change,
            origin_id: origin.id(),
            business_id: origin.business_id().map(|id| id.as_uuid()),
            medical: origin.confidentiality() == Confidentiality::Medical,
        }
    }
}

/// A line to be inserted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    member: Uuid,
    position: Position,
    line_id: Uuid,
    kind: &'static str,
    amount: i64,
    /// Whether it adds to the total.
    adds: bool,
    business_id: Option<Uuid>,
    medical: bool,
    origin_id: Uuid,
    occurred_at: DateTime<Utc>,
    balance_after: i64,
}

/// What was there of one member, and what a batch makes of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Total {
    total: i64,
    lines: i64,
    last_position: Position,
    last_cause: Uuid,
}

/// What a batch does to the newest line that was there before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Growth {
    position: Position,
    amount: i64,
    balance_after: i64,
}

fn movement(event: &MemberEvent) -> Option<Movement> {
    match event {
        MemberEvent::BonusAccrued(fact) => {
            Some(Movement::of_lot("earned", fact.amount.kopecks(), fact.origin()))
        }
        MemberEvent::BonusesRedeemed(fact) => {
            Some(Movement::of_lot("spent", fact.amount.kopecks().saturating_neg(), fact.origin()))
        }
        MemberEvent::BonusReturned(fact) => {
            Some(Movement::of_lot("returned", fact.amount.kopecks(), fact.origin()))
        }
        MemberEvent::BonusTakenBack(fact) => {
            Some(Movement::of_lot("revoked", of_lots(fact).saturating_neg(), fact.origin()))
        }
        MemberEvent::DebtRepaid(fact) => {
            Some(Movement::of_lot("revoked", fact.amount.kopecks().saturating_neg(), fact.origin()))
        }
        MemberEvent::BonusExpired(fact) => {
            Some(Movement::of_lot("expired", fact.amount.kopecks().saturating_neg(), fact.origin))
        }
        MemberEvent::BonusGifted(fact) => {
            Some(Movement::of_lot("gift", fact.lot.amount.kopecks(), fact.origin()))
        }
        MemberEvent::BonusAdjusted(fact) => {
            Some(Movement::of_lot("adjusted", fact.lot.amount.kopecks(), fact.origin()))
        }
        // One line for the adjustment, whatever lots it takes from.
        MemberEvent::BonusWithdrawn(fact) => {
            let of = LotOrigin::Adjustment { grant_id: fact.grant_id };
            Some(Movement::of_lot("adjusted", fact.amount.kopecks().saturating_neg(), of))
        }
        // What matures or is held moves within the total; a debt is not in it until it is paid.
        MemberEvent::BonusMatured(_)
        | MemberEvent::BonusesHeld(_)
        | MemberEvent::HoldReleased(_)
        | MemberEvent::PurchaseRefunded(_)
        | MemberEvent::DebtIncurred(_)
        | MemberEvent::WaitingRefundDropped(_)
        | MemberEvent::MemberRegistered(_)
        | MemberEvent::MembershipBackdated(_)
        | MemberEvent::ConsentGranted(_)
        | MemberEvent::ConsentWithdrawn(_)
        | MemberEvent::PurchaseRecorded(_)
        | MemberEvent::PurchaseQuarantined(_)
        | MemberEvent::QuarantineApplied(_)
        | MemberEvent::QuarantineDropped(_)
        | MemberEvent::PurchaseAmended(_)
        | MemberEvent::PurchaseTakenOver(_)
        | MemberEvent::StatusChanged(_)
        | MemberEvent::StatusDowngradeScheduled(_)
        | MemberEvent::StatusDowngradeCancelled(_)
        | MemberEvent::InnerCircleInvited(_)
        | MemberEvent::InnerCircleInvitationWithdrawn(_)
        | MemberEvent::TopSpendersEntered(_)
        | MemberEvent::TopSpendersLeft(_)
        | MemberEvent::PremiumStarted(_)
        | MemberEvent::PremiumRenewed(_)
        | MemberEvent::PremiumCancelled(_)
        | MemberEvent::PremiumLapsed(_)
        | MemberEvent::MemberBlocked(_)
        | MemberEvent::MemberUnblocked(_) => None,
    }
}

/// What a take-back takes of lots now: not what had expired before, nor what becomes debt.
fn of_lots(fact: &BonusTakenBack) -> i64 {
    let own = fact.own.iter().map(|own| own.part.amount);
    let amounts = own.chain(fact.others.iter().map(|other| other.part.amount));
    Bonuses::checked_sum(amounts).map_or(i64::MAX, Bonuses::kopecks)
}

/// What a batch does to the tables.
#[derive(Default)]
struct Changes {
    totals: BTreeMap<Uuid, Total>,
    lines: BTreeMap<(Uuid, Position), Line>,
    grown: BTreeMap<Uuid, Growth>,
}

impl Changes {
    fn enter(&mut self, member: MemberId, event: &Decoded, movement: &Movement) -> Result<(), ProjectError> {
        let position = event.position;
        let too_large =
            || ProjectError::Unapplicable { position, reason: "the total does not fit".to_owned() };
        let member = member.as_uuid();
        let amount = movement.change.checked_abs().ok_or_else(too_large)?;
        let cause = Uuid::new_v5(&event.correlation_id.as_uuid(), movement.kind.as_bytes());
        let cause = Uuid::new_v5(&cause, movement.origin_id.as_bytes());
        let total = self.totals.entry(member).or_default();
        total.total = total.total.checked_add(movement.change).ok_or_else(too_large)?;
        if total.lines > 0 && total.last_cause == cause {
            let key = (member, total.last_position);
            if let Some(line) = self.lines.get_mut(&key) {
                line.amount = line.amount.checked_add(amount).ok_or_else(too_large)?;
                line.balance_after = total.total;
            } else {
                let grown = self.grown.entry(member).or_insert(Growth {
                    position: total.last_position,
                    amount: 0,
                    balance_after: 0,
                });
                grown.amount = grown.amount.checked_add(amount).ok_or_else(too_large)?;
                grown.balance_after = total.total;
            }
            return Ok(());
        }
        total.lines = total.lines.checked_add(1).ok_or_else(too_large)?;
        total.last_position = position;
        total.last_cause = cause;
        let line = Line {
            member,
            position,
            line_id: event.event_id.as_uuid(),
            kind: movement.kind,
            amount,
            adds: movement.change > 0,
            business_id: movement.business_id,
            medical: movement.medical,
            origin_id: movement.origin_id,
            occurred_at: event.occurred_at.to_utc(),
            balance_after: total.total,
        };
        self.lines.insert((member, position), line);
        Ok(())
    }
}

impl Projection for History {
    fn name(&self) -> &'static str {
        "history"
    }

    fn tables(&self) -> &'static str {
        include_str!("../../migrations/read/history.sql")
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        events: &'a [Decoded],
    ) -> BoxFuture<'a, Result<(), ProjectError>> {
        Box::pin(async move {
            let mut moved = Vec::new();
            for event in events {
                let Fact::Member(member, fact) = &event.fact else { continue };
                // An accrual of nothing moves nothing.
                if let Some(movement) = movement(fact).filter(|movement| movement.change != 0) {
                    moved.push((*member, event, movement));
                }
            }
            if moved.is_empty() {
                return Ok(());
            }
            let members = moved.iter().map(|(member, _, _)| member.as_uuid()).collect();
            let mut changes = Changes { totals: totals(connection, members).await?, ..Changes::default() };
            for (member, event, movement) in &moved {
                changes.enter(*member, event, movement)?;
            }
            write_totals(connection, &changes.totals).await?;
            grow_lines(connection, &changes.grown).await?;
            write_lines(connection, &changes.lines.into_values().collect::<Vec<_>>()).await
        })
    }
}

async fn totals(
    connection: &mut PgConnection,
    members: BTreeSet<Uuid>,
) -> Result<BTreeMap<Uuid, Total>, ProjectError> {
    let rows: Vec<(Uuid, i64, i64, i64, Uuid)> = sqlx::query_as(
        "SELECT member_id, total_kopecks, lines, last_position, last_cause FROM totals WHERE member_id = ANY($1)",
    )
    .bind(members.into_iter().collect::<Vec<Uuid>>())
    .fetch_all(connection)
    .await?;
    let total = |(member, total, lines, last_position, last_cause)| {
        (member, Total { total, lines, last_position, last_cause })
    };
    Ok(rows.into_iter().map(total).collect())
}

async fn write_totals(
    connection: &mut PgConnection,
    totals: &BTreeMap<Uuid, Total>,
) -> Result<(), ProjectError> {
    let column = |of: fn(&Total) -> i64| totals.values().map(of).collect::<Vec<i64>>();
    sqlx::query(
        "INSERT INTO totals (member_id, total_kopecks, lines, last_position, last_cause) \
         SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::uuid[]) \
         ON CONFLICT (member_id) DO UPDATE SET total_kopecks = excluded.total_kopecks, lines = excluded.lines, \
            last_position = excluded.last_position, last_cause = excluded.last_cause",
    )
    .bind(totals.keys().copied().collect::<Vec<Uuid>>())
    .bind(column(|total| total.total))
    .bind(column(|total| total.lines))
    .bind(column(|total| total.last_position))
    .bind(totals.values().map(|total| total.last_cause).collect::<Vec<Uuid>>())
    .execute(connection)
    .await?;
    Ok(())
}

async fn grow_lines(
    connection: &mut PgConnection,
    grown: &BTreeMap<Uuid, Growth>,
) -> Result<(), ProjectError> {
    if grown.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Growth) -> i64| grown.values().map(of).collect::<Vec<i64>>();
    sqlx::query(
        "UPDATE lines SET amount_kopecks = lines.amount_kopecks + b.amount, balance_after_kopecks = b.balance_after \
         FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) \
              AS b (member_id, position, amount, balance_after) \
         WHERE lines.member_id = b.member_id AND lines.position = b.position",
    )
    .bind(grown.keys().copied().collect::<Vec<Uuid>>())
    .bind(column(|growth| growth.position))
    .bind(column(|growth| growth.amount))
    .bind(column(|growth| growth.balance_after))
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_lines(connection: &mut PgConnection, lines: &[Line]) -> Result<(), ProjectError> {
    if lines.is_empty() {
        return Ok(());
    }
    let ids = |of: fn(&Line) -> Uuid| lines.iter().map(of).collect::<Vec<Uuid>>();
    let numbers = |of: fn(&Line) -> i64| lines.iter().map(of).collect::<Vec<i64>>();
    sqlx::query(
        "INSERT INTO lines (member_id, position, line_id, type, amount_kopecks, adds, business_id, medical, origin_id, \
                            occurred_at, balance_after_kopecks) \
         SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::bigint[], $6::bool[], $7::uuid[], \
                              $8::bool[], $9::uuid[], $10::timestamptz[], $11::bigint[])",
    )
    .bind(ids(|line| line.member))
    .bind(numbers(|line| line.position))
    .bind(ids(|line| line.line_id))
    .bind(lines.iter().map(|line| line.kind).collect::<Vec<&str>>())
    .bind(numbers(|line| line.amount))
    .bind(lines.iter().map(|line| line.adds).collect::<Vec<bool>>())
    .bind(lines.iter().map(|line| line.business_id).collect::<Vec<Option<Uuid>>>())
    .bind(lines.iter().map(|line| line.medical).collect::<Vec<bool>>())
    .bind(ids(|line| line.origin_id))
    .bind(lines.iter().map(|line| line.occurred_at).collect::<Vec<DateTime<Utc>>>())
    .bind(numbers(|line| line.balance_after))
    .execute(connection)
    .await?;
    Ok(())
}
