//! Accounts of staff: of one business, or of the programme.
//!
//! An account is made with a role and a login, and a one-time token for its person (`mod.rs`). With that token she chooses her
//! password and is shown her TOTP secret and recovery codes, once (`enrolment.rs`). She gets in with login, password and a code
//! that is good once (`sign_in.rs`).
//!
//! Why it is right:
//! 1. Nothing that opens a door can be read from the database: the token is stored as SHA-256, the password as Argon2id, sealed
//!    besides, the TOTP secret sealed, recovery codes as keyed hashes. A login may be an address: it is sealed, and found by a
//!    keyed hash.
//! 2. Whatever takes rights away ends the account's sign-ins in the same transaction, and every change of rights is in the log
//!    of what concerns security, in the same transaction again.

mod enrolment;
mod secrets;
mod sign_in;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use ledger_core::ids::BusinessId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::security_log::{By, SecurityEvent, SecurityKind, record};
use super::token::{SecretToken, TokenHash};
use crate::cipher;
use crate::error::VaultError;
use crate::index::BlindIndexer;
use crate::keys::{KeyError, Secret};
use crate::random;

pub use enrolment::Enrolled;
pub use sign_in::{SecondFactor, SignedIn, TriedFrom};

const TABLE: &str = "auth.staff";
/// How long a new account's token is good, in days of the installation's clock.
pub const ENROLMENT_DAYS: i64 = 3;

/// What somebody of staff calls herself: lower case, 3 to 64 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Login(String);

impl Login {
    /// Reads a login; letters of another case are the same ones.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
        let good = (3..=64).contains(&text.len()) && text.bytes().all(fits);
        good.then(|| Self(text.to_ascii_lowercase()))
    }

    /// The login.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(***)")
    }
}

/// An account, without anything that opens a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffAccount {
    /// Which.
    pub staff_id: Uuid,
    /// The business it is of; none for the programme.
    pub business: Option<BusinessId>,
    /// Its role's name.
    pub role: String,
    /// What its person calls herself.
    pub login: Login,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was closed, if it was.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Whether its person has chosen her secrets.
    pub is_enrolled: bool,
}

/// A token to choose one's secrets with.
#[derive(Debug)]
pub struct Invited {
    /// Whose.
    pub staff_id: Uuid,
    /// The token, shown once.
    pub token: SecretToken,
    /// Its last moment.
    pub expires_at: DateTime<Utc>,
}

/// Accounts of staff. Cheap to clone.
#[derive(Clone)]
pub struct Staff {
    pool: PgPool,
    index: Arc<BlindIndexer>,
    seal: [u8; 32],
}

impl Staff {
    pub(crate) fn new(pool: PgPool, index: Arc<BlindIndexer>, seal: &Secret) -> Result<Self, KeyError> {
        let seal = seal.expose().try_into().map_err(|_| KeyError::NotOurs)?;
        Ok(Self { pool, index, seal })
    }

