//! Purchases that follow from what a chain gave: conversions. Rule X4.
//!
//! A purchase at the target within the window, with the coupon or without, converts the last trigger that nothing has followed
//! from yet; each trigger and each purchase is part of one conversion. Facts come late (Rule T4): a trigger finds the purchases
//! that are there already.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::event::{ChainConverted, ChainTriggered, CrossBonusAccrued, FromChain, Promise};
use super::state::MemberState;
use crate::business::Businesses;
use crate::category::Confidentiality;
use crate::context::Registry;
use crate::ids::{BusinessId, PurchaseId};
use crate::log::Position;
use crate::time::Timestamp;

/// A step triggered that nothing has followed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenTrigger {
    /// The step and the purchase that triggered it.
    pub(crate) from: FromChain,
    /// Where a purchase follows from it.
    pub(crate) target: BusinessId,
    /// Whether it gave nothing, so that it can be told what the step brings.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(crate) held_out: bool,
    /// Whether the purchase that follows gets a cross bonus, so that it goes on from there (Rule X6).
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(crate) promised: bool,
}

impl OpenTrigger {
    /// Whether it is the one that the fact is about.
    fn is_of(&self, fact: &ChainConverted) -> bool {
        let FromChain { chain_id, version, step, purchase_id, .. } = self.from;
        (chain_id, version, step, purchase_id) == (fact.chain_id, fact.version, fact.step, fact.trigger_id)
    }

    /// The fact that the purchase at its target follows from it. Secret if one of the two visits is.
    fn converted_by(
        &self,
        (purchase_id, bought_at): (PurchaseId, Timestamp),
        businesses: &Businesses,
    ) -> ChainConverted {
        ChainConverted {
            chain_id: self.from.chain_id,
            version: self.from.version,
            step: self.from.step,
            trigger_id: self.from.purchase_id,
            purchase_id,
            bought_at,
            business_id: self.target,
            confidentiality: of_visits(self.from.trail.last().into_iter().chain([&self.target]), businesses),
            held_out: self.held_out,
        }
    }
}

/// Whether one of two visits is a medical secret: then it is one that they are known of together.
pub(super) fn of_visits<'a>(
    visits: impl IntoIterator<Item = &'a BusinessId>,
    businesses: &Businesses,
) -> Confidentiality {
    let mut visits = visits.into_iter();
    let is_secret =
        |id: &BusinessId| businesses.get(*id).is_none_or(|it| it.confidentiality == Confidentiality::Medical);
    if visits.any(is_secret) { Confidentiality::Medical } else { Confidentiality::Ordinary }
}

/// The conversion that a purchase at `business` is, if it follows from a trigger; beside it that of a trigger that gave
/// nothing, which takes no other's place. Of what one purchase triggered, the chain that was drawn up first has its turn first,
/// and the next purchase is the next one's.
pub(crate) fn of_purchase(
    state: &MemberState,
    (purchase_id, business, at): (PurchaseId, BusinessId, Timestamp),
    registry: &Registry,
) -> Vec<ChainConverted> {
    let fits = |it: &&OpenTrigger| it.target == business && it.from.bought_at < at && at <= it.from.until;
    let order = |it: &&OpenTrigger| {
        let FromChain { bought_at, chain_id, version, step, .. } = it.from;
        // One that is only tried (a simulation) comes after those that are there.
        let number = registry.chains.get(chain_id).map_or(u32::MAX, |chain| chain.number);
        (bought_at, Reverse((number, chain_id, version, step)))
    };
    let last = |held_out: bool| {
        let open = state.all_books().flat_map(|books| &books.chains.triggers);
        let open = open.filter(fits).filter(|it| it.held_out == held_out && !leads_back(state, it));
        open.max_by_key(order)
    };
    let followed = [last(false), last(true)].into_iter().flatten();
    followed.map(|it| it.converted_by((purchase_id, at), &registry.businesses)).collect()
}

/// Whether a promise leads back to where its own purchase came from, as was learnt after it was made (Rules T4, X6).
fn leads_back(state: &MemberState, it: &OpenTrigger) -> bool {
    it.promised && state.trail_of(it.from.purchase_id).contains(&it.target)
}

/// The conversion of a trigger that comes after the purchase that follows from it: of the first such purchase.
pub(super) fn of_trigger(
    state: &MemberState,
    trigger: &OpenTrigger,
    businesses: &Businesses,
) -> Option<ChainConverted> {
    let OpenTrigger { from, target, .. } = trigger;
    let within = (from.bought_at, from.until);
    let any = trigger.held_out;
    let found = state.all_books().filter_map(|books| books.sales.first_unconverted(*target, within, any));
    let (at, purchase_id) = found.min()?;
    Some(trigger.converted_by((purchase_id, at), businesses))
}

impl MemberState {
    /// Where what a purchase was made with, or follows from, came from. Rule X6.
    pub(super) fn trail_of(&self, purchase: PurchaseId) -> Vec<BusinessId> {
        let mut trail = Vec::new();
        let known = self.all_books().filter_map(|books| books.chains.trails.get(&purchase));
        for business in known.flatten() {
            if !trail.contains(business) {
                trail.push(*business);
            }
        }
        trail
    }

    pub(super) fn trigger(&mut self, fact: &ChainTriggered) {
        if fact.promise != Promise::Nothing {
            let held_out = fact.promise == Promise::HeldOut;
            let from = fact.chain.as_ref().clone();
            if held_out {
                // Who gets nothing is counted as those who get something are, or the two could not be compared.
                self.books.count_reward(from.chain_id);
            }
            let promised = fact.promise == Promise::CrossBonus;
            self.books.trigger(OpenTrigger { from, target: fact.business_id, held_out, promised });
        }
    }

    /// Rules B9, X5. What a revision adds is no reward of its own.
    pub(super) fn add_cross_bonus(
        &mut self,
        position: Position,
        fact: &CrossBonusAccrued,
    ) -> Result<(), &'static str> {
        let Some(lot) = &fact.lot else { return Ok(()) };
        if fact.revision.is_none() {
            self.books.count_reward(fact.chain_id);
        }
        self.open(position, fact.origin(), lot.clone())
    }

    pub(super) fn convert(&mut self, fact: &ChainConverted) {
        let promised = self
            .all_books()
            .flat_map(|books| &books.chains.triggers)
            .find(|it| it.promised && it.is_of(fact))
            .map(|it| it.from.trail.clone());
        if let Some(trail) = promised {
            // Rule X6: what gets a chain's bonuses feeds it as little as what is made with its coupon.
            self.books_of_mut(fact.purchase_id).remember_also(fact.purchase_id, trail, fact.bought_at);
        }
        for books in self.all_books_mut() {
            books.chains.triggers.retain(|it| !it.is_of(fact));
            if !fact.held_out {
                books.sales.convert(fact.bought_at, fact.purchase_id);
            }
        }
    }
}
