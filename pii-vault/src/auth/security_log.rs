//! What concerns security, by ids alone: sign-ins that failed, changes of rights, approvals, refusals that may be an attempt,
//! and whole files of members that staff took out.
//!
//! Why it is right: a change of rights is written down in its own transaction, so there is none without its entry; the table is
//! insert-only by trigger and by grant. Nothing that came in with a request is ever part of an entry.

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use crate::error::VaultError;

/// What happened. A closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecurityKind {
    /// One of staff signed in.
    SignedIn,
    /// Somebody did not get in as staff.
    SignInFailed,
    /// Too many wrong tries: nobody gets in by this login from there, or at all, for a while.
    LockedOut,
    /// One of staff signed in with a recovery code.
    RecoveryCodeUsed,
    /// A confirming code was wrong.
    CodeWrong,
    /// A sign-in was ended with its refresh token.
    LoggedOut,
    /// A refresh token came a second time; its family is ended.
    RefreshReused,
    /// A sign-in was ended by its owner.
    SessionEnded,
    /// An API key was made.
    KeyIssued,
    /// An API key was revoked.
    KeyRevoked,
    /// An account of staff was made.
    StaffCreated,
    /// An account of staff chose its secrets.
    StaffEnrolled,
    /// An account of staff was given another role.
    StaffRoleChanged,
    /// An account of staff must choose its secrets anew.
    StaffReset,
    /// An account of staff was closed.
    StaffDisabled,
    /// Something waits for a second person.
    ApprovalAsked,
    /// A second person approved.
    ApprovalGranted,
    /// A second person rejected.
    ApprovalRejected,
    /// What a second person approved was carried out.
    ApprovalCarriedOut,
    /// Staff were told all that is known of a member (152-ФЗ art. 14 part 7).
    SubjectReportMade,
    /// The credential does not allow the call.
    NotAllowed,
    /// A medical business sent a field that it may not.
    FieldNotAllowed,
    /// What was asked for is another's, or nobody's.
    NotThereOrNotTheirs,
}

impl SecurityKind {
    /// Name in storage and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::SignInFailed => "sign_in_failed",
            Self::LockedOut => "locked_out",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::CodeWrong => "code_wrong",
            Self::LoggedOut => "logged_out",
            Self::RefreshReused => "refresh_reused",
            Self::SessionEnded => "session_ended",
            Self::KeyIssued => "key_issued",
            Self::KeyRevoked => "key_revoked",
            Self::StaffCreated => "staff_created",
            Self::StaffEnrolled => "staff_enrolled",
            Self::StaffRoleChanged => "staff_role_changed",
            Self::StaffReset => "staff_reset",
            Self::StaffDisabled => "staff_disabled",
            Self::ApprovalAsked => "approval_asked",
            Self::ApprovalGranted => "approval_granted",
            Self::ApprovalRejected => "approval_rejected",
            Self::ApprovalCarriedOut => "approval_carried_out",
            Self::SubjectReportMade => "subject_report_made",
            Self::NotAllowed => "not_allowed",
            Self::FieldNotAllowed => "field_not_allowed",
            Self::NotThereOrNotTheirs => "not_there_or_not_theirs",
        }
    }
}

/// Who does something, in which request, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By {
    /// The credential; none for a person at the command line, and for somebody who has none yet.
    pub actor: Option<Uuid>,
    /// The request.
    pub request_id: Option<Uuid>,
    /// When, on the installation's clock.
    pub at: DateTime<Utc>,
}

impl By {
    /// Nobody that is known, at this moment.
    pub fn nobody(at: DateTime<Utc>) -> Self {
        Self { actor: None, request_id: None, at }
    }
}

/// An entry to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecurityEvent {
    /// What happened.
    pub kind: SecurityKind,
    /// Who did it.
    pub by: By,
    /// To whom or what: an account of staff or of a member, a key, a sign-in, an approval.
    pub subject: Option<Uuid>,
    /// The business that it concerns.
    pub business: Option<Uuid>,
    /// The call, by its name.
    pub operation: Option<&'static str>,
    /// The code of the refusal.
    pub code: Option<&'static str>,
}

impl SecurityEvent {
    /// Of this kind, about this.
    pub fn new(kind: SecurityKind, by: By, subject: Option<Uuid>) -> Self {
        Self { kind, by, subject, business: None, operation: None, code: None }
    }

    /// The same, about a business.
    #[must_use]
    pub fn at_business(self, business: Option<Uuid>) -> Self {
        Self { business, ..self }
    }
}

/// An entry as it stands there.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SecurityEntry {
    /// Its place, from 1.
    pub number: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// What happened.
    pub kind: String,
    /// Who did it.
    pub actor_id: Option<Uuid>,
    /// To whom or what.
    pub subject_id: Option<Uuid>,
    /// The business that it concerns.
    pub business_id: Option<Uuid>,
    /// The call.
    pub operation: Option<String>,
    /// The code of the refusal.
    pub code: Option<String>,
    /// The request.
    pub request_id: Option<Uuid>,
}

/// The log of what concerns security. Cheap to clone.
#[derive(Clone)]
pub struct SecurityLog {
    pool: PgPool,
}

impl SecurityLog {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Writes entries, all or none.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn write(&self, events: &[SecurityEvent]) -> Result<(), VaultError> {
        let mut transaction = self.pool.begin().await?;
        for event in events {
            record(&mut *transaction, event).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// So many entries before `before`, the newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn before(&self, before: i64, limit: i64) -> Result<Vec<SecurityEntry>, VaultError> {
        let rows = sqlx::query_as(
            "SELECT number, at, kind, actor_id, subject_id, business_id, operation, code, request_id
             FROM auth.security_events WHERE number < $1 ORDER BY number DESC LIMIT $2",
        );
        Ok(rows.bind(before).bind(limit).fetch_all(&self.pool).await?)
    }
}

/// Writes one entry, within the caller's transaction where there is one.
pub(super) async fn record(executor: impl PgExecutor<'_>, event: &SecurityEvent) -> Result<(), VaultError> {
    sqlx::query(
        "INSERT INTO auth.security_events
             (at, kind, actor_id, subject_id, business_id, operation, code, request_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(event.by.at)
    .bind(event.kind.as_str())
    .bind(event.by.actor)
    .bind(event.subject)
    .bind(event.business)
    .bind(event.operation)
    .bind(event.code)
    .bind(event.by.request_id)
    .execute(executor)
    .await?;
    Ok(())
}
