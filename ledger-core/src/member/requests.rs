//! What she demands about her data, from its coming to its answer. `compliance.md` S2–S5, C8.
//!
//! The term comes with the command and stays as it was said: the calendar of a year may be changed after the fact, a decision is
//! not (Rule P5). Whoever sends the command reckons it (`deadlines.rs`). A demand that her data not be used is done in the append
//! that takes it; one that they be destroyed is answered by the append that forgets her.

use serde::{Deserialize, Serialize};

use super::command::MemberOutcome;
use super::decide::write_due;
use super::draft::Draft;
use super::working::Working;
use crate::context::Context;
use crate::deadlines::Reckoned;
use crate::ids::SubjectRequestId;
use crate::member::event::{
    BlockGround, ExtensionGround, ProcessingBlocked, RequestAnswer, RequestChannel, RequestKind,
    SubjectRequestAnswered, SubjectRequestExtended, SubjectRequestReceived,
};
use crate::member::state::MemberState;
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// How many demands of one woman can be open: her state holds each.
pub const OPEN_REQUESTS_MAX: usize = 20;

/// A demand that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenRequest {
    kind: RequestKind,
    due_at: Timestamp,
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    extended: bool,
}

impl OpenRequest {
    /// As it came.
    pub(super) const fn received(fact: &SubjectRequestReceived) -> Self {
        Self { kind: fact.kind, due_at: fact.due_at, extended: false }
    }

    /// With its longer term.
    pub(super) const fn extended(self, fact: &SubjectRequestExtended) -> Self {
        Self { due_at: fact.due_at, extended: true, ..self }
    }
}

/// A demand that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiveRequest {
    /// The demand.
    pub request_id: SubjectRequestId,
    /// What is demanded.
    pub kind: RequestKind,
    /// How it came.
    pub channel: RequestChannel,
    /// When.
    pub received_at: Timestamp,
    /// By when the law wants it answered.
    pub due_at: Timestamp,
    /// How that was found.
    pub reckoned: Reckoned,
}

/// A longer term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendRequest {
    /// The demand.
    pub request_id: SubjectRequestId,
    /// Why.
    pub ground: ExtensionGround,
    /// By when it is to be answered now.
    pub due_at: Timestamp,
    /// How that was found.
    pub reckoned: Reckoned,
}

/// Takes a demand. From one that her data not be used on they are not (art. 21 part 1: "from the moment of the demand").
///
/// # Errors
/// No such member; too many demands of hers that are open.
pub(super) fn receive(
    state: &MemberState,
    command: ReceiveRequest,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    if !state.is_registered() {
        return Err(Rejection::MemberNotFound);
    }
    if state.rights.open.len() >= OPEN_REQUESTS_MAX {
        return Err(Rejection::TooManyOpenRequests);
    }
    write_due(state, context, draft)?;
    let ReceiveRequest { request_id, kind, channel, received_at, due_at, reckoned } = command;
    let received = SubjectRequestReceived { request_id, kind, channel, received_at, due_at, reckoned };
    let cause = draft.push(received_at, received.into());
    if kind == RequestKind::Blocking && !state.is_processing_blocked() {
        let ground = match channel {
            RequestChannel::Authority => BlockGround::AuthorityDemand,
            RequestChannel::App
            | RequestChannel::Email
            | RequestChannel::Letter
            | RequestChannel::Phone
            | RequestChannel::Office => BlockGround::SubjectDemand,
        };
        draft.push_caused(context.recorded_at, ProcessingBlocked { ground }.into(), cause);
    }
    Ok(MemberOutcome::RequestDue { request_id, due_at })
}

/// Makes a term longer: once, while it runs, where the law allows it.
///
/// # Errors
/// One that is not open; one whose term cannot be made longer (any more).
pub(super) fn extend(
    state: &MemberState,
    command: ExtendRequest,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let ExtendRequest { request_id, ground, due_at, reckoned } = command;
    let open = open(state, request_id)?;
    let may_be = open.kind.asked().extension().is_some() && !open.extended;
    if !may_be || context.recorded_at > open.due_at || due_at <= open.due_at {
        return Err(Rejection::RequestNotExtendable { due_at: open.due_at });
    }
    write_due(state, context, draft)?;
    let extended = SubjectRequestExtended { request_id, ground, due_at, reckoned };
    draft.push(context.recorded_at, extended.into());
    Ok(MemberOutcome::RequestDue { request_id, due_at })
}

/// Answers a demand. Whoever is to be forgotten is forgotten, not told so; and an inquiry is not over while her data are not
/// used (152-ФЗ art. 21 part 2), or nothing would remind anybody of them.
///
/// # Errors
/// One that is not open; a demand to be forgotten that would be fulfilled by a word; one that her data not be used while they
/// are not.
pub(super) fn answer(
    state: &MemberState,
    request_id: SubjectRequestId,
    answer: RequestAnswer,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let open = open(state, request_id)?;
    let is_refused = matches!(answer, RequestAnswer::Refused { .. });
    let goes_on = open.kind == RequestKind::Blocking && state.is_processing_blocked();
    let is_by_word = open.kind == RequestKind::Erasure && !is_refused;
    if answer == (RequestAnswer::Erased {}) || is_by_word || goes_on {
        return Err(Rejection::RequestNotDone);
    }
    write_due(state, context, draft)?;
    draft.push(context.recorded_at, SubjectRequestAnswered { request_id, answer }.into());
    Ok(MemberOutcome::RequestAnswered { request_id })
}

/// Ends every demand of who is forgotten.
///
/// # Errors
/// [`Rejection::AmountOutOfRange`] for what no fold takes.
pub(super) fn end_all(working: &mut Working<'_>, now: Timestamp) -> Result<(), Rejection> {
    let open: Vec<SubjectRequestId> = working.state.rights.open.keys().copied().collect();
    for request_id in open {
        let answer = RequestAnswer::Erased {};
        working.push(now, SubjectRequestAnswered { request_id, answer }, None)?;
    }
    Ok(())
}

fn open(state: &MemberState, id: SubjectRequestId) -> Result<OpenRequest, Rejection> {
    state.rights.open.get(&id).copied().ok_or(Rejection::RequestClosed)
}
