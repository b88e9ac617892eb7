//! The second turn: what all members did in the order of time, and the chain as it is. Rules X4, X5, B9.

use std::collections::{BTreeMap, BTreeSet};

use super::report::ChainReport;
use super::told::{Bought, Told, What};
use crate::chain::event::{ChainEvent, ChainRewardIssued};
use crate::context::{Context, Registry};
use crate::ids::{MemberId, PurchaseId};
use crate::log::{Event, Position};
use crate::member::conversion::of_purchase;
use crate::member::cross_bonus::{FollowedStep, GiveCrossBonus};
use crate::member::decide::decide;
use crate::member::draft::Draft;
use crate::member::event::{BonusAccrued, ChainConverted, MemberEvent, Promise, PurchaseRecorded};
use crate::member::reward::{TakeReward, why_not};
use crate::member::{MemberCommand, MemberOutcome, MemberState, PurchaseFile};
use crate::money::Roubles;
use crate::simulation::NotSimulated;
use crate::time::Timestamp;

/// Tells what happened in the order of time.
pub(super) fn run(
    registry: Registry,
    mut told: Vec<Told>,
    report: ChainReport,
) -> Result<ChainReport, NotSimulated> {
    // Stable: what one fact leads to stays behind it.
    told.sort_by_key(|told| told.order);
    let mut course = Course {
        registry,
        members: BTreeMap::new(),
        left_out: BTreeSet::new(),
        position: 0,
        followed: Vec::new(),
        conversions: Vec::new(),
        report,
    };
    for Told { order: (at, _), member, what } in told {
        // Accounts that became one are one from the first.
        let member = course.registry.accounts.survivor(member);
        if !matches!(what, What::Asked(_)) {
            course.bring()?;
        }
        if course.left_out.contains(&member) {
            continue;
        }
        let told = match what {
            What::Bought(bought) => course.buy(member, at, *bought),
            What::Edited { occurred_at, event } => course.edit(member, (at, occurred_at), &event),
            What::Asked(command) => course.ask(member, at, command),
        };
        course.unless_corrupt(member, told)?;
    }
    course.bring()?;
    course.end()
}

struct Course {
    /// With the chain, and what it has given so far.
    registry: Registry,
    members: BTreeMap<MemberId, Hers>,
    /// Those whose facts do not hold in this order.
    left_out: BTreeSet<MemberId>,
    position: Position,
    /// What followed from a trigger, and did not yet bring what was promised.
    followed: Vec<(MemberId, Timestamp, ChainConverted)>,
    /// Which purchases of whom followed from a step.
    conversions: Vec<(u32, MemberId, PurchaseId)>,
    report: ChainReport,
}

/// What a member did that is part of the chain, and what the chain did for her.
#[derive(Default)]
struct Hers {
    state: MemberState,
    /// Purchases of which a part may be a reward.
    files: BTreeMap<PurchaseId, PurchaseFile>,
    /// The purchases that she has, and what they come to, net of refunds.
    bills: BTreeMap<PurchaseId, Roubles>,
}

impl Course {
    /// A purchase, and what it follows from. Rule X4.
    fn buy(&mut self, member: MemberId, at: Timestamp, bought: Bought) -> Result<(), NotSimulated> {
        let Bought { recorded, bought_at, accrued, is_void } = bought;
        let (purchase_id, business_id) = (recorded.purchase_id, recorded.business_id);
        let hers = self.members.entry(member).or_default();
        let place = (purchase_id, business_id, bought_at);
        let follows = of_purchase(&hers.state, place, &self.registry);
        hers.bills.insert(purchase_id, recorded.amount);
        let file = accrued.and_then(|accrued| file_of(&recorded, accrued, bought_at));
        hers.files.extend(file.map(|file| (purchase_id, file)));
        self.see(member, bought_at, &MemberEvent::PurchaseRecorded(recorded))?;
        if is_void {
            return Ok(());
        }
        follows.into_iter().try_for_each(|fact| self.convert(member, at, fact))
    }

