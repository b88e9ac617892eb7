//! The read models as one snapshot: all of them live in one database, so one transaction sees them at one moment.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use ledger_core::log::Position;
use ledger_warehouse::{Purchases, Sum};
use sqlx::{FromRow, PgPool, Postgres, Transaction};
use uuid::Uuid;

use super::accounts::Names;
use super::coupons::{COUPONS, CouponRow, Coupons};
use crate::error::ProjectError;

/// The read models in PostgreSQL, in the order of [`Snapshot::passed`].
pub(super) const MODELS: [&str; 5] = ["balances", "history", "statuses", "directory", "journal"];

/// A snapshot of the read database.
pub(super) struct Snapshot {
    transaction: Transaction<'static, Postgres>,
}

/// What `balances` holds of a member.
#[derive(Debug, Clone, Copy, Default, FromRow)]
pub(super) struct Balance {
    pub(super) member_id: Uuid,
    pub(super) available_kopecks: i64,
    pub(super) pending_kopecks: i64,
    pub(super) held_kopecks: i64,
    pub(super) debt_kopecks: i64,
}

/// A lot in `balances`.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct LotLine {
    pub(super) member_id: Uuid,
    pub(super) lot_id: Uuid,
    pub(super) origin: String,
    pub(super) origin_id: Uuid,
    pub(super) business_id: Option<Uuid>,
    pub(super) medical: bool,
    pub(super) funder: String,
    pub(super) left_kopecks: i64,
    pub(super) held_kopecks: i64,
    pub(super) pending: bool,
    pub(super) available_from: DateTime<Utc>,
    pub(super) expires_at: DateTime<Utc>,
}

/// What `history` holds of a member.
#[derive(Debug, Clone, Default, FromRow)]
pub(super) struct Total {
    pub(super) member_id: Uuid,
    pub(super) total_kopecks: i64,
    pub(super) newest_kopecks: i64,
    pub(super) lines: i64,
    pub(super) found: i64,
    /// Lines whose running total is not the sum of what moved until then.
    pub(super) wrong: i64,
}

/// What `statuses` holds of a member.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Status {
    pub(super) member_id: Uuid,
    pub(super) ordinary_status: String,
    pub(super) ordinary_falls_on: Option<NaiveDate>,
    pub(super) ordinary_falls_to: Option<String>,
    pub(super) with_medical_status: String,
    pub(super) with_medical_falls_on: Option<NaiveDate>,
    pub(super) with_medical_falls_to: Option<String>,
    pub(super) consents: bool,
    pub(super) invited: bool,
    pub(super) blocked: bool,
    pub(super) processing_blocked: bool,
    pub(super) top_ordinary: bool,
    pub(super) top_with_medical: bool,
    pub(super) premium: i64,
    pub(super) premium_to: Option<DateTime<Utc>>,
    pub(super) bills: i64,
    pub(super) bill_kopecks: i64,
}

/// What the read models hold of some members.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) balances: HashMap<Uuid, Balance>,
    pub(super) lots: HashMap<Uuid, BTreeMap<Uuid, LotLine>>,
    pub(super) totals: HashMap<Uuid, Total>,
    pub(super) statuses: HashMap<Uuid, Status>,
    pub(super) coupons: HashMap<Uuid, Coupons>,
}

/// Sums over whole tables: whatever is there of members the log does not know shows here.
#[derive(Debug, Clone, Copy, Default, FromRow)]
pub(super) struct Whole {
    pub(super) available: i64,
    pub(super) pending: i64,
    pub(super) held: i64,
    pub(super) debt: i64,
    pub(super) holds: i64,
    pub(super) lots: i64,
    pub(super) lots_left: i64,
    pub(super) total: i64,
    pub(super) bills: i64,
    pub(super) bill_kopecks: i64,
    pub(super) members: i64,
    /// `journal`: what is outstanding of all lots.
    pub(super) outstanding: i64,
}

#[derive(FromRow)]
struct OfBusiness {
    member_id: Uuid,
    business_id: Uuid,
    count: i64,
    amount: i64,
    bonuses: i64,
}

impl OfBusiness {
    fn purchases(&self) -> Purchases {
        Purchases { count: self.count.into(), amount: self.amount.into(), bonuses: self.bonuses.into() }
    }
}

