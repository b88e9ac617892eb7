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

/// What identifies the rows of a stretch, table by table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Checksums {
    /// Purchases.
    pub(super) facts: Checksum,
    /// Movements of bonuses.
    pub(super) movements: Checksum,
    /// Postings.
    pub(super) postings: Checksum,
}

impl Checksums {
    /// Of both sets of rows together, which share none.
    #[must_use]
    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            facts: self.facts.and(other.facts),
            movements: self.movements.and(other.movements),
            postings: self.postings.and(other.postings),
        }
    }

    /// One after the other.
    #[must_use]
    pub(super) const fn each(self) -> [Checksum; 3] {
        [self.facts, self.movements, self.postings]
    }
}

/// The hash of a fact, as [`FACT_HASH`] says it.
pub(super) fn of_fact(position: i64, amount_kopecks: i64, bonus_kopecks: i64) -> u64 {
    let key = mix(position.cast_unsigned());
    mix(mix(key.wrapping_add(amount_kopecks.cast_unsigned())).wrapping_add(bonus_kopecks.cast_unsigned()))
}

/// The hash of a movement, as [`MOVEMENT_HASH`] says it.
pub(super) fn of_movement(position: i64, ordinal: u32, amount_kopecks: i64) -> u64 {
    let key = mix(mix(position.cast_unsigned()).wrapping_add(u64::from(ordinal)));
    mix(key.wrapping_add(amount_kopecks.cast_unsigned()))
}

/// The hash of a posting, as [`POSTING_HASH`] says it.
pub(super) fn of_posting(position: i64, line: u32, amount_kopecks: i64) -> u64 {
    of_movement(position, line, amount_kopecks)
}

/// [`of_fact`] in ClickHouse's words.
pub(super) const FACT_HASH: &str = "intHash64(intHash64(intHash64(toUInt64(position)) \
     + toUInt64(toInt64(amount * 100))) + toUInt64(toInt64(bonus_accrued * 100)))";

/// [`of_movement`] in ClickHouse's words.
pub(super) const MOVEMENT_HASH: &str =
    "intHash64(intHash64(intHash64(toUInt64(position)) + ordinal) + toUInt64(toInt64(amount * 100)))";

/// [`of_posting`] in ClickHouse's words.
pub(super) const POSTING_HASH: &str =
    "intHash64(intHash64(intHash64(toUInt64(position)) + line) + toUInt64(toInt64(amount * 100)))";

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
        let whole: Checksum = [of_fact(1, 500, 25), of_fact(3, 700, 35)].into_iter().collect();
        for other in [
            vec![of_fact(1, 500, 25)],
            vec![of_fact(1, 500, 25), of_fact(3, 701, 35)],
            vec![of_fact(1, 500, 25), of_fact(4, 700, 35)],
            vec![of_fact(1, 500, 26), of_fact(3, 700, 34)],
        ] {
            assert_ne!(whole, other.into_iter().collect());
        }
        assert_ne!(of_movement(5, 0, 100), of_movement(5, 1, 100));
        assert_ne!(of_posting(5, 0, 100), of_posting(5, 0, -100));
    }
}
