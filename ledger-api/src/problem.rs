//! Every error of the service and what a client gets for it; the only place where the two meet.
//!
//! A refusal of the rule book keeps its code; a failure of ours is a 503 without detail, and its cause goes to the log
//! once. No answer repeats a value that came in. The envelope itself (`meta` and all) is put on at the edge.

use std::fmt;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, ResponseError};
use ledger_core::rejection::Rejection;
use ledger_store::{ExecuteError, StoreError};
use pii_vault::VaultError;
use serde_json::{Value, json};

use crate::json::{FieldErrors, NotJson};
use refusals::{facts_of, status_of};

/// Why a request has no answer of its own.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The request is not well formed; says which fields.
    Validation(FieldErrors),
    /// No credential, or one that is not good. One body for all.
    Unauthenticated,
    /// The credential does not allow this call.
    Forbidden,
    /// No such thing, or none that the caller may see.
    NotFound,
    /// The phone is nobody's yet: she must register.
    MemberNotFound,
    /// The path knows other methods.
    MethodNotAllowed(Vec<Method>),
    /// The state of a thing does not allow it.
    Conflict(Conflict),
    /// The body is larger than this call takes, in bytes.
    TooLarge(usize),
    /// The body is not `application/json` (or not plain).
    UnsupportedMediaType,
    /// Fields that a medical business may not send; only names of the contract are repeated.
    FieldNotAllowed(Vec<&'static str>),
    /// A rule's refusal.
    Rejected(Rejection),
    /// The settings do not say who operates this installation: no paper can be drawn up.
    OperatorUnknown,
    /// Deleting an account needs a code, or a sign-in of a moment ago.
    ConfirmationRequired,
    /// A line of an import that goes back in time. Rule T6.
    NotSorted,
    /// A consent to a text that is none of ours. Compliance C3.
    ConsentTextUnknown,
    /// The QR token is not one of ours.
    QrInvalid,
    /// The QR token is past its life.
    QrExpired,
    /// Too often; when to come again, in seconds.
    RateLimited(u64),
    /// The read model has not passed the position asked for.
    ReadModelBehind,
    /// The log is not sealed that far yet.
    NotSealed,
    /// Not everything has caught up; says what.
    NotSettled(Value),
    /// A dependency is missing; says which.
    NotReady(Value),
    /// A server that is needed does not answer, or a fault of ours.
    Unavailable(Cause),
    /// One stream's history cannot be read; the others are not concerned.
    HistoryUnreadable,
}

/// Which state stands against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// The phone is a member's.
    MemberExists,
    /// The QR token served another request.
    QrUsed,
    /// The phone is another member's.
    PhoneTaken,
    /// The login is somebody else's.
    LoginTaken,
    /// A second person has decided already.
    ApprovalDecided,
    /// A second person has rejected it.
    ApprovalRejected,
    /// Nobody approved it in time.
    ApprovalExpired,
    /// It was not carried out in time, or whoever asked or whom it is about is not there any more.
    ApprovalLapsed,
}

/// What failed, for the log alone.
#[derive(Debug)]
pub(crate) enum Cause {
    /// The log's store.
    Store(StoreError),
    /// The command runner: away or stopping.
    Ledger(ExecuteError),
    /// The vault.
    Vault(VaultError),
    /// The read models.
    Read(sqlx::Error),
    /// ClickHouse.
    Analytics(clickhouse::error::Error),
    /// An import that a failure has ended.
    Stopped,
    /// Something that cannot be; names it.
    Impossible(&'static str),
}

/// Seconds after which a client should try again when a server is away.
const RETRY_AFTER_S: u64 = 1;

impl ApiError {
    /// A validation error of one field.
    pub(crate) fn field(path: &str, message: impl Into<String>) -> Self {
        Self::Validation(FieldErrors::one(path, message))
    }

