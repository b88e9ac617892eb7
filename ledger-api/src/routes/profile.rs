//! What a member sees and changes of herself.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::ids::MemberId;
use ledger_core::member::{MemberCommand, MemberOutcome};
use ledger_store::{Command, Idempotency, Outcome, Repeat};
use pii_vault::VaultError;
use pii_vault::access::Purpose;
use pii_vault::auth::CodeUse;

use super::businesses::execute;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::intake::is_known;
use crate::natural_key::fingerprint;
use crate::problem::{ApiError, Cause, Conflict};
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

/// The log is told before the vault: a try that stops between the two has begun the time without spending, and the old phone
/// finds her until she repeats it. The code is used up when all is done: who repeats a request then is answered from the log.
pub(crate) async fn change_phone(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let key = call.idempotency_key()?;
    call.app.limits.take(call.network())?;
    // It is that one's phone which changes.
    let member_id = call.account()?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::VerifyCode { code_id, code } = document(&body, dto::VerifyCode::read)?;
    let (codes, members) = (call.app.vault.codes(), call.app.vault.members());
    let access = call.vault_access(call.caller()?.accessor(), Purpose::OwnProfile);
    let phone = match codes.check(code_id, &code, CodeUse::Keep, &access).await {
        Ok(proved) => Some(proved.phone),
        Err(VaultError::CodeUsed) if is_known(&call, &key).await? => None,
        Err(wrong) => return Err(wrong.into()),
    };
    if let Some(phone) = &phone
        && members.find_by_phone(phone, &access).await?.is_some_and(|found| found != member_id)
    {
        return Err(ApiError::Conflict(Conflict::PhoneTaken));
    }
    // The code stands for the phone, of which there is no hash here.
    let fingerprint = fingerprint(&[member_id.as_uuid().as_bytes(), code_id.as_bytes()]);
    let command = Command::Member { member_id, command: MemberCommand::ChangePhone };
    let receipt = execute(&call, command, Idempotency { key, revision: 1, fingerprint }).await?;
    let Outcome::Member(MemberOutcome::PhoneChanged { spending_from }) = receipt.outcome else {
        return Err(ApiError::Unavailable(Cause::Impossible(
            "another phone was answered with another outcome",
        )));
    };
    if let Some(phone) = phone {
        members.change_phone(member_id, &phone, &access).await?;
        let index = call.vault_access(call.caller()?.accessor(), Purpose::PartnerIndex);
        members.index_anew(member_id, &index).await?;
        match codes.check(code_id, &code, CodeUse::Burn, &access).await {
            // Used by the same request, sent twice at once.
            Ok(_) | Err(VaultError::CodeUsed) => {}
            Err(wrong) => return Err(wrong.into()),
        }
    }
    let replayed = receipt.repeat != Repeat::First;
    call.answer(StatusCode::OK, &dto::PhoneChanged { spending_from, replayed }, receipt.position)
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
