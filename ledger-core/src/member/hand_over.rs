//! A newer revision of a document that names another member: taken back from the one, given to the other, in one append.
//! Rules D3, T5, B2, P5.
//!
//! From the one everything is taken back as if the document were cancelled. The other gets what the document earns her
//! when it is posted once with the original's policy, multiplier and life of lots, net of the refunds it had; her status
//! and her categories decide. Who may not be told of it (a stranger, no consent, not yet a member) is answered as a
//! document of hers would be: then nothing is written, and the purchase stays where it is.

use super::accrual::split;
use super::amend::{Addition, net, revise, revised};
use super::command::{MemberOutcome, PurchaseDocument, PurchaseMode, PurchaseOutcome, RecordPurchase};
use super::conversion::of_purchase;
use super::debt::settle;
use super::decide::write_due;
use super::draft::Draft;
use super::erasure::burn_after;
use super::purchase::{Deciding, check_bill, is_before_membership, record, recorded};
use super::quarantine::supersede;
use super::review::after_refund;
use super::working::Working;
use super::{AmendPurchase, MemberState, PurchaseFile};
use crate::business::Business;
use crate::context::Context;
use crate::log::Event;
use crate::member::event::{AccrualInputs, MemberEvent, PolicyMoment, PurchaseAmended, PurchaseTakenOver};
use crate::money::{Bonuses, Roubles};
use crate::rejection::Rejection;

/// A newer revision that names another member than the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandOver {
    /// Of a purchase.
    Recorded(Box<AmendPurchase>),
    /// Of a document that waits in quarantine, or waited: a document of the other's like any.
    Waiting(RecordPurchase),
}

impl HandOver {
    /// The revision.
    #[must_use]
    pub const fn document(&self) -> &PurchaseDocument {
        match self {
            Self::Recorded(command) => &command.document,
            Self::Waiting(command) => &command.document,
        }
    }
}

/// What both streams get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedOver {
    /// The one's.
    pub from: Draft,
    /// The other's; nothing is written to the one either when this is empty.
    pub to: Draft,
    /// What the other's document led to.
    pub outcome: MemberOutcome,
}

/// Decides a newer revision that names another member.
///
/// # Errors
/// In this order, after what is answered as to a stranger: the form, as of a purchase; a coupon; bonuses in the bill; a bill
/// below what was refunded of it (Rule F1); more for a member who is blocked.
pub fn hand_over(
    from: &MemberState,
    to: &MemberState,
    command: &HandOver,
    context: &Context<'_>,
) -> Result<HandedOver, Rejection> {
    let version = context.policy_at(context.recorded_at)?.version;
    let (mut taken, mut given) = (Draft::new(version), Draft::new(version));
    let outcome = match command {
        HandOver::Recorded(command) => transfer((from, to), command, context, (&mut taken, &mut given))?,
        HandOver::Waiting(command) => {
            let outcome = record(to, command, context, &mut given)?;
            if !given.events.is_empty() {
                supersede(from, command.purchase_id(), context, &mut taken);
            }
            outcome
        }
    };
    settle(from, context, &mut taken)?;
    burn_after(from, context, &mut taken)?;
    settle(to, context, &mut given)?;
    Ok(HandedOver { from: taken, to: given, outcome })
}

fn transfer(
    (from, to): (&MemberState, &MemberState),
    command: &AmendPurchase,
    context: &Context<'_>,
    (taken, given): (&mut Draft, &mut Draft),
) -> Result<MemberOutcome, Rejection> {
    let AmendPurchase { file, document } = command;
    let business = context.business(document.business_id)?;
    if !to.lets_report(business) {
        return Ok(MemberOutcome::Purchase(PurchaseOutcome::Unmatched));
    }
    check_bill(document, context)?;
    if document.coupon_code.is_some() && file.coupon.is_none() {
        return Err(Rejection::CouponNotValid);
    }
    // A coupon is hers who used it, as what she paid in bonuses is.
    if file.coupon.is_some()
        || file.redemption_id.is_some()
        || document.redemption_id.is_some()
        || document.redeem_amount.is_some()
    {
        return Err(Rejection::MemberChangeWithRedemption);
    }
    let bill = if document.cancelled { Roubles::ZERO } else { document.amount };
    if !document.cancelled && bill < file.refunded {
        let asked = file.bill.checked_sub(bill).ok_or(Rejection::AmountOutOfRange)?;
        return Err(Rejection::RefundExceedsPurchase { asked, left: file.left() });
    }
    if bill > file.refunded {
        to.must_be_free()?;
    }
    let (policy, _) = context.policy_for(file.bought_at)?;
    if is_before_membership(to.member_since(), file.bought_at, policy) {
        return Ok(MemberOutcome::Purchase(PurchaseOutcome::BeforeMembership));
    }
    give_up(from, command, business, context, taken)?;
    Newcomer { file, document, bill, business, context }.take_over(to, given)
}

