//! Counts and sums that sides are compared by.

use ledger_core::money::Roubles;
use std::fmt;

/// How many purchases, their bills and what they earned. Wide sums: nothing here overflows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purchases {
    /// How many.
    pub count: i128,
    /// Their bills, in kopecks.
    pub amount: i128,
    /// What they earned, in hundredths of a bonus.
    pub bonuses: i128,
}

impl Purchases {
    /// Adds others.
    pub const fn add(&mut self, other: Self) {
        self.count += other.count;
        self.amount += other.amount;
        self.bonuses += other.bonuses;
    }

    /// Bills and bonuses, without their number.
    #[must_use]
    pub fn money(self) -> String {
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
pub struct Sum {
    /// How many.
    pub count: i128,
    /// In kopecks, or hundredths of a bonus.
    pub amount: i128,
}

impl Sum {
    /// Adds one of so many.
    pub const fn add(&mut self, kopecks: i64) {
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
pub struct Kopecks(
    /// How many.
    pub i128,
);

impl fmt::Display for Kopecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match i64::try_from(self.0) {
            Ok(kopecks) => Roubles::from_kopecks(kopecks).fmt(f),
            Err(_) => write!(f, "{} kopecks", self.0),
        }
    }
}
