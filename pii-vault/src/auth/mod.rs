//! Credentials of members, staff and machines, in schema `auth`. Storage and its races only: what a credential allows, and the
//! tokens signed with these keys, are the HTTP service's.
//!
//! Nothing is stored that would serve a thief of the database: codes are HMACs, tokens and API keys are SHA-256 of 256
//! random bits, private keys are wrapped, phones and texts are sealed.

mod api_keys;
pub(crate) mod approvals;
mod code_tries;
mod codes;
mod outbox;
mod qr;
mod refresh;
mod security_log;
mod send_limits;
pub(crate) mod signing;
mod staff;
mod token;

pub use api_keys::{ApiKeyRecord, ApiKeyRole, ApiKeys, IssuedApiKey, hash_of_key};
pub use approvals::{Approval, ApprovalKind, Approvals, Asked, Wanted};
pub use code_tries::{CodeTries, TryLimits};
pub use codes::{CodeUse, Codes, IssuedCode, OtpCode, SendMoment, VerifiedCode};
pub use outbox::{DevOutbox, OutboxMessage};
pub use qr::{QrClaim, QrClaims};
pub use refresh::{Holder, IssuedRefresh, REFRESH_DAYS, RefreshTokens, Session, Which};
pub use security_log::{By, SecurityEntry, SecurityEvent, SecurityKind, SecurityLog};
pub use send_limits::{SendLimits, Window};
pub use signing::{SigningKey, SigningKeys};
pub use staff::{
    ENROLMENT_DAYS, Enrolled, Invited, Login, SecondFactor, SignedIn, Staff, StaffAccount, TriedFrom,
};
pub use token::{SecretToken, TokenHash};

use sqlx::PgConnection;

use crate::error::VaultError;

/// Nothing stays of what was sent to the phones with these blind indexes: they are nobody's any more.
pub(crate) async fn forget_phones(
    connection: &mut PgConnection,
    phones: &[Vec<u8>],
) -> Result<(), VaultError> {
    sqlx::query!("DELETE FROM auth.otp_requests WHERE phone_index = ANY($1)", phones)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM auth.dev_outbox WHERE phone_index = ANY($1)", phones)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM auth.send_windows WHERE subject = ANY($1)", phones).execute(connection).await?;
    Ok(())
}
