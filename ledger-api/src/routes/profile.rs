//! What a member sees and changes of herself.

use actix_web::web::Payload;
use ledger_core::ids::MemberId;
use pii_vault::access::Purpose;

use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::problem::ApiError;
use crate::query;
use crate::read::{self, Model};

pub(crate) async fn read(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let member = call.member()?;
    let position = read::wait(&call, Model::Statuses, Some(member)).await?;
    let profile = profile(&call, member).await?;
    call.read(&profile, position)
}

pub(crate) async fn change(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let member = call.member()?;
    let body = call.body(payload, Limit::Document).await?;
    let today = call.now().moscow_day().to_date();
    let changes = document(&body, |fields| dto::ProfileChange::read(fields, today))?;
    let access = call.vault_access(call.caller()?.accessor(), Purpose::OwnProfile);
    call.app.vault.members().update_profile(member, &changes, &access).await?;
    call.ok(&profile(&call, member).await?)
}

pub(crate) async fn qr(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let (qr, expires_at) = call.app.tokens.qr(call.member()?, call.now())?;
    call.read(&dto::Qr { qr, expires_at }, call.app.ledger.head())
}

async fn profile(call: &Call, member: MemberId) -> Result<dto::Profile, ApiError> {
    let access = call.vault_access(call.caller()?.accessor(), Purpose::OwnProfile);
    let known = call.app.vault.members().profile(member, &access).await?;
    let standing = read::statuses::standing(&call.app, member).await?;
    Ok(dto::Profile {
        member_id: member.as_uuid(),
        phone: known.phone.expose().to_owned(),
        first_name: known.first_name.map(|name| name.expose().to_owned()),
        last_name: known.last_name.map(|name| name.expose().to_owned()),
        email: known.email.map(|email| email.expose().to_owned()),
        birth_date: known.birth_date.map(|date| date.expose().to_string()),
        city: known.city.map(|city| city.expose().to_owned()),
        status: standing.status.as_str(),
        registered_at: standing.registered_at,
    })
}
