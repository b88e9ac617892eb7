//! What a purchase gets from a step of a chain that it triggers. Rules X1, X3, X5, X6, X9.
//!
//! Whoever follows the log names the purchase and the step; here is decided, on all that is true by then, whether there is a
//! reward. The facts go to her stream and to the chain's in one append, so that no two purchases take the last of a budget,
//! whoever decides them. Once for (chain version, step, purchase): the command's key follows from these.

use chrono::TimeDelta;

use super::command::MemberOutcome;
use super::conversion::of_trigger;
use super::coupon::OPEN_COUPONS_MAX;
use super::decide::write_due;
use super::draft::Draft;
use crate::business::Business;
use crate::category::Confidentiality;
use crate::chain::definition::{ChainFunder, CouponTemplate, Limits, Reward, Step};
use crate::chain::event::ChainRewardIssued;
use crate::chain::{Chain, Triggered};
use crate::context::Context;
use crate::ids::{BusinessId, ChainId, CouponId, PurchaseId};
use crate::member::consent::Purpose;
use crate::member::event::{CouponConditions, CouponIssued, FromChain};
use crate::member::lot::Funder;
use crate::member::state::MemberState;
use crate::member::status::Status;
use crate::money::Roubles;
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// A purchase that triggers a step of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeReward {
    /// The chain.
    pub chain_id: ChainId,
    /// Which version of it.
    pub version: u32,
    /// The step's place in it, from 0.
    pub step: u32,
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// Where it was.
    pub business_id: BusinessId,
    /// When it was.
    pub bought_at: Timestamp,
    /// The moment as of which it was decided, as its accrual says. Rule P1.
    pub looked_up_at: Timestamp,
    /// Her status before it, as its accrual says.
    pub status: Status,
    /// The coupon, if there is one for it.
    pub coupon_id: CouponId,
}

/// Decides whether there is a reward. None is no refusal: then nothing is written.
///
/// # Errors
/// A log without policies; sums that do not fit.
pub(super) fn take(
    state: &MemberState,
    command: &TakeReward,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let Some((coupon, reward)) = earned(state, command, context)? else {
        return Ok(MemberOutcome::Rewarded { coupon_id: None });
    };
    write_due(state, context, draft)?;
    let now = context.recorded_at;
    // Hers comes first: a coupon is found by the first fact of the command that made it.
    let businesses = &context.registry.businesses;
    let follows =
        coupon.chain.as_ref().and_then(|from| of_trigger(state, from, coupon.business_id, businesses));
    let cause = draft.push(now, coupon.into());
    follows.into_iter().for_each(|fact| draft.push_caused(now, fact.into(), cause));
    draft.push_caused(now, reward.into(), cause);
    Ok(MemberOutcome::Rewarded { coupon_id: Some(command.coupon_id) })
}

/// The two facts, if she is to have the reward.
fn earned(
    state: &MemberState,
    command: &TakeReward,
    context: &Context<'_>,
) -> Result<Option<(CouponIssued, ChainRewardIssued)>, Rejection> {
    let now = context.recorded_at;
    let at = command.looked_up_at;
    let Some(chain) = context.registry.chains.get(command.chain_id) else { return Ok(None) };
    let mut triggered = chain.triggered(command.business_id, at);
    let is_it = |it: &Triggered<'_>| (it.version.version, it.place) == (command.version, command.step);
    let Some(Triggered { version, step, .. }) = triggered.find(is_it) else { return Ok(None) };
    let Reward::Coupon { coupon } = &step.reward else { return Ok(None) };
    let (source, target) = (context.business(step.from)?, context.business(step.to)?);
    // Of an imported history nothing is given for last year.
    let until = command.bought_at.plus(TimeDelta::days(i64::from(step.window_days)));
    let is_over = now > until;
    let audience = &version.definition.audience;
    let is_for_her = (audience.statuses.is_empty() || audience.statuses.contains(&command.status))
        && (!audience.new_customers_of_target || state.is_new_customer(step.to, target.confidentiality));
    if is_over || !is_for_her || !may(state, source) || !has_room(state, step.to, now) {
        return Ok(None);
    }
    if !is_enough(state, command, step) {
        return Ok(None);
    }
    let max_depth = context.policy_at(at)?.parameters.chain_max_depth;
    let Some(trail) = trail(state, command, step, max_depth) else { return Ok(None) };
    let Some((cost, issued, committed)) = allowed(state, chain, &version.definition.limits, &step.reward)
    else {
        return Ok(None);
    };
    let funded_by = match version.definition.funded_by {
        ChainFunder::Source => Funder::Business(source.slug.clone()),
        ChainFunder::Target => Funder::Business(target.slug.clone()),
        ChainFunder::Coalition => Funder::Coalition,
    };
    let TakeReward { chain_id, version, step, purchase_id, coupon_id, .. } = *command;
    let CouponTemplate { description, gift, .. } = *coupon;
    let bought_at = command.bought_at;
    let from = FromChain { chain_id, version, step, purchase_id, bought_at, until, trail, description, gift };
    let coupon = issued_by(coupon, (coupon_id, target, funded_by), from, now);
    let reward =
        ChainRewardIssued { chain_id, version, step, purchase_id, coupon_id, cost, issued, committed };
    Ok(Some((coupon, reward)))
}

