//! Folds the log into what each member has: posted balances and live lots. Rules B5, B6, M1.
//!
//! Why it is right:
//! 1. Posted balances are sums of `ledger_core::postings`, the same function the audit sums over the whole log.
//! 2. A lot is inserted, changed or deleted exactly once per event: the number of rows touched is compared with the
//!    number meant, so history that cannot hold stops the projection (design J4).
//! 3. A lot that is opened and used up in one batch is never written.
//!
//! Bounds: one statement per table and kind of change, whatever the size of the batch. No balance column is indexed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use ledger_core::category::Confidentiality;
use ledger_core::ids::{LotId, MemberId};
use ledger_core::log::{Event, Position};
use ledger_core::member::event::{
    BonusAccrued, BonusExpired, BonusMatured, BonusWithdrawn, Holding, MemberEvent,
};
use ledger_core::member::lot::{Lot, LotOrigin};
use ledger_core::postings::{Account, postings};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::engine::{Decoded, Fact, Projection};
use crate::error::ProjectError;

/// The read model `balances`.
pub struct Balances;

/// What a batch adds to one member's posted balances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Change {
    available: i64,
    pending: i64,
    position: Position,
}

/// A lot opened in this batch.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NewLot {
    origin: LotOrigin,
    funder: String,
    left: i64,
    pending: bool,
    available_from: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    position: Position,
}

/// What a batch does to one lot.
#[derive(Debug, Clone, PartialEq, Eq)]
enum LotChange {
    Opens(NewLot),
    /// What happens to one that was there, in this order.
    Was(Touch),
}

/// What a batch does to a lot that was there before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Touch {
    /// It matures: it must be pending with this amount.
    matures: Option<i64>,
    /// Of what is available this much is taken.
    taken: i64,
    /// It goes: it must hold this amount, after what is taken.
    closes: Option<i64>,
}

/// What a batch does to the tables.
#[derive(Debug, Default)]
struct Changes {
    members: BTreeMap<MemberId, Change>,
    lots: BTreeMap<(MemberId, LotId), LotChange>,
    newest: Position,
}

impl Changes {
    fn of(events: &[Decoded]) -> Result<Self, ProjectError> {
        let mut changes = Self::default();
        for event in events {
            changes.newest = changes.newest.max(event.position);
            let Fact::Member(member, fact) = &event.fact else { continue };
            changes.lots(*member, event.position, fact)?;
            changes.posted(*member, event.position, fact)?;
        }
        Ok(changes)
    }

    fn posted(
        &mut self,
        member: MemberId,
        position: Position,
        fact: &MemberEvent,
    ) -> Result<(), ProjectError> {
        let too_large = || unapplicable(position, "a balance does not fit");
        for posting in postings(member, &Event::Member(fact.clone())) {
            let change = match posting.account {
                Account::MemberAvailable(_) => &mut self.entry(member, position).available,
                Account::MemberPending(_) => &mut self.entry(member, position).pending,
                Account::Issued(_)
                | Account::Expired(_)
                | Account::TakenBack(_)
                | Account::Clearing(_)
                | Account::Float
                | Account::Breakage => continue,
            };
            *change = change.checked_add(posting.kopecks).ok_or_else(too_large)?;
        }
        Ok(())
    }

    fn entry(&mut self, member: MemberId, position: Position) -> &mut Change {
        let change = self.members.entry(member).or_default();
        change.position = change.position.max(position);
        change
    }

    fn lots(&mut self, member: MemberId, position: Position, fact: &MemberEvent) -> Result<(), ProjectError> {
        match fact {
            MemberEvent::BonusAccrued(fact) => self.open(member, position, fact),
            MemberEvent::BonusMatured(fact) => self.mature(member, position, fact),
            MemberEvent::BonusExpired(fact) => self.close(member, position, fact),
            MemberEvent::BonusGifted(fact) => self.open_lot(member, position, fact.origin(), &fact.lot),
            MemberEvent::BonusAdjusted(fact) => self.open_lot(member, position, fact.origin(), &fact.lot),
            MemberEvent::BonusWithdrawn(fact) => self.take(member, position, fact),
            MemberEvent::MemberRegistered(_)
            | MemberEvent::MembershipBackdated(_)
            | MemberEvent::ConsentGranted(_)
            | MemberEvent::ConsentWithdrawn(_)
            | MemberEvent::PurchaseRecorded(_)
            | MemberEvent::PurchaseQuarantined(_)
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
            | MemberEvent::MemberUnblocked(_) => Ok(()),
        }
    }

    fn open(
        &mut self,
        member: MemberId,
        position: Position,
        fact: &BonusAccrued,
    ) -> Result<(), ProjectError> {
        let origin = LotOrigin::Purchase {
            purchase_id: fact.purchase_id,
            business_id: fact.business_id,
            confidentiality: fact.confidentiality,
        };
        fact.lots.iter().try_for_each(|lot| self.open_lot(member, position, origin, lot))
    }

