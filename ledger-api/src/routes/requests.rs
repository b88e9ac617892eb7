//! Members' demands about their data: taken, listed, answered in time. Compliance S2, S3.
//!
//! The term is reckoned here, when a demand is taken, and goes with the command: the ledger keeps it as it was said.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::deadlines::{Reckoned, Term, due_or_sooner};
use ledger_core::ids::{MemberId, SubjectRequestId};
use ledger_core::member::event::{RequestAnswer, RequestChannel, RequestKind};
use ledger_core::member::requests::{ExtendRequest, ReceiveRequest};
use ledger_core::member::{MemberCommand, MemberOutcome};
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;
use ledger_store::{Command, Idempotency, Outcome, Receipt, Repeat};

use super::businesses::execute;
use super::standing::named;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::natural_key::fingerprint;
use crate::problem::{ApiError, Cause};
use crate::query::{self, Query};
use crate::read::requests::{StoredRequest, Which};
use crate::read::{self, Model};

/// She demands something in the app.
pub(crate) async fn ask(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let key = call.idempotency_key()?;
    let member = call.account()?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::OwnRequest { kind } = document(&body, dto::OwnRequest::read)?;
    let came = Came { member, kind, channel: RequestChannel::App, at: None };
    came.take(&call, key).await
}

/// Staff write down a demand that came another way. Who asks was identified before (S3).
pub(crate) async fn receive(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let (member, key) = named(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, dto::ReceiveRequest::read)?;
    let came = Came { member, kind: wanted.kind, channel: wanted.channel, at: wanted.received_at };
    came.take(&call, key).await
}

/// A demand that came.
struct Came {
    member: MemberId,
    kind: RequestKind,
    channel: RequestChannel,
    /// When, as somebody says; now if nobody does, and never later.
    at: Option<Timestamp>,
}

impl Came {
    async fn take(self, call: &Call, key: [u8; 32]) -> Answer {
        let Self { member, kind, channel, at } = self;
        let now = call.now();
        let received_at = at.map_or(now, |at| at.min(now));
        let (due_at, reckoned) = term(received_at, kind.asked().term());
        let request_id = SubjectRequestId::of_key(&key);
        let command = ReceiveRequest { request_id, kind, channel, received_at, due_at, reckoned };
        let command = Command::Member { member_id: member, command: MemberCommand::ReceiveRequest(command) };
        let whose = member.as_uuid();
        let said = at.map(|at| at.micros().to_be_bytes());
        let parts = [
            whose.as_bytes().as_slice(),
            kind.as_str().as_bytes(),
            channel.as_str().as_bytes(),
            said.as_ref().map_or(&[][..], |at| at.as_slice()),
        ];
        let once = Idempotency { key, revision: 1, fingerprint: fingerprint(&parts) };
        let receipt = execute(call, command, once).await?;
        let status = if receipt.repeat == Repeat::First { StatusCode::CREATED } else { StatusCode::OK };
        due(call, status, &receipt)
    }
}

/// The end of a term; a calendar that is not there is somebody's to bring.
fn term(from: Timestamp, term: Term) -> (Timestamp, Reckoned) {
    let (due_at, reckoned) = due_or_sooner(from, term);
    if reckoned == Reckoned::Sooner {
        tracing::error!(%due_at, "a term reaches into a year whose production calendar is not there");
    }
    (due_at, reckoned)
}

/// Her own demands, the newest first.
pub(crate) async fn own(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let page = query.page(&call);
    query.finish()?;
    let member = call.member()?;
    let position = read::wait(&call, Model::Statuses, None).await?;
    let found = read::requests::of(&call.app, &call.accounts(member), &page).await?;
    let (found, next_cursor) = query::paged(&call, found, page.limit, |one| one.position.to_string());
    let now = call.now();
    let items = found.into_iter().map(|one| one.shown(now, None)).collect();
    call.read(&dto::SubjectRequests { items, next_cursor }, position)
}

/// Demands of all members, the oldest first: those that wait, if nothing else is asked for.
pub(crate) async fn list(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let page = query.page(&call);
    let which = match query.take("state") {
        None => Some(Which::Open),
        Some(name) => Which::ALL.into_iter().find(|which| which.as_str() == name),
    };
    if which.is_none() {
        query.wrong("state", "must be open, overdue or answered");
    }
    query.finish()?;
    let position = read::wait(&call, Model::Statuses, None).await?;
    let now = call.now();
    let found = read::requests::all(&call.app, which.unwrap_or(Which::Open), now, &page).await?;
    let (found, next_cursor) = query::paged(&call, found, page.limit, |one| one.position.to_string());
    let shown = |one: StoredRequest| {
        let member = call.survivor(one.member());
        one.shown(now, Some(member))
    };
    let items = found.into_iter().map(shown).collect();
    call.read(&dto::SubjectRequests { items, next_cursor }, position)
}

