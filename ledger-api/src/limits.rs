//! Limits per network address on calls that need no credential. On the machine's clock; off in the `dev` profile.
//!
//! Limits per phone and per code live in the vault, where they hold across processes.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use ledger_ops::settings::Profile;

use crate::problem::ApiError;

/// Calls a minute from one address.
const PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("not zero");
/// Addresses remembered before those that are idle are forgotten.
const REMEMBERED_MAX: usize = 100_000;

/// The limits.
pub(crate) struct AddressLimits {
    limiter: Option<DefaultKeyedRateLimiter<IpAddr>>,
    clock: DefaultClock,
}

impl AddressLimits {
    /// As the profile has them.
    pub(crate) fn new(profile: Profile) -> Self {
        let limiter =
            (profile == Profile::Production).then(|| RateLimiter::keyed(Quota::per_minute(PER_MINUTE)));
        Self { limiter, clock: DefaultClock::default() }
    }

    /// Counts one call.
    pub(crate) fn take(&self, address: Option<IpAddr>) -> Result<(), ApiError> {
        let (Some(limiter), Some(address)) = (&self.limiter, address) else { return Ok(()) };
        if limiter.len() > REMEMBERED_MAX {
            limiter.retain_recent();
        }
        limiter.check_key(&address).map_err(|refused| {
            ApiError::RateLimited(refused.wait_time_from(self.clock.now()).as_secs().saturating_add(1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_limited_in_production_alone() {
        let address = Some(IpAddr::from([10, 0, 0, 1]));
        let limits = AddressLimits::new(Profile::Production);
        let answers: Vec<_> = (0..61).map(|_| limits.take(address)).collect();
        assert!(answers.iter().take(60).all(Result::is_ok));
        assert!(matches!(answers.last(), Some(Err(ApiError::RateLimited(seconds))) if *seconds >= 1));
        assert!(limits.take(Some(IpAddr::from([10, 0, 0, 2]))).is_ok());
        let dev = AddressLimits::new(Profile::Dev);
        assert!((0..100).all(|_| dev.take(address).is_ok()));
    }
}
