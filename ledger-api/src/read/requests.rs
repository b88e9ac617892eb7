//! What members demand about their data: lists of demands, and how many wait.

use chrono::{DateTime, Utc};
use ledger_core::ids::{MemberId, SubjectRequestId};
use ledger_core::log::Position;
use ledger_core::time::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::app::App;
use crate::dto;
use crate::problem::ApiError;
use crate::query::Page;

/// A demand as the read model has it.
#[derive(FromRow)]
pub(crate) struct StoredRequest {
    request_id: Uuid,
    member_id: Uuid,
    /// What is demanded, by its name on the wire.
    pub(crate) kind: String,
    channel: String,
    received_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
    by_calendar: bool,
    extended_because: Option<String>,
    answered_at: Option<DateTime<Utc>>,
    outcome: Option<String>,
    refused_because: Option<String>,
    /// Where it came on the log.
    pub(crate) position: Position,
}

impl StoredRequest {
    /// Whose it is: the account that asked.
    pub(crate) const fn member(&self) -> MemberId {
        MemberId::from_uuid(self.member_id)
    }

    /// By when it is to be answered.
    pub(crate) fn due_at(&self) -> Timestamp {
        Timestamp::new(self.due_at)
    }

    /// As it is shown at `now`, to herself or with whose it is.
    pub(crate) fn shown(self, now: Timestamp, member: Option<MemberId>) -> dto::SubjectRequest {
        let is_open = self.answered_at.is_none();
        dto::SubjectRequest {
            request_id: self.request_id,
            member_id: member.map(|member| member.as_uuid()),
            kind: self.kind,
            channel: self.channel,
            state: self.outcome.unwrap_or_else(|| "open".to_owned()),
            overdue: is_open && now.to_utc() > self.due_at,
            received_at: Timestamp::new(self.received_at),
            due_at: Timestamp::new(self.due_at),
            due_by_calendar: self.by_calendar,
            extended_because: self.extended_because,
            answered_at: self.answered_at.map(Timestamp::new),
            refused_because: self.refused_because,
        }
    }
}

/// Which demands are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those that wait.
    Open,
    /// Those that wait although their term is over.
    Overdue,
    /// Those that were answered.
    Answered,
}

impl Which {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Open, Self::Overdue, Self::Answered];

    /// Name on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Overdue => "overdue",
            Self::Answered => "answered",
        }
    }
}

/// The columns of a demand, of those that `conditions` finds.
macro_rules! requests {
    ($conditions:literal) => {
        concat!(
            "SELECT request_id, member_id, kind, channel, received_at, due_at, by_calendar, extended_because, answered_at, ",
            "outcome, refused_because, position FROM statuses.requests WHERE ",
            $conditions
        )
    };
}

/// One demand.
pub(crate) async fn one(app: &App, id: SubjectRequestId) -> Result<Option<StoredRequest>, ApiError> {
    let found = sqlx::query_as(requests!("request_id = $1")).bind(id.as_uuid());
    Ok(found.fetch_optional(&app.read_pool).await?)
}

/// Up to one demand of these accounts more than the page holds, the newest first.
pub(crate) async fn of(
    app: &App,
    accounts: &[MemberId],
    page: &Page,
) -> Result<Vec<StoredRequest>, ApiError> {
    let statement =
        requests!("member_id = ANY($1) AND position < $2 ORDER BY position DESC, request_id LIMIT $3");
    let found = sqlx::query_as(statement)
        .bind(accounts.iter().map(MemberId::as_uuid).collect::<Vec<Uuid>>())
        .bind(page.before())
        .bind(page.limit.saturating_add(1));
    Ok(found.fetch_all(&app.read_pool).await?)
}

/// Up to one demand of all members more than the page holds, the oldest first.
pub(crate) async fn all(
    app: &App,
    which: Which,
    now: Timestamp,
    page: &Page,
) -> Result<Vec<StoredRequest>, ApiError> {
    let statement = match which {
        Which::Open | Which::Overdue => requests!(
            "answered_at IS NULL AND position > $1 AND (due_at < $3 OR NOT $4) ORDER BY position LIMIT $2"
        ),
        Which::Answered => requests!(
            "answered_at IS NOT NULL AND position > $1 AND (due_at < $3 OR NOT $4) ORDER BY position LIMIT $2"
        ),
    };
    let after: Position = page.after.as_deref().and_then(|position| position.parse().ok()).unwrap_or(0);
    let found = sqlx::query_as(statement)
        .bind(after)
        .bind(page.limit.saturating_add(1))
        .bind(now.to_utc())
        .bind(which == Which::Overdue);
    Ok(found.fetch_all(&app.read_pool).await?)
}

/// How many demands wait, and how many of them although their term is over.
pub(crate) async fn waiting(app: &App) -> Result<(i64, i64), ApiError> {
    let found = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE due_at < $1) FROM statuses.requests WHERE answered_at IS NULL",
    )
    .bind(app.clock.now().to_utc());
    Ok(found.fetch_one(&app.read_pool).await?)
}
