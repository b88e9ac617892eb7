//! Reading the log, in order, for projectors, rebuilds and audits. Design L1: who has seen N never later finds a row < N.

use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt};
use ledger_core::ids::{EventId, LogId, OfferId};
use ledger_core::log::{LeafHash, Metadata, Position, Row, StreamType};
use ledger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use crate::error::StoreError;

/// A row with the hash that stands beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRow {
    /// The row.
    #[serde(flatten)]
    pub row: Row,
    /// Its leaf hash. Design L7.
    pub leaf_hash: LeafHash,
}

/// The columns of one row of `ledger.events`.
#[derive(sqlx::FromRow)]
struct Columns {
    position: i64,
    event_id: Uuid,
    stream_type: String,
    stream_id: Uuid,
    stream_version: i32,
    event_type: String,
    schema_version: i16,
    occurred_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
    payload: serde_json::Value,
    metadata: Json<Metadata>,
    leaf_hash: Vec<u8>,
}

impl TryFrom<Columns> for StoredRow {
    type Error = StoreError;

    fn try_from(columns: Columns) -> Result<Self, StoreError> {
        let position = columns.position;
        let stream_type = match columns.stream_type.as_str() {
            "member" => StreamType::Member,
            "business" => StreamType::Business,
            "policy" => StreamType::Policy,
            "chain" => StreamType::Chain,
            "offer" => StreamType::Offer,
            _ => return Err(StoreError::Malformed { position, what: "no such stream type" }),
        };
        let leaf_hash = LeafHash::from_slice(&columns.leaf_hash)
            .map_err(|_| StoreError::Malformed { position, what: "a leaf hash has 32 bytes" })?;
        let row = Row {
            position,
            event_id: EventId::from_uuid(columns.event_id),
            stream_type,
            stream_id: columns.stream_id,
            stream_version: columns.stream_version,
            event_type: columns.event_type,
            schema_version: columns.schema_version,
            occurred_at: Timestamp::new(columns.occurred_at),
            recorded_at: Timestamp::new(columns.recorded_at),
            payload: columns.payload,
            metadata: columns.metadata.0,
        };
        Ok(Self { row, leaf_hash })
    }
}

fn stored(rows: Vec<Columns>) -> Result<Vec<StoredRow>, StoreError> {
    rows.into_iter().map(StoredRow::try_from).collect()
}

/// Up to `limit` rows after position `after`, in order.
///
/// # Errors
/// [`StoreError`] when the database is away or a row cannot be.
pub async fn read_after(
    db: impl PgExecutor<'_>,
    after: Position,
    limit: i64,
) -> Result<Vec<StoredRow>, StoreError> {
    let rows = sqlx::query_as!(
        Columns,
        r#"SELECT position, event_id, stream_type, stream_id, stream_version, event_type, schema_version, occurred_at,
                  recorded_at, payload, metadata AS "metadata: Json<Metadata>", leaf_hash
           FROM ledger.events WHERE position > $1 ORDER BY position LIMIT $2"#,
        after,
        limit
    )
    .fetch_all(db)
    .await?;
    stored(rows)
}

/// The rows of one stream after its version `after`, in order.
///
/// # Errors
/// As [`read_after`].
pub async fn read_stream(
    db: impl PgExecutor<'_>,
    stream_id: Uuid,
    after: i32,
) -> Result<Vec<StoredRow>, StoreError> {
    let rows = sqlx::query_as!(
        Columns,
        r#"SELECT position, event_id, stream_type, stream_id, stream_version, event_type, schema_version, occurred_at,
                  recorded_at, payload, metadata AS "metadata: Json<Metadata>", leaf_hash
           FROM ledger.events WHERE stream_id = $1 AND stream_version > $2 ORDER BY stream_version"#,
        stream_id,
        after
    )
    .fetch_all(db)
    .await?;
    stored(rows)
}

/// What one decision wrote on the stream of the row at `position`, that row included, in order; at most 1,000 rows before
/// it and as many behind it.
///
/// # Errors
/// As [`read_after`].
pub async fn read_decision(
    db: impl PgExecutor<'_>,
    position: Position,
) -> Result<Vec<StoredRow>, StoreError> {
    let rows = sqlx::query_as!(
        Columns,
        r#"SELECT e.position, e.event_id, e.stream_type, e.stream_id, e.stream_version, e.event_type, e.schema_version,
                  e.occurred_at, e.recorded_at, e.payload, e.metadata AS "metadata: Json<Metadata>", e.leaf_hash
           FROM ledger.events one
           JOIN ledger.events e ON e.stream_id = one.stream_id
                AND e.stream_version BETWEEN one.stream_version - 1000 AND one.stream_version + 1000
                AND e.metadata->>'correlation_id' = one.metadata->>'correlation_id'
                AND e.metadata->>'idempotency_key' = one.metadata->>'idempotency_key'
           WHERE one.position = $1 ORDER BY e.stream_version"#,
        position
    )
    .fetch_all(db)
    .await?;
    stored(rows)
}

