//! Another key-encryption key (KEK) while the service goes on reading and writing.
//!
//! 1. [`KeyRotation::begin`] makes a newer KEK. From then on every process wraps new keys with it; all older ones unwrap.
//! 2. [`KeyRotation::rewrap`] wraps what older KEKs wrapped anew, in batches. What was done stays done: after a crash
//!    another run goes on with what is left.
//! 3. [`KeyRotation::retire`] ends an old KEK that nothing names any more. Then, and when the last backup made before is
//!    gone, its key may be destroyed.
//!
//! Why it is right: a row says which KEK opens it, so at each moment each row opens. A row is replaced only if it is still
//! the one that was read: who is erased, or gets another key meanwhile, is left alone. Retiring takes the KEK's name under
//! a lock that every writer of a wrapped key shares up to its commit, and counts after that: no row can name it later.
//! Data keys stay as they are, so nothing that they sealed is read.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ledger_core::ids::{BusinessId, MemberId};
use sqlx::{PgConnection, PgPool};
use thiserror::Error;
use uuid::Uuid;

use crate::auth;
use crate::cipher;
use crate::error::VaultError;
use crate::keys::{KeyError, KeyProvider, WrappedKey};
use crate::members;

/// Keys that are wrapped anew before the next look at how many are left.
const BATCH: i64 = 500;

/// How far a rotation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The KEK that everything is to be wrapped by.
    pub kek_id: String,
    /// Keys wrapped anew by this run.
    pub done: u64,
    /// Keys that another KEK wraps still.
    pub left: u64,
    /// Of these, those that no KEK opens: damaged, or their KEK is lost.
    pub unreadable: u64,
    /// The first of them, [`NAMED_MAX`] at most: table and id.
    pub unreadable_rows: Vec<String>,
}

/// How many rows that no KEK opens are named.
pub const NAMED_MAX: usize = 100;

/// Why a KEK is not retired.
#[derive(Debug, Error)]
pub enum RetireError {
    /// It wraps what comes new.
    #[error("this is the key-encryption key that wraps what comes new: rotate it first")]
    Current,
    /// The provider has none of this id that is older than the newest.
    #[error("there is no key-encryption key of this id that is older than the newest")]
    Unknown,
    /// Keys are still wrapped by it.
    #[error("{keys} keys are still wrapped by it: go on with the rotation")]
    InUse {
        /// How many.
        keys: u64,
    },
    /// The database or the key provider failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl From<sqlx::Error> for RetireError {
    fn from(cause: sqlx::Error) -> Self {
        Self::Vault(cause.into())
    }
}

/// Where wrapped keys are.
#[derive(Clone, Copy)]
enum Place {
    Members,
    Phones,
    Signing,
}

/// A wrapped key as it is stored.
type Stored = (String, String, Vec<u8>);

impl Place {
    const ALL: [Self; 3] = [Self::Members, Self::Phones, Self::Signing];

