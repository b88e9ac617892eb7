//! Giving money back for a purchase: what returns to her, what is taken back. Rules F1–F4, F6.
//!
//! Every amount is a difference of two cumulative ones, each rounded once, so that a refund in parts comes to the same as
//! one refund of their sum.

use chrono::TimeDelta;

use super::command::{MemberOutcome, RefundPurchase};
use super::debt::{settle, settle_on};
use super::decide::write_due;
use super::draft::Draft;
use super::extras::net;
use super::purchase_file::{ByFunder, OwnLot, PurchaseFile};
use super::redemption::{part_of, spendable};
use super::review::after_refund;
use super::shares::{Due, Share};
use super::working::Working;
use crate::category::Confidentiality;
use crate::context::Context;
use crate::ids::{LotId, RefundId};
use crate::member::event::{
    BonusReturned, BonusTakenBack, CouponRevoked, DebtIncurred, ExpiredPart, FromChain, HeldPart, Holding,
    LotPart, OtherPart, OwnPart, PurchaseRefunded, WaitingRefundDropped,
};
use crate::member::lot::{Funder, Lot};
use crate::member::state::{LiveLot, MemberState};
use crate::money::{Bonuses, REQUEST_KOPECKS_MAX, Roubles};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// What a business gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refund {
    /// The refund.
    pub refund_id: RefundId,
    /// How much.
    pub amount: Roubles,
    /// When. Rule T1.
    pub occurred_at: Timestamp,
}

impl Refund {
    /// Form, in the order of refusals.
    ///
    /// # Errors
    /// A time in the future (Rule T3); an amount that no bill has.
    pub fn check_form(&self, context: &Context<'_>) -> Result<(), Rejection> {
        let now = context.recorded_at;
        let limit_minutes = context.policy_at(now)?.parameters.purchase_future_minutes;
        if self.occurred_at > now.plus(TimeDelta::minutes(i64::from(limit_minutes))) {
            return Err(Rejection::OccurredInFuture { occurred_at: self.occurred_at, now, limit_minutes });
        }
        if !self.amount.is_positive() || self.amount.kopecks() > REQUEST_KOPECKS_MAX {
            return Err(Rejection::AmountOutOfRange);
        }
        Ok(())
    }
}

/// What a refund came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refunded {
    pub(super) taken_back: Bonuses,
    pub(super) returned: Bonuses,
}

/// Decides a refund of a recorded purchase.
///
/// # Errors
/// In this order: the form; a purchase of another business, which is as unknown; more than is left of it (Rule F1).
pub(super) fn refund(
    state: &MemberState,
    command: &RefundPurchase,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    command.refund.check_form(context)?;
    if command.file.business_id != command.business_id {
        return Err(Rejection::PurchaseNotFound);
    }
    let left = command.file.left();
    if command.refund.amount > left {
        return Err(Rejection::RefundExceedsPurchase { asked: command.refund.amount, left });
    }
    write_due(state, context, draft)?;
    let mut file = command.file.clone();
    // What is due may have ended a lot of this purchase.
    draft.events.iter().for_each(|new| file.see(&new.event));
    let mut working = Working::after(state, draft)?;
    let done = give_back(&mut working, &file, &command.refund, context)?;
    after_refund(&mut working, file.confidentiality, context)?;
    let debt = working.state.debt().ok_or(Rejection::AmountOutOfRange)?;
    Ok(MemberOutcome::Refunded {
        refund_id: command.refund.refund_id,
        bonuses_taken_back: done.taken_back,
        bonuses_returned: done.returned,
        debt,
    })
}

