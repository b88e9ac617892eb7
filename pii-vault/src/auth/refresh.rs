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

use super::security_log::{By, SecurityEvent, SecurityKind, record};
use super::token::{SecretToken, TokenHash};
use crate::error::VaultError;
use crate::random;

/// Which sign-ins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// This one.
    One(Uuid),
    /// All, but this one if it is named.
    AllBut(Option<Uuid>),
}

/// How long a token is good, in days of the installation's clock, from its own issue.
pub const REFRESH_DAYS: i64 = 30;

/// Who signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holder {
    /// A member.
    Member(MemberId),
    /// One of staff, by the id of the account.
    Staff(Uuid),
}

impl Holder {
    fn kind(self) -> &'static str {
        match self {
            Self::Member(_) => "member",
            Self::Staff(_) => "staff",
        }
    }

    fn id(self) -> Uuid {
        match self {
            Self::Member(member) => member.as_uuid(),
            Self::Staff(staff) => staff,
        }
    }
}

impl From<MemberId> for Holder {
    fn from(member: MemberId) -> Self {
        Self::Member(member)
    }
}

/// A refresh token to be handed out.
#[derive(Debug)]
pub struct IssuedRefresh {
    /// The id of whoever signed in, a member's or one of staff's.
    pub holder_id: Uuid,
    /// The sign-in: the family of the token.
    pub session_id: Uuid,
    /// The token, shown once.
    pub token: SecretToken,
}

