//! Coupons: given, made ready with a code, used with a purchase, taken away. Rules C.

use chrono::TimeDelta;

use super::command::{MemberOutcome, PurchaseDocument};
use super::coupons::OpenCoupon;
use super::decide::write_due;
use super::draft::Draft;
use crate::business::Business;
use crate::context::Context;
use crate::ids::{BusinessId, CouponId, LotId, NaturalKey, ReasonId};
use crate::member::event::{
    CouponActivated, CouponBenefit, CouponConditions, CouponIssued, CouponRedeemed, CouponRevoked, Holding,
    PurchaseRecorded,
};
use crate::member::lot::{Funder, Lot};
use crate::member::state::MemberState;
use crate::member::status::Status;
use crate::money::{REQUEST_KOPECKS_MAX, Roubles};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// How many open coupons of one business a member can have: her state holds each.
pub const OPEN_COUPONS_MAX: usize = 50;

/// Who gives a coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenBy {
    /// The business, or an admin, to this member.
    Hand,
    /// A chain or an offer.
    Promotion,
}

impl GivenBy {
    /// Who gave this one.
    pub(super) const fn of(issued: &CouponIssued) -> Self {
        if issued.chain.is_some() || issued.offer.is_some() { Self::Promotion } else { Self::Hand }
    }
}

/// Who bears a coupon. Rule C4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FundedBy {
    /// The business that it is for.
    Business,
    /// The coalition.
    Coalition,
}

/// A business, or an admin for it, gives a member a coupon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueCoupon {
    /// The coupon.
    pub coupon_id: CouponId,
    /// Where it can be used.
    pub business_id: BusinessId,
    /// What it gives.
    pub gives: CouponBenefit,
    /// With which purchases.
    pub conditions: CouponConditions,
    /// The last moment at which it is good.
    pub expires_at: Timestamp,
    /// Who bears it.
    pub funded_by: FundedBy,
    /// The vault's text that describes it.
    pub description: Option<ReasonId>,
    /// The vault's text that says what a gift is.
    pub gift: Option<ReasonId>,
}

/// She asks for a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivateCoupon {
    /// For which coupon.
    pub coupon_id: CouponId,
    /// The keyed hash of a fresh code, which nobody else has.
    pub code: NaturalKey,
    /// Until when nobody else gets it.
    pub reserved_until: Timestamp,
}

/// Decides a coupon.
///
/// # Errors
/// In this order: a business nobody knows; a stranger, or a member who has not consented to it; an amount that no coupon
/// has; an end that is past, or before its beginning; too many that are open.
pub(super) fn issue(
    state: &MemberState,
    command: &IssueCoupon,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let now = context.recorded_at;
    let business = context.business(command.business_id)?;
    if !state.lets_report(business) {
        return Err(Rejection::MemberNotFound);
    }
    let fits = |kopecks: i64| (1..=REQUEST_KOPECKS_MAX).contains(&kopecks);
    let (value, cap) = match &command.gives {
        CouponBenefit::DiscountFixed { value } => (Some(value.kopecks()), None),
        CouponBenefit::DiscountPercent { cap, .. } => (None, cap.map(Roubles::kopecks)),
        CouponBenefit::Bonus { value } => (Some(value.kopecks()), None),
        CouponBenefit::Gift {} => (None, None),
    };
    if ![value, cap].into_iter().flatten().all(fits) {
        return Err(Rejection::AmountOutOfRange);
    }
    let from = command.conditions.valid_from.unwrap_or(now).max(now);
    if command.expires_at < from {
        return Err(Rejection::PeriodReversed);
    }
    if !state.has_room_for(business.business_id, GivenBy::Hand, now) {
        return Err(Rejection::TooManyCoupons);
    }
    write_due(state, context, draft)?;
    let issued = CouponIssued {
        coupon_id: command.coupon_id,
        business_id: business.business_id,
        business: business.slug.clone(),
        confidentiality: business.confidentiality,
        gives: command.gives.clone(),
        conditions: command.conditions.clone(),
        expires_at: command.expires_at,
        funded_by: match command.funded_by {
            FundedBy::Business => Funder::Business(business.slug.clone()),
            FundedBy::Coalition => Funder::Coalition,
        },
        description: command.description,
        gift: command.gift,
        chain: None,
        offer: None,
    };
    draft.push(now, issued.into());
    Ok(MemberOutcome::CouponIssued { coupon_id: command.coupon_id })
}

/// The coupon, if it can still be used now.
fn open(state: &MemberState, id: CouponId, now: Timestamp) -> Result<&OpenCoupon, Rejection> {
    let open = state.coupons.get(&id).filter(|open| now <= open.issued.expires_at);
    open.ok_or(Rejection::CouponClosed)
}