    /// The stable code on the wire.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Validation(_) => "VALIDATION_ERROR",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::MemberNotFound => "MEMBER_NOT_FOUND",
            Self::MethodNotAllowed(_) => "METHOD_NOT_ALLOWED",
            Self::Conflict(Conflict::MemberExists) => "MEMBER_EXISTS",
            Self::Conflict(Conflict::QrUsed) => "QR_USED",
            Self::Conflict(Conflict::PhoneTaken) => "PHONE_TAKEN",
            Self::Conflict(Conflict::LoginTaken) => "LOGIN_TAKEN",
            Self::Conflict(Conflict::ApprovalDecided) => "APPROVAL_DECIDED",
            Self::Conflict(Conflict::ApprovalRejected) => "APPROVAL_REJECTED",
            Self::Conflict(Conflict::ApprovalExpired) => "APPROVAL_EXPIRED",
            Self::Conflict(Conflict::ApprovalLapsed) => "APPROVAL_LAPSED",
            Self::TooLarge(_) => "PAYLOAD_TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::FieldNotAllowed(_) => "FIELD_NOT_ALLOWED",
            Self::Rejected(rejection) => rejection.code(),
            Self::OperatorUnknown => "OPERATOR_UNKNOWN",
            Self::ConfirmationRequired => "CONFIRMATION_REQUIRED",
            Self::NotSorted => "NOT_SORTED",
            Self::ConsentTextUnknown => "CONSENT_TEXT_UNKNOWN",
            Self::QrInvalid => "QR_INVALID",
            Self::QrExpired => "QR_EXPIRED",
            Self::RateLimited(_) => "RATE_LIMITED",
            Self::ReadModelBehind => "READ_MODEL_BEHIND",
            Self::NotSealed => "NOT_SEALED",
            Self::NotSettled(_) => "NOT_SETTLED",
            Self::NotReady(_) => "NOT_READY",
            Self::Unavailable(_) => "UNAVAILABLE",
            Self::HistoryUnreadable => "HISTORY_UNREADABLE",
        }
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Validation(_) => StatusCode::BAD_REQUEST,
            Self::Unauthenticated | Self::QrInvalid => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound | Self::MemberNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) | Self::OperatorUnknown => StatusCode::CONFLICT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::FieldNotAllowed(_)
            | Self::NotSorted
            | Self::ConfirmationRequired
            | Self::ConsentTextUnknown => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Rejected(rejection) => status_of(rejection),
            Self::QrExpired => StatusCode::GONE,
            Self::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::ReadModelBehind
            | Self::NotSealed
            | Self::NotSettled(_)
            | Self::NotReady(_)
            | Self::Unavailable(_)
            | Self::HistoryUnreadable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// A sentence for a person.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Validation(_) => "the request is not well formed".to_owned(),
            Self::Unauthenticated => "the request needs a valid credential".to_owned(),
            Self::Forbidden => "the credential does not allow this".to_owned(),
            Self::NotFound => "there is no such thing here".to_owned(),
            Self::MemberNotFound => "there is no such member".to_owned(),
            Self::MethodNotAllowed(_) => "this address does not know this method".to_owned(),
            Self::Conflict(Conflict::MemberExists) => "the member is registered already".to_owned(),
            Self::Conflict(Conflict::QrUsed) => "the QR code was used for another purchase".to_owned(),
            Self::Conflict(Conflict::PhoneTaken) => "the phone is another member's".to_owned(),
            Self::Conflict(Conflict::LoginTaken) => "the login is somebody else's".to_owned(),
            Self::Conflict(Conflict::ApprovalDecided) => "somebody has decided on it already".to_owned(),
            Self::Conflict(Conflict::ApprovalRejected) => "a second person has rejected it".to_owned(),
            Self::Conflict(Conflict::ApprovalExpired) => "nobody approved it in time".to_owned(),
            Self::Conflict(Conflict::ApprovalLapsed) => {
                "it is over: not carried out in time, or who asked or whom it is about is gone".to_owned()
            }
            Self::TooLarge(limit) => format!("the body must have at most {limit} bytes"),
            Self::UnsupportedMediaType => "the body must be plain application/json in UTF-8".to_owned(),
            Self::FieldNotAllowed(_) => "a medical business may not send this field".to_owned(),
            Self::Rejected(rejection) => rejection.to_string(),
            Self::OperatorUnknown => {
                "the settings (operator.*) do not say who operates this installation".to_owned()
            }
            Self::ConfirmationRequired => {
                "deleting the account needs a code sent to its phone, or a sign-in of the last minutes"
                    .to_owned()
            }
            Self::NotSorted => "an import must be sorted by time".to_owned(),
            Self::ConsentTextUnknown => "this purpose has no text of that version".to_owned(),
            Self::QrInvalid => "the QR code is not valid".to_owned(),
            Self::QrExpired => "the QR code is past its time; show a new one".to_owned(),
            Self::RateLimited(_) => "too many requests; try again later".to_owned(),
            Self::ReadModelBehind => "the read model has not passed this position yet".to_owned(),
            Self::NotSealed => "the log is not sealed that far yet; try again".to_owned(),
            Self::NotSettled(_) => "not everything has caught up yet".to_owned(),
            Self::NotReady(_) => "a dependency is missing".to_owned(),
            Self::Unavailable(_) => "the service is not available at the moment; try again".to_owned(),
            Self::HistoryUnreadable => {
                "this account cannot be read at the moment; support is told".to_owned()
            }
        }
    }

    /// The facts.
    pub(crate) fn details(&self) -> Value {
        match self {
            Self::Validation(errors) => serde_json::to_value(errors).unwrap_or_default(),
            Self::TooLarge(limit) => json!({ "limit_bytes": limit }),
            Self::FieldNotAllowed(fields) => json!({ "fields": fields }),
            Self::Rejected(rejection) => facts_of(rejection),
            Self::RateLimited(seconds) => json!({ "retry_after": seconds }),
            Self::NotSettled(behind) | Self::NotReady(behind) => behind.clone(),
            _ => json!({}),
        }
    }

    /// After how many seconds to try again, where that helps.
    pub(crate) fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::RateLimited(seconds) => Some(*seconds),
            Self::ReadModelBehind
            | Self::NotSealed
            | Self::NotSettled(_)
            | Self::NotReady(_)
            | Self::Unavailable(_)
            | Self::HistoryUnreadable => Some(RETRY_AFTER_S),
            _ => None,
        }
    }

    /// Writes the cause of a failure of ours to the log; refusals are the client's matter.
    pub(crate) fn log_cause(&self, request_id: &str) {
        match self {
            Self::Unavailable(Cause::Store(cause)) => failure(request_id, cause),
            Self::Unavailable(Cause::Ledger(cause)) => failure(request_id, cause),
            Self::Unavailable(Cause::Vault(cause)) => failure(request_id, cause),
            Self::Unavailable(Cause::Analytics(cause)) => failure(request_id, cause),
            Self::Unavailable(Cause::Read(cause)) => {
                tracing::error!(request_id, reason = class_of(cause), "read model failed")
            }
            Self::Unavailable(Cause::Impossible(what)) => tracing::error!(request_id, what, "request failed"),
            _ => {}
        }
    }
}

