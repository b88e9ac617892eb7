//! A member is forgotten: what becomes of what she has, and what is answered about her afterwards. `compliance.md` E5–E7.
//!
//! The rules say nothing of points left (decision 20): lots burn to their funders as if they had expired, whoever is owed a
//! debt bears it, holds and Premium end, coupons and waiting documents are gone, all in one append. What comes afterwards finds
//! a stranger, but a refund of what she bought: the business's money is given back by the rules, and what would have been hers
//! burns in the same append. So nobody ever has anything under her id again.

use super::command::{MemberCommand, MemberOutcome, PurchaseOutcome};
use super::debt::settle_on;
use super::decide::write_due;
use super::draft::Draft;
use super::redemption::{expired, release};
use super::state::MemberState;
use super::working::Working;
use super::{refund, requests};
use crate::business::Business;
use crate::context::Context;
use crate::ids::{ActId, RedemptionId};
use crate::member::consent::Purpose;
use crate::member::event::{
    BonusExpired, CouponRevoked, DebtWrittenOff, DemandedBy, ErasureGround, HoldEnd, MemberErased,
    PersonalCategory, PremiumCancelled, QuarantineDropped,
};
use crate::member::state::LiveLot;
use crate::money::Bonuses;
use crate::rejection::Rejection;

/// She is to be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erase {
    /// The number of the act.
    pub act_id: ActId,
    /// On whose demand.
    pub demanded_by: DemandedBy,
    /// Why.
    pub ground: ErasureGround,
}

/// Ends all that she has, and says that she is forgotten.
///
/// # Errors
/// No such member.
pub(super) fn erase(
    state: &MemberState,
    command: Erase,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    if !state.is_registered() {
        return Err(Rejection::MemberNotFound);
    }
    let now = context.recorded_at;
    write_due(state, context, draft)?;
    let mut working = Working::after(state, draft)?;
    let holds: Vec<RedemptionId> = working.state.open_holds().map(|(id, _)| *id).collect();
    for id in holds {
        release(&mut working, id, HoldEnd::Cancelled, context, None)?;
    }
    // Rule F3: what is released pays debts before it burns.
    settle_on(&mut working, context, None)?;
    let waiting = working.state.quarantined.iter();
    let waiting: Vec<QuarantineDropped> = waiting
        .map(|(id, document)| QuarantineDropped {
            quarantine_id: *id,
            purchase_id: document.purchase.purchase_id,
        })
        .collect();
    for dropped in waiting {
        working.push(now, dropped, None)?;
    }
    let coupons: Vec<CouponRevoked> = working
        .state
        .open_coupons()
        .map(|open| CouponRevoked {
            coupon_id: open.issued.coupon_id,
            business_id: open.issued.business_id,
            confidentiality: open.issued.confidentiality,
            reason_id: None,
            refund_id: None,
        })
        .collect();
    for revoked in coupons {
        working.push(now, revoked, None)?;
    }
    if working.state.premium().goes_on(now) {
        working.push(now, PremiumCancelled { at: now }, None)?;
    }
    burn(&mut working, context)?;
    requests::end_all(&mut working, now)?;
    let Erase { act_id, demanded_by, ground } = command;
    let categories = PersonalCategory::ALL.to_vec();
    let accounts = working.state.absorbed().collect();
    working.push(now, MemberErased { act_id, demanded_by, ground, categories, accounts }, None)?;
    Ok(MemberOutcome::Erased { act_id })
}

/// Nothing is left under her id: every lot goes back to who funds it (Rule B8, by the policy of now), every debt is borne by
/// whoever it was owed to.
fn burn(working: &mut Working<'_>, context: &Context<'_>) -> Result<(), Rejection> {
    let now = context.recorded_at;
    let expired_to = context.policy_at(now)?.parameters.bonus_expired_to;
    let lots: Vec<LiveLot> =
        working.state.live_lots().filter(|lot| lot.left.is_positive()).cloned().collect();
    for lot in lots {
        let burnt = BonusExpired { expired_to, ..expired(&lot, lot.left, context)? };
        working.push(now, burnt, None)?;
    }
    for debt in working.state.debts().to_vec() {
        let borne = DebtWrittenOff {
            refund_id: debt.refund_id,
            purchase_id: debt.purchase_id,
            business_id: debt.business_id,
            confidentiality: debt.confidentiality,
            lot_id: debt.lot_id,
            creditor: debt.creditor,
            amount: debt.left,
        };
        working.push(now, borne, None)?;
    }
    Ok(())
}

