//! The first turn: one member's real facts, and what each of her purchases would get of a chain without limits.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use uuid::Uuid;

use super::report::ChainReport;
use crate::chain::Triggered;
use crate::chain::definition::{Definition, Reward};
use crate::context::{Context, Registry};
use crate::ids::{BusinessId, CouponId, MemberId, PurchaseId};
use crate::log::Position;
use crate::member::MemberState;
use crate::member::event::{BonusAccrued, MemberEvent, PurchaseRecorded};
use crate::member::reward::{TakeReward, why_not};
use crate::simulation::NotSimulated;
use crate::simulation::fact::{Fact, Story};
use crate::time::Timestamp;

/// What the second turn has to know: it happened to her then.
#[derive(Debug)]
pub(super) struct Told {
    /// As of when it is decided, and its place among what is decided as of the same moment.
    pub(super) order: (Timestamp, Position),
    pub(super) member: MemberId,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// A purchase at a business of the chain.
    Bought(Box<Bought>),
    /// A revision or a refund of one, or that it became hers. It may be one that another stream recorded.
    Edited { occurred_at: Timestamp, event: Box<MemberEvent> },
    /// A purchase that would get something of a step.
    Asked(Box<TakeReward>),
}

#[derive(Debug)]
pub(super) struct Bought {
    pub(super) recorded: PurchaseRecorded,
    pub(super) bought_at: Timestamp,
    /// Where a part of the bill may be a reward. Rule B9.
    pub(super) accrued: Option<BonusAccrued>,
    /// Void from the first: no sale. Rule D2.
    pub(super) is_void: bool,
}

/// What decides, and which businesses it is about: no clinics (`compliance.md` M4).
#[derive(Debug)]
pub(super) struct Terms {
    registry: Registry,
    sources: BTreeSet<BusinessId>,
    targets: BTreeSet<BusinessId>,
    /// Where a part of the bill may be a reward.
    bonuses: BTreeSet<BusinessId>,
    /// What was bought before follows from nothing in the period.
    since: Timestamp,
    /// Whether a purchase at a target counts however long ago it was: the chain is for who made none. Rule X1.
    is_for_new: bool,
}

impl Terms {
    pub(super) fn of(registry: Registry, definition: &Definition, from: Timestamp) -> Self {
        let told = || definition.steps.iter().filter(|step| !step.concerns_clinic(&registry.businesses));
        let bonuses = told().filter(|step| matches!(step.reward, Reward::CrossBonus { .. }));
        let window = told().map(|step| step.window_days).max().unwrap_or_default();
        Self {
            // A purchase may be told, and trigger a step, as late as the window ends.
            since: from.minus(TimeDelta::days(i64::from(window))),
            sources: told().map(|step| step.from).collect(),
            targets: told().map(|step| step.to).collect(),
            bonuses: bonuses.map(|step| step.to).collect(),
            is_for_new: definition.audience.new_customers_of_target,
            registry,
        }
    }

    /// The steps that a purchase triggers.
    fn triggered(&self, fact: &Fact, accrued: &BonusAccrued) -> impl Iterator<Item = Triggered<'_>> {
        let at = accrued.inputs.policy_moment.of_chains(fact.occurred_at, fact.recorded_at);
        let of_all = self.registry.chains.triggered(accrued.business_id, at);
        of_all.filter(|it| !it.step.concerns_clinic(&self.registry.businesses))
    }

    fn is_asked(&self, fact: &Fact) -> bool {
        let MemberEvent::BonusAccrued(accrued) = &fact.event else { return false };
        accrued.revision.is_none() && self.triggered(fact, accrued).next().is_some()
    }

    fn is_part(&self, business: BusinessId, bought_at: Timestamp) -> bool {
        let is_target = self.targets.contains(&business);
        is_target && self.is_for_new
            || bought_at >= self.since && (is_target || self.sources.contains(&business))
    }

    /// Whether what another stream holds may be about what happened to her: her account is, or was, one with another.
    fn is_told_elsewhere(&self, member: MemberId) -> bool {
        self.registry.accounts.ever_one_with([member]).len() > 1
    }
}

/// Reads one member's facts; what of them the second turn has to know.
pub(super) fn read(
    terms: &Terms,
    member: MemberId,
    facts: &[Fact],
    report: &mut ChainReport,
) -> Result<Vec<Told>, NotSimulated> {
    if !facts.iter().any(|fact| terms.is_asked(fact)) && !terms.is_told_elsewhere(member) {
        return Ok(Vec::new());
    }
    let story = Story::of(facts)?;
    let mut reader = Reader::of(terms, member, story);
    for fact in facts {
        if reader.asks.is_some_and(|(asking, _)| is_after(fact, asking)) {
            reader.ask(report)?;
        }
        reader.state.apply(fact.position, fact.occurred_at, &fact.event)?;
        reader.see(fact);
    }
    reader.ask(report)?;
    Ok(reader.end())
}

