//! Keys of a business: API keys, and the key of `phone_hash`. And the programme's own API keys, which only the command line makes.
//!
//! A key is shown once and stored hashed, so a replay cannot read it back: the answers of the last requests are kept in
//! this process's memory, by their idempotency key.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::time::Timestamp;
use pii_vault::access::Purpose;
use pii_vault::auth::ApiKeyRole;

use super::businesses::named;
use crate::auth::Scope;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::natural_key::fingerprint;
use crate::problem::ApiError;
use crate::query;
use crate::shown_once::Secret;

pub(crate) async fn issue(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let header = call.idempotency_header()?;
    let business = named(&call).await?;
    let key = call.idempotency_key_about(business.business_id.as_uuid(), header)?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::IssueKey { name, scopes } = document(&body, dto::IssueKey::read)?;
    let scopes: Option<Vec<&str>> = scopes.map(|scopes| scopes.into_iter().map(Scope::as_str).collect());
    let said = scopes.as_ref().map_or_else(String::new, |scopes| scopes.join(","));
    let asked = fingerprint(&[business.business_id.as_uuid().as_bytes(), name.as_bytes(), said.as_bytes()]);
    let (secret, replayed) = call
        .app
        .shown_once
        .once(key, asked, async {
            let role = ApiKeyRole::Business(business.business_id);
            let issued = call.app.vault.api_keys().issue(role, &name, scopes.as_deref(), &call.by()).await?;
            call.app.keys.reload(call.app.vault.api_keys()).await?;
            Ok(Secret { id: issued.key_id, text: issued.key.expose().to_owned() })
        })
        .await?;
    let data = dto::IssuedKey { key_id: secret.id, key: secret.text, replayed };
    call.answer(status_of(replayed), &data, None)
}

pub(crate) async fn phone_key(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let header = call.idempotency_header()?;
    let business = named(&call).await?;
    let key = call.idempotency_key_about(business.business_id.as_uuid(), header)?;
    let body = call.body(payload, Limit::Document).await?;
    document(&body, |_| Some(()))?;
    let asked = fingerprint(&[business.business_id.as_uuid().as_bytes()]);
    let (secret, replayed) = call
        .app
        .shown_once
        .once(key, asked, async {
            let access = call.vault_access(call.caller()?.accessor(), Purpose::PartnerIndex);
            // Every consent is noted in the vault when it is given: there is nobody to add.
            let made = call.app.vault.members().create_phone_key(business.business_id, &[], &access).await?;
            Ok(Secret { id: business.business_id.as_uuid(), text: made.expose_hex() })
        })
        .await?;
    call.answer(status_of(replayed), &dto::PhoneKey { key: secret.text, replayed }, None)
}

fn status_of(replayed: bool) -> StatusCode {
    if replayed { StatusCode::OK } else { StatusCode::CREATED }
}

pub(crate) async fn list(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let business = named(&call).await?;
    let keys = call.app.vault.api_keys().of_business(business.business_id).await?;
    let items = keys.into_iter().map(|key| dto::ApiKey {
        key_id: key.key_id,
        name: key.name,
        scopes: key.scopes,
        created_at: Timestamp::new(key.created_at),
        revoked_at: key.revoked_at.map(Timestamp::new),
    });
    call.read(&dto::ApiKeys { items: items.collect() }, call.app.ledger.head())
}

pub(crate) async fn revoke(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let business = named(&call).await?;
    let key_id = call.path_uuid("key_id")?;
    let keys = call.app.vault.api_keys();
    let own = keys.of_business(business.business_id).await?;
    if !own.iter().any(|key| key.key_id == key_id) {
        return Err(ApiError::NotFound);
    }
    keys.revoke(key_id, &call.by()).await?;
    call.app.keys.reload(keys).await?;
    call.ok(&dto::Done { done: true })
}

/// The keys of admins, superadmins and auditors.
pub(crate) async fn list_programmes(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let keys = call.app.vault.api_keys().of_programme().await?;
    let items = keys.into_iter().map(|key| dto::ProgrammeKey {
        key_id: key.key_id,
        role: key.role.as_str(),
        name: key.name,
        created_at: Timestamp::new(key.created_at),
        revoked_at: key.revoked_at.map(Timestamp::new),
    });
    call.ok(&dto::ProgrammeKeys { items: items.collect() })
}

/// Revokes one of them, but not the one it is asked with. After the last superadmin's, `ledger-api bootstrap-admin` makes another.
pub(crate) async fn revoke_programmes(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let key_id = call.path_uuid("key_id")?;
    let keys = call.app.vault.api_keys();
    if !keys.of_programme().await?.iter().any(|key| key.key_id == key_id) {
        return Err(ApiError::NotFound);
    }
    if call.caller()?.credential == key_id {
        return Err(ApiError::Forbidden);
    }
    keys.revoke(key_id, &call.by()).await?;
    call.app.keys.reload(keys).await?;
    call.ok(&dto::Done { done: true })
}
