//! Partner businesses: who they are and on which terms they take part. Rules B3, B5.

pub mod decide;
pub mod event;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use rpds::RedBlackTreeMapSync;

use crate::category::{Category, Confidentiality};
use crate::ids::{BusinessId, PurchaseId, Slug};
use crate::member::refund::Refund;
use crate::rate::Multiplier;
use crate::time::Timestamp;
use event::{BusinessEvent, BusinessMultiplierSet, RefundWaiting, Terms, WaitingRefundsClosed};

/// One business: a fold of its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Business {
    /// Its id.
    pub business_id: BusinessId,
    /// Its short name; never changes.
    pub slug: Slug,
    /// Its name as members see it.
    pub name: String,
    /// What it does; never changes.
    pub category: Category,
    /// Whether a visit is a medical secret; never changes.
    pub confidentiality: Confidentiality,
    /// Its first terms, in force from the beginning of time.
    first_terms: Terms,
    /// Later terms with the moment they began, in log order.
    later_terms: Vec<(Timestamp, Terms)>,
    /// Periods with a multiplier of their own, in log order.
    periods: Vec<BusinessMultiplierSet>,
    /// Refunds whose purchases have not come, until long after they are given up. Rule D4. Copies share it.
    waiting: RedBlackTreeMapSync<PurchaseId, Arc<[RefundWaiting]>>,
    /// How many facts the fold has seen.
    version: u32,
}

/// How long a refund that was given up is known yet, for a document that waits for an admin.
const KEPT_AFTER: TimeDelta = TimeDelta::days(365);

impl Business {
    /// The terms in force at `at`: the newest that began by then.
    #[must_use]
    pub fn terms_at(&self, at: Timestamp) -> &Terms {
        self.later_terms
            .iter()
            .rev()
            .find(|(from, _)| *from <= at)
            .map_or(&self.first_terms, |(_, terms)| terms)
    }

    /// The multiplier in force at `at`: the newest period that holds the moment, else the terms', else 1. Rule B3.
    #[must_use]
    pub fn multiplier_at(&self, at: Timestamp) -> Multiplier {
        let period = self.periods.iter().rev().find(|period| period.from <= at && at < period.to);
        period.map(|period| period.value).or(self.terms_at(at).cashback_multiplier).unwrap_or(Multiplier::ONE)
    }

    /// The refunds that wait for `purchase` at `now`, in log order. Rule D4.
    #[must_use]
    pub fn waiting_for(&self, purchase: PurchaseId, now: Timestamp) -> Vec<Refund> {
        self.refunds_of(purchase).filter(|fact| now <= fact.waits_until).map(Refund::from).collect()
    }

    /// The refunds that came for `purchase` before it was recorded, in log order: a document that waits for an admin has them
    /// wait with it, however long that takes. Rules D4, D5.
    #[must_use]
    pub fn came_for(&self, purchase: PurchaseId) -> Vec<Refund> {
        self.refunds_of(purchase).map(Refund::from).collect()
    }

    /// That no refund waits for `purchase` any more, if one did, in time or not: what its recording leads to. Rule D4.
    pub(crate) fn closes(&self, purchase_id: PurchaseId) -> Option<WaitingRefundsClosed> {
        let waits = self.waiting.contains_key(&purchase_id);
        waits.then_some(WaitingRefundsClosed { business_id: self.business_id, purchase_id })
    }

    fn refunds_of(&self, purchase: PurchaseId) -> impl Iterator<Item = &RefundWaiting> {
        self.waiting.get(&purchase).into_iter().flat_map(|facts| facts.iter())
    }

    /// How many refunds wait at `now`.
    #[must_use]
    pub fn waiting(&self, now: Timestamp) -> usize {
        self.waiting.values().flat_map(|facts| facts.iter()).filter(|fact| now <= fact.waits_until).count()
    }

    /// Keeps one more, and forgets those that were given up long before it came.
    fn wait(&mut self, fact: &RefundWaiting) {
        let recent = fact.reported_at.minus(KEPT_AFTER);
        let is_old = |facts: &[RefundWaiting]| facts.iter().all(|there| there.waits_until < recent);
        let old = self.waiting.iter().filter(|(_, facts)| is_old(facts)).map(|(purchase, _)| *purchase);
        for purchase in old.collect::<Vec<_>>() {
            self.waiting.remove_mut(&purchase);
        }
        let all = self.refunds_of(fact.purchase_id).chain([fact]).cloned().collect();
        self.waiting.insert_mut(fact.purchase_id, all);
    }

