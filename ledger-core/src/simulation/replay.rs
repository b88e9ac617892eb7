//! One of the two replays of one member: her state, its clock, and what time alone leads to.
//!
//! Time alone makes bonuses mature and expire, holds lapse, and statuses fall. What is due is written by every decision
//! before its own facts (Rule B5), and each such fact names its own moment, so nothing needs to be woken for it; only a debt
//! is paid at the moment at which something becomes available (Rule F3). A status is looked at on midnights (Rule S2) on
//! which it can have changed: a scheduled fall's day, a bill that leaves the window of one who has something to lose, the day
//! after an import, a policy's first.

use std::collections::BTreeMap;

use chrono::{Months, TimeDelta};

use super::fact::{Fact, Story};
use super::figures::{Books, Outstanding};
use super::report::Ending;
use super::{NotSimulated, Period, midnight_from};
use crate::category::Confidentiality;
use crate::context::{Context, Registry};
use crate::ids::{NaturalKey, PurchaseId};
use crate::log::{Event, Position};
use crate::member::decide::decide;
use crate::member::draft::Draft;
use crate::member::event::{CouponReckoned, CouponRedeemed, Holding, MemberEvent};
use crate::member::status::Status;
use crate::member::{MemberCommand, MemberOutcome, MemberState, PurchaseFile};
use crate::money::Bonuses;
use crate::rejection::Rejection;
use crate::time::{MoscowDay, Timestamp};

/// Where what a replay writes stands: apart from the places of the log, which lots of another account keep (Rule B7).
const AFTER_THE_LOG: Position = Position::MAX / 4;

/// A purchase that a later fact edits.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) file: PurchaseFile,
    pub(super) natural_key: NaturalKey,
    /// The revision that came first. Rule D2.
    pub(super) revision: u32,
}

/// A replay under way.
#[derive(Debug, Clone)]
pub(super) struct Replay<'a> {
    /// What really held.
    real: &'a Registry,
    /// What decides here.
    registry: &'a Registry,
    reviews: &'a [Timestamp],
    pub(super) period: Period,
    pub(super) state: MemberState,
    files: BTreeMap<PurchaseId, Kept>,
    position: Position,
    /// Up to here time has done its work.
    clock: Timestamp,
    /// The midnight after the last import of hers.
    review_on: Option<Timestamp>,
    earned: Bonuses,
    outstanding: Outstanding,
}

impl<'a> Replay<'a> {
    /// Her state at the beginning of the period: the facts before it, and what is due by then. Rule P4.
    pub(super) fn after(
        before: &[Fact],
        story: &Story,
        period: Period,
        real: &'a Registry,
        reviews: &'a [Timestamp],
    ) -> Result<Self, NotSimulated> {
        let mut replay = Self {
            real,
            registry: real,
            reviews,
            period,
            state: MemberState::default(),
            files: BTreeMap::new(),
            position: 0,
            clock: period.from.minus(TimeDelta::microseconds(1)),
            review_on: None,
            earned: Bonuses::ZERO,
            outstanding: Outstanding::default(),
        };
        for fact in before {
            replay.position = fact.position;
            replay.apply(fact.occurred_at, &fact.event, story)?;
        }
        replay.position = replay.position.max(AFTER_THE_LOG);
        replay.is_due(period.from, story, None)?;
        Ok(replay)
    }

    /// The same under other policies.
    pub(super) fn under(&self, registry: &'a Registry) -> Self {
        Self { registry, ..self.clone() }
    }

    /// The rest of the period, and what is due at its end.
    pub(super) fn end(&mut self, story: &Story, books: &mut Books) -> Result<(), NotSimulated> {
        self.advance(self.period.to, story, books)?;
        self.is_due(self.period.to, story, Some(books))?;
        books.outstanding(&self.outstanding)
    }

    /// Whether she has joined by the end of the period, and is not counted by another account.
    pub(super) fn is_member(&self) -> bool {
        self.state.merged_into().is_none()
            && self.state.registered_at.is_some_and(|since| since < self.period.to)
    }

