//! What an offer gives a member of its audience: a coupon, once. See `offer/`.
//!
//! Whoever looks for the audience in a read model names a member; here is decided, on all that is true by now, whether she gets
//! the coupon. It goes to her stream and to the offer's in one append, so that no two members take the last of a limit or a
//! budget, whoever decides them. What she does not get today she may get tomorrow, so nothing is written then.

use chrono::TimeDelta;

use super::command::MemberOutcome;
use super::coupon::{GivenBy, OPEN_COUPONS_MAX};
use super::decide::write_due;
use super::draft::Draft;
use crate::business::{Business, Businesses};
use crate::category::Confidentiality;
use crate::context::Context;
use crate::ids::{BusinessId, CouponId, OfferId};
use crate::member::consent::Purpose;
use crate::member::event::{CouponConditions, CouponIssued, FromOffer};
use crate::member::lot::Funder;
use crate::member::state::MemberState;
use crate::money::Roubles;
use crate::offer::audience::{Audience, BoughtCategory, Segment};
use crate::offer::definition::{Definition, OfferCoupon, OfferFunder, OfferReward};
use crate::offer::event::OfferCouponIssued;
use crate::offer::{Offer, UsedUp};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// She may be one of those whom an offer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakeOffer {
    /// The offer.
    pub offer_id: OfferId,
    /// Which version of it.
    pub version: u32,
    /// The coupon, if she gets it.
    pub coupon_id: CouponId,
}

/// Why she gets nothing of an offer; in the order in which it is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhyNot {
    /// It is not published in this version, its dates are others, or it gives no coupons.
    NotOpen,
    /// So many coupons were given.
    Limit,
    /// Not enough is left of the budget.
    Budget,
    /// She has had it.
    Had,
    /// She is no member, or blocked.
    NotHer,
    /// She is none of those whom it is for, or does not consent to a profile that would tell.
    Audience,
    /// She has so many open coupons there.
    NoRoom,
}

/// Decides whether she gets the coupon. Nothing is no refusal.
///
/// # Errors
/// A log without policies; sums that do not fit.
pub(super) fn take(
    state: &MemberState,
    command: &TakeOffer,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let Ok((offer, coupon)) = gives(state, command, context) else {
        return Ok(MemberOutcome::Offered { coupon_id: None });
    };
    let TakeOffer { offer_id, version, coupon_id } = *command;
    let definition = &offer.definition;
    let business = context.business(definition.business_id)?;
    let (cost, issued, committed) = offer.with_one_more().map_err(|_| Rejection::AmountOutOfRange)?;
    write_due(state, context, draft)?;
    let now = context.recorded_at;
    let given = CouponIssued {
        coupon_id,
        business_id: business.business_id,
        business: business.slug.clone(),
        confidentiality: business.confidentiality,
        gives: coupon.gives.clone(),
        conditions: conditions(coupon, &definition.audience),
        expires_at: now.moscow_day().plus_days(coupon.life_days).end(),
        funded_by: match definition.funded_by {
            OfferFunder::Business => Funder::Business(business.slug.clone()),
            OfferFunder::Coalition => Funder::Coalition,
        },
        description: None,
        gift: None,
        chain: None,
        offer: Some(Box::new(FromOffer {
            offer_id,
            version,
            description: coupon.description,
            gift: coupon.gift,
        })),
    };
    let cause = draft.push(now, given.into());
    let counted = OfferCouponIssued { offer_id, version, coupon_id, cost, issued, committed };
    draft.push_caused(now, counted.into(), cause);
    Ok(MemberOutcome::Offered { coupon_id: Some(coupon_id) })
}

/// Who must be a new customer to have it must be one to use it.
fn conditions(coupon: &OfferCoupon, audience: &Audience) -> CouponConditions {
    CouponConditions {
        min_bill: coupon.min_bill,
        new_customers_only: audience.new_customers,
        statuses: Vec::new(),
        with_bonuses: coupon.with_bonuses,
        valid_from: None,
    }
}

