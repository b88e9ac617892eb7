//! A member's standing by an admin's hand: the inner circle, blocking, Premium, two accounts that are one. Rules S1, S4, R4.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::ids::MemberId;
use ledger_core::member::premium::PayPremium;
use ledger_core::member::{Accounts, MemberCommand, MemberOutcome};
use ledger_store::{Command, Idempotency, Outcome, Receipt, Repeat};

use super::businesses::execute;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::joining::find_as_it_stands;
use crate::natural_key::fingerprint;
use crate::problem::{ApiError, Cause};
use crate::query;
use crate::words::Reasoned;

pub(crate) async fn invite(call: Call, payload: Payload) -> Answer {
    plain(call, payload, MemberCommand::Invite(true)).await
}

pub(crate) async fn uninvite(call: Call, payload: Payload) -> Answer {
    plain(call, payload, MemberCommand::Invite(false)).await
}

pub(crate) async fn unblock(call: Call, payload: Payload) -> Answer {
    plain(call, payload, MemberCommand::Block(None)).await
}

pub(crate) async fn cancel_premium(call: Call, payload: Payload) -> Answer {
    plain(call, payload, MemberCommand::CancelPremium).await
}

pub(crate) async fn block(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let (member, key) = named(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, dto::Block::read)?;
    let reasoned = Reasoned { member, key, text: &wanted.reason, parts: &[] };
    let receipt = reasoned.execute(&call, |reason| MemberCommand::Block(Some(reason))).await?;
    stands(&call, StatusCode::OK, member, &receipt)
}

pub(crate) async fn merge(call: Call, payload: Payload) -> Answer {
    join(call, payload, Command::Merge).await
}

pub(crate) async fn unmerge(call: Call, payload: Payload) -> Answer {
    join(call, payload, Command::Unmerge).await
}

/// Two accounts of one woman become one, or two again: the one in the address stands for both.
async fn join(call: Call, payload: Payload, command: fn(Accounts) -> Command) -> Answer {
    query::none(&call)?;
    let (into, key) = named(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, dto::MergeAccounts::read)?;
    let from = MemberId::from_uuid(wanted.from_member_id);
    let parts: &[&[u8]] = &[wanted.from_member_id.as_bytes()];
    let reasoned = Reasoned { member: into, key, text: &wanted.reason, parts };
    let command = |reason_id| command(Accounts { from, into, reason_id });
    let receipt = reasoned.of_two(&call, from, command).await?;
    // From its answer on, this process forwards by it.
    call.app.ledger.refresh().await;
    find_as_it_stands(&call, from).await?;
    stands(&call, StatusCode::OK, into, &receipt)
}

/// The payment has a number of its own, so that decides what is a repeat, whatever the header is (design L4): told again, be it
/// for another member or after a cancellation, it pays for nothing more.
pub(crate) async fn pay_premium(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let (member, _) = named(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, dto::PayPremium::read)?;
    let payment = call.app.keyed.payment(&wanted.payment_ref);
    let fingerprint = fingerprint(&[
        member.as_uuid().as_bytes(),
        &wanted.from.micros().to_be_bytes(),
        &wanted.to.micros().to_be_bytes(),
    ]);
    let command = MemberCommand::PayPremium(PayPremium { payment, from: wanted.from, to: wanted.to });
    let command = Command::Member { member_id: member, command };
    let once = Idempotency { key: *payment.as_bytes(), revision: 1, fingerprint };
    let receipt = execute(&call, command, once).await?;
    let is_new = receipt.repeat == Repeat::First;
    stands(&call, if is_new { StatusCode::CREATED } else { StatusCode::OK }, member, &receipt)
}

/// The member in the address, and the request's key about her.
pub(super) fn named(call: &Call) -> Result<(MemberId, [u8; 32]), ApiError> {
    let header = call.idempotency_header()?;
    let member = call.path_uuid("id")?;
    Ok((MemberId::from_uuid(member), call.idempotency_key_about(member, header)?))
}

/// A command that says everything by itself.
async fn plain(call: Call, payload: Payload, command: MemberCommand) -> Answer {
    query::none(&call)?;
    let (member, key) = named(&call)?;
    call.no_fields(payload).await?;
    let fingerprint = fingerprint(&[member.as_uuid().as_bytes()]);
    let command = Command::Member { member_id: member, command };
    let receipt = execute(&call, command, Idempotency { key, revision: 1, fingerprint }).await?;
    stands(&call, StatusCode::OK, member, &receipt)
}

fn stands(call: &Call, status_code: StatusCode, member: MemberId, receipt: &Receipt) -> Answer {
    let Outcome::Member(MemberOutcome::StandingChanged { status }) = receipt.outcome else {
        return Err(ApiError::Unavailable(Cause::Impossible("a standing was answered with another outcome")));
    };
    let replayed = receipt.repeat != Repeat::First;
    let data =
        dto::Standing { member_id: call.survivor(member).as_uuid(), status: status.as_str(), replayed };
    call.answer(status_code, &data, receipt.position)
}
