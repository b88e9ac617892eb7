//! All live API keys, by hash, in memory.
//!
//! Why it is right: the vault's version grows in the transaction of every change; this ring asks for it every
//! [`POLL`] and reads the keys again when it moved, so another process's revocation counts here within a second. While
//! the vault is away the keys known last stay good: purchases do not stop for it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use pii_vault::auth::{ApiKeyRole, ApiKeys, TokenHash, hash_of_key};
use pii_vault::{Vault, VaultError};
use tokio::sync::Mutex;

use super::{Caller, Role, Scopes};

/// How often the version is asked for.
const POLL: Duration = Duration::from_millis(300);

type Known = HashMap<TokenHash, Caller>;

/// The live keys.
pub(crate) struct KeyRing {
    known: RwLock<Arc<Known>>,
    /// One read at a time: an older answer never takes the place of a newer one.
    reads: Mutex<()>,
}

impl KeyRing {
    /// A ring that knows nobody yet.
    pub(crate) fn new() -> Self {
        Self { known: RwLock::default(), reads: Mutex::default() }
    }

    /// Whose key this is.
    pub(crate) fn caller(&self, key: &str) -> Option<Caller> {
        let known = Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner));
        known.get(&hash_of_key(key)).copied()
    }

    /// Reads all keys again; the version they are at least of.
    pub(crate) async fn reload(&self, keys: &ApiKeys) -> Result<i64, VaultError> {
        let _alone = self.reads.lock().await;
        let (version, records) = keys.active().await?;
        let known = records.into_iter().map(|record| {
            let role = match record.role {
                ApiKeyRole::Business(_) => Role::Business,
                ApiKeyRole::Auditor => Role::Auditor,
                ApiKeyRole::Admin => Role::Admin,
                ApiKeyRole::Superadmin => Role::Superadmin,
            };
            let scopes = record
                .scopes
                .as_ref()
                .map_or(Scopes::ALL, |names| Scopes::named(names.iter().map(String::as_str)));
            let business = record.role.business();
            (record.hash, Caller { role, credential: record.key_id, business, session: None, scopes })
        });
        self.replace(known.collect());
        Ok(version)
    }

    fn replace(&self, known: Known) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
    }

    /// Follows the vault's changes for ever.
    pub(crate) async fn follow(self: Arc<Self>, vault: Vault) {
        let mut seen = None;
        loop {
            let version = vault.api_keys().version().await.ok();
            if version.is_some() && version != seen {
                seen = self.reload(vault.api_keys()).await.ok();
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Makes the ring know one more key: for tests without a vault.
    #[cfg(test)]
    pub(crate) fn with(self, key: &str, caller: Caller) -> Self {
        let mut known = Known::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner));
        known.insert(hash_of_key(key), caller);
        self.replace(known);
        self
    }
}
