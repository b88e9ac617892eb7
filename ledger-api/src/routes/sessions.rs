//! One's own sign-ins: a member's, or one of staff's. One that is ended is ended for its access tokens, too, at once.

use actix_web::web::Payload;
use ledger_core::ids::MemberId;
use ledger_core::time::Timestamp;
use pii_vault::auth::{Holder, Which};
use uuid::Uuid;

use crate::auth::Role;
use crate::call::{Answer, Call};
use crate::dto;
use crate::problem::ApiError;
use crate::query;

/// Who asks, and by which sign-in. A key has none.
fn own(call: &Call) -> Result<(Holder, Option<Uuid>), ApiError> {
    let caller = call.caller()?;
    match (caller.role, caller.session) {
        (Role::Member, session) => Ok((Holder::Member(MemberId::from_uuid(caller.credential)), session)),
        (_, Some(session)) => Ok((Holder::Staff(caller.credential), Some(session))),
        (_, None) => Err(ApiError::Forbidden),
    }
}

pub(crate) async fn list(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let (holder, current) = own(&call)?;
    let sessions = call.app.vault.refresh_tokens().sessions(holder, call.now().to_utc()).await?;
    let items = sessions.into_iter().map(|session| dto::Session {
        session_id: session.session_id,
        created_at: Timestamp::new(session.created_at),
        last_seen_at: Timestamp::new(session.last_seen_at),
        expires_at: Timestamp::new(session.expires_at),
        current: Some(session.session_id) == current,
    });
    call.ok(&dto::Sessions { items: items.collect() })
}

pub(crate) async fn end_one(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let (holder, _) = own(&call)?;
    let session = call.path_uuid("id")?;
    let ended = end(&call, holder, Which::One(session)).await?;
    if ended == 0 { Err(ApiError::NotFound) } else { call.ok(&dto::SessionsEnded { ended }) }
}

pub(crate) async fn end_others(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let (holder, current) = own(&call)?;
    let ended = end(&call, holder, Which::AllBut(current)).await?;
    call.ok(&dto::SessionsEnded { ended })
}

async fn end(call: &Call, holder: Holder, which: Which) -> Result<usize, ApiError> {
    let ended = call.app.vault.refresh_tokens().end(holder, which, &call.by()).await?;
    call.app.ended.look(&call.app.vault, call.now().to_utc()).await;
    Ok(ended.len())
}