/// Whether `fact` is not of the decision that wrote `earlier`, so that whoever follows the log may have come between.
fn is_after(fact: &Fact, earlier: &Fact) -> bool {
    fact.recorded_at > earlier.recorded_at || fact.is_purchase()
}

struct Reader<'a> {
    terms: &'a Terms,
    member: MemberId,
    story: Story,
    state: MemberState,
    /// The purchase that was recorded last.
    recorded: Option<&'a PurchaseRecorded>,
    /// The purchase whose rewards are asked for once all of its decision is told.
    asks: Option<(&'a Fact, &'a BonusAccrued)>,
    /// Purchases at businesses of the chain: as of when the last of each was told.
    known: BTreeMap<PurchaseId, Timestamp>,
    told: Vec<Told>,
}

impl<'a> Reader<'a> {
    fn of(terms: &'a Terms, member: MemberId, story: Story) -> Self {
        Self {
            terms,
            member,
            story,
            state: MemberState::default(),
            recorded: None,
            asks: None,
            known: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    fn see(&mut self, fact: &'a Fact) {
        if let MemberEvent::PurchaseRecorded(recorded) = &fact.event {
            self.recorded = Some(recorded);
        } else if let MemberEvent::BonusAccrued(accrued) = &fact.event
            && accrued.revision.is_none()
        {
            self.bought(fact, accrued);
        } else if let MemberEvent::PurchaseTakenOver(taken) = &fact.event {
            let purchase = &taken.purchase;
            self.edited(fact, (purchase.purchase_id, purchase.business_id, fact.occurred_at));
        } else if let MemberEvent::PurchaseAmended(revision) = &fact.event {
            self.edited(fact, (revision.purchase_id, revision.business_id, revision.bought_at));
        } else if let MemberEvent::PurchaseRefunded(refund) = &fact.event {
            self.edited(fact, (refund.purchase_id, refund.business_id, refund.bought_at));
        }
    }

    fn bought(&mut self, fact: &'a Fact, accrued: &'a BonusAccrued) {
        let Some(recorded) = self.recorded.take() else { return };
        if self.terms.is_asked(fact) {
            self.asks = Some((fact, accrued));
        }
        if !self.terms.is_part(recorded.business_id, fact.occurred_at) {
            return;
        }
        let is_void = self.story.voids.contains(&(recorded.purchase_id, recorded.revision));
        let is_rewarded = self.terms.bonuses.contains(&recorded.business_id);
        let bought = Bought {
            recorded: recorded.clone(),
            bought_at: fact.occurred_at,
            accrued: is_rewarded.then(|| accrued.clone()),
            is_void,
        };
        self.known.insert(recorded.purchase_id, fact.moment());
        self.tell(fact.moment(), fact.position, What::Bought(Box::new(bought)));
    }

    fn edited(&mut self, fact: &Fact, (purchase, business, bought_at): (PurchaseId, BusinessId, Timestamp)) {
        if !self.terms.is_part(business, bought_at) {
            return;
        }
        let known = self.known.entry(purchase).or_insert_with(|| fact.moment());
        // An import may tell an edit as of a moment before what was known by then: its facts stay in their order.
        *known = fact.moment().max(*known);
        let at = *known;
        let (occurred_at, event) = (fact.occurred_at, Box::new(fact.event.clone()));
        self.tell(at, fact.position, What::Edited { occurred_at, event });
    }

    /// Asks what the purchase gets, on all that is true by then.
    fn ask(&mut self, report: &mut ChainReport) -> Result<(), NotSimulated> {
        let Some((fact, accrued)) = self.asks.take() else { return Ok(()) };
        report.purchases = report.purchases.saturating_add(1);
        let context = Context { recorded_at: fact.moment(), registry: &self.terms.registry };
        let looked_up_at = accrued.inputs.policy_moment.of_chains(fact.occurred_at, fact.recorded_at);
        let when = (self.member, fact.occurred_at, looked_up_at);
        for triggered in self.terms.triggered(fact, accrued) {
            let place = triggered.place;
            let coupon_id = Uuid::new_v5(&accrued.purchase_id.as_uuid(), &place.to_be_bytes());
            let command = TakeReward::of(&triggered, when, accrued, CouponId::from_uuid(coupon_id));
            report.look(place);
            match why_not(&self.state, &command, &context).map_err(|_| NotSimulated::OutOfRange)? {
                Some(why) => report.refuse(place, why),
                None => self.tell(fact.moment(), fact.position, What::Asked(Box::new(command))),
            }
        }
        Ok(())
    }

    fn tell(&mut self, at: Timestamp, position: Position, what: What) {
        self.told.push(Told { order: (at, position), member: self.member, what });
    }

    /// Nothing, if no purchase of hers would get anything, and nobody else's stream tells of what she did.
    fn end(self) -> Vec<Told> {
        let is_asked = self.told.iter().any(|told| matches!(told.what, What::Asked(_)));
        if is_asked || self.terms.is_told_elsewhere(self.member) { self.told } else { Vec::new() }
    }
}
