//! The book of bills: what a member spent, when and where. Rules S1, S7, F6.
//!
//! Bills are kept by Moscow day with their moments, so that a window that begins in the middle of a day is exact and a
//! year costs at most 366 days of sums. What is older than [`KEPT_MONTHS`] before the newest bill is forgotten: no window
//! of a policy reaches so far.

use std::collections::BTreeMap;

use rpds::RedBlackTreeMapSync;
use serde::{Deserialize, Serialize};

use crate::category::{Category, Confidentiality};
use crate::member::status::Spent;
use crate::money::Roubles;
use crate::time::{MoscowDay, Timestamp};

/// How many months before the newest bill are kept: the widest window of a policy.
pub const KEPT_MONTHS: u32 = 120;

/// One bill, net of refunds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Bill {
    at: Timestamp,
    category: Category,
    confidentiality: Confidentiality,
    amount: Roubles,
}

/// The sums of one day by category and confidentiality, and the bills they are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Day {
    sums: BTreeMap<(Category, Confidentiality), Roubles>,
    bills: Vec<Bill>,
    /// The moments of the earliest and the latest of them.
    bounds: Option<(Timestamp, Timestamp)>,
}

impl Day {
    fn enter(&mut self, bill: Bill) {
        let sum = self.sums.entry((bill.category, bill.confidentiality)).or_default();
        *sum = sum.checked_add(bill.amount).unwrap_or(*sum);
        let (earliest, latest) = self.bounds.unwrap_or((bill.at, bill.at));
        self.bounds = Some((earliest.min(bill.at), latest.max(bill.at)));
        self.bills.push(bill);
    }
}

/// What a member spent. See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(from = "Vec<Bill>", into = "Vec<Bill>")]
#[cfg_attr(feature = "schema", schemars(with = "Vec<Bill>"))]
pub struct SpendBook {
    /// Shared by the copies that decisions work on; a bill that one of them enters costs the copy of its day.
    days: RedBlackTreeMapSync<MoscowDay, Day>,
}

impl From<Vec<Bill>> for SpendBook {
    fn from(bills: Vec<Bill>) -> Self {
        let mut book = Self::default();
        for bill in bills {
            book.enter(bill);
        }
        book
    }
}

impl From<SpendBook> for Vec<Bill> {
    fn from(book: SpendBook) -> Self {
        book.days.values().flat_map(|day| day.bills.iter().copied()).collect()
    }
}

/// The two sums of a window: without and with medical businesses. Rule S7.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WindowSums {
    /// Ordinary businesses alone.
    pub ordinary: Spent,
    /// All of them.
    pub with_medical: Spent,
}

impl WindowSums {
    /// Counts one more amount; `None` when the sum does not fit.
    #[must_use]
    pub fn with(mut self, category: Category, kind: Confidentiality, amount: Roubles) -> Option<Self> {
        self.count(category, kind, amount)?;
        Some(self)
    }

    /// These and others; `None` when a sum does not fit.
    pub(super) fn and(mut self, other: Self) -> Option<Self> {
        for (sum, more) in
            [(&mut self.ordinary, other.ordinary), (&mut self.with_medical, other.with_medical)]
        {
            sum.amount = sum.amount.checked_add(more.amount)?;
            sum.categories.extend(more.categories);
        }
        Some(self)
    }

    fn count(&mut self, category: Category, kind: Confidentiality, amount: Roubles) -> Option<()> {
        let count = |spent: &mut Spent| -> Option<()> {
            spent.amount = spent.amount.checked_add(amount)?;
            if amount.is_positive() {
                spent.categories.insert(category);
            }
            Some(())
        };
        count(&mut self.with_medical)?;
        match kind {
            Confidentiality::Ordinary => count(&mut self.ordinary),
            Confidentiality::Medical => Some(()),
        }
    }
}

impl SpendBook {
    /// Enters a bill; `None` when a day's sum does not fit.
    pub(crate) fn record(
        &mut self,
        at: Timestamp,
        category: Category,
        confidentiality: Confidentiality,
        amount: Roubles,
    ) -> Option<()> {
        let bill = Bill { at, category, confidentiality, amount };
        let sums = self.days.get(&at.moscow_day()).map(|day| &day.sums);
        let sum = sums.and_then(|sums| sums.get(&(category, confidentiality))).copied().unwrap_or_default();
        sum.checked_add(amount)?;
        self.enter(bill);
        self.forget();
        Some(())
    }

    fn enter(&mut self, bill: Bill) {
        let moscow_day = bill.at.moscow_day();
        match self.days.get_mut(&moscow_day) {
            Some(day) => day.enter(bill),
            None => {
                let mut day = Day::default();
                day.enter(bill);
                self.days.insert_mut(moscow_day, day);
            }
        }
    }

    /// Takes a refund off the bill, or bills, of that moment; one that was forgotten is too old to count. Rule F6.
    pub(crate) fn reduce(
        &mut self,
        at: Timestamp,
        category: Category,
        confidentiality: Confidentiality,
        amount: Roubles,
    ) {
        let Some(day) = self.days.get_mut(&at.moscow_day()) else { return };
        let mut rest = amount;
        let is_it = |bill: &&mut Bill| {
            bill.at == at && bill.category == category && bill.confidentiality == confidentiality
        };
        for bill in day.bills.iter_mut().filter(is_it) {
            let part = bill.amount.min(rest);
            bill.amount = bill.amount.checked_sub(part).unwrap_or_default();
            rest = rest.checked_sub(part).unwrap_or_default();
        }
        let taken = amount.checked_sub(rest).unwrap_or_default();
        if let Some(sum) = day.sums.get_mut(&(category, confidentiality)) {
            *sum = sum.checked_sub(taken).unwrap_or_default();
        }
    }

