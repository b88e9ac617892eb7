//! Writes what a batch does: each table by a few statements.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use ledger_core::ids::{LotId, MemberId, RedemptionId};
use ledger_core::log::Position;
use sqlx::PgConnection;
use uuid::Uuid;

use super::changes::{Change, HoldChange, LotChange, LotRow, unapplicable};
use crate::error::ProjectError;

pub(super) async fn write_members(
    connection: &mut PgConnection,
    members: &BTreeMap<MemberId, Change>,
) -> Result<(), ProjectError> {
    let members: Vec<_> = members.iter().filter(|(_, change)| change.position > 0).collect();
    if members.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Change) -> i64| members.iter().map(|(_, change)| of(change)).collect::<Vec<i64>>();
    sqlx::query(
        "INSERT INTO member_balances AS m \
            (member_id, available_kopecks, pending_kopecks, held_kopecks, debt_kopecks, position) \
         SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) \
         ON CONFLICT (member_id) DO UPDATE SET \
            available_kopecks = m.available_kopecks + excluded.available_kopecks, \
            pending_kopecks = m.pending_kopecks + excluded.pending_kopecks, \
            held_kopecks = m.held_kopecks + excluded.held_kopecks, \
            debt_kopecks = m.debt_kopecks + excluded.debt_kopecks, \
            position = excluded.position",
    )
    .bind(members.iter().map(|(id, _)| id.as_uuid()).collect::<Vec<Uuid>>())
    .bind(column(|change| change.available))
    .bind(column(|change| change.pending))
    .bind(column(|change| change.held))
    .bind(column(|change| change.debt))
    .bind(column(|change| change.position))
    .execute(connection)
    .await?;
    Ok(())
}

type Lots<'a> = Vec<(&'a (MemberId, LotId), &'a LotChange)>;

/// The lots that are there are changed; those that are not, and may be, are inserted.
pub(super) async fn write_lots(
    connection: &mut PgConnection,
    lots: &BTreeMap<(MemberId, LotId), LotChange>,
    newest: Position,
) -> Result<(), ProjectError> {
    let (opened, there): (Lots<'_>, Lots<'_>) = lots.iter().partition(|(_, change)| change.opens);
    let touched = change_lots(connection, &there).await?;
    let missing = there.into_iter().filter(|((_, lot), _)| !touched.contains(&lot.as_uuid()));
    let mut inserted = Vec::new();
    for (key, change) in opened.into_iter().chain(missing) {
        let row = change.row.as_ref().filter(|_| change.left >= 0 && change.held >= 0);
        let row = row.ok_or_else(|| {
            unapplicable(newest, "the batch up to here moves a lot that is not there as it says")
        })?;
        if change.left > 0 || change.held > 0 {
            inserted.push((key, change, row));
        }
    }
    insert_lots(connection, &inserted).await
}

async fn change_lots(connection: &mut PgConnection, lots: &Lots<'_>) -> Result<BTreeSet<Uuid>, ProjectError> {
    if lots.is_empty() {
        return Ok(BTreeSet::new());
    }
    let numbers = |of: fn(&LotChange) -> i64| lots.iter().map(|(_, lot)| of(lot)).collect::<Vec<i64>>();
    let flags = |of: fn(&LotChange) -> bool| lots.iter().map(|(_, lot)| of(lot)).collect::<Vec<bool>>();
    let members: Vec<Uuid> = lots.iter().map(|((member, _), _)| member.as_uuid()).collect();
    let ids: Vec<Uuid> = lots.iter().map(|((_, lot), _)| lot.as_uuid()).collect();
    let touched: Vec<Uuid> = sqlx::query_scalar(
        "UPDATE lots SET left_kopecks = left_kopecks + b.dl, held_kopecks = held_kopecks + b.dh, \
            pending = pending AND NOT b.matures, medical = lots.medical OR b.medical \
         FROM UNNEST($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bool[], $6::bool[]) \
              AS b (member_id, lot_id, dl, dh, matures, medical) \
         WHERE lots.member_id = b.member_id AND lots.lot_id = b.lot_id AND (pending OR NOT b.matures) \
            AND left_kopecks + b.dl >= 0 AND held_kopecks + b.dh >= 0 \
         RETURNING lots.lot_id",
    )
    .bind(&members)
    .bind(&ids)
    .bind(numbers(|lot| lot.left))
    .bind(numbers(|lot| lot.held))
    .bind(flags(|lot| lot.matures))
    .bind(flags(|lot| lot.medical))
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query(
        "DELETE FROM lots USING UNNEST($1::uuid[], $2::uuid[]) AS b (member_id, lot_id) \
         WHERE lots.member_id = b.member_id AND lots.lot_id = b.lot_id AND left_kopecks = 0 AND held_kopecks = 0",
    )
    .bind(members)
    .bind(ids)
    .execute(connection)
    .await?;
    Ok(touched.into_iter().collect())
}

type NewLot<'a> = (&'a (MemberId, LotId), &'a LotChange, &'a LotRow);

