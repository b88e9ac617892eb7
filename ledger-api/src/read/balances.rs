//! Balances from lots, at any moment. Rule B6.

use chrono::{DateTime, Utc};
use ledger_core::ids::{LotId, MemberId};
use ledger_core::member::balance::{Balance, balance_of};
use ledger_core::member::event::Holding;
use ledger_core::member::lot::{Funder, LotOrigin};
use ledger_core::member::state::LiveLot;
use ledger_core::money::Bonuses;
use ledger_core::time::Timestamp;
use uuid::Uuid;

use crate::app::App;
use crate::problem::{ApiError, Cause};

type Columns = (Uuid, String, Uuid, Option<Uuid>, bool, String, i64, bool, DateTime<Utc>, DateTime<Utc>);

/// Her balance at `now`; `None` when a sum does not fit.
pub(crate) async fn at(
    app: &App,
    member: MemberId,
    now: Timestamp,
    expiring_soon_days: u32,
) -> Result<Option<Balance>, ApiError> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT lot_id, origin, origin_id, business_id, medical, funder, left_kopecks, pending, available_from, expires_at
         FROM balances.lots WHERE member_id = $1",
    )
    .bind(member.as_uuid())
    .fetch_all(&app.read_pool)
    .await?;
    let lots = rows.into_iter().map(lot).collect::<Result<Vec<_>, _>>()?;
    let posted: Option<(i64, i64)> = sqlx::query_as(
        "SELECT held_kopecks, debt_kopecks FROM balances.member_balances WHERE member_id = $1",
    )
    .bind(member.as_uuid())
    .fetch_optional(&app.read_pool)
    .await?;
    let mut balance = balance_of(lots.iter(), now, expiring_soon_days);
    if let (Some(balance), Some((held, debt))) = (&mut balance, posted) {
        balance.held = Bonuses::from_kopecks(held);
        balance.debt = Bonuses::from_kopecks(debt);
    }
    Ok(balance)
}

fn lot(columns: Columns) -> Result<LiveLot, ApiError> {
    let (lot_id, origin, origin_id, business, medical, funder, left, pending, available_from, expires_at) =
        columns;
    let malformed =
        || ApiError::Unavailable(Cause::Impossible("a lot of the read model names no origin or funder"));
    let funder: Funder = funder.parse().map_err(|_| malformed())?;
    Ok(LiveLot {
        lot_id: LotId::from_uuid(lot_id),
        origin: LotOrigin::of_columns(&origin, origin_id, business, medical).ok_or_else(malformed)?,
        funder,
        left: Bonuses::from_kopecks(left),
        holding: if pending { Holding::Pending } else { Holding::Available },
        available_from: Timestamp::new(available_from),
        expires_at: Timestamp::new(expires_at),
    })
}