    fn open_lot(
        &mut self,
        member: MemberId,
        position: Position,
        origin: LotOrigin,
        lot: &Lot,
    ) -> Result<(), ProjectError> {
        let new = NewLot {
            origin,
            funder: lot.funder.as_str().to_owned(),
            left: lot.amount.kopecks(),
            pending: lot.opens == Holding::Pending,
            available_from: lot.available_from.to_utc(),
            expires_at: lot.expires_at.to_utc(),
            position,
        };
        if self.lots.insert((member, lot.lot_id), LotChange::Opens(new)).is_some() {
            return Err(unapplicable(position, "a lot is opened twice"));
        }
        Ok(())
    }

    fn take(
        &mut self,
        member: MemberId,
        position: Position,
        fact: &BonusWithdrawn,
    ) -> Result<(), ProjectError> {
        let key = (member, fact.lot_id);
        let amount = fact.amount.kopecks();
        match self.lots.entry(key).or_insert_with(|| LotChange::Was(Touch::default())) {
            LotChange::Opens(lot) if !lot.pending && lot.left > amount => lot.left -= amount,
            LotChange::Opens(lot) if !lot.pending && lot.left == amount => {
                self.lots.remove(&key);
            }
            LotChange::Was(Touch { taken, closes: None, .. }) => *taken = taken.saturating_add(amount),
            LotChange::Opens(_) | LotChange::Was(_) => {
                return Err(unapplicable(position, "a lot gives what it has not"));
            }
        }
        Ok(())
    }

    fn mature(
        &mut self,
        member: MemberId,
        position: Position,
        fact: &BonusMatured,
    ) -> Result<(), ProjectError> {
        let amount = fact.amount.kopecks();
        match self.lots.get_mut(&(member, fact.lot_id)) {
            Some(LotChange::Opens(lot)) if lot.pending && lot.left == amount => lot.pending = false,
            Some(_) => return Err(unapplicable(position, "a lot matures that is not pending as a whole")),
            None => {
                let touch = Touch { matures: Some(amount), ..Touch::default() };
                self.lots.insert((member, fact.lot_id), LotChange::Was(touch));
            }
        }
        Ok(())
    }

    fn close(
        &mut self,
        member: MemberId,
        position: Position,
        fact: &BonusExpired,
    ) -> Result<(), ProjectError> {
        let key = (member, fact.lot_id);
        let amount = fact.amount.kopecks();
        match self.lots.entry(key).or_insert_with(|| LotChange::Was(Touch::default())) {
            LotChange::Opens(lot) if lot.left == amount => {
                self.lots.remove(&key);
            }
            LotChange::Was(Touch { closes: closes @ None, .. }) => *closes = Some(amount),
            LotChange::Opens(_) | LotChange::Was(_) => {
                return Err(unapplicable(position, "a lot expires with another amount than it has"));
            }
        }
        Ok(())
    }
}

fn unapplicable(position: Position, reason: &str) -> ProjectError {
    ProjectError::Unapplicable { position, reason: reason.to_owned() }
}

impl Projection for Balances {
    fn name(&self) -> &'static str {
        "balances"
    }

    fn tables(&self) -> &'static str {
        include_str!("../../migrations/read/balances.sql")
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        events: &'a [Decoded],
    ) -> BoxFuture<'a, Result<(), ProjectError>> {
        Box::pin(async move {
            let changes = Changes::of(events)?;
            write_members(connection, &changes.members).await?;
            let (mut opened, mut matured) = (Vec::new(), Vec::new());
            let (mut taken, mut closed) = (Vec::new(), Vec::new());
            for ((member, lot), change) in &changes.lots {
                let key = (member.as_uuid(), lot.as_uuid());
                match change {
                    LotChange::Opens(new) => opened.push((key, new)),
                    LotChange::Was(touch) => {
                        matured.extend(touch.matures.map(|amount| (key, amount)));
                        taken.extend(Some((key, touch.taken)).filter(|(_, amount)| *amount > 0));
                        closed.extend(touch.closes.map(|amount| (key, amount)));
                    }
                }
            }
            open_lots(connection, &opened).await?;
            touch_lots(connection, MATURE, &matured, changes.newest).await?;
            touch_lots(connection, TAKE, &taken, changes.newest).await?;
            touch_lots(connection, CLOSE, &closed, changes.newest).await
        })
    }
}

async fn write_members(
    connection: &mut PgConnection,
    members: &BTreeMap<MemberId, Change>,
) -> Result<(), ProjectError> {
    if members.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Change) -> i64| members.values().map(of).collect::<Vec<i64>>();
    sqlx::query(
        "INSERT INTO member_balances AS m (member_id, available_kopecks, pending_kopecks, position) \
         SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) \
         ON CONFLICT (member_id) DO UPDATE SET \
            available_kopecks = m.available_kopecks + excluded.available_kopecks, \
            pending_kopecks = m.pending_kopecks + excluded.pending_kopecks, \
            position = excluded.position",
    )
    .bind(members.keys().map(MemberId::as_uuid).collect::<Vec<Uuid>>())
    .bind(column(|change| change.available))
    .bind(column(|change| change.pending))
    .bind(column(|change| change.position))
    .execute(connection)
    .await?;
    Ok(())
}

