//! Waiting for something that must come true, with a deadline; never for a length of time.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::{Instant, sleep};

const POLL: Duration = Duration::from_millis(25);

/// Asks `look` until `is_good` of its answer, and gives that answer.
///
/// # Panics
/// With the last answer when `limit` passes first.
pub async fn eventually<T, L, F>(what: &str, limit: Duration, mut look: L, is_good: impl Fn(&T) -> bool) -> T
where
    T: Debug,
    L: FnMut() -> F,
    F: Future<Output = T>,
{
    let deadline = Instant::now() + limit;
    loop {
        let seen = look().await;
        if is_good(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what}: not within {limit:?}; last seen: {seen:?}");
        sleep(POLL).await;
    }
}
