//! What a process does beside requests: new signing keys, old codes and tokens, registrations that a crash cut in half.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use ledger_ops::clock::Clock;
use ledger_ops::settings::Profile;
use ledger_store::log;
use pii_vault::access::{Access, Accessor, Purpose};
use pii_vault::{Vault, VaultError};
use sqlx::PgPool;

use crate::auth::{TokenKeys, Tokens};

/// How often signing keys are read again.
const KEYS_EVERY: Duration = Duration::from_secs(30);
/// After how many rounds of that the rest is done: every hour.
const ROUNDS: u32 = 120;
/// Registrations looked at in one round.
const PENDING_MAX: u32 = 1_000;

/// What housekeeping needs.
pub(crate) struct House {
    /// Which installation this is.
    pub(crate) profile: Profile,
    /// Personal data and credentials.
    pub(crate) vault: Vault,
    /// Members' tokens.
    pub(crate) tokens: Arc<Tokens>,
    /// The installation's clock.
    pub(crate) clock: Clock,
    /// The log.
    pub(crate) log_pool: PgPool,
}

/// Keeps house for ever. What fails is done in the next round.
pub(crate) async fn run(house: House) {
    let mut round = 0_u32;
    loop {
        tokio::time::sleep(KEYS_EVERY).await;
        round = round.wrapping_add(1);
        if let Ok(keys) = house.vault.signing_keys().list().await {
            match TokenKeys::new(&keys) {
                Ok(keys) => house.tokens.replace(keys),
                Err(_) => tracing::error!("the vault's signing keys cannot be used"),
            }
        }
        if round.is_multiple_of(ROUNDS) {
            if let Err(error) = forget(&house).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "old credentials were not removed");
            }
            if let Err(error) = finish_registrations(&house).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "registrations were not looked after"
                );
            }
        }
    }
}

async fn forget(house: &House) -> Result<(), VaultError> {
    let day_ago = house.clock.now().to_utc() - TimeDelta::days(1);
    let machine_days_ago = Clock::machine_now().to_utc() - TimeDelta::days(2);
    house.vault.codes().purge(day_ago, machine_days_ago).await?;
    house.vault.refresh_tokens().purge(day_ago).await?;
    house.vault.qr_claims().purge(day_ago).await?;
    Ok(())
}

/// The log decides: who is registered there is confirmed; who is not after a day never will be. In the `dev` profile the
/// clock jumps, so a registration under way may look a day old: nobody is removed.
async fn finish_registrations(house: &House) -> Result<(), VaultError> {
    let now = house.clock.now().to_utc();
    let members = house.vault.members();
    let access = Access { by: Accessor::System, purpose: Purpose::Recovery, request_id: None, at: now };
    let day_ago = now - TimeDelta::days(1);
    for member in members.pending_since(day_ago, PENDING_MAX).await? {
        let Ok(rows) = log::read_stream(&house.log_pool, member.as_uuid(), 0).await else { continue };
        if !rows.is_empty() {
            members.confirm(member, now).await?;
        } else if house.profile == Profile::Production {
            members.discard(member, day_ago, &access).await?;
        }
    }
    members.forget_registrations(day_ago).await
}
