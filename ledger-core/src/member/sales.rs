//! What she is known to have bought, to find another system's report of the same sale. Rule D5.
//!
//! Facts come late and in any order, and an import takes any past date (Rules T4, T6): a shorter memory than that of her
//! bills ([`KEPT_MONTHS`]) would count a sale twice without a word. A look costs what happened within the window, not what
//! happened to her; and nothing while each business's sales come from one system, as they do where nothing is wrong.

use chrono::TimeDelta;
use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::command::PurchaseDocument;
use super::event::{PurchaseRecorded, QuarantineReason};
use super::spend::KEPT_MONTHS;
use super::state::{MemberState, Quarantined};
use crate::ids::{BusinessId, PurchaseId, SourceKey};
use crate::money::Roubles;
use crate::time::Timestamp;

/// One sale, by what another report of it would say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Sale {
    business_id: BusinessId,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    source_system: Option<SourceKey>,
    /// As the newest revision says; nothing once it is cancelled or refunded in full: then it is no sale.
    bill: Roubles,
    /// What of the bill is not its net amount: paid in bonuses or by a coupon, or given back. Rule X3.
    #[serde(skip_serializing_if = "Roubles::is_zero", default)]
    less: Roubles,
    /// Whether it follows from a trigger of a chain. Rule X4.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    converts: bool,
}

/// Her sales by their moments. See the module.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(from = "Vec<(Timestamp, PurchaseId, Sale)>", into = "Vec<(Timestamp, PurchaseId, Sale)>")]
#[cfg_attr(feature = "schema", schemars(with = "Vec<(Timestamp, PurchaseId, Sale)>"))]
pub(crate) struct Sales {
    by_moment: RedBlackTreeMapSync<(Timestamp, PurchaseId), Sale>,
    /// Which systems told of sales at which business: of those above, and perhaps of some that were forgotten. It spares a
    /// look through the others, and is no part of what she bought.
    told_by: RedBlackTreeSetSync<(BusinessId, Option<SourceKey>)>,
}

impl PartialEq for Sales {
    fn eq(&self, other: &Self) -> bool {
        self.by_moment == other.by_moment
    }
}

impl Eq for Sales {}

impl From<Vec<(Timestamp, PurchaseId, Sale)>> for Sales {
    fn from(sales: Vec<(Timestamp, PurchaseId, Sale)>) -> Self {
        let told_by = sales.iter().map(|(_, _, sale)| sale.told_by()).collect();
        Self { by_moment: sales.into_iter().map(|(at, id, sale)| ((at, id), sale)).collect(), told_by }
    }
}

impl From<Sales> for Vec<(Timestamp, PurchaseId, Sale)> {
    fn from(sales: Sales) -> Self {
        sales.by_moment.iter().map(|((at, id), sale)| (*at, *id, *sale)).collect()
    }
}

impl Sales {
    pub(super) fn record(&mut self, at: Timestamp, fact: &PurchaseRecorded) {
        let sale = Sale::of(fact);
        if !self.told_by.contains(&sale.told_by()) {
            self.told_by.insert_mut(sale.told_by());
        }
        self.by_moment.insert_mut((at, fact.purchase_id), sale);
        let oldest = self.by_moment.last().map(|((newest, _), _)| newest.months_before(KEPT_MONTHS));
        while let (Some((first, _)), Some(oldest)) = (self.by_moment.first(), oldest) {
            if first.0 >= oldest {
                break;
            }
            let first = *first;
            self.by_moment.remove_mut(&first);
        }
    }

    /// The bill is another; one that was forgotten is too old to matter.
    pub(super) fn revise(&mut self, at: Timestamp, purchase: PurchaseId, bill: Roubles) {
        if self.by_moment.get(&(at, purchase)).is_some_and(|sale| sale.bill != bill)
            && let Some(sale) = self.by_moment.get_mut(&(at, purchase))
        {
            sale.bill = bill;
            // What is no sale has no net amount.
            if bill.is_zero() {
                sale.less = Roubles::ZERO;
            }
        }
    }

    /// What of it is not its net amount. Rule X3.
    pub(super) fn lessen(
        &mut self,
        at: Timestamp,
        purchase: PurchaseId,
        less: impl FnOnce(Roubles, Roubles) -> Roubles,
    ) {
        let Some(Sale { bill, less: before, .. }) = self.by_moment.get(&(at, purchase)).copied() else {
            return;
        };
        let less = if bill.is_zero() { Roubles::ZERO } else { less(bill, before) };
        if less != before
            && let Some(sale) = self.by_moment.get_mut(&(at, purchase))
        {
            sale.less = less;
        }
    }

    /// The net amount of a sale at `business` that stands; what was forgotten is too old to matter. Rule X3.
    pub(super) fn net(&self, at: Timestamp, purchase: PurchaseId, business: BusinessId) -> Option<Roubles> {
        let sale = self.by_moment.get(&(at, purchase)).filter(|sale| sale.business_id == business)?;
        sale.bill.checked_sub(sale.less)
    }

    /// It follows from a trigger of a chain. Rule X4.
    pub(super) fn convert(&mut self, at: Timestamp, purchase: PurchaseId) {
        if let Some(sale) = self.by_moment.get_mut(&(at, purchase)) {
            sale.converts = true;
        }
    }