/// An error and its causes in one line. The crates below keep values out of their texts.
fn failure(request_id: &str, error: &dyn std::error::Error) {
    let mut chain = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        if next.downcast_ref::<sqlx::Error>().is_some() {
            // A driver's text may quote a row.
            break;
        }
        chain = format!("{chain}: {next}");
        cause = next.source();
    }
    tracing::error!(request_id, error = chain, "request failed");
}

/// The class of a driver's error: its text may quote a row.
fn class_of(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(cause) => format!("database {}", cause.code().unwrap_or_default()),
        sqlx::Error::Io(cause) => format!("io {}", cause.kind()),
        sqlx::Error::PoolTimedOut => "pool timed out".to_owned(),
        _ => "driver".to_owned(),
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for ApiError {}

/// The edge replaces the answer by the envelope; see `edge.rs`.
impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status())
    }
}

impl From<NotJson> for ApiError {
    fn from(cause: NotJson) -> Self {
        Self::field("body", cause.to_string())
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<ExecuteError> for ApiError {
    fn from(cause: ExecuteError) -> Self {
        match cause {
            ExecuteError::Refused(rejection) => Self::Rejected(rejection),
            // Logged where it was found.
            ExecuteError::Corrupt => Self::HistoryUnreadable,
            other => Self::Unavailable(Cause::Ledger(other)),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(cause: StoreError) -> Self {
        Self::Unavailable(Cause::Store(cause))
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(cause: sqlx::Error) -> Self {
        Self::Unavailable(Cause::Read(cause))
    }
}

impl From<VaultError> for ApiError {
    fn from(cause: VaultError) -> Self {
        match cause {
            VaultError::SendLimit { retry_after_s } | VaultError::CodeTriesSpent { retry_after_s } => {
                Self::RateLimited(retry_after_s)
            }
            // One body, so that nothing is learnt about codes and tokens of others.
            VaultError::CodeUnknown
            | VaultError::CodeWrong { .. }
            | VaultError::CodeExpired
            | VaultError::CodeUsed
            | VaultError::RefreshInvalid
            | VaultError::RefreshExpired
            | VaultError::RefreshReused
            | VaultError::EnrolmentInvalid
            | VaultError::SignInRefused => Self::Unauthenticated,
            VaultError::UnknownMember
            | VaultError::ApiKeyUnknown
            | VaultError::StaffUnknown
            | VaultError::ApprovalUnknown => Self::NotFound,
            VaultError::LoginTaken => Self::Conflict(Conflict::LoginTaken),
            VaultError::PhoneTaken => Self::Conflict(Conflict::PhoneTaken),
            other => Self::Unavailable(Cause::Vault(other)),
        }
    }
}

mod refusals;
#[cfg(test)]
mod tests;
