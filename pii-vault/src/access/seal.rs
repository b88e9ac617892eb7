//! The access log as a chain (compliance P2): what was written cannot be changed, removed or slipped in later unseen.
//!
//! Why it is right:
//! 1. Writers do not wait for one another, nor for the sealer. A record carries the number of the transaction that wrote
//!    it; once every transaction below a number has ended (the `xmin` of a snapshot), the records of those below it are
//!    complete, and none of a transaction above is among them. That set is sealed.
//! 2. A seal is SHA-256 over the seal before, its own place and bounds, and the digest of its records in their order. So
//!    whoever changes a record has to make every later seal anew, and whoever knows any later hash sees it. Each hash is
//!    written to the service's log as it is made, which is kept elsewhere.
//! 3. One seals at a time, under an advisory lock; who does not get it has nothing to do.
//! 4. A restored dump comes to a server whose transactions are numbered anew. Whoever opens the log there first sees numbers
//!    below the last seal's and begins a new era; within an era numbers only grow.
//! 5. A seal says in which form it reckons, and its hash holds that. A program that knows no forms cannot write one (the column
//!    has no default), so beside it, during an update, those alone seal that reckon every field of a record. The seals of before,
//!    form 1, hold with or without the one field that came later.
//!
//! What is not sealed yet (the last seconds, or what a long transaction holds back) is protected by trigger and grant alone.

use aws_lc_rs::digest::{Context, SHA256};
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use sqlx::{PgConnection, PgPool, Row};
use uuid::Uuid;

use crate::error::VaultError;
use crate::index::to_array;

/// What every first seal follows.
const NOTHING: [u8; 32] = [0; 32];

/// Length of a seal's hash, in bytes.
pub const SEAL_BYTES: usize = 32;

/// How seals reckon that were made before there were forms.
const FIRST_FORM: i16 = 1;
/// How they reckon now: all fields, and the form is a part of the hash.
const FORM: i16 = 2;

/// A seal over a stretch of the access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessSeal {
    /// Its number, from 1.
    pub number: u64,
    /// How many records it covers.
    pub records: u64,
    /// Its hash, which the next one takes up.
    pub hash: [u8; SEAL_BYTES],
}

/// What a check of the whole chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessCheck {
    /// How many seals there are.
    pub seals: u64,
    /// How many records they say they cover.
    pub records: u64,
    /// How many records wait for a seal.
    pub unsealed: u64,
    /// The newest hash; all zeros without a seal.
    pub head: [u8; SEAL_BYTES],
    /// The first seal that its records, its number or the seal before do not bear out.
    pub broken: Option<u64>,
    /// Whether the hash that was asked for is among them; true when none was.
    pub knows_head: bool,
}

impl AccessCheck {
    /// Whether nothing is wrong with what is sealed.
    pub fn is_whole(&self) -> bool {
        self.broken.is_none() && self.knows_head
    }
}

/// Where a stretch ends: before this transaction of this era.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Bound {
    era: i32,
    upto: u64,
}

/// A seal as it is stored.
struct Stored {
    number: u64,
    bound: Bound,
    records: u64,
    form: i16,
    previous: [u8; SEAL_BYTES],
    hash: [u8; SEAL_BYTES],
}

/// What a seal says before the digest of its records.
#[derive(Clone, Copy)]
struct Head {
    previous: [u8; SEAL_BYTES],
    number: u64,
    bound: Bound,
    records: u64,
}

/// The records of a stretch.
struct Stretch {
    records: u64,
    /// Their digest.
    digest: [u8; SEAL_BYTES],
    /// The same without which of a business's staff it was.
    without_staff: [u8; SEAL_BYTES],
}