    /// Makes an account of a business, or of the programme.
    ///
    /// # Errors
    /// [`VaultError::LoginTaken`]; `Unavailable`, `Database` (also for a role that does not fit the business).
    pub async fn create(
        &self,
        business: Option<BusinessId>,
        role: &str,
        login: &Login,
        by: &By,
    ) -> Result<Invited, VaultError> {
        let (staff_id, token) = (random::uuid()?, SecretToken::generate("ocs_")?);
        let expires_at = by.at + TimeDelta::days(ENROLMENT_DAYS);
        let sealed = cipher::seal(&self.seal, &context(staff_id, "login"), login.expose().as_bytes())?;
        let business = business.map(|business| business.as_uuid());
        let mut transaction = self.pool.begin().await?;
        let made: Option<Uuid> = sqlx::query_scalar(
            "INSERT INTO auth.staff (staff_id, business_id, role, login_index, login_sealed, created_at, secrets_since,
                                     enrolment_hash, enrolment_expires_at, made_by)
             VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9) ON CONFLICT (login_index) DO NOTHING RETURNING staff_id",
        )
        .bind(staff_id)
        .bind(business)
        .bind(role)
        .bind(self.index.login(login.expose()).as_bytes())
        .bind(sealed)
        .bind(by.at)
        .bind(TokenHash::of(token.expose()).as_bytes())
        .bind(expires_at)
        .bind(by.actor)
        .fetch_optional(&mut *transaction)
        .await?;
        made.ok_or(VaultError::LoginTaken)?;
        note(&mut transaction, SecurityKind::StaffCreated, by, staff_id, business).await?;
        transaction.commit().await?;
        Ok(Invited { staff_id, token, expires_at })
    }

    /// The accounts of a business, or of the programme, oldest first, at most 1,000.
    ///
    /// # Errors
    /// `Unavailable`, `Database`, [`VaultError::CorruptRow`].
    pub async fn list(&self, business: Option<BusinessId>) -> Result<Vec<StaffAccount>, VaultError> {
        let rows = sqlx::query_as::<_, Stored>(
            "SELECT staff_id, business_id, role, login_sealed, created_at, disabled_at,
                    password_sealed IS NOT NULL AS is_enrolled
             FROM auth.staff WHERE business_id IS NOT DISTINCT FROM $1 ORDER BY created_at, staff_id LIMIT 1000",
        );
        let rows = rows.bind(business.map(|business| business.as_uuid())).fetch_all(&self.pool).await?;
        rows.into_iter().map(|row| self.read(row)).collect()
    }

    /// One account, of whatever business.
    ///
    /// # Errors
    /// [`VaultError::StaffUnknown`]; `Unavailable`, `Database`, [`VaultError::CorruptRow`].
    pub async fn one(&self, staff_id: Uuid) -> Result<StaffAccount, VaultError> {
        let row = sqlx::query_as::<_, Stored>(
            "SELECT staff_id, business_id, role, login_sealed, created_at, disabled_at,
                    password_sealed IS NOT NULL AS is_enrolled
             FROM auth.staff WHERE staff_id = $1",
        );
        let row = row.bind(staff_id).fetch_optional(&self.pool).await?;
        self.read(row.ok_or(VaultError::StaffUnknown)?)
    }

    fn read(&self, row: Stored) -> Result<StaffAccount, VaultError> {
        let corrupt = || VaultError::CorruptRow { table: TABLE };
        let login = self.opened(row.staff_id, "login", &row.login_sealed)?;
        Ok(StaffAccount {
            staff_id: row.staff_id,
            business: row.business_id.map(BusinessId::from_uuid),
            role: row.role,
            login: String::from_utf8(login).ok().and_then(|text| Login::parse(&text)).ok_or_else(corrupt)?,
            created_at: row.created_at,
            disabled_at: row.disabled_at,
            is_enrolled: row.is_enrolled,
        })
    }

    fn opened(&self, staff_id: Uuid, what: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        cipher::open(&self.seal, &context(staff_id, what), sealed)
            .map_err(|_| VaultError::CorruptRow { table: TABLE })
    }

    /// Gives an account that is not closed another role. Its sign-ins are ended.
    ///
    /// # Errors
    /// [`VaultError::StaffUnknown`]; `Unavailable`, `Database` (also for a role that does not fit its business).
    pub async fn change_role(&self, staff_id: Uuid, role: &str, by: &By) -> Result<(), VaultError> {
        let changed = sqlx::query_scalar(
            "UPDATE auth.staff SET role = $2, secrets_since = $3 WHERE staff_id = $1 AND disabled_at IS NULL
             RETURNING business_id",
        );
        let mut transaction = self.pool.begin().await?;
        let found = changed.bind(staff_id).bind(role).bind(by.at).fetch_optional(&mut *transaction).await?;
        let business: Option<Uuid> = found.ok_or(VaultError::StaffUnknown)?;
        take_away(&mut transaction, SecurityKind::StaffRoleChanged, by, staff_id, business).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Takes an account's secrets away and gives a token to choose new ones with. Its sign-ins are ended.
    ///
    /// # Errors
    /// [`VaultError::StaffUnknown`]; `Unavailable`, `Database`.
    pub async fn reset(&self, staff_id: Uuid, by: &By) -> Result<Invited, VaultError> {
        let token = SecretToken::generate("ocs_")?;
        let expires_at = by.at + TimeDelta::days(ENROLMENT_DAYS);
        let mut transaction = self.pool.begin().await?;
        let changed = sqlx::query_scalar(
            "UPDATE auth.staff SET password_sealed = NULL, totp_sealed = NULL, enrolment_hash = $2,
                                   enrolment_expires_at = $3, secrets_since = $4, made_by = $5
             WHERE staff_id = $1 AND disabled_at IS NULL RETURNING business_id",
        );
        let changed = changed.bind(staff_id).bind(TokenHash::of(token.expose()).as_bytes().to_vec());
        let found =
            changed.bind(expires_at).bind(by.at).bind(by.actor).fetch_optional(&mut *transaction).await?;
        let business: Option<Uuid> = found.ok_or(VaultError::StaffUnknown)?;
        sqlx::query("DELETE FROM auth.staff_recovery_codes WHERE staff_id = $1")
            .bind(staff_id)
            .execute(&mut *transaction)
            .await?;
        take_away(&mut transaction, SecurityKind::StaffReset, by, staff_id, business).await?;
        transaction.commit().await?;
        Ok(Invited { staff_id, token, expires_at })
    }

    /// Closes an account for ever. May be repeated. Its sign-ins are ended.
    ///
    /// # Errors
    /// [`VaultError::StaffUnknown`]; `Unavailable`, `Database`.
    pub async fn disable(&self, staff_id: Uuid, by: &By) -> Result<(), VaultError> {
        let changed = sqlx::query_scalar(
            "UPDATE auth.staff SET disabled_at = COALESCE(disabled_at, $2), password_sealed = NULL,
                                   totp_sealed = NULL, enrolment_hash = NULL, enrolment_expires_at = NULL
             WHERE staff_id = $1 RETURNING business_id",
        );
        let mut transaction = self.pool.begin().await?;
        let found = changed.bind(staff_id).bind(by.at).fetch_optional(&mut *transaction).await?;
        let business: Option<Uuid> = found.ok_or(VaultError::StaffUnknown)?;
        take_away(&mut transaction, SecurityKind::StaffDisabled, by, staff_id, business).await?;
        transaction.commit().await?;
        Ok(())
    }
}