const BALANCES: &str = "SELECT member_id, available_kopecks, pending_kopecks, held_kopecks, debt_kopecks \
     FROM balances.member_balances WHERE member_id = ANY($1)";
const LOTS: &str = "SELECT member_id, lot_id, origin, origin_id, business_id, medical, funder, left_kopecks, held_kopecks, pending, \
     available_from, expires_at FROM balances.lots WHERE member_id = ANY($1)";
const TOTALS: &str = "SELECT t.member_id, t.total_kopecks, t.lines, l.found, l.newest_kopecks, l.wrong \
     FROM history.totals t JOIN (\
         SELECT member_id, count(*) AS found, \
                (array_agg(balance_after_kopecks ORDER BY position DESC))[1] AS newest_kopecks, \
                count(*) FILTER (WHERE running <> balance_after_kopecks) AS wrong \
         FROM (SELECT member_id, position, balance_after_kopecks, \
                      sum(CASE WHEN adds THEN amount_kopecks ELSE -amount_kopecks END) \
                          OVER (PARTITION BY member_id ORDER BY position) AS running \
               FROM history.lines WHERE member_id = ANY($1)) AS lines GROUP BY member_id\
     ) AS l USING (member_id)";
const STATUSES: &str = "SELECT m.member_id, ordinary_status, ordinary_falls_on, ordinary_falls_to, \
     with_medical_status, with_medical_falls_on, with_medical_falls_to, COALESCE(c.granted, false) AS consents, \
     invited, blocked, processing_blocked, top_ordinary, top_with_medical, COALESCE(p.periods, 0) AS premium, p.until AS premium_to, \
     COALESCE(b.bills, 0) AS bills, COALESCE(b.kopecks, 0)::bigint AS bill_kopecks \
     FROM statuses.members m \
     LEFT JOIN statuses.consents c ON c.member_id = m.member_id AND c.purpose = 'medical_status' \
     LEFT JOIN (SELECT member_id, count(*) AS bills, sum(amount_kopecks) AS kopecks FROM statuses.bills \
                WHERE member_id = ANY($1) GROUP BY member_id) AS b ON b.member_id = m.member_id \
     LEFT JOIN (SELECT member_id, count(*) AS periods, max(to_time) AS until FROM statuses.premium \
                WHERE member_id = ANY($1) GROUP BY member_id) AS p ON p.member_id = m.member_id \
     WHERE m.member_id = ANY($1)";
const PURCHASES: &str = "SELECT member_id, business_id, count(*) AS count, sum(amount_kopecks)::bigint AS amount, \
     sum(bonuses_kopecks)::bigint AS bonuses FROM directory.purchases \
     GROUP BY member_id, business_id ORDER BY member_id";
const WHOLE: &str = "SELECT \
     (SELECT COALESCE(sum(available_kopecks), 0)::bigint FROM balances.member_balances) AS available, \
     (SELECT COALESCE(sum(pending_kopecks), 0)::bigint FROM balances.member_balances) AS pending, \
     (SELECT COALESCE(sum(held_kopecks), 0)::bigint FROM balances.member_balances) AS held, \
     (SELECT COALESCE(sum(debt_kopecks), 0)::bigint FROM balances.member_balances) AS debt, \
     (SELECT COALESCE(sum(amount_kopecks), 0)::bigint FROM balances.holds) AS holds, \
     (SELECT count(*) FROM balances.lots) AS lots, \
     (SELECT COALESCE(sum(left_kopecks + held_kopecks), 0)::bigint FROM balances.lots) AS lots_left, \
     (SELECT COALESCE(sum(total_kopecks), 0)::bigint FROM history.totals) AS total, \
     (SELECT count(*) FROM statuses.bills) AS bills, \
     (SELECT COALESCE(sum(amount_kopecks), 0)::bigint FROM statuses.bills) AS bill_kopecks, \
     (SELECT count(*) FROM statuses.members) AS members, \
     (SELECT COALESCE(sum(outstanding_kopecks), 0)::bigint FROM journal.lots) AS outstanding";

impl Snapshot {
    /// Takes the snapshot.
    pub(super) async fn take(pool: &PgPool) -> Result<Self, ProjectError> {
        let mut transaction = pool.begin().await?;
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .execute(&mut *transaction)
            .await?;
        Ok(Self { transaction })
    }

