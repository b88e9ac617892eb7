//! Accounts of staff: of a business by its owner or an admin, of the programme by a superadmin.
//!
//! An owner handles managers and staff of her own business, and no other owner; another's business is as missing. Nobody changes
//! her own account: whoever takes an account over cannot raise it.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::ids::BusinessId;
use ledger_core::time::Timestamp;
use pii_vault::VaultError;
use pii_vault::auth::{Invited, StaffAccount};
use uuid::Uuid;

use super::businesses::named;
use crate::auth::Role;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::natural_key::fingerprint;
use crate::problem::ApiError;
use crate::query;
use crate::shown_once::Secret;

/// Whose accounts a call is about: a business's, or the programme's when its address names none.
async fn whose(call: &Call) -> Result<Option<BusinessId>, ApiError> {
    if call.path("id").is_empty() {
        return Ok(None);
    }
    let business = named(call).await?.business_id;
    let is_own = call.caller()?.business.is_none_or(|own| own == business);
    if is_own { Ok(Some(business)) } else { Err(ApiError::NotFound) }
}

/// Whether the caller may handle an account of this role there.
fn may_handle(call: &Call, business: Option<BusinessId>, role: Role) -> Result<(), ApiError> {
    let fits = if business.is_some() { role.is_of_business() } else { role.is_of_programme() };
    if !fits {
        return Err(ApiError::field("role", "is not a role of these accounts"));
    }
    let is_owner = call.caller()?.role == Role::BusinessOwner;
    if is_owner && role == Role::BusinessOwner { Err(ApiError::Forbidden) } else { Ok(()) }
}

/// The account that the address names, if the caller may handle it.
async fn account(call: &Call) -> Result<StaffAccount, ApiError> {
    let business = whose(call).await?;
    let staff_id = call.path_uuid("staff_id")?;
    let account = call.app.vault.staff().one(staff_id).await?;
    if account.business != business {
        return Err(ApiError::NotFound);
    }
    let role = Role::of(&account.role).ok_or(ApiError::NotFound)?;
    if call.caller()?.credential == staff_id {
        return Err(ApiError::Forbidden);
    }
    may_handle(call, business, role)?;
    Ok(account)
}

pub(crate) async fn invite(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let header = call.idempotency_header()?;
    let business = whose(&call).await?;
    let about = business.map_or(Uuid::nil(), |business| business.as_uuid());
    let key = call.idempotency_key_about(about, header)?;
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, dto::InviteStaff::read)?;
    may_handle(&call, business, wanted.role)?;
    let role = wanted.role.as_str();
    let asked = fingerprint(&[about.as_bytes(), role.as_bytes(), wanted.login.expose().as_bytes()]);
    let by = call.by();
    let make = call.app.vault.staff().create(business, role, &wanted.login, &by);
    invited(&call, key, asked, make).await
}

pub(crate) async fn reset(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let header = call.idempotency_header()?;
    call.no_fields(payload).await?;
    let staff_id = account(&call).await?.staff_id;
    let key = call.idempotency_key_about(staff_id, header)?;
    let by = call.by();
    let make = call.app.vault.staff().reset(staff_id, &by);
    invited(&call, key, fingerprint(&[staff_id.as_bytes()]), make).await
}

async fn invited(
    call: &Call,
    key: [u8; 32],
    asked: [u8; 32],
    make: impl Future<Output = Result<Invited, VaultError>>,
) -> Answer {
    let secret = async {
        let Invited { staff_id, token, .. } = make.await?;
        call.app.ended.look(&call.app.vault, call.now().to_utc()).await;
        Ok(Secret { id: staff_id, text: token.expose().to_owned() })
    };
    let (secret, replayed) = call.app.shown_once.once(key, asked, secret).await?;
    let status = if replayed { StatusCode::OK } else { StatusCode::CREATED };
    let data = dto::InvitedStaff { staff_id: secret.id, enrolment_token: secret.text, replayed };
    call.answer(status, &data, None)
}

pub(crate) async fn list(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let business = whose(&call).await?;
    let accounts = call.app.vault.staff().list(business).await?;
    let items = accounts.into_iter().map(|account| dto::StaffAccount {
        staff_id: account.staff_id,
        login: account.login.expose().to_owned(),
        role: account.role,
        created_at: Timestamp::new(account.created_at),
        disabled_at: account.disabled_at.map(Timestamp::new),
        enrolled: account.is_enrolled,
    });
    call.ok(&dto::StaffAccounts { items: items.collect() })
}

pub(crate) async fn change(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::ChangeStaff { role } = document(&body, dto::ChangeStaff::read)?;
    let account = account(&call).await?;
    may_handle(&call, account.business, role)?;
    if account.role != role.as_str() {
        call.app.vault.staff().change_role(account.staff_id, role.as_str(), &call.by()).await?;
        call.app.ended.look(&call.app.vault, call.now().to_utc()).await;
    }
    call.ok(&dto::Done { done: true })
}

pub(crate) async fn close(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let account = account(&call).await?;
    call.app.vault.staff().disable(account.staff_id, &call.by()).await?;
    call.app.ended.look(&call.app.vault, call.now().to_utc()).await;
    call.ok(&dto::Done { done: true })
}
