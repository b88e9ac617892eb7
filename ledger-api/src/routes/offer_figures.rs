//! How many members an offer would reach, and what became of one.

use actix_web::web::Payload;
use ledger_core::category::Confidentiality;
use ledger_core::ids::{BusinessId, OfferId};
use ledger_core::log::Position;
use ledger_core::offer::audience::Audience;
use ledger_store::audience::Asked;

use super::offers::named;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto;
use crate::intake;
use crate::json::{FieldErrors, parse};
use crate::offer_figures::{self, Asker};
use crate::problem::ApiError;
use crate::query;
use crate::read::offers::Figures;
use crate::read::{self, Model};

/// How many members an audience is, before anybody draws an offer up.
pub(crate) async fn preview(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let mut json = parse(&body)?;
    let registry = intake::registry_for(&call, std::slice::from_ref(&json)).await?;
    let business = intake::business_of(&call, &registry, &mut json, "")?;
    let mut errors = FieldErrors::default();
    let wanted = dto::object(json, "", &mut errors, dto::PreviewOffer::read);
    let audience = wanted.filter(|_| errors.is_empty()).ok_or(ApiError::Validation(errors))?;
    let position = both(&call).await?;
    let mut errors = FieldErrors::default();
    for (field, what) in audience.wrong(business.business_id, &registry.businesses) {
        errors.add(&format!("audience.{field}"), what);
    }
    if !errors.is_empty() {
        return Err(ApiError::Validation(errors));
    }
    reached(&call, business.business_id, &audience, position).await
}

/// How many members the newest version of an offer reaches.
pub(crate) async fn reach(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let offer_id = OfferId::from_uuid(call.path_uuid("id")?);
    let position = both(&call).await?;
    let offer = named(&call, offer_id).await?;
    reached(&call, offer.definition.business_id, &offer.definition.audience, position).await
}

async fn reached(call: &Call, business: BusinessId, audience: &Audience, position: Position) -> Answer {
    call.app.audience_limits.take(call.caller()?.business)?;
    let registry = call.app.registry_with(business).await;
    let asker = asker(call, business).await?;
    let now = call.now();
    let asked = Asked { business, audience, now, registry: &registry };
    let count = if offer_figures::may_be_told(asker, audience.new_customers) {
        Some(read::offers::reach(&call.app, &asked).await?)
    } else {
        None
    };
    call.read(&offer_figures::reach(count, now), position)
}

/// What became of an offer.
pub(crate) async fn stats(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let offer_id = OfferId::from_uuid(call.path_uuid("id")?);
    let position = both(&call).await?;
    let offer = named(&call, offer_id).await?;
    let asker = asker(&call, offer.definition.business_id).await?;
    let figures = if offer.definition.reward.is_coupon() {
        let registry = call.app.ledger.registry();
        read::offers::figures(&call.app, offer.offer_id, &registry).await?
    } else {
        Figures::default()
    };
    call.read(&offer_figures::stats(&offer, &figures, asker, call.now()), position)
}

/// What both read models have passed that are asked.
async fn both(call: &Call) -> Result<Position, ApiError> {
    let statuses = read::wait(call, Model::Statuses, None).await?;
    Ok(statuses.min(read::wait(call, Model::Directory, None).await?))
}

async fn asker(call: &Call, business: BusinessId) -> Result<Asker, ApiError> {
    let registry = call.app.registry_with(business).await;
    let kind = registry.businesses.get(business).map(|business| business.confidentiality);
    let kind = kind.unwrap_or(Confidentiality::Medical);
    Ok(Asker { is_admin: call.caller()?.is_admin(), kind })
}
