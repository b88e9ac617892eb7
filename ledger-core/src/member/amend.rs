//! A newer revision of a purchase's document: amount up or down, cancelled, restored. Rules D2, D3, P5.
//!
//! However often a document is edited, the purchase ends like its newest revision posted once with the inputs of the
//! first, and the refunds of it after that: each revision writes the difference, funder by funder. What is taken back goes
//! the way of a refund (Rules F2–F4), what is added makes lots of the same life as the first ones.
//!
//! The moment of the purchase stays the first one's. What came back of the bonuses it was paid with is taken again when the
//! newest document is paid with it, as long as all of it still lies where it came back to (`taken_again.rs`).

use chrono::TimeDelta;

use super::accrual::{Life, Split, split};
use super::command::{CouponUse, MemberOutcome, PurchaseDocument, PurchaseOutcome};
use super::decide::write_due;
use super::draft::Draft;
use super::extras::{self, Reckoning};
use super::purchase::check_bill;
use super::purchase_file::{ByFunder, PurchaseFile};
use super::redemption::{check_amount, limit_of};
use super::refund::{Step, minus, revoke_triggered, to_return};
use super::review::after_refund;
use super::shares::Due;
use super::taken_again;
use super::working::Working;
use crate::business::Business;
use crate::context::Context;
use crate::ids::{LotId, RefundId};
use crate::member::event::{AccrualInputs, BonusAccrued, Holding, PurchaseAmended};
use crate::member::lot::{Funder, Lot};
use crate::member::state::MemberState;
use crate::money::{Bonuses, Roubles};
use crate::policy::Policy;
use crate::rejection::Rejection;

/// A newer revision of a known document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmendPurchase {
    /// The purchase as its facts say.
    pub file: PurchaseFile,
    /// The revision.
    pub document: PurchaseDocument,
}

/// Decides a newer revision of a recorded purchase's document.
///
/// # Errors
/// In this order: a business nobody knows; the form, as of a purchase; another hold than the purchase used, more bonuses
/// than it may be paid with or was (Rule R3), another coupon; a
/// bill below what was refunded of it (Rule F1); more for a member who is blocked. A member without the consent is answered
/// before all but the first of these, as a stranger would be.
pub(super) fn amend(
    state: &MemberState,
    command: &AmendPurchase,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let AmendPurchase { file, document } = command;
    let business = context.business(document.business_id)?;
    if !state.lets_report(business) {
        return Ok(MemberOutcome::Purchase(PurchaseOutcome::Unmatched));
    }
    check_bill(document, context)?;
    if document.redemption_id.is_some() && document.redemption_id != file.redemption_id {
        return Err(Rejection::HoldNotFound);
    }
    let there = taken_again::there(state, file, context)?;
    check_payment(file, document, there, context)?;
    if document.coupon_code.is_some() && document.coupon_code != file.coupon.as_ref().map(|used| used.code) {
        return Err(Rejection::CouponNotValid);
    }
    let fact = revised(file, document, there)?;
    let (before, after) = fact.counted();
    if !fact.cancelled && fact.bill < fact.refunded {
        let asked = file.bill.checked_sub(fact.bill).ok_or(Rejection::AmountOutOfRange)?;
        return Err(Rejection::RefundExceedsPurchase { asked, left: file.left() });
    }
    if after > before {
        state.must_be_free()?;
    }
    let life = revise(state, file, &fact, business, context, draft)?;
    Ok(MemberOutcome::Purchase(PurchaseOutcome::Recorded {
        purchase_id: file.purchase_id,
        bonuses_earned: fact.accrual,
        bonuses_available_from: life.available_from,
        bonuses_expire_at: life.expires_at,
        bonuses_redeemed: fact.redeemed,
        coupon: used(file, fact.bill)?,
        status: draft.shown_status(state, context.recorded_at),
        amended: true,
    }))
}

