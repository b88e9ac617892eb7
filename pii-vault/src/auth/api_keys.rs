//! API keys of partners and administrators: shown once, stored as SHA-256, revoked and never removed.
//!
//! A service keeps all active keys in memory: [`ApiKeys::active`] gives them with a version that grows with every change
//! in the same transaction. It reloads when [`ApiKeys::version`] differs, asked for from time to time or on a
//! notification of [`ApiKeys::CHANNEL`].

use chrono::{DateTime, Utc};
use ledger_core::ids::BusinessId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::security_log::{By, SecurityEvent, SecurityKind, record};
use super::token::{SecretToken, TokenHash};
use crate::error::VaultError;
use crate::random;

const TABLE: &str = "auth.api_keys";

/// What a key may act as. A business's key belongs to one business, the others to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApiKeyRole {
    /// A partner's machine.
    Business(BusinessId),
    /// The auditor: reads the proof calls.
    Auditor,
    /// The programme's staff.
    Admin,
    /// May also change rights and publish policies.
    Superadmin,
}

impl ApiKeyRole {
    /// Name in storage and in tokens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Business(_) => "business",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
            Self::Superadmin => "superadmin",
        }
    }

    /// The business of a partner's key.
    pub fn business(self) -> Option<BusinessId> {
        match self {
            Self::Business(business) => Some(business),
            Self::Auditor | Self::Admin | Self::Superadmin => None,
        }
    }

    fn from_stored(role: &str, business: Option<Uuid>) -> Option<Self> {
        match (role, business) {
            ("business", Some(business)) => Some(Self::Business(BusinessId::from_uuid(business))),
            ("auditor", None) => Some(Self::Auditor),
            ("admin", None) => Some(Self::Admin),
            ("superadmin", None) => Some(Self::Superadmin),
            _ => None,
        }
    }
}

/// A key that has just been made.
#[derive(Debug)]
pub struct IssuedApiKey {
    /// Its id, for revoking and for logs.
    pub key_id: Uuid,
    /// The key, shown once.
    pub key: SecretToken,
}

/// A stored key, without anything that opens a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// Its id.
    pub key_id: Uuid,
    /// What it acts as.
    pub role: ApiKeyRole,
    /// What it was called when it was made.
    pub name: String,
    /// What it may do of what its role may; none: all of it.
    pub scopes: Option<Vec<String>>,
    /// What [`hash_of_key`] gives for it.
    pub hash: TokenHash,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Hash to look a presented key up by.
pub fn hash_of_key(key: &str) -> TokenHash {
    TokenHash::of(key)
}

/// API keys. Cheap to clone.
#[derive(Clone)]
pub struct ApiKeys {
    pool: PgPool,
}

impl ApiKeys {
    /// Postgres channel notified after every change.
    pub const CHANNEL: &'static str = "own_circle_api_keys";

    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Makes a key. `name` has 1 to 100 characters; `scopes` are a business's key's, all when absent.
    ///
    /// # Errors
    /// `Unavailable`, `Database` (also for a name that does not fit, and for scopes of another's key), [`VaultError::Keys`].
    pub async fn issue(
        &self,
        role: ApiKeyRole,
        name: &str,
        scopes: Option<&[&str]>,
        by: &By,
    ) -> Result<IssuedApiKey, VaultError> {
        let (key_id, key) = (random::uuid()?, SecretToken::generate("ock_")?);
        let mut transaction = self.pool.begin().await?;
        insert(&mut transaction, key_id, role, (name, scopes), &TokenHash::of(key.expose()), by.at).await?;
        record_change(&mut transaction, SecurityKind::KeyIssued, key_id, role.business(), by).await?;
        transaction.commit().await?;
        Ok(IssuedApiKey { key_id, key })
    }

