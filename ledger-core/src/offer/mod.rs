//! Offers of one business to its members, and to those who may become customers: drawn up, approved, published, over.
//!
//! An offer has versions. The newest is drawn up, submitted, approved by an admin, and published; a change makes a new one,
//! which begins as a draft. One that is published cannot be changed: what members were promised stands until it ends.

pub mod audience;
pub mod decide;
pub mod definition;
pub mod event;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use rpds::RedBlackTreeMapSync;
use serde::{Deserialize, Serialize};

use crate::ids::{BusinessId, OfferId, ReasonId};
use crate::money::Roubles;
use crate::time::Timestamp;
use definition::Definition;
use event::OfferEvent;

/// Where the newest version of an offer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferState {
    /// Drawn up; may be submitted.
    Draft,
    /// Waits for an admin's word.
    Submitted,
    /// Approved; may be published.
    Approved,
    /// An admin said no; may be changed.
    Rejected,
    /// In its dates it gives what it promises.
    Published,
    /// It never will again.
    Ended,
}

impl OfferState {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Submitted => "submitted",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Published => "published",
            Self::Ended => "ended",
        }
    }
}

/// One offer: a fold of its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its id.
    pub offer_id: OfferId,
    /// Its place in the order of drafting, from 1.
    pub number: u32,
    /// The newest version, from 1.
    pub version: u32,
    /// What that is.
    pub definition: Arc<Definition>,
    /// Where it stands.
    pub state: OfferState,
    /// Why it was rejected, in the vault.
    pub reason: Option<ReasonId>,
    /// When it was published.
    pub published_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How many comments there are on it, on all its versions.
    pub comments: u32,
    /// How many coupons it has given.
    pub issued: u32,
    /// What they take of the budget.
    pub committed: Roubles,
}

/// What keeps an offer from giving one more coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UsedUp {
    /// So many coupons were given.
    Limit,
    /// Not enough is left of the budget.
    Budget,
}

impl Offer {
    /// Whether it gives coupons at the moment `now`.
    #[must_use]
    pub fn gives_coupons_at(&self, now: Timestamp) -> bool {
        self.state == OfferState::Published
            && self.definition.reward.is_coupon()
            && self.definition.holds_at(now)
    }

    /// What a coupon takes of the budget, how many there are with one more, and what they come to.
    ///
    /// # Errors
    /// [`UsedUp`] when that is more than the offer allows.
    pub fn with_one_more(&self) -> Result<(Roubles, u32, Roubles), UsedUp> {
        let Definition { limit, budget, reward, .. } = self.definition.as_ref();
        // Where there is a budget a coupon's cost is known.
        let cost = reward.costs_at_most().unwrap_or_default();
        let issued = self.issued.checked_add(1).filter(|issued| limit.is_none_or(|most| *issued <= most));
        let committed = self.committed.checked_add(cost);
        let committed = committed.filter(|sum| budget.is_none_or(|budget| *sum <= budget));
        Ok((cost, issued.ok_or(UsedUp::Limit)?, committed.ok_or(UsedUp::Budget)?))
    }

    /// `None` for a fact that cannot follow from what was before.
    fn apply(&mut self, event: &OfferEvent) -> Option<()> {
        let is_newest = |version: u32| (version == self.version).then_some(());
        match event {
            OfferEvent::OfferDrafted(fact) => {
                (fact.version == self.version.checked_add(1)?).then_some(())?;
                self.version = fact.version;
                self.definition = Arc::new(fact.definition.as_ref().clone());
                (self.state, self.reason) = (OfferState::Draft, None);
            }
            OfferEvent::OfferSubmitted(fact) => {
                is_newest(fact.version)?;
                self.state = OfferState::Submitted;
            }
            OfferEvent::OfferApproved(fact) => {
                is_newest(fact.version)?;
                self.state = OfferState::Approved;
            }
            OfferEvent::OfferRejected(fact) => {
                is_newest(fact.version)?;
                (self.state, self.reason) = (OfferState::Rejected, Some(fact.reason_id));
            }
            OfferEvent::OfferCommented(_) => self.comments = self.comments.saturating_add(1),
            OfferEvent::OfferPublished(fact) => {
                is_newest(fact.version)?;
                (self.state, self.published_at) = (OfferState::Published, Some(fact.at));
            }
            OfferEvent::OfferEnded(fact) => {
                is_newest(fact.version)?;
                (self.state, self.ended_at) = (OfferState::Ended, Some(fact.at));
            }
            OfferEvent::OfferCouponIssued(fact) => {
                (self.issued, self.committed) = (fact.issued, fact.committed);
            }
        }
        Some(())
    }
}

