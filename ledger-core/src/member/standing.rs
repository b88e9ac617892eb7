//! Her standing by an admin's hand and by the daily ranking: invitation, top spenders, blocking; another phone. Rules S1, S3,
//! S7, R4.

use chrono::TimeDelta;

use super::command::MemberOutcome;
use super::decide::{evaluate, write_due};
use super::draft::Draft;
use super::review::live_window;
use crate::context::Context;
use crate::ids::ReasonId;
use crate::log::Event;
use crate::member::event::{
    InnerCircleInvitationWithdrawn, InnerCircleInvited, MemberBlocked, MemberUnblocked, PhoneChanged,
    TopSpendersEntered, TopSpendersLeft, Track,
};
use crate::member::state::{MemberState, StatusTrack};
use crate::money::Roubles;
use crate::policy::Policy;
use crate::rejection::Rejection;

/// The ranking of one track's sums on one day. Rule S1.
///
/// What the first member *outside* a share spent is the measure: who spent more is inside, so never more members than the
/// share, and equals stand on the same side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ranking {
    /// How many members with a purchase in the window there are.
    pub members: u32,
    /// What the first one outside `status.top_percent` spent; `None` when too few members are ranked.
    pub enter_above: Option<Roubles>,
    /// What the first one outside `status.top_leave_percent` spent; `None` when too few members are ranked.
    pub stay_above: Option<Roubles>,
}

/// The rankings of both tracks. Rule S7: the ordinary one knows of no visit to a medical business, of anybody's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rankings {
    /// By purchases at ordinary businesses alone.
    pub ordinary: Ranking,
    /// By what counts for each member as she consented.
    pub with_medical: Ranking,
}

/// She is invited, or no longer, and evaluated. Rules S1, S3. What is so already writes nothing.
pub(super) fn invite(
    state: &MemberState,
    invited: bool,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let now = context.recorded_at;
    registered(state)?;
    write_due(state, context, draft)?;
    if state.ordinary.invited != invited {
        let fact: Event =
            if invited { InnerCircleInvited {}.into() } else { InnerCircleInvitationWithdrawn {}.into() };
        let cause = draft.push(now, fact);
        let with = |track: StatusTrack| StatusTrack { invited, ..track };
        evaluate(state, [with(state.ordinary), with(state.with_medical)], context, draft, Some(cause))?;
    }
    Ok(MemberOutcome::StandingChanged { status: draft.shown_status(state, now) })
}

/// She is blocked, or no longer. What is so already writes nothing.
pub(super) fn block(
    state: &MemberState,
    reason: Option<ReasonId>,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let now = context.recorded_at;
    registered(state)?;
    write_due(state, context, draft)?;
    match reason {
        Some(reason_id) if !state.blocked => {
            draft.push(now, MemberBlocked { reason_id }.into());
        }
        None if state.blocked => {
            draft.push(now, MemberUnblocked {}.into());
        }
        Some(_) | None => {}
    }
    Ok(MemberOutcome::StandingChanged { status: draft.shown_status(state, now) })
}

/// Another phone finds her. What she held before stays held; new bonuses cannot be reserved for a while.
pub(super) fn change_phone(
    state: &MemberState,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    registered(state)?;
    write_due(state, context, draft)?;
    let now = context.recorded_at;
    let hours = context.policy_at(now)?.parameters.identity_cooldown_hours;
    let spending_from = now.plus(TimeDelta::hours(i64::from(hours)));
    draft.push(now, PhoneChanged { spending_from }.into());
    Ok(MemberOutcome::PhoneChanged { spending_from })
}

/// The daily ranking's word on her: who enters and who leaves is decided on her own bills. Rules S1, S3, S7.
pub(super) fn rank(
    state: &MemberState,
    rankings: &Rankings,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    registered(state)?;
    write_due(state, context, draft)?;
    let now = context.recorded_at;
    let policy = context.policy_at(now)?;
    let (after, until) = live_window(now, policy);
    let sums = state.window(after, until).ok_or(Rejection::AmountOutOfRange)?;
    let mut tracks = [state.ordinary, state.with_medical];
    let sides = [
        (Track::Ordinary, rankings.ordinary, sums.ordinary.amount),
        (Track::WithMedical, rankings.with_medical, sums.with_medical.amount),
    ];
    for (track, (which, ranking, spent)) in tracks.iter_mut().zip(sides) {
        if let Some(fact) = change(*track, which, ranking, spent, policy) {
            draft.push(now, fact);
            track.top = !track.top;
        }
    }
    evaluate(state, tracks, context, draft, None)?;
    Ok(MemberOutcome::Reviewed)
}

/// Entered at the one share, left at the other. Rule S3.
fn change(
    track: StatusTrack,
    which: Track,
    ranking: Ranking,
    spent_12m: Roubles,
    policy: &Policy,
) -> Option<Event> {
    let members = ranking.members;
    let policy_version = policy.version;
    if track.top {
        let (above, percent) = (ranking.stay_above, policy.parameters.status_top_leave_percent);
        let stays = above.is_some_and(|above| spent_12m > above);
        let left = TopSpendersLeft { track: which, spent_12m, members, percent, above, policy_version };
        (!stays).then(|| left.into())
    } else {
        let percent = policy.parameters.status_top_percent;
        let above = ranking.enter_above.filter(|above| spent_12m > *above)?;
        Some(TopSpendersEntered { track: which, spent_12m, members, percent, above, policy_version }.into())
    }
}

fn registered(state: &MemberState) -> Result<(), Rejection> {
    if state.is_registered() { Ok(()) } else { Err(Rejection::MemberNotFound) }
}