    /// Makes the first superadmin key of an installation. Of several calls at once one succeeds.
    ///
    /// # Errors
    /// [`VaultError::AlreadyBootstrapped`] when an active superadmin key exists.
    pub async fn bootstrap_admin(&self, name: &str, now: DateTime<Utc>) -> Result<IssuedApiKey, VaultError> {
        let (key_id, key) = (random::uuid()?, SecretToken::generate("ock_")?);
        let mut transaction = self.pool.begin().await?;
        sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('auth.api_keys.bootstrap', 0))")
            .execute(&mut *transaction)
            .await?;
        let exists = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM auth.api_keys WHERE role = 'superadmin' AND revoked_at IS NULL)
               AS "exists!""#
        )
        .fetch_one(&mut *transaction)
        .await?;
        if exists {
            return Err(VaultError::AlreadyBootstrapped);
        }
        let hash = TokenHash::of(key.expose());
        insert(&mut transaction, key_id, ApiKeyRole::Superadmin, (name, None), &hash, now).await?;
        record_change(&mut transaction, SecurityKind::KeyIssued, key_id, None, &By::nobody(now)).await?;
        transaction.commit().await?;
        Ok(IssuedApiKey { key_id, key })
    }

    /// Makes a given text a superadmin key, if it is not a key yet (the `dev` profile's `DEV__ADMIN_KEY`). Gives its id.
    ///
    /// # Errors
    /// [`VaultError::ApiKeyUnknown`] when this text was a key and is revoked, or has another role.
    pub async fn ensure_admin_key(&self, key: &str, now: DateTime<Utc>) -> Result<Uuid, VaultError> {
        let hash = TokenHash::of(key);
        sqlx::query!(
            "INSERT INTO auth.api_keys (key_id, role, name, key_hash, created_at)
             VALUES ($1, 'superadmin', 'dev', $2, $3) ON CONFLICT (key_hash) DO NOTHING",
            random::uuid()?,
            hash.as_bytes(),
            now,
        )
        .execute(&self.pool)
        .await?;
        let row = sqlx::query_scalar!(
            "SELECT key_id FROM auth.api_keys
             WHERE key_hash = $1 AND role = 'superadmin' AND revoked_at IS NULL",
            hash.as_bytes()
        );
        row.fetch_optional(&self.pool).await?.ok_or(VaultError::ApiKeyUnknown)
    }

    /// Revokes a key. May be repeated; the first time counts.
    ///
    /// # Errors
    /// [`VaultError::ApiKeyUnknown`].
    pub async fn revoke(&self, key_id: Uuid, by: &By) -> Result<(), VaultError> {
        let mut transaction = self.pool.begin().await?;
        let row = sqlx::query_as::<_, (Option<Uuid>, DateTime<Utc>)>(
            "UPDATE auth.api_keys SET revoked_at = COALESCE(revoked_at, $2) WHERE key_id = $1
             RETURNING business_id, revoked_at",
        );
        let row = row.bind(key_id).bind(by.at).fetch_optional(&mut *transaction).await?;
        let (business, _) = row.ok_or(VaultError::ApiKeyUnknown)?;
        let business = business.map(BusinessId::from_uuid);
        record_change(&mut transaction, SecurityKind::KeyRevoked, key_id, business, by).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Number of the last change.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn version(&self) -> Result<i64, VaultError> {
        Ok(sqlx::query_scalar!("SELECT version FROM auth.api_keys_version").fetch_one(&self.pool).await?)
    }

    /// All active keys, and a version not newer than they are: a cache that reloads when the version moves misses none.
    ///
    /// # Errors
    /// `Unavailable`, `Database`, [`VaultError::CorruptRow`].
    pub async fn active(&self) -> Result<(i64, Vec<ApiKeyRecord>), VaultError> {
        // Read before the keys: a change in between is seen in the keys now and once more at the next reload.
        let version = self.version().await?;
        let rows = sqlx::query_as::<_, StoredKey>(
            "SELECT key_id, business_id, role, name, scopes, key_hash, created_at, revoked_at FROM auth.api_keys
             WHERE revoked_at IS NULL",
        );
        let keys =
            rows.fetch_all(&self.pool).await?.into_iter().map(StoredKey::read).collect::<Result<_, _>>()?;
        Ok((version, keys))
    }

    /// All keys of a business, revoked ones too, oldest first.
    ///
    /// # Errors
    /// `Unavailable`, `Database`, [`VaultError::CorruptRow`].
    pub async fn of_business(&self, business: BusinessId) -> Result<Vec<ApiKeyRecord>, VaultError> {
        let rows = sqlx::query_as::<_, StoredKey>(
            "SELECT key_id, business_id, role, name, scopes, key_hash, created_at, revoked_at FROM auth.api_keys
             WHERE business_id = $1 ORDER BY created_at, key_id",
        );
        rows.bind(business.as_uuid()).fetch_all(&self.pool).await?.into_iter().map(StoredKey::read).collect()
    }

    /// The keys that are of no business, revoked ones too, oldest first, at most 1,000.
    ///
    /// # Errors
    /// `Unavailable`, `Database`, [`VaultError::CorruptRow`].
    pub async fn of_programme(&self) -> Result<Vec<ApiKeyRecord>, VaultError> {
        let rows = sqlx::query_as::<_, StoredKey>(
            "SELECT key_id, business_id, role, name, scopes, key_hash, created_at, revoked_at FROM auth.api_keys
             WHERE business_id IS NULL ORDER BY created_at, key_id LIMIT 1000",
        );
        rows.fetch_all(&self.pool).await?.into_iter().map(StoredKey::read).collect()
    }
}

#[derive(sqlx::FromRow)]
struct StoredKey {
    key_id: Uuid,
    business_id: Option<Uuid>,
    role: String,
    name: String,
    scopes: Option<Vec<String>>,
    key_hash: Vec<u8>,
    created_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
}

impl StoredKey {
    fn read(self) -> Result<ApiKeyRecord, VaultError> {
        let corrupt = || VaultError::CorruptRow { table: TABLE };
        Ok(ApiKeyRecord {
            key_id: self.key_id,
            role: ApiKeyRole::from_stored(&self.role, self.business_id).ok_or_else(corrupt)?,
            name: self.name,
            scopes: self.scopes,
            hash: TokenHash::from_stored(&self.key_hash).ok_or_else(corrupt)?,
            created_at: self.created_at,
            revoked_at: self.revoked_at,
        })
    }
}

async fn record_change(
    connection: &mut PgConnection,
    kind: SecurityKind,
    key_id: Uuid,
    business: Option<BusinessId>,
    by: &By,
) -> Result<(), VaultError> {
    let business = business.map(|business| business.as_uuid());
    record(connection, &SecurityEvent::new(kind, *by, Some(key_id)).at_business(business)).await
}

async fn insert(
    connection: &mut PgConnection,
    key_id: Uuid,
    role: ApiKeyRole,
    (name, scopes): (&str, Option<&[&str]>),
    hash: &TokenHash,
    now: DateTime<Utc>,
) -> Result<(), VaultError> {
    sqlx::query(
        "INSERT INTO auth.api_keys (key_id, business_id, role, name, scopes, key_hash, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(key_id)
    .bind(role.business().map(|business| business.as_uuid()))
    .bind(role.as_str())
    .bind(name)
    .bind(scopes)
    .bind(hash.as_bytes())
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}
