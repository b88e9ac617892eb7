//! Accounts of staff, their sign-ins, and what concerns security.

use ledger_core::time::Timestamp;
use pii_vault::auth::{Login, SecurityEntry};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::Role;
use crate::json::{self, Fields, Json};

const PASSWORD_CHARS_MIN: usize = 10;
const PASSWORD_CHARS_MAX: usize = 128;
const CODE_CHARS_MAX: usize = 32;
const TOKEN_CHARS_MAX: usize = 200;

/// A new account of staff.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InviteStaff {
    /// 3 to 64 letters, digits, dots, underscores, hyphens or `@`; an e-mail address is one. The same in any case.
    #[schema(value_type = String)]
    pub(crate) login: Login,
    /// Of a business: business_owner, business_manager, business_staff; of the programme: support, analyst, admin, superadmin,
    /// auditor.
    #[schema(value_type = String)]
    pub(crate) role: Role,
}

impl InviteStaff {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let login = fields.required("login", login);
        let role = fields.required("role", role);
        Some(Self { login: login?, role: role? })
    }
}

/// Another role.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeStaff {
    /// As for a new account.
    #[schema(value_type = String)]
    pub(crate) role: Role,
}

impl ChangeStaff {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        Some(Self { role: fields.required("role", role)? })
    }
}

/// Chooses one's secrets.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Enrol {
    /// From whoever made the account; good once.
    #[schema(max_length = 200)]
    pub(crate) enrolment_token: String,
    /// 10 to 128 characters.
    #[schema(min_length = 10, max_length = 128)]
    pub(crate) password: String,
}

impl Enrol {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let enrolment_token = fields.required("enrolment_token", json::text(TOKEN_CHARS_MAX));
        let password = fields.required("password", |json| {
            let password = json::text(PASSWORD_CHARS_MAX)(json)?;
            let long = password.chars().count() >= PASSWORD_CHARS_MIN;
            if long {
                Ok(password)
            } else {
                Err(format!("must have at least {PASSWORD_CHARS_MIN} characters"))
            }
        });
        Some(Self { enrolment_token: enrolment_token?, password: password? })
    }
}

/// Gets in.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StaffSignIn {
    /// As the account was made.
    #[schema(max_length = 64)]
    pub(crate) login: String,
    /// As it was chosen.
    #[schema(max_length = 128)]
    pub(crate) password: String,
    /// Six digits of the authenticator, or a recovery code.
    #[schema(max_length = 32)]
    pub(crate) code: String,
}

impl StaffSignIn {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let login = fields.required("login", json::text(64));
        let password = fields.required("password", json::text(PASSWORD_CHARS_MAX));
        let code = fields.required("code", json::text(CODE_CHARS_MAX));
        Some(Self { login: login?, password: password?, code: code? })
    }
}

fn login(json: Json<'_>) -> Result<Login, String> {
    let text = json::text(64)(json)?;
    let wrong = "must have 3 to 64 letters, digits, dots, underscores, hyphens or @";
    Login::parse(&text).ok_or_else(|| wrong.to_owned())
}

fn role(json: Json<'_>) -> Result<Role, String> {
    let text = json::text(64)(json)?;
    let role = Role::of(&text).filter(|role| role.is_of_business() || role.is_of_programme());
    role.ok_or_else(|| "must be a role of staff".to_owned())
}

/// A token for a new account's person, shown once.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct InvitedStaff {
    /// The account.
    pub(crate) staff_id: Uuid,
    /// For `POST /auth/staff/enrol`, within three days.
    pub(crate) enrolment_token: String,
    /// Present and true when an earlier request of the same key did this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// The accounts of a business, or of the programme.
#[derive(Serialize, ToSchema)]
pub(crate) struct StaffAccounts {
    /// Oldest first.
    pub(crate) items: Vec<StaffAccount>,
}

/// An account.
#[derive(Serialize, ToSchema)]
pub(crate) struct StaffAccount {
    /// Names it.
    pub(crate) staff_id: Uuid,
    /// What its person calls herself.
    pub(crate) login: String,
    /// What it may do.
    pub(crate) role: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    /// When it was closed; null while it is not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) disabled_at: Option<Timestamp>,
    /// Whether its person has chosen her secrets.
    pub(crate) enrolled: bool,
}

/// What is shown once.
#[derive(Serialize, ToSchema)]
pub(crate) struct EnrolledStaff {
    /// The account.
    pub(crate) staff_id: Uuid,
    /// For an authenticator.
    pub(crate) otpauth_uri: String,
    /// Each is good once, in the place of a code.
    pub(crate) recovery_codes: Vec<String>,
}

/// Tokens of one of staff.
#[derive(Serialize, ToSchema)]
pub(crate) struct StaffSignedIn {
    /// The account.
    pub(crate) staff_id: Uuid,
    /// What it may do.
    #[schema(value_type = String)]
    pub(crate) role: Role,
    /// Its business.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) business_id: Option<Uuid>,
    /// For `Authorization: Bearer`.
    pub(crate) access_token: String,
    /// For `POST /auth/staff/refresh`, good once.
    pub(crate) refresh_token: String,
    /// Seconds the access token is good.
    pub(crate) expires_in: i64,
}

/// Sign-ins that go on.
#[derive(Serialize, ToSchema)]
pub(crate) struct Sessions {
    /// The newest first, at most 100.
    pub(crate) items: Vec<Session>,
}

/// A sign-in.
#[derive(Serialize, ToSchema)]
pub(crate) struct Session {
    /// Names it.
    pub(crate) session_id: Uuid,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    /// When a token of it was last given out.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) last_seen_at: Timestamp,
    /// When it ends unless it is used before.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
    /// Whether it is the one that asks.
    pub(crate) current: bool,
}

/// Sign-ins that were ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionsEnded {
    /// How many.
    pub(crate) ended: usize,
}

/// What concerns security.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecurityEvents {
    /// The newest first.
    pub(crate) items: Vec<SecurityEvent>,
    /// For the next page.
    pub(crate) next_cursor: Option<String>,
}

/// One entry: ids alone.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecurityEvent {
    /// Its place, from 1; a number may be left out.
    pub(crate) number: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// What happened, such as sign_in_failed, locked_out, code_wrong, recovery_code_used, logged_out, key_issued, staff_role_changed, approval_granted, subject_report_made, not_allowed.
    pub(crate) kind: String,
    /// Who did it: a key, a member, one of staff.
    pub(crate) actor_id: Option<Uuid>,
    /// To whom or what.
    pub(crate) subject_id: Option<Uuid>,
    /// The business it concerns.
    pub(crate) business_id: Option<Uuid>,
    /// The call, by its name in this document.
    pub(crate) operation: Option<String>,
    /// The code of the refusal.
    pub(crate) code: Option<String>,
    /// What it has in common with everything of its request.
    pub(crate) request_id: Option<Uuid>,
}

impl From<SecurityEntry> for SecurityEvent {
    fn from(entry: SecurityEntry) -> Self {
        Self {
            number: entry.number,
            at: Timestamp::new(entry.at),
            kind: entry.kind,
            actor_id: entry.actor_id,
            subject_id: entry.subject_id,
            business_id: entry.business_id,
            operation: entry.operation,
            code: entry.code,
            request_id: entry.request_id,
        }
    }
}
