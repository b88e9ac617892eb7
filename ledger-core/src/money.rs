//! Roubles and bonuses: whole kopecks in an `i64`, checked, never mixed, never a float.
//!
//! Two units, two types (design, Postings). There is no `+` or `-`: sums are `checked_add`, and what overflows is an
//! [`AmountError`]. On the wire both are texts with exactly two decimals (`"3000.00"`). Rounding happens in one named
//! function, [`Bonuses::rounded`] (Rule B4).

use std::fmt;
use std::str::FromStr;

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

/// The largest amount a request may carry: 100 million roubles. Far above any bill, far below an overflow of sums.
pub const REQUEST_KOPECKS_MAX: i64 = 10_000_000_000;

/// Why a text or a sum is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not digits with an optional point and at most two decimals.
    #[error("must be a decimal number with at most two decimals, such as \"3000.00\"")]
    NotAnAmount,
    /// More than two decimals.
    #[error("must have at most two decimals")]
    TooPrecise,
    /// Does not fit.
    #[error("is too large")]
    TooLarge,
}

/// Parses `-?digits[.d[d]]` in ASCII digits into kopecks. No exponent, no sign but a leading minus, no blanks.
fn parse_kopecks(text: &str) -> Result<i64, AmountError> {
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = unsigned.split_once('.').map_or((unsigned, None), |(w, f)| (w, Some(f)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || fraction.is_some_and(|part| !digits(part)) {
        return Err(AmountError::NotAnAmount);
    }
    let fraction = fraction.unwrap_or("0");
    if fraction.len() > 2 {
        return Err(AmountError::TooPrecise);
    }
    let roubles: i64 = whole.parse().map_err(|_| AmountError::TooLarge)?;
    let part: i64 = fraction.parse().map_err(|_| AmountError::NotAnAmount)?;
    let part = if fraction.len() == 1 { part.checked_mul(10).ok_or(AmountError::TooLarge)? } else { part };
    let kopecks =
        roubles.checked_mul(100).and_then(|sum| sum.checked_add(part)).ok_or(AmountError::TooLarge)?;
    if negative { kopecks.checked_neg().ok_or(AmountError::TooLarge) } else { Ok(kopecks) }
}

fn write_kopecks(kopecks: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let sign = if kopecks < 0 { "-" } else { "" };
    let size = kopecks.unsigned_abs();
    write!(f, "{sign}{}.{:02}", size / 100, size % 100)
}

macro_rules! amount_types {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(with = "String", extend("pattern" = r"^-?[0-9]+\.[0-9]{2}$")))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(i64);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);

            /// The amount of so many kopecks.
            #[must_use]
            pub const fn from_kopecks(kopecks: i64) -> Self {
                Self(kopecks)
            }

            /// The amount in kopecks.
            #[must_use]
            pub const fn kopecks(self) -> i64 {
                self.0
            }

            /// The sum, or `None` when it does not fit.
            #[must_use]
            pub fn checked_add(self, other: Self) -> Option<Self> {
                self.0.checked_add(other.0).map(Self)
            }

            /// The difference, or `None` when it does not fit.
            #[must_use]
            pub fn checked_sub(self, other: Self) -> Option<Self> {
                self.0.checked_sub(other.0).map(Self)
            }

            /// The sum of all, or `None` when it does not fit.
            #[must_use]
            pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
                amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
            }

            /// True for nothing.
            #[must_use]
            pub const fn is_zero(&self) -> bool {
                self.0 == 0
            }

            /// True above nothing.
            #[must_use]
            pub const fn is_positive(self) -> bool {
                self.0 > 0
            }

            /// The exact decimal value (two decimals).
            #[must_use]
            pub fn to_decimal(self) -> Decimal {
                Decimal::new(self.0, 2)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_kopecks(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))?;
                f.write_str("(")?;
                write_kopecks(self.0, f)?;
                f.write_str(")")
            }
        }

        impl FromStr for $name {
            type Err = AmountError;

            fn from_str(text: &str) -> Result<Self, AmountError> {
                parse_kopecks(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = AmountError;

            fn try_from(text: String) -> Result<Self, AmountError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(amount: $name) -> Self {
                amount.to_string()
            }
        }
    )*};
}

amount_types! {
    /// Money in roubles, as whole kopecks; may be negative (a difference, a posting).
    Roubles;
    /// Bonuses (1 bonus = 1 ₽), as whole hundredths; may be negative (a posting).
    Bonuses;
}

impl Bonuses {
    /// `exact` rounded to two decimals, half away from zero: the one rounding of an accrual. Rule B4.
    ///
    /// `None` when it does not fit.
    #[must_use]
    pub fn rounded(exact: Decimal) -> Option<Self> {
        let hundredths = exact.checked_mul(Decimal::ONE_HUNDRED)?;
        hundredths.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64().map(Self)
    }

    /// The same number of roubles: what a funder owes for these bonuses. Rule M2.
    #[must_use]
    pub const fn face_value(self) -> Roubles {
        Roubles(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_and_print_with_two_decimals() {
        for (text, kopecks) in
            [("0", 0), ("3000.00", 300_000), ("33.3", 3330), ("-0.05", -5), ("007.10", 710)]
        {
            assert_eq!(text.parse::<Roubles>(), Ok(Roubles(kopecks)), "{text}");
        }
        assert_eq!(Roubles(-5).to_string(), "-0.05");
        assert_eq!(Bonuses(22_667).to_string(), "226.67");
    }

    #[test]
    fn what_is_not_an_amount_is_refused_with_its_reason() {
        for text in ["", ".", "1.", ".5", "+1", "1e3", "NaN", "１００", "1 000", "0x1", "1.-1", "--1", "∞"]
        {
            assert_eq!(text.parse::<Roubles>(), Err(AmountError::NotAnAmount), "{text}");
        }
        assert_eq!("1.001".parse::<Roubles>(), Err(AmountError::TooPrecise));
        assert_eq!("99999999999999999999".parse::<Roubles>(), Err(AmountError::TooLarge));
        assert_eq!("92233720368547758.08".parse::<Roubles>(), Err(AmountError::TooLarge));
    }

    #[test]
    fn rule_b4_rounds_half_away_from_zero() {
        for (exact, rounded) in
            [("1.665", "1.67"), ("1.664999", "1.66"), ("-1.665", "-1.67"), ("0.005", "0.01")]
        {
            let exact: Decimal = exact.parse().expect("a decimal");
            assert_eq!(Bonuses::rounded(exact), Some(rounded.parse().expect("an amount")));
        }
    }
}