type Key = (Uuid, Uuid);

async fn open_lots(connection: &mut PgConnection, opened: &[(Key, &NewLot)]) -> Result<(), ProjectError> {
    if opened.is_empty() {
        return Ok(());
    }
    let times = |of: fn(&NewLot) -> DateTime<Utc>| opened.iter().map(|(_, lot)| of(lot)).collect::<Vec<_>>();
    let flags = |of: fn(&NewLot) -> bool| opened.iter().map(|(_, lot)| of(lot)).collect::<Vec<bool>>();
    let numbers = |of: fn(&NewLot) -> i64| opened.iter().map(|(_, lot)| of(lot)).collect::<Vec<i64>>();
    let origins = || opened.iter().map(|(_, lot)| lot.origin);
    let business = |origin: LotOrigin| origin.business_id().map(|id| id.as_uuid());
    sqlx::query(
        "INSERT INTO lots (member_id, lot_id, origin, origin_id, business_id, medical, funder, left_kopecks, pending, \
                           available_from, expires_at, position) \
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::bool[], $7::text[], \
                              $8::bigint[], $9::bool[], $10::timestamptz[], $11::timestamptz[], $12::bigint[])",
    )
    .bind(opened.iter().map(|((member, _), _)| *member).collect::<Vec<Uuid>>())
    .bind(opened.iter().map(|((_, lot), _)| *lot).collect::<Vec<Uuid>>())
    .bind(origins().map(|origin| origin.kind()).collect::<Vec<&str>>())
    .bind(origins().map(|origin| origin.id()).collect::<Vec<Uuid>>())
    .bind(origins().map(business).collect::<Vec<Option<Uuid>>>())
    .bind(flags(|lot| lot.origin.confidentiality() == Confidentiality::Medical))
    .bind(opened.iter().map(|(_, lot)| lot.funder.as_str()).collect::<Vec<&str>>())
    .bind(numbers(|lot| lot.left))
    .bind(flags(|lot| lot.pending))
    .bind(times(|lot| lot.available_from))
    .bind(times(|lot| lot.expires_at))
    .bind(numbers(|lot| lot.position))
    .execute(connection)
    .await?;
    Ok(())
}

const MATURE: &str = "UPDATE lots SET pending = false \
     FROM UNNEST($1::uuid[], $2::uuid[], $3::bigint[]) AS b (member_id, lot_id, amount) \
     WHERE lots.member_id = b.member_id AND lots.lot_id = b.lot_id AND lots.left_kopecks = b.amount AND lots.pending";
/// What is taken of a lot: all of it removes the row, less lessens it.
const TAKE: &str = "WITH b AS (SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::bigint[]) AS b (member_id, lot_id, amount)), \
     gone AS (DELETE FROM lots USING b WHERE lots.member_id = b.member_id AND lots.lot_id = b.lot_id \
              AND lots.left_kopecks = b.amount AND NOT lots.pending RETURNING 1), \
     less AS (UPDATE lots SET left_kopecks = lots.left_kopecks - b.amount FROM b WHERE lots.member_id = b.member_id \
              AND lots.lot_id = b.lot_id AND lots.left_kopecks > b.amount AND NOT lots.pending RETURNING 1) \
     SELECT 1 FROM gone UNION ALL SELECT 1 FROM less";
const CLOSE: &str = "DELETE FROM lots USING UNNEST($1::uuid[], $2::uuid[], $3::bigint[]) AS b (member_id, lot_id, amount) \
     WHERE lots.member_id = b.member_id AND lots.lot_id = b.lot_id AND lots.left_kopecks = b.amount";

/// Every lot named must be there with its amount; otherwise the history cannot hold.
async fn touch_lots(
    connection: &mut PgConnection,
    statement: &'static str,
    lots: &[(Key, i64)],
    newest: Position,
) -> Result<(), ProjectError> {
    if lots.is_empty() {
        return Ok(());
    }
    let touched = sqlx::query(statement)
        .bind(lots.iter().map(|((member, _), _)| *member).collect::<Vec<Uuid>>())
        .bind(lots.iter().map(|((_, lot), _)| *lot).collect::<Vec<Uuid>>())
        .bind(lots.iter().map(|(_, amount)| *amount).collect::<Vec<i64>>())
        .execute(connection)
        .await?
        .rows_affected();
    if usize::try_from(touched).ok() == Some(lots.len()) {
        Ok(())
    } else {
        Err(unapplicable(newest, "the batch up to here matures or closes a lot that is not there as it says"))
    }
}
