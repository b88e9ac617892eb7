//! What a purchase document leads to. Rules T3–T6, D1, D4, D5, B5, C3, R3, S2.

use chrono::TimeDelta;

use super::PurchaseFile;
use super::accrual::{Life, lots, split};
use super::amend::revised;
use super::command::{
    CouponUse, MemberOutcome, PurchaseDocument, PurchaseMode, PurchaseOutcome, RecordPurchase,
};
use super::conversion::of_purchase;
use super::coupon::Taken;
use super::decide::write_due;
use super::draft::Draft;
use super::quarantine::supersede;
use super::redemption::{Capture, ToPay, capture, check_blocked};
use super::refund::{Refund, apply_waiting};
use super::review::{Review, live_window};
use crate::business::Business;
use crate::category::Confidentiality;
use crate::context::Context;
use crate::ids::PurchaseId;
use crate::log::Event;
use crate::member::event::{
    AccrualInputs, BonusAccrued, Holding, MembershipBackdated, PolicyMoment, PurchaseQuarantined,
    PurchaseRecorded, QuarantineReason, RateRule,
};
use crate::member::spend::WindowSums;
use crate::member::state::MemberState;
use crate::money::{Bonuses, REQUEST_KOPECKS_MAX, Roubles};
use crate::policy::{Policy, RULES_REVISION};
use crate::rate::NewCategoryMultiplier;
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// Decides a purchase document that no natural key has answered before, or whose earlier revisions came to no purchase.
///
/// # Errors
/// In this order: a business nobody knows; a time in the future (T3); an amount that no bill has; a redemption or coupon
/// that does not exist; a member who is blocked; a coupon's conditions (C3); the hold's. A member without the consent is
/// answered before all but the first of these, as a stranger would be.
pub(super) fn record(
    state: &MemberState,
    command: &RecordPurchase,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let document = &command.document;
    let business = context.business(document.business_id)?;
    if !state.lets_report(business) {
        return Ok(MemberOutcome::Purchase(PurchaseOutcome::Unmatched));
    }
    check_form(command, context)?;
    // Nothing is written, so the document may come again once she is unblocked. An import tells of the past.
    if command.mode == PurchaseMode::Live || state.is_processing_blocked() {
        check_blocked(state, document.redemption_id, business, context.recorded_at)?;
    }
    let registered_at = match command.mode {
        PurchaseMode::Import { registered_at: Some(said) } => Some(said).min(state.member_since()),
        PurchaseMode::Import { registered_at: None } | PurchaseMode::Live => state.member_since(),
    };
    let (policy, policy_moment) = match command.mode {
        PurchaseMode::Live => context.policy_for(document.occurred_at)?,
        // Rule T6: history is decided as of its own time.
        PurchaseMode::Import { .. } => (context.policy_at(document.occurred_at)?, PolicyMoment::OccurredAt),
    };
    if is_before_membership(registered_at, document.occurred_at, policy) {
        return Ok(MemberOutcome::Purchase(PurchaseOutcome::BeforeMembership));
    }
    let recorded = recorded(command.purchase_id(), document, business);
    if command.mode == PurchaseMode::Live {
        // Rule B5: a decision first writes what is due. An import leaves that to the schedules of the real time (T6).
        write_due(state, context, draft)?;
    }
    supersede(state, command.purchase_id(), context, draft);
    if let Some((reason, resembles)) = why_it_waits(state, command, policy, context)? {
        let quarantine_id = command.quarantine_id;
        let waits = PurchaseQuarantined { quarantine_id, reason, resembles, purchase: recorded };
        draft.push(document.occurred_at, waits.into());
        return Ok(MemberOutcome::Purchase(PurchaseOutcome::Quarantined { quarantine_id }));
    }
    if let Some(since) = registered_at.filter(|since| Some(*since) != state.member_since()) {
        draft.push(since, MembershipBackdated { registered_at: since }.into());
    }
    let decided_at = match command.mode {
        PurchaseMode::Live => context.recorded_at,
        PurchaseMode::Import { .. } => document.occurred_at,
    };
    let lives_until = None;
    let terms = Deciding { decided_at, mode: command.mode, policy, policy_moment, business, lives_until };
    let paid = terms.paid(state, document, context)?;
    let waiting = business.waiting_for(recorded.purchase_id, context.recorded_at);
    terms.take(state, (recorded, paid, waiting), document, context, draft)
}

