//! Refresh tokens: each is good once and gives the next; all from one sign-in are a family.
//!
//! Why it is right:
//! 1. Using a token is one conditional `UPDATE`; of two uses at once one waits for the other and then finds it used.
//! 2. A used token that comes again ends its family, as either the thief or the owner holds an older copy. Two refreshes
//!    of one token at the same moment cannot be told from theft and are treated so: one gets a pair, the other ends the
//!    family, and that pair's refresh token with it. A client must refresh one at a time.
//! 3. A family's end is checked at every use, so no token outlives it.

use chrono::{DateTime, TimeDelta, Utc};
use ledger_core::ids::MemberId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::token::{SecretToken, TokenHash};
use crate::error::VaultError;
use crate::random;

/// How long a token is good, in days of the installation's clock, from its own issue.
pub const REFRESH_DAYS: i64 = 30;

/// A refresh token to be handed out.
#[derive(Debug)]
pub struct IssuedRefresh {
    /// Whose.
    pub member_id: MemberId,
    /// The token, shown once.
    pub token: SecretToken,
}

/// Refresh tokens. Cheap to clone.
#[derive(Clone)]
pub struct RefreshTokens {
    pool: PgPool,
}

impl RefreshTokens {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Starts a family for a member who has just signed in.
    ///
    /// # Errors
    /// `Unavailable`, `Database`, [`VaultError::Keys`].
    pub async fn start(&self, member_id: MemberId, now: DateTime<Utc>) -> Result<IssuedRefresh, VaultError> {
        let mut transaction = self.pool.begin().await?;
        let family = random::uuid()?;
        sqlx::query!(
            "INSERT INTO auth.refresh_families (family_id, member_id, created_at) VALUES ($1, $2, $3)",
            family,
            member_id.as_uuid(),
            now,
        )
        .execute(&mut *transaction)
        .await?;
        let token = add_token(&mut transaction, family, now).await?;
        transaction.commit().await?;
        Ok(IssuedRefresh { member_id, token })
    }

    /// Uses a token up and gives the next one.
    ///
    /// # Errors
    /// [`VaultError::RefreshInvalid`], [`VaultError::RefreshExpired`]; [`VaultError::RefreshReused`], after which the
    /// whole family is ended.
    pub async fn rotate(&self, token: &str, now: DateTime<Utc>) -> Result<IssuedRefresh, VaultError> {
        let hash = TokenHash::of(token);
        let mut transaction = self.pool.begin().await?;
        let used = sqlx::query!(
            "UPDATE auth.refresh_tokens AS token SET used_at = $2
             FROM auth.refresh_families AS family
             WHERE token.token_hash = $1 AND token.used_at IS NULL AND token.expires_at > $2
               AND family.family_id = token.family_id AND family.ended_at IS NULL
             RETURNING family.family_id, family.member_id",
            hash.as_bytes(),
            now,
        )
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(used) = used {
            let token = add_token(&mut transaction, used.family_id, now).await?;
            transaction.commit().await?;
            return Ok(IssuedRefresh { member_id: MemberId::from_uuid(used.member_id), token });
        }
        let refusal = refuse(&mut transaction, &hash, now).await?;
        transaction.commit().await?;
        Err(refusal)
    }

    /// Ends the family of a token, used or not. May be repeated.
    ///
    /// # Errors
    /// [`VaultError::RefreshInvalid`] for a token that was never issued.
    pub async fn log_out(&self, token: &str, now: DateTime<Utc>) -> Result<(), VaultError> {
        let hash = TokenHash::of(token);
        let family = sqlx::query_scalar!(
            "SELECT family_id FROM auth.refresh_tokens WHERE token_hash = $1",
            hash.as_bytes()
        )
        .fetch_optional(&self.pool)
        .await?
        .ok_or(VaultError::RefreshInvalid)?;
        sqlx::query!(
            "UPDATE auth.refresh_families SET ended_at = $2, end_reason = 'logout'
             WHERE family_id = $1 AND ended_at IS NULL",
            family,
            now,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Ends every family of a member (a block, an erasure). Gives their number.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn end_all(&self, member: MemberId, now: DateTime<Utc>) -> Result<u64, VaultError> {
        let ended = sqlx::query!(
            "UPDATE auth.refresh_families SET ended_at = $2, end_reason = 'revoked'
             WHERE member_id = $1 AND ended_at IS NULL",
            member.as_uuid(),
            now,
        );
        Ok(ended.execute(&self.pool).await?.rows_affected())
    }

    /// Whether she signed in anew since `since`, and has not ended that sign-in.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn began_since(&self, member: MemberId, since: DateTime<Utc>) -> Result<bool, VaultError> {
        let found = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM auth.refresh_families
               WHERE member_id = $1 AND created_at >= $2 AND ended_at IS NULL) AS "found!""#,
            member.as_uuid(),
            since,
        );
        Ok(found.fetch_one(&self.pool).await?)
    }

    /// Removes families whose every token expired before `cutoff`.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn purge(&self, cutoff: DateTime<Utc>) -> Result<(), VaultError> {
        sqlx::query!(
            "DELETE FROM auth.refresh_families AS family WHERE NOT EXISTS
                 (SELECT FROM auth.refresh_tokens AS token
                  WHERE token.family_id = family.family_id AND token.expires_at >= $1)",
            cutoff
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

async fn add_token(
    connection: &mut PgConnection,
    family: Uuid,
    now: DateTime<Utc>,
) -> Result<SecretToken, VaultError> {
    let token = SecretToken::generate("ocr_")?;
    let hash = TokenHash::of(token.expose());
    sqlx::query!(
        "INSERT INTO auth.refresh_tokens (token_hash, family_id, issued_at, expires_at) VALUES ($1, $2, $3, $4)",
        hash.as_bytes(),
        family,
        now,
        now + TimeDelta::days(REFRESH_DAYS),
    )
    .execute(connection)
    .await?;
    Ok(token)
}

/// Tells why a token was refused; ends its family if it was used before.
async fn refuse(
    connection: &mut PgConnection,
    hash: &TokenHash,
    now: DateTime<Utc>,
) -> Result<VaultError, VaultError> {
    let row = sqlx::query!(
        r#"SELECT family_id, token.used_at, family.ended_at
           FROM auth.refresh_tokens AS token JOIN auth.refresh_families AS family USING (family_id)
           WHERE token_hash = $1"#,
        hash.as_bytes()
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(VaultError::RefreshInvalid) };
    if row.used_at.is_none() {
        let ended = row.ended_at.is_some();
        return Ok(if ended { VaultError::RefreshInvalid } else { VaultError::RefreshExpired });
    }
    sqlx::query!(
        "UPDATE auth.refresh_families SET ended_at = $2, end_reason = 'reuse'
         WHERE family_id = $1 AND ended_at IS NULL",
        row.family_id,
        now,
    )
    .execute(connection)
    .await?;
    Ok(VaultError::RefreshReused)
}
