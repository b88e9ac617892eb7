//! Whom an offer reaches and what became of it, in the read models.
//!
//! Bounds: [`ANSWER_MAX`] for a question, its wait for a turn included, and [`AT_ONCE`] questions at a time in a process; the server
//! ends a statement that takes as long, so that it does not go on for nobody. Beyond that 503. Only sums leave the database.

use std::time::Duration;

use ledger_core::context::Registry;
use ledger_core::ids::{MemberId, OfferId};
use ledger_store::audience::Asked;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::app::App;
use crate::problem::{ApiError, Cause};

/// How long a question may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// The same for the server, in its words.
const STATEMENT_MAX: &str = "SET LOCAL statement_timeout = '10s'";
/// Questions at a time.
pub(crate) const AT_ONCE: usize = 2;

/// Bills are found by whose they are now: of accounts that are one they are the survivor's ($2 went into $3). What bonuses cost is
/// less the share of the bill that was given back (Rule F2: rounded once, half away from zero).
const FIGURES: &str = "
SELECT count(*) AS shown,
    count(*) FILTER (WHERE c.code_hash IS NOT NULL) AS activated,
    count(*) FILTER (WHERE c.state = 'redeemed') AS redeemed,
    coalesce(sum(n.net), 0)::bigint AS revenue,
    coalesce(sum(c.discount_kopecks + CASE WHEN p.amount_kopecks > 0
        THEN c.bonuses_kopecks
            - round(c.bonuses_kopecks::numeric * (p.amount_kopecks - n.net) / p.amount_kopecks)
        ELSE 0 END), 0)::bigint AS cost
FROM directory.coupons AS c
LEFT JOIN directory.purchases AS p ON p.purchase_id = c.purchase_id
LEFT JOIN UNNEST($2::uuid[], $3::uuid[]) AS gone (member_id, survivor_id) ON gone.member_id = p.member_id
LEFT JOIN LATERAL (
    SELECT greatest(coalesce(sum(b.amount_kopecks), 0), 0) AS net FROM statuses.bills AS b
    WHERE b.member_id = coalesce(gone.survivor_id, p.member_id) AND b.occurred_at = p.occurred_at
        AND b.purchase_id = p.purchase_id
) AS n ON c.state = 'redeemed'
WHERE c.offer_id = $1";

/// What became of the coupons of an offer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromRow)]
pub(crate) struct Figures {
    /// Coupons given.
    pub(crate) shown: i64,
    /// For which a code was asked.
    pub(crate) activated: i64,
    /// That were used.
    pub(crate) redeemed: i64,
    /// What the bills paid with them come to, net of refunds, in kopecks.
    pub(crate) revenue: i64,
    /// What they cost, in kopecks.
    pub(crate) cost: i64,
}

/// How many members there are.
///
/// # Errors
/// [`ApiError::Unavailable`] when it takes too long, or too many ask.
pub(crate) async fn reach(app: &App, asked: &Asked<'_>) -> Result<i64, ApiError> {
    bounded(app, async |connection| asked.how_many(connection).await).await
}

/// What became of the coupons of an offer.
///
/// # Errors
/// As [`reach`].
pub(crate) async fn figures(app: &App, offer: OfferId, registry: &Registry) -> Result<Figures, ApiError> {
    let gone: Vec<MemberId> = registry.accounts.gone().collect();
    let ids = |members: &mut dyn Iterator<Item = MemberId>| -> Vec<Uuid> {
        members.map(|member| member.as_uuid()).collect()
    };
    let survivors = ids(&mut gone.iter().map(|member| registry.accounts.survivor(*member)));
    let gone = ids(&mut gone.iter().copied());
    let figures = async |connection: &mut PgConnection| {
        let asked = sqlx::query_as(FIGURES).bind(offer.as_uuid()).bind(&gone).bind(&survivors);
        asked.fetch_one(connection).await
    };
    bounded(app, figures).await
}

async fn bounded<T>(
    app: &App,
    question: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
) -> Result<T, ApiError> {
    let answer = async {
        let closed = |_| ApiError::Unavailable(Cause::Impossible("a semaphore that nobody closes is closed"));
        let _turn = app.counting.acquire().await.map_err(closed)?;
        let mut transaction = app.read_pool.begin().await?;
        sqlx::query(STATEMENT_MAX).execute(&mut *transaction).await?;
        let answer = question(&mut transaction).await?;
        transaction.commit().await?;
        Ok(answer)
    };
    let late = || Err(ApiError::Unavailable(Cause::Read(sqlx::Error::PoolTimedOut)));
    tokio::time::timeout(ANSWER_MAX, answer).await.unwrap_or_else(|_| late())
}