/// A sign-in that goes on.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Session {
    /// Which.
    pub session_id: Uuid,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When a token of it was last given out.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends unless it is used before.
    pub expires_at: DateTime<Utc>,
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

    /// Starts a family for somebody who has just signed in.
    ///
    /// # Errors
    /// [`VaultError::UnknownMember`] for a member who is forgotten meanwhile; `Unavailable`, `Database`.
    pub async fn start(
        &self,
        holder: impl Into<Holder>,
        now: DateTime<Utc>,
    ) -> Result<IssuedRefresh, VaultError> {
        let mut transaction = self.pool.begin().await?;
        let issued = begin(&mut transaction, holder.into(), now).await?;
        transaction.commit().await?;
        Ok(issued)
    }

    /// Uses a member's token up and gives the next one.
    ///
    /// # Errors
    /// [`VaultError::RefreshInvalid`], [`VaultError::RefreshExpired`]; [`VaultError::RefreshReused`], after which the
    /// whole family is ended.
    pub async fn rotate(&self, token: &str, now: DateTime<Utc>) -> Result<IssuedRefresh, VaultError> {
        self.rotate_of("member", token, now).await
    }

    /// The same for a token of one of staff; a member's is none.
    ///
    /// # Errors
    /// As [`RefreshTokens::rotate`].
    pub async fn rotate_staff(&self, token: &str, now: DateTime<Utc>) -> Result<IssuedRefresh, VaultError> {
        self.rotate_of("staff", token, now).await
    }

    async fn rotate_of(
        &self,
        kind: &str,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<IssuedRefresh, VaultError> {
        let hash = TokenHash::of(token);
        let mut transaction = self.pool.begin().await?;
        let used: Option<(Uuid, Uuid)> = sqlx::query_as(
            "UPDATE auth.refresh_tokens AS token SET used_at = $2
             FROM auth.refresh_families AS family
             WHERE token.token_hash = $1 AND token.used_at IS NULL AND token.expires_at > $2
               AND family.family_id = token.family_id AND family.ended_at IS NULL AND family.kind = $3
             RETURNING family.family_id, family.member_id",
        )
        .bind(hash.as_bytes())
        .bind(now)
        .bind(kind)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some((session_id, holder_id)) = used {
            let token = add_token(&mut transaction, session_id, now).await?;
            transaction.commit().await?;
            return Ok(IssuedRefresh { holder_id, session_id, token });
        }
        let refusal = refuse(&mut transaction, &hash, now).await?;
        transaction.commit().await?;
        Err(refusal)
    }

    /// Ends the family of a token, used or not. May be repeated; the first time is written down, as done by whose it is.
    ///
    /// # Errors
    /// [`VaultError::RefreshInvalid`] for a token that was never issued.
    pub async fn log_out(&self, token: &str, by: &By) -> Result<(), VaultError> {
        let hash = TokenHash::of(token);
        let mut transaction = self.pool.begin().await?;
        let family = sqlx::query_scalar!(
            "SELECT family_id FROM auth.refresh_tokens WHERE token_hash = $1",
            hash.as_bytes()
        )
        .fetch_optional(&mut *transaction)
        .await?
        .ok_or(VaultError::RefreshInvalid)?;
        let ended = sqlx::query_scalar(
            "UPDATE auth.refresh_families SET ended_at = $2, end_reason = 'logout'
             WHERE family_id = $1 AND ended_at IS NULL RETURNING member_id",
        );
        let holder: Option<Uuid> = ended.bind(family).bind(by.at).fetch_optional(&mut *transaction).await?;
        if holder.is_some() {
            let by = By { actor: holder, ..*by };
            record(&mut *transaction, &SecurityEvent::new(SecurityKind::LoggedOut, by, Some(family))).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Whether a sign-in of hers began at `since` or later, and goes on.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn began_since(
        &self,
        member: MemberId,
        session: Uuid,
        since: DateTime<Utc>,
    ) -> Result<bool, VaultError> {
        let found = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM auth.refresh_families
             WHERE family_id = $1 AND member_id = $2 AND kind = 'member' AND created_at >= $3 AND ended_at IS NULL)",
        );
        Ok(found.bind(session).bind(member.as_uuid()).bind(since).fetch_one(&self.pool).await?)
    }

    /// The sign-ins of somebody that go on, the newest first, at most 100.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn sessions(&self, holder: Holder, now: DateTime<Utc>) -> Result<Vec<Session>, VaultError> {
        let rows = sqlx::query_as(
            "SELECT family_id AS session_id, family.created_at, token.issued_at AS last_seen_at, token.expires_at
             FROM auth.refresh_families AS family JOIN auth.refresh_tokens AS token USING (family_id)
             WHERE family.member_id = $1 AND family.kind = $2 AND family.ended_at IS NULL
               AND token.used_at IS NULL AND token.expires_at > $3
             ORDER BY family.created_at DESC, family_id LIMIT 100",
        );
        Ok(rows.bind(holder.id()).bind(holder.kind()).bind(now).fetch_all(&self.pool).await?)
    }

    /// Ends sign-ins of somebody: one, or all but one. Gives which.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn end(&self, holder: Holder, which: Which, by: &By) -> Result<Vec<Uuid>, VaultError> {
        let (one, but) = match which {
            Which::One(session) => (Some(session), None),
            Which::AllBut(session) => (None, session),
        };
        let mut transaction = self.pool.begin().await?;
        let ended: Vec<Uuid> = sqlx::query_scalar(
            "UPDATE auth.refresh_families SET ended_at = $3, end_reason = 'revoked'
             WHERE member_id = $1 AND kind = $2 AND ended_at IS NULL AND ($4::uuid IS NULL OR family_id = $4)
               AND ($5::uuid IS NULL OR family_id <> $5)
             RETURNING family_id",
        )
        .bind(holder.id())
        .bind(holder.kind())
        .bind(by.at)
        .bind(one)
        .bind(but)
        .fetch_all(&mut *transaction)
        .await?;
        for session in &ended {
            let event = SecurityEvent::new(SecurityKind::SessionEnded, *by, Some(*session));
            record(&mut *transaction, &event).await?;
        }
        transaction.commit().await?;
        Ok(ended)
    }

    /// The sign-ins that were ended at `since` or later.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn ended_since(&self, since: DateTime<Utc>) -> Result<Vec<Uuid>, VaultError> {
        let ended = sqlx::query_scalar("SELECT family_id FROM auth.refresh_families WHERE ended_at >= $1");
        Ok(ended.bind(since).fetch_all(&self.pool).await?)
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

/// Begins a sign-in in the caller's transaction. As [`RefreshTokens::start`].
pub(super) async fn begin(
    connection: &mut PgConnection,
    holder: Holder,
    now: DateTime<Utc>,
) -> Result<IssuedRefresh, VaultError> {
    let session_id = random::uuid()?;
    if let Holder::Member(member) = holder {
        lock_member(connection, member).await?;
    }
    sqlx::query(
        "INSERT INTO auth.refresh_families (family_id, member_id, kind, created_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(session_id)
    .bind(holder.id())
    .bind(holder.kind())
    .bind(now)
    .execute(&mut *connection)
    .await?;
    let token = add_token(connection, session_id, now).await?;
    Ok(IssuedRefresh { holder_id: holder.id(), session_id, token })
}

/// Keeps a member's row until the sign-in is written: an erasure waits for it and ends it, or came first and leaves no row.
async fn lock_member(connection: &mut PgConnection, member: MemberId) -> Result<(), VaultError> {
    let found: Option<i32> = sqlx::query_scalar(
        "SELECT 1 FROM vault.members WHERE member_id = $1
           AND NOT EXISTS (SELECT FROM vault.erased_members WHERE erased_members.member_id = $1) FOR KEY SHARE",
    )
    .bind(member.as_uuid())
    .fetch_optional(connection)
    .await?;
    found.map(|_| ()).ok_or(VaultError::UnknownMember)
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
