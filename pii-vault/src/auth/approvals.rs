//! What one person asks for and another must approve. Compliance P3.
//!
//! Why it is right:
//! 1. What was asked for is kept as it was: what is carried out is that and nothing else. No words are in it: those about a
//!    member are kept with her key, and go with her ([`crate::members::Members::keep_reason`]).
//! 2. Nobody decides on what she has asked for: the `UPDATE` refuses it, and a constraint of the table besides. Nor on what was asked
//!    from an account that she invited or reset less than 72 hours before: she may have its secrets herself.
//! 3. A decision is one conditional `UPDATE`: of two at once one decides. It may be repeated by whoever took it, so that a
//!    request that was cut off is carried out after all.
//! 4. What is about a member ends when she is forgotten, in the transaction that destroys her rows. Asking locks her row first, so
//!    it comes before and ends with her, or after and finds nobody.
//! 5. That it was carried out is noted after the log has it, once, with an entry in the log of what concerns security. Where a
//!    process stopped in between, the log knows: it has the request's key.

use std::fmt;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::security_log::{By, SecurityEvent, SecurityKind, record};
use crate::cipher;
use crate::error::VaultError;
use crate::keys::{KeyError, Secret};
use crate::random;

const TABLE: &str = "auth.approvals";

/// What needs a second person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApprovalKind {
    /// Bonuses by hand, more than `approval.manual_bonus`.
    ManualBonus,
    /// A policy that lets one person give more by hand.
    BonusLimit,
    /// A coupon whose bonuses, more than that, the coalition bears.
    CoalitionCoupon,
}

impl ApprovalKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ManualBonus, Self::BonusLimit, Self::CoalitionCoupon];

    /// Name in storage and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ManualBonus => "manual_bonus",
            Self::BonusLimit => "bonus_limit",
            Self::CoalitionCoupon => "coalition_coupon",
        }
    }

    /// The kind of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What is asked for.
pub struct Wanted<'a> {
    /// Of which kind.
    pub kind: ApprovalKind,
    /// The member it is about.
    pub subject: Option<Uuid>,
    /// The request's key: the same request asks once.
    pub key: [u8; 32],
    /// What the request asks, for telling another one with its key.
    pub fingerprint: [u8; 32],
    /// What is to be carried out, without anybody's words.
    pub inputs: &'a [u8],
    /// Until when somebody may approve.
    pub expires_at: DateTime<Utc>,
}

/// What somebody asked for, and what became of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Approval {
    /// Which.
    pub approval_id: Uuid,
    /// Its place in the list.
    pub number: i64,
    /// Of which kind.
    pub kind: ApprovalKind,
    /// The member it is about.
    pub subject: Option<Uuid>,
    /// The key of the request that asked.
    pub key: [u8; 32],
    /// What is to be carried out.
    pub inputs: Vec<u8>,
    /// Who asked.
    pub asked_by: Uuid,
    /// When.
    pub asked_at: DateTime<Utc>,
    /// Until when somebody may approve.
    pub expires_at: DateTime<Utc>,
    /// Who decided, when, and whether it was approved.
    pub decided: Option<(Uuid, DateTime<Utc>, bool)>,
    /// When it was noted that the log has it.
    pub carried_out_at: Option<DateTime<Utc>>,
    /// When it was over without anybody's decision: the member it is about was forgotten.
    pub ended_at: Option<DateTime<Utc>>,
}

impl fmt::Debug for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Approval").field("approval_id", &self.approval_id).finish_non_exhaustive()
    }
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It waits from now on.
    New(Approval),
    /// The same request asked before.
    Before(Approval),
    /// Another request has this key.
    KeyOfAnother,
}

/// Approvals. Cheap to clone.
#[derive(Clone)]
pub struct Approvals {
    pool: PgPool,
    seal: [u8; 32],
}

#[derive(sqlx::FromRow)]
struct Stored {
    approval_id: Uuid,
    number: i64,
    kind: String,
    subject_id: Option<Uuid>,
    request_key: Vec<u8>,
    fingerprint: Vec<u8>,
    sealed: Vec<u8>,
    asked_by: Uuid,
    asked_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    decided_by: Option<Uuid>,
    decided_at: Option<DateTime<Utc>>,
    approved: Option<bool>,
    carried_out_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
}