/// Makes a coupon ready: a fresh code, or the one that is still good. One that has lapsed is followed by another as long as
/// the coupon lives. Rule C2.
///
/// # Errors
/// A coupon that was used, has expired or was revoked.
pub(super) fn activate(
    state: &MemberState,
    command: &ActivateCoupon,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let now = context.recorded_at;
    let ActivateCoupon { coupon_id, code, reserved_until } = *command;
    let coupon = open(state, coupon_id, now)?;
    write_due(state, context, draft)?;
    if let Some(good) = coupon.activation.filter(|activation| now <= activation.valid_until) {
        return Ok(MemberOutcome::CouponActivated {
            coupon_id,
            code: good.code,
            valid_until: good.valid_until,
        });
    }
    let days = i64::from(context.policy_at(now)?.parameters.coupon_activation_days);
    let valid_until = coupon.issued.expires_at.min(now.plus(TimeDelta::days(days))).min(reserved_until);
    let CouponIssued { business_id, confidentiality, .. } = coupon.issued;
    draft.push(now, CouponActivated { coupon_id, business_id, confidentiality, code, valid_until }.into());
    Ok(MemberOutcome::CouponActivated { coupon_id, code, valid_until })
}

/// Takes a coupon away.
///
/// # Errors
/// A coupon that was used, has expired or was revoked.
pub(super) fn revoke(
    state: &MemberState,
    (coupon_id, reason_id): (CouponId, ReasonId),
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let now = context.recorded_at;
    let CouponIssued { business_id, confidentiality, .. } = open(state, coupon_id, now)?.issued;
    write_due(state, context, draft)?;
    let (reason_id, refund_id) = (Some(reason_id), None);
    draft.push(now, CouponRevoked { coupon_id, business_id, confidentiality, reason_id, refund_id }.into());
    Ok(MemberOutcome::CouponRevoked { coupon_id })
}

/// A coupon that a purchase may use.
pub(super) struct Taken<'a> {
    issued: &'a CouponIssued,
    code: NaturalKey,
    status: Status,
    new_customer: bool,
    /// What comes off the bill.
    pub(super) discount: Roubles,
}

impl<'a> Taken<'a> {
    /// The coupon that `document`, a purchase at `business`, names. As a hold, it must be good when the log takes the
    /// purchase; her `status` is the one that pays.
    ///
    /// # Errors
    /// One refusal for a code that is not good, whatever the reason; then, in this order, each condition of Rule C3.
    pub(super) fn by(
        state: &'a MemberState,
        document: &PurchaseDocument,
        (business, status): (&Business, Status),
        now: Timestamp,
    ) -> Result<Option<Self>, Rejection> {
        let Some(code) = document.coupon_code.filter(|_| !document.cancelled) else { return Ok(None) };
        let is_it = |open: &&OpenCoupon| {
            let is_code = open.activation.is_some_and(|it| it.code == code && now <= it.valid_until);
            is_code && open.issued.business_id == business.business_id && now <= open.issued.expires_at
        };
        let issued = &state.open_coupons().find(is_it).ok_or(Rejection::CouponNotValid)?.issued;
        let conditions = &issued.conditions;
        if let Some(valid_from) = conditions.valid_from.filter(|from| now < *from) {
            return Err(Rejection::CouponNotYetValid { valid_from });
        }
        if let Some(min_bill) = conditions.min_bill.filter(|min_bill| document.amount < *min_bill) {
            return Err(Rejection::CouponMinBill { min_bill });
        }
        let new_customer = state.is_new_customer(business.business_id, business.confidentiality);
        if conditions.new_customers_only && !new_customer {
            return Err(Rejection::CouponNewCustomersOnly);
        }
        if !conditions.statuses.is_empty() && !conditions.statuses.contains(&status) {
            return Err(Rejection::CouponStatusRequired { statuses: conditions.statuses.clone() });
        }
        if !conditions.with_bonuses && document.redemption_id.is_some() {
            return Err(Rejection::CouponNotWithBonuses);
        }
        let discount = issued.gives.discount(document.amount).ok_or(Rejection::AmountOutOfRange)?;
        Ok(Some(Self { issued, code, status, new_customer, discount }))
    }

    /// The coupon.
    pub(super) const fn id(&self) -> CouponId {
        self.issued.coupon_id
    }

    /// Its use, with the lot of what it gives: without a hold, living as long as a gift. Rules B5, C1.
    pub(super) fn fact(
        &self,
        purchase: &PurchaseRecorded,
        context: &Context<'_>,
    ) -> Result<CouponRedeemed, Rejection> {
        let Self { issued, code, status, new_customer, discount } = *self;
        let now = context.recorded_at;
        let amount = issued.gives.bonuses(purchase.amount);
        let life = context.policy_at(now)?.parameters.bonus_life_days;
        let lot = amount.is_positive().then(|| Lot {
            lot_id: LotId::of_coupon(purchase.purchase_id),
            funder: issued.funded_by.clone(),
            amount,
            opens: Holding::Available,
            available_from: now,
            expires_at: now.moscow_day().plus_days(life).end(),
        });
        Ok(CouponRedeemed {
            coupon_id: issued.coupon_id,
            purchase_id: purchase.purchase_id,
            business_id: purchase.business_id,
            business: purchase.business.clone(),
            confidentiality: purchase.confidentiality,
            code,
            gives: issued.gives.clone(),
            funded_by: issued.funded_by.clone(),
            bill: purchase.amount,
            status,
            new_customer,
            discount,
            lot,
        })
    }
}