/// The form of a bill, in the order of refusals.
///
/// # Errors
/// A time in the future (Rule T3); an amount that no bill has.
pub(super) fn check_bill(document: &PurchaseDocument, context: &Context<'_>) -> Result<(), Rejection> {
    let policy = context.policy_at(context.recorded_at)?;
    let limit_minutes = policy.parameters.purchase_future_minutes;
    let now = context.recorded_at;
    if document.occurred_at > now.plus(TimeDelta::minutes(i64::from(limit_minutes))) {
        return Err(Rejection::OccurredInFuture { occurred_at: document.occurred_at, now, limit_minutes });
    }
    if !document.amount.is_positive() || document.amount.kopecks() > REQUEST_KOPECKS_MAX {
        return Err(Rejection::AmountOutOfRange);
    }
    Ok(())
}

/// Form and existence, in the order of refusals.
fn check_form(command: &RecordPurchase, context: &Context<'_>) -> Result<(), Rejection> {
    let document = &command.document;
    check_bill(document, context)?;
    // An amount names no hold, and no hold was made for what is long past.
    let names_none = document.redemption_id.is_none() && document.redeem_amount.is_some();
    let is_history = command.mode != PurchaseMode::Live;
    if names_none || (is_history && document.redemption_id.is_some()) {
        return Err(Rejection::HoldNotFound);
    }
    // Nor was a code given for it.
    if is_history && document.coupon_code.is_some() {
        return Err(Rejection::CouponNotValid);
    }
    Ok(())
}

/// Why an admin must look at a document, and the sale that it may be a report of. A suspicion is the more to know (Rule D5),
/// for history as well; a partner's report may be too old, too (Rule T3).
fn why_it_waits(
    state: &MemberState,
    command: &RecordPurchase,
    policy: &Policy,
    context: &Context<'_>,
) -> Result<Option<(QuarantineReason, Option<PurchaseId>)>, Rejection> {
    let document = &command.document;
    // What is void from the first earns nothing: no admin need look at it.
    if document.cancelled {
        return Ok(None);
    }
    let within = TimeDelta::minutes(i64::from(policy.parameters.purchase_duplicate_minutes));
    let resembles = state.resembling(document, within);
    if resembles.is_some() {
        return Ok(Some((QuarantineReason::SuspectedDuplicate, resembles)));
    }
    let max_age = context.policy_at(context.recorded_at)?.parameters.purchase_max_age_days;
    let is_too_old = context.recorded_at.since(document.occurred_at) > TimeDelta::days(i64::from(max_age));
    let waits = command.mode == PurchaseMode::Live && is_too_old;
    Ok(waits.then_some((QuarantineReason::TooOld, None)))
}

/// Whether it happened before she was a member, beyond what is tolerated. Rule T5.
pub(super) fn is_before_membership(
    registered_at: Option<Timestamp>,
    occurred_at: Timestamp,
    policy: &Policy,
) -> bool {
    let grace = TimeDelta::hours(i64::from(policy.parameters.purchase_before_membership_hours));
    registered_at.is_some_and(|since| occurred_at < since.minus(grace))
}

/// A document as the log says it.
pub(super) fn recorded(
    purchase_id: PurchaseId,
    document: &PurchaseDocument,
    business: &Business,
) -> PurchaseRecorded {
    PurchaseRecorded {
        purchase_id,
        business_id: business.business_id,
        business: business.slug.clone(),
        category: business.category,
        confidentiality: business.confidentiality,
        natural_key: document.natural_key,
        revision: document.revision,
        amount: document.amount,
        source: document.source,
        source_system: document.source_system,
    }
}

/// Whether the category is new to her at this business. Rule B2.
fn is_new_category(state: &MemberState, business: &Business) -> bool {
    let is_clinic = business.confidentiality == Confidentiality::Medical;
    !state.all_books().any(|books| {
        books.knows_category(business.category)
            || (is_clinic && books.knows_business(business.business_id, business.confidentiality))
    })
}

/// What decides on one purchase besides her state. Rules P1, T6.
#[derive(Clone, Copy)]
pub(super) struct Deciding<'a> {
    /// The moment it is decided as of: now, or its own for history (Rule T6).
    pub(super) decided_at: Timestamp,
    pub(super) mode: PurchaseMode,
    pub(super) policy: &'a Policy,
    pub(super) policy_moment: PolicyMoment,
    pub(super) business: &'a Business,
    /// Until when its lots live at least. Rule T3.
    pub(super) lives_until: Option<Timestamp>,
}

