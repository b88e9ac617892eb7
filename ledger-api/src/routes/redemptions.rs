//! Paying with bonuses: a hold, its capture, its cancellation. Rules R.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Payload};
use ledger_core::ids::{BusinessId, MemberId, RedemptionId};
use ledger_core::member::command::HoldBonuses;
use ledger_core::member::{MemberCommand, MemberOutcome};
use ledger_core::rejection::Rejection;
use ledger_store::{Command, Idempotency, Outcome, Receipt, Repeat, member_of_redemption};

use super::businesses::execute;
use super::purchases::answer;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, Form};
use crate::intake::{self, Reported};
use crate::json::{FieldErrors, Fields, parse};
use crate::natural_key::fingerprint;
use crate::problem::{ApiError, Cause};
use crate::query;

/// The business that speaks, and the rest of what it says.
pub(crate) async fn body_of<T>(
    call: &Call,
    body: &Bytes,
    read: impl FnOnce(&mut Fields<'_, '_>) -> Option<T>,
) -> Result<(BusinessId, T), ApiError> {
    let mut json = parse(body)?;
    let registry = intake::registry_for(call, std::slice::from_ref(&json)).await?;
    let business = intake::business_of(call, &registry, &mut json, "")?.business_id;
    let mut errors = FieldErrors::default();
    let value = dto::object(json, "", &mut errors, read);
    let value = value.filter(|_| errors.is_empty()).ok_or(ApiError::Validation(errors))?;
    Ok((business, value))
}

pub(crate) async fn hold(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let key = call.idempotency_key()?;
    let body = call.body(payload, Limit::Document).await?;
    let (business_id, wanted) = body_of(&call, &body, dto::Hold::read).await?;
    let member = intake::find(&call, business_id, &wanted.member, &key).await?;
    let member = member.ok_or(Rejection::MemberNotFound)?;
    let fingerprint = fingerprint(&[
        member.as_uuid().as_bytes(),
        business_id.as_uuid().as_bytes(),
        &wanted.bill_amount.kopecks().to_be_bytes(),
        &wanted.amount.kopecks().to_be_bytes(),
    ]);
    let command = MemberCommand::HoldBonuses(HoldBonuses {
        redemption_id: RedemptionId::of_key(&key),
        business_id,
        bill_amount: wanted.bill_amount,
        amount: wanted.amount,
    });
    let command = Command::Member { member_id: member, command };
    let receipt = execute(&call, command, Idempotency { key, revision: 1, fingerprint }).await?;
    let Outcome::Member(MemberOutcome::Held { redemption_id, held, expires_at }) = receipt.outcome else {
        return Err(other_outcome());
    };
    let (redemption_id, member_id) = (redemption_id.as_uuid(), call.survivor(member).as_uuid());
    let replayed = receipt.repeat != Repeat::First;
    let answer = dto::HoldAnswer { redemption_id, member_id, held, expires_at, replayed };
    call.answer(status(&receipt, StatusCode::CREATED), &answer, receipt.position)
}

/// A purchase by another address: of the hold's member, naming the hold.
pub(crate) async fn capture(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let redemption = RedemptionId::from_uuid(call.path_uuid("id")?);
    let body = call.body(payload, Limit::Document).await?;
    let (business_id, report) = body_of(&call, &body, |fields| dto::capture(fields, redemption)).await?;
    let member = holder(&call, redemption).await?;
    let report = report(member);
    let natural_key = call.app.keyed.purchase(business_id, &report.source_system, &report.external_id);
    let reported = Reported { business_id, report, natural_key };
    let receipt = intake::decide(&call, &reported, member, Form::Single).await?;
    answer(&call, intake::result_of(&receipt, call.survivor(member))?)
}

pub(crate) async fn cancel(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let header = call.idempotency_header()?.to_owned();
    let redemption_id = RedemptionId::from_uuid(call.path_uuid("id")?);
    let body = call.body(payload, Limit::Document).await?;
    // A till has nothing to say here: no body is as good as an empty object.
    let body = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
    let (business_id, ()) = body_of(&call, &body, |_| Some(())).await?;
    let key = call.idempotency_key_about(business_id.as_uuid(), &header)?;
    let member_id = holder(&call, redemption_id).await?;
    let fingerprint = fingerprint(&[redemption_id.as_uuid().as_bytes(), business_id.as_uuid().as_bytes()]);
    let command = MemberCommand::CancelHold { redemption_id, business_id };
    let command = Command::Member { member_id, command };
    let receipt = execute(&call, command, Idempotency { key, revision: 1, fingerprint }).await?;
    let Outcome::Member(MemberOutcome::HoldCancelled { redemption_id, released }) = receipt.outcome else {
        return Err(other_outcome());
    };
    let replayed = receipt.repeat != Repeat::First;
    let answer = dto::CancelAnswer { redemption_id: redemption_id.as_uuid(), released, replayed };
    call.answer(StatusCode::OK, &answer, receipt.position)
}

/// Whose bonuses a redemption holds, or held. Her own state says what has become of it.
async fn holder(call: &Call, redemption: RedemptionId) -> Result<MemberId, ApiError> {
    let found = member_of_redemption(&call.app.log_pool, redemption).await?;
    found.ok_or(ApiError::Rejected(Rejection::HoldNotFound))
}

/// What a repeat answers instead of `first`.
pub(crate) fn status(receipt: &Receipt, first: StatusCode) -> StatusCode {
    if receipt.repeat == Repeat::First { first } else { StatusCode::OK }
}

pub(crate) const fn other_outcome() -> ApiError {
    ApiError::Unavailable(Cause::Impossible("a command was answered with another outcome"))
}