fn issued_by(
    template: &CouponTemplate,
    (coupon_id, target, funded_by): (CouponId, &Business, Funder),
    from: FromChain,
    now: Timestamp,
) -> CouponIssued {
    CouponIssued {
        coupon_id,
        business_id: target.business_id,
        business: target.slug.clone(),
        confidentiality: target.confidentiality,
        gives: template.gives.clone(),
        conditions: CouponConditions {
            min_bill: template.min_bill,
            new_customers_only: false,
            statuses: Vec::new(),
            with_bonuses: true,
            valid_from: None,
        },
        expires_at: now.moscow_day().plus_days(template.life_days).end(),
        funded_by,
        chain: Some(Box::new(from)),
    }
}

/// Whether a purchase there may trigger anything: a clinic's only while she consents. Rule X9.
fn may(state: &MemberState, source: &Business) -> bool {
    let is_clinic = source.confidentiality == Confidentiality::Medical;
    !state.is_blocked() && (!is_clinic || state.consents_to(&Purpose::MedicalCrossPromo))
}

fn has_room(state: &MemberState, target: BusinessId, now: Timestamp) -> bool {
    let open = state.open_coupons().map(|open| &open.issued);
    open.filter(|open| open.business_id == target && open.expires_at >= now).count() < OPEN_COUPONS_MAX
}

/// Whether the purchase stands, and its net amount is what the step asks for. Rules X3, X6.
fn is_enough(state: &MemberState, command: &TakeReward, step: &Step) -> bool {
    let TakeReward { purchase_id, bought_at, business_id, .. } = *command;
    let net = state.all_books().find_map(|books| books.sales.net(bought_at, purchase_id, business_id));
    net.is_some_and(|net| net.is_positive() && step.min_amount.is_none_or(|least| net >= least))
}

/// Where the coupon would come from; `None` when that is where it leads, or too long a way. Rule X6.
fn trail(state: &MemberState, command: &TakeReward, step: &Step, max_depth: u32) -> Option<Vec<BusinessId>> {
    let mut trail = state
        .all_books()
        .find_map(|books| books.chains.trails.get(&command.purchase_id))
        .cloned()
        .unwrap_or_default();
    trail.push(step.from);
    let is_short = u32::try_from(trail.len()).is_ok_and(|depth| depth <= max_depth);
    (is_short && !trail.contains(&step.to)).then_some(trail)
}

/// What the reward costs, and what the chain has given with it; `None` when that is more than its limits. Rule X5.
fn allowed(
    state: &MemberState,
    chain: &Chain,
    limits: &Limits,
    reward: &Reward,
) -> Option<(Roubles, u32, Roubles)> {
    // Where there is a budget it is known.
    let cost = reward.costs_at_most().unwrap_or_default();
    let (issued, committed) = (chain.issued.checked_add(1)?, chain.committed.checked_add(cost)?);
    let hers = state.all_books().filter_map(|books| books.chains.rewards.get(&chain.chain_id));
    let hers = hers.fold(0_u32, |sum, given| sum.saturating_add(*given));
    let fits = limits.total.is_none_or(|total| issued <= total)
        && limits.budget.is_none_or(|budget| committed <= budget)
        && limits.per_member.is_none_or(|most| hers < most);
    fits.then_some((cost, issued, committed))
}