/// Writes a revision, after what is due: what it returns, takes back and adds, and her statuses after it.
pub(super) fn revise(
    state: &MemberState,
    file: &PurchaseFile,
    fact: &PurchaseAmended,
    business: &Business,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<Life, Rejection> {
    write_due(state, context, draft)?;
    let mut file = file.clone();
    // What is due may have ended a lot of this purchase.
    draft.events.iter().for_each(|new| file.see(&new.event));
    let mut working = Working::after(state, draft)?;
    let addition = Addition::of(&file, &fact.inputs, fact.revision, business, context)?;
    Revision { fact, addition: &addition }.write(&mut working)?;
    after_refund(&mut working, fact.confidentiality, context)?;
    Ok(addition.life)
}

/// The purchase as `document` says. Rules B4, D3, P5: the original's inputs on another base. Of what it was paid with and came
/// back, so much is `there` to be taken again.
pub(super) fn revised(
    file: &PurchaseFile,
    document: &PurchaseDocument,
    there: Bonuses,
) -> Result<PurchaseAmended, Rejection> {
    let bill = if document.cancelled { Roubles::ZERO } else { document.amount };
    let out_of_range = || Rejection::AmountOutOfRange;
    let wanted = match document.redeem_amount {
        Some(asked) if !document.cancelled => asked,
        _ => unsaid(file, bill).ok_or_else(out_of_range)?,
    };
    let discount = used(file, bill)?.map_or(Roubles::ZERO, |used| used.discount);
    let left = bill.checked_sub(discount).ok_or_else(out_of_range)?;
    let wanted = wanted.min(Bonuses::from_kopecks(left.kopecks()));
    let is_there = taken_again::missing(file, bill, wanted)? <= there;
    let redeemed = if is_there { wanted } else { untaken(file, bill, wanted.min(file.kept))? };
    let base = left.checked_sub(redeemed.face_value()).ok_or_else(out_of_range)?;
    let inputs = AccrualInputs { base, ..file.inputs.clone().ok_or_else(out_of_range)? };
    let Split { total, business, .. } = split(&inputs).ok_or_else(out_of_range)?;
    Ok(PurchaseAmended {
        purchase_id: file.purchase_id,
        business_id: file.business_id,
        category: file.category,
        confidentiality: file.confidentiality,
        bought_at: file.bought_at,
        revision: document.revision,
        cancelled: document.cancelled,
        bill_before: file.bill,
        bill,
        refunded: file.refunded,
        redeemed,
        inputs,
        accrual_before: file.accrual,
        accrual: total,
        of_business: business,
        handed_over: false,
    })
}

/// What a revision is paid with in bonuses that does not say so. A smaller bill is a refund of the rest (Rule F4), so that never
/// more than the first one's share is paid in bonuses (R2); a larger one has more than the newest by as much as its share is
/// larger, for what of the newest was paid in money once is not paid again.
fn unsaid(file: &PurchaseFile, bill: Roubles) -> Option<Bonuses> {
    let share = |bill: Roubles| {
        let less = file.first_bill.checked_sub(bill)?.max(Roubles::ZERO);
        extras::net(file.captured, file.first_bill, less)
    };
    let (before, after) = (share(file.bill)?, share(bill)?);
    let more = after.checked_sub(before)?.max(Bonuses::ZERO);
    Some(after.min(file.kept.checked_add(more)?))
}

/// The most, up to `most`, that a bill can be said to be paid with and nothing is missing: what refunds gave back of it and is not
/// there any more no revision brings back.
fn untaken(file: &PurchaseFile, bill: Roubles, most: Bonuses) -> Result<Bonuses, Rejection> {
    let is_missing = |kopecks: i64| {
        taken_again::missing(file, bill, Bonuses::from_kopecks(kopecks)).map(Bonuses::is_positive)
    };
    let (mut all_there, mut too_much) = (0_i64, most.kopecks().saturating_add(1));
    while all_there.saturating_add(1) < too_much {
        let middle = i64::midpoint(all_there, too_much);
        if is_missing(middle)? { too_much = middle } else { all_there = middle }
    }
    Ok(Bonuses::from_kopecks(all_there))
}

/// What a revision says of the bonuses it is paid with, if it says so: as a purchase may (Rule R3), out of what the first
/// one captured, the rest of the hold being released.
fn check_payment(
    file: &PurchaseFile,
    document: &PurchaseDocument,
    there: Bonuses,
    context: &Context<'_>,
) -> Result<(), Rejection> {
    let Some(asked) = document.redeem_amount else { return Ok(()) };
    if document.redemption_id.is_none() {
        return Err(Rejection::HoldNotFound);
    }
    let out_of_range = || Rejection::AmountOutOfRange;
    let (inputs, share) = file.inputs.as_ref().zip(file.max_share).ok_or(Rejection::HoldNotFound)?;
    let discount = used(file, document.amount)?.map_or(Roubles::ZERO, |used| used.discount);
    let limit = limit_of(document.amount, discount, share).ok_or_else(out_of_range)?;
    check_amount(asked, limit, policy_of(inputs, context)?.parameters.redeem_min_amount)?;
    if asked > file.captured {
        return Err(Rejection::InsufficientBonuses { asked, available: file.captured });
    }
    // Whoever says that so much was paid in bonuses is not told that less was.
    if !document.cancelled && taken_again::missing(file, document.amount, asked)? > there {
        return Err(Rejection::InsufficientBonuses { asked, available: file.kept });
    }
    Ok(())
}

/// The policy that decided on the purchase.
pub(super) fn policy_of<'c>(inputs: &AccrualInputs, context: &Context<'c>) -> Result<&'c Policy, Rejection> {
    let mut policies = context.registry.policies.iter();
    policies.find(|policy| policy.version == inputs.policy_version).ok_or(Rejection::PolicyMissing)
}

