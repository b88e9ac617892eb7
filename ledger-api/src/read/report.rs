//! What the read models have of a member that no other call shows: for the report of her data.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use ledger_core::ids::MemberId;
use ledger_core::money::{Bonuses, Roubles};
use ledger_core::time::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::app::App;
use crate::problem::ApiError;

/// What she paid at a business in one purchase.
#[derive(FromRow)]
pub(crate) struct Bill {
    pub(crate) purchase_id: Uuid,
    pub(crate) business_id: Uuid,
    pub(crate) category: String,
    amount_kopecks: i64,
    occurred_at: DateTime<Utc>,
}

impl Bill {
    /// The bill, net of refunds.
    pub(crate) const fn amount(&self) -> Roubles {
        Roubles::from_kopecks(self.amount_kopecks)
    }

    /// When she bought.
    pub(crate) fn at(&self) -> Timestamp {
        Timestamp::new(self.occurred_at)
    }
}

/// Bonuses that a till reserved.
#[derive(FromRow)]
pub(crate) struct Hold {
    pub(crate) redemption_id: Uuid,
    amount_kopecks: i64,
    lapses_at: DateTime<Utc>,
}

impl Hold {
    /// How much.
    pub(crate) const fn amount(&self) -> Bonuses {
        Bonuses::from_kopecks(self.amount_kopecks)
    }

    /// Until when.
    pub(crate) fn until(&self) -> Timestamp {
        Timestamp::new(self.lapses_at)
    }
}

/// A document about her that waits for an admin.
#[derive(FromRow)]
pub(crate) struct Waiting {
    pub(crate) business_id: Uuid,
    amount_kopecks: i64,
    occurred_at: DateTime<Utc>,
    pub(crate) reason: String,
}

impl Waiting {
    /// The bill.
    pub(crate) const fn amount(&self) -> Roubles {
        Roubles::from_kopecks(self.amount_kopecks)
    }

    /// When it was, as the document says.
    pub(crate) fn at(&self) -> Timestamp {
        Timestamp::new(self.occurred_at)
    }
}

fn ids(accounts: &[MemberId]) -> Vec<Uuid> {
    accounts.iter().map(MemberId::as_uuid).collect()
}

/// Every bill of these accounts net of refunds, the oldest first.
pub(crate) async fn bills(app: &App, accounts: &[MemberId]) -> Result<Vec<Bill>, ApiError> {
    let found = sqlx::query_as(
        "SELECT purchase_id, business_id, category, sum(amount_kopecks)::bigint AS amount_kopecks,
                min(occurred_at) AS occurred_at
         FROM statuses.bills WHERE member_id = ANY($1)
         GROUP BY purchase_id, business_id, category ORDER BY min(occurred_at), purchase_id",
    )
    .bind(ids(accounts));
    Ok(found.fetch_all(&app.read_pool).await?)
}

/// The holds that go on at `now`, by their ends.
pub(crate) async fn holds(app: &App, accounts: &[MemberId], now: Timestamp) -> Result<Vec<Hold>, ApiError> {
    let found = sqlx::query_as(
        "SELECT redemption_id, sum(amount_kopecks)::bigint AS amount_kopecks, min(lapses_at) AS lapses_at
         FROM balances.holds WHERE member_id = ANY($1) AND lapses_at > $2
         GROUP BY redemption_id ORDER BY min(lapses_at), redemption_id",
    )
    .bind(ids(accounts))
    .bind(now.to_utc());
    Ok(found.fetch_all(&app.read_pool).await?)
}

/// Documents about her that wait, the oldest first.
pub(crate) async fn waiting(app: &App, accounts: &[MemberId]) -> Result<Vec<Waiting>, ApiError> {
    let found = sqlx::query_as(
        "SELECT business_id, amount_kopecks, occurred_at, reason FROM directory.quarantine
         WHERE state = 'waiting' AND member_id = ANY($1) ORDER BY position",
    )
    .bind(ids(accounts));
    Ok(found.fetch_all(&app.read_pool).await?)
}

/// Whether she is blocked, whether her data are not used for now, and whether she is invited to the inner circle.
pub(crate) async fn marks(app: &App, member: MemberId) -> Result<(bool, bool, bool), ApiError> {
    let found = sqlx::query_as(
        "SELECT blocked, processing_blocked, invited FROM statuses.members WHERE member_id = $1",
    )
    .bind(member.as_uuid());
    Ok(found.fetch_optional(&app.read_pool).await?.unwrap_or((false, false, false)))
}

/// What of each lot is still there at `now`, reserved or not: what is past its life is not, whether or not that is written (Rule B6).
pub(crate) async fn left(
    app: &App,
    accounts: &[MemberId],
    now: Timestamp,
) -> Result<HashMap<Uuid, Bonuses>, ApiError> {
    let found: Vec<(Uuid, i64)> = sqlx::query_as(
        "SELECT lot_id,
                sum(CASE WHEN expires_at >= $2 THEN left_kopecks ELSE 0 END + held_kopecks)::bigint
         FROM balances.lots WHERE member_id = ANY($1) GROUP BY lot_id",
    )
    .bind(ids(accounts))
    .bind(now.to_utc())
    .fetch_all(&app.read_pool)
    .await?;
    Ok(found.into_iter().map(|(lot, kopecks)| (lot, Bonuses::from_kopecks(kopecks))).collect())
}

/// What was paid for Premium, less what was cancelled: the first moment of each period, and the first after it, in their order.
/// Rule S4.
pub(crate) async fn premium(
    app: &App,
    accounts: &[MemberId],
) -> Result<Vec<(Timestamp, Timestamp)>, ApiError> {
    let found: Vec<(DateTime<Utc>, DateTime<Utc>)> = sqlx::query_as(
        "SELECT from_time, to_time FROM statuses.premium WHERE member_id = ANY($1) ORDER BY from_time, to_time",
    )
    .bind(ids(accounts))
    .fetch_all(&app.read_pool)
    .await?;
    Ok(found.into_iter().map(|(from, to)| (Timestamp::new(from), Timestamp::new(to))).collect())
}
