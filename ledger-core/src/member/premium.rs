//! The Premium subscription: what was paid for, and what a payment, a cancellation or time leads to. Rule S4.
//!
//! The periods decide, not the facts about their ends: what is asked of a moment is right at once, whether or not a lapse
//! was written, and a purchase of the last day that is reported on the next is paid as of its own time (Rule P1).

use serde::{Deserialize, Serialize};

use super::command::MemberOutcome;
use super::decide::write_due;
use super::draft::Draft;
use crate::context::Context;
use crate::ids::{MemberId, NaturalKey};
use crate::member::event::{PremiumCancelled, PremiumRenewed, PremiumStarted};
use crate::member::state::MemberState;
use crate::member::status::Status;
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// A period that was paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// The first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
    /// Whether its end is on the log: a lapse or a cancellation.
    pub closed: bool,
    /// The account it was paid for, if that is another that became one with hers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub of: Option<MemberId>,
}

impl Period {
    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

/// Everything she ever paid for, in the order of payment; no two periods overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Premium {
    periods: Vec<Period>,
}

impl Premium {
    /// The periods.
    #[must_use]
    pub fn periods(&self) -> &[Period] {
        &self.periods
    }

    /// True while it is paid for.
    #[must_use]
    pub fn is_active(&self, at: Timestamp) -> bool {
        self.periods.iter().any(|period| period.holds(at))
    }

    /// The least status at a moment. Rule S4.
    pub(super) fn floor(&self, at: Timestamp) -> Status {
        if self.is_active(at) { Status::Vip } else { Status::Insider }
    }

    /// The last end up to `now` that nothing follows on and that is not on the log yet.
    pub(super) fn lapse(&self, now: Timestamp) -> Option<Timestamp> {
        let over = self.periods.iter().filter(|period| !period.closed && period.to <= now);
        over.map(|period| period.to).filter(|end| !self.is_active(*end)).max()
    }

    /// Whether some of it is still to come.
    pub(super) fn goes_on(&self, now: Timestamp) -> bool {
        self.periods.iter().any(|period| period.to > now)
    }

    /// Hers and another account's, which is one with hers from now on.
    pub(super) fn take_in(&mut self, of: MemberId, periods: &[Period]) {
        self.periods.extend(periods.iter().map(|period| Period { of: Some(of), ..*period }));
    }

    /// What of it was paid for another account.
    pub(super) fn of_account(&self, of: MemberId) -> Vec<Period> {
        let hers = self.periods.iter().filter(|period| period.of == Some(of));
        hers.map(|period| Period { of: None, ..*period }).collect()
    }

    /// Without what was paid for another account.
    pub(super) fn part_with(&mut self, of: MemberId) {
        self.periods.retain(|period| period.of != Some(of));
    }

    pub(super) const fn of_periods(periods: Vec<Period>) -> Self {
        Self { periods }
    }

    fn overlap(&self, from: Timestamp, to: Timestamp) -> Option<&Period> {
        self.periods.iter().find(|period| period.from < to && from < period.to)
    }

    pub(super) fn pay(&mut self, from: Timestamp, to: Timestamp) -> Result<(), &'static str> {
        if from >= to || self.overlap(from, to).is_some() {
            return Err("a period of Premium that is none, or is paid for twice");
        }
        self.periods.push(Period { from, to, closed: false, of: None });
        Ok(())
    }

    pub(super) fn close(&mut self, ended_at: Timestamp) {
        self.periods
            .iter_mut()
            .filter(|period| period.to <= ended_at)
            .for_each(|period| period.closed = true);
    }

    pub(super) fn cancel(&mut self, at: Timestamp) {
        self.periods.retain(|period| period.from < at);
        for period in self.periods.iter_mut().filter(|period| period.to > at) {
            period.to = at;
        }
        self.close(at);
    }
}

/// A payment for Premium, as a payment adapter reports it. Rule S4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayPremium {
    /// The payment's own number as a keyed hash.
    pub payment: NaturalKey,
    /// The first moment paid for.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

/// Takes a payment: a start, or a renewal when it follows on a period that is not over.
///
/// # Errors
/// No such member; a period that ends before it begins; one that is paid for in part.
pub(super) fn pay(
    state: &MemberState,
    command: PayPremium,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let PayPremium { payment, from, to } = command;
    if !state.is_registered() {
        return Err(Rejection::MemberNotFound);
    }
    if from >= to {
        return Err(Rejection::PeriodReversed);
    }
    if let Some(paid) = state.premium.overlap(from, to) {
        return Err(Rejection::PremiumOverlaps { from: paid.from, to: paid.to });
    }
    let now = context.recorded_at;
    write_due(state, context, draft)?;
    let follows = |period: &Period| !period.closed && period.to == from && now < period.to;
    let fact = if state.premium.periods.iter().any(follows) {
        PremiumRenewed { payment, from, to }.into()
    } else {
        PremiumStarted { payment, from, to }.into()
    };
    draft.push(now, fact);
    let paid = if from <= now && now < to { Status::Vip } else { Status::Insider };
    Ok(MemberOutcome::StandingChanged { status: state.status_at(now).max(paid) })
}

/// Ends Premium now.
///
/// # Errors
/// No such member; nothing that is not over.
pub(super) fn cancel(
    state: &MemberState,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    if !state.is_registered() {
        return Err(Rejection::MemberNotFound);
    }
    let at = context.recorded_at;
    if !state.premium.goes_on(at) {
        return Err(Rejection::PremiumNotActive);
    }
    write_due(state, context, draft)?;
    draft.push(at, PremiumCancelled { at }.into());
    Ok(MemberOutcome::StandingChanged { status: state.shown().status })
}
