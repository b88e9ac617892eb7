//! Money given back for a purchase. Rules F, D4.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::ids::{BusinessId, PurchaseId, RefundId};
use ledger_core::member::MemberOutcome;
use ledger_store::{Command, Idempotency, Outcome, RefundRequest, Repeat, Unknown};

use super::businesses::execute;
use super::redemptions::{body_of, other_outcome, status};
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{OutcomeAnswer, Refund, RefundAnswer};
use crate::natural_key::fingerprint;
use crate::query;

pub(crate) async fn by_id(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let purchase = PurchaseId::from_uuid(call.path_uuid("id")?);
    let body = call.body(payload, Limit::Document).await?;
    let (business, refund) = body_of(&call, &body, Refund::read).await?;
    decide(&call, business, (purchase, Unknown::Refused), &refund).await
}

pub(crate) async fn by_number(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let (business, refund) = body_of(&call, &body, Refund::read_by_number).await?;
    let number = refund.purchase_external_id.as_deref().unwrap_or_default();
    let key = call.app.keyed.purchase(business, &refund.source_system, number);
    decide(&call, business, (PurchaseId::of_key(key.as_bytes()), Unknown::Waits), &refund).await
}

async fn decide(
    call: &Call,
    business_id: BusinessId,
    (purchase_id, unknown): (PurchaseId, Unknown),
    refund: &Refund,
) -> Answer {
    let key = call.app.keyed.refund(business_id, &refund.source_system, &refund.external_id);
    let occurred_at = refund.occurred_at.map(|at| at.micros().to_be_bytes());
    let fingerprint = fingerprint(&[
        purchase_id.as_uuid().as_bytes(),
        &refund.amount.kopecks().to_be_bytes(),
        occurred_at.as_ref().map_or(&[], <[u8; 8]>::as_slice),
    ]);
    let command = Command::Refund(RefundRequest {
        purchase_id,
        business_id,
        refund_id: RefundId::of_key(&key),
        amount: refund.amount,
        occurred_at: refund.occurred_at,
        unknown,
    });
    let receipt = execute(call, command, Idempotency { key, revision: 1, fingerprint }).await?;
    let replayed = receipt.repeat != Repeat::First;
    match receipt.outcome {
        Outcome::Member(MemberOutcome::Refunded {
            refund_id,
            bonuses_taken_back,
            bonuses_returned,
            debt,
        }) => {
            let refund_id = refund_id.as_uuid();
            let answer = RefundAnswer { refund_id, bonuses_taken_back, bonuses_returned, debt, replayed };
            call.answer(status(&receipt, StatusCode::CREATED), &answer, receipt.position)
        }
        Outcome::RefundWaiting { .. } => {
            let answer = OutcomeAnswer { outcome: "waiting", quarantine_id: None, replayed };
            call.answer(StatusCode::ACCEPTED, &answer, receipt.position)
        }
        _ => Err(other_outcome()),
    }
}
