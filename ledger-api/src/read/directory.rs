//! Purchases by id, and documents that wait for an admin.

use chrono::{DateTime, Utc};
use ledger_core::business::Business;
use ledger_core::ids::{BusinessId, MemberId, PurchaseId};
use ledger_core::log::Position;
use ledger_core::money::{Bonuses, Roubles};
use ledger_core::time::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::app::App;
use crate::dto;
use crate::natural_key::DEFAULT_SOURCE;
use crate::problem::ApiError;
use crate::query::Page;

#[derive(FromRow)]
struct PurchaseRow {
    purchase_id: Uuid,
    business_id: Uuid,
    member_id: Uuid,
    amount_kopecks: i64,
    bonuses_kopecks: i64,
    available_from: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    source: String,
    occurred_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
    position: Position,
}

/// A purchase, whoever's it is.
pub(crate) async fn purchase(app: &App, id: PurchaseId) -> Result<Option<dto::Purchase>, ApiError> {
    let row: Option<PurchaseRow> = sqlx::query_as(
        "SELECT purchase_id, business_id, member_id, amount_kopecks, bonuses_kopecks, available_from, expires_at, source,
                occurred_at, recorded_at, position
         FROM directory.purchases WHERE purchase_id = $1",
    )
    .bind(id.as_uuid())
    .fetch_optional(&app.read_pool)
    .await?;
    Ok(row.map(|row| shown(app, row)))
}

/// Up to one purchase of a business more than the page holds, newest first.
pub(crate) async fn purchases(
    app: &App,
    business: BusinessId,
    page: &Page,
) -> Result<Vec<dto::Purchase>, ApiError> {
    let rows: Vec<PurchaseRow> = sqlx::query_as(
        "SELECT purchase_id, business_id, member_id, amount_kopecks, bonuses_kopecks, available_from, expires_at, source,
                occurred_at, recorded_at, position
         FROM directory.purchases WHERE business_id = $1 AND position < $2 ORDER BY position DESC LIMIT $3",
    )
    .bind(business.as_uuid())
    .bind(page.before())
    .bind(page.limit.saturating_add(1))
    .fetch_all(&app.read_pool)
    .await?;
    Ok(rows.into_iter().map(|row| shown(app, row)).collect())
}

/// Whose it is: the account that stands for the one it was recorded for.
fn shown(app: &App, row: PurchaseRow) -> dto::Purchase {
    let member = app.ledger.registry().accounts.survivor(MemberId::from_uuid(row.member_id));
    dto::Purchase {
        transaction_id: row.purchase_id,
        business_id: row.business_id,
        member_id: member.as_uuid(),
        amount: Roubles::from_kopecks(row.amount_kopecks),
        bonuses_earned: Bonuses::from_kopecks(row.bonuses_kopecks),
        bonuses_available_from: row.available_from.map(Timestamp::new),
        bonuses_expire_at: row.expires_at.map(Timestamp::new),
        source: row.source,
        occurred_at: Timestamp::new(row.occurred_at),
        recorded_at: Timestamp::new(row.recorded_at),
        position: row.position,
    }
}

#[derive(FromRow)]
struct QuarantineRow {
    quarantine_id: Uuid,
    reason: String,
    resembles: Option<Uuid>,
    source_system: Option<String>,
    member_id: Uuid,
    business_id: Uuid,
    amount_kopecks: i64,
    occurred_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
    position: Position,
}

/// Whose a document is that waits, or waited.
pub(crate) async fn quarantined_of(app: &App, id: Uuid) -> Result<Option<MemberId>, ApiError> {
    let found = sqlx::query_scalar("SELECT member_id FROM directory.quarantine WHERE quarantine_id = $1")
        .bind(id)
        .fetch_optional(&app.read_pool)
        .await?;
    Ok(found.map(MemberId::from_uuid))
}

/// Up to one waiting document more than the page holds, oldest first, each with its position.
pub(crate) async fn quarantine(
    app: &App,
    page: &Page,
) -> Result<Vec<(Position, dto::QuarantineItem)>, ApiError> {
    let after: Position = page.after.as_deref().and_then(|position| position.parse().ok()).unwrap_or(0);
    let rows: Vec<QuarantineRow> = sqlx::query_as(
        "SELECT quarantine_id, reason, resembles, source_system, member_id, business_id, amount_kopecks, occurred_at,
                recorded_at, position
         FROM directory.quarantine WHERE state = 'waiting' AND position > $1 ORDER BY position LIMIT $2",
    )
    .bind(after)
    .bind(page.limit.saturating_add(1))
    .fetch_all(&app.read_pool)
    .await?;
    let registry = app.ledger.registry();
    let item = |row: QuarantineRow| {
        let business = registry.businesses.get(BusinessId::from_uuid(row.business_id));
        let item = dto::QuarantineItem {
            quarantine_id: row.quarantine_id,
            reason: row.reason,
            resembles: row.resembles,
            source_system: business
                .and_then(|business| system_of(app, business, row.source_system.as_deref())),
            member_id: row.member_id,
            business_id: row.business_id,
            amount: Roubles::from_kopecks(row.amount_kopecks),
            occurred_at: Timestamp::new(row.occurred_at),
            recorded_at: Timestamp::new(row.recorded_at),
        };
        (row.position, item)
    };
    Ok(rows.into_iter().map(item).collect())
}

/// The name behind the key of a system, if it is one that the business named to us, or the usual one. Rule D5.
fn system_of(app: &App, business: &Business, key: Option<&str>) -> Option<String> {
    let named = business.terms_at(app.clock.now()).purchase_sources.iter().map(String::as_str);
    let mut known = named.chain([DEFAULT_SOURCE]);
    let is_it = |name: &&str| {
        app.keyed.source(business.business_id, name).map(|known| known.to_string()).as_deref() == key
    };
    known.find(is_it).map(str::to_owned)
}
