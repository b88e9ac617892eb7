//! Paying with bonuses: a hold, then its capture by a purchase, its cancellation or its end. Rules R.

use chrono::TimeDelta;
use rust_decimal::RoundingStrategy;
use rust_decimal::prelude::ToPrimitive;

use super::command::{HoldBonuses, MemberOutcome};
use super::decide::write_due;
use super::draft::Draft;
use super::holds::OpenHold;
use super::working::Working;
use crate::business::Business;
use crate::category::Confidentiality;
use crate::context::Context;
use crate::ids::{BusinessId, LotId, RedemptionId};
use crate::member::event::{
    BonusExpired, BonusesHeld, BonusesRedeemed, HeldPart, HoldEnd, HoldReleased, Holding, LotPart,
};
use crate::member::state::{LiveLot, MemberState, SpendOrder};
use crate::money::{Bonuses, REQUEST_KOPECKS_MAX, Roubles};
use crate::policy::Policy;
use crate::rate::Rate;
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// The largest share of a bill that may be paid in bonuses at `business`: its own, else the policy's. Rule R2.
fn max_share(business: &Business, policy: &Policy, at: Timestamp) -> Rate {
    business.terms_at(at).max_redeem_share.unwrap_or(policy.parameters.redeem_max_share)
}

/// That share of `bill`, down to whole kopecks: never more than the share.
fn share_of(bill: Roubles, share: Rate) -> Option<Bonuses> {
    let exact =
        bill.to_decimal().checked_mul(share.to_decimal())?.checked_mul(rust_decimal::Decimal::ONE_HUNDRED)?;
    exact.round_dp_with_strategy(0, RoundingStrategy::ToZero).to_i64().map(Bonuses::from_kopecks)
}

/// The most of a bill that bonuses pay: the share is of the whole bill (Rule R3), the coupon comes off first (Rule C4), and no
/// more is left to be paid. `None` when that does not fit.
pub(super) fn limit_of(bill: Roubles, discount: Roubles, share: Rate) -> Option<Bonuses> {
    let left = bill.checked_sub(discount)?;
    Some(share_of(bill, share)?.min(Bonuses::from_kopecks(left.kopecks())))
}

/// Whether so much may be asked for. Rule R2.
///
/// # Errors
/// [`Rejection::OverRedeemLimit`].
pub(super) fn check_amount(asked: Bonuses, limit: Bonuses, minimum: Roubles) -> Result<(), Rejection> {
    if asked > limit || asked.face_value() < minimum {
        return Err(Rejection::OverRedeemLimit { asked, limit, minimum });
    }
    Ok(())
}

/// What is spendable now, in the order of spending. Rules B6, B7.
pub(super) fn spendable(
    state: &MemberState,
    now: Timestamp,
) -> impl Iterator<Item = (&SpendOrder, &LiveLot)> {
    let is_good = move |lot: &LiveLot| {
        lot.holding == Holding::Available && now <= lot.expires_at && lot.left.is_positive()
    };
    state.lots.iter().filter(move |(_, lot)| is_good(lot))
}

/// `amount` of `lot`, for a fact about a business whose visits are `secret` or not. Design J6: what a lot has to do with a
/// clinic makes the rest of its story one too.
pub(super) fn part_of(lot: &LiveLot, amount: Bonuses, secret: Confidentiality) -> LotPart {
    let confidentiality = match (lot.confidentiality, secret) {
        (Confidentiality::Ordinary, Confidentiality::Ordinary) => Confidentiality::Ordinary,
        (Confidentiality::Medical, _) | (_, Confidentiality::Medical) => Confidentiality::Medical,
    };
    LotPart { lot_id: lot.lot_id, origin: lot.origin, confidentiality, funder: lot.funder.clone(), amount }
}

/// The same with what makes such a lot anew ([`LiveLot::anew`]).
pub(super) fn held_part(
    (order, lot): (&SpendOrder, &LiveLot),
    amount: Bonuses,
    secret: Confidentiality,
) -> HeldPart {
    HeldPart {
        part: part_of(lot, amount, secret),
        available_from: lot.available_from,
        expires_at: lot.expires_at,
        opened_at: order.position,
    }
}