/// Everything is taken back from the one, as if the document were cancelled.
fn give_up(
    from: &MemberState,
    AmendPurchase { file, document }: &AmendPurchase,
    business: &Business,
    context: &Context<'_>,
    taken: &mut Draft,
) -> Result<(), Rejection> {
    let void = PurchaseDocument { cancelled: true, ..document.clone() };
    let away =
        PurchaseAmended { cancelled: false, handed_over: true, ..revised(file, &void, Bonuses::ZERO)? };
    revise(from, file, &away, business, context, taken)?;
    Ok(())
}

/// The one's side alone of what was handed over: a simulation (Rule P3) tells one member's facts at a time.
///
/// # Errors
/// A business nobody knows; sums that do not fit.
pub(crate) fn leave(
    from: &MemberState,
    command: &AmendPurchase,
    context: &Context<'_>,
) -> Result<Draft, Rejection> {
    let mut taken = Draft::new(context.policy_at(context.recorded_at)?.version);
    let business = context.business(command.document.business_id)?;
    give_up(from, command, business, context, &mut taken)?;
    settle(from, context, &mut taken)?;
    Ok(taken)
}

/// The other's side alone.
///
/// # Errors
/// As [`leave`].
pub(crate) fn arrive(
    to: &MemberState,
    AmendPurchase { file, document }: &AmendPurchase,
    context: &Context<'_>,
) -> Result<Draft, Rejection> {
    let mut given = Draft::new(context.policy_at(context.recorded_at)?.version);
    let business = context.business(document.business_id)?;
    Newcomer { file, document, bill: document.amount, business, context }.take_over(to, &mut given)?;
    settle(to, context, &mut given)?;
    Ok(given)
}

/// The purchase as it becomes the other's.
struct Newcomer<'a> {
    file: &'a PurchaseFile,
    document: &'a PurchaseDocument,
    bill: Roubles,
    business: &'a Business,
    context: &'a Context<'a>,
}

impl Newcomer<'_> {
    fn take_over(&self, to: &MemberState, given: &mut Draft) -> Result<MemberOutcome, Rejection> {
        let Self { file, document, business, context, .. } = *self;
        write_due(to, context, given)?;
        let inputs = self.inputs(to)?;
        let amounts = split(&inputs).ok_or(Rejection::AmountOutOfRange)?;
        let mut purchase = recorded(file.purchase_id, document, business);
        purchase.amount = self.bill;
        let addition = Addition::of(file, &inputs, document.revision, business, context)?;
        let fact = PurchaseTakenOver {
            purchase,
            refunded: file.refunded,
            inputs: inputs.clone(),
            accrual: amounts.total,
            of_business: amounts.business,
            life: Some(addition.life.moments()),
        };
        let event = Event::Member(MemberEvent::PurchaseTakenOver(fact.clone()));
        let hers = PurchaseFile::fold(None, file.bought_at, &event).ok_or(Rejection::AmountOutOfRange)?;
        let mut working = Working::after(to, given)?;
        let cause = working.push(file.bought_at, event, None)?;
        addition.accrue(&mut working, net(&hers)?, cause)?;
        if fact.counted().is_positive() {
            // Rule X4: hers from now on, it follows from a trigger of hers as any purchase does.
            let place = (file.purchase_id, file.business_id, file.bought_at);
            for converted in of_purchase(to, place, context.registry) {
                working.push(file.bought_at, converted, Some(cause))?;
            }
        }
        after_refund(&mut working, file.confidentiality, context)?;
        Ok(MemberOutcome::Purchase(PurchaseOutcome::Recorded {
            purchase_id: file.purchase_id,
            bonuses_earned: fact.accrual,
            bonuses_available_from: addition.life.available_from,
            bonuses_expire_at: addition.life.expires_at,
            bonuses_redeemed: Bonuses::ZERO,
            coupon: None,
            status: given.shown_status(to, context.recorded_at),
            amended: true,
        }))
    }

    /// Her status and categories under the original's policy and multiplier. Rules B1–B4, P5.
    fn inputs(&self, to: &MemberState) -> Result<AccrualInputs, Rejection> {
        let Self { file, business, context, .. } = *self;
        let original = file.inputs.as_ref().ok_or(Rejection::AmountOutOfRange)?;
        let mut policies = context.registry.policies.iter();
        let policy = policies.find(|policy| policy.version == original.policy_version);
        let decides = Deciding {
            decided_at: context.recorded_at,
            mode: PurchaseMode::Live,
            policy: policy.ok_or(Rejection::PolicyMissing)?,
            policy_moment: original.policy_moment,
            business,
            lives_until: None,
        };
        let looked_up_at = match original.policy_moment {
            PolicyMoment::OccurredAt => file.bought_at,
            PolicyMoment::RecordedAt => context.recorded_at,
        };
        let hers = decides.inputs(to, self.bill, looked_up_at);
        Ok(AccrualInputs { business_multiplier: original.business_multiplier, ..hers })
    }
}