    /// The first sale at `business` after the one moment, up to the other, that stands and follows from no trigger, or `any`.
    /// Rule X4.
    pub(super) fn first_unconverted(
        &self,
        business: BusinessId,
        (after, until): (Timestamp, Timestamp),
        any: bool,
    ) -> Option<(Timestamp, PurchaseId)> {
        let first = (after, PurchaseId::from_uuid(Uuid::max()));
        let last = (until, PurchaseId::from_uuid(Uuid::max()));
        let is_it =
            |sale: &Sale| sale.business_id == business && sale.bill.is_positive() && (any || !sale.converts);
        // A window that ends where it begins holds nothing.
        let mut within = (first <= last).then(|| self.by_moment.range(first..=last)).into_iter().flatten();
        within.find(|(_, sale)| is_it(sale)).map(|(key, _)| *key)
    }

    /// It is a sale to another. Rule D3.
    pub(super) fn forget(&mut self, at: Timestamp, purchase: PurchaseId) {
        self.by_moment.remove_mut(&(at, purchase));
    }

    /// Whether the purchase is one of these. O(sales): asked only where two accounts are one, or a purchase may be another's.
    pub(super) fn knows(&self, purchase: PurchaseId) -> bool {
        self.by_moment.keys().any(|(_, known)| *known == purchase)
    }

    /// The purchases.
    pub(super) fn purchases(&self) -> impl Iterator<Item = PurchaseId> + '_ {
        self.by_moment.keys().map(|(_, purchase)| *purchase)
    }

    /// Those from a moment on.
    pub(super) fn since(&self, oldest: Timestamp) -> impl Iterator<Item = PurchaseId> + '_ {
        let first = (oldest, PurchaseId::from_uuid(Uuid::nil()));
        self.by_moment.range(first..).map(|((_, purchase), _)| *purchase)
    }

    /// The moments and bills of those at `business` that stand.
    pub(super) fn at_business(&self, business: BusinessId) -> impl Iterator<Item = (Timestamp, Roubles)> {
        let there = self.by_moment.iter().filter(move |(_, sale)| sale.business_id == business);
        there.filter(|(_, sale)| sale.bill.is_positive()).map(|((at, _), sale)| (*at, sale.bill))
    }

    /// The businesses of those after the one moment, up to the other, that stand.
    pub(super) fn within(&self, after: Timestamp, until: Timestamp) -> impl Iterator<Item = BusinessId> {
        let first = (after, PurchaseId::from_uuid(Uuid::max()));
        let last = (until, PurchaseId::from_uuid(Uuid::max()));
        let within = (first <= last).then(|| self.by_moment.range(first..=last)).into_iter().flatten();
        within.filter(|(_, sale)| sale.bill.is_positive()).map(|(_, sale)| sale.business_id)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_moment.size()
    }

    /// The sale that `document` may be another system's report of: the same business and amount, another source, no
    /// further away than `within`.
    fn resembling(&self, document: &PurchaseDocument, within: TimeDelta) -> Option<PurchaseId> {
        let (business, at) = (document.business_id, document.occurred_at);
        let mut told_there = self.told_by.range((business, None)..).take_while(|told| told.0 == business);
        if told_there.all(|(_, system)| *system == document.source_system) {
            return None;
        }
        let first = (at.minus(within), PurchaseId::from_uuid(Uuid::nil()));
        let last = (at.plus(within), PurchaseId::from_uuid(Uuid::max()));
        self.by_moment.range(first..=last).find(|(_, sale)| sale.is_told_by(document)).map(|((_, id), _)| *id)
    }
}

impl Sale {
    const fn of(fact: &PurchaseRecorded) -> Self {
        let PurchaseRecorded { business_id, source_system, amount: bill, .. } = *fact;
        Self { business_id, source_system, bill, less: Roubles::ZERO, converts: false }
    }

    /// Where it was, and which system told of it.
    const fn told_by(&self) -> (BusinessId, Option<SourceKey>) {
        (self.business_id, self.source_system)
    }

    /// Whether `document` says the same, and comes from elsewhere.
    fn is_told_by(&self, document: &PurchaseDocument) -> bool {
        self.business_id == document.business_id
            && self.bill == document.amount
            && self.source_system != document.source_system
    }
}

impl MemberState {
    /// The sale that `document` may be another system's report of. One that waits because it is too old may come to count,
    /// too: what comes second waits, whichever it is. One that waits as a double is a sale that is known.
    pub(super) fn resembling(&self, document: &PurchaseDocument, within: TimeDelta) -> Option<PurchaseId> {
        let at = document.occurred_at;
        let is_near = |other: Timestamp| at.max(other).since(at.min(other)) <= within;
        let waits = |waiting: &&Quarantined| {
            waiting.reason == QuarantineReason::TooOld
                && is_near(waiting.occurred_at)
                && waiting.purchase.purchase_id != PurchaseId::of_key(document.natural_key.as_bytes())
                && Sale::of(&waiting.purchase).is_told_by(document)
        };
        let waiting = || self.quarantined.values().find(waits).map(|waiting| waiting.purchase.purchase_id);
        let known = self.all_books().find_map(|books| books.sales.resembling(document, within));
        known.or_else(waiting)
    }
}
