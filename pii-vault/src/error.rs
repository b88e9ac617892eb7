//! What can go wrong in the vault, by what a caller would do differently. No variant ever holds a value.
//!
//! Errors of the database are reduced to their class and SQLSTATE: their text and details may quote a row.

use ledger_core::ids::MemberId;
use thiserror::Error;

use crate::cipher::Field;
use crate::keys::KeyError;

/// A failed or refused call of the vault.
#[derive(Debug, Error)]
pub enum VaultError {
    /// Nobody is registered under this id (or the member is still pending).
    #[error("the vault knows no such member")]
    UnknownMember,
    /// The phone is another member's.
    #[error("the phone is another member's")]
    PhoneTaken,
    /// Too many codes were asked for by this phone or address.
    #[error("too many codes requested")]
    SendLimit {
        /// Whole seconds until the next one may be asked for, at least 1.
        retry_after_s: u64,
    },
    /// No code was sent under this `code_id`.
    #[error("no such code request")]
    CodeUnknown,
    /// The code is not the one that was sent.
    #[error("the code is wrong")]
    CodeWrong {
        /// How many wrong tries are left before the code is closed.
        tries_left: u8,
    },
    /// The code was right once; its time is over.
    #[error("the code has expired")]
    CodeExpired,
    /// The code was already used.
    #[error("the code was already used")]
    CodeUsed,
    /// Five wrong tries were made: even the right code is refused now.
    #[error("too many wrong codes")]
    CodeTriesSpent {
        /// Whole seconds until the request expires, at least 1.
        retry_after_s: u64,
    },
    /// The refresh token was never issued, or its family has been ended (logout, block, reuse).
    #[error("the refresh token is not valid")]
    RefreshInvalid,
    /// The refresh token is older than its 30 days.
    #[error("the refresh token has expired")]
    RefreshExpired,
    /// The refresh token was used before; its whole family has been ended by this call.
    #[error("the refresh token was used twice")]
    RefreshReused,
    /// An active superadmin key exists already.
    #[error("an administrator's key exists already")]
    AlreadyBootstrapped,
    /// No such API key.
    #[error("no such API key")]
    ApiKeyUnknown,
    /// The login is somebody else's.
    #[error("the login is taken")]
    LoginTaken,
    /// No such account of staff, or it is closed.
    #[error("no such account of staff")]
    StaffUnknown,
    /// The token was never given, was used, or is past its time.
    #[error("the enrolment token is not valid")]
    EnrolmentInvalid,
    /// Login, password or code is not right; which one is told to nobody.
    #[error("the sign-in was refused")]
    SignInRefused,
    /// Nobody asked for this.
    #[error("no such approval")]
    ApprovalUnknown,
    /// A sealed value does not open with its member's key: damaged, swapped or restored without its key.
    #[error("the field {field} of member {member} cannot be opened")]
    Unreadable {
        /// Whose row.
        member: MemberId,
        /// Which field.
        field: Field,
    },
    /// A stored row of credentials does not open or has an impossible form.
    #[error("a stored row of {table} cannot be read")]
    CorruptRow {
        /// Table, with its schema.
        table: &'static str,
    },
    /// The key provider failed.
    #[error("the key provider failed")]
    Keys(#[from] KeyError),
    /// The database cannot be reached or is overloaded; the same call may be repeated.
    #[error("the vault database is unavailable ({reason})")]
    Unavailable {
        /// Class of the failure, for the log.
        reason: String,
    },
    /// The database refused a statement: a mistake of ours or a missing migration.
    #[error("the vault database refused a statement ({reason})")]
    Database {
        /// SQLSTATE and constraint, or the driver's class of error.
        reason: String,
    },
}

impl VaultError {
    /// Whether the same call may succeed later without any change.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Keys(cause) => cause.is_retryable(),
            Self::UnknownMember
            | Self::PhoneTaken
            | Self::SendLimit { .. }
            | Self::CodeUnknown
            | Self::CodeWrong { .. }
            | Self::CodeExpired
            | Self::CodeUsed
            | Self::CodeTriesSpent { .. }
            | Self::RefreshInvalid
            | Self::RefreshExpired
            | Self::RefreshReused
            | Self::AlreadyBootstrapped
            | Self::ApiKeyUnknown
            | Self::LoginTaken
            | Self::StaffUnknown
            | Self::EnrolmentInvalid
            | Self::SignInRefused
            | Self::ApprovalUnknown
            | Self::Unreadable { .. }
            | Self::CorruptRow { .. }
            | Self::Database { .. } => false,
        }
    }
}

impl From<sqlx::Error> for VaultError {
    fn from(cause: sqlx::Error) -> Self {
        match cause {
            sqlx::Error::Io(cause) => Self::Unavailable { reason: cause.kind().to_string() },
            sqlx::Error::Tls(_) => Self::Unavailable { reason: "tls".to_owned() },
            sqlx::Error::PoolTimedOut => Self::Unavailable { reason: "pool timed out".to_owned() },
            sqlx::Error::PoolClosed => Self::Unavailable { reason: "pool closed".to_owned() },
            sqlx::Error::WorkerCrashed => Self::Unavailable { reason: "driver stopped".to_owned() },
            sqlx::Error::Database(cause) => Self::of_database(cause.as_ref()),
            sqlx::Error::RowNotFound => Self::Database { reason: "no row".to_owned() },
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                Self::Database { reason: "a column does not decode".to_owned() }
            }
            _ => Self::Database { reason: "driver".to_owned() },
        }
    }
}

impl VaultError {
    /// Classes 08 (connection), 40 (rolled back), 53 (resources) and 57 (shutdown) pass by themselves.
    fn of_database(cause: &dyn sqlx::error::DatabaseError) -> Self {
        let code = cause.code().unwrap_or_default().into_owned();
        let reason = match cause.constraint() {
            Some(constraint) => format!("{code} {constraint}"),
            None => code,
        };
        if ["08", "40", "53", "57"].iter().any(|class| reason.starts_with(class)) {
            Self::Unavailable { reason }
        } else {
            Self::Database { reason }
        }
    }
}