#[derive(sqlx::FromRow)]
struct Stored {
    staff_id: Uuid,
    business_id: Option<Uuid>,
    role: String,
    login_sealed: Vec<u8>,
    created_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
    is_enrolled: bool,
}

/// Ends the sign-ins of an account whose rights have changed, and writes down which change it was.
async fn take_away(
    connection: &mut PgConnection,
    kind: SecurityKind,
    by: &By,
    staff_id: Uuid,
    business: Option<Uuid>,
) -> Result<(), VaultError> {
    sqlx::query(
        "UPDATE auth.refresh_families SET ended_at = $2, end_reason = 'revoked'
         WHERE member_id = $1 AND kind = 'staff' AND ended_at IS NULL",
    )
    .bind(staff_id)
    .bind(by.at)
    .execute(&mut *connection)
    .await?;
    note(connection, kind, by, staff_id, business).await
}

async fn note(
    connection: &mut PgConnection,
    kind: SecurityKind,
    by: &By,
    staff_id: Uuid,
    business: Option<Uuid>,
) -> Result<(), VaultError> {
    record(connection, &SecurityEvent::new(kind, *by, Some(staff_id)).at_business(business)).await
}

fn context(staff_id: Uuid, what: &str) -> Vec<u8> {
    [b"staff\0".as_slice(), what.as_bytes(), b"\0", staff_id.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_has_one_form() {
        assert_eq!(Login::parse("Anna@mindal.RU").map(|login| login.0), Some("anna@mindal.ru".to_owned()));
        for wrong in ["an", "анна", "a b c", "a+b@c", "", &"x".repeat(65)] {
            assert_eq!(Login::parse(wrong), None, "{wrong}");
        }
    }
}