/// Decides a hold.
///
/// # Errors
/// In this order (Rule R4): a business nobody knows; a stranger, or a member who has not consented to it; a blocked one; one
/// whose phone changed a short while ago; more than the share of the bill, or less than the least; more than is available.
pub(super) fn hold(
    state: &MemberState,
    command: &HoldBonuses,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let now = context.recorded_at;
    let business = context.business(command.business_id)?;
    if !state.lets_report(business) {
        return Err(Rejection::MemberNotFound);
    }
    state.must_be_free()?;
    if let Some(until) = state.waits_to_spend(now) {
        return Err(Rejection::IdentityCooldown { until });
    }
    let policy = context.policy_at(now)?;
    let share = max_share(business, policy, now);
    let limit = share_of(command.bill_amount, share).ok_or(Rejection::AmountOutOfRange)?;
    check_amount(command.amount, limit, policy.parameters.redeem_min_amount)?;
    if command.bill_amount.kopecks() > REQUEST_KOPECKS_MAX {
        return Err(Rejection::AmountOutOfRange);
    }
    write_due(state, context, draft)?;
    let mut working = Working::after(state, draft)?;
    let parts = reserve(&working.state, command.amount, business.confidentiality, now)?;
    let lapses_at = now.plus(TimeDelta::minutes(i64::from(policy.parameters.redeem_hold_minutes)));
    let held = BonusesHeld {
        redemption_id: command.redemption_id,
        business_id: business.business_id,
        business: business.slug.clone(),
        confidentiality: business.confidentiality,
        bill_amount: command.bill_amount,
        max_share: share,
        amount: command.amount,
        lapses_at,
        parts,
    };
    working.draft().push(now, held.into());
    Ok(MemberOutcome::Held {
        redemption_id: command.redemption_id,
        held: command.amount,
        expires_at: lapses_at,
    })
}

/// The lots that give `amount`. Rule B7.
pub(super) fn reserve(
    state: &MemberState,
    amount: Bonuses,
    secret: Confidentiality,
    now: Timestamp,
) -> Result<Vec<HeldPart>, Rejection> {
    let (mut rest, mut parts) = (amount, Vec::new());
    for (order, lot) in spendable(state, now) {
        let take = lot.left.min(rest);
        if !take.is_positive() {
            break;
        }
        rest = rest.checked_sub(take).ok_or(Rejection::AmountOutOfRange)?;
        parts.push(held_part((order, lot), take, secret));
    }
    if rest.is_positive() {
        let available = amount.checked_sub(rest).ok_or(Rejection::AmountOutOfRange)?;
        return Err(Rejection::InsufficientBonuses { asked: amount, available });
    }
    Ok(parts)
}

/// The hold, if it is good now and at this business. Rule R4: not found, closed, lapsed, of another business.
fn open_hold(
    state: &MemberState,
    id: RedemptionId,
    business: BusinessId,
    now: Timestamp,
) -> Result<&OpenHold, Rejection> {
    let Some(hold) = state.holds.open.get(&id) else {
        return Err(match state.holds.closed.get(&id).map(|closed| closed.end) {
            None => Rejection::HoldNotFound,
            Some(HoldEnd::Captured | HoldEnd::Cancelled) => Rejection::HoldAlreadyClosed,
            Some(HoldEnd::Lapsed) => Rejection::HoldLapsed,
        });
    };
    if hold.lapses_at <= now {
        return Err(Rejection::HoldLapsed);
    }
    if hold.business_id != business {
        return Err(Rejection::WrongBusiness);
    }
    Ok(hold)
}

/// Calls a hold off.
///
/// # Errors
/// As [`open_hold`].
pub(super) fn cancel(
    state: &MemberState,
    (id, business): (RedemptionId, BusinessId),
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let now = context.recorded_at;
    let released = open_hold(state, id, business, now)?.amount().ok_or(Rejection::AmountOutOfRange)?;
    write_due(state, context, draft)?;
    let mut working = Working::after(state, draft)?;
    release(&mut working, id, HoldEnd::Cancelled, context, None)?;
    Ok(MemberOutcome::HoldCancelled { redemption_id: id, released })
}

/// Releases what a hold still has; what of it is past its life expires at once. Rule R1.
pub(super) fn release(
    working: &mut Working<'_>,
    id: RedemptionId,
    reason: HoldEnd,
    context: &Context<'_>,
    cause: Option<usize>,
) -> Result<(), Rejection> {
    let now = context.recorded_at;
    let Some(hold) = working.state.holds.open.get(&id) else { return Ok(()) };
    let parts: Vec<LotPart> = hold.parts.iter().map(|held| held.part.clone()).collect();
    let lots: Vec<LotId> = parts.iter().map(|part| part.lot_id).collect();
    let released = working.push(now, HoldReleased { redemption_id: id, reason, parts }, cause)?;
    for lot in lots {
        let lot = working.state.lot_orders.get(&lot).and_then(|order| working.state.lots.get(order));
        if let Some(lot) = lot.filter(|lot| now > lot.expires_at && lot.left.is_positive()) {
            let expired = expired(lot, lot.left, context)?;
            working.push(now, expired, Some(released))?;
        }
    }
    Ok(())
}

