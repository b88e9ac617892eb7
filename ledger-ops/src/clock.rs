//! The installation's clock: the machine's, or in the `dev` profile one that stands still where it was set.
//!
//! A [`Clock`] is a cheap handle; all its clones tell the same time. Rate limits keep the machine's clock
//! ([`Clock::machine_now`]), everything else the installation's ([`Clock::now`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::Utc;
use ledger_core::time::Timestamp;

/// Means: the machine's time.
const RUNS: i64 = i64::MIN;

/// A handle on the installation's clock.
#[derive(Debug, Clone)]
pub struct Clock {
    stands_at: Arc<AtomicI64>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { stands_at: Arc::new(AtomicI64::new(RUNS)) }
    }
}

impl Clock {
    /// The installation's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self.stands_at.load(Ordering::Acquire) {
            RUNS => Self::machine_now(),
            micros => Timestamp::from_micros(micros).unwrap_or_else(Self::machine_now),
        }
    }

    /// The machine's time, whatever the installation's clock says.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the edge at which time enters")]
    pub fn machine_now() -> Timestamp {
        Timestamp::new(Utc::now())
    }

    /// Stands the clock still at `at`; `None` lets it run again. `dev` profile only.
    pub fn set(&self, at: Option<Timestamp>) {
        self.stands_at.store(at.map_or(RUNS, Timestamp::micros), Ordering::Release);
    }

    /// Where the clock stands; `None` while it runs.
    #[must_use]
    pub fn stands_at(&self) -> Option<Timestamp> {
        match self.stands_at.load(Ordering::Acquire) {
            RUNS => None,
            micros => Timestamp::from_micros(micros),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_stands_still_for_all_its_handles() {
        let clock = Clock::default();
        let other = clock.clone();
        assert_eq!(other.stands_at(), None);
        let at: Timestamp = "2026-03-02T10:00:00Z".parse().expect("a time");
        clock.set(Some(at));
        assert_eq!((other.now(), other.stands_at()), (at, Some(at)));
        clock.set(None);
        assert!(other.now() > at);
    }
}