/// Begins a new era when the last seal is of a later transaction than this server has had.
pub(super) async fn notice_restore(pool: &PgPool) -> Result<(), VaultError> {
    sqlx::query(
        "UPDATE vault.access_era AS its SET era = its.era + 1
         FROM (SELECT era, upto FROM vault.access_seals ORDER BY seal_no DESC LIMIT 1) AS last
         WHERE last.era = its.era AND last.upto > pg_snapshot_xmax(pg_current_snapshot())",
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Seals what is complete. `None`: nothing is, or another process seals just now.
pub(super) async fn seal(pool: &PgPool, at: DateTime<Utc>) -> Result<Option<AccessSeal>, VaultError> {
    let mut transaction = pool.begin().await?;
    let mine: bool =
        sqlx::query_scalar("SELECT pg_try_advisory_xact_lock(hashtextextended('vault.access_seals', 0))")
            .fetch_one(&mut *transaction)
            .await?;
    if !mine {
        return Ok(None);
    }
    let last = stored_after(&mut transaction, None).await?;
    let complete = sqlx::query(
        "SELECT its.era, pg_snapshot_xmin(pg_current_snapshot())::text::int8 AS upto FROM vault.access_era AS its",
    )
    .fetch_one(&mut *transaction)
    .await?;
    let bound = Bound { era: complete.try_get("era")?, upto: number(complete.try_get("upto")?)? };
    let from = last.as_ref().map_or(Bound { era: 0, upto: 0 }, |last| last.bound);
    let previous = last.as_ref().map_or(NOTHING, |last| last.hash);
    let number = last.map_or(1, |last| last.number.saturating_add(1));
    let Stretch { records, digest, .. } = stretch(&mut transaction, from, bound).await?;
    if records == 0 {
        return Ok(None);
    }
    let hash = hash_of(FORM, Head { previous, number, bound, records }, &digest);
    sqlx::query(
        "INSERT INTO vault.access_seals (seal_no, era, upto, records, previous, hash, sealed_at, form)
         VALUES ($1, $2, $3::text::xid8, $4, $5, $6, $7, $8)",
    )
    .bind(signed(number)?)
    .bind(bound.era)
    .bind(bound.upto.to_string())
    .bind(signed(records)?)
    .bind(previous.as_slice())
    .bind(hash.as_slice())
    .bind(at)
    .bind(FORM)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Some(AccessSeal { number, records, hash }))
}

/// Works every seal out anew from its records, in one snapshot and in bounded memory.
pub(super) async fn check(
    pool: &PgPool,
    wanted: Option<[u8; SEAL_BYTES]>,
) -> Result<AccessCheck, VaultError> {
    let mut transaction = pool.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .execute(&mut *transaction)
        .await?;
    let mut found = AccessCheck {
        seals: 0,
        records: 0,
        unsealed: 0,
        head: NOTHING,
        broken: None,
        knows_head: wanted.is_none(),
    };
    let mut from = Bound { era: 0, upto: 0 };
    while let Some(next) = stored_after(&mut transaction, Some(found.seals)).await? {
        let stretch = stretch(&mut transaction, from, next.bound).await?;
        let follows = next.number == found.seals.saturating_add(1) && next.previous == found.head;
        if !(follows && stretch.records == next.records && next.bears_out(found.head, &stretch)) {
            found.broken = found.broken.or(Some(next.number));
        }
        found.knows_head |= wanted == Some(next.hash);
        found.records = found.records.saturating_add(next.records);
        (found.seals, found.head, from) = (next.number, next.hash, next.bound);
    }
    let unsealed: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM vault.access_log WHERE (era, written_by) >= ($1, $2::text::xid8)",
    )
    .bind(from.era)
    .bind(from.upto.to_string())
    .fetch_one(&mut *transaction)
    .await?;
    found.unsealed = number(unsealed)?;
    Ok(found)
}

/// The seal after a number; the last of all for `None`.
async fn stored_after(
    connection: &mut PgConnection,
    after: Option<u64>,
) -> Result<Option<Stored>, VaultError> {
    let order =
        "SELECT seal_no, era, upto::text::int8 AS upto, records, form, previous, hash FROM vault.access_seals
                 WHERE seal_no > $1 ORDER BY seal_no LIMIT 1";
    let newest =
        "SELECT seal_no, era, upto::text::int8 AS upto, records, form, previous, hash FROM vault.access_seals
                  WHERE seal_no > $1 ORDER BY seal_no DESC LIMIT 1";
    let asked = sqlx::query(if after.is_some() { order } else { newest }).bind(signed(after.unwrap_or(0))?);
    let Some(row) = asked.fetch_optional(connection).await? else { return Ok(None) };
    let hash = |name| -> Result<[u8; SEAL_BYTES], VaultError> {
        let bytes: Vec<u8> = row.try_get(name)?;
        bytes.try_into().map_err(|_| corrupt())
    };
    Ok(Some(Stored {
        number: number(row.try_get("seal_no")?)?,
        bound: Bound { era: row.try_get("era")?, upto: number(row.try_get("upto")?)? },
        records: number(row.try_get("records")?)?,
        form: row.try_get("form")?,
        previous: hash("previous")?,
        hash: hash("hash")?,
    }))
}

