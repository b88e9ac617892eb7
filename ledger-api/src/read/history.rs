//! What moved a member's bonuses, newest first.

use chrono::{DateTime, Utc};
use ledger_core::context::Registry;
use ledger_core::ids::{BusinessId, MemberId};
use ledger_core::log::Position;
use ledger_core::member::movement::LineKind;
use ledger_core::money::Bonuses;
use ledger_core::time::Timestamp;
use sqlx::postgres::PgArguments;
use sqlx::query::QueryAs;
use sqlx::{FromRow, Postgres};
use uuid::Uuid;

use crate::app::App;
use crate::dto::HistoryLine;
use crate::problem::ApiError;
use crate::query::Page;

/// One line as stored.
#[derive(FromRow)]
pub(crate) struct StoredLine {
    pub(crate) position: Position,
    line_id: Uuid,
    #[sqlx(rename = "type")]
    kind: String,
    amount_kopecks: i64,
    adds: bool,
    business_id: Option<Uuid>,
    medical: bool,
    occurred_at: DateTime<Utc>,
    balance_after_kopecks: i64,
}

/// Which lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Filter {
    /// Of these types; of any when absent.
    pub(crate) kinds: Option<Vec<LineKind>>,
    /// Of this business, if visits there are no secret: a list of what happened at a clinic would tell of it.
    pub(crate) business: Option<BusinessId>,
    /// Of what happened then or later.
    pub(crate) from: Option<Timestamp>,
    /// Of what happened before then.
    pub(crate) to: Option<Timestamp>,
}

impl Filter {
    /// Binds what it asks for as parameters 2 to 5 of [`FILTERED`].
    fn bind<'q, T>(
        &self,
        query: QueryAs<'q, Postgres, T, PgArguments>,
    ) -> QueryAs<'q, Postgres, T, PgArguments> {
        let kinds = self.kinds.as_ref();
        query
            .bind(kinds.map(|kinds| kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>()))
            .bind(self.business.map(|id| id.as_uuid()))
            .bind(self.from.map(Timestamp::to_utc))
            .bind(self.to.map(Timestamp::to_utc))
    }
}

/// The columns of a line, of the lines of some accounts: their ids are parameter 1. Account by account, so that each is
/// read along its key.
macro_rules! lines {
    ($conditions:expr) => {
        concat!(
            "SELECT line.* FROM UNNEST($1::uuid[]) AS account CROSS JOIN LATERAL (",
            "SELECT position, line_id, type, amount_kopecks, adds, business_id, medical, occurred_at, ",
            "balance_after_kopecks FROM history.lines WHERE member_id = account AND ",
            $conditions,
            ") AS line"
        )
    };
}

fn ids(accounts: &[MemberId]) -> Vec<Uuid> {
    accounts.iter().map(MemberId::as_uuid).collect()
}

/// What a [`Filter`] asks for, as it binds it.
macro_rules! filtered {
    () => {
        "($2::text[] IS NULL OR type = ANY($2)) AND ($3::uuid IS NULL OR business_id = $3 AND NOT medical) \
         AND ($4::timestamptz IS NULL OR occurred_at >= $4) AND ($5::timestamptz IS NULL OR occurred_at < $5)"
    };
}

/// Up to one line more than the page holds, and how many there are in all, of all accounts of a member. The total after a
/// line is that of its account.
pub(crate) async fn lines(
    app: &App,
    accounts: &[MemberId],
    filter: &Filter,
    page: &Page,
) -> Result<(Vec<StoredLine>, i64), ApiError> {
    let text = concat!(
        lines!(concat!(
            filtered!(),
            " AND position < $6 ORDER BY position DESC LIMIT $7::bigint + $8::bigint"
        )),
        " ORDER BY position DESC LIMIT $7 OFFSET $8"
    );
    let lines = filter
        .bind(sqlx::query_as(text).bind(ids(accounts)))
        .bind(page.before())
        .bind(page.limit.saturating_add(1))
        .bind(page.offset)
        .fetch_all(&app.read_pool)
        .await?;
    Ok((lines, count(app, accounts, filter).await?))
}

async fn count(app: &App, accounts: &[MemberId], filter: &Filter) -> Result<i64, ApiError> {
    let query = if *filter == Filter::default() {
        let text = "SELECT COALESCE(sum(lines), 0)::bigint FROM history.totals WHERE member_id = ANY($1)";
        sqlx::query_as(text).bind(ids(accounts))
    } else {
        let text = concat!("SELECT count(*) FROM history.lines WHERE member_id = ANY($1) AND ", filtered!());
        filter.bind(sqlx::query_as(text).bind(ids(accounts)))
    };
    let (lines,) = query.fetch_one(&app.read_pool).await?;
    Ok(lines)
}

/// The line `id` of the history of these accounts.
pub(crate) async fn line(app: &App, accounts: &[MemberId], id: Uuid) -> Result<Option<StoredLine>, ApiError> {
    let query = sqlx::query_as(lines!("line_id = $2")).bind(ids(accounts)).bind(id);
    Ok(query.fetch_optional(&app.read_pool).await?)
}

impl StoredLine {
    /// As she sees it: a medical business has no name here (`compliance.md` M5).
    pub(crate) fn shown(self, registry: &Registry) -> HistoryLine {
        let named = self.business_id.filter(|_| !self.medical);
        self.told(registry, named)
    }

    /// With its business, whatever it is: in the report of her data, for her own eyes.
    pub(crate) fn whole(self, registry: &Registry) -> HistoryLine {
        let named = self.business_id;
        self.told(registry, named)
    }

    /// Without its business, whatever it is: a list that names some would tell which of the others are clinics.
    pub(crate) fn unnamed(self, registry: &Registry) -> HistoryLine {
        self.told(registry, None)
    }

    fn told(self, registry: &Registry, business_id: Option<Uuid>) -> HistoryLine {
        let business = business_id.and_then(|id| registry.businesses.get(BusinessId::from_uuid(id)));
        let business_name = business.map(|business| business.name.clone());
        let at = business_name.as_deref().unwrap_or("партнёр программы");
        let description = match self.kind.as_str() {
            "earned" => format!("Бонусы за покупку: {at}"),
            "spent" => format!("Оплата бонусами: {at}"),
            "expired" => "Срок действия бонусов истёк".to_owned(),
            "returned" => format!("Возврат бонусов: {at}"),
            "revoked" => format!("Отмена начисления: {at}"),
            "gift" if self.business_id.is_some() => format!("Бонусы по купону: {at}"),
            "gift" => "Подарочные бонусы".to_owned(),
            _ if self.adds => "Корректировка: начислено".to_owned(),
            _ => "Корректировка: списано".to_owned(),
        };
        HistoryLine {
            id: self.line_id,
            kind: self.kind,
            amount: Bonuses::from_kopecks(self.amount_kopecks),
            business_id,
            business_name,
            description,
            occurred_at: Timestamp::new(self.occurred_at),
            balance_after: Bonuses::from_kopecks(self.balance_after_kopecks),
        }
    }
}
