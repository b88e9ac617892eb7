//! Bonuses of a chain for a purchase that follows from one of its triggers. Rules B9, X5.
//!
//! The purchase says that it follows (`conversion.rs`); whoever follows the log names it, and here is decided once, on all that
//! is true by then, what it brings: a fact says so even when that is nothing. As with a coupon the facts go to her stream and
//! to the chain's in one append. A refund or a revision of the purchase reckons them anew (`extras.rs`, Rule F7), never to more
//! than was counted here.

use super::amend::{life, policy_of};
use super::command::MemberOutcome;
use super::debt::settle;
use super::decide::write_due;
use super::draft::Draft;
use super::extras::{CrossBonus, part};
use super::purchase_file::PurchaseFile;
use super::reward::{allowed, funder};
use crate::business::Business;
use crate::category::Confidentiality;
use crate::chain::definition::Reward;
use crate::chain::event::ChainRewardIssued;
use crate::chain::{Chain, Version};
use crate::context::Context;
use crate::ids::{ChainId, LotId, PurchaseId};
use crate::member::consent::Purpose;
use crate::member::lot::Lot;
use crate::member::state::MemberState;
use crate::money::Bonuses;
use crate::rate::Rate;
use crate::rejection::Rejection;
use crate::time::Timestamp;

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
    /// When the log was told that the purchase follows. Rule P1.
    pub known_at: Timestamp,
}

/// Decides what it brings: nothing when nothing is left of the purchase, when its lots would be over, when the step ran no
/// more by then, when she no longer consents that a clinic's visits are used so, or when it is more than the chain has left.
///
/// # Errors
/// A log without policies; sums that do not fit.
pub(super) fn give(
    state: &MemberState,
    command: &GiveCrossBonus,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let GiveCrossBonus { earned_by, file } = command;
    let nothing = MemberOutcome::CrossBonus { amount: Bonuses::ZERO };
    let Some(agreed) = Agreed::of(earned_by, file, context)? else { return Ok(nothing) };
    let (cross_bonus, lot) = agreed.brings(earned_by, file, context)?;
    let cost = cross_bonus.most.face_value();
    let lot = lot.filter(|_| agreed.stands(state, earned_by, file));
    let limits = &agreed.version.definition.limits;
    let given = lot.and_then(|lot| Some((lot, allowed(state, agreed.chain, limits, cost).ok()?)));
    write_due(state, context, draft)?;
    let now = context.recorded_at;
    let Some((lot, (issued, committed))) = given else {
        let nothing_of_it = CrossBonus { most: Bonuses::ZERO, ..cross_bonus };
        draft.push(now, nothing_of_it.fact(file, None, None).into());
        return Ok(nothing);
    };
    let amount = lot.amount;
    let cause = draft.push(now, cross_bonus.fact(file, None, Some(lot)).into());
    let FollowedStep { chain_id, version, step, trigger_id: purchase_id, .. } = *earned_by;
    let reward =
        ChainRewardIssued { chain_id, version, step, purchase_id, coupon_id: None, cost, issued, committed };
    draft.push_caused(now, reward.into(), cause);
    Ok(MemberOutcome::CrossBonus { amount })
}

/// Her side alone of what was really given, whatever the chain had left: a simulation (Rule P3) tells one member's facts at a
/// time.
///
/// # Errors
/// As [`give`].
pub(crate) fn bring(
    state: &MemberState,
    GiveCrossBonus { earned_by, file }: &GiveCrossBonus,
    context: &Context<'_>,
) -> Result<Draft, Rejection> {
    let mut draft = Draft::new(context.policy_at(context.recorded_at)?.version);
    let Some(agreed) = Agreed::of(earned_by, file, context)? else { return Ok(draft) };
    if let (cross_bonus, Some(lot)) = agreed.brings(earned_by, file, context)? {
        write_due(state, context, &mut draft)?;
        draft.push(context.recorded_at, cross_bonus.fact(file, None, Some(lot)).into());
        settle(state, context, &mut draft)?;
    }
    Ok(draft)
}

/// What the businesses agreed on about a step.
struct Agreed<'a> {
    chain: &'a Chain,
    version: &'a Version,
    rate: Option<Rate>,
    source: &'a Business,
    target: &'a Business,
}

impl<'a> Agreed<'a> {
    /// None for a step that is no such one, a purchase elsewhere, or one that a chain was asked about before.
    fn of(
        earned_by: &FollowedStep,
        file: &PurchaseFile,
        context: &Context<'a>,
    ) -> Result<Option<Self>, Rejection> {
        let chain = context.registry.chains.get(earned_by.chain_id);
        let agreed = chain.and_then(|chain| Some((chain, chain.version(earned_by.version)?)));
        let place = usize::try_from(earned_by.step).ok();
        let agreed = agreed.zip(place);
        let agreed = agreed.and_then(|((chain, it), at)| Some((chain, it, it.definition.steps.get(at)?)));
        let Some((chain, version, step)) = agreed else { return Ok(None) };
        let Reward::CrossBonus { rate } = step.reward else { return Ok(None) };
        if file.business_id != step.to || file.cross_bonus.is_some() {
            return Ok(None);
        }
        let (source, target) = (context.business(step.from)?, context.business(step.to)?);
        Ok(Some(Self { chain, version, rate, source, target }))
    }

    /// What it is of the bill as it stands, by the rate of the step, or of the policy that decided on the purchase; and the lot,
    /// net of refunds, with the life of what the purchase itself earned: none of nothing, or of what is over.
    fn brings(
        &self,
        earned_by: &FollowedStep,
        file: &PurchaseFile,
        context: &Context<'_>,
    ) -> Result<(CrossBonus, Option<Lot>), Rejection> {
        let inputs = file.inputs.as_ref().ok_or(Rejection::AmountOutOfRange)?;
        let of_policy = || policy_of(inputs, context).map(|policy| policy.parameters.cross_bonus_rate);
        let rate = self.rate.map_or_else(of_policy, Ok)?;
        let FollowedStep { chain_id, version, step, trigger_id, .. } = *earned_by;
        let cross_bonus = CrossBonus {
            chain_id,
            version,
            step,
            trigger_id,
            rate,
            most: part(file.bill, rate).ok_or(Rejection::AmountOutOfRange)?,
            funded_by: funder(self.version.definition.funded_by, self.source, self.target),
            confidentiality: self.source.confidentiality.max(self.target.confidentiality),
        };
        let amount = cross_bonus.at(file.bill, file.refunded).ok_or(Rejection::AmountOutOfRange)?;
        let life = life(file, inputs, self.target, context)?;
        let lot_id = LotId::of_cross_bonus(file.purchase_id, trigger_id);
        let lot = life.lot(lot_id, cross_bonus.funded_by.clone(), amount);
        let lives = lot.amount.is_positive() && context.recorded_at <= lot.expires_at;
        Ok((cross_bonus, lives.then_some(lot)))
    }

    /// Whether the step ran when she bought (Rules B9, P1), and a clinic's visits may be used so still (Rule X9).
    fn stands(&self, state: &MemberState, earned_by: &FollowedStep, file: &PurchaseFile) -> bool {
        let moment = file.inputs.as_ref();
        let moment = moment.map(|inputs| inputs.policy_moment.of_chains(file.bought_at, earned_by.known_at));
        let from_clinic = self.source.confidentiality == Confidentiality::Medical;
        moment.is_some_and(|moment| self.version.triggers_at(moment))
            && (!from_clinic || state.consents_to(&Purpose::MedicalCrossPromo))
    }
}