impl Approvals {
    pub(crate) fn new(pool: PgPool, seal: &Secret) -> Result<Self, KeyError> {
        let seal = seal.expose().try_into().map_err(|_| KeyError::NotOurs)?;
        Ok(Self { pool, seal })
    }

    /// Keeps what is asked for until somebody else decides.
    ///
    /// # Errors
    /// [`VaultError::UnknownMember`] when it is about a member who is not there; `Unavailable`, `Database`, [`VaultError::CorruptRow`], [`VaultError::Keys`].
    pub async fn ask(&self, wanted: &Wanted<'_>, asked_by: Uuid, by: &By) -> Result<Asked, VaultError> {
        let approval_id = random::uuid()?;
        let sealed = cipher::seal(&self.seal, &context(approval_id), wanted.inputs)?;
        let mut transaction = self.pool.begin().await?;
        if let Some(member) = wanted.subject {
            let locked =
                sqlx::query_scalar("SELECT member_id FROM vault.members WHERE member_id = $1 FOR KEY SHARE");
            let locked: Option<Uuid> = locked.bind(member).fetch_optional(&mut *transaction).await?;
            locked.ok_or(VaultError::UnknownMember)?;
        }
        let made = sqlx::query(
            "INSERT INTO auth.approvals (approval_id, kind, subject_id, request_key, fingerprint, sealed, asked_by,
                                         asked_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (request_key) DO NOTHING",
        )
        .bind(approval_id)
        .bind(wanted.kind.as_str())
        .bind(wanted.subject)
        .bind(wanted.key.as_slice())
        .bind(wanted.fingerprint.as_slice())
        .bind(sealed)
        .bind(asked_by)
        .bind(by.at)
        .bind(wanted.expires_at)
        .execute(&mut *transaction)
        .await?;
        let is_new = made.rows_affected() > 0;
        if is_new {
            let event = SecurityEvent::new(SecurityKind::ApprovalAsked, *by, Some(approval_id));
            record(&mut *transaction, &event).await?;
        }
        transaction.commit().await?;
        let row: Stored = sqlx::query_as("SELECT * FROM auth.approvals WHERE request_key = $1")
            .bind(wanted.key.as_slice())
            .fetch_one(&self.pool)
            .await?;
        if row.fingerprint != wanted.fingerprint {
            return Ok(Asked::KeyOfAnother);
        }
        let approval = self.read(row)?;
        Ok(if is_new { Asked::New(approval) } else { Asked::Before(approval) })
    }

    /// What the request with this key asked for, if it did.
    ///
    /// # Errors
    /// `Unavailable`, `Database`, [`VaultError::CorruptRow`].
    pub async fn one(&self, approval_id: Uuid) -> Result<Option<Approval>, VaultError> {
        let row = sqlx::query_as("SELECT * FROM auth.approvals WHERE approval_id = $1");
        let row: Option<Stored> = row.bind(approval_id).fetch_optional(&self.pool).await?;
        row.map(|row| self.read(row)).transpose()
    }

    /// So many before `before`, the newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Database`, [`VaultError::CorruptRow`].
    pub async fn before(&self, before: i64, limit: i64) -> Result<Vec<Approval>, VaultError> {
        let rows =
            sqlx::query_as("SELECT * FROM auth.approvals WHERE number < $1 ORDER BY number DESC LIMIT $2");
        let rows: Vec<Stored> = rows.bind(before).bind(limit).fetch_all(&self.pool).await?;
        rows.into_iter().map(|row| self.read(row)).collect()
    }