    /// Those after an id that another KEK wraps, in the order of their ids.
    fn next(self) -> &'static str {
        match self {
            Self::Members => {
                "SELECT member_id::text, kek_id, wrapped FROM vault_keys.member_keys
                 WHERE member_id > $1::uuid AND kek_id <> $2 ORDER BY member_id LIMIT $3"
            }
            Self::Phones => {
                "SELECT business_id::text, kek_id, wrapped FROM vault_keys.phone_keys
                 WHERE business_id > $1::uuid AND kek_id <> $2 ORDER BY business_id LIMIT $3"
            }
            Self::Signing => {
                "SELECT key_id, kek_id, wrapped FROM auth.signing_keys
                 WHERE key_id > $1 AND kek_id <> $2 ORDER BY key_id LIMIT $3"
            }
        }
    }

    /// Replaces one, if it is still what was read.
    fn replace(self) -> &'static str {
        match self {
            Self::Members => {
                "UPDATE vault_keys.member_keys SET kek_id = $4, wrapped = $5
                 WHERE member_id = $1::uuid AND kek_id = $2 AND wrapped = $3"
            }
            Self::Phones => {
                "UPDATE vault_keys.phone_keys SET kek_id = $4, wrapped = $5
                 WHERE business_id = $1::uuid AND kek_id = $2 AND wrapped = $3"
            }
            Self::Signing => {
                "UPDATE auth.signing_keys SET kek_id = $4, wrapped = $5
                 WHERE key_id = $1 AND kek_id = $2 AND wrapped = $3"
            }
        }
    }

    /// The table, for people.
    const fn table(self) -> &'static str {
        match self {
            Self::Members => "vault_keys.member_keys",
            Self::Phones => "vault_keys.phone_keys",
            Self::Signing => "auth.signing_keys",
        }
    }

    /// Before every id.
    fn start(self) -> String {
        match self {
            Self::Members | Self::Phones => Uuid::nil().to_string(),
            Self::Signing => String::new(),
        }
    }

    /// What binds a key to its row.
    fn context(self, id: &str) -> Result<Vec<u8>, KeyError> {
        let uuid = || Uuid::parse_str(id).map_err(|_| KeyError::NotOurs);
        Ok(match self {
            Self::Members => cipher::member_key_context(MemberId::from_uuid(uuid()?)),
            Self::Phones => members::phone_key_context(BusinessId::from_uuid(uuid()?)),
            Self::Signing => auth::signing::context(id),
        })
    }
}

/// Replaces key-encryption keys. Cheap to clone.
#[derive(Clone)]
pub struct KeyRotation {
    pool: PgPool,
    keys: Arc<dyn KeyProvider>,
}

impl KeyRotation {
    pub(crate) fn new(pool: PgPool, keys: Arc<dyn KeyProvider>) -> Self {
        Self { pool, keys }
    }

    /// Makes a newer KEK, unless a rotation to the newest is unfinished: then that one is to be finished. Gives its id.
    ///
    /// # Errors
    /// [`VaultError::Keys`], and those of the database.
    pub async fn begin(&self) -> Result<String, VaultError> {
        let newest = self.keys.current_kek().await?;
        let (_, left) = self.named(&newest).await?;
        // What a retired one cannot wrap is for the next.
        if left > 0 && !self.is_retired(&newest).await? { Ok(newest) } else { self.begin_anew().await }
    }

    /// Makes a newer KEK whatever is left of an older rotation: where rows are left that no KEK opens. Gives its id.
    ///
    /// # Errors
    /// [`VaultError::Keys`], and those of the database.
    pub async fn begin_anew(&self) -> Result<String, VaultError> {
        loop {
            let made = self.keys.create_kek().await?;
            // Nothing can be wrapped by one that was retired before it was made. There are only so many of them.
            if !self.is_retired(&made).await? {
                return Ok(made);
            }
        }
    }

