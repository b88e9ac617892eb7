//! Her rights as the subject of the data: processing that is blocked while something is looked into. `compliance.md` S5; art. 21
//! part 1 of 152-ФЗ.
//!
//! An admin's block (Rule R4, `standing.rs`) is the programme's word against her: she may not buy. This one is hers, or the law's:
//! what is known of her is kept and not used. Where the one stops a decision the other does ([`MemberState::must_be_free`]), and
//! besides whatever would use her data anew ([`while_blocked`]). What goes on: her own reading, asking and leaving; consents that
//! she withdraws; what ends by itself or by who holds it (expiry, lapsed or cancelled holds, revoked coupons); and money that a
//! business gives back, which the law on consumers' rights demands.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::command::{MemberCommand, MemberOutcome};
use super::decide::{evaluate, write_due};
use super::draft::Draft;
use super::requests::OpenRequest;
use crate::context::Context;
use crate::ids::SubjectRequestId;
use crate::member::consent::ConsentChoice;
use crate::member::event::{BlockGround, ProcessingBlocked, ProcessingUnblocked, RightsEvent, UnblockGround};
use crate::member::state::MemberState;
use crate::rejection::Rejection;

/// What a decision must know of her rights.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rights {
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    blocked: bool,
    /// Demands that wait for their answers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(super) open: BTreeMap<SubjectRequestId, OpenRequest>,
}

impl Rights {
    /// Whether there is nothing to know: so it is of most members.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Applies a fact.
    ///
    /// # Errors
    /// A fact that cannot follow from what was before.
    pub(super) fn apply(&mut self, fact: &RightsEvent) -> Result<(), &'static str> {
        match fact {
            RightsEvent::ProcessingBlocked(_) => self.set_blocked(true),
            RightsEvent::ProcessingUnblocked(_) => self.set_blocked(false),
            RightsEvent::SubjectRequestReceived(fact) => {
                match self.open.insert(fact.request_id, OpenRequest::received(fact)) {
                    None => Ok(()),
                    Some(_) => Err("a demand comes twice"),
                }
            }
            RightsEvent::SubjectRequestExtended(fact) => {
                let open = self.open.get_mut(&fact.request_id).ok_or("an unknown demand gets more time")?;
                *open = open.extended(fact);
                Ok(())
            }
            RightsEvent::SubjectRequestAnswered(fact) => {
                self.open.remove(&fact.request_id).map(|_| ()).ok_or("an unknown demand is answered")
            }
        }
    }

    fn set_blocked(&mut self, blocked: bool) -> Result<(), &'static str> {
        if std::mem::replace(&mut self.blocked, blocked) == blocked {
            return Err("processing is blocked, or unblocked, twice");
        }
        Ok(())
    }
}

impl MemberState {
    /// True while an admin's block stands. Rule R4.
    #[must_use]
    pub const fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// True while her data are kept and not used. S5.
    #[must_use]
    pub const fn is_processing_blocked(&self) -> bool {
        self.rights.blocked
    }

    /// True while she can neither buy nor spend, be it by an admin's block or because her data are not used.
    #[must_use]
    pub const fn is_barred(&self) -> bool {
        self.blocked || self.rights.blocked
    }

    /// Whether a demand of hers waits for its answer.
    pub(super) fn has_open_requests(&self) -> bool {
        !self.rights.open.is_empty()
    }

    /// Refuses while she is barred: the law's word before the programme's.
    ///
    /// # Errors
    /// [`Rejection::ProcessingBlocked`], [`Rejection::MemberBlocked`].
    pub(super) const fn must_be_free(&self) -> Result<(), Rejection> {
        if self.rights.blocked {
            Err(Rejection::ProcessingBlocked)
        } else if self.blocked {
            Err(Rejection::MemberBlocked)
        } else {
            Ok(())
        }
    }
}

/// Her data are kept and not used from now on. What is so already writes nothing.
///
/// # Errors
/// No such member.
pub(super) fn block(
    state: &MemberState,
    ground: BlockGround,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    if !state.is_registered() {
        return Err(Rejection::MemberNotFound);
    }
    write_due(state, context, draft)?;
    if !state.is_processing_blocked() {
        draft.push(context.recorded_at, ProcessingBlocked { ground }.into());
    }
    Ok(MemberOutcome::Processing { blocked: true })
}

/// They are used again, and she is evaluated: meanwhile no daily review did (Rule S2). What is so already writes nothing.
///
/// # Errors
/// No such member; sums that do not fit.
pub(super) fn unblock(
    state: &MemberState,
    ground: UnblockGround,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    if !state.is_registered() {
        return Err(Rejection::MemberNotFound);
    }
    write_due(state, context, draft)?;
    if state.is_processing_blocked() {
        let cause = draft.push(context.recorded_at, ProcessingUnblocked { ground }.into());
        evaluate(state, [state.ordinary, state.with_medical], context, draft, Some(cause))?;
    }
    Ok(MemberOutcome::Processing { blocked: false })
}

/// What is answered, while her data are not used, to what would use them: `None` where the decision itself looks, or uses
/// nothing anew. Schedules find nothing to do.
///
/// # Errors
/// [`Rejection::ProcessingBlocked`]; not to a business that she does not let report: to that one she is a stranger.
pub(super) fn while_blocked(
    state: &MemberState,
    command: &MemberCommand,
    context: &Context<'_>,
) -> Result<Option<MemberOutcome>, Rejection> {
    if !state.is_processing_blocked() {
        return Ok(None);
    }
    match command {
        MemberCommand::ReviewStatus | MemberCommand::RankSpending(_) => Ok(Some(MemberOutcome::Reviewed)),
        MemberCommand::ChangeConsents { changes, .. } => {
            let withdraws = changes.iter().all(|change| change.choice == ConsentChoice::Withdrawn);
            if withdraws { Ok(None) } else { Err(Rejection::ProcessingBlocked) }
        }
        MemberCommand::IssueCoupon(command) => {
            let business = context.business(command.business_id)?;
            if state.lets_report(business) { Err(Rejection::ProcessingBlocked) } else { Ok(None) }
        }
        MemberCommand::DropQuarantined(_)
        | MemberCommand::Invite(_)
        | MemberCommand::PayPremium(_)
        | MemberCommand::Gift(_)
        | MemberCommand::Adjust(_)
        | MemberCommand::ActivateCoupon(_) => Err(Rejection::ProcessingBlocked),
        // Each looks itself, at its place among the refusals (Rule R4), or gives nothing.
        MemberCommand::RecordPurchase(_)
        | MemberCommand::AmendPurchase(_)
        | MemberCommand::ApplyQuarantined(_)
        | MemberCommand::HoldBonuses(_)
        | MemberCommand::TakeReward(_)
        | MemberCommand::TakeOffer(_)
        // What a purchase of before has earned is hers.
        | MemberCommand::GiveCrossBonus(_)
        | MemberCommand::Register { .. }
        | MemberCommand::CancelHold { .. }
        | MemberCommand::RefundPurchase(_)
        | MemberCommand::WriteDue
        | MemberCommand::Block(_)
        | MemberCommand::ChangePhone
        | MemberCommand::CancelPremium
        | MemberCommand::RevokeCoupon { .. }
        | MemberCommand::BlockProcessing(_)
        | MemberCommand::UnblockProcessing(_)
        | MemberCommand::ReceiveRequest(_)
        | MemberCommand::ExtendRequest(_)
        | MemberCommand::AnswerRequest { .. }
        | MemberCommand::Erase(_) => Ok(None),
    }
}
