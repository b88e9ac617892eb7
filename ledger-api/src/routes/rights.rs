//! Members' demands about their data: processing that is blocked while something is looked into. Compliance S5.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::ids::MemberId;
use ledger_core::member::{MemberCommand, MemberOutcome};
use ledger_store::{Command, Idempotency, Outcome, Repeat};

use super::businesses::execute;
use super::standing::named;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::natural_key::fingerprint;
use crate::problem::{ApiError, Cause};
use crate::query;

pub(crate) async fn block_processing(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let (member, key) = named(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::BlockProcessing { reason } = document(&body, dto::BlockProcessing::read)?;
    processing(&call, (member, key), MemberCommand::BlockProcessing(reason), reason.as_str()).await
}

pub(crate) async fn unblock_processing(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let (member, key) = named(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::UnblockProcessing { reason } = document(&body, dto::UnblockProcessing::read)?;
    processing(&call, (member, key), MemberCommand::UnblockProcessing(reason), reason.as_str()).await
}

async fn processing(
    call: &Call,
    (member_id, key): (MemberId, [u8; 32]),
    command: MemberCommand,
    reason: &str,
) -> Answer {
    let fingerprint = fingerprint(&[member_id.as_uuid().as_bytes(), reason.as_bytes()]);
    let command = Command::Member { member_id, command };
    let receipt = execute(call, command, Idempotency { key, revision: 1, fingerprint }).await?;
    let Outcome::Member(MemberOutcome::Processing { blocked }) = receipt.outcome else {
        return Err(ApiError::Unavailable(Cause::Impossible("a block was answered with another outcome")));
    };
    let data = dto::Processing {
        member_id: call.survivor(member_id).as_uuid(),
        processing_blocked: blocked,
        replayed: receipt.repeat != Repeat::First,
    };
    call.answer(StatusCode::OK, &data, receipt.position)
}
