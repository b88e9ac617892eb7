//! How often codes may be asked for. Counted on the machine's clock, so that a set clock opens no door.
//!
//! Why it is right: a window opens with its first hit and counts in one `INSERT … ON CONFLICT DO UPDATE … WHERE` per
//! window, so concurrent requests cannot both take the last place. All windows of a request are taken in one transaction:
//! a request that is refused by one leaves the others untouched. Subjects and windows are taken in a fixed order (address
//! first, then phone; short windows first), so two requests cannot wait for each other.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use crate::error::VaultError;
use crate::index::BlindIndex;

/// A limit: so many within so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Length, in seconds.
    pub seconds: i32,
    /// Most hits.
    pub hits_max: i32,
}

/// The limits of sending codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendLimits {
    /// For one phone.
    pub per_phone: Vec<Window>,
    /// For one network address; empty in the `dev` profile.
    pub per_address: Vec<Window>,
}

impl SendLimits {
    /// 1 per 60 s, 5 per hour and 10 per day for a phone; 30 per hour for an address.
    pub fn standard() -> Self {
        let window = |seconds, hits_max| Window { seconds, hits_max };
        Self {
            per_phone: vec![window(60, 1), window(3_600, 5), window(86_400, 10)],
            per_address: vec![window(3_600, 30)],
        }
    }

    /// As [`SendLimits::standard`], without the limits per address (the `dev` profile).
    pub fn without_addresses() -> Self {
        Self { per_address: Vec::new(), ..Self::standard() }
    }
}

/// Takes one place in every window, or none: the caller rolls back on error.
pub(super) async fn take(
    connection: &mut PgConnection,
    limits: &SendLimits,
    phone: &BlindIndex,
    address: Option<&BlindIndex>,
    machine_now: DateTime<Utc>,
) -> Result<(), VaultError> {
    if let Some(address) = address {
        for window in &limits.per_address {
            take_one(connection, address, *window, machine_now).await?;
        }
    }
    for window in &limits.per_phone {
        take_one(connection, phone, *window, machine_now).await?;
    }
    Ok(())
}

pub(super) async fn take_one(
    connection: &mut PgConnection,
    subject: &BlindIndex,
    window: Window,
    now: DateTime<Utc>,
) -> Result<(), VaultError> {
    let closes_before = now - TimeDelta::seconds(window.seconds.into());
    let taken = sqlx::query_scalar!(
        "INSERT INTO auth.send_windows AS old (subject, window_seconds, opened_at, used) VALUES ($1, $2, $3, 1)
         ON CONFLICT (subject, window_seconds) DO UPDATE
         SET opened_at = CASE WHEN old.opened_at <= $4 THEN $3 ELSE old.opened_at END,
             used = CASE WHEN old.opened_at <= $4 THEN 1 ELSE old.used + 1 END
         WHERE old.opened_at <= $4 OR old.used < $5
         RETURNING used",
        subject.as_bytes(),
        window.seconds,
        now,
        closes_before,
        window.hits_max,
    )
    .fetch_optional(&mut *connection)
    .await?;
    if taken.is_some() {
        return Ok(());
    }
    let opened_at = sqlx::query_scalar!(
        "SELECT opened_at FROM auth.send_windows WHERE subject = $1 AND window_seconds = $2",
        subject.as_bytes(),
        window.seconds,
    )
    .fetch_one(connection)
    .await?;
    let opens = opened_at + TimeDelta::seconds(window.seconds.into());
    Err(VaultError::SendLimit { retry_after_s: whole_seconds(opens - now) })
}

/// Seconds to wait, rounded up, at least one.
pub(super) fn whole_seconds(wait: TimeDelta) -> u64 {
    let rounded_up = wait.num_milliseconds().saturating_add(999).div_euclid(1_000);
    u64::try_from(rounded_up).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_whole_seconds_rounded_up_and_never_zero() {
        for (ms, seconds) in [(-5_000, 1), (0, 1), (1, 1), (1_000, 1), (1_001, 2), (60_000, 60)] {
            assert_eq!(whole_seconds(TimeDelta::milliseconds(ms)), seconds, "{ms} ms");
        }
    }
}