impl Stored {
    /// Whether its hash follows from the seal before and the records as they are.
    fn bears_out(&self, previous: [u8; SEAL_BYTES], stretch: &Stretch) -> bool {
        let head = Head { previous, number: self.number, bound: self.bound, records: stretch.records };
        let is = |digest| hash_of(self.form, head, digest) == self.hash;
        is(&stretch.digest) || self.form == FIRST_FORM && is(&stretch.without_staff)
    }
}

/// The digests of the records between two bounds in their order, and their number.
async fn stretch(connection: &mut PgConnection, from: Bound, to: Bound) -> Result<Stretch, VaultError> {
    let mut rows = sqlx::query(
        "SELECT access_id, at, actor_kind, actor_id, member_id, action, fields, purpose, result, request_id, era, staff_id,
                written_by::text::int8 AS written_by
         FROM vault.access_log
         WHERE (era, written_by) >= ($1, $2::text::xid8) AND (era, written_by) < ($3, $4::text::xid8)
         ORDER BY era, written_by, access_id",
    )
    .bind(from.era)
    .bind(from.upto.to_string())
    .bind(to.era)
    .bind(to.upto.to_string())
    .fetch(connection);
    let (mut digest, mut without_staff) = (Context::new(&SHA256), Context::new(&SHA256));
    let mut records = 0_u64;
    while let Some(row) = rows.try_next().await? {
        let mut put = |part: &[u8]| {
            put_into(&mut digest, part);
            put_into(&mut without_staff, part);
        };
        put(&row.try_get::<i64, _>("access_id")?.to_be_bytes());
        put(&row.try_get::<DateTime<Utc>, _>("at")?.timestamp_micros().to_be_bytes());
        for name in ["actor_kind", "actor_id", "action", "purpose", "result"] {
            put(row.try_get::<&str, _>(name)?.as_bytes());
        }
        for name in ["member_id", "request_id"] {
            let id: Option<Uuid> = row.try_get(name)?;
            put(id.as_ref().map_or(&[][..], |id| id.as_bytes().as_slice()));
        }
        put(&row.try_get::<i32, _>("era")?.to_be_bytes());
        put(&row.try_get::<i64, _>("written_by")?.to_be_bytes());
        let fields: Vec<String> = row.try_get("fields")?;
        put(&u64::try_from(fields.len()).unwrap_or(u64::MAX).to_be_bytes());
        for field in &fields {
            put(field.as_bytes());
        }
        // Last, and only where there is one: seals from before there were any stay what they are. No record begins with a part of
        // this length.
        if let Some(staff) = row.try_get::<Option<Uuid>, _>("staff_id")? {
            put_into(&mut digest, &[b"staff\0".as_slice(), staff.as_bytes()].concat());
        }
        records = records.saturating_add(1);
    }
    let [digest, without_staff] = [digest, without_staff].map(|digest| to_array(digest.finish().as_ref()));
    Ok(Stretch { records, digest, without_staff })
}

/// A part of a record, with its length before it.
fn put_into(digest: &mut Context, part: &[u8]) {
    digest.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
    digest.update(part);
}

fn hash_of(form: i16, head: Head, digest: &[u8; SEAL_BYTES]) -> [u8; SEAL_BYTES] {
    let mut hash = Context::new(&SHA256);
    if form == FIRST_FORM {
        hash.update(b"own-circle access seal 1\0");
    } else {
        hash.update(b"own-circle access seal\0");
        hash.update(&form.to_be_bytes());
    }
    let Head { previous, number, bound, records } = head;
    hash.update(&previous);
    hash.update(&number.to_be_bytes());
    hash.update(&bound.era.to_be_bytes());
    hash.update(&bound.upto.to_be_bytes());
    hash.update(&records.to_be_bytes());
    hash.update(digest);
    to_array(hash.finish().as_ref())
}

fn corrupt() -> VaultError {
    VaultError::CorruptRow { table: "vault.access_seals" }
}

/// Counts and numbers of transactions are never negative.
fn number(stored: i64) -> Result<u64, VaultError> {
    u64::try_from(stored).map_err(|_| corrupt())
}

fn signed(number: u64) -> Result<i64, VaultError> {
    i64::try_from(number).map_err(|_| corrupt())
}
