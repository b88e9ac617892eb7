//! What moved a member's bonuses, newest first.

use chrono::{DateTime, Utc};
use ledger_core::context::Registry;
use ledger_core::ids::{BusinessId, MemberId};
use ledger_core::log::Position;
use ledger_core::money::Bonuses;
use ledger_core::time::Timestamp;
use sqlx::FromRow;
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

/// Up to one line more than the page holds, and how many there are in all.
pub(crate) async fn lines(
    app: &App,
    member: MemberId,
    page: &Page,
) -> Result<(Vec<StoredLine>, i64), ApiError> {
    let before = page.after.as_deref().and_then(|position| position.parse().ok()).unwrap_or(Position::MAX);
    let lines = sqlx::query_as(
        "SELECT position, line_id, type, amount_kopecks, adds, business_id, medical, occurred_at, balance_after_kopecks
         FROM history.lines WHERE member_id = $1 AND position < $2 ORDER BY position DESC LIMIT $3 OFFSET $4",
    )
    .bind(member.as_uuid())
    .bind(before)
    .bind(page.limit.saturating_add(1))
    .bind(page.offset)
    .fetch_all(&app.read_pool)
    .await?;
    let total: Option<i64> = sqlx::query_scalar("SELECT lines FROM history.totals WHERE member_id = $1")
        .bind(member.as_uuid())
        .fetch_optional(&app.read_pool)
        .await?;
    Ok((lines, total.unwrap_or(0)))
}

impl StoredLine {
    /// As she sees it: a medical business has no name here (`compliance.md` M5).
    pub(crate) fn shown(self, registry: &Registry) -> HistoryLine {
        let business_id = self.business_id.filter(|_| !self.medical);
        let business = business_id.and_then(|id| registry.businesses.get(BusinessId::from_uuid(id)));
        let business_name = business.map(|business| business.name.clone());
        let at = business_name.as_deref().unwrap_or("партнёр программы");
        let description = match self.kind.as_str() {
            "earned" => format!("Бонусы за покупку: {at}"),
            "spent" => format!("Оплата бонусами: {at}"),
            "expired" => "Срок действия бонусов истёк".to_owned(),
            "returned" => format!("Возврат бонусов: {at}"),
            "revoked" => format!("Отмена начисления: {at}"),
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
