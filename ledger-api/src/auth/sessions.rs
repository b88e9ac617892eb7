//! Sign-ins that were ended, in memory: an access token of one is good for nothing.
//!
//! Why it is right: a token lives for a quarter of an hour, so those ended within that time are all that count. Every process asks
//! the vault for them every [`POLL`]; whoever ends one asks at once. While the vault is away those known last stay refused, and
//! no token outlives its own time anyway.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ledger_ops::clock::Clock;
use pii_vault::{Vault, VaultError};
use tokio::sync::Mutex;
use uuid::Uuid;

/// How often the vault is asked.
const POLL: Duration = Duration::from_millis(300);
/// How much longer than a token's life an end is remembered: two machines' clocks may differ.
const SLACK_SECONDS: i64 = 60;

/// The sign-ins that were ended of late.
pub(crate) struct EndedSessions {
    ended: RwLock<Arc<HashSet<Uuid>>>,
    /// One read at a time: an older answer never takes the place of a newer one.
    reads: Mutex<()>,
    seconds: i64,
}

impl EndedSessions {
    /// None yet; access tokens live for so many seconds.
    pub(crate) fn new(access_seconds: i64) -> Self {
        Self {
            ended: RwLock::default(),
            reads: Mutex::default(),
            seconds: access_seconds.saturating_add(SLACK_SECONDS),
        }
    }

    /// Whether this one was ended.
    pub(crate) fn has(&self, session: Uuid) -> bool {
        self.ended.read().unwrap_or_else(PoisonError::into_inner).contains(&session)
    }

    /// Asks the vault again.
    pub(crate) async fn reload(&self, vault: &Vault, now: DateTime<Utc>) -> Result<(), VaultError> {
        let _alone = self.reads.lock().await;
        let since = now - TimeDelta::seconds(self.seconds);
        let ended = vault.refresh_tokens().ended_since(since).await?;
        *self.ended.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ended.into_iter().collect());
        Ok(())
    }

    /// Asks again after a change that stands already. What cannot be asked now is asked within [`POLL`]: the change is no failure.
    pub(crate) async fn look(&self, vault: &Vault, now: DateTime<Utc>) {
        if let Err(error) = self.reload(vault, now).await {
            tracing::warn!(%error, "the sign-ins that were ended are not known yet");
        }
    }

    /// Asks for ever.
    pub(crate) async fn follow(self: Arc<Self>, vault: Vault, clock: Clock) {
        loop {
            // What cannot be asked now is asked in the next round.
            let _known = self.reload(&vault, clock.now().to_utc()).await;
            tokio::time::sleep(POLL).await;
        }
    }
}
