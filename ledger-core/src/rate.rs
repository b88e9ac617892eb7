//! Rates and multipliers: exact decimals with named ranges, strings on the wire.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A number outside what a rate or multiplier may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a decimal number from {min} to {max} with at most {decimals} decimals")]
pub struct OutOfRange {
    /// The least allowed value.
    pub min: Decimal,
    /// The largest allowed value.
    pub max: Decimal,
    /// The number of decimals allowed.
    pub decimals: u32,
}

fn parse_within(text: &str, bounds: OutOfRange) -> Result<Decimal, OutOfRange> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let plain = text.split_once('.').map_or(digits(text), |(whole, part)| digits(whole) && digits(part));
    if !plain {
        return Err(bounds);
    }
    let value = Decimal::from_str_exact(text).map_err(|_| bounds)?;
    let fits = value >= bounds.min && value <= bounds.max && value.normalize().scale() <= bounds.decimals;
    if fits { Ok(value) } else { Err(bounds) }
}

macro_rules! decimal_types {
    ($($(#[$doc:meta])* $name:ident: $min:expr, $max:expr, $decimals:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(with = "String", extend("pattern" = r"^[0-9]+(\.[0-9]+)?$")))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Decimal);

        impl $name {
            /// The range of this kind of number.
            pub const RANGE: OutOfRange = OutOfRange { min: $min, max: $max, decimals: $decimals };

            /// The exact value.
            #[must_use]
            pub const fn to_decimal(self) -> Decimal {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = OutOfRange;

            fn from_str(text: &str) -> Result<Self, OutOfRange> {
                parse_within(text, Self::RANGE).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = OutOfRange;

            fn try_from(text: String) -> Result<Self, OutOfRange> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    )*};
}

decimal_types! {
    /// A share of an amount, 0 to 1 with up to four decimals: `0.05` is 5 %.
    Rate: Decimal::ZERO, Decimal::ONE, 4;
    /// A business's multiplier, 0.1 to 10.0 with up to two decimals. Rule B3.
    Multiplier: Decimal::from_parts(1, 0, 0, false, 1), Decimal::TEN, 2;
    /// The multiplier for a new category, 1 to 10 with up to two decimals: its extra is never negative. Rule B2.
    NewCategoryMultiplier: Decimal::ONE, Decimal::TEN, 2;
    /// A percentage, 0 to 100 with up to two decimals.
    Percent: Decimal::ZERO, Decimal::ONE_HUNDRED, 2;
}

impl Multiplier {
    /// The multiplier that changes nothing; the default. Rule B3.
    pub const ONE: Self = Self(Decimal::ONE);
}

impl NewCategoryMultiplier {
    /// The multiplier of a category that is not new. Rule B2.
    pub const ONE: Self = Self(Decimal::ONE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_b3_a_multiplier_has_a_range_and_two_decimals() {
        for good in ["0.1", "1", "1.00", "2.55", "10", "10.0"] {
            assert!(good.parse::<Multiplier>().is_ok(), "{good}");
        }
        for bad in ["0", "0.09", "10.01", "1.001", "-1", "1e1", "", "NaN", ".5", "5.", ".", "1.2.3", "１"] {
            assert_eq!(bad.parse::<Multiplier>(), Err(Multiplier::RANGE), "{bad}");
        }
    }
}
