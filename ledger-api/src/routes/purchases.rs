//! Single purchases. What happens to a document is `intake.rs`.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::ids::{MemberId, PurchaseId};
use uuid::Uuid;

use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{Form, OutcomeAnswer, Purchases};
use crate::intake::{self, Became};
use crate::json::parse;
use crate::problem::ApiError;
use crate::query::{self, Query};
use crate::read::{self, Model};

pub(crate) async fn record(call: Call, payload: Payload) -> Answer {
    one_document(call, payload, Form::Single).await
}

pub(crate) async fn scan(call: Call, payload: Payload) -> Answer {
    one_document(call, payload, Form::Scan).await
}

async fn one_document(call: Call, payload: Payload, form: Form) -> Answer {
    query::none(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let document = parse(&body)?;
    let registry = intake::registry_for(&call, std::slice::from_ref(&document)).await?;
    let reported = intake::read(&call, &registry, document, "", form)?;
    let became = match intake::find_member(&call, &reported).await? {
        Some(member) => {
            let receipt = intake::decide(&call, &reported, member, form).await?;
            intake::result_of(&receipt, call.survivor(member))?
        }
        None => intake::UNMATCHED,
    };
    answer(&call, became)
}

/// The answer to one document.
pub(crate) fn answer(call: &Call, became: Became) -> Answer {
    match became {
        Became::Recorded(answer) => {
            let status = if answer.replayed || answer.amended { StatusCode::OK } else { StatusCode::CREATED };
            call.answer(status, &answer, answer.position)
        }
        Became::Other { outcome, quarantine_id, replayed, position } => {
            let status = if outcome == "stale" { StatusCode::OK } else { StatusCode::ACCEPTED };
            call.answer(status, &OutcomeAnswer { outcome, quarantine_id, replayed }, position)
        }
    }
}

/// The purchases of the caller's own business; an admin names one by `business_id`. Those of members whose data are not used
/// for now are for admins alone (compliance S5): a page may be shorter for it.
pub(crate) async fn list(call: Call, _: Payload) -> Answer {
    let caller = call.caller()?;
    let mut query = Query::of(&call.http)?;
    let page = query.page(&call);
    let named = if caller.is_admin() { query.take("business_id") } else { None };
    query.finish()?;
    let business = match (caller.business, named) {
        (Some(own), _) => own,
        (None, Some(name)) => call.app.business(&name).await.ok_or(ApiError::NotFound)?.business_id,
        (None, None) => return Err(ApiError::field("business_id", "is required")),
    };
    let position = read::wait(&call, Model::Directory, None).await?;
    let items = read::directory::purchases(&call.app, business, &page).await?;
    let (mut items, next_cursor) =
        query::paged(&call, items, page.limit, |purchase| purchase.position.to_string());
    if !caller.is_admin() {
        let members: Vec<Uuid> = items.iter().map(|purchase| purchase.member_id).collect();
        read::wait(&call, Model::Statuses, None).await?;
        let unused = read::statuses::unused(&call.app, &members).await?;
        items.retain(|purchase| !unused.contains(&purchase.member_id));
    }
    call.read(&Purchases { items, next_cursor }, position)
}

/// A purchase of the caller's own business; another's is as missing.
pub(crate) async fn one(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let caller = call.caller()?;
    let id = PurchaseId::from_uuid(call.path_uuid("id")?);
    let position = read::wait(&call, Model::Directory, None).await?;
    let found = read::directory::purchase(&call.app, id).await?;
    let own = |business| caller.is_admin() || caller.business.is_some_and(|own| own.as_uuid() == business);
    let purchase = found.filter(|purchase| own(purchase.business_id)).ok_or(ApiError::NotFound)?;
    read::statuses::must_be_used(&call, MemberId::from_uuid(purchase.member_id)).await?;
    call.read(&purchase, position)
}
