//! Evaluating a member's two statuses. Rules S2, S3, S7.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::working::Working;
use crate::category::{Category, Confidentiality};
use crate::context::Context;
use crate::log::Event;
use crate::member::event::{
    StatusChanged, StatusDowngradeCancelled, StatusDowngradeScheduled, StatusReason, Track,
};
use crate::member::spend::WindowSums;
use crate::member::state::StatusTrack;
use crate::member::status::{Spent, Status, earned, missing};
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::time::{MoscowDay, Timestamp};

/// What one track's evaluation leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Stays,
    Changes { to: Status, reason: StatusReason },
    WillFall { to: Status, on: MoscowDay },
    Recovers,
}

/// The surroundings of an evaluation.
pub(super) struct Review<'a> {
    pub(super) now: Timestamp,
    pub(super) policy: &'a Policy,
    pub(super) all_categories: &'a BTreeSet<Category>,
}

/// The window of bills at `now`: after the same moment so many months ago, and up to now. Rule S1.
///
/// A bill of the future that Rule T3 tolerates counts from when it is recorded: else it would lift her at once (S2), and
/// the next review, before its moment comes, would find her conditions unmet again.
pub(super) fn live_window(now: Timestamp, policy: &Policy) -> (Timestamp, Timestamp) {
    let tolerated = TimeDelta::minutes(i64::from(policy.parameters.purchase_future_minutes));
    (now.months_before(policy.parameters.status_window_months), now.plus(tolerated))
}

impl Review<'_> {
    /// The facts that follow for the status with medical businesses alone. Rule S7.
    pub(super) fn with_medical(&self, track: &StatusTrack, sums: &WindowSums) -> Vec<Event> {
        self.event(Track::WithMedical, track, &sums.with_medical).into_iter().collect()
    }

    /// The facts that follow for both tracks; one fact for both where they agree in everything it says. Rule S7.
    pub(super) fn both(
        &self,
        ordinary: &StatusTrack,
        with_medical: &StatusTrack,
        sums: &WindowSums,
    ) -> Vec<Event> {
        if ordinary == with_medical && sums.ordinary == sums.with_medical {
            return self.event(Track::Both, ordinary, &sums.ordinary).into_iter().collect();
        }
        let ordinary = self.event(Track::Ordinary, ordinary, &sums.ordinary);
        let with_medical = self.event(Track::WithMedical, with_medical, &sums.with_medical);
        ordinary.into_iter().chain(with_medical).collect()
    }

    /// What becomes of one track. Rule S3.
    fn verdict(&self, track: &StatusTrack, spent: &Spent) -> Verdict {
        let parameters = &self.policy.parameters;
        let by_spending = earned(spent, parameters, self.all_categories);
        // Rule S1: an invitation or a place in the top stands beside what is spent.
        let (to, reason) = if track.invited && by_spending < Status::InnerCircle {
            (Status::InnerCircle, StatusReason::Invited)
        } else if track.top && by_spending < Status::Elite {
            (Status::Elite, StatusReason::TopSpender)
        } else {
            (by_spending, StatusReason::Reached)
        };
        if to > track.status {
            return Verdict::Changes { to, reason };
        }
        if to == track.status {
            return if track.scheduled.is_some() { Verdict::Recovers } else { Verdict::Stays };
        }
        match track.scheduled {
            _ if parameters.status_grace_days == 0 => Verdict::Changes { to, reason: StatusReason::NoGrace },
            Some(scheduled) if self.now.moscow_day() >= scheduled.on => {
                Verdict::Changes { to, reason: StatusReason::GraceEnded }
            }
            Some(_) => Verdict::Stays,
            None => {
                let on = self.now.moscow_day().plus_days(parameters.status_grace_days);
                Verdict::WillFall { to, on }
            }
        }
    }

    fn event(&self, track: Track, state: &StatusTrack, spent: &Spent) -> Option<Event> {
        let policy_version = self.policy.version;
        let from = state.status;
        let spent_12m = spent.amount;
        let categories_12m = count(spent.categories.len());
        match self.verdict(state, spent) {
            Verdict::Stays => None,
            Verdict::Changes { to, reason } => Some(
                StatusChanged { track, from, to, reason, spent_12m, categories_12m, policy_version }.into(),
            ),
            Verdict::Recovers => Some(
                StatusDowngradeCancelled { track, status: from, spent_12m, categories_12m, policy_version }
                    .into(),
            ),
            Verdict::WillFall { to, on } => {
                let (missing_spend, categories) =
                    missing(from, spent, &self.policy.parameters, self.all_categories);
                let scheduled = StatusDowngradeScheduled {
                    track,
                    from,
                    to,
                    on,
                    spent_12m,
                    categories_12m,
                    missing_spend,
                    missing_categories: count(categories),
                    policy_version,
                };
                Some(scheduled.into())
            }
        }
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Her statuses after a refund. Rules S2, F6, S7.
pub(super) fn after_refund(
    working: &mut Working<'_>,
    confidentiality: Confidentiality,
    context: &Context<'_>,
) -> Result<(), Rejection> {
    if working.state.is_erased() {
        // A status is somebody's.
        return Ok(());
    }
    let now = context.recorded_at;
    let policy = context.policy_at(now)?;
    let (after, until) = live_window(now, policy);
    let sums = working.state.window(after, until).ok_or(Rejection::AmountOutOfRange)?;
    let all_categories = context.registry.businesses.ordinary_categories();
    let review = Review { now, policy, all_categories };
    let state = &working.state;
    let events = match confidentiality {
        Confidentiality::Ordinary => review.both(&state.ordinary, &state.with_medical, &sums),
        Confidentiality::Medical => review.with_medical(&state.with_medical, &sums),
    };
    for event in events {
        working.push(now, event, None)?;
    }
    Ok(())
}
