//! One command decided: which streams it writes to, and what.

use ledger_core::business::decide::{self as business, WaitForPurchase};
use ledger_core::chain::decide as chain;
use ledger_core::context::{Context, Registry};
use ledger_core::ids::{BusinessId, MemberId};
use ledger_core::log::{Event, StreamType};
use ledger_core::member::draft::Draft;
use ledger_core::member::{self, HandOver, Joined, MemberCommand, MemberOutcome, MemberState, Refund};
use ledger_core::money::Bonuses;
use ledger_core::offer::decide as offer;
use ledger_core::policy::{POLICY_STREAM, decide as policy};
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;
use uuid::Uuid;

use super::warmth::Warmth;
use crate::command::{Command, Outcome, RefundRequest, Unknown};
use crate::error::ExecuteError;

/// Which stream a command writes to, and what it wants written.
pub(super) struct Written {
    pub(super) stream_type: StreamType,
    pub(super) stream_id: Uuid,
    pub(super) draft: Draft,
    pub(super) outcome: Outcome,
    /// What another member's stream gets, before. Rule D3, and accounts that become one or two.
    pub(super) before: Option<(Uuid, Draft)>,
}

/// Decides `command` on what is warm. What is asked of an account that went into another is asked of that one.
pub(super) fn decide(
    command: &Command,
    warmth: &Warmth,
    context: &Context<'_>,
) -> Result<Written, ExecuteError> {
    // A member without events is warm too, with an empty fold. One that is not was looked up in vain: her history cannot be
    // read, or was just found not to hold.
    let state = |id: MemberId| -> Result<&MemberState, ExecuteError> {
        warmth.members.peek(&id.as_uuid()).map(|warm| &warm.state).ok_or(ExecuteError::Corrupt)
    };
    let survivor = |id: &MemberId| context.registry.accounts.survivor(*id);
    let hers = |id: MemberId, command: &MemberCommand| -> Result<_, ExecuteError> {
        let decided = member::decide(state(id)?, command, context);
        Ok(decided.map(|(draft, outcome)| of_member(id, draft, Outcome::Member(outcome))))
    };
    let written = match command {
        Command::Member { member_id, command } => hers(survivor(member_id), command)?,
        Command::HandOver { from, to, command } => match (survivor(from), survivor(to)) {
            // Both accounts are one by now: nothing changes hands.
            (from, to) if from == to => hers(to, &within(command))?,
            (from, to) => {
                let decided = member::hand_over(state(from)?, state(to)?, command, context);
                decided.map(|decided| Written {
                    before: Some((from.as_uuid(), decided.from)),
                    ..of_member(to, decided.to, Outcome::Member(decided.outcome))
                })
            }
        },
        Command::Merge(accounts) => {
            let (from, into) = (accounts.from, accounts.into);
            let joined = member::merge(state(from)?, state(into)?, accounts, context);
            joined.map(|Joined { from: old, into: hers, outcome }| Written {
                before: Some((from.as_uuid(), old)),
                ..of_member(into, hers, Outcome::Member(outcome))
            })
        }
        Command::Unmerge(accounts) => {
            let (from, into) = (accounts.from, accounts.into);
            let joined = member::unmerge(state(from)?, state(into)?, accounts, context);
            // What goes back leaves the one before it comes to the other.
            joined.map(|Joined { from: old, into: hers, outcome }| Written {
                before: Some((into.as_uuid(), hers)),
                ..of_member(from, old, Outcome::Member(outcome))
            })
        }
        command => elsewhere(command, context),
    };
    written.map_err(ExecuteError::Refused)
}

/// A revision that names the other account of the same woman.
fn within(command: &HandOver) -> MemberCommand {
    match command {
        HandOver::Recorded(command) => MemberCommand::AmendPurchase(command.clone()),
        HandOver::Waiting(command) => MemberCommand::RecordPurchase(command.clone()),
    }
}

fn of_member(id: MemberId, draft: Draft, outcome: Outcome) -> Written {
    Written { stream_type: StreamType::Member, stream_id: id.as_uuid(), draft, outcome, before: None }
}

