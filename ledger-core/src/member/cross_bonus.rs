//! Bonuses of a chain for a purchase that follows from one of its triggers. Rules B9, X5.
//!
//! The purchase says that it follows (`conversion.rs`); whoever follows the log names it, and here is decided, on all that is
//! true by then, what it brings. As with a coupon the facts go to her stream and to the chain's in one append. A refund or
//! a revision of the purchase reckons them anew (`extras.rs`, Rule F7).

use super::amend::{life, policy_of};
use super::command::MemberOutcome;
use super::debt::settle;
use super::decide::write_due;
use super::draft::Draft;
use super::extras::CrossBonus;
use super::purchase_file::PurchaseFile;
use super::reward::{allowed, funder};
use crate::chain::definition::Reward;
use crate::chain::event::ChainRewardIssued;
use crate::context::Context;
use crate::ids::{ChainId, LotId, PurchaseId};
use crate::member::event::CrossBonusAccrued;
use crate::member::lot::Lot;
use crate::member::state::MemberState;
use crate::money::Bonuses;
use crate::rejection::Rejection;

/// A purchase that follows from a trigger of a step whose reward is a cross bonus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiveCrossBonus {
    /// The step.
    pub earned_by: FollowedStep,
    /// The purchase as its facts say.
    pub file: PurchaseFile,
}

/// A step of a chain that a purchase followed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowedStep {
    /// The chain.
    pub chain_id: ChainId,
    /// Which version of it.
    pub version: u32,
    /// The step's place in it, from 0.
    pub step: u32,
    /// The purchase that triggered it.
    pub trigger_id: PurchaseId,
}

/// Decides what it brings: nothing when nothing is left of the purchase, when a lot of it would be over, or when the
/// chain's limits are reached.
///
/// # Errors
/// A log without policies; sums that do not fit.
pub(super) fn give(
    state: &MemberState,
    command: &GiveCrossBonus,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let FollowedStep { chain_id, version, step, trigger_id } = command.earned_by;
    let nothing = MemberOutcome::CrossBonus { amount: Bonuses::ZERO };
    let Some(fact) = brought(command, context)? else { return Ok(nothing) };
    let amount = fact.lot.amount;
    let chain = context.registry.chains.get(chain_id);
    let agreed = chain.and_then(|chain| Some((chain, chain.version(version)?)));
    let counts = agreed
        .and_then(|(chain, agreed)| allowed(state, chain, &agreed.definition.limits, amount.face_value()));
    let Some((issued, committed)) = counts else { return Ok(nothing) };
    write_due(state, context, draft)?;
    let now = context.recorded_at;
    let cause = draft.push(now, fact.into());
    let reward = ChainRewardIssued {
        chain_id,
        version,
        step,
        purchase_id: trigger_id,
        coupon_id: None,
        cost: amount.face_value(),
        issued,
        committed,
    };
    draft.push_caused(now, reward.into(), cause);
    Ok(MemberOutcome::CrossBonus { amount })
}

/// Her side alone, whatever the chain's limits: a simulation (Rule P3) tells one member's facts at a time.
///
/// # Errors
/// As [`give`].
pub(crate) fn bring(
    state: &MemberState,
    command: &GiveCrossBonus,
    context: &Context<'_>,
) -> Result<Draft, Rejection> {
    let mut draft = Draft::new(context.policy_at(context.recorded_at)?.version);
    if let Some(fact) = brought(command, context)? {
        write_due(state, context, &mut draft)?;
        draft.push(context.recorded_at, fact.into());
        settle(state, context, &mut draft)?;
    }
    Ok(draft)
}

/// What the purchase brings: of the bill as it stands, net of refunds, with the life of what the purchase itself earned.
fn brought(command: &GiveCrossBonus, context: &Context<'_>) -> Result<Option<CrossBonusAccrued>, Rejection> {
    let GiveCrossBonus { earned_by: FollowedStep { chain_id, version, step, trigger_id }, file } = command;
    let chain = context.registry.chains.get(*chain_id);
    let version_of = chain.and_then(|chain| chain.version(*version));
    let place = usize::try_from(*step).ok();
    let rewarded = version_of.zip(place).and_then(|(it, place)| Some((it, it.definition.steps.get(place)?)));
    let Some((agreed, of_step)) = rewarded else { return Ok(None) };
    let (Reward::CrossBonus { rate }, None) = (&of_step.reward, &file.cross_bonus) else { return Ok(None) };
    let inputs = file.inputs.as_ref().ok_or(Rejection::AmountOutOfRange)?;
    let (source, target) = (context.business(of_step.from)?, context.business(of_step.to)?);
    let life = life(file, inputs, target, context)?;
    let cross_bonus = CrossBonus {
        chain_id: *chain_id,
        version: *version,
        step: *step,
        trigger_id: *trigger_id,
        rate: rate.map_or_else(|| policy_of(inputs, context).map(|it| it.parameters.cross_bonus_rate), Ok)?,
        funded_by: funder(agreed.definition.funded_by, source, target),
        confidentiality: source.confidentiality.max(target.confidentiality),
        life: (life.available_from, life.expires_at),
    };
    let amount = cross_bonus.at(file.bill, file.refunded).ok_or(Rejection::AmountOutOfRange)?;
    let is_over = life.expires_at < context.recorded_at;
    let lot = Lot {
        lot_id: LotId::of_cross_bonus(file.purchase_id),
        funder: cross_bonus.funded_by.clone(),
        amount,
        opens: life.opens,
        available_from: life.available_from,
        expires_at: life.expires_at,
    };
    let brings = amount.is_positive() && !is_over && file.business_id == of_step.to;
    Ok(brings.then(|| cross_bonus.fact(file, None, lot)))
}