/// `amount` of `lot` expires. Rule B8.
pub(super) fn expired(
    lot: &LiveLot,
    amount: Bonuses,
    context: &Context<'_>,
) -> Result<BonusExpired, Rejection> {
    Ok(BonusExpired {
        lot_id: lot.lot_id,
        origin: lot.origin,
        confidentiality: lot.confidentiality,
        funder: lot.funder.clone(),
        amount,
        holding: lot.holding,
        expired_to: context.policy_for(lot.expires_at)?.0.parameters.bonus_expired_to,
    })
}

/// A capture that the rules allow. Rule R3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Capture {
    pub(super) redemption_id: RedemptionId,
    pub(super) amount: Bonuses,
    max_share: Rate,
    parts: Vec<HeldPart>,
}

/// What a purchase asks for in bonuses.
pub(super) struct ToPay {
    pub(super) redemption_id: RedemptionId,
    pub(super) redeem_amount: Option<Bonuses>,
    pub(super) bill: Roubles,
    /// What a coupon takes off the bill. Rule C4.
    pub(super) discount: Roubles,
}

/// Refuses a blocked member, after what is wrong with the hold that a purchase names. Rule R4.
///
/// # Errors
/// That, then as [`MemberState::must_be_free`].
pub(super) fn check_blocked(
    state: &MemberState,
    named: Option<RedemptionId>,
    business: &Business,
    now: Timestamp,
) -> Result<(), Rejection> {
    if let (true, Some(named)) = (state.is_barred(), named) {
        open_hold(state, named, business.business_id, now)?;
    }
    state.must_be_free()
}

/// Looks whether a purchase of `business` may be paid as it asks, and out of which lots.
///
/// # Errors
/// As [`open_hold`], then more than the share of the bill, then more than is held. Rules R3, R4.
pub(super) fn capture(
    state: &MemberState,
    asked: &ToPay,
    (business, policy, at): (&Business, &Policy, Timestamp),
    now: Timestamp,
) -> Result<Capture, Rejection> {
    let hold = open_hold(state, asked.redemption_id, business.business_id, now)?;
    let held = hold.amount().ok_or(Rejection::AmountOutOfRange)?;
    let max_share = max_share(business, policy, at);
    let limit = limit_of(asked.bill, asked.discount, max_share).ok_or(Rejection::AmountOutOfRange)?;
    if let Some(amount) = asked.redeem_amount {
        check_amount(amount, limit, policy.parameters.redeem_min_amount)?;
    }
    let amount = asked.redeem_amount.unwrap_or(held.min(limit));
    if amount > held {
        return Err(Rejection::InsufficientBonuses { asked: amount, available: held });
    }
    let mut rest = amount;
    let mut parts = Vec::new();
    for held in &hold.parts {
        let take = held.part.amount.min(rest);
        if !take.is_positive() {
            break;
        }
        rest = rest.checked_sub(take).ok_or(Rejection::AmountOutOfRange)?;
        let part = LotPart { amount: take, ..held.part.clone() };
        parts.push(HeldPart { part, ..held.clone() });
    }
    Ok(Capture { redemption_id: asked.redemption_id, amount, max_share, parts })
}

impl Capture {
    /// Writes it: what is paid, and the release of the rest.
    ///
    /// # Errors
    /// [`Rejection::AmountOutOfRange`] for what no fold takes.
    pub(super) fn write(
        self,
        state: &MemberState,
        purchase: &crate::member::event::PurchaseRecorded,
        context: &Context<'_>,
        (draft, cause): (&mut Draft, usize),
    ) -> Result<(), Rejection> {
        let mut working = Working::after(state, draft)?;
        if self.amount.is_positive() {
            let redeemed = BonusesRedeemed {
                redemption_id: self.redemption_id,
                purchase_id: purchase.purchase_id,
                business_id: purchase.business_id,
                business: purchase.business.clone(),
                confidentiality: purchase.confidentiality,
                max_share: self.max_share,
                amount: self.amount,
                parts: self.parts,
            };
            working.push(context.recorded_at, redeemed, Some(cause))?;
        }
        release(&mut working, self.redemption_id, HoldEnd::Captured, context, Some(cause))
    }
}
