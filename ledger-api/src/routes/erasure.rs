//! Forgetting a member, the papers of it, and how long what is kept. Compliance E1–E10.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Payload;
use chrono::{DateTime, TimeDelta, Utc};
use ledger_core::ids::{ActId, MemberId};
use ledger_core::member::event::{DemandedBy, ErasureGround};
use ledger_core::time::Timestamp;
use pii_vault::access::Purpose;
use pii_vault::auth::CodeUse;
use pii_vault::erasure::Erasure;

use uuid::Uuid;

use super::standing::named;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::erasure::{Demand, Forgotten, act_page, extract_page, ground, papers, papers_of};
use crate::problem::ApiError;
use crate::query::{self, Query};
use crate::retention;

/// The namespace of acts that admins ask for.
const ACTS: Uuid = Uuid::from_u128(0x6f77_6e63_6972_636c_8000_6163_745f_6964);
/// How long after a sign-in she need not prove her phone again, in minutes.
const FRESH_MINUTES: i64 = 10;

/// She deletes her account. A stolen phone's open app must not do it: a code to her phone, or a sign-in of a moment ago.
pub(crate) async fn delete_own(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let account = call.account()?;
    let wanted = call.perhaps(payload, dto::DeleteAccount::read).await?;
    confirm(&call, account, wanted).await?;
    let demand = Demand {
        member: account,
        demanded_by: DemandedBy::Herself,
        ground: ErasureGround::ConsentWithdrawn,
        act_id: ActId::from_uuid(Uuid::now_v7()),
        asked_by: account.as_uuid(),
        correlation_id: call.correlation_id(),
    };
    let done = demand.carry_out(&call.app).await?;
    told(&call, &done)
}

async fn confirm(call: &Call, account: MemberId, wanted: dto::DeleteAccount) -> Result<(), ApiError> {
    let now = call.now().to_utc();
    let Some((code_id, code)) = wanted.code_id.zip(wanted.code) else {
        let since = now - TimeDelta::minutes(FRESH_MINUTES);
        let session = call.caller()?.session.ok_or(ApiError::ConfirmationRequired)?;
        let is_fresh = call.app.vault.refresh_tokens().began_since(account, session, since).await?;
        return if is_fresh { Ok(()) } else { Err(ApiError::ConfirmationRequired) };
    };
    call.app.limits.take(call.network())?;
    let access = call.vault_access(call.caller()?.accessor(), Purpose::Erasure);
    let proved = call.app.vault.codes().check(code_id, &code, CodeUse::Burn, &access).await?;
    let found = call.app.vault.members().find_by_phone(&proved.phone, &access).await?;
    // Another phone's code proves nothing here.
    if found == Some(account) { Ok(()) } else { Err(ApiError::Unauthenticated) }
}

/// An admin has a member forgotten.
pub(crate) async fn erase(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let (member, key) = named(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::EraseMember { reason } = document(&body, dto::EraseMember::read)?;
    let demand = Demand {
        member,
        demanded_by: DemandedBy::Admin,
        ground: reason,
        act_id: ActId::from_uuid(Uuid::new_v5(&ACTS, &key)),
        asked_by: call.caller()?.credential,
        correlation_id: call.correlation_id(),
    };
    let done = demand.carry_out(&call.app).await?;
    told(&call, &done)
}

fn told(call: &Call, done: &Forgotten) -> Answer {
    let Forgotten { erasure, is_done, replayed } = done;
    let begun_at = erasure.plan.begun_at;
    // The plan's: she may have been asked about before, for another reason.
    let ground = ground(&erasure.plan.ground);
    let destroyed: &[&str] =
        &["name", "phone", "email", "birth_date", "city", "words", "sign_ins", "data_key"];
    let answer = dto::ErasureAnswer {
        act_id: erasure.plan.act_id.as_uuid(),
        state: if *is_done { "erased" } else { "in_progress" },
        begun_at: Timestamp::new(begun_at),
        destroyed_at: erasure.destroyed_at.map(Timestamp::new),
        done_by: Timestamp::new(begun_at + TimeDelta::days(days_for(ground))),
        destroyed: if *is_done { destroyed.to_vec() } else { Vec::new() },
        kept: vec!["accounting_records", "consent_evidence", "access_log", "destruction_papers"],
        replayed: *replayed,
    };
    let status = if *is_done { StatusCode::OK } else { StatusCode::ACCEPTED };
    call.answer(status, &answer, erasure.position)
}

/// In how many days at the latest: what the law says in working days is taken as days of any kind, which are sooner.
const fn days_for(ground: ErasureGround) -> i64 {
    match ground {
        ErasureGround::ConsentWithdrawn | ErasureGround::PurposeReached => 30,
        ErasureGround::DemandToStop | ErasureGround::Unlawful => 10,
        ErasureGround::Needless => 7,
    }
}

/// All erasures.
pub(crate) async fn list(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let page = query.page(&call);
    query.finish()?;
    let after = page.after.as_deref().and_then(place_of);
    let items = call.app.vault.erasures().after(after, page.limit.saturating_add(1)).await?;
    let (items, next_cursor) = query::paged(&call, items, page.limit, |erasure| {
        format!("{}/{}", erasure.plan.begun_at.timestamp_micros(), erasure.plan.act_id)
    });
    call.ok(&dto::Erasures { items: items.into_iter().map(shown).collect(), next_cursor })
}

fn place_of(key: &str) -> Option<(DateTime<Utc>, ActId)> {
    let (at, act) = key.split_once('/')?;
    Some((DateTime::from_timestamp_micros(at.parse().ok()?)?, act.parse().ok()?))
}

fn shown(erasure: Erasure) -> dto::Erasure {
    dto::Erasure {
        act_id: erasure.plan.act_id.as_uuid(),
        member_id: erasure.plan.member_id.as_uuid(),
        demanded_by: erasure.plan.demanded_by,
        reason: erasure.plan.ground,
        state: if erasure.destroyed_at.is_some() { "erased" } else { "in_progress" },
        begun_at: Timestamp::new(erasure.plan.begun_at),
        destroyed_at: erasure.destroyed_at.map(Timestamp::new),
        position: erasure.position,
    }
}

/// The papers of the erasure in the address.
async fn papers(call: &Call) -> Result<(papers::Extract, papers::Act), ApiError> {
    query::none(call)?;
    let act_id = ActId::from_uuid(call.path_uuid("id")?);
    let erasure = call.app.vault.erasures().one(act_id).await?.ok_or(ApiError::NotFound)?;
    // None before everything is destroyed.
    papers_of(&call.app, erasure).await?.ok_or(ApiError::NotFound)
}

/// The act of destruction.
pub(crate) async fn act(call: Call, _: Payload) -> Answer {
    let (_, act) = papers(&call).await?;
    call.ok(&act)
}

/// The act, to be printed and signed.
pub(crate) async fn act_html(call: Call, _: Payload) -> Answer {
    let (_, act) = papers(&call).await?;
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(act_page(&act)))
}

/// The extract of the log.
pub(crate) async fn extract(call: Call, _: Payload) -> Answer {
    let (extract, _) = papers(&call).await?;
    call.ok(&extract)
}

/// The extract of the log, to be printed.
pub(crate) async fn extract_html(call: Call, _: Payload) -> Answer {
    let (extract, _) = papers(&call).await?;
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(extract_page(&extract)))
}

/// Every category of personal data.
pub(crate) async fn retention(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    call.ok(&dto::Retention { categories: retention::CATEGORIES.to_vec() })
}
