//! Whom an offer is for, as the read models know: `migrations/queries/offer_audience.sql`.
//!
//! Two programs ask: the schedule, for those who have not had the coupon yet, and the service, how many there are. The
//! ledger decides about each; a read model that is behind makes somebody wait, never get what is not hers.

use chrono::TimeDelta;
use ledger_core::category::Category;
use ledger_core::context::Registry;
use ledger_core::ids::{BusinessId, MemberId, OfferId};
use ledger_core::member::status::Status;
use ledger_core::offer::audience::{
    Audience, BIG_SPENDING, COUNTED_DAYS, FREQUENT_PURCHASES, LOST_DAYS, RECENT_DAYS, Segment,
};
use ledger_core::time::Timestamp;
use sqlx::postgres::PgArguments;
use sqlx::query::QueryScalar;
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

const WITHOUT_COUPON: &str = concat!(
    include_str!("../../migrations/queries/offer_audience.sql"),
    " AND NOT EXISTS (SELECT FROM directory.coupons AS had WHERE had.offer_id = $14 AND had.member_id = m.member_id)
      AND ($15::uuid[] IS NULL OR m.member_id = ANY ($15))
      ORDER BY m.member_id"
);

const HOW_MANY: &str = concat!(
    "SELECT count(*) FROM (",
    include_str!("../../migrations/queries/offer_audience.sql"),
    ") AS reached"
);

/// A question about an audience.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Whose offer it is.
    pub business: BusinessId,
    /// Whom it is for.
    pub audience: &'a Audience,
    /// As of when.
    pub now: Timestamp,
    /// Which accounts are one.
    pub registry: &'a Registry,
}

impl Asked<'_> {
    fn bind<'q, O>(
        &self,
        query: QueryScalar<'q, sqlx::Postgres, O, PgArguments>,
    ) -> QueryScalar<'q, sqlx::Postgres, O, PgArguments> {
        let Audience { statuses, bought_category, rfm, new_customers } = self.audience;
        let before = |days: i64| self.now.minus(TimeDelta::days(days)).to_utc();
        let (categories, within_days) = bought_category
            .as_ref()
            .map(|bought| {
                (bought.categories.iter().copied().map(Category::as_str).collect(), bought.within_days)
            })
            .unwrap_or_default();
        let categories: Vec<&str> = categories;
        query
            .bind(self.business.as_uuid())
            .bind(self.now.to_utc())
            .bind(statuses.iter().copied().map(Status::as_str).collect::<Vec<&str>>())
            .bind(*new_customers)
            .bind(rfm.iter().copied().map(Segment::as_str).collect::<Vec<&str>>())
            .bind(before(RECENT_DAYS))
            .bind(before(LOST_DAYS))
            .bind(before(COUNTED_DAYS))
            .bind(i64::from(FREQUENT_PURCHASES))
            .bind(BIG_SPENDING.kopecks())
            .bind(categories)
            .bind(before(i64::from(within_days)))
            .bind(self.registry.accounts.gone().map(|id| id.as_uuid()).collect::<Vec<Uuid>>())
    }

    /// How many members there are.
    ///
    /// # Errors
    /// Of the database.
    pub async fn how_many(&self, read: impl PgExecutor<'_>) -> Result<i64, sqlx::Error> {
        self.bind(sqlx::query_scalar(HOW_MANY)).fetch_one(read).await
    }

    /// Those who have not had the coupon of `offer`, in the order of ids; of `only` these, when they are given. 16 bytes each.
    ///
    /// # Errors
    /// Of the database.
    pub async fn without_coupon(
        &self,
        read: &PgPool,
        offer: OfferId,
        only: Option<&[Uuid]>,
    ) -> Result<Vec<MemberId>, sqlx::Error> {
        let query = self.bind(sqlx::query_scalar::<_, Uuid>(WITHOUT_COUPON)).bind(offer.as_uuid()).bind(only);
        Ok(query.fetch_all(read).await?.into_iter().map(MemberId::from_uuid).collect())
    }
}
