//! Finding what a command made by the id that follows from its key.

use ledger_core::ids::{CouponId, MemberId, RedemptionId, keys_of};
use ledger_core::log::{Event, Position};
use ledger_core::member::event::{CouponIssued, MemberEvent};
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use crate::error::StoreError;

/// Where the facts of one command begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begun {
    /// Its first fact.
    pub(crate) position: Position,
    /// On which stream.
    pub(crate) stream_id: Uuid,
    /// Its place there.
    pub(crate) stream_version: i32,
    /// On which member's stream its newest revision's last fact is: another when a document changed hands (Rule D3). What it
    /// said to a business or a chain besides counts for nothing here.
    pub(crate) newest_on: Uuid,
}

/// The command whose key has the first bytes of `id`, and exactly `id` by `derived`.
pub(crate) async fn begun(
    db: impl PgExecutor<'_>,
    id: Uuid,
    derived: impl Fn(&[u8; 32]) -> Uuid,
) -> Result<Option<Begun>, StoreError> {
    let (first, last) = keys_of(id);
    let rows: Vec<(Vec<u8>, Position, Uuid, i32, i32, Uuid)> = sqlx::query_as(
        "SELECT i.key, e.position, e.stream_id, e.stream_version, i.revision, coalesce(l.stream_id, e.stream_id)
         FROM ledger.idempotency i
         JOIN ledger.events e ON e.position = i.first_position
         LEFT JOIN LATERAL (
             SELECT stream_id FROM ledger.events
             WHERE position BETWEEN i.first_position AND i.last_position AND stream_type = 'member'
             ORDER BY position DESC LIMIT 1
         ) AS l ON true
         WHERE i.key BETWEEN $1 AND $2",
    )
    .bind(first.as_slice())
    .bind(last.as_slice())
    .fetch_all(db)
    .await?;
    let is_it = |key: &[u8]| <[u8; 32]>::try_from(key).is_ok_and(|key| derived(&key) == id);
    // Later revisions of a document have keys next to its own, and the same id: the first fact is what it began with.
    let found: Vec<_> = rows.into_iter().filter(|(key, ..)| is_it(key)).collect();
    let newest = found.iter().max_by_key(|(.., revision, _)| *revision).map(|(.., stream)| *stream);
    let oldest = found.into_iter().min_by_key(|(_, position, ..)| *position);
    Ok(oldest.zip(newest).map(|((_, position, stream_id, stream_version, ..), newest_on)| Begun {
        position,
        stream_id,
        stream_version,
        newest_on,
    }))
}

/// The member whose bonuses a redemption holds, or held; `None` when there never was one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn member_of_redemption(
    db: impl PgExecutor<'_>,
    id: RedemptionId,
) -> Result<Option<MemberId>, StoreError> {
    let begun = begun(db, id.as_uuid(), |key| RedemptionId::of_key(key).as_uuid()).await?;
    Ok(begun.map(|begun| MemberId::from_uuid(begun.stream_id)))
}

/// A coupon as it was issued, and whose it is; `None` when there never was one.
///
/// # Errors
/// [`StoreError`] of the database, or of a fact that cannot be read.
pub async fn coupon_issued(
    pool: &PgPool,
    id: CouponId,
) -> Result<Option<(MemberId, CouponIssued)>, StoreError> {
    let begun = begun(pool, id.as_uuid(), |key| CouponId::of_key(key).as_uuid()).await?;
    let Some(begun) = begun else { return Ok(None) };
    // What was due for her is written before it, in the same append.
    let row: Option<(Position, i16, serde_json::Value)> = sqlx::query_as(
        "SELECT position, schema_version, payload FROM ledger.events
         WHERE stream_id = $1 AND stream_version >= $2 AND event_type = 'CouponIssued' AND payload->>'coupon_id' = $3
         ORDER BY stream_version LIMIT 1",
    )
    .bind(begun.stream_id)
    .bind(begun.stream_version)
    .bind(id.to_string())
    .fetch_optional(pool)
    .await?;
    let Some((position, version, payload)) = row else { return Ok(None) };
    match Event::decode("CouponIssued", version, &payload) {
        Ok(Event::Member(MemberEvent::CouponIssued(issued))) => {
            Ok(Some((MemberId::from_uuid(begun.stream_id), issued)))
        }
        Ok(_) => Ok(None),
        Err(source) => Err(StoreError::Unreadable { position, source }),
    }
}