/// What the purchase's coupon takes off this bill, by the terms it was used with. Rules C4, D3.
fn used(file: &PurchaseFile, bill: Roubles) -> Result<Option<CouponUse>, Rejection> {
    let Some(coupon) = &file.coupon else { return Ok(None) };
    let discount = coupon.gives.discount(bill).ok_or(Rejection::AmountOutOfRange)?;
    Ok(Some(CouponUse { coupon_id: coupon.coupon_id, discount }))
}

/// The life of the lots that are added to a purchase: that of the first ones. Rule B5.
pub(super) fn life(
    file: &PurchaseFile,
    inputs: &AccrualInputs,
    business: &Business,
    context: &Context<'_>,
) -> Result<Life, Rejection> {
    let (available_from, expires_at) = match file.life {
        Some(life) => life,
        // It had earned nothing, and was written before that said when: as its policy says.
        None => {
            let parameters = &policy_of(inputs, context)?.parameters;
            let hold = business.terms_at(file.bought_at).hold_days.unwrap_or(parameters.bonus_hold_days);
            let last_day = file.bought_at.moscow_day().plus_days(parameters.bonus_life_days);
            (file.bought_at.plus(TimeDelta::days(i64::from(hold))), last_day.end())
        }
    };
    let opens = if available_from > context.recorded_at { Holding::Pending } else { Holding::Available };
    Ok(Life { opens, available_from, expires_at })
}

/// One revision of one purchase.
struct Revision<'a> {
    fact: &'a PurchaseAmended,
    addition: &'a Addition<'a>,
}

impl Revision<'_> {
    fn write(&self, working: &mut Working<'_>) -> Result<(), Rejection> {
        let Self { fact, addition } = *self;
        let Addition { file, context, .. } = *addition;
        let mut revised = file.clone();
        revised.see(&fact.clone().into());
        let cause = working.push(context.recorded_at, fact.clone(), None)?;
        let refund_id = RefundId::of_revision(file.purchase_id, fact.revision);
        let step = Step { file, refund_id, context, cause };
        if !fact.counted().1.is_positive() {
            revoke_triggered(working, &step)?;
        }
        let reckoned = [file.coupon_at(file.refunded), revised.coupon_at(revised.refunded)];
        taken_again::take(working, &revised, (fact.revision, cause), context)?;
        let of_coupon = step.reckon(working, reckoned, self.coupon_lot(reckoned)?)?;
        step.return_spent(working, to_return(&revised, revised.refunded)?)?;
        let (before, after) = (net(file)?, net(&revised)?);
        let more = |before: Bonuses, after: Bonuses| minus(after, before).map(|more| more.max(Bonuses::ZERO));
        let added = ByFunder {
            business: more(before.business, after.business)?,
            coalition: more(before.coalition, after.coalition)?,
        };
        let due_back = ByFunder {
            business: more(after.business, before.business)?,
            coalition: more(after.coalition, before.coalition)?,
        };
        let of_chain = file.cross_bonus_at(file.refunded).zip(revised.cross_bonus_at(revised.refunded));
        let (chain_before, chain_after) = of_chain.ok_or(Rejection::AmountOutOfRange)?;
        addition.accrue(working, added, cause)?;
        addition.add_cross_bonus(working, more(chain_before, chain_after)?, cause)?;
        let cross_bonus = more(chain_after, chain_before)?;
        step.take_back(working, Due { accrual: due_back, coupon: of_coupon, cross_bonus })?;
        Ok(())
    }

    /// The lot of what the revision gives anew for the coupon, with the life of the first one.
    fn coupon_lot(&self, [before, after]: [Option<Reckoning>; 2]) -> Result<Option<Lot>, Rejection> {
        let (before, after) = before.zip(after).ok_or(Rejection::AmountOutOfRange)?;
        let amount = minus(after.bonuses, before.bonuses)?;
        let Some(coupon) = self.addition.file.coupon.as_ref().filter(|_| amount.is_positive()) else {
            return Ok(None);
        };
        let now = self.addition.context.recorded_at;
        let (available_from, expires_at) = coupon.life.unwrap_or((now, now));
        Ok(Some(Lot {
            lot_id: LotId::of_coupon_revision(self.addition.file.purchase_id, self.fact.revision),
            funder: coupon.funded_by.clone(),
            amount,
            opens: Holding::Available,
            available_from,
            expires_at,
        }))
    }
}

