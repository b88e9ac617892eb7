//! What comes of a purchase that triggers a step of a chain. Rules X1, X3, X5, X6, X9.
//!
//! Whoever follows the log names the purchase and the step; here is decided, on all that is true by then, what comes of it: a
//! coupon, a promise of bonuses for the purchase that follows (Rule B9), or nothing. A coupon goes to her stream and to the
//! chain's in one append, so that no two purchases take the last of a budget, whoever decides them.
//!
//! Once for (chain version, step, purchase): the command's key follows from these. What can never be otherwise writes
//! nothing, for it is decided alike whenever the log is read again; what may be otherwise later is written down.

use chrono::TimeDelta;

use super::command::MemberOutcome;
use super::conversion::{OpenTrigger, of_trigger, of_visits};
use super::coupon::GivenBy;
use super::decide::write_due;
use super::draft::Draft;
use crate::business::Business;
use crate::category::Confidentiality;
use crate::chain::definition::{ChainFunder, CouponTemplate, Limits, Reward, Step};
use crate::chain::event::ChainRewardIssued;
use crate::chain::{Chain, Triggered, Version};
use crate::context::Context;
use crate::ids::{BusinessId, ChainId, CouponId, MemberId, PurchaseId};
use crate::member::consent::Purpose;
use crate::member::event::{
    BonusAccrued, ChainTriggered, CouponConditions, CouponIssued, FromChain, Promise,
};
use crate::member::lot::Funder;
use crate::member::state::MemberState;
use crate::member::status::Status;
use crate::money::Roubles;
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// A purchase that triggers a step of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeReward {
    /// Whose it was when it was recorded.
    pub member_id: MemberId,
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
    /// Its net amount when it was recorded, as its accrual says.
    pub net: Roubles,
    /// The moment as of which it was decided, as its accrual says. Rule P1.
    pub looked_up_at: Timestamp,
    /// Her status before it, as its accrual says.
    pub status: Status,
    /// The coupon, if there is one for it.
    pub coupon_id: CouponId,
}

impl TakeReward {
    /// What a purchase of hers asks of a step that it triggers: all of it stands in the purchase's accrual.
    #[must_use]
    pub const fn of(
        triggered: &Triggered<'_>,
        (member_id, bought_at, looked_up_at): (MemberId, Timestamp, Timestamp),
        accrued: &BonusAccrued,
        coupon_id: CouponId,
    ) -> Self {
        Self {
            member_id,
            chain_id: triggered.chain.chain_id,
            version: triggered.version.version,
            step: triggered.place,
            purchase_id: accrued.purchase_id,
            business_id: accrued.business_id,
            bought_at,
            net: accrued.inputs.base,
            looked_up_at,
            status: accrued.inputs.status,
            coupon_id,
        }
    }
}

/// Why a purchase gets nothing of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhyNot {
    /// The version was not active then, or has no such step. Rule X3.
    NotActive,
    /// The step's window is over already. Of an imported history nothing is given for last year.
    TooLate,
    /// Her status is another, or she is no new customer of the target. Rule X1.
    Audience,
    /// The net amount is too small, by itself or by refunds. Rules X3, X6.
    TooSmall,
    /// It would lead back to where its coupon came from, or too long a way. Rule X6.
    Way,
    /// So many rewards were given to her, or in all. Rule X5.
    Limit,
    /// Not enough is left of the budget. Rule X5.
    Budget,
    /// She is blocked.
    Blocked,
    /// She does not let a clinic's visits be used so. Rule X9.
    NoConsent,
    /// She has so many open coupons there.
    NoRoom,
}

/// Whether a purchase may get anything of a step that it triggers, by what stands in its accrual alone: who follows the log need
/// not ask for the others.
#[must_use]
pub fn may_take(triggered: &Triggered<'_>, accrued: &BonusAccrued) -> bool {
    lacks(triggered, accrued.inputs.base, accrued.inputs.status).is_none()
}

/// What a purchase of this net amount, by a member of this status, lacks for a step. Rules X1, X3.
fn lacks(Triggered { version, step, .. }: &Triggered<'_>, net: Roubles, status: Status) -> Option<WhyNot> {
    let statuses = &version.definition.audience.statuses;
    let is_for_her = statuses.is_empty() || statuses.contains(&status);
    let lacks = [(!is_enough(net, step), WhyNot::TooSmall), (!is_for_her, WhyNot::Audience)];
    lacks.into_iter().find_map(|(is_so, why)| is_so.then_some(why))
}

/// Why the purchase gets nothing as things are; `None` when it gets something, or is one of those held out.
///
/// # Errors
/// As for the decision.
pub(crate) fn why_not(
    state: &MemberState,
    command: &TakeReward,
    context: &Context<'_>,
) -> Result<Option<WhyNot>, Rejection> {
    let hit = Hit::of(state, command, context)?;
    Ok(hit.and_then(|hit| hit.check_open(state, command, context.recorded_at)).err())
}