/// A fact about an offer that cannot follow from what the log said of it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log has a fact about offer {0} that cannot follow from those before it")]
pub struct CorruptOffer(pub OfferId);

/// All offers: a fold of all offer streams. Copies share what they have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offers {
    by_id: RedBlackTreeMapSync<OfferId, Arc<Offer>>,
    by_number: RedBlackTreeMapSync<u32, OfferId>,
    /// Those that are published.
    published: Arc<BTreeSet<OfferId>>,
}

impl Offers {
    /// Applies one fact.
    ///
    /// # Errors
    /// [`CorruptOffer`] when the history cannot hold.
    pub fn apply(&mut self, event: &OfferEvent) -> Result<(), CorruptOffer> {
        let id = event.offer_id();
        match (event, self.by_id.get_mut(&id)) {
            (OfferEvent::OfferDrafted(fact), None) => {
                let number = self.by_number.last().map_or(0, |(number, _)| *number).saturating_add(1);
                let offer = Offer {
                    offer_id: id,
                    number,
                    version: fact.version,
                    definition: Arc::new(fact.definition.as_ref().clone()),
                    state: OfferState::Draft,
                    reason: None,
                    published_at: None,
                    ended_at: None,
                    comments: 0,
                    issued: 0,
                    committed: Roubles::ZERO,
                };
                self.by_id.insert_mut(id, Arc::new(offer));
                self.by_number.insert_mut(number, id);
            }
            (_, None) => return Err(CorruptOffer(id)),
            (_, Some(offer)) => Arc::make_mut(offer).apply(event).ok_or(CorruptOffer(id))?,
        }
        match event {
            OfferEvent::OfferPublished(_) => drop(Arc::make_mut(&mut self.published).insert(id)),
            OfferEvent::OfferEnded(_) if self.published.contains(&id) => {
                Arc::make_mut(&mut self.published).remove(&id);
            }
            OfferEvent::OfferDrafted(_)
            | OfferEvent::OfferSubmitted(_)
            | OfferEvent::OfferApproved(_)
            | OfferEvent::OfferRejected(_)
            | OfferEvent::OfferCommented(_)
            | OfferEvent::OfferEnded(_)
            | OfferEvent::OfferCouponIssued(_) => {}
        }
        Ok(())
    }

    /// The offer with this id.
    #[must_use]
    pub fn get(&self, id: OfferId) -> Option<&Offer> {
        self.by_id.get(&id).map(AsRef::as_ref)
    }

    /// All of them, the last drafted first; those before the number `before` alone.
    pub fn before(&self, before: u32) -> impl Iterator<Item = &Offer> {
        self.by_number.range(..before).rev().filter_map(|(_, id)| self.get(*id))
    }

    /// Those that are published, by id.
    pub fn published(&self) -> impl Iterator<Item = &Offer> {
        self.published.iter().filter_map(|id| self.get(*id))
    }

    /// How many of the business have not ended, and how many there are. O(all offers).
    pub(crate) fn of(&self, business: BusinessId) -> (usize, usize) {
        let its = || self.by_id.values().filter(|offer| offer.definition.business_id == business);
        (its().filter(|offer| offer.state != OfferState::Ended).count(), its().count())
    }
}
