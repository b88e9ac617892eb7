//! Who was forgotten lately: their access tokens are not good any more, though they are signed and in time.
//!
//! Why it is right: this process adds them itself when a plan is written; what another process began is read every [`POLL`],
//! as API keys are. What is read replaces what was: a plan that was taken back lets her in again, in every process. What was
//! added after a look began is kept, since that look may not have seen its plan. Tokens live minutes, so those of a day suffice.

use std::collections::{HashMap, HashSet};
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
    ids: RwLock<Ids>,
}

#[derive(Default)]
struct Ids {
    /// Whom the vault had at the newest look.
    read: HashSet<Uuid>,
    /// Whom this process added, with the number of the look that had begun last.
    own: HashMap<Uuid, u64>,
    /// Looks that have begun.
    begun: u64,
    /// The look that `read` is from.
    newest: u64,
}

impl Gone {
    /// Whether a member is one of them.
    pub(crate) fn has(&self, id: Uuid) -> bool {
        let ids = self.ids.read().unwrap_or_else(PoisonError::into_inner);
        ids.read.contains(&id) || ids.own.contains_key(&id)
    }

    /// Adds those whose plan the vault has.
    pub(crate) fn add(&self, members: &[MemberId]) {
        let mut ids = self.ids.write().unwrap_or_else(PoisonError::into_inner);
        let begun = ids.begun;
        ids.own.extend(members.iter().map(|member| (member.as_uuid(), begun)));
    }

    /// Their plan was taken back: whoever of them no other plan is about comes in again.
    pub(crate) async fn take_back(&self, members: &[MemberId], vault: &Vault, clock: &Clock) {
        {
            let mut ids = self.ids.write().unwrap_or_else(PoisonError::into_inner);
            for member in members {
                ids.own.remove(&member.as_uuid());
            }
        }
        // If the vault is away, the next turn asks again.
        let _away = self.read(vault, clock).await.is_err();
    }

    /// Reads whom the vault has, in place of whom it had.
    pub(crate) async fn read(&self, vault: &Vault, clock: &Clock) -> Result<(), VaultError> {
        let look = {
            let mut ids = self.ids.write().unwrap_or_else(PoisonError::into_inner);
            ids.begun = ids.begun.wrapping_add(1);
            ids.begun
        };
        let gone = vault.erasures().gone_since(clock.now().to_utc() - TimeDelta::days(1)).await?;
        let mut ids = self.ids.write().unwrap_or_else(PoisonError::into_inner);
        if look > ids.newest {
            ids.newest = look;
            ids.read = gone.iter().map(MemberId::as_uuid).collect();
            ids.own.retain(|_, began| *began >= look);
        }
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