/// Decides what comes of it. Nothing is no refusal.
///
/// # Errors
/// A log without policies; sums that do not fit.
pub(super) fn take(
    state: &MemberState,
    command: &TakeReward,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let Ok(hit) = Hit::of(state, command, context)? else {
        return Ok(MemberOutcome::Triggered { promise: Promise::Nothing });
    };
    write_due(state, context, draft)?;
    let promise = match &hit.step.reward {
        _ if hit.check_open(state, command, context.recorded_at).is_err() => Promise::Nothing,
        _ if hit.holds_out(command, context)? => Promise::HeldOut,
        Reward::CrossBonus { .. } => Promise::CrossBonus,
        Reward::Coupon { coupon } => {
            let CouponTemplate { description, gift, .. } = *coupon;
            let hit = Hit { from: FromChain { description, gift, ..hit.from.clone() }, ..hit };
            hit.give(state, (coupon, command.coupon_id), context, draft);
            return Ok(MemberOutcome::Rewarded { coupon_id: command.coupon_id });
        }
    };
    hit.promise(state, promise, context, draft);
    Ok(MemberOutcome::Triggered { promise })
}

/// A step that the purchase triggers, whatever becomes of her.
struct Hit<'a> {
    version: &'a Version,
    step: &'a Step,
    source: &'a Business,
    target: &'a Business,
    from: FromChain,
    /// What a coupon takes of the budget, and what the chain has given with it: rewards, and their cost.
    counts: (Roubles, u32, Roubles),
}

impl<'a> Hit<'a> {
    /// Not when the step has nothing for such a purchase, and never will.
    fn of(
        state: &MemberState,
        command: &TakeReward,
        context: &Context<'a>,
    ) -> Result<Result<Self, WhyNot>, Rejection> {
        let at = command.looked_up_at;
        let chain = context.registry.chains.get(command.chain_id);
        let is_it = |it: &Triggered<'_>| (it.version.version, it.place) == (command.version, command.step);
        let triggered = chain.and_then(|chain| chain.triggered(command.business_id, at).find(is_it));
        let Some(triggered @ Triggered { chain, version, step, .. }) = triggered else {
            return Ok(Err(WhyNot::NotActive));
        };
        let (source, target) = (context.business(step.from)?, context.business(step.to)?);
        let until = command.bought_at.plus(TimeDelta::days(i64::from(step.window_days)));
        let too_late = (context.recorded_at > until).then_some(WhyNot::TooLate);
        if let Some(why) = too_late.or_else(|| lacks(&triggered, command.net, command.status)) {
            return Ok(Err(why));
        }
        let max_depth = context.policy_at(at)?.parameters.chain_max_depth;
        let Some(trail) = trail(state, command, step, max_depth) else { return Ok(Err(WhyNot::Way)) };
        // Where there is a budget a coupon's cost is known; a cross bonus is counted when it is given.
        let cost = step.reward.costs_at_most().unwrap_or_default();
        let (issued, committed) = match allowed(state, chain, &version.definition.limits, cost) {
            Ok(counts) => counts,
            Err(why) => return Ok(Err(why)),
        };
        let TakeReward { chain_id, version: number, step: place, purchase_id, bought_at, .. } = *command;
        let from = FromChain {
            chain_id,
            version: number,
            step: place,
            purchase_id,
            bought_at,
            until,
            trail,
            description: None,
            gift: None,
        };
        Ok(Ok(Self { version, step, source, target, from, counts: (cost, issued, committed) }))
    }

    /// Whether she is one of those without whom nobody could tell what the chain brings. Rule P1.
    fn holds_out(&self, command: &TakeReward, context: &Context<'_>) -> Result<bool, Rejection> {
        let default = context.policy_at(command.looked_up_at)?.parameters.chain_holdout_percent;
        Ok(self.version.holds_out(self.from.chain_id, command.member_id, default))
    }

    /// Whether she may have it as things are: she is not blocked, has room for one more coupon, is one of those whom the chain
    /// is for, and the purchase stands. Of a purchase at a clinic while she consents. Rules X1, X3, X9.
    fn check_open(&self, state: &MemberState, command: &TakeReward, now: Timestamp) -> Result<(), WhyNot> {
        let Self { version, step, source, target, .. } = self;
        let is_clinic = source.confidentiality == Confidentiality::Medical;
        let is_new = || state.is_new_customer(step.to, target.confidentiality);
        let TakeReward { purchase_id, bought_at, business_id, .. } = *command;
        let net = state.all_books().find_map(|books| books.sales.net(bought_at, purchase_id, business_id));
        let is_for_her = !version.definition.audience.new_customers_of_target || is_new();
        let is_coupon = matches!(step.reward, Reward::Coupon { .. });
        // Of a purchase from before her data were not used any more it goes on: while they are not, none is recorded.
        if state.is_blocked() {
            Err(WhyNot::Blocked)
        } else if is_clinic && !state.consents_to(&Purpose::MedicalCrossPromo) {
            Err(WhyNot::NoConsent)
        } else if !is_for_her {
            Err(WhyNot::Audience)
        } else if is_coupon && !state.has_room_for(step.to, GivenBy::Promotion, now) {
            Err(WhyNot::NoRoom)
        } else if net.is_none_or(|net| !is_enough(net, step)) {
            Err(WhyNot::TooSmall)
        } else {
            Ok(())
        }
    }