    /// How many facts its stream holds.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The periods with a multiplier of their own, in log order. Rule B3.
    #[must_use]
    pub fn periods(&self) -> &[BusinessMultiplierSet] {
        &self.periods
    }
}

impl From<&RefundWaiting> for Refund {
    fn from(fact: &RefundWaiting) -> Self {
        let RefundWaiting { refund_id, amount, occurred_at, .. } = *fact;
        Self { refund_id, amount, occurred_at }
    }
}

/// A fact about a business that the log never introduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log has a fact about business {0}, but never its registration")]
pub struct UnknownBusiness(pub BusinessId);

/// All businesses: a fold of all business streams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Businesses {
    /// Shared by copies, as all that every decision sees.
    by_id: Arc<BTreeMap<BusinessId, Business>>,
    by_slug: Arc<BTreeMap<Slug, BusinessId>>,
    ordinary_categories: Arc<BTreeSet<Category>>,
}

impl Businesses {
    /// Applies one fact.
    ///
    /// # Errors
    /// [`UnknownBusiness`] when the history cannot hold.
    pub fn apply(&mut self, event: &BusinessEvent) -> Result<(), UnknownBusiness> {
        match event {
            BusinessEvent::BusinessRegistered(fact) => {
                if fact.confidentiality == Confidentiality::Ordinary {
                    Arc::make_mut(&mut self.ordinary_categories).insert(fact.category);
                }
                Arc::make_mut(&mut self.by_slug).insert(fact.slug.clone(), fact.business_id);
                let business = Business {
                    business_id: fact.business_id,
                    slug: fact.slug.clone(),
                    name: fact.name.clone(),
                    category: fact.category,
                    confidentiality: fact.confidentiality,
                    first_terms: fact.terms.clone(),
                    later_terms: Vec::new(),
                    periods: Vec::new(),
                    waiting: RedBlackTreeMapSync::default(),
                    version: 1,
                };
                Arc::make_mut(&mut self.by_id).insert(fact.business_id, business);
            }
            BusinessEvent::BusinessRenamed(fact) => {
                self.known(fact.business_id)?.name.clone_from(&fact.name);
            }
            BusinessEvent::BusinessTermsChanged(fact) => {
                let terms = (fact.effective_from, fact.terms.clone());
                self.known(fact.business_id)?.later_terms.push(terms);
            }
            BusinessEvent::BusinessMultiplierSet(fact) => {
                self.known(fact.business_id)?.periods.push(fact.clone());
            }
            BusinessEvent::BusinessMultiplierEnded(fact) => {
                let periods = self.known(fact.business_id)?.periods.iter_mut();
                let of_offer = periods.filter(|period| period.offer_id == Some(fact.offer_id));
                of_offer.for_each(|period| period.to = period.to.min(fact.at));
            }
            BusinessEvent::RefundWaiting(fact) => self.known(fact.business_id)?.wait(fact),
            BusinessEvent::WaitingRefundsClosed(fact) => {
                self.known(fact.business_id)?.waiting.remove_mut(&fact.purchase_id);
            }
        }
        Ok(())
    }

    /// The business, counted one fact further.
    fn known(&mut self, id: BusinessId) -> Result<&mut Business, UnknownBusiness> {
        match Arc::make_mut(&mut self.by_id).entry(id) {
            Entry::Occupied(entry) => {
                let business = entry.into_mut();
                business.version = business.version.saturating_add(1);
                Ok(business)
            }
            Entry::Vacant(_) => Err(UnknownBusiness(id)),
        }
    }

    /// The same without what waits for its purchase: a simulation (Rule P3) tells that as a fact of its own.
    pub(crate) fn without_waiting(&self) -> Self {
        let mut businesses = self.clone();
        Arc::make_mut(&mut businesses.by_id)
            .values_mut()
            .for_each(|business| business.waiting = RedBlackTreeMapSync::default());
        businesses
    }

    /// The business with this id.
    #[must_use]
    pub fn get(&self, id: BusinessId) -> Option<&Business> {
        self.by_id.get(&id)
    }

    /// The business with this short name.
    #[must_use]
    pub fn by_slug(&self, slug: &Slug) -> Option<&Business> {
        self.by_slug.get(slug).and_then(|id| self.by_id.get(id))
    }

    /// All businesses, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Business> {
        self.by_id.values()
    }

    /// The categories that have an active ordinary business: what inner_circle must have visited. Rule S1.
    #[must_use]
    pub fn ordinary_categories(&self) -> &BTreeSet<Category> {
        &self.ordinary_categories
    }
}
