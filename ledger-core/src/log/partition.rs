//! Which partition of the topic a stream belongs to: one stable function for the relay, projectors and readers.
//!
//! It never changes: a checkpoint and a topic made by one version are read by the next.

use uuid::Uuid;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// The partition, from 0, of the stream `stream_id` among `partitions`: the upper half of FNV-1a (64 bits) over the 16
/// bytes of the id, modulo the number of partitions. All events of a stream share one partition, so their order is kept.
///
/// A number of partitions below 1 counts as 1.
#[must_use]
pub fn partition_of(stream_id: Uuid, partitions: i32) -> i32 {
    let hash = stream_id
        .as_bytes()
        .iter()
        .fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME));
    let partitions = u64::try_from(partitions.max(1)).unwrap_or(1);
    let partition = (hash >> 32_u32).checked_rem(partitions).unwrap_or(0);
    i32::try_from(partition).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_half_of_fnv_1a_chooses() {
        // Worked out by an independent implementation; a change here would orphan every topic there is.
        for (id, expected) in [
            ("00000000-0000-0000-0000-000000000000", 9),
            ("6f776e63-6972-636c-8000-706f6c696379", 7),
            ("f47ac10b-58cc-4372-a567-0e02b2c3d479", 3),
            ("018f3b6e-7c1a-7def-8000-0123456789ab", 8),
        ] {
            assert_eq!(partition_of(id.parse().expect("a UUID"), 12), expected, "{id}");
        }
    }

    #[test]
    fn streams_spread_over_all_partitions() {
        let mut counts = [0_u32; 12];
        for number in 0..12_000_u128 {
            let id = Uuid::new_v5(&Uuid::nil(), &number.to_be_bytes());
            let index = usize::try_from(partition_of(id, 12)).expect("not negative");
            counts[index] = counts[index].saturating_add(1);
        }
        assert!(counts.iter().all(|count| (850..=1_150).contains(count)), "{counts:?}");
    }
}
