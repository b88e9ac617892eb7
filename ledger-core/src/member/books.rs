//! What she bought, by one account: bills, sales, and where she is known. Rules S1, B2, C3, D5.
//!
//! It stays together as it is: when two accounts become one, the survivor has the other's books beside her own
//! (`absorbed.rs`), a fact about a purchase goes into the books that know it, and what is asked of all is a sum.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::conversion::OpenTrigger;
use super::event::{BonusAccrued, PurchaseAmended, PurchaseRecorded, PurchaseRefunded, PurchaseTakenOver};
use super::sales::Sales;
use super::spend::SpendBook;
use crate::category::{Category, Confidentiality};
use crate::chain::definition::DAYS_MAX;
use crate::ids::{BusinessId, ChainId, OfferId, PurchaseId};
use crate::money::Roubles;
use crate::time::Timestamp;

/// How many open triggers are kept: the oldest are forgotten first.
const TRIGGERS_MAX: usize = 1_000;

/// What chains gave for what an account bought. Rules X4–X6.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ChainBook {
    /// The rewards that each chain gave. Rule X5.
    pub(crate) rewards: BTreeMap<ChainId, u32>,
    /// Purchases made with a coupon of a chain, or following from its promise of bonuses, that may still trigger a step, and where
    /// that came from. Rule X6.
    pub(crate) trails: BTreeMap<PurchaseId, Vec<BusinessId>>,
    /// Steps triggered that nothing has followed from. Rule X4.
    pub(crate) triggers: Vec<OpenTrigger>,
}

impl ChainBook {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What was bought by one account. See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Books {
    /// The bills, net of refunds.
    pub spend: SpendBook,
    /// The sales, as another system's report of them would say.
    pub(crate) sales: Sales,
    /// Purchases that were not refunded in full, by category, at ordinary businesses. Rule B2.
    pub(crate) visited: BTreeMap<Category, u32>,
    /// The same by clinic.
    pub(crate) visited_medical: BTreeMap<BusinessId, u32>,
    /// The same by ordinary business. Rule C3.
    pub(crate) customer_of: BTreeMap<BusinessId, u32>,
    /// What chains gave for it.
    #[serde(skip_serializing_if = "ChainBook::is_empty", default)]
    pub(crate) chains: Box<ChainBook>,
    /// The offers that gave it a coupon.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub(crate) offers: BTreeSet<OfferId>,
}

impl Books {
    pub(super) fn visit(
        &mut self,
        fact: &PurchaseRecorded,
        occurred_at: Timestamp,
    ) -> Result<(), &'static str> {
        self.spend
            .record(occurred_at, fact.category, fact.confidentiality, fact.amount)
            .ok_or("the bills of a day do not fit")?;
        self.sales.record(occurred_at, fact);
        let more = |visits: u32| visits.checked_add(1);
        self.count_visit(fact.category, fact.confidentiality, fact.business_id, more).ok_or("too many visits")
    }