/// The same after `draft`, for a member who is forgotten; others keep what they have.
///
/// # Errors
/// [`Rejection::AmountOutOfRange`] for what no fold takes.
pub(super) fn burn_after(
    state: &MemberState,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<(), Rejection> {
    if !state.is_erased() || draft.events.is_empty() {
        return Ok(());
    }
    burn(&mut Working::after(state, draft)?, context)
}

/// Decides what is asked of a member who is forgotten: as of a stranger, but that a business which knew her is told that she is
/// gone. What schedules and reactors ask finds nothing to do.
///
/// # Errors
/// [`Rejection::MemberErased`] to who knew her, and to admins; to others what a stranger is refused with.
pub(super) fn decide_erased(
    state: &MemberState,
    command: &MemberCommand,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    match command {
        MemberCommand::RefundPurchase(command) => {
            let outcome = refund::refund(state, command, context, draft)?;
            burn_after(state, context, draft)?;
            let MemberOutcome::Refunded { refund_id, bonuses_taken_back, .. } = outcome else {
                return Ok(outcome);
            };
            let (bonuses_returned, debt) = (Bonuses::ZERO, Bonuses::ZERO);
            Ok(MemberOutcome::Refunded { refund_id, bonuses_taken_back, bonuses_returned, debt })
        }
        MemberCommand::RecordPurchase(command) => {
            known_to(state, context.business(command.document.business_id)?)?;
            Ok(MemberOutcome::Purchase(PurchaseOutcome::Unmatched))
        }
        MemberCommand::AmendPurchase(command) => {
            context.business(command.document.business_id)?;
            Ok(MemberOutcome::Purchase(PurchaseOutcome::Unmatched))
        }
        MemberCommand::HoldBonuses(command) => {
            known_to(state, context.business(command.business_id)?)?;
            Err(Rejection::MemberNotFound)
        }
        MemberCommand::IssueCoupon(command) => {
            known_to(state, context.business(command.business_id)?)?;
            Err(Rejection::MemberNotFound)
        }
        MemberCommand::CancelHold { business_id, .. } => {
            known_to(state, context.business(*business_id)?)?;
            Err(Rejection::HoldNotFound)
        }
        MemberCommand::WriteDue => Ok(MemberOutcome::DueWritten),
        MemberCommand::ReviewStatus | MemberCommand::RankSpending(_) => Ok(MemberOutcome::Reviewed),
        MemberCommand::TakeOffer(_) => Ok(MemberOutcome::Offered { coupon_id: None }),
        MemberCommand::Register { .. }
        | MemberCommand::ChangeConsents { .. }
        | MemberCommand::ApplyQuarantined(_)
        | MemberCommand::DropQuarantined(_)
        | MemberCommand::Invite(_)
        | MemberCommand::Block(_)
        | MemberCommand::BlockProcessing(_)
        | MemberCommand::UnblockProcessing(_)
        | MemberCommand::ReceiveRequest(_)
        | MemberCommand::ExtendRequest(_)
        | MemberCommand::AnswerRequest { .. }
        | MemberCommand::ChangePhone
        | MemberCommand::PayPremium(_)
        | MemberCommand::CancelPremium
        | MemberCommand::Gift(_)
        | MemberCommand::Adjust(_)
        | MemberCommand::TakeReward(_)
        | MemberCommand::GiveCrossBonus(_)
        | MemberCommand::ActivateCoupon(_)
        | MemberCommand::RevokeCoupon { .. }
        | MemberCommand::Erase(_) => Err(Rejection::MemberErased),
    }
}

/// Whether she let `business` report her purchases to the end: it is told that she is gone.
fn known_to(state: &MemberState, business: &Business) -> Result<(), Rejection> {
    let consent = Purpose::to_report(business.slug.clone(), business.confidentiality);
    if state.consents_to(&consent) { Err(Rejection::MemberErased) } else { Ok(()) }
}

impl MemberState {
    /// True once she is forgotten: nothing but a refund of what she bought is written for her any more.
    #[must_use]
    pub const fn is_erased(&self) -> bool {
        self.erased
    }

    pub(super) fn write_off(&mut self, fact: &DebtWrittenOff) -> Result<(), &'static str> {
        let is_it =
            |debt: &super::debts::Debt| debt.refund_id == fact.refund_id && debt.lot_id == fact.lot_id;
        let debt = self.debts.iter_mut().find(|debt| is_it(debt)).ok_or("an unknown debt is written off")?;
        let left = debt.left.checked_sub(fact.amount).filter(|left| *left >= Bonuses::ZERO);
        debt.left = left.ok_or("more is written off than is owed")?;
        self.debts.retain(|debt| debt.left.is_positive());
        Ok(())
    }

    pub(super) fn erase(&mut self) -> Result<(), &'static str> {
        if std::mem::replace(&mut self.erased, true) {
            return Err("a member is forgotten twice");
        }
        Ok(())
    }
}
