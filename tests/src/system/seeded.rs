//! Random choices that a seed repeats: SplitMix64.

use std::sync::atomic::{AtomicU64, Ordering};

/// A sequence of choices. `OWN_CIRCLE_SEED` replaces every test's own seed.
#[derive(Debug)]
pub struct Seeded(AtomicU64);

impl Seeded {
    /// The sequence of `seed`; it is printed, so that a failure can be repeated.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "a failing test shows its seed")]
    pub fn new(what: &str, seed: u64) -> Self {
        let seed = std::env::var("OWN_CIRCLE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(seed);
        eprintln!("{what}: seed {seed}");
        Self(AtomicU64::new(seed))
    }

    /// The next 64 bits.
    pub fn next(&self) -> u64 {
        let state =
            self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which must not be 0.
    pub fn below(&self, end: u64) -> u64 {
        self.next() % end
    }

    /// A place in a list of `length` items.
    pub fn place(&self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// One of `items`.
    pub fn pick<'a, T>(&self, items: &'a [T]) -> &'a T {
        &items[self.place(items.len())]
    }
}