/// What of a bill is not paid in money.
#[derive(Default)]
pub(super) struct Paid<'a> {
    coupon: Option<Taken<'a>>,
    capture: Option<Capture>,
}

impl Deciding<'_> {
    /// Records the purchase, and what waited for it.
    pub(super) fn take(
        self,
        state: &MemberState,
        (recorded, paid, waiting): (PurchaseRecorded, Paid<'_>, Vec<Refund>),
        document: &PurchaseDocument,
        context: &Context<'_>,
        draft: &mut Draft,
    ) -> Result<MemberOutcome, Rejection> {
        let closed = self.business.closes(recorded.purchase_id);
        let mut outcome = self.pay(state, (recorded, paid), document, context, draft)?;
        apply_waiting(state, &waiting, context, draft)?;
        closed.map(|fact| draft.push(context.recorded_at, fact.into()));
        if let MemberOutcome::Purchase(PurchaseOutcome::Recorded { status, .. }) = &mut outcome {
            // A refund that waited is an occasion to evaluate, too (S2).
            *status = draft.shown_status(state, self.decided_at);
        }
        Ok(outcome)
    }

    /// What the document names to pay with, the coupon before the bonuses. One that is void uses nothing.
    fn paid<'s>(
        self,
        state: &'s MemberState,
        document: &PurchaseDocument,
        context: &Context<'_>,
    ) -> Result<Paid<'s>, Rejection> {
        let (now, at) = (context.recorded_at, self.looked_up_at(document.occurred_at, context));
        let coupon = Taken::by(state, document, (self.business, state.status_at(at)), now)?;
        let discount = coupon.as_ref().map_or(Roubles::ZERO, |coupon| coupon.discount);
        let to_pay = document.redemption_id.filter(|_| !document.cancelled);
        let capture = to_pay.map(|redemption_id| {
            let PurchaseDocument { amount: bill, redeem_amount, .. } = *document;
            let asked = ToPay { redemption_id, redeem_amount, bill, discount };
            capture(state, &asked, (self.business, self.policy, at), now)
        });
        Ok(Paid { coupon, capture: capture.transpose()? })
    }

    fn pay(
        self,
        state: &MemberState,
        (recorded, Paid { coupon, capture }): (PurchaseRecorded, Paid<'_>),
        document: &PurchaseDocument,
        context: &Context<'_>,
        draft: &mut Draft,
    ) -> Result<MemberOutcome, Rejection> {
        let occurred_at = document.occurred_at;
        // Rule D2: what is void in the first revision seen is a purchase that counts for nothing.
        let bill = if document.cancelled { Roubles::ZERO } else { document.amount };
        let looked_up_at = self.looked_up_at(occurred_at, context);
        draft.policy_version = self.policy.version;
        let bonuses_redeemed = capture.as_ref().map_or(Bonuses::ZERO, |capture| capture.amount);
        let used = coupon.as_ref().map(|it| CouponUse { coupon_id: it.id(), discount: it.discount });
        let discount = used.map_or(Roubles::ZERO, |used| used.discount);
        let base =
            bill.checked_sub(bonuses_redeemed.face_value()).and_then(|rest| rest.checked_sub(discount));
        let inputs = self.inputs(state, base.ok_or(Rejection::AmountOutOfRange)?, looked_up_at);
        let amounts = split(&inputs).ok_or(Rejection::AmountOutOfRange)?;
        let life = self.life(occurred_at, looked_up_at, context.recorded_at);
        let accrued = BonusAccrued {
            purchase_id: recorded.purchase_id,
            business_id: self.business.business_id,
            confidentiality: self.business.confidentiality,
            inputs,
            revision: None,
            amount: amounts.total,
            lots: lots(recorded.purchase_id, &self.business.slug, amounts, life),
            life: life.of_nothing(amounts.total),
        };
        let sums = self.sums_with(state, occurred_at, bill)?;
        let cause = draft.push(occurred_at, recorded.clone().into());
        draft.push_caused(occurred_at, accrued.into(), cause);
        if let Some(coupon) = coupon {
            draft.push_caused(context.recorded_at, coupon.fact(&recorded, context)?.into(), cause);
        }
        if let Some(capture) = capture {
            capture.write(state, &recorded, context, (draft, cause))?;
        }
        if bill.is_positive() {
            let place = (recorded.purchase_id, self.business.business_id, occurred_at);
            let follows = of_purchase(state, place, context.registry);
            follows.into_iter().for_each(|fact| draft.push_caused(occurred_at, fact.into(), cause));
        }
        if document.cancelled {
            let file = PurchaseFile::drawn_up(draft).ok_or(Rejection::AmountOutOfRange)?;
            draft.push_caused(self.decided_at, revised(&file, document, Bonuses::ZERO)?.into(), cause);
        }
        for event in self.evaluate(state, &sums, context) {
            draft.push_caused(self.decided_at, event, cause);
        }
        Ok(MemberOutcome::Purchase(PurchaseOutcome::Recorded {
            purchase_id: recorded.purchase_id,
            bonuses_earned: amounts.total,
            bonuses_available_from: life.available_from,
            bonuses_expire_at: life.expires_at,
            bonuses_redeemed,
            coupon: used,
            status: draft.shown_status(state, self.decided_at),
            amended: false,
        }))
    }

    /// The moment of the terms and multipliers that decide. Rule P1.
    const fn looked_up_at(self, occurred_at: Timestamp, context: &Context<'_>) -> Timestamp {
        match self.policy_moment {
            PolicyMoment::OccurredAt => occurred_at,
            PolicyMoment::RecordedAt => context.recorded_at,
        }
    }

    /// Her statuses after the purchase. Rules S2, S7: a visit to a medical business is no occasion to evaluate the status
    /// that must look as if it had not happened, or a downgrade's date would betray it.
    fn evaluate(self, state: &MemberState, sums: &WindowSums, context: &Context<'_>) -> Vec<Event> {
        let all_categories = context.registry.businesses.ordinary_categories();
        let review = Review { now: self.decided_at, policy: self.policy, all_categories };
        match self.business.confidentiality {
            Confidentiality::Ordinary => review.both(&state.ordinary, &state.with_medical, sums),
            Confidentiality::Medical => review.with_medical(&state.with_medical, sums),
        }
    }

    /// Every input of the accrual. Rules B1–B3, P5.
    pub(super) fn inputs(self, state: &MemberState, base: Roubles, looked_up_at: Timestamp) -> AccrualInputs {
        // Premium is judged at the moment of the policy, as a multiplier's period is (Rules P1, S4).
        let parameters = &self.policy.parameters;
        let status = state.status_at(looked_up_at);
        let status_rate = status.rate(parameters);
        let premium = state.premium.is_active(looked_up_at) && parameters.rate_premium > status_rate;
        let (rate_rule, rate) = if premium {
            (RateRule::Premium, parameters.rate_premium)
        } else {
            (RateRule::Status, status_rate)
        };
        let new_category = if is_new_category(state, self.business) {
            status.new_category(parameters)
        } else {
            NewCategoryMultiplier::ONE
        };
        AccrualInputs {
            base,
            status,
            rate_rule,
            rate,
            status_rate,
            new_category,
            business_multiplier: self.business.multiplier_at(looked_up_at),
            policy_version: self.policy.version,
            policy_moment: self.policy_moment,
            rules_revision: RULES_REVISION,
        }
    }

    /// When the lots are spendable. Rule B5.
    fn life(self, occurred_at: Timestamp, looked_up_at: Timestamp, now: Timestamp) -> Life {
        let parameters = &self.policy.parameters;
        let hold = self.business.terms_at(looked_up_at).hold_days.unwrap_or(parameters.bonus_hold_days);
        let available_from = occurred_at.plus(TimeDelta::days(i64::from(hold)));
        // An import of the tolerated future (T3) is decided as of a time that has not come.
        let opens =
            if available_from > self.decided_at.min(now) { Holding::Pending } else { Holding::Available };
        let expires_at = occurred_at.moscow_day().plus_days(parameters.bonus_life_days).end();
        let expires_at = self.lives_until.map_or(expires_at, |least| expires_at.max(least));
        Life { opens, available_from, expires_at }
    }

    /// The sums of the status window with this purchase in it. Rules S1, S2.
    fn sums_with(
        self,
        state: &MemberState,
        occurred_at: Timestamp,
        amount: Roubles,
    ) -> Result<WindowSums, Rejection> {
        let (after, until) = match self.mode {
            PurchaseMode::Live => live_window(self.decided_at, self.policy),
            PurchaseMode::Import { .. } => {
                (self.decided_at.months_before(self.policy.parameters.status_window_months), self.decided_at)
            }
        };
        let sums = state.window(after, until).ok_or(Rejection::AmountOutOfRange)?;
        if occurred_at <= after {
            return Ok(sums);
        }
        sums.with(self.business.category, self.business.confidentiality, amount)
            .ok_or(Rejection::AmountOutOfRange)
    }
}