    fn forget(&mut self) {
        let Some((newest, _)) = self.days.last() else { return };
        let oldest_kept = newest.start().months_before(KEPT_MONTHS).moscow_day();
        while let Some(first) =
            self.days.first().map(|(first, _)| *first).filter(|first| *first < oldest_kept)
        {
            self.days.remove_mut(&first);
        }
    }

    /// The sums of the bills after `after` up to and including `until`; `None` when a sum does not fit.
    #[must_use]
    pub fn window(&self, after: Timestamp, until: Timestamp) -> Option<WindowSums> {
        let mut sums = WindowSums::default();
        let (first, last) = (after.moscow_day(), until.moscow_day());
        if first > last {
            return Some(sums);
        }
        for (day, entries) in self.days.range(first..=last) {
            let whole = entries.bounds.is_some_and(|(earliest, latest)| earliest > after && latest <= until);
            if (*day == first || *day == last) && !whole {
                for bill in entries.bills.iter().filter(|bill| bill.at > after && bill.at <= until) {
                    sums.count(bill.category, bill.confidentiality, bill.amount)?;
                }
            } else {
                for ((category, kind), amount) in &entries.sums {
                    sums.count(*category, *kind, *amount)?;
                }
            }
        }
        Some(sums)
    }

    /// What is left of the bills of that moment and kind.
    pub(crate) fn net_at(&self, at: Timestamp, category: Category, kind: Confidentiality) -> Roubles {
        let bills = self.days.get(&at.moscow_day()).into_iter().flat_map(|day| &day.bills);
        let those =
            bills.filter(|bill| (bill.at, bill.category, bill.confidentiality) == (at, category, kind));
        those.fold(Roubles::ZERO, |sum, bill| sum.checked_add(bill.amount).unwrap_or(sum))
    }

    /// The moment of the earliest bill after `after`.
    pub(crate) fn first_after(&self, after: Timestamp) -> Option<Timestamp> {
        let first_of = |day: &Day| day.bills.iter().map(|bill| bill.at).filter(|at| *at > after).min();
        self.days.range(after.moscow_day()..).find_map(|(_, day)| first_of(day))
    }

    /// What all the bills come to; `None` when that does not fit.
    #[must_use]
    pub fn total(&self) -> Option<Roubles> {
        let mut bills = self.days.values().flat_map(|day| &day.bills);
        bills.try_fold(Roubles::ZERO, |sum, bill| sum.checked_add(bill.amount))
    }

    /// How many bills there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.days.values().map(|day| day.bills.len()).sum()
    }

    /// True when there is no bill.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn rule_s1_a_window_is_exact_to_the_moment() {
        let mut book = SpendBook::default();
        for (when, roubles) in [
            ("2025-03-02T09:59:59Z", 1),
            ("2025-03-02T10:00:00Z", 2),
            ("2025-03-02T10:00:01Z", 4),
            ("2025-06-01T00:00:00Z", 8),
            ("2026-03-02T10:00:00Z", 16),
            ("2026-03-02T10:00:01Z", 32),
        ] {
            let amount = Roubles::from_kopecks(roubles * 100);
            book.record(at(when), Category::Legal, Confidentiality::Ordinary, amount).expect("fits");
        }
        let now = at("2026-03-02T10:00:00Z");
        let sums = book.window(now.months_before(12), now).expect("fits");
        assert_eq!(sums.ordinary.amount, Roubles::from_kopecks(2_800));
    }

    #[test]
    fn rule_f6_a_bill_refunded_to_nothing_shows_no_category() {
        let mut book = SpendBook::default();
        let (then, now) = (at("2026-01-02T10:00:00Z"), at("2026-03-02T10:00:00Z"));
        let roubles = |roubles: i64| Roubles::from_kopecks(roubles * 100);
        for _ in 0..2 {
            book.record(then, Category::Legal, Confidentiality::Ordinary, roubles(100)).expect("fits");
        }
        let mut refund = |amount| {
            book.reduce(then, Category::Legal, Confidentiality::Ordinary, roubles(amount));
            book.window(now.months_before(12), now).expect("fits").ordinary
        };
        assert_eq!(refund(40), Spent { amount: roubles(160), categories: [Category::Legal].into() });
        assert_eq!(refund(160), Spent::default());
        let read: SpendBook =
            serde_json::from_value(serde_json::to_value(&book).expect("json")).expect("a book");
        assert_eq!(read, book);
    }

    #[test]
    fn rule_s7_medical_bills_are_counted_apart() {
        let mut book = SpendBook::default();
        let now = at("2026-03-02T10:00:00Z");
        let hundred = Roubles::from_kopecks(10_000);
        book.record(now, Category::Dentistry, Confidentiality::Medical, hundred).expect("fits");
        book.record(now, Category::Legal, Confidentiality::Ordinary, hundred).expect("fits");
        let sums = book.window(now.months_before(12), now).expect("fits");
        assert_eq!(sums.ordinary, Spent { amount: hundred, categories: [Category::Legal].into() });
        assert_eq!(sums.with_medical.amount, Roubles::from_kopecks(20_000));
        assert_eq!(sums.with_medical.categories.len(), 2);
    }
}
