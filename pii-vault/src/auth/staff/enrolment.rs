//! The first step of one of staff: she chooses a password, and is shown her TOTP secret and recovery codes, once.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::secrets::{TOTP_BYTES, hashed, otpauth_uri, plain_code, recovery_codes};
use super::{Staff, context, note};
use crate::auth::security_log::{By, SecurityKind};
use crate::auth::token::TokenHash;
use crate::cipher;
use crate::error::VaultError;
use crate::random;

/// What is shown once.
pub struct Enrolled {
    /// Whose.
    pub staff_id: Uuid,
    /// For an authenticator: the TOTP secret is in it.
    pub otpauth_uri: String,
    /// Each is good once, in the place of a code.
    pub recovery_codes: Vec<String>,
}

impl std::fmt::Debug for Enrolled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enrolled").field("staff_id", &self.staff_id).finish_non_exhaustive()
    }
}

impl Staff {
    /// Uses an account's token up: its person has this password from now on, and the secrets of the answer.
    ///
    /// # Errors
    /// [`VaultError::EnrolmentInvalid`] for a token that was never given, was used, or is past its time; `Unavailable`,
    /// `Database`, [`VaultError::Keys`].
    pub async fn enrol(&self, token: &str, password: &str, by: &By) -> Result<Enrolled, VaultError> {
        let hash = TokenHash::of(token);
        let (staff_id, sealed) = self.invited(&hash, by.at).await?;
        let corrupt = VaultError::CorruptRow { table: super::TABLE };
        let login = String::from_utf8(self.opened(staff_id, "login", &sealed)?).map_err(|_| corrupt)?;
        let secret = random::bytes::<TOTP_BYTES>()?;
        let password = hashed(password).await?;
        let codes = recovery_codes()?;
        let seal = |what: &str, plain: &[u8]| cipher::seal(&self.seal, &context(staff_id, what), plain);
        let mut transaction = self.pool.begin().await?;
        let used = sqlx::query_scalar(
            "UPDATE auth.staff SET enrolment_hash = NULL, enrolment_expires_at = NULL, password_sealed = $3,
                                   totp_sealed = $4, totp_step = 0, secrets_since = $2
             WHERE enrolment_hash = $1 AND enrolment_expires_at > $2 AND disabled_at IS NULL RETURNING business_id",
        );
        let used = used.bind(hash.as_bytes()).bind(by.at);
        let used = used.bind(seal("password", password.as_bytes())?).bind(seal("totp", &secret)?);
        let business: Option<Option<Uuid>> = used.fetch_optional(&mut *transaction).await?;
        let business = business.ok_or(VaultError::EnrolmentInvalid)?;
        let hashes: Vec<Vec<u8>> = codes
            .iter()
            .map(|code| self.index.recovery_code(staff_id, &plain_code(code)).as_bytes().to_vec())
            .collect();
        sqlx::query("DELETE FROM auth.staff_recovery_codes WHERE staff_id = $1")
            .bind(staff_id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO auth.staff_recovery_codes (staff_id, code_hash) SELECT $1, one FROM UNNEST($2::bytea[]) AS one",
        )
        .bind(staff_id)
        .bind(hashes)
        .execute(&mut *transaction)
        .await?;
        let by_herself = By { actor: Some(staff_id), ..*by };
        note(&mut transaction, SecurityKind::StaffEnrolled, &by_herself, staff_id, business).await?;
        transaction.commit().await?;
        Ok(Enrolled { staff_id, otpauth_uri: otpauth_uri(secret, &login), recovery_codes: codes })
    }

    /// Whose token it is, and her sealed login.
    async fn invited(&self, hash: &TokenHash, now: DateTime<Utc>) -> Result<(Uuid, Vec<u8>), VaultError> {
        let row = sqlx::query_as(
            "SELECT staff_id, login_sealed FROM auth.staff
             WHERE enrolment_hash = $1 AND enrolment_expires_at > $2 AND disabled_at IS NULL",
        );
        let row = row.bind(hash.as_bytes()).bind(now).fetch_optional(&self.pool).await?;
        row.ok_or(VaultError::EnrolmentInvalid)
    }
}