/// What is about no member.
fn elsewhere(command: &Command, context: &Context<'_>) -> Result<Written, Rejection> {
    let registry: &Registry = context.registry;
    let now = context.recorded_at;
    match command {
        Command::Member { .. } | Command::HandOver { .. } | Command::Merge(_) | Command::Unmerge(_) => {
            Err(Rejection::MemberNotFound)
        }
        Command::CrossBonus(bonus) => {
            let amount = Bonuses::ZERO;
            let outcome = Outcome::Member(MemberOutcome::CrossBonus { amount });
            Ok(of_member(bonus.member_id, drawn_up(Vec::new(), context)?, outcome))
        }
        Command::Refund(RefundRequest { unknown: Unknown::Refused, .. }) => Err(Rejection::PurchaseNotFound),
        Command::Refund(refund) => {
            let command = WaitForPurchase {
                business_id: refund.business_id,
                purchase_id: refund.purchase_id,
                refund: refund_of(refund, now),
            };
            let events = business::wait_for_purchase(&command, context)?;
            let written = of_business(refund.business_id.as_uuid(), events, context)?;
            Ok(Written { outcome: Outcome::RefundWaiting { refund_id: refund.refund_id }, ..written })
        }
        Command::RegisterBusiness(command) => {
            let events = business::register(&registry.businesses, command)?;
            of_business(command.business_id.as_uuid(), events, context)
        }
        Command::ChangeBusiness(command) => {
            let events = business::change(&registry.businesses, command, now)?;
            of_business(command.business_id.as_uuid(), events, context)
        }
        Command::SetMultiplier(command) => {
            let events = business::set_multiplier(&registry.businesses, command, now)?;
            of_business(command.business_id.as_uuid(), events, context)
        }
        Command::PublishPolicy(command) => {
            let published = policy::publish(&registry.policies, command, now)?;
            let outcome = Outcome::PolicyPublished {
                version: published.version,
                effective_from: published.effective_from,
            };
            let mut draft = Draft::new(published.version);
            draft.push(now, published.into());
            let (stream_type, stream_id) = (StreamType::Policy, POLICY_STREAM);
            Ok(Written { stream_type, stream_id, draft, outcome, before: None })
        }
        Command::Chain { chain_id, command } => {
            let (events, standing) = chain::decide(*chain_id, command, context)?;
            let outcome =
                Outcome::Chain { chain_id: *chain_id, version: standing.version, state: standing.state };
            let (stream_type, stream_id) = (StreamType::Chain, chain_id.as_uuid());
            Ok(Written { stream_type, stream_id, draft: drawn_up(events, context)?, outcome, before: None })
        }
        Command::Offer { offer_id, command } => {
            let (events, standing) = offer::decide(*offer_id, command, context)?;
            let outcome =
                Outcome::Offer { offer_id: *offer_id, version: standing.version, state: standing.state };
            let (stream_type, stream_id) = (StreamType::Offer, offer_id.as_uuid());
            Ok(Written { stream_type, stream_id, draft: drawn_up(events, context)?, outcome, before: None })
        }
    }
}

pub(super) const fn refund_of(asked: &RefundRequest, now: Timestamp) -> Refund {
    let occurred_at = match asked.occurred_at {
        Some(said) => said,
        None => now,
    };
    Refund { refund_id: asked.refund_id, amount: asked.amount, occurred_at }
}

fn of_business(stream_id: Uuid, events: Vec<Event>, context: &Context<'_>) -> Result<Written, Rejection> {
    let draft = drawn_up(events, context)?;
    let outcome = Outcome::Business { business_id: BusinessId::from_uuid(stream_id) };
    Ok(Written { stream_type: StreamType::Business, stream_id, draft, outcome, before: None })
}

/// Facts that happened when the log takes them.
fn drawn_up(events: Vec<Event>, context: &Context<'_>) -> Result<Draft, Rejection> {
    let mut draft = Draft::new(context.policy_at(context.recorded_at)?.version);
    for event in events {
        draft.push(context.recorded_at, event);
    }
    Ok(draft)
}
