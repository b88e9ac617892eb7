//! A checksum of rows that ClickHouse can work out too, and that does not depend on their order.
//!
//! Per row a hash of its key and amounts; per stretch the wrapping sum over its distinct rows. It tells a row that is
//! missing, foreign or changed; it is no defence against somebody who means harm (the log's leaf hashes are).

/// How many rows, and what they hash to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Checksum {
    /// How many rows.
    pub(super) rows: u64,
    /// Wrapping sum of the rows' hashes.
    pub(super) sum: u64,
}

impl Checksum {
    /// Of both sets of rows together, which share none.
    #[must_use]
    pub(super) const fn and(self, other: Self) -> Self {
        Self { rows: self.rows.saturating_add(other.rows), sum: self.sum.wrapping_add(other.sum) }
    }
}

impl FromIterator<u64> for Checksum {
    fn from_iter<I: IntoIterator<Item = u64>>(hashes: I) -> Self {
        let one = |sum| Self { rows: 1, sum };
        hashes.into_iter().map(one).fold(Self::default(), Self::and)
    }
}

/// The tables that are audited, each with the numbers of a row that are hashed after its position, in ClickHouse's words. What
/// is kept of a stretch has this order.
pub(super) const AUDITED: [(&str, &[&str]); 7] = [
    ("transaction_facts", &["amount * 100", "bonus_accrued * 100"]),
    ("bonus_movements", &["ordinal", "amount * 100"]),
    ("postings", &["line", "amount * 100"]),
    ("bill_changes", &["bill * 100", "refunded * 100"]),
    ("chain_facts", &["discount * 100", "bonuses * 100"]),
    ("account_links", &[]),
    ("chain_triggers", &["step", "held_out"]),
];

/// What identifies the rows of a stretch, table by table as in [`AUDITED`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Checksums(pub(super) [Checksum; AUDITED.len()]);

impl Checksums {
    /// Of both sets of rows together, which share none.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        let mut sum = self;
        sum.0.iter_mut().zip(other.0).for_each(|(one, more)| *one = one.and(more));
        sum
    }
}

/// The hash of a row by its position and its numbers.
pub(super) fn hash_of(position: i64, numbers: &[i64]) -> u64 {
    let next = |hash: u64, number: &i64| mix(hash.wrapping_add(number.cast_unsigned()));
    numbers.iter().fold(mix(position.cast_unsigned()), next)
}

/// [`hash_of`] in ClickHouse's words.
pub(super) fn hash_in_words(numbers: &[&str]) -> String {
    let next = |hash: String, number: &&str| format!("intHash64({hash} + toUInt64(toInt64({number})))");
    numbers.iter().fold("intHash64(toUInt64(position))".to_owned(), next)
}

/// ClickHouse's `intHash64`: the finaliser of MurmurHash3 behind a fixed mask.
const fn mix(value: u64) -> u64 {
    let mut value = value ^ 0x4CF2_D2BA_AE6D_A887;
    value ^= value >> 33;
    value = value.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    value ^= value >> 33;
    value = value.wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    value ^ (value >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_clickhouses_own() {
        // SELECT intHash64(toUInt64(1)), intHash64(toUInt64(12345)) on ClickHouse 25.8.
        assert_eq!(mix(1), 10_577_349_846_663_553_072);
        assert_eq!(mix(12_345), 16_722_121_143_744_093_920);
    }

    #[test]
    fn a_checksum_tells_a_missing_a_changed_and_a_moved_row() {
        let sum = |rows: &[(i64, [i64; 2])]| -> Checksum {
            rows.iter().map(|(position, numbers)| hash_of(*position, numbers)).collect()
        };
        let whole = sum(&[(1, [500, 25]), (3, [700, 35])]);
        for other in [
            sum(&[(1, [500, 25])]),
            sum(&[(1, [500, 25]), (3, [701, 35])]),
            sum(&[(1, [500, 25]), (4, [700, 35])]),
            sum(&[(1, [500, 26]), (3, [700, 34])]),
            sum(&[(1, [500, 25]), (3, [35, 700])]),
        ] {
            assert_ne!(whole, other);
        }
        assert_ne!(hash_of(5, &[0, 100]), hash_of(5, &[0, -100]));
    }

    #[test]
    fn the_hash_in_words_says_what_the_hash_does() {
        assert_eq!(
            hash_in_words(&["line", "amount * 100"]),
            "intHash64(intHash64(intHash64(toUInt64(position)) + toUInt64(toInt64(line))) \
             + toUInt64(toInt64(amount * 100)))"
        );
    }
}
