//! Purchases that follow from what a chain gave: conversions. Rule X4.
//!
//! A purchase at the target within the window, with the coupon or without, converts the last trigger that nothing has followed
//! from yet; each trigger and each purchase is part of one conversion. Facts come late (Rule T4): a trigger finds the purchases
//! that are there already.

use serde::{Deserialize, Serialize};

use super::event::{ChainConverted, FromChain};
use super::state::MemberState;
use crate::business::Businesses;
use crate::category::Confidentiality;
use crate::ids::{BusinessId, PurchaseId};
use crate::time::Timestamp;

/// A reward that nothing has followed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenTrigger {
    /// The step and the purchase that triggered it.
    pub(crate) from: FromChain,
    /// Where a purchase follows from it.
    pub(crate) target: BusinessId,
}

impl OpenTrigger {
    /// The fact that the purchase at its target follows from it. Secret if one of the two visits is.
    fn converted_by(
        &self,
        (purchase_id, bought_at): (PurchaseId, Timestamp),
        businesses: &Businesses,
    ) -> ChainConverted {
        let is_secret = |id: &BusinessId| {
            businesses.get(*id).is_none_or(|it| it.confidentiality == Confidentiality::Medical)
        };
        let visits = [self.from.trail.last(), Some(&self.target)];
        let secret = visits.into_iter().flatten().any(is_secret);
        ChainConverted {
            chain_id: self.from.chain_id,
            version: self.from.version,
            step: self.from.step,
            trigger_id: self.from.purchase_id,
            purchase_id,
            bought_at,
            business_id: self.target,
            confidentiality: if secret { Confidentiality::Medical } else { Confidentiality::Ordinary },
        }
    }
}

/// The conversion that a purchase at `business` is, if it follows from a trigger.
pub(super) fn of_purchase(
    state: &MemberState,
    (purchase_id, business, at): (PurchaseId, BusinessId, Timestamp),
    businesses: &Businesses,
) -> Option<ChainConverted> {
    let open = state.all_books().flat_map(|books| &books.chains.triggers);
    let fits = |it: &&OpenTrigger| it.target == business && it.from.bought_at < at && at <= it.from.until;
    let last = open.filter(fits).max_by_key(|it| it.from.bought_at)?;
    Some(last.converted_by((purchase_id, at), businesses))
}

/// The conversion of a trigger that comes after the purchase that follows from it: of the first such purchase.
pub(super) fn of_trigger(
    state: &MemberState,
    from: &FromChain,
    target: BusinessId,
    businesses: &Businesses,
) -> Option<ChainConverted> {
    let within = (from.bought_at, from.until);
    let found = state.all_books().filter_map(|books| books.sales.first_unconverted(target, within));
    let (at, purchase_id) = found.min()?;
    let trigger = OpenTrigger { from: from.clone(), target };
    Some(trigger.converted_by((purchase_id, at), businesses))
}

impl MemberState {
    pub(super) fn convert(&mut self, fact: &ChainConverted) {
        for books in self.all_books_mut() {
            books.chains.triggers.retain(|it| {
                let FromChain { chain_id, version, step, purchase_id, .. } = it.from;
                (chain_id, version, step, purchase_id)
                    != (fact.chain_id, fact.version, fact.step, fact.trigger_id)
            });
            books.sales.convert(fact.bought_at, fact.purchase_id);
        }
    }
}
