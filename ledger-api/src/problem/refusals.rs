//! The refusals of the rule book on the wire: status and facts of each.

use actix_web::http::StatusCode;
use ledger_core::rejection::Rejection;
use serde_json::{Value, json};

use crate::json::FieldErrors;

/// Rule Z: 422 unless a rule or the contract names another status.
pub(super) fn status_of(rejection: &Rejection) -> StatusCode {
    match rejection {
        Rejection::PolicyParameters { .. }
        | Rejection::ChainDefinition { .. }
        | Rejection::OfferDefinition { .. } => StatusCode::BAD_REQUEST,
        Rejection::MemberNotFound
        | Rejection::ChainNotFound
        | Rejection::OfferNotFound
        | Rejection::HoldNotFound
        | Rejection::PurchaseNotFound
        | Rejection::CouponNotValid => StatusCode::NOT_FOUND,
        Rejection::MemberErased => StatusCode::GONE,
        Rejection::ProcessingBlocked => StatusCode::LOCKED,
        Rejection::CouponClosed
        | Rejection::HoldAlreadyClosed
        | Rejection::QuarantineClosed
        | Rejection::RequestClosed
        | Rejection::RequestNotDone
        | Rejection::MemberExists
        | Rejection::SlugTaken
        | Rejection::ChainState { .. }
        | Rejection::ChainVersion { .. }
        | Rejection::OfferState { .. }
        | Rejection::OfferVersion { .. }
        | Rejection::MergeNotPossible { .. } => StatusCode::CONFLICT,
        Rejection::BusinessNotFound
        | Rejection::PolicyMissing
        | Rejection::IdempotencyKeyReused
        | Rejection::MemberChangeWithRedemption
        | Rejection::ConsentRequired
        | Rejection::MemberBlocked
        | Rejection::IdentityCooldown { .. }
        | Rejection::CouponNotYetValid { .. }
        | Rejection::CouponMinBill { .. }
        | Rejection::CouponNewCustomersOnly
        | Rejection::CouponStatusRequired { .. }
        | Rejection::CouponNotWithBonuses
        | Rejection::RequestNotExtendable { .. }
        | Rejection::TooManyOpenRequests
        | Rejection::TooManyCoupons
        | Rejection::ChainConsentMissing { .. }
        | Rejection::TooManyChains
        | Rejection::TooManyOffers
        | Rejection::TooManyComments
        | Rejection::OfferOver { .. }
        | Rejection::InsufficientBonuses { .. }
        | Rejection::PremiumOverlaps { .. }
        | Rejection::PremiumNotActive
        | Rejection::OccurredInFuture { .. }
        | Rejection::PolicyInThePast { .. }
        | Rejection::PeriodInThePast { .. }
        | Rejection::PeriodReversed
        | Rejection::HoldLapsed
        | Rejection::WrongBusiness
        | Rejection::OverRedeemLimit { .. }
        | Rejection::RefundExceedsPurchase { .. }
        | Rejection::TooManyWaiting
        | Rejection::AmountOutOfRange => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// The facts of a refusal, by name.
pub(super) fn facts_of(rejection: &Rejection) -> Value {
    match rejection {
        Rejection::PolicyParameters { wrong } => {
            said_of(wrong.iter().map(|(name, message)| (format!("parameters.{name}"), message)))
        }
        Rejection::ChainDefinition { wrong } | Rejection::OfferDefinition { wrong } => {
            said_of(wrong.iter().map(|(field, message)| (field.clone(), message)))
        }
        Rejection::ChainState { state } => json!({ "state": state.as_str() }),
        Rejection::OfferState { state } => json!({ "state": state.as_str() }),
        Rejection::ChainVersion { newest } | Rejection::OfferVersion { newest } => {
            json!({ "version": newest })
        }
        Rejection::OfferOver { to, now } => json!({ "to": to, "now": now }),
        Rejection::ChainConsentMissing { of } => json!({ "businesses": of }),
        Rejection::OccurredInFuture { occurred_at, now, limit_minutes } => {
            json!({ "occurred_at": occurred_at, "now": now, "limit_minutes": limit_minutes })
        }
        Rejection::PolicyInThePast { effective_from, now } => {
            json!({ "effective_from": effective_from, "now": now })
        }
        Rejection::OverRedeemLimit { asked, limit, minimum } => {
            json!({ "asked": asked, "limit": limit, "minimum": minimum })
        }
        Rejection::MergeNotPossible { because } => json!({ "because": because.as_str() }),
        Rejection::InsufficientBonuses { asked, available } => {
            json!({ "asked": asked, "available": available })
        }
        Rejection::CouponNotYetValid { valid_from } => json!({ "valid_from": valid_from }),
        Rejection::CouponMinBill { min_bill } => json!({ "min_bill": min_bill }),
        Rejection::IdentityCooldown { until } => json!({ "until": until }),
        Rejection::RequestNotExtendable { due_at } => json!({ "due_at": due_at }),
        Rejection::CouponStatusRequired { statuses } => json!({ "statuses": statuses }),
        Rejection::RefundExceedsPurchase { asked, left } => json!({ "asked": asked, "left": left }),
        Rejection::PremiumOverlaps { from, to } => json!({ "from": from, "to": to }),
        Rejection::PeriodInThePast { from, now } => json!({ "from": from, "now": now }),
        _ => json!({}),
    }
}

/// Messages by field, as for what is not well formed.
fn said_of<'a>(wrong: impl Iterator<Item = (String, &'a String)>) -> Value {
    let mut errors = FieldErrors::default();
    for (field, message) in wrong {
        errors.add(&field, message);
    }
    serde_json::to_value(errors).unwrap_or_default()
}