    /// Approves or rejects. Gives what it is now: whoever reads that sees whether this decision counted. A credential made, or made
    /// good again, after the request decides nothing, nor does one that the asker made: it could be the asker's own.
    ///
    /// # Errors
    /// [`VaultError::ApprovalUnknown`]; `Unavailable`, `Database`, [`VaultError::CorruptRow`].
    pub async fn decide(
        &self,
        approval_id: Uuid,
        approved: bool,
        decided_by: Uuid,
        by: &By,
    ) -> Result<Approval, VaultError> {
        let mut transaction = self.pool.begin().await?;
        let decided = sqlx::query(
            "UPDATE auth.approvals AS asked SET decided_by = $2, decided_at = $3, approved = $4
             WHERE approval_id = $1 AND decided_by IS NULL AND expires_at > $3 AND asked_by <> $2 AND ended_at IS NULL
               AND NOT EXISTS (SELECT FROM auth.staff AS decider
                               WHERE decider.staff_id = $2 AND (decider.secrets_since >= asked.asked_at OR decider.made_by = asked.asked_by))
               AND NOT EXISTS (SELECT FROM auth.staff AS asker
                               WHERE asker.staff_id = asked.asked_by AND asker.made_by = $2
                                 AND asker.secrets_since > asked.asked_at - interval '72 hours')
               AND NOT EXISTS (SELECT FROM auth.api_keys AS key
                               WHERE key.key_id = $2 AND key.created_at >= asked.asked_at)",
        );
        let decided = decided.bind(approval_id).bind(decided_by).bind(by.at);
        let decided = decided.bind(approved).execute(&mut *transaction).await?;
        if decided.rows_affected() > 0 {
            let kind = if approved { SecurityKind::ApprovalGranted } else { SecurityKind::ApprovalRejected };
            record(&mut *transaction, &SecurityEvent::new(kind, *by, Some(approval_id))).await?;
        }
        transaction.commit().await?;
        self.one(approval_id).await?.ok_or(VaultError::ApprovalUnknown)
    }

    /// Notes that the log has what the request with this key asked for, if somebody approved it. May be repeated; the first time
    /// counts.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn carried_out(&self, request_key: &[u8; 32], by: &By) -> Result<(), VaultError> {
        let mut transaction = self.pool.begin().await?;
        let noted = sqlx::query_scalar(
            "UPDATE auth.approvals SET carried_out_at = $2
             WHERE request_key = $1 AND approved AND carried_out_at IS NULL RETURNING approval_id",
        );
        let noted = noted.bind(request_key.as_slice()).bind(by.at);
        let approval: Option<Uuid> = noted.fetch_optional(&mut *transaction).await?;
        if let Some(approval_id) = approval {
            let event = SecurityEvent::new(SecurityKind::ApprovalCarriedOut, *by, Some(approval_id));
            record(&mut *transaction, &event).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The role of a credential that is good now: of an account of staff that is open and whose person has had her secrets `since`
    /// then (it may be another's by now), or of a key that is not revoked.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn live_role(
        &self,
        credential: Uuid,
        since: DateTime<Utc>,
    ) -> Result<Option<String>, VaultError> {
        let role = sqlx::query_scalar(
            "SELECT role FROM auth.staff
             WHERE staff_id = $1 AND disabled_at IS NULL AND password_sealed IS NOT NULL AND secrets_since <= $2
             UNION ALL SELECT role FROM auth.api_keys WHERE key_id = $1 AND revoked_at IS NULL",
        );
        Ok(role.bind(credential).bind(since).fetch_optional(&self.pool).await?)
    }

    fn read(&self, row: Stored) -> Result<Approval, VaultError> {
        let corrupt = || VaultError::CorruptRow { table: TABLE };
        let inputs = cipher::open(&self.seal, &context(row.approval_id), &row.sealed);
        let decided = row.decided_by.zip(row.decided_at).zip(row.approved);
        Ok(Approval {
            approval_id: row.approval_id,
            number: row.number,
            kind: ApprovalKind::of(&row.kind).ok_or_else(corrupt)?,
            subject: row.subject_id,
            key: row.request_key.as_slice().try_into().map_err(|_| corrupt())?,
            inputs: inputs.map_err(|_| corrupt())?,
            asked_by: row.asked_by,
            asked_at: row.asked_at,
            expires_at: row.expires_at,
            decided: decided.map(|((who, when), approved)| (who, when, approved)),
            carried_out_at: row.carried_out_at,
            ended_at: row.ended_at,
        })
    }
}

/// Ends what is about these members, unless somebody rejected it or it is known to be carried out. May be repeated.
pub(crate) async fn end(
    connection: &mut PgConnection,
    members: &[Uuid],
    now: DateTime<Utc>,
) -> Result<(), VaultError> {
    sqlx::query(
        "UPDATE auth.approvals SET ended_at = $2
         WHERE subject_id = ANY($1) AND ended_at IS NULL AND carried_out_at IS NULL AND approved IS NOT FALSE",
    )
    .bind(members)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

fn context(approval_id: Uuid) -> Vec<u8> {
    [b"approval\0inputs\0".as_slice(), approval_id.as_bytes()].concat()
}
