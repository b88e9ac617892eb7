//! From a command to a draft: which decision it is, and the small ones themselves. Rules S2, S6, F3.

use super::command::{MemberCommand, MemberOutcome};
use super::debt::settle;
use super::draft::{Draft, NewEvent};
use super::due::due;
use super::review::{Review, live_window};
use super::{
    amend, consents, coupon, cross_bonus, erasure, gift, offered, premium, purchase, quarantine, redemption,
    refund, requests, reward, rights, standing,
};
use crate::context::Context;
use crate::log::Event;
use crate::member::consent::{ConsentChange, ConsentChoice, ConsentOrigin, Purpose};
use crate::member::event::{ConsentGranted, MemberEvent, MemberRegistered};
use crate::member::state::{MemberState, StatusTrack};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// Decides `command` on `state`.
///
/// # Errors
/// The [`Rejection`] of the first rule that does not allow it; then nothing is written.
pub fn decide(
    state: &MemberState,
    command: &MemberCommand,
    context: &Context<'_>,
) -> Result<(Draft, MemberOutcome), Rejection> {
    let mut draft = Draft::new(context.policy_at(context.recorded_at)?.version);
    if state.is_erased() {
        let outcome = erasure::decide_erased(state, command, context, &mut draft)?;
        return Ok((draft, outcome));
    }
    if let Some(outcome) = rights::while_blocked(state, command, context)? {
        return Ok((draft, outcome));
    }
    let outcome = match command {
        MemberCommand::Register { registered_at, consents, origin } => {
            register(state, *registered_at, consents, *origin, context, &mut draft)?
        }
        MemberCommand::RecordPurchase(command) => purchase::record(state, command, context, &mut draft)?,
        MemberCommand::ApplyQuarantined(id) => quarantine::apply(state, *id, context, &mut draft)?,
        MemberCommand::DropQuarantined(id) => quarantine::discard(state, *id, context, &mut draft)?,
        MemberCommand::ChangeConsents { changes, origin } => {
            change_consents(state, changes, *origin, context, &mut draft)?
        }
        MemberCommand::HoldBonuses(command) => redemption::hold(state, command, context, &mut draft)?,
        MemberCommand::CancelHold { redemption_id, business_id } => {
            redemption::cancel(state, (*redemption_id, *business_id), context, &mut draft)?
        }
        MemberCommand::RefundPurchase(command) => refund::refund(state, command, context, &mut draft)?,
        MemberCommand::AmendPurchase(command) => amend::amend(state, command, context, &mut draft)?,
        MemberCommand::WriteDue => {
            write_due(state, context, &mut draft)?;
            MemberOutcome::DueWritten
        }
        MemberCommand::ReviewStatus => {
            write_due(state, context, &mut draft)?;
            review(state, context, &mut draft)?;
            MemberOutcome::Reviewed
        }
        MemberCommand::RankSpending(rankings) => standing::rank(state, rankings, context, &mut draft)?,
        MemberCommand::Invite(invited) => standing::invite(state, *invited, context, &mut draft)?,
        MemberCommand::Block(reason) => standing::block(state, *reason, context, &mut draft)?,
        MemberCommand::BlockProcessing(ground) => rights::block(state, *ground, context, &mut draft)?,
        MemberCommand::UnblockProcessing(ground) => rights::unblock(state, *ground, context, &mut draft)?,
        MemberCommand::ReceiveRequest(command) => requests::receive(state, *command, context, &mut draft)?,
        MemberCommand::ExtendRequest(command) => requests::extend(state, *command, context, &mut draft)?,
        MemberCommand::AnswerRequest { request_id, answer } => {
            requests::answer(state, *request_id, *answer, context, &mut draft)?
        }
        MemberCommand::ChangePhone => standing::change_phone(state, context, &mut draft)?,
        MemberCommand::PayPremium(payment) => premium::pay(state, *payment, context, &mut draft)?,
        MemberCommand::CancelPremium => premium::cancel(state, context, &mut draft)?,
        MemberCommand::Gift(command) => gift::gift(state, command, context, &mut draft)?,
        MemberCommand::Adjust(command) => gift::adjust(state, command, context, &mut draft)?,
        MemberCommand::IssueCoupon(command) => coupon::issue(state, command, context, &mut draft)?,
        MemberCommand::TakeReward(command) => reward::take(state, command, context, &mut draft)?,
        MemberCommand::GiveCrossBonus(command) => cross_bonus::give(state, command, context, &mut draft)?,
        MemberCommand::TakeOffer(command) => offered::take(state, command, context, &mut draft)?,
        MemberCommand::ActivateCoupon(command) => coupon::activate(state, command, context, &mut draft)?,
        MemberCommand::RevokeCoupon { coupon_id, reason_id } => {
            coupon::revoke(state, (*coupon_id, *reason_id), context, &mut draft)?
        }
        MemberCommand::Erase(command) => erasure::erase(state, *command, context, &mut draft)?,
    };
    settle(state, context, &mut draft)?;
    Ok((draft, outcome))
}

