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
use ledger_core::ids::{BusinessId, LotId, MemberId, PurchaseId};
use ledger_core::log::{Event, Position};
use ledger_core::member::event::{BonusAccrued, BonusExpired, BonusMatured, Holding, MemberEvent};
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
    purchase_id: PurchaseId,
    business_id: BusinessId,
    medical: bool,
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
    /// One that was there matures: it must be pending with this amount.
    Matures {
        amount: i64,
    },
    /// One that was there goes: it must hold this amount.
    Closes {
        amount: i64,
    },
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
            MemberEvent::MemberRegistered(_)
            | MemberEvent::MembershipBackdated(_)
            | MemberEvent::ConsentGranted(_)
            | MemberEvent::ConsentWithdrawn(_)
            | MemberEvent::PurchaseRecorded(_)
            | MemberEvent::PurchaseQuarantined(_)
            | MemberEvent::StatusChanged(_)
            | MemberEvent::StatusDowngradeScheduled(_)
            | MemberEvent::StatusDowngradeCancelled(_) => Ok(()),
        }
    }

    fn open(
        &mut self,
        member: MemberId,
        position: Position,
        fact: &BonusAccrued,
    ) -> Result<(), ProjectError> {
        for lot in &fact.lots {
            let new = NewLot {
                purchase_id: fact.purchase_id,
                business_id: fact.business_id,
                medical: fact.confidentiality == Confidentiality::Medical,
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
                self.lots.insert((member, fact.lot_id), LotChange::Matures { amount });
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
        match self.lots.get(&key) {
            Some(LotChange::Opens(lot)) if lot.left == amount => {
                self.lots.remove(&key);
            }
            Some(LotChange::Matures { amount: there }) if *there == amount => {
                self.lots.insert(key, LotChange::Closes { amount });
            }
            Some(_) => return Err(unapplicable(position, "a lot expires with another amount than it has")),
            None => {
                self.lots.insert(key, LotChange::Closes { amount });
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
            let (mut opened, mut matured, mut closed) = (Vec::new(), Vec::new(), Vec::new());
            for ((member, lot), change) in &changes.lots {
                let key = (member.as_uuid(), lot.as_uuid());
                match change {
                    LotChange::Opens(new) => opened.push((key, new)),
                    LotChange::Matures { amount } => matured.push((key, *amount)),
                    LotChange::Closes { amount } => closed.push((key, *amount)),
                }
            }
            open_lots(connection, &opened).await?;
            touch_lots(connection, MATURE, &matured, changes.newest).await?;
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
    let ids = |of: fn(&NewLot) -> Uuid| opened.iter().map(|(_, lot)| of(lot)).collect::<Vec<Uuid>>();
    sqlx::query(
        "INSERT INTO lots (member_id, lot_id, purchase_id, business_id, medical, funder, left_kopecks, pending, \
                           available_from, expires_at, position) \
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bool[], $6::text[], \
                              $7::bigint[], $8::bool[], $9::timestamptz[], $10::timestamptz[], $11::bigint[])",
    )
    .bind(opened.iter().map(|((member, _), _)| *member).collect::<Vec<Uuid>>())
    .bind(opened.iter().map(|((_, lot), _)| *lot).collect::<Vec<Uuid>>())
    .bind(ids(|lot| lot.purchase_id.as_uuid()))
    .bind(ids(|lot| lot.business_id.as_uuid()))
    .bind(flags(|lot| lot.medical))
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