    /// Rule F6: bills and categories are net of refunds.
    pub(super) fn refund(&mut self, fact: &PurchaseRefunded) -> Result<(), &'static str> {
        let refunded = fact.refunded().ok_or("a refund does not fit")?;
        if !fact.amount.is_positive() || refunded > fact.bill {
            return Err("more is refunded than was paid");
        }
        self.spend.reduce(fact.bought_at, fact.category, fact.confidentiality, fact.amount);
        let less = |_, less: Roubles| less.checked_add(fact.amount).unwrap_or(less);
        self.sales.lessen(fact.bought_at, fact.purchase_id, less);
        if refunded == fact.bill {
            self.sales.revise(fact.bought_at, fact.purchase_id, Roubles::ZERO);
            let less = |visits: u32| visits.checked_sub(1);
            self.count_visit(fact.category, fact.confidentiality, fact.business_id, less)
                .ok_or("more visits are undone than were made")?;
        }
        Ok(())
    }

    /// Rules D3, F6: the bill counts as if the newest revision had been the first.
    pub(super) fn amend(&mut self, fact: &PurchaseAmended) -> Result<(), &'static str> {
        let (before, after) = fact.counted();
        let (at, category, kind) = (fact.bought_at, fact.category, fact.confidentiality);
        let more = after.checked_sub(before).ok_or("an amendment does not fit")?;
        if more.is_positive() {
            self.spend.record(at, category, kind, more).ok_or("the bills of a day do not fit")?;
        } else {
            self.spend.reduce(at, category, kind, before.checked_sub(after).unwrap_or_default());
        }
        if fact.handed_over {
            // It is another's: these books do not know it any more.
            self.sales.forget(at, fact.purchase_id);
        } else {
            let is_sale = after > Roubles::ZERO;
            self.sales.revise(at, fact.purchase_id, if is_sale { fact.bill } else { Roubles::ZERO });
            let less = |bill: Roubles, _| {
                let paid = bill.checked_sub(fact.inputs.base).unwrap_or_default();
                paid.checked_add(fact.refunded).unwrap_or(paid)
            };
            self.sales.lessen(at, fact.purchase_id, less);
        }
        let count = |visits: u32| match (before > Roubles::ZERO, after > Roubles::ZERO) {
            (true, false) => visits.checked_sub(1),
            (false, true) => visits.checked_add(1),
            (true, true) | (false, false) => Some(visits),
        };
        self.count_visit(category, kind, fact.business_id, count)
            .ok_or("more visits are undone than were made")
    }

    /// Rule D3: her bill from now on, net of the refunds it had.
    pub(super) fn take_over(&mut self, fact: &PurchaseTakenOver, at: Timestamp) -> Result<(), &'static str> {
        let (purchase, counted) = (&fact.purchase, fact.counted());
        self.sales.record(at, purchase);
        if !counted.is_positive() {
            self.sales.revise(at, purchase.purchase_id, Roubles::ZERO);
            return Ok(());
        }
        // Its refunds stay its own.
        let less = |bill: Roubles, _| bill.checked_sub(counted).unwrap_or_default();
        self.sales.lessen(at, purchase.purchase_id, less);
        let (category, kind) = (purchase.category, purchase.confidentiality);
        self.spend.record(at, category, kind, counted).ok_or("the bills of a day do not fit")?;
        let more = |visits: u32| visits.checked_add(1);
        self.count_visit(category, kind, purchase.business_id, more).ok_or("too many visits")
    }

    /// What a purchase's net amount is, as its accrual says. Rules B4, X3.
    pub(super) fn earn(&mut self, fact: &BonusAccrued, at: Timestamp) {
        if fact.revision.is_none() {
            let less = |bill: Roubles, _| bill.checked_sub(fact.inputs.base).unwrap_or_default();
            self.sales.lessen(at, fact.purchase_id, less);
        }
    }

    /// A purchase triggered a step. Rule X4. What nothing can follow from any more is forgotten: facts come late, but not
    /// that late.
    pub(super) fn trigger(&mut self, trigger: OpenTrigger) {
        let triggers = &mut self.chains.triggers;
        let oldest = trigger.from.bought_at.minus(TimeDelta::days(i64::from(DAYS_MAX)));
        triggers.retain(|open| oldest <= open.from.until);
        triggers.push(trigger);
        let beyond = triggers.len().saturating_sub(TRIGGERS_MAX);
        triggers.drain(..beyond);
    }

    /// A purchase was made with a coupon that came this way. Rule X6. What no window reaches any more is forgotten: by then the
    /// purchase triggers nothing, whichever way it came (Rule X3). One that is another's now may come back (Rule D3).
    pub(super) fn remember(&mut self, purchase: PurchaseId, trail: Vec<BusinessId>, now: Timestamp) {
        let oldest = now.minus(TimeDelta::days(i64::from(DAYS_MAX)));
        let matter: BTreeSet<PurchaseId> = self.sales.since(oldest).collect();
        self.chains.trails.retain(|before, _| matter.contains(before) || !self.sales.knows(*before));
        self.chains.trails.insert(purchase, trail);
    }

    /// The same of a purchase that follows from a promise of bonuses, whatever coupon it was made with. Rule X6.
    pub(super) fn remember_also(&mut self, purchase: PurchaseId, trail: Vec<BusinessId>, now: Timestamp) {
        let mut whole = self.chains.trails.get(&purchase).cloned().unwrap_or_default();
        let new = trail.into_iter().filter(|business| !whole.contains(business)).collect::<Vec<_>>();
        whole.extend(new);
        self.remember(purchase, whole, now);
    }

    /// A chain gave a reward. Rule X5.
    pub(super) fn count_reward(&mut self, chain: ChainId) {
        let given = self.chains.rewards.entry(chain).or_default();
        *given = given.saturating_add(1);
    }

    /// Counts the visits that make the category known (Rule B2), and her a customer (Rule C3). `None` when `count` finds
    /// nothing to count.
    fn count_visit(
        &mut self,
        category: Category,
        confidentiality: Confidentiality,
        business_id: BusinessId,
        count: impl Fn(u32) -> Option<u32>,
    ) -> Option<()> {
        let of_business = match confidentiality {
            Confidentiality::Ordinary => {
                let of_category = self.visited.entry(category).or_default();
                *of_category = count(*of_category)?;
                self.customer_of.entry(business_id).or_default()
            }
            Confidentiality::Medical => self.visited_medical.entry(business_id).or_default(),
        };
        *of_business = count(*of_business)?;
        Some(())
    }

    /// The purchases.
    pub fn purchases(&self) -> impl Iterator<Item = PurchaseId> + '_ {
        self.sales.purchases()
    }

    /// Whether a purchase that was not refunded in full makes the category known. Rule B2.
    pub(super) fn knows_category(&self, category: Category) -> bool {
        self.visited.get(&category).is_some_and(|visits| *visits > 0)
    }

    /// Whether there is a purchase there that was not refunded in full. Rules B2, C3.
    pub(super) fn knows_business(&self, business: BusinessId, confidentiality: Confidentiality) -> bool {
        let visits = match confidentiality {
            Confidentiality::Ordinary => self.customer_of.get(&business),
            Confidentiality::Medical => self.visited_medical.get(&business),
        };
        visits.is_some_and(|visits| *visits > 0)
    }
}
