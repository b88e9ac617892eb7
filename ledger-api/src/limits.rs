//! Limits per network address on calls that need no credential, per credential on all others, and per business on questions about
//! audiences (decision 16). Of one process, on the machine's clock; off in the `dev` profile.
//!
//! Limits per phone and per code live in the vault, where they hold across processes.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use ledger_core::ids::BusinessId;
use ledger_ops::settings::Profile;
use pii_vault::auth::SecurityKind;
use uuid::Uuid;

use crate::problem::ApiError;

/// Calls a minute from one address.
const PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("not zero");
/// Refusals of one kind by one credential that are written down in a minute.
const ENTRIES_PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("not zero");
/// Questions of one business about audiences in an hour.
const AUDIENCES_PER_HOUR: NonZeroU32 = NonZeroU32::new(30).expect("not zero");
/// Who is remembered before those that are idle are forgotten.
const REMEMBERED_MAX: usize = 100_000;

/// Limits by whatever is counted.
pub(crate) struct Limits<K: Clone + Eq + Hash> {
    limiter: Option<DefaultKeyedRateLimiter<K>>,
    clock: DefaultClock,
}

/// Limits per network address.
pub(crate) type AddressLimits = Limits<IpAddr>;
/// Limits per credential.
pub(crate) type CredentialLimits = Limits<Uuid>;
/// Limits per business.
pub(crate) type AudienceLimits = Limits<BusinessId>;

/// Limits per credential and kind of refusal.
pub(crate) type EntryLimits = Limits<(Uuid, SecurityKind)>;

impl EntryLimits {
    /// The same in every profile: they protect a log, and not a service from its tests.
    pub(crate) fn new() -> Self {
        Self::of(Profile::Production, Quota::per_minute(ENTRIES_PER_MINUTE))
    }
}

impl AddressLimits {
    /// As the profile has them.
    pub(crate) fn new(profile: Profile) -> Self {
        Self::of(profile, Quota::per_minute(PER_MINUTE))
    }
}

impl CredentialLimits {
    /// As the profile has them.
    pub(crate) fn new(profile: Profile, per_second: NonZeroU32) -> Self {
        Self::of(profile, Quota::per_second(per_second))
    }
}

impl AudienceLimits {
    /// As the profile has them.
    pub(crate) fn new(profile: Profile) -> Self {
        Self::of(profile, Quota::per_hour(AUDIENCES_PER_HOUR))
    }
}

impl<K: Clone + Eq + Hash> Limits<K> {
    fn of(profile: Profile, quota: Quota) -> Self {
        let limiter = (profile == Profile::Production).then(|| RateLimiter::keyed(quota));
        Self { limiter, clock: DefaultClock::default() }
    }

    /// Counts one call; one of nobody does not count.
    pub(crate) fn take(&self, whose: Option<K>) -> Result<(), ApiError> {
        let (Some(limiter), Some(whose)) = (&self.limiter, whose) else { return Ok(()) };
        if limiter.len() > REMEMBERED_MAX {
            limiter.retain_recent();
        }
        limiter.check_key(&whose).map_err(|refused| {
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

    #[test]
    fn a_credential_is_limited_by_itself() {
        let one = Some(Uuid::from_u128(1));
        let limits =
            CredentialLimits::new(Profile::Production, const { NonZeroU32::new(3).expect("not zero") });
        let answers: Vec<_> = (0..4).map(|_| limits.take(one)).collect();
        assert!(answers.iter().take(3).all(Result::is_ok));
        assert!(matches!(answers.last(), Some(Err(ApiError::RateLimited(seconds))) if *seconds >= 1));
        assert!(limits.take(Some(Uuid::from_u128(2))).is_ok());
    }

    #[test]
    fn a_business_asks_about_so_many_audiences_in_an_hour() {
        let business = |number| Some(BusinessId::from_uuid(uuid::Uuid::from_u128(number)));
        let limits = AudienceLimits::new(Profile::Production);
        let answers: Vec<_> = (0..31).map(|_| limits.take(business(1))).collect();
        assert!(answers.iter().take(30).all(Result::is_ok));
        assert!(matches!(answers.last(), Some(Err(ApiError::RateLimited(seconds))) if *seconds >= 1));
        assert!(limits.take(business(2)).is_ok());
        assert!((0..100).all(|_| limits.take(None).is_ok()), "an admin asks as often as she likes");
    }
}
