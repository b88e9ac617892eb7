//! Counts and sums that the three sides are compared by.

use ledger_core::money::Roubles;
use std::fmt;

/// How many purchases, their bills and what they earned. Wide sums: nothing here overflows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Purchases {
    pub(super) count: i128,
    pub(super) amount: i128,
    pub(super) bonuses: i128,
}

impl Purchases {
    pub(super) const fn add(&mut self, other: Self) {
        self.count += other.count;
        self.amount += other.amount;
        self.bonuses += other.bonuses;
    }

    /// Bills and bonuses, without their number.
    pub(super) fn money(self) -> String {
        format!("{} + {}", Kopecks(self.amount), Kopecks(self.bonuses))
    }
}

impl fmt::Display for Purchases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {} ₽, {} bonuses", self.count, Kopecks(self.amount), Kopecks(self.bonuses))
    }
}

/// How many, and how much together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) count: i128,
    pub(super) amount: i128,
}

impl Sum {
    pub(super) const fn add(&mut self, kopecks: i64) {
        self.count += 1;
        self.amount += kopecks as i128;
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.count, Kopecks(self.amount))
    }
}

/// A sum of kopecks, shown with two decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kopecks(pub(super) i128);

impl fmt::Display for Kopecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match i64::try_from(self.0) {
            Ok(kopecks) => Roubles::from_kopecks(kopecks).fmt(f),
            Err(_) => write!(f, "{} kopecks", self.0),
        }
    }
}