/// Applies the refunds that waited for a purchase which `draft` records. Rule D4: one that is more than the purchase is
/// dropped, and says so.
///
/// # Errors
/// [`Rejection::AmountOutOfRange`] for what no fold takes.
pub(super) fn apply_waiting(
    state: &MemberState,
    waiting: &[Refund],
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<(), Rejection> {
    for refund in waiting {
        // Rules D4, F3: as if it came after the purchase, which pays older debts.
        settle(state, context, draft)?;
        let Some(file) = PurchaseFile::drawn_up(draft) else { return Ok(()) };
        let (refund_id, purchase_id, left) = (refund.refund_id, file.purchase_id, file.left());
        if refund.amount > left {
            let dropped = WaitingRefundDropped { refund_id, purchase_id, amount: refund.amount, left };
            draft.push(context.recorded_at, dropped.into());
            continue;
        }
        let mut working = Working::after(state, draft)?;
        give_back(&mut working, &file, refund, context)?;
        after_refund(&mut working, file.confidentiality, context)?;
    }
    Ok(())
}

/// The facts of one refund, which must not be more than is left of the purchase: what an amendment downwards is, too.
/// Rules F2, F4.
pub(super) fn give_back(
    working: &mut Working<'_>,
    file: &PurchaseFile,
    refund: &Refund,
    context: &Context<'_>,
) -> Result<Refunded, Rejection> {
    let refunded = PurchaseRefunded {
        refund_id: refund.refund_id,
        purchase_id: file.purchase_id,
        business_id: file.business_id,
        category: file.category,
        confidentiality: file.confidentiality,
        bought_at: file.bought_at,
        bill: file.bill,
        refunded_before: file.refunded,
        amount: refund.amount,
    };
    let cause = working.push(refund.occurred_at, refunded, None)?;
    let step = Step { file, refund_id: refund.refund_id, context, cause };
    let cumulative = file.refunded.checked_add(refund.amount).ok_or(Rejection::AmountOutOfRange)?;
    let reckoned = [file.coupon_at(file.refunded), file.coupon_at(cumulative)];
    let of_coupon = step.reckon(working, reckoned, None)?;
    if cumulative >= file.bill {
        revoke_triggered(working, &step)?;
    }
    let returned = step.return_spent(working, to_return(file, cumulative)?)?;
    let of_chain = file.cross_bonus_at(file.refunded).zip(file.cross_bonus_at(cumulative));
    let (before, after) = of_chain.ok_or(Rejection::AmountOutOfRange)?;
    let accrual = due_back(file.taken_back_at(file.refunded), file.taken_back_at(cumulative))?;
    let due = Due { accrual, coupon: of_coupon, cross_bonus: minus(before, after)? };
    // A till hears of its purchase, not of the one before it: of the accrual and the coupon.
    let taken_back = minus(step.take_back(working, due)?, due.cross_bonus)?;
    Ok(Refunded { taken_back, returned })
}

/// Rule F5: coupons that the purchase triggered and nobody has used are taken away when nothing is left of it. A used one
/// stays.
pub(super) fn revoke_triggered(working: &mut Working<'_>, step: &Step<'_>) -> Result<(), Rejection> {
    let now = step.context.recorded_at;
    let is_its = |from: &FromChain| from.purchase_id == step.file.purchase_id;
    let open = working.state.open_coupons().map(|open| &open.issued);
    let its = open.filter(|issued| now <= issued.expires_at && issued.chain.as_deref().is_some_and(is_its));
    let revoked: Vec<CouponRevoked> = its
        .map(|issued| CouponRevoked {
            coupon_id: issued.coupon_id,
            business_id: issued.business_id,
            confidentiality: issued.confidentiality,
            reason_id: None,
            refund_id: Some(step.refund_id),
        })
        .collect();
    for fact in revoked {
        working.push(now, fact, Some(step.cause))?;
    }
    Ok(())
}

/// What comes back of what the purchase was paid with, once so much of its bill is refunded. Rule F4.
pub(super) fn to_return(file: &PurchaseFile, refunded: Roubles) -> Result<Bonuses, Rejection> {
    let redeemed = file.redeemed().ok_or(Rejection::AmountOutOfRange)?;
    let stays = net(file.kept, file.bill, refunded).ok_or(Rejection::AmountOutOfRange)?;
    Ok(minus(redeemed, stays)?.max(Bonuses::ZERO))
}

/// By funder, what is taken back more than before.
fn due_back(before: Option<ByFunder>, after: Option<ByFunder>) -> Result<ByFunder, Rejection> {
    let (before, after) = before.zip(after).ok_or(Rejection::AmountOutOfRange)?;
    Ok(ByFunder {
        business: minus(after.business, before.business)?,
        coalition: minus(after.coalition, before.coalition)?,
    })
}

pub(super) fn minus(one: Bonuses, other: Bonuses) -> Result<Bonuses, Rejection> {
    one.checked_sub(other).ok_or(Rejection::AmountOutOfRange)
}

/// One refund, or revision, of one purchase.
pub(super) struct Step<'a> {
    pub(super) file: &'a PurchaseFile,
    pub(super) refund_id: RefundId,
    pub(super) context: &'a Context<'a>,
    pub(super) cause: usize,
}

