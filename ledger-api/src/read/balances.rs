//! Balances from lots, at any moment. Rule B6.

use chrono::{DateTime, Utc};
use ledger_core::category::Confidentiality;
use ledger_core::ids::{LotId, MemberId};
use ledger_core::member::balance::{Balance, balance_of};
use ledger_core::member::event::Holding;
use ledger_core::member::lot::{Funder, LotOrigin};
use ledger_core::member::state::LiveLot;
use ledger_core::money::Bonuses;
use ledger_core::time::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::app::App;
use crate::problem::{ApiError, Cause};

#[derive(FromRow)]
struct LotRow {
    lot_id: Uuid,
    origin: String,
    origin_id: Uuid,
    business_id: Option<Uuid>,
    medical: bool,
    funder: String,
    left_kopecks: i64,
    held_kopecks: i64,
    overdue_kopecks: i64,
    pending: bool,
    available_from: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

/// Her balance at `now`; `None` when a sum does not fit.
pub(crate) async fn at(
    app: &App,
    member: MemberId,
    now: Timestamp,
    expiring_soon_days: u32,
) -> Result<Option<Balance>, ApiError> {
    // In the order of spending (Rule B7), each with what overdue holds will give back of it (Rule R1).
    let rows: Vec<LotRow> = sqlx::query_as(
        "SELECT lot_id, origin, origin_id, business_id, medical, funder, left_kopecks, held_kopecks, pending,
                available_from, expires_at, COALESCE((SELECT sum(h.amount_kopecks)::bigint FROM balances.holds h
                    WHERE h.member_id = l.member_id AND h.lot_id = l.lot_id AND h.lapses_at <= $2), 0) AS overdue_kopecks
         FROM balances.lots l WHERE member_id = $1 ORDER BY expires_at, position, funder = 'coalition'",
    )
    .bind(member.as_uuid())
    .bind(now.to_utc())
    .fetch_all(&app.read_pool)
    .await?;
    let lots = rows.into_iter().map(lot).collect::<Result<Vec<_>, _>>()?;
    let debt: Option<i64> =
        sqlx::query_scalar("SELECT debt_kopecks FROM balances.member_balances WHERE member_id = $1")
            .bind(member.as_uuid())
            .fetch_optional(&app.read_pool)
            .await?;
    let debt = Bonuses::from_kopecks(debt.unwrap_or(0));
    Ok(balance_of(lots.iter().map(|(lot, overdue)| (lot, *overdue)), debt, now, expiring_soon_days))
}

fn lot(row: LotRow) -> Result<(LiveLot, Bonuses), ApiError> {
    let malformed =
        || ApiError::Unavailable(Cause::Impossible("a lot of the read model names no origin or funder"));
    let funder: Funder = row.funder.parse().map_err(|_| malformed())?;
    let origin = LotOrigin::of_columns(&row.origin, row.origin_id, row.business_id, row.medical);
    let lot = LiveLot {
        lot_id: LotId::from_uuid(row.lot_id),
        origin: origin.ok_or_else(malformed)?,
        confidentiality: if row.medical { Confidentiality::Medical } else { Confidentiality::Ordinary },
        funder,
        left: Bonuses::from_kopecks(row.left_kopecks),
        held: Bonuses::from_kopecks(row.held_kopecks),
        holding: if row.pending { Holding::Pending } else { Holding::Available },
        available_from: Timestamp::new(row.available_from),
        expires_at: Timestamp::new(row.expires_at),
    };
    Ok((lot, Bonuses::from_kopecks(row.overdue_kopecks)))
}
