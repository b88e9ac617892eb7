//! Ratios of whole numbers, rounded once to four decimals: rates, indices, returns. No float anywhere.

use std::fmt;

use serde::{Serialize, Serializer};

/// Ten thousandths.
const UNIT: i128 = 10_000;

/// A ratio in ten thousandths, on the wire a text with four decimals (`"0.3333"`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ratio(i128);

impl Ratio {
    /// Nothing.
    pub(crate) const ZERO: Self = Self(0);

    /// `part` ÷ `whole`, rounded half away from zero; `None` without a whole above zero, and for what does not fit.
    #[must_use]
    pub(crate) fn of(part: impl Into<i128>, whole: impl Into<i128>) -> Option<Self> {
        rounded(part.into().checked_mul(UNIT)?, whole.into()).map(Self)
    }

    /// The harmonic mean of two ratios, each a part and its whole; nothing when one of them is. Rule X8.
    #[must_use]
    pub(crate) fn harmonic_mean(one: (u64, u64), other: (u64, u64)) -> Self {
        let [(part, whole), (other_part, other_whole)] =
            [one, other].map(|(part, whole)| (i128::from(part), i128::from(whole)));
        // 2·(a/b)·(c/d) ÷ (a/b + c/d) = 2·a·c ÷ (a·d + c·b)
        let mean = || {
            let above = part.checked_mul(other_part)?.checked_mul(2)?;
            let below = part.checked_mul(other_whole)?.checked_add(other_part.checked_mul(whole)?)?;
            Self::of(above, below)
        };
        mean().unwrap_or(Self::ZERO)
    }
}

/// `part` ÷ `whole` as a whole number, rounded half away from zero; `None` without a whole above zero.
pub(crate) fn rounded(part: i128, whole: i128) -> Option<i128> {
    if whole <= 0 {
        return None;
    }
    let size = part.checked_abs()?.checked_mul(2)?.checked_add(whole)?.checked_div(whole.checked_mul(2)?)?;
    size.checked_mul(part.signum())
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, size) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let unit = UNIT.unsigned_abs();
        write!(f, "{sign}{}.{:04}", size / unit, size % unit)
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(ratio: Option<Ratio>) -> String {
        ratio.map_or_else(|| "none".to_owned(), |ratio| ratio.to_string())
    }

    #[test]
    fn a_ratio_is_rounded_once_half_away_from_zero() {
        for (part, whole, expected) in [
            (1, 3, "0.3333"),
            (2, 3, "0.6667"),
            (1, 20_000, "0.0001"),
            (-1, 20_000, "-0.0001"),
            (7, 2, "3.5000"),
        ] {
            assert_eq!(text(Ratio::of(part, whole)), expected, "{part}/{whole}");
        }
        assert_eq!(text(Ratio::of(-1, 3)), "-0.3333");
        assert_eq!(text(Ratio::of(1, 0)), "none");
        assert_eq!(text(Ratio::of(i128::MAX, 1)), "none");
    }

    #[test]
    fn rule_x8_the_harmonic_mean_is_nothing_when_one_side_is() {
        assert_eq!(Ratio::harmonic_mean((0, 10), (5, 10)), Ratio::ZERO);
        assert_eq!(Ratio::harmonic_mean((0, 0), (0, 0)), Ratio::ZERO);
        // 2 · 0.5 · 0.25 ÷ 0.75 = 0.3333…
        assert_eq!(Ratio::harmonic_mean((5, 10), (5, 20)).to_string(), "0.3333");
        assert_eq!(Ratio::harmonic_mean((4, 4), (9, 9)).to_string(), "1.0000");
    }
}
