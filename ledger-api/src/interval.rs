//! How far a difference between two shares may be by chance: a 95 % confidence interval, in whole numbers.
//!
//! R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven methods",
//! Statistics in Medicine 17 (1998), 873–890, method 10: Wilson's score intervals (l, u) of both shares p, put together as
//! d − √((p₁ − l₁)² + (u₂ − p₂)²) and d + √((u₁ − p₁)² + (p₂ − l₂)²), d = p₁ − p₂. It stays within −1 and 1, and holds for small
//! groups and for shares of 0 and 1. The tests have the examples of the paper's table II.
//!
//! Bounds: groups of up to [`GROUP_MAX`], so that nothing overflows; roots are rounded down at nine decimals.

use crate::ratio::Ratio;

/// The largest group.
const GROUP_MAX: u64 = 1_000_000_000;
/// Nine decimals.
const UNIT: u128 = 1_000_000_000;
/// z² for 95 %, z = 1.959964, with nine decimals.
const Z_SQUARED: u128 = 3_841_458_821;

/// Wilson's score interval of a share, with the share between.
struct Share {
    low: u128,
    value: u128,
    high: u128,
}

impl Share {
    /// (2x + z² ± z·√(z² + 4x(n − x)/n)) ÷ 2(n + z²) for x of n; `None` for no share, or of too large a group.
    fn of((part, whole): (u64, u64)) -> Option<Self> {
        if whole == 0 || whole > GROUP_MAX || part > whole {
            return None;
        }
        let (x, n) = (u128::from(part), u128::from(whole));
        let rest = n.checked_sub(x)?;
        // With z under the root its square has 18 decimals: at most 4 · 3.9e9 · 2.5e17 · 1e9.
        let root = (Z_SQUARED * Z_SQUARED + 4 * Z_SQUARED * x * rest * UNIT / n).isqrt();
        let (middle, below) = (2 * x * UNIT + Z_SQUARED, 2 * (n * UNIT + Z_SQUARED));
        Some(Self {
            low: middle.saturating_sub(root) * UNIT / below,
            value: x * UNIT / n,
            high: ((middle + root) * UNIT / below).min(UNIT),
        })
    }
}

/// The interval for the difference of two shares, each a part and its whole; `None` without one of them.
#[must_use]
pub(crate) fn of_difference(one: (u64, u64), other: (u64, u64)) -> Option<(Ratio, Ratio)> {
    let (one, other) = (Share::of(one)?, Share::of(other)?);
    let signed = |value: u128| i128::try_from(value).ok();
    let difference = signed(one.value)? - signed(other.value)?;
    let away = |a: u128, b: u128| signed((a * a + b * b).isqrt());
    let down = away(one.value.saturating_sub(one.low), other.high.saturating_sub(other.value))?;
    let up = away(one.high.saturating_sub(one.value), other.value.saturating_sub(other.low))?;
    let unit = signed(UNIT)?;
    let shown = |value: i128| Ratio::of(value.clamp(-unit, unit), unit);
    Some((shown(difference - down)?, shown(difference + up)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(one: (u64, u64), other: (u64, u64)) -> [String; 2] {
        let (low, high) = of_difference(one, other).expect("an interval");
        [low.to_string(), high.to_string()]
    }

    #[test]
    fn the_examples_of_newcombes_table_ii_come_out() {
        for (one, other, expected) in [
            ((56, 70), (48, 80), ["0.0524", "0.3339"]),
            ((9, 10), (3, 10), ["0.1705", "0.8090"]),
            ((6, 7), (2, 7), ["0.0582", "0.8062"]),
            ((5, 56), (0, 29), ["-0.0381", "0.1926"]),
            ((0, 10), (0, 20), ["-0.1611", "0.2775"]),
            ((0, 10), (0, 10), ["-0.2775", "0.2775"]),
            ((10, 10), (0, 20), ["0.6791", "1.0000"]),
            ((10, 10), (0, 10), ["0.6075", "1.0000"]),
        ] {
            assert_eq!(text(one, other), expected, "{one:?} {other:?}");
        }
    }

    #[test]
    fn the_other_way_round_it_is_mirrored() {
        assert_eq!(text((48, 80), (56, 70)), ["-0.3339", "-0.0524"]);
    }

    #[test]
    fn without_a_group_there_is_none_and_the_largest_groups_do_not_overflow() {
        assert_eq!(of_difference((0, 0), (1, 10)), None);
        assert_eq!(of_difference((1, 10), (0, 0)), None);
        assert_eq!(of_difference((11, 10), (1, 10)), None);
        assert_eq!(of_difference((1, GROUP_MAX + 1), (1, 10)), None);
        let half = GROUP_MAX / 2;
        assert_eq!(text((half, GROUP_MAX), (half, GROUP_MAX)), ["0.0000", "0.0000"]);
        assert_eq!(text((GROUP_MAX, GROUP_MAX), (0, GROUP_MAX)), ["1.0000", "1.0000"]);
    }
}