/// The rows of several streams, each after its own version in `after`; every stream's rows in order.
///
/// # Errors
/// As [`read_after`].
pub(crate) async fn read_streams(
    db: impl PgExecutor<'_>,
    streams: &[Uuid],
    after: &[i32],
) -> Result<Vec<StoredRow>, StoreError> {
    let rows = sqlx::query_as!(
        Columns,
        r#"SELECT e.position, e.event_id, e.stream_type, e.stream_id, e.stream_version, e.event_type, e.schema_version,
                  e.occurred_at, e.recorded_at, e.payload, e.metadata AS "metadata: Json<Metadata>", e.leaf_hash
           FROM UNNEST($1::uuid[], $2::int[]) AS wanted (stream_id, after)
           JOIN ledger.events e ON e.stream_id = wanted.stream_id AND e.stream_version > wanted.after
           ORDER BY e.stream_id, e.stream_version"#,
        streams,
        after
    )
    .fetch_all(db)
    .await?;
    stored(rows)
}

/// How many rows [`read_members`] reads at most.
pub const MEMBERS_PAGE: usize = 4_000;

/// The next rows of members' streams up to position `until`, stream by stream and each in order: those after version
/// `after.1` of the stream `after.0`, at most [`MEMBERS_PAGE`]. Rows are never changed (L3), so pages of one `until` are
/// of one log.
///
/// # Errors
/// As [`read_after`].
pub async fn read_members(
    db: impl PgExecutor<'_>,
    after: (Uuid, i32),
    until: Position,
) -> Result<Vec<StoredRow>, StoreError> {
    // The limit stands in the text: the one plan for all values must know that it is small, and walk the index.
    let rows = sqlx::query_as!(
        Columns,
        r#"SELECT position, event_id, stream_type, stream_id, stream_version, event_type, schema_version, occurred_at,
                  recorded_at, payload, metadata AS "metadata: Json<Metadata>", leaf_hash
           FROM ledger.events
           WHERE (stream_id, stream_version) > ($1, $2) AND position <= $3 AND stream_type = 'member'
           ORDER BY stream_id, stream_version LIMIT 4000"#,
        after.0,
        after.1,
        until
    )
    .fetch_all(db)
    .await?;
    stored(rows)
}

/// How many members' streams there are up to position `until`. Walks the index of streams: seconds on a large log.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count_members(db: impl PgExecutor<'_>, until: Position) -> Result<i64, StoreError> {
    // All streams, less those that began later, less those of businesses, policies, chains and offers: each by an index of its own.
    let count = sqlx::query_scalar!(
        r#"SELECT (SELECT count(*) FROM ledger.events WHERE stream_version = 1)
                - (SELECT count(*) FROM ledger.events WHERE stream_version = 1 AND position > $1)
                - (SELECT count(*) FROM ledger.events
                   WHERE stream_version = 1 AND position <= $1 AND stream_type <> 'member') AS "count!""#,
        until
    );
    Ok(count.fetch_one(db).await?)
}

/// Every row of the businesses', the policies', the chains' and the offers' streams up to `until`, in order; of what a chain or
/// an offer gave, the newest alone.
///
/// # Errors
/// As [`read_after`].
pub async fn read_registry(db: impl PgExecutor<'_>, until: Position) -> Result<Vec<StoredRow>, StoreError> {
    let rows: Vec<Columns> = sqlx::query_as(REGISTRY).bind(until).fetch_all(db).await?;
    stored(rows)
}

/// The rows up to `until` that say of an account that it went into another, or stands for itself again; in order, one at a
/// time: each has all that moved in it.
pub(crate) fn read_accounts<'e>(
    db: impl PgExecutor<'e> + 'e,
    until: Position,
) -> impl Stream<Item = Result<StoredRow, StoreError>> + 'e {
    let rows = sqlx::query_as::<_, Columns>(ACCOUNTS).bind(until).fetch(db);
    rows.map(|row| StoredRow::try_from(row?))
}