impl Step<'_> {
    /// Rule F4: what was spent goes to where it came from, the last spent first. Rule F3: it pays what was owed before, and
    /// only then is an accrual taken back.
    pub(super) fn return_spent(
        &self,
        working: &mut Working<'_>,
        amount: Bonuses,
    ) -> Result<Bonuses, Rejection> {
        if !amount.is_positive() {
            return Ok(Bonuses::ZERO);
        }
        let file = self.file;
        let now = self.context.recorded_at;
        let (alive, past): (Vec<_>, Vec<_>) =
            self.last_spent(amount)?.into_iter().partition(|held| now <= held.expires_at);
        let past_life: Vec<LotPart> = past.into_iter().map(|held| held.part).collect();
        let secret = past_life.iter().any(|part| part.confidentiality == Confidentiality::Medical);
        let returned = BonusReturned {
            refund_id: self.refund_id,
            purchase_id: file.purchase_id,
            business_id: file.business_id,
            business: file.business.clone(),
            confidentiality: if secret { Confidentiality::Medical } else { file.confidentiality },
            amount,
            parts: alive,
            instead: self.instead(&past_life)?,
            past_life,
            expired_to: self.context.policy_at(now)?.parameters.bonus_expired_to,
        };
        working.push(now, returned, Some(self.cause))?;
        settle_on(working, self.context, Some(self.cause))?;
        Ok(amount)
    }

    /// The parts that `amount` came from, the last spent first.
    fn last_spent(&self, amount: Bonuses) -> Result<Vec<HeldPart>, Rejection> {
        let (mut rest, mut parts) = (amount, Vec::new());
        for held in self.file.spent.iter().rev() {
            let give = held.part.amount.min(rest);
            if give.is_positive() {
                rest = minus(rest, give)?;
                let part = LotPart { amount: give, ..held.part.clone() };
                parts.push(HeldPart { part, ..held.clone() });
            }
        }
        Ok(parts)
    }

    /// The coalition's lot for what had been of lots past their life. Rule F4.
    fn instead(&self, past_life: &[LotPart]) -> Result<Option<Lot>, Rejection> {
        let now = self.context.recorded_at;
        let amount = Bonuses::checked_sum(past_life.iter().map(|part| part.amount));
        let amount = amount.ok_or(Rejection::AmountOutOfRange)?;
        let days = self.context.policy_at(now)?.parameters.bonus_returned_life_days;
        Ok(amount.is_positive().then(|| Lot {
            lot_id: LotId::returned_by(self.refund_id),
            funder: Funder::Coalition,
            amount,
            opens: Holding::Available,
            available_from: now,
            expires_at: now.moscow_day().plus_days(days).end(),
        }))
    }

    /// Rule F2: own lots first, then others in the order of spending, then debt; the business's share before the
    /// coalition's, of each the accrual's before the coupon's, and that before the chain's.
    pub(super) fn take_back(&self, working: &mut Working<'_>, due: Due) -> Result<Bonuses, Rejection> {
        let amount = due.total().ok_or(Rejection::AmountOutOfRange)?;
        if !amount.is_positive() {
            return Ok(Bonuses::ZERO);
        }
        let mut shares = Share::all(self.file, due);
        let (own, expired) = self.own(&working.state, &mut shares)?;
        let others = self.others(&working.state, &own, &mut shares)?;
        let file = self.file;
        let taken = BonusTakenBack {
            refund_id: self.refund_id,
            purchase_id: file.purchase_id,
            business_id: file.business_id,
            confidentiality: file.confidentiality,
            accrual: file.accrual,
            amount,
            of_secret: due.of_secret(file),
            own,
            expired,
            others,
        };
        let now = self.context.recorded_at;
        working.push(now, taken, Some(self.cause))?;
        for share in shares.iter().filter(|share| share.rest.is_positive()) {
            let owed = DebtIncurred {
                refund_id: self.refund_id,
                purchase_id: file.purchase_id,
                business_id: file.business_id,
                confidentiality: share.confidentiality(file),
                lot_id: share.lot_id(file),
                creditor: share.funder.clone(),
                amount: share.rest,
            };
            working.push(now, owed, Some(self.cause))?;
        }
        Ok(amount)
    }

    /// What the purchase's own lots give: what is left of them, pending or available, and what of them has expired.
    fn own(
        &self,
        state: &MemberState,
        shares: &mut [Share],
    ) -> Result<(Vec<OwnPart>, Vec<ExpiredPart>), Rejection> {
        let (mut own, mut expired) = (Vec::new(), Vec::new());
        for share in shares {
            let lots: Vec<&OwnLot> = self.file.lots.iter().filter(|lot| share.has(lot)).collect();
            for lot in lots {
                let live = state.lot_orders.get(&lot.lot_id).and_then(|order| state.lots.get(order));
                let take = live.map_or(Bonuses::ZERO, |live| live.left.min(share.rest));
                if let Some(live) = live.filter(|_| take.is_positive()) {
                    share.rest = minus(share.rest, take)?;
                    let part = part_of(live, take, share.confidentiality(self.file));
                    own.push(OwnPart { part, holding: live.holding });
                }
                let counts = lot.expired.min(share.rest);
                if counts.is_positive() {
                    share.rest = minus(share.rest, counts)?;
                    expired.push(ExpiredPart { lot_id: lot.lot_id, amount: counts });
                }
            }
        }
        Ok((own, expired))
    }

    /// What other lots give, beyond what `own` has taken. Rule B7.
    fn others(
        &self,
        state: &MemberState,
        own: &[OwnPart],
        shares: &mut [Share],
    ) -> Result<Vec<OtherPart>, Rejection> {
        let taken_of = |lot: &LiveLot| own.iter().find(|own| own.part.lot_id == lot.lot_id);
        let mut others = Vec::new();
        for (_, lot) in spendable(state, self.context.recorded_at) {
            let taken = taken_of(lot).map_or(Bonuses::ZERO, |own| own.part.amount);
            let mut left = minus(lot.left, taken)?;
            for share in shares.iter_mut() {
                let take = left.min(share.rest);
                if take.is_positive() {
                    (left, share.rest) = (minus(left, take)?, minus(share.rest, take)?);
                    let part = part_of(lot, take, share.confidentiality(self.file));
                    others.push(OtherPart { creditor: share.funder.clone(), part });
                }
            }
        }
        Ok(others)
    }
}