    async fn is_retired(&self, kek_id: &str) -> Result<bool, VaultError> {
        let found: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM vault_keys.retired_keks WHERE kek_id = $1)")
                .bind(kek_id)
                .fetch_one(&self.pool)
                .await?;
        Ok(found)
    }

    /// Wraps everything anew that the newest KEK does not wrap; `progress` is told after each batch. May be stopped at any
    /// moment and run again, also by two at once.
    ///
    /// # Errors
    /// [`VaultError::Keys`] when the provider is away or refuses, and those of the database. What was done stays done.
    pub async fn rewrap(&self, mut progress: impl FnMut(&Progress)) -> Result<Progress, VaultError> {
        let kek_id = self.keys.current_kek().await?;
        let mut told = Progress { kek_id, done: 0, left: 0, unreadable: 0, unreadable_rows: Vec::new() };
        loop {
            let before = told.done;
            told.unreadable = 0;
            told.unreadable_rows.clear();
            for place in Place::ALL {
                let mut after = place.start();
                while let Some(last) = self.batch(place, &after, &mut told).await? {
                    after = last;
                    told.left = self.named(&told.kek_id).await?.1;
                    progress(&told);
                }
            }
            told.left = self.named(&told.kek_id).await?.1;
            // What was wrapped by the old one behind our back is found in another round; what nobody can open never ends.
            if told.left <= told.unreadable || told.done == before {
                return Ok(told);
            }
            // A key service may make newer versions by itself.
            told.kek_id = self.keys.current_kek().await?;
        }
    }

    /// One batch; the id it ended at.
    async fn batch(
        &self,
        place: Place,
        after: &str,
        told: &mut Progress,
    ) -> Result<Option<String>, VaultError> {
        let rows: Vec<Stored> = sqlx::query_as(place.next())
            .bind(after)
            .bind(&told.kek_id)
            .bind(BATCH)
            .fetch_all(&self.pool)
            .await?;
        let last = rows.last().map(|(id, ..)| id.clone());
        for row in rows {
            match self.wrap_anew(place, &row).await {
                Ok(wrapped) => {
                    told.done = told.done.saturating_add(self.replace(place, &row, wrapped).await?)
                }
                Err(KeyError::NotOurs | KeyError::UnknownKek { .. }) => {
                    told.unreadable = told.unreadable.saturating_add(1);
                    if told.unreadable_rows.len() < NAMED_MAX {
                        told.unreadable_rows.push(format!("{} {}", place.table(), row.0));
                    }
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok(last)
    }

    async fn wrap_anew(&self, place: Place, (id, kek_id, bytes): &Stored) -> Result<WrappedKey, KeyError> {
        let context = place.context(id)?;
        let wrapped = WrappedKey { kek_id: kek_id.clone(), bytes: bytes.clone() };
        let key = self.keys.unwrap(&wrapped, &context).await?;
        self.keys.wrap(key.expose(), &context).await
    }

    /// How many rows it replaced: one, or none when the row is another by now.
    async fn replace(
        &self,
        place: Place,
        (id, kek_id, bytes): &Stored,
        wrapped: WrappedKey,
    ) -> Result<u64, VaultError> {
        let replaced = sqlx::query(place.replace())
            .bind(id)
            .bind(kek_id)
            .bind(bytes)
            .bind(wrapped.kek_id)
            .bind(wrapped.bytes)
            .execute(&self.pool)
            .await?;
        Ok(replaced.rows_affected())
    }

    /// How many keys name this KEK, and how many another.
    async fn named(&self, kek_id: &str) -> Result<(u64, u64), VaultError> {
        let mut connection = self.pool.acquire().await?;
        named(&mut connection, kek_id).await
    }

    /// Ends a KEK: nothing is wrapped by it again. Its key itself is for the operator to destroy.
    ///
    /// # Errors
    /// [`RetireError`].
    pub async fn retire(&self, kek_id: &str, at: DateTime<Utc>) -> Result<(), RetireError> {
        if self.keys.current_kek().await.map_err(VaultError::from)? == kek_id {
            return Err(RetireError::Current);
        }
        // One that is made later would be refused for ever.
        if !self.keys.is_older_kek(kek_id).await.map_err(VaultError::from)? {
            return Err(RetireError::Unknown);
        }
        let mut transaction = self.pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('kek:' || $1, 0))")
            .bind(kek_id)
            .execute(&mut *transaction)
            .await?;
        let (keys, _) = named(&mut transaction, kek_id).await?;
        if keys > 0 {
            return Err(RetireError::InUse { keys });
        }
        sqlx::query(
            "INSERT INTO vault_keys.retired_keks (kek_id, retired_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        )
        .bind(kek_id)
        .bind(at)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }
}

async fn named(connection: &mut PgConnection, kek_id: &str) -> Result<(u64, u64), VaultError> {
    let (its, others): (i64, i64) = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE kek_id = $1), count(*) FILTER (WHERE kek_id <> $1)
         FROM (SELECT kek_id FROM vault_keys.member_keys UNION ALL SELECT kek_id FROM vault_keys.phone_keys
               UNION ALL SELECT kek_id FROM auth.signing_keys) AS every",
    )
    .bind(kek_id)
    .fetch_one(connection)
    .await?;
    Ok((its.unsigned_abs(), others.unsigned_abs()))
}