    /// A revision or a refund, or that a purchase became hers, and what that follows from: of what was told before, whoever's
    /// stream tells it. Rules D3, X4.
    fn edit(
        &mut self,
        member: MemberId,
        (at, occurred_at): (Timestamp, Timestamp),
        fact: &MemberEvent,
    ) -> Result<(), NotSimulated> {
        let Some(Edit { purchase_id, bill, becomes_hers }) = Edit::of(fact)? else { return Ok(()) };
        let has_it = if becomes_hers { Some(member) } else { self.who_has(purchase_id, member) };
        let Some(member) = has_it else { return Ok(()) };
        let follows = if let MemberEvent::PurchaseTakenOver(taken) = fact
            && taken.counted().is_positive()
        {
            let place = (purchase_id, taken.purchase.business_id, occurred_at);
            let hers = self.members.entry(member).or_default();
            of_purchase(&hers.state, place, &self.registry)
        } else {
            Vec::new()
        };
        self.see(member, occurred_at, fact)?;
        let hers = self.members.entry(member).or_default();
        match bill {
            Some(bill) => hers.bills.insert(purchase_id, bill),
            None => hers.bills.remove(&purchase_id),
        };
        if becomes_hers {
            let file = PurchaseFile::fold(None, occurred_at, &Event::Member(fact.clone()));
            hers.files.extend(file.map(|file| (purchase_id, file)));
        }
        follows.into_iter().try_for_each(|fact| self.convert(member, at, fact))
    }

    /// She, or an account that was one with hers: then her stream told of the other's purchases, too.
    fn who_has(&self, purchase: PurchaseId, member: MemberId) -> Option<MemberId> {
        let has_it = |id: &MemberId| self.members.get(id).is_some_and(|it| it.bills.contains_key(&purchase));
        let others = || self.registry.accounts.ever_one_with([member]).into_iter().find(has_it);
        Some(member).filter(has_it).or_else(others)
    }

    /// Folds a fact into her state, and into the purchase that it is about.
    fn see(
        &mut self,
        member: MemberId,
        occurred_at: Timestamp,
        fact: &MemberEvent,
    ) -> Result<(), NotSimulated> {
        self.position = self.position.saturating_add(1);
        let hers = self.members.entry(member).or_default();
        hers.state.apply(self.position, occurred_at, fact)?;
        let event = Event::Member(fact.clone());
        let its = PurchaseFile::about(&event).and_then(|purchase| hers.files.get_mut(&purchase));
        its.into_iter().for_each(|file| file.see(&event));
        Ok(())
    }

    /// A purchase that gets something, as far as the limits allow. Rule X5.
    fn ask(&mut self, member: MemberId, at: Timestamp, command: Box<TakeReward>) -> Result<(), NotSimulated> {
        let place = command.step;
        let hers = self.members.entry(member).or_default();
        let context = Context { recorded_at: at, registry: &self.registry };
        let why = why_not(&hers.state, &command, &context).map_err(|_| NotSimulated::OutOfRange)?;
        if let Some(why) = why {
            self.report.refuse(place, why);
            return Ok(());
        }
        let outcome = self.decide(member, at, &MemberCommand::TakeReward(command))?;
        if outcome == (MemberOutcome::Triggered { promise: Promise::HeldOut }) {
            self.report.hold_out(place);
        } else {
            self.report.trigger(place, at);
        }
        Ok(())
    }

    /// Decides and folds what follows, at `at`.
    fn decide(
        &mut self,
        member: MemberId,
        at: Timestamp,
        command: &MemberCommand,
    ) -> Result<MemberOutcome, NotSimulated> {
        let hers = self.members.entry(member).or_default();
        let context = Context { recorded_at: at, registry: &self.registry };
        let decided = decide(&hers.state, command, &context);
        let (Draft { events, .. }, outcome) = decided.map_err(|_| NotSimulated::OutOfRange)?;
        for new in events {
            if let Event::Chain(fact) = new.event {
                if let ChainEvent::ChainRewardIssued(ChainRewardIssued { step, cost, .. }) = &fact {
                    self.report.reward(*step, at, *cost)?;
                }
                self.registry.chains.apply(&fact).map_err(|_| NotSimulated::OutOfRange)?;
            } else if let Event::Member(MemberEvent::ChainConverted(fact)) = new.event {
                self.convert(member, at, fact)?;
            } else if let Event::Member(fact) = new.event {
                self.see(member, new.occurred_at, &fact)?;
            }
        }
        Ok(outcome)
    }