    pub(super) fn ending(&self) -> Ending {
        Ending { earned: self.earned, status: self.state.status_at(self.period.to) }
    }

    pub(super) fn kept(&self, purchase: PurchaseId) -> Option<&Kept> {
        self.files.get(&purchase)
    }

    /// How long a gift without a life of its own really lived. Rule B5.
    pub(super) fn real_life_days(&self, at: Timestamp) -> Option<u32> {
        self.real.policies.in_force(at).map(|policy| policy.parameters.bonus_life_days)
    }

    /// The policy by which a purchase of `bought_at` that she takes over was decided: the draft where it held by then, else
    /// `original`. Rules D3, P4.
    pub(super) fn policy_of(&self, bought_at: Timestamp, original: u32) -> u32 {
        let newest_real = self.real.policies.newest().map(|policy| policy.version);
        let held = self.registry.policies.in_force(bought_at).map(|policy| policy.version);
        held.filter(|held| Some(*held) > newest_real).unwrap_or(original)
    }

    /// What surrounds a decision at `at`.
    pub(super) const fn context(&self, at: Timestamp) -> Context<'a> {
        Context { recorded_at: at, registry: self.registry }
    }

    /// Decides `command` at `at`; nothing is written yet.
    pub(super) fn decide(
        &self,
        command: &MemberCommand,
        at: Timestamp,
    ) -> Result<(Draft, MemberOutcome), Rejection> {
        decide(&self.state, command, &self.context(at))
    }

    /// Writes what was decided.
    pub(super) fn write(
        &mut self,
        draft: Draft,
        story: &Story,
        mut books: Option<&mut Books>,
    ) -> Result<(), NotSimulated> {
        for new in draft.events {
            let Event::Member(fact) = new.event else { continue };
            self.position = self.position.saturating_add(1);
            self.apply(new.occurred_at, &fact, story)?;
            if let Some(books) = books.as_deref_mut() {
                books.enter(&fact)?;
                self.earn(&fact)?;
            }
        }
        Ok(())
    }

    /// Folds a fact into her state and into the purchase it is about.
    pub(super) fn apply(
        &mut self,
        occurred_at: Timestamp,
        fact: &MemberEvent,
        story: &Story,
    ) -> Result<(), NotSimulated> {
        self.state.apply(self.position, occurred_at, fact)?;
        self.outstanding.follow(fact)?;
        if story.edited.is_empty() {
            return Ok(());
        }
        let event = Event::Member(fact.clone());
        if let MemberEvent::BonusReturned(_) = fact {
            // What came back past its life may have been of any purchase's lots.
            self.files.values_mut().for_each(|kept| kept.file.see(&event));
            return Ok(());
        }
        let Some(purchase) = PurchaseFile::about(&event).filter(|id| story.edited.contains(id)) else {
            return Ok(());
        };
        let before = self.files.remove(&purchase);
        let document = match (fact, &before) {
            (MemberEvent::PurchaseRecorded(recorded), _) => Some((recorded.natural_key, recorded.revision)),
            (MemberEvent::PurchaseTakenOver(taken), _) => {
                Some((taken.purchase.natural_key, taken.purchase.revision))
            }
            (_, before) => before.as_ref().map(|kept| (kept.natural_key, kept.revision)),
        };
        let file = PurchaseFile::fold(before.map(|kept| kept.file), occurred_at, &event);
        if let (Some((natural_key, revision)), Some(file)) = (document, file) {
            self.files.insert(purchase, Kept { file, natural_key, revision });
        }
        Ok(())
    }

    fn earn(&mut self, fact: &MemberEvent) -> Result<(), NotSimulated> {
        let ordinary = Confidentiality::Ordinary;
        let earned = if let MemberEvent::BonusAccrued(fact) = fact
            && fact.confidentiality == ordinary
        {
            self.earned.checked_add(fact.amount)
        } else if let MemberEvent::CouponRedeemed(CouponRedeemed { lot: Some(lot), confidentiality, .. })
        | MemberEvent::CouponReckoned(CouponReckoned { lot: Some(lot), confidentiality, .. }) = fact
            && *confidentiality == ordinary
        {
            self.earned.checked_add(lot.amount)
        } else if let MemberEvent::CrossBonusAccrued(fact) = fact
            && fact.confidentiality == ordinary
        {
            self.earned.checked_add(fact.lot.as_ref().map_or(Bonuses::ZERO, |lot| lot.amount))
        } else if let MemberEvent::BonusTakenBack(fact) = fact
            && fact.confidentiality == ordinary
        {
            fact.amount.checked_sub(fact.of_secret).and_then(|told| self.earned.checked_sub(told))
        } else {
            return Ok(());
        };
        self.earned = earned.ok_or(NotSimulated::OutOfRange)?;
        Ok(())
    }

    /// A decision of time, which no rule refuses.
    fn of_time(
        &mut self,
        command: &MemberCommand,
        at: Timestamp,
        story: &Story,
        books: Option<&mut Books>,
    ) -> Result<(), NotSimulated> {
        let (draft, _) = self.decide(command, at).map_err(|_| NotSimulated::OutOfRange)?;
        self.write(draft, story, books)
    }

    pub(super) fn is_due(
        &mut self,
        at: Timestamp,
        story: &Story,
        books: Option<&mut Books>,
    ) -> Result<(), NotSimulated> {
        self.of_time(&MemberCommand::WriteDue, at, story, books)
    }

    pub(super) fn review(
        &mut self,
        at: Timestamp,
        story: &Story,
        books: &mut Books,
    ) -> Result<(), NotSimulated> {
        self.of_time(&MemberCommand::ReviewStatus, at, story, Some(books))
    }

    /// She is reviewed on the day after an import: it decides each purchase as of its own time. Rule T6.
    pub(super) fn review_after_import(&mut self, at: Timestamp) {
        self.review_on = Some(at.moscow_day().plus_days(1).start());
    }

    /// Lets time pass.
    pub(super) fn advance(
        &mut self,
        until: Timestamp,
        story: &Story,
        books: &mut Books,
    ) -> Result<(), NotSimulated> {
        while let Some(next) = self.next_review().filter(|next| *next <= until) {
            self.clock = next;
            self.review(next, story, books)?;
        }
        self.clock = self.clock.max(until);
        Ok(())
    }

    /// The next midnight on which something of hers can change by itself.
    fn next_review(&self) -> Option<Timestamp> {
        let of_all = self.reviews.iter().copied().find(|at| *at > self.clock);
        let tracks = [self.state.ordinary, self.state.with_medical];
        let falls = tracks.iter().filter_map(|track| track.scheduled).map(|scheduled| scheduled.on.start());
        let can_fall = tracks.iter().any(|track| track.status > Status::Insider);
        let leaves = if can_fall { self.next_bill_leaves() } else { None };
        let pays = if self.state.debts().is_empty() { None } else { self.next_becomes_available() };
        let own = [of_all, self.review_on, leaves, pays].into_iter().flatten();
        own.chain(falls).filter(|at| *at > self.clock).min()
    }

    /// The first midnight at which the earliest bill of the window is out of it. Rule S1.
    fn next_bill_leaves(&self) -> Option<Timestamp> {
        let months = self.registry.policies.in_force(self.clock)?.parameters.status_window_months;
        let after = self.clock.months_before(months);
        let bill = self.state.all_books().filter_map(|books| books.spend.first_after(after)).min()?;
        let date = bill.moscow_day().to_date().checked_add_months(Months::new(months))?;
        let mut midnight = MoscowDay::from_date(date).start();
        while midnight.months_before(months) < bill && midnight < self.period.to {
            midnight = midnight.moscow_day().plus_days(1).start();
        }
        Some(midnight)
    }

    /// The first midnight by which more of her bonuses is available.
    fn next_becomes_available(&self) -> Option<Timestamp> {
        let pending = self.state.live_lots().filter(|lot| lot.holding == Holding::Pending);
        let lapses = self.state.open_holds().map(|(_, hold)| hold.lapses_at);
        let moments = pending.map(|lot| lot.available_from).chain(lapses);
        moments.map(midnight_from).filter(|at| *at > self.clock).min()
    }
}