    /// The coupon, with what follows from it already. Hers comes first: a coupon is found by the first fact of the command
    /// that made it.
    fn give(
        &self,
        state: &MemberState,
        (template, coupon_id): (&CouponTemplate, CouponId),
        context: &Context<'_>,
        draft: &mut Draft,
    ) {
        let now = context.recorded_at;
        let issued = CouponIssued {
            coupon_id,
            business_id: self.target.business_id,
            business: self.target.slug.clone(),
            confidentiality: self.target.confidentiality,
            gives: template.gives.clone(),
            conditions: CouponConditions {
                min_bill: template.min_bill,
                new_customers_only: false,
                statuses: Vec::new(),
                with_bonuses: true,
                valid_from: None,
            },
            expires_at: now.moscow_day().plus_days(template.life_days).end(),
            funded_by: funder(self.version.definition.funded_by, self.source, self.target),
            description: None,
            gift: None,
            chain: Some(Box::new(self.from.clone())),
            offer: None,
        };
        let cause = draft.push(now, issued.into());
        self.convert(state, false, context, (draft, cause));
        let FromChain { chain_id, version, step, purchase_id, .. } = self.from;
        let (cost, issued, committed) = self.counts;
        let coupon_id = Some(coupon_id);
        let reward =
            ChainRewardIssued { chain_id, version, step, purchase_id, coupon_id, cost, issued, committed };
        draft.push_caused(now, reward.into(), cause);
    }

    /// What is no coupon, with what follows from it already.
    fn promise(&self, state: &MemberState, promise: Promise, context: &Context<'_>, draft: &mut Draft) {
        let triggered = ChainTriggered {
            chain: Box::new(self.from.clone()),
            business_id: self.step.to,
            confidentiality: of_visits([&self.step.from, &self.step.to], &context.registry.businesses),
            promise,
        };
        let cause = draft.push(context.recorded_at, triggered.into());
        if promise != Promise::Nothing {
            self.convert(state, promise == Promise::HeldOut, context, (draft, cause));
        }
    }

    /// A purchase that came to the log before its trigger. Rule X4.
    fn convert(
        &self,
        state: &MemberState,
        held_out: bool,
        context: &Context<'_>,
        (draft, cause): (&mut Draft, usize),
    ) {
        let promised = !held_out && matches!(self.step.reward, Reward::CrossBonus { .. });
        let trigger = OpenTrigger { from: self.from.clone(), target: self.step.to, held_out, promised };
        let follows = of_trigger(state, &trigger, &context.registry.businesses);
        follows.into_iter().for_each(|fact| draft.push_caused(context.recorded_at, fact.into(), cause));
    }
}

/// Who bears the rewards of a step between these.
pub(super) fn funder(bears: ChainFunder, source: &Business, target: &Business) -> Funder {
    match bears {
        ChainFunder::Source => Funder::Business(source.slug.clone()),
        ChainFunder::Target => Funder::Business(target.slug.clone()),
        ChainFunder::Coalition => Funder::Coalition,
    }
}

/// Whether a net amount is what the step asks for. Rules X3, X6.
fn is_enough(net: Roubles, step: &Step) -> bool {
    net.is_positive() && step.min_amount.is_none_or(|least| net >= least)
}

/// Where the coupon would come from; `None` when that is where it leads, or too long a way. Rule X6.
fn trail(state: &MemberState, command: &TakeReward, step: &Step, max_depth: u32) -> Option<Vec<BusinessId>> {
    let mut trail = state.trail_of(command.purchase_id);
    trail.push(step.from);
    let is_short = u32::try_from(trail.len()).is_ok_and(|depth| depth <= max_depth);
    (is_short && !trail.contains(&step.to)).then_some(trail)
}

/// What the chain has given, and what all of it cost, with one more reward; not when that is more than its limits. Rule X5.
pub(super) fn allowed(
    state: &MemberState,
    chain: &Chain,
    limits: &Limits,
    cost: Roubles,
) -> Result<(u32, Roubles), WhyNot> {
    let hers = state.all_books().filter_map(|books| books.chains.rewards.get(&chain.chain_id));
    let hers = hers.fold(0_u32, |sum, given| sum.saturating_add(*given));
    let issued = chain.issued.checked_add(1).filter(|issued| limits.total.is_none_or(|most| *issued <= most));
    let issued = issued.filter(|_| limits.per_member.is_none_or(|most| hers < most)).ok_or(WhyNot::Limit)?;
    let committed = chain.committed.checked_add(cost);
    let committed = committed.filter(|sum| limits.budget.is_none_or(|budget| *sum <= budget));
    Ok((issued, committed.ok_or(WhyNot::Budget)?))
}
