//! Signing in: codes, tokens, keys.
//!
//! Nothing here tells whether a phone is known before its owner has proved it with a code.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::ids::MemberId;
use ledger_core::member::status::Status;
use ledger_ops::clock::Clock;
use ledger_ops::settings::Profile;
use pii_vault::access::{Accessor, Purpose};
use pii_vault::auth::{CodeUse, IssuedRefresh, OutboxMessage, SendLimits, SendMoment};
use pii_vault::{VaultError, phone::Phone};

use super::staff_auth::reused;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::joining::{Joining, Registrar, join};
use crate::problem::ApiError;
use crate::{query, read};

pub(crate) async fn send_code(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    call.app.limits.take(call.network())?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::SendCode { phone } = document(&body, dto::SendCode::read)?;
    let limits = send_limits(call.app.profile);
    let moment = SendMoment { installation: call.now().to_utc(), machine: Clock::machine_now().to_utc() };
    let issued =
        call.app.vault.codes().issue(&phone, call.address(), &limits, moment, call.vault_request()).await?;
    let text = format!("Код подтверждения: {}", issued.code.expose());
    let message = OutboxMessage { at: moment.installation, text, code: issued.code };
    deliver(&call, &phone, &message).await?;
    call.ok(&dto::CodeSent { code_id: issued.code_id, expires_in: issued.expires_in_s })
}

/// In the `dev` profile a clock that jumps asks for many codes within one minute of the machine: limits per phone are
/// wider, those per address off.
fn send_limits(profile: Profile) -> SendLimits {
    match profile {
        Profile::Production => SendLimits::standard(),
        Profile::Dev => {
            let mut limits = SendLimits::without_addresses();
            for window in &mut limits.per_phone {
                window.hits_max = window.hits_max.saturating_mul(20);
            }
            limits
        }
    }
}

/// The gateway of messages is another piece of work; until it is there, production sends nothing and says so.
async fn deliver(call: &Call, phone: &Phone, message: &OutboxMessage) -> Result<(), ApiError> {
    match call.app.profile {
        Profile::Dev => Ok(call.app.vault.dev_outbox().put(phone, message).await?),
        Profile::Production => {
            tracing::warn!("no message gateway is configured: a confirming code was not sent");
            Ok(())
        }
    }
}

pub(crate) async fn verify_code(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    call.app.limits.take(call.network())?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::VerifyCode { code_id, code } = document(&body, dto::VerifyCode::read)?;
    let now = call.now().to_utc();
    let codes = call.app.vault.codes();
    let access = call.vault_access(Accessor::CodeHolder(code_id), Purpose::SignIn);
    let phone = codes.check(code_id, &code, CodeUse::Keep, &access).await?.phone;
    let member = call.app.vault.members().find_by_phone(&phone, &access).await?;
    let member_id = member.ok_or(ApiError::MemberNotFound)?;
    // Only now is it used up: of several at once one gets through.
    codes.check(code_id, &code, CodeUse::Burn, &access).await?;
    let issued = call.app.vault.refresh_tokens().start(member_id, now).await?;
    let status = read::statuses::shown(&call.app, call.survivor(member_id)).await.unwrap_or_default();
    signed_in(&call, &issued, status, Signing::In)
}

pub(crate) async fn register(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    call.app.limits.take(call.network())?;
    let body = call.body(payload, Limit::Document).await?;
    let today = call.now().moscow_day().to_date();
    let dto::Registering { code_id, code, consents, profile } =
        document(&body, |fields| dto::Registering::read(fields, today))?;
    let now = call.now().to_utc();
    let codes = call.app.vault.codes();
    let access = call.vault_access(Accessor::CodeHolder(code_id), Purpose::Registration);
    let phone = codes.check(code_id, &code, CodeUse::Keep, &access).await?.phone;
    let joined = join(
        &call,
        Joining {
            phone,
            profile,
            registered_at: None,
            consents: consents.into_iter().map(dto::ConsentGrant::into_change).collect(),
            // The code is what makes the request one: a retry of it carries on where the first try stopped.
            key: call.app.keyed.request(code_id, call.operation.name(), None, ""),
            by: Registrar::Herself { code_id },
            access,
        },
    )
    .await?;
    codes.check(code_id, &code, CodeUse::Burn, &access).await?;
    let issued = call.app.vault.refresh_tokens().start(joined.member_id, now).await?;
    signed_in(&call, &issued, Status::Insider, Signing::Up(joined.receipt.position))
}

pub(crate) async fn refresh(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    call.app.limits.take(call.network())?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::RefreshToken { refresh_token } = document(&body, dto::RefreshToken::read)?;
    let issued = call.app.vault.refresh_tokens().rotate(&refresh_token, call.now().to_utc()).await;
    if matches!(issued, Err(VaultError::RefreshReused)) {
        reused(&call).await?;
    }
    let issued = issued?;
    let member = MemberId::from_uuid(issued.holder_id);
    let status = read::statuses::shown(&call.app, call.survivor(member)).await.unwrap_or_default();
    signed_in(&call, &issued, status, Signing::In)
}

pub(crate) async fn log_out(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::RefreshToken { refresh_token } = document(&body, dto::RefreshToken::read)?;
    call.app.vault.refresh_tokens().log_out(&refresh_token, &call.by()).await?;
    call.app.ended.look(&call.app.vault, call.now().to_utc()).await;
    call.ok(&dto::Done { done: true })
}

/// Written as RFC 7517 wants it, without the envelope.
pub(crate) async fn jwks(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(call.app.tokens.jwks().to_string()))
}

enum Signing {
    /// To an account there is.
    In,
    /// To one that has just been made, at this position.
    Up(Option<i64>),
}

fn signed_in(call: &Call, issued: &IssuedRefresh, status: Status, signing: Signing) -> Answer {
    let member = MemberId::from_uuid(issued.holder_id);
    let mut data = dto::SignedIn {
        member_id: call.survivor(member).as_uuid(),
        status: None,
        access_token: call.app.tokens.access(member, issued.session_id, status, call.now())?,
        refresh_token: issued.token.expose().to_owned(),
        expires_in: call.app.tokens.access_seconds(),
    };
    match signing {
        Signing::In => call.ok(&data),
        Signing::Up(position) => {
            data.status = Some(status.as_str());
            call.answer(StatusCode::CREATED, &data, position)
        }
    }
}
