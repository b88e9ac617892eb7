//! The second turn: what all members did in the order of time, and the chain as it is. Rules X4, X5, B9.

use std::collections::BTreeMap;

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
    let mut course = Course { registry, members: BTreeMap::new(), position: 0, followed: Vec::new(), report };
    for Told { order: (at, _), member, what } in told {
        // Accounts that became one are one from the first.
        let member = course.registry.accounts.survivor(member);
        if !matches!(what, What::Asked(_)) {
            course.bring()?;
        }
        match what {
            What::Bought(bought) => course.buy(member, at, *bought)?,
            What::Edited { occurred_at, event } => course.see(member, occurred_at, &event)?,
            What::Asked(command) => course.ask(member, at, command)?,
        }
    }
    course.bring()?;
    Ok(course.report)
}

struct Course {
    /// With the chain, and what it has given so far.
    registry: Registry,
    members: BTreeMap<MemberId, Hers>,
    position: Position,
    /// What followed from a trigger, and did not yet bring what was promised.
    followed: Vec<(MemberId, Timestamp, ChainConverted)>,
    report: ChainReport,
}

/// What a member did that is part of the chain, and what the chain did for her.
#[derive(Default)]
struct Hers {
    state: MemberState,
    /// Purchases of which a part may be a reward.
    files: BTreeMap<PurchaseId, PurchaseFile>,
    /// What purchases come to by the end.
    revenue: BTreeMap<PurchaseId, Roubles>,
}

impl Course {
    /// A purchase, and what it follows from. Rule X4.
    fn buy(&mut self, member: MemberId, at: Timestamp, bought: Bought) -> Result<(), NotSimulated> {
        let Bought { recorded, bought_at, accrued, is_void, revenue } = bought;
        let (purchase_id, business_id) = (recorded.purchase_id, recorded.business_id);
        let hers = self.members.entry(member).or_default();
        let place = (purchase_id, business_id, bought_at);
        let follows = of_purchase(&hers.state, place, &self.registry.businesses);
        hers.revenue.insert(purchase_id, revenue);
        let file = accrued.and_then(|accrued| file_of(&recorded, accrued, bought_at));
        hers.files.extend(file.map(|file| (purchase_id, file)));
        self.see(member, bought_at, &MemberEvent::PurchaseRecorded(recorded))?;
        if is_void {
            return Ok(());
        }
        follows.into_iter().try_for_each(|fact| self.convert(member, at, fact))
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
            let hers = self.members.entry(member).or_default();
            let revenue = hers.revenue.get(&fact.purchase_id).copied().unwrap_or_default();
            self.report.convert(fact.step, revenue)?;
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
            self.decide(member, at, &command)?;
        }
        Ok(())
    }
}

fn file_of(recorded: &PurchaseRecorded, accrued: BonusAccrued, bought_at: Timestamp) -> Option<PurchaseFile> {
    let facts = [MemberEvent::PurchaseRecorded(recorded.clone()), MemberEvent::BonusAccrued(accrued)];
    let events = facts.map(Event::Member);
    events.iter().fold(None, |file, event| PurchaseFile::fold(file, bought_at, event))
}