/// The columns of some rows.
macro_rules! rows {
    ($condition:literal) => {
        concat!(
            "SELECT position, event_id, stream_type, stream_id, stream_version, event_type, schema_version, occurred_at, ",
            "recorded_at, payload, metadata, leaf_hash FROM ledger.events WHERE ",
            $condition
        )
    };
}

const ACCOUNTS: &str =
    rows!("event_type IN ('AccountMerged', 'AccountRestored') AND position <= $1 ORDER BY position");

/// The rows by which members were forgotten, after position `after`, in order, `limit` at most.
///
/// # Errors
/// As [`read_after`].
pub async fn read_erased(
    db: impl PgExecutor<'_>,
    after: Position,
    limit: i64,
) -> Result<Vec<StoredRow>, StoreError> {
    let rows: Vec<Columns> = sqlx::query_as(ERASED).bind(after).bind(limit).fetch_all(db).await?;
    stored(rows)
}

const ERASED: &str = rows!("event_type = 'MemberErased' AND position > $1 ORDER BY position LIMIT $2");

/// The newest row of a type on each stream that begins with the first version of another.
macro_rules! newest {
    ($given:literal, $begun:literal) => {
        concat!(
            " UNION ALL SELECT newest.position, newest.event_id, newest.stream_type, newest.stream_id, ",
            "newest.stream_version, newest.event_type, newest.schema_version, newest.occurred_at, newest.recorded_at, ",
            "newest.payload, newest.metadata, newest.leaf_hash FROM ledger.events begun CROSS JOIN LATERAL ( ",
            "SELECT * FROM ledger.events given WHERE given.stream_id = begun.stream_id AND given.event_type = '",
            $given,
            "' AND given.position <= $1 ORDER BY given.stream_version DESC LIMIT 1) AS newest ",
            "WHERE begun.stream_type <> 'member' ",
            "AND begun.event_type NOT IN ('ChainRewardIssued', 'OfferCouponIssued') ",
            "AND begun.event_type = '",
            $begun,
            "' AND begun.stream_version = 1 AND begun.position <= $1"
        )
    };
}

/// Each part has a partial index of its own. Of what a chain or an offer gave, the newest says what it comes to.
const REGISTRY: &str = concat!(
    rows!(
        "stream_type <> 'member' AND event_type NOT IN ('ChainRewardIssued', 'OfferCouponIssued') AND position <= $1"
    ),
    newest!("ChainRewardIssued", "ChainDrafted"),
    newest!("OfferCouponIssued", "OfferDrafted"),
    " ORDER BY position"
);

/// What was done with an offer: the rows of its stream after its version `after`, in order, `limit` at most; without the
/// coupons it gave, of which there may be a million.
///
/// # Errors
/// As [`read_after`].
pub async fn read_offer(
    db: impl PgExecutor<'_>,
    offer: OfferId,
    after: i32,
    limit: i64,
) -> Result<Vec<StoredRow>, StoreError> {
    let rows: Vec<Columns> =
        sqlx::query_as(OFFER).bind(offer.as_uuid()).bind(after).bind(limit).fetch_all(db).await?;
    stored(rows)
}

const OFFER: &str = rows!(
    "stream_type = 'offer' AND event_type <> 'OfferCouponIssued' AND stream_id = $1 AND stream_version > $2 \
     ORDER BY stream_version LIMIT $3"
);

/// How many rewards chains, and coupons offers, gave up to `until`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count_rewards(db: impl PgExecutor<'_>, until: Position) -> Result<i64, StoreError> {
    let count = "SELECT (SELECT count(*) FROM ledger.events WHERE event_type = 'ChainRewardIssued' AND position <= $1)
                      + (SELECT count(*) FROM ledger.events WHERE event_type = 'OfferCouponIssued' AND position <= $1)";
    Ok(sqlx::query_scalar(count).bind(until).fetch_one(db).await?)
}

/// The newest position; 0 on an empty log.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn head(db: impl PgExecutor<'_>) -> Result<Position, StoreError> {
    Ok(sqlx::query_scalar!("SELECT position FROM ledger.log_head").fetch_one(db).await?)
}

/// The name of the log. Design L9.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn log_id(db: impl PgExecutor<'_>) -> Result<LogId, StoreError> {
    let id = sqlx::query_scalar!("SELECT log_id FROM ledger.log_head").fetch_one(db).await?;
    Ok(LogId::from_uuid(id))
}