/// A demand was fulfilled, and she was told.
pub(crate) async fn answer(call: Call, payload: Payload) -> Answer {
    let (request_id, key) = addressed(&call)?;
    call.no_fields(payload).await?;
    close(&call, (request_id, key), RequestAnswer::Fulfilled {}, &[]).await
}

/// It was refused, and she was told why.
pub(crate) async fn refuse(call: Call, payload: Payload) -> Answer {
    let (request_id, key) = addressed(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::RefuseRequest { reason } = document(&body, dto::RefuseRequest::read)?;
    let answer = RequestAnswer::Refused { ground: reason };
    close(&call, (request_id, key), answer, reason.as_str().as_bytes()).await
}

/// An answer takes longer, and she was told why: as many working days more as the law gives.
pub(crate) async fn extend(call: Call, payload: Payload) -> Answer {
    let (request_id, key) = addressed(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::ExtendRequest { reason } = document(&body, dto::ExtendRequest::read)?;
    let found = find(&call, request_id).await?;
    let kind = RequestKind::ALL.into_iter().find(|kind| kind.as_str() == found.kind);
    let days = kind.and_then(|kind| kind.asked().extension());
    let Some(days) = days else {
        return Err(Rejection::RequestNotExtendable { due_at: found.due_at() }.into());
    };
    let (due_at, reckoned) = term(found.due_at(), Term::WorkingDays(days));
    let command = ExtendRequest { request_id, ground: reason, due_at, reckoned };
    let command =
        Command::Member { member_id: found.member(), command: MemberCommand::ExtendRequest(command) };
    let fingerprint = fingerprint(&[request_id.as_uuid().as_bytes(), reason.as_str().as_bytes()]);
    let receipt = execute(&call, command, Idempotency { key, revision: 1, fingerprint }).await?;
    due(&call, StatusCode::OK, &receipt)
}

/// The demand in the address, and the request's key about it.
fn addressed(call: &Call) -> Result<(SubjectRequestId, [u8; 32]), ApiError> {
    query::none(call)?;
    let header = call.idempotency_header()?;
    let id = call.path_uuid("id")?;
    Ok((SubjectRequestId::from_uuid(id), call.idempotency_key_about(id, header)?))
}

async fn find(call: &Call, id: SubjectRequestId) -> Result<StoredRequest, ApiError> {
    if let Some(found) = read::requests::one(&call.app, id).await? {
        return Ok(found);
    }
    // It may have come a moment ago.
    read::catch_up(call, Model::Statuses).await?;
    read::requests::one(&call.app, id).await?.ok_or(ApiError::NotFound)
}

async fn close(
    call: &Call,
    (request_id, key): (SubjectRequestId, [u8; 32]),
    answer: RequestAnswer,
    said: &[u8],
) -> Answer {
    let member_id = find(call, request_id).await?.member();
    let command = MemberCommand::AnswerRequest { request_id, answer };
    let fingerprint = fingerprint(&[request_id.as_uuid().as_bytes(), said]);
    let once = Idempotency { key, revision: 1, fingerprint };
    let receipt = execute(call, Command::Member { member_id, command }, once).await?;
    let Outcome::Member(MemberOutcome::RequestAnswered { request_id }) = receipt.outcome else {
        return Err(other_outcome());
    };
    let replayed = receipt.repeat != Repeat::First;
    let data = dto::RequestAnswered { request_id: request_id.as_uuid(), replayed };
    call.answer(StatusCode::OK, &data, receipt.position)
}

fn due(call: &Call, status: StatusCode, receipt: &Receipt) -> Answer {
    let Outcome::Member(MemberOutcome::RequestDue { request_id, due_at }) = receipt.outcome else {
        return Err(other_outcome());
    };
    let replayed = receipt.repeat != Repeat::First;
    let data = dto::RequestDue { request_id: request_id.as_uuid(), due_at, replayed };
    call.answer(status, &data, receipt.position)
}

const fn other_outcome() -> ApiError {
    ApiError::Unavailable(Cause::Impossible("a demand was answered with another outcome"))
}
