//! Partner businesses and their terms.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::business::{self, decide};
use ledger_core::ids::BusinessId;
use ledger_core::time::Timestamp;
use ledger_store::{Command, Idempotency, Outcome, Receipt, Repeat, Request};
use uuid::Uuid;

use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::natural_key::fingerprint;
use crate::problem::{ApiError, Cause};
use crate::query::{self, Query};
use crate::read;
use crate::words::Acting;

pub(crate) async fn register(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let key = call.idempotency_key()?;
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, dto::RegisterBusiness::read)?;
    let terms = wanted.terms();
    let shown_terms = serde_json::to_vec(&terms).unwrap_or_default();
    let confidentiality = format!("{:?}", wanted.confidentiality);
    let fingerprint = fingerprint(&[
        wanted.slug.as_str().as_bytes(),
        wanted.name.as_bytes(),
        wanted.category.as_str().as_bytes(),
        confidentiality.as_bytes(),
        &shown_terms,
    ]);
    let command = Command::RegisterBusiness(decide::RegisterBusiness {
        business_id: BusinessId::from_uuid(Uuid::now_v7()),
        slug: wanted.slug,
        name: wanted.name,
        category: wanted.category,
        confidentiality: wanted.confidentiality,
        terms,
    });
    let receipt = execute(&call, command, Idempotency { key, revision: 1, fingerprint }).await?;
    created(&call, &receipt)
}

pub(crate) async fn set_multiplier(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let header = call.idempotency_header()?;
    let business = named(&call).await?;
    let key = call.idempotency_key_about(business.business_id.as_uuid(), header)?;
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, dto::SetMultiplier::read)?;
    let fingerprint = fingerprint(&[
        business.business_id.as_uuid().as_bytes(),
        &wanted.from.micros().to_be_bytes(),
        &wanted.to.micros().to_be_bytes(),
        wanted.value.to_decimal().normalize().to_string().as_bytes(),
    ]);
    let command = Command::SetMultiplier(decide::SetMultiplier {
        business_id: business.business_id,
        from: wanted.from,
        to: wanted.to,
        value: wanted.value,
    });
    let receipt = execute(&call, command, Idempotency { key, revision: 1, fingerprint }).await?;
    created(&call, &receipt)
}

pub(crate) async fn change(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let business = named(&call).await?;
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, dto::ChangeBusiness::read)?;
    let command = Command::ChangeBusiness(decide::ChangeBusiness {
        business_id: business.business_id,
        name: wanted.name,
        cashback_multiplier: wanted.cashback_multiplier,
        hold_days: wanted.hold_days,
        max_redeem_share: wanted.max_redeem_share,
        purchase_sources: wanted.purchase_sources,
    });
    let receipt = execute(&call, command, Call::fresh_key()).await?;
    // The answer shows what was just written.
    call.app.ledger.refresh().await;
    let changed = named(&call).await?;
    call.answer(StatusCode::OK, &shown(&changed, call.now()), receipt.position)
}

pub(crate) async fn list(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let page = query.page(&call);
    query.finish()?;
    let position = read::registry(&call).await?;
    let registry = call.app.ledger.registry();
    let after = page.after.as_deref().and_then(crate::json::read_uuid).map(BusinessId::from_uuid);
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX).saturating_add(1);
    let rest =
        registry.businesses.iter().filter(|business| after.is_none_or(|after| business.business_id > after));
    let now = call.now();
    let items: Vec<_> = rest.take(limit).map(|business| shown(business, now)).collect();
    let (items, next_cursor) =
        query::paged(&call, items, page.limit, |business| business.business_id.to_string());
    call.read(&dto::Businesses { items, next_cursor }, position)
}

pub(crate) async fn one(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let position = read::registry(&call).await?;
    let business = named(&call).await?;
    call.read(&shown(&business, call.now()), position)
}

/// The business that the address names by id or slug.
pub(crate) async fn named(call: &Call) -> Result<business::Business, ApiError> {
    call.app.business(call.path("id")).await.ok_or(ApiError::NotFound)
}

/// Has the ledger decide an admin's command.
pub(crate) async fn execute(
    call: &Call,
    command: Command,
    idempotency: Idempotency,
) -> Result<Receipt, ApiError> {
    execute_as(call, Acting::of(call)?, command, idempotency).await
}

/// The same, on behalf of somebody.
pub(crate) async fn execute_as(
    call: &Call,
    Acting { actor, source, correlation_id }: Acting,
    command: Command,
    idempotency: Idempotency,
) -> Result<Receipt, ApiError> {
    let request = Request { command, idempotency, actor, source, correlation_id };
    Ok(call.app.ledger.execute(request).await?)
}

fn created(call: &Call, receipt: &Receipt) -> Answer {
    let Outcome::Business { business_id } = receipt.outcome else {
        return Err(ApiError::Unavailable(Cause::Impossible("a business was answered with another outcome")));
    };
    let replayed = receipt.repeat != Repeat::First;
    let status = if replayed { StatusCode::OK } else { StatusCode::CREATED };
    call.answer(status, &dto::BusinessId { business_id: business_id.as_uuid(), replayed }, receipt.position)
}

fn shown(business: &business::Business, now: Timestamp) -> dto::Business {
    let terms = business.terms_at(now);
    dto::Business {
        business_id: business.business_id.as_uuid(),
        slug: business.slug.to_string(),
        name: business.name.clone(),
        category: business.category.as_str(),
        confidentiality: business.confidentiality,
        cashback_multiplier: business.multiplier_at(now),
        hold_days: terms.hold_days,
        max_redeem_share: terms.max_redeem_share,
        purchase_sources: terms.purchase_sources.clone(),
    }
}
