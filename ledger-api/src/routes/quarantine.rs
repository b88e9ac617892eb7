//! Documents that wait for an admin. Rule T3.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::ids::{MemberId, QuarantineId};
use ledger_core::member::{MemberCommand, MemberOutcome};
use ledger_store::{Command, Idempotency, Outcome, Receipt, Repeat};
use uuid::Uuid;

use super::businesses::execute;
use crate::call::{Answer, Call};
use crate::dto;
use crate::intake::{self, Became};
use crate::natural_key::fingerprint;
use crate::problem::{ApiError, Cause};
use crate::query::{self, Query};
use crate::read::{self, Model};

pub(crate) async fn list(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let page = query.page(&call);
    query.finish()?;
    let position = read::wait(&call, Model::Directory, None).await?;
    let items = read::directory::quarantine(&call.app, &page).await?;
    let (items, next_cursor) = query::paged(&call, items, page.limit, |(position, _)| position.to_string());
    let items = items.into_iter().map(|(_, item)| item).collect();
    call.read(&dto::Quarantine { items, next_cursor }, position)
}

pub(crate) async fn apply(call: Call, payload: Payload) -> Answer {
    let (_, member, receipt) = decide(&call, payload, MemberCommand::ApplyQuarantined).await?;
    match intake::result_of(&receipt, call.survivor(member))? {
        Became::Recorded(answer) => call.answer(StatusCode::OK, &answer, answer.position),
        Became::Other { .. } => Err(other_outcome()),
    }
}

pub(crate) async fn discard(call: Call, payload: Payload) -> Answer {
    let (quarantine_id, _, receipt) = decide(&call, payload, MemberCommand::DropQuarantined).await?;
    let Outcome::Member(MemberOutcome::QuarantineDropped { .. }) = receipt.outcome else {
        return Err(other_outcome());
    };
    let data = dto::Dropped { quarantine_id, replayed: receipt.repeat != Repeat::First };
    call.answer(StatusCode::OK, &data, receipt.position)
}

/// A command about the document in the address to the member whose it is.
async fn decide(
    call: &Call,
    payload: Payload,
    command: fn(QuarantineId) -> MemberCommand,
) -> Result<(Uuid, MemberId, Receipt), ApiError> {
    query::none(call)?;
    let header = call.idempotency_header()?;
    let id = call.path_uuid("id")?;
    let key = call.idempotency_key_about(id, header)?;
    call.no_fields(payload).await?;
    let member_id = match read::directory::quarantined_of(&call.app, id).await? {
        Some(member_id) => member_id,
        // It may have come a moment ago.
        None => {
            read::catch_up(call, Model::Directory).await?;
            read::directory::quarantined_of(&call.app, id).await?.ok_or(ApiError::NotFound)?
        }
    };
    let command = Command::Member { member_id, command: command(QuarantineId::from_uuid(id)) };
    let fingerprint = fingerprint(&[id.as_bytes()]);
    let receipt = execute(call, command, Idempotency { key, revision: 1, fingerprint }).await?;
    Ok((id, member_id, receipt))
}

const fn other_outcome() -> ApiError {
    ApiError::Unavailable(Cause::Impossible("a quarantined document was answered with another outcome"))
}