fn register(
    state: &MemberState,
    registered_at: Timestamp,
    consents: &[ConsentChange],
    origin: ConsentOrigin,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    if state.is_registered() {
        return Err(Rejection::MemberExists);
    }
    let to_take_part = consents.iter().rfind(|change| change.purpose == Purpose::PersonalData);
    if to_take_part.is_none_or(|change| change.choice != ConsentChoice::Granted) {
        return Err(Rejection::ConsentRequired);
    }
    let registered_at = registered_at.min(context.recorded_at);
    let cause = draft.push(registered_at, MemberRegistered { registered_at }.into());
    for event in consents::changes(state, consents, origin, context)? {
        draft.push_caused(context.recorded_at, event, cause);
    }
    Ok(MemberOutcome::Registered)
}

fn change_consents(
    state: &MemberState,
    changes: &[ConsentChange],
    origin: ConsentOrigin,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    if !state.is_registered() {
        return Err(Rejection::MemberNotFound);
    }
    let events = consents::changes(state, changes, origin, context)?;
    // Rule B5: a decision first writes what is due.
    write_due(state, context, draft)?;
    let is_status = |event: &Event| match event {
        Event::Member(MemberEvent::ConsentGranted(ConsentGranted { purpose, .. })) => {
            *purpose == Purpose::MedicalStatus
        }
        Event::Member(MemberEvent::ConsentWithdrawn(fact)) => fact.purpose == Purpose::MedicalStatus,
        Event::Member(_) | Event::Business(_) | Event::Policy(_) | Event::Chain(_) | Event::Offer(_) => false,
    };
    let evaluate = events.iter().any(is_status);
    for event in events {
        draft.push(context.recorded_at, event);
    }
    if evaluate {
        // Rule S2: a change of this consent is an occasion to evaluate.
        review(state, context, draft)?;
    }
    Ok(MemberOutcome::ConsentsChanged)
}

/// What is due, and the debts that it pays (Rule F3): what comes after it finds her as a balance showed her before.
pub(super) fn write_due(
    state: &MemberState,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<(), Rejection> {
    for due in due(state, context)? {
        draft.push(due.at, due.event);
    }
    settle(state, context, draft)
}

fn review(state: &MemberState, context: &Context<'_>, draft: &mut Draft) -> Result<(), Rejection> {
    if !state.is_registered() {
        return Ok(());
    }
    evaluate(state, [state.ordinary, state.with_medical], context, draft, None)
}

/// Evaluates her now, with her tracks (without and with medical businesses) as the draft leaves them. Rules S2, S7.
pub(super) fn evaluate(
    state: &MemberState,
    [ordinary, with_medical]: [StatusTrack; 2],
    context: &Context<'_>,
    draft: &mut Draft,
    cause: Option<usize>,
) -> Result<(), Rejection> {
    let now = context.recorded_at;
    let policy = context.policy_at(now)?;
    let (after, until) = live_window(now, policy);
    let sums = state.window(after, until).ok_or(Rejection::AmountOutOfRange)?;
    let all_categories = context.registry.businesses.ordinary_categories();
    for event in (Review { now, policy, all_categories }).both(&ordinary, &with_medical, &sums) {
        draft.events.push(NewEvent { occurred_at: now, event, cause });
    }
    Ok(())
}