    /// Up to where each of [`MODELS`] has applied each partition, by partition.
    pub(super) async fn passed(&mut self) -> Result<[Vec<Position>; 5], ProjectError> {
        Ok([
            self.column("SELECT passed FROM balances.checkpoint ORDER BY partition").await?,
            self.column("SELECT passed FROM history.checkpoint ORDER BY partition").await?,
            self.column("SELECT passed FROM statuses.checkpoint ORDER BY partition").await?,
            self.column("SELECT passed FROM directory.checkpoint ORDER BY partition").await?,
            self.column("SELECT passed FROM journal.checkpoint ORDER BY partition").await?,
        ])
    }

    async fn column(&mut self, statement: &'static str) -> Result<Vec<Position>, ProjectError> {
        Ok(sqlx::query_scalar(statement).fetch_all(&mut *self.transaction).await?)
    }

    /// Up to where ClickHouse is complete.
    pub(super) async fn clickhouse_passed(&mut self) -> Result<Position, ProjectError> {
        let passed = sqlx::query_scalar("SELECT passed FROM projectors.progress WHERE name = $1");
        let passed = passed.bind(crate::analytics::NAME).fetch_optional(&mut *self.transaction).await?;
        Ok(passed.unwrap_or(0))
    }

    /// What is held of `members`.
    pub(super) async fn of(&mut self, members: &[Uuid]) -> Result<Held, ProjectError> {
        let mut held = Held::default();
        for row in self.rows::<Balance>(BALANCES, members).await? {
            held.balances.insert(row.member_id, row);
        }
        for row in self.rows::<LotLine>(LOTS, members).await? {
            held.lots.entry(row.member_id).or_default().insert(row.lot_id, row);
        }
        for row in self.rows::<Total>(TOTALS, members).await? {
            held.totals.insert(row.member_id, row);
        }
        for row in self.rows::<Status>(STATUSES, members).await? {
            held.statuses.insert(row.member_id, row);
        }
        for row in self.rows::<CouponRow>(COUPONS, members).await? {
            let of_member = held.coupons.entry(row.member_id).or_default();
            of_member.0.insert(row.coupon_id, row.into());
        }
        Ok(held)
    }

    async fn rows<T>(&mut self, statement: &'static str, members: &[Uuid]) -> Result<Vec<T>, ProjectError>
    where
        T: for<'r> FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        Ok(sqlx::query_as(statement).bind(members).fetch_all(&mut *self.transaction).await?)
    }

    /// Purchases by member and business: the directory has no index by member, so all at once.
    pub(super) async fn purchases(
        &mut self,
    ) -> Result<HashMap<Uuid, BTreeMap<Uuid, Purchases>>, ProjectError> {
        let rows: Vec<OfBusiness> = sqlx::query_as(PURCHASES).fetch_all(&mut *self.transaction).await?;
        let mut by_member: HashMap<Uuid, BTreeMap<Uuid, Purchases>> = HashMap::new();
        for row in rows {
            by_member.entry(row.member_id).or_default().insert(row.business_id, row.purchases());
        }
        Ok(by_member)
    }

    /// The journal's postings, summed by unit and account.
    pub(super) async fn accounts(&mut self) -> Result<Names, ProjectError> {
        let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(
            "SELECT unit, account, count(*), sum(kopecks)::bigint FROM journal.postings GROUP BY unit, account",
        )
        .fetch_all(&mut *self.transaction)
        .await?;
        let sum = |(unit, account, count, amount): (String, String, i64, i64)| {
            ((unit, account), Sum { count: count.into(), amount: amount.into() })
        };
        Ok(rows.into_iter().map(sum).collect())
    }

    /// The journal's running totals by unit and account.
    pub(super) async fn totals(&mut self) -> Result<BTreeMap<(String, String), i64>, ProjectError> {
        let rows: Vec<(String, String, i64)> =
            sqlx::query_as("SELECT unit, account, kopecks FROM journal.totals")
                .fetch_all(&mut *self.transaction)
                .await?;
        Ok(rows.into_iter().map(|(unit, account, kopecks)| ((unit, account), kopecks)).collect())
    }

    /// Sums over whole tables.
    pub(super) async fn whole(&mut self) -> Result<Whole, ProjectError> {
        Ok(sqlx::query_as(WHOLE).fetch_one(&mut *self.transaction).await?)
    }
}