/// The offer and its coupon, if she gets it as things are.
pub(crate) fn gives<'a>(
    state: &MemberState,
    command: &TakeOffer,
    context: &Context<'a>,
) -> Result<(&'a Offer, &'a OfferCoupon), WhyNot> {
    let now = context.recorded_at;
    let offer = context.registry.offers.get(command.offer_id).ok_or(WhyNot::NotOpen)?;
    let is_open = offer.version == command.version && offer.gives_coupons_at(now);
    let (true, OfferReward::Coupon { coupon }) = (is_open, &offer.definition.reward) else {
        return Err(WhyNot::NotOpen);
    };
    let Definition { business_id, audience, .. } = offer.definition.as_ref();
    let business = context.registry.businesses.get(*business_id).ok_or(WhyNot::NotOpen)?;
    match offer.with_one_more() {
        Err(UsedUp::Limit) => Err(WhyNot::Limit),
        Err(UsedUp::Budget) => Err(WhyNot::Budget),
        Ok(_) if state.has_had(offer.offer_id) => Err(WhyNot::Had),
        Ok(_) if !state.is_registered() || state.is_barred() => Err(WhyNot::NotHer),
        Ok(_) if !state.is_meant(audience, business, context) => Err(WhyNot::Audience),
        Ok(_) if !state.has_room_for(*business_id, GivenBy::Promotion, now) => Err(WhyNot::NoRoom),
        Ok(_) => Ok((offer, coupon)),
    }
}

impl MemberState {
    /// Whether the offer gave her, or an account that is one with hers, its coupon.
    pub(crate) fn has_had(&self, offer: OfferId) -> bool {
        self.all_books().any(|books| books.offers.contains(&offer))
    }

    /// Whether she can have one more coupon of the business: her state holds each. What it gives by hand has a room of its own,
    /// or a refusal would tell it what chains and offers gave her, and so what she did elsewhere.
    pub(super) fn has_room_for(&self, business: BusinessId, by: GivenBy, now: Timestamp) -> bool {
        let open = self.open_coupons().map(|open| &open.issued);
        let open = open.filter(|open| open.business_id == business && open.expires_at >= now);
        open.filter(|open| GivenBy::of(open) == by).count() < OPEN_COUPONS_MAX
    }

    /// Whether she is one of those whom an offer of `business` is for.
    #[must_use]
    pub fn is_meant(&self, audience: &Audience, business: &Business, context: &Context<'_>) -> bool {
        let now = context.recorded_at;
        let Audience { statuses, bought_category, rfm, new_customers } = audience;
        let is_of_status = statuses.is_empty() || statuses.contains(&self.status_at(now));
        let is_new = || self.is_new_customer(business.business_id, business.confidentiality);
        let is_customer = || self.segment_at(business, now).is_some_and(|segment| rfm.contains(&segment));
        let bought = |wanted| self.has_bought(wanted, business, (&context.registry.businesses, now));
        // What makes a profile of her habits needs her word.
        let is_allowed = !audience.is_profile() || self.consents_to(&Purpose::Profiling);
        is_of_status
            && is_allowed
            && (!new_customers || is_new())
            && (rfm.is_empty() || is_customer())
            && bought_category.as_ref().is_none_or(bought)
    }

    /// Which kind of customer she is, while she lets the business report; `None` for who is none. Never asked of a clinic.
    fn segment_at(&self, business: &Business, now: Timestamp) -> Option<Segment> {
        if business.confidentiality == Confidentiality::Medical || !self.lets_report(business) {
            return None;
        }
        Segment::of(self.bills_at(business), now)
    }

    /// Her bills at an ordinary business, net of refunds, by their moments.
    fn bills_at(&self, business: &Business) -> Vec<(Timestamp, Roubles)> {
        let of_books = self.all_books().flat_map(|books| {
            let sales = books.sales.at_business(business.business_id);
            sales.map(|(at, bill)| {
                let left = books.spend.net_at(at, business.category, business.confidentiality);
                (at, bill.min(left))
            })
        });
        of_books.collect()
    }

    /// Whether she bought something of these categories, at businesses that she lets report: of the offer's own category at its
    /// business alone.
    fn has_bought(
        &self,
        wanted: &BoughtCategory,
        business: &Business,
        (businesses, now): (&Businesses, Timestamp),
    ) -> bool {
        let after = now.minus(TimeDelta::days(i64::from(wanted.within_days)));
        let counts = |id: BusinessId| {
            let there = businesses.get(id).filter(|it| it.confidentiality == Confidentiality::Ordinary);
            there.is_some_and(|it| {
                let is_own = it.category != business.category || id == business.business_id;
                is_own && wanted.categories.contains(&it.category) && self.lets_report(it)
            })
        };
        let mut bought = self.all_books().flat_map(|books| books.sales.within(after, now));
        bought.any(counts)
    }
}
