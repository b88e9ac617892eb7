//! Who was forgotten lately: their access tokens are not good any more, though they are signed and in time.
//!
//! Why it is right: this process adds them itself when a plan begins; what another process began is read every [`POLL`], as
//! API keys are. Tokens live minutes, so those of a day suffice.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::TimeDelta;
use ledger_core::ids::MemberId;
use ledger_ops::clock::Clock;
use pii_vault::{Vault, VaultError};
use uuid::Uuid;

/// How often the vault is asked.
const POLL: Duration = Duration::from_millis(300);

/// Their ids.
#[derive(Default)]
pub(crate) struct Gone {
    ids: RwLock<HashSet<Uuid>>,
}

impl Gone {
    /// Whether a member is one of them.
    pub(crate) fn has(&self, id: Uuid) -> bool {
        self.ids.read().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    pub(crate) fn add(&self, members: &[MemberId]) {
        let mut ids = self.ids.write().unwrap_or_else(PoisonError::into_inner);
        ids.extend(members.iter().map(MemberId::as_uuid));
    }

    pub(crate) fn remove(&self, members: &[MemberId]) {
        let mut ids = self.ids.write().unwrap_or_else(PoisonError::into_inner);
        for member in members {
            ids.remove(&member.as_uuid());
        }
    }

    /// Reads whom the vault has.
    pub(crate) async fn read(&self, vault: &Vault, clock: &Clock) -> Result<(), VaultError> {
        let gone = vault.erasures().gone_since(clock.now().to_utc() - TimeDelta::days(1)).await?;
        self.add(&gone);
        Ok(())
    }

    /// Follows the vault for ever. While it is away, those known last are.
    pub(crate) async fn follow(self: Arc<Self>, vault: Vault, clock: Clock) {
        loop {
            tokio::time::sleep(POLL).await;
            // The next turn asks again.
            let _away = self.read(&vault, &clock).await.is_err();
        }
    }
}
