//! Decisions about businesses: registering one, changing its name and terms, setting a multiplier for a period.

use chrono::TimeDelta;

use super::Businesses;
use super::event::{
    BusinessMultiplierSet, BusinessRegistered, BusinessRenamed, BusinessTermsChanged, RefundWaiting, Terms,
};
use crate::category::{Category, Confidentiality};
use crate::context::Context;
use crate::ids::{BusinessId, PurchaseId, Slug};
use crate::log::Event;
use crate::member::refund::Refund;
use crate::rate::{Multiplier, Rate};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// Register a business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterBusiness {
    /// A fresh id.
    pub business_id: BusinessId,
    /// Its short name, unique.
    pub slug: Slug,
    /// Its name as members see it.
    pub name: String,
    /// What it does.
    pub category: Category,
    /// Whether a visit is a medical secret.
    pub confidentiality: Confidentiality,
    /// Its first terms.
    pub terms: Terms,
}

/// Change a business; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeBusiness {
    /// The business.
    pub business_id: BusinessId,
    /// A new name.
    pub name: Option<String>,
    /// A new multiplier outside of special periods. Rule B3.
    pub cashback_multiplier: Option<Multiplier>,
    /// New days until a lot earned here is available. Rule B5.
    pub hold_days: Option<u32>,
    /// A new largest share of a bill paid in bonuses. Rule R2.
    pub max_redeem_share: Option<Rate>,
    /// New systems that report its purchases, the primary one first. Rule D5.
    pub purchase_sources: Option<Vec<String>>,
}

/// Set a multiplier for a period. Rule B3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetMultiplier {
    /// The business.
    pub business_id: BusinessId,
    /// The first moment of the period; not in the past (as Rule P2).
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
    /// The multiplier.
    pub value: Multiplier,
}

/// Let a refund wait for its purchase. Rule D4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitForPurchase {
    /// The business.
    pub business_id: BusinessId,
    /// The purchase, when it comes.
    pub purchase_id: PurchaseId,
    /// The refund.
    pub refund: Refund,
}

/// How many refunds of one business may wait at a time.
const WAITING_MAX: usize = 10_000;

/// Decides that a refund of a purchase nobody has reported waits for it. Rule D4.
///
/// # Errors
/// Its form; a business nobody knows; too many of them wait.
pub fn wait_for_purchase(command: &WaitForPurchase, context: &Context<'_>) -> Result<Vec<Event>, Rejection> {
    let now = context.recorded_at;
    command.refund.check_form(context)?;
    let business = context.business(command.business_id)?;
    if business.waiting(now) >= WAITING_MAX {
        return Err(Rejection::TooManyWaiting);
    }
    let days = context.policy_at(now)?.parameters.purchase_orphan_days;
    let waiting = RefundWaiting {
        business_id: command.business_id,
        purchase_id: command.purchase_id,
        refund_id: command.refund.refund_id,
        amount: command.refund.amount,
        occurred_at: command.refund.occurred_at,
        reported_at: now,
        waits_until: now.plus(TimeDelta::days(i64::from(days))),
    };
    Ok(vec![waiting.into()])
}

/// Decides a registration.
///
/// # Errors
/// [`Rejection::SlugTaken`].
pub fn register(businesses: &Businesses, command: &RegisterBusiness) -> Result<Vec<Event>, Rejection> {
    if businesses.by_slug(&command.slug).is_some() {
        return Err(Rejection::SlugTaken);
    }
    let registered = BusinessRegistered {
        business_id: command.business_id,
        slug: command.slug.clone(),
        name: command.name.clone(),
        category: command.category,
        confidentiality: command.confidentiality,
        terms: command.terms.clone(),
    };
    Ok(vec![registered.into()])
}

/// Decides a change; a change to what already is writes nothing.
///
/// # Errors
/// [`Rejection::BusinessNotFound`].
pub fn change(
    businesses: &Businesses,
    command: &ChangeBusiness,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let business = businesses.get(command.business_id).ok_or(Rejection::BusinessNotFound)?;
    let business_id = business.business_id;
    let mut events = Vec::new();
    if let Some(name) = command.name.as_ref().filter(|name| **name != business.name) {
        events.push(BusinessRenamed { business_id, name: name.clone() }.into());
    }
    let old = business.terms_at(now);
    let terms = Terms {
        cashback_multiplier: command.cashback_multiplier.or(old.cashback_multiplier),
        hold_days: command.hold_days.or(old.hold_days),
        max_redeem_share: command.max_redeem_share.or(old.max_redeem_share),
        purchase_sources: command.purchase_sources.clone().unwrap_or_else(|| old.purchase_sources.clone()),
    };
    if terms != *old {
        events.push(BusinessTermsChanged { business_id, effective_from: now, terms }.into());
    }
    Ok(events)
}

/// Decides a multiplier period.
///
/// # Errors
/// [`Rejection::BusinessNotFound`], [`Rejection::PeriodInThePast`], [`Rejection::PeriodReversed`].
pub fn set_multiplier(
    businesses: &Businesses,
    command: &SetMultiplier,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let business = businesses.get(command.business_id).ok_or(Rejection::BusinessNotFound)?;
    if command.to <= command.from {
        return Err(Rejection::PeriodReversed);
    }
    if command.from < now {
        return Err(Rejection::PeriodInThePast { from: command.from, now });
    }
    let set = BusinessMultiplierSet {
        business_id: business.business_id,
        from: command.from,
        to: command.to,
        value: command.value,
        offer_id: None,
    };
    Ok(vec![set.into()])
}