/// What a revision may add to a purchase, whose file is from before it.
pub(super) struct Addition<'a> {
    file: &'a PurchaseFile,
    inputs: &'a AccrualInputs,
    revision: u32,
    /// When its lots are spendable.
    pub(super) life: Life,
    context: &'a Context<'a>,
}

impl<'a> Addition<'a> {
    pub(super) fn of(
        file: &'a PurchaseFile,
        inputs: &'a AccrualInputs,
        revision: u32,
        business: &Business,
        context: &'a Context<'a>,
    ) -> Result<Self, Rejection> {
        let life = life(file, inputs, business, context)?;
        Ok(Self { file, inputs, revision, life, context })
    }

    /// The lots of what the revision adds.
    pub(super) fn accrue(
        &self,
        working: &mut Working<'_>,
        added: ByFunder,
        cause: usize,
    ) -> Result<(), Rejection> {
        let Self { file, inputs, revision, life, context } = *self;
        let of =
            [(Funder::Business(file.business.clone()), added.business), (Funder::Coalition, added.coalition)];
        let lots: Vec<Lot> = of
            .into_iter()
            .filter(|(_, amount)| amount.is_positive())
            .map(|(funder, amount)| {
                life.lot(LotId::of_revision(file.purchase_id, funder.as_str(), revision), funder, amount)
            })
            .collect();
        if lots.is_empty() {
            return Ok(());
        }
        let amount = added.business.checked_add(added.coalition).ok_or(Rejection::AmountOutOfRange)?;
        let accrued = BonusAccrued {
            purchase_id: file.purchase_id,
            business_id: file.business_id,
            confidentiality: file.confidentiality,
            inputs: inputs.clone(),
            revision: Some(revision),
            amount,
            lots,
            life: None,
        };
        working.push(context.recorded_at, accrued, Some(cause))?;
        Ok(())
    }

    /// The lot of what the revision adds to the cross bonus, with the life of what the purchase earned. Rules B9, D3.
    fn add_cross_bonus(
        &self,
        working: &mut Working<'_>,
        amount: Bonuses,
        cause: usize,
    ) -> Result<(), Rejection> {
        let Some(cross_bonus) = self.file.cross_bonus.as_ref().filter(|_| amount.is_positive()) else {
            return Ok(());
        };
        let lot_id = LotId::of_cross_bonus_revision(self.file.purchase_id, self.revision);
        let lot = self.life.lot(lot_id, cross_bonus.funded_by.clone(), amount);
        let fact = cross_bonus.fact(self.file, Some(self.revision), Some(lot));
        working.push(self.context.recorded_at, fact, Some(cause))?;
        Ok(())
    }
}

/// What each funder has given in all, less what refunds took back. Rules B5, F2.
pub(super) fn net(file: &PurchaseFile) -> Result<ByFunder, Rejection> {
    let taken = file.taken_back_at(file.refunded).ok_or(Rejection::AmountOutOfRange)?;
    let coalition = minus(file.accrual, file.of_business)?;
    Ok(ByFunder {
        business: minus(file.of_business, taken.business)?.max(Bonuses::ZERO),
        coalition: minus(coalition, taken.coalition)?.max(Bonuses::ZERO),
    })
}