async fn insert_lots(connection: &mut PgConnection, lots: &[NewLot<'_>]) -> Result<(), ProjectError> {
    if lots.is_empty() {
        return Ok(());
    }
    let times = |of: fn(&LotRow) -> DateTime<Utc>| lots.iter().map(|(_, _, row)| of(row)).collect::<Vec<_>>();
    let flags = |of: fn(&LotChange, &LotRow) -> bool| {
        lots.iter().map(|(_, change, row)| of(change, row)).collect::<Vec<bool>>()
    };
    let numbers = |of: fn(&LotChange) -> i64| lots.iter().map(|(_, lot, _)| of(lot)).collect::<Vec<i64>>();
    sqlx::query(
        "INSERT INTO lots (member_id, lot_id, origin, origin_id, business_id, medical, funder, left_kopecks, held_kopecks, \
                           pending, available_from, expires_at, position) \
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::bool[], $7::text[], \
                              $8::bigint[], $9::bigint[], $10::bool[], $11::timestamptz[], $12::timestamptz[], \
                              $13::bigint[])",
    )
    .bind(lots.iter().map(|((member, _), ..)| member.as_uuid()).collect::<Vec<Uuid>>())
    .bind(lots.iter().map(|((_, lot), ..)| lot.as_uuid()).collect::<Vec<Uuid>>())
    .bind(lots.iter().map(|(_, _, row)| row.origin.kind()).collect::<Vec<&str>>())
    .bind(lots.iter().map(|(_, _, row)| row.origin.id()).collect::<Vec<Uuid>>())
    .bind(lots.iter().map(|(_, _, row)| row.origin.business_id().map(|id| id.as_uuid())).collect::<Vec<_>>())
    .bind(flags(|change, _| change.medical))
    .bind(lots.iter().map(|(_, _, row)| row.funder.as_str()).collect::<Vec<&str>>())
    .bind(numbers(|change| change.left))
    .bind(numbers(|change| change.held))
    .bind(flags(|change, row| row.pending && !change.matures))
    .bind(times(|row| row.available_from))
    .bind(times(|row| row.expires_at))
    .bind(lots.iter().map(|(_, _, row)| row.position).collect::<Vec<i64>>())
    .execute(connection)
    .await?;
    Ok(())
}

type HoldKey = (MemberId, LotId, RedemptionId);

/// Holds made in this batch are inserted unless they ended in it; of others what ended is taken.
pub(super) async fn write_holds(
    connection: &mut PgConnection,
    holds: &BTreeMap<HoldKey, HoldChange>,
    newest: Position,
) -> Result<(), ProjectError> {
    if holds.is_empty() {
        return Ok(());
    }
    let (made, there): (Vec<_>, Vec<_>) = holds.iter().partition(|(_, hold)| hold.opens.is_some());
    let made: Vec<_> = made.into_iter().filter(|(_, hold)| hold.amount != 0).collect();
    let columns = |holds: &[(&HoldKey, &HoldChange)]| {
        let ids = holds
            .iter()
            .map(|((member, lot, redemption), _)| (member.as_uuid(), (lot.as_uuid(), redemption.as_uuid())));
        let (members, (lots, redemptions)): (Vec<Uuid>, (Vec<Uuid>, Vec<Uuid>)) = ids.unzip();
        let amounts: Vec<i64> = holds.iter().map(|(_, hold)| hold.amount).collect();
        (members, lots, redemptions, amounts)
    };
    let (members, lots, redemptions, amounts) = columns(&made);
    sqlx::query(
        "INSERT INTO holds (member_id, lot_id, redemption_id, amount_kopecks, lapses_at) \
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[])",
    )
    .bind(members)
    .bind(lots)
    .bind(redemptions)
    .bind(amounts)
    .bind(made.iter().map(|(_, hold)| hold.opens).collect::<Vec<_>>())
    .execute(&mut *connection)
    .await?;
    let (members, lots, redemptions, amounts) = columns(&there);
    let touched: i64 = sqlx::query_scalar(
        "WITH b AS ( \
            SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[]) \
                AS b (member_id, lot_id, redemption_id, d) \
         ), less AS ( \
            UPDATE holds h SET amount_kopecks = amount_kopecks + b.d FROM b \
            WHERE (h.member_id, h.lot_id, h.redemption_id) = (b.member_id, b.lot_id, b.redemption_id) \
                AND amount_kopecks + b.d > 0 RETURNING 1 \
         ), ended AS ( \
            DELETE FROM holds h USING b \
            WHERE (h.member_id, h.lot_id, h.redemption_id) = (b.member_id, b.lot_id, b.redemption_id) \
                AND amount_kopecks + b.d = 0 RETURNING 1 \
         ) SELECT (SELECT count(*) FROM less) + (SELECT count(*) FROM ended)",
    )
    .bind(members)
    .bind(lots)
    .bind(redemptions)
    .bind(amounts)
    .fetch_one(connection)
    .await?;
    if usize::try_from(touched).ok() == Some(there.len()) {
        Ok(())
    } else {
        Err(unapplicable(newest, "the batch up to here ends a hold that is not there as it says"))
    }
}
