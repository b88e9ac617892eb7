//! How staff get in. Whatever is wrong has one answer.

use actix_web::web::Payload;
use ledger_core::ids::BusinessId;
use ledger_ops::clock::Clock;
use metrics::counter;
use pii_vault::VaultError;
use pii_vault::auth::{By, IssuedRefresh, Login, SecondFactor, SecurityEvent, SecurityKind, TriedFrom};

use crate::auth::Role;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::problem::{ApiError, Cause};
use crate::query;

pub(crate) async fn enrol(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    call.app.limits.take(call.network())?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::Enrol { enrolment_token, password } = document(&body, dto::Enrol::read)?;
    let enrolled = call.app.vault.staff().enrol(&enrolment_token, &password, &call.by()).await?;
    call.ok(&dto::EnrolledStaff {
        staff_id: enrolled.staff_id,
        otpauth_uri: enrolled.otpauth_uri,
        recovery_codes: enrolled.recovery_codes,
    })
}

pub(crate) async fn sign_in(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    call.app.limits.take(call.network())?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::StaffSignIn { login, password, code } = document(&body, dto::StaffSignIn::read)?;
    // What is no login is nobody's.
    let login = Login::parse(&login).ok_or(ApiError::Unauthenticated)?;
    let is_totp = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
    let factor = if is_totp { SecondFactor::Totp(code) } else { SecondFactor::Recovery(code) };
    let from = TriedFrom { address: call.address(), machine_now: Clock::machine_now().to_utc() };
    let signed = call.app.vault.staff().sign_in(&login, &password, &factor, &call.by(), from).await;
    if matches!(signed, Err(VaultError::SignInRefused | VaultError::SendLimit { .. })) {
        // Every one, whether it is written down or not.
        counter!("staff_sign_ins_refused_total").increment(1);
    }
    let signed = signed?;
    signed_in(&call, &signed.refresh, &signed.role, signed.business_id.map(BusinessId::from_uuid))
}

pub(crate) async fn refresh(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    call.app.limits.take(call.network())?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::RefreshToken { refresh_token } = document(&body, dto::RefreshToken::read)?;
    let issued = call.app.vault.refresh_tokens().rotate_staff(&refresh_token, call.now().to_utc()).await;
    if matches!(issued, Err(VaultError::RefreshReused)) {
        reused(&call).await?;
    }
    let issued = issued?;
    let account = call.app.vault.staff().one(issued.holder_id).await?;
    if account.disabled_at.is_some() || !account.is_enrolled {
        return Err(ApiError::Unauthenticated);
    }
    signed_in(&call, &issued, &account.role, account.business)
}

/// A refresh token that comes twice is a thief's or its owner's: its family is ended, its access tokens with it.
pub(super) async fn reused(call: &Call) -> Result<(), ApiError> {
    tracing::warn!("a refresh token was used twice; its family is ended");
    let by: By = call.by();
    let event = SecurityEvent::new(SecurityKind::RefreshReused, by, None);
    call.app.vault.security_log().write(&[event]).await?;
    call.app.ended.look(&call.app.vault, call.now().to_utc()).await;
    Ok(())
}

fn signed_in(call: &Call, issued: &IssuedRefresh, role: &str, business: Option<BusinessId>) -> Answer {
    let role = Role::of(role).ok_or(ApiError::Unavailable(Cause::Impossible("a role that is none")))?;
    call.ok(&dto::StaffSignedIn {
        staff_id: issued.holder_id,
        role,
        business_id: business.map(|business| business.as_uuid()),
        access_token: call.app.tokens.staff_access(issued, role, business, call.now())?,
        refresh_token: issued.token.expose().to_owned(),
        expires_in: call.app.tokens.access_seconds(),
    })
}