    /// A purchase followed from a trigger. Rule X4.
    fn convert(&mut self, member: MemberId, at: Timestamp, fact: ChainConverted) -> Result<(), NotSimulated> {
        if !fact.held_out {
            self.report.convert(fact.step);
            self.conversions.push((fact.step, member, fact.purchase_id));
            self.followed.push((member, at, fact.clone()));
        }
        self.see(member, at, &MemberEvent::ChainConverted(fact))
    }

    /// What followed brings what was promised, behind what the same purchase asked for: whoever follows the log hears of it in
    /// that order. Rule B9.
    fn bring(&mut self) -> Result<(), NotSimulated> {
        for (member, at, fact) in std::mem::take(&mut self.followed) {
            let ChainConverted { chain_id, version, step, trigger_id, purchase_id, .. } = fact;
            let hers = self.members.entry(member).or_default();
            let Some(file) = hers.files.get(&purchase_id).cloned() else { continue };
            let earned_by = FollowedStep { chain_id, version, step, trigger_id, known_at: at };
            let command = MemberCommand::GiveCrossBonus(Box::new(GiveCrossBonus { earned_by, file }));
            let brought = self.decide(member, at, &command).map(|_| ());
            self.unless_corrupt(member, brought)?;
        }
        Ok(())
    }

    /// Facts that do not hold end nobody else's simulation.
    fn unless_corrupt(
        &mut self,
        member: MemberId,
        told: Result<(), NotSimulated>,
    ) -> Result<(), NotSimulated> {
        let Err(NotSimulated::Corrupt(_)) = told else { return told };
        if self.left_out.insert(member) {
            self.report.left_out = self.report.left_out.saturating_add(1);
        }
        Ok(())
    }

    /// What followed comes to what its bills are by now.
    fn end(mut self) -> Result<ChainReport, NotSimulated> {
        for (step, member, purchase) in self.conversions {
            let bill = self.members.get(&member).and_then(|hers| hers.bills.get(&purchase));
            self.report.earn(step, bill.copied().unwrap_or_default())?;
        }
        Ok(self.report)
    }
}

/// What becomes of a purchase.
struct Edit {
    purchase_id: PurchaseId,
    /// What it comes to, net of refunds; `None` when it is another's from now on.
    bill: Option<Roubles>,
    becomes_hers: bool,
}

impl Edit {
    fn of(fact: &MemberEvent) -> Result<Option<Self>, NotSimulated> {
        if let MemberEvent::PurchaseTakenOver(taken) = fact {
            let (purchase_id, bill) = (taken.purchase.purchase_id, Some(taken.counted()));
            Ok(Some(Self { purchase_id, bill, becomes_hers: true }))
        } else if let MemberEvent::PurchaseAmended(revision) = fact {
            let bill = Some(revision.counted().1).filter(|_| !revision.handed_over);
            Ok(Some(Self { purchase_id: revision.purchase_id, bill, becomes_hers: false }))
        } else if let MemberEvent::PurchaseRefunded(refund) = fact {
            let left = refund.refunded().and_then(|refunded| refund.bill.checked_sub(refunded));
            let bill = Some(left.ok_or(NotSimulated::OutOfRange)?);
            Ok(Some(Self { purchase_id: refund.purchase_id, bill, becomes_hers: false }))
        } else {
            Ok(None)
        }
    }
}

fn file_of(recorded: &PurchaseRecorded, accrued: BonusAccrued, bought_at: Timestamp) -> Option<PurchaseFile> {
    let facts = [MemberEvent::PurchaseRecorded(recorded.clone()), MemberEvent::BonusAccrued(accrued)];
    let events = facts.map(Event::Member);
    events.iter().fold(None, |file, event| PurchaseFile::fold(file, bought_at, event))
}
