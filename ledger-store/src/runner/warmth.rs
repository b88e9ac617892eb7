//! What the decider keeps warm: the folds of members it met lately, and of all policies, businesses, chains, offers, and accounts
//! that are one.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use ledger_core::context::Registry;
use ledger_core::log::{Event, Position, StreamType};
use lru::LruCache;
use uuid::Uuid;

use super::LedgerOptions;
use crate::error::StoreError;
use crate::log::StoredRow;
use crate::snapshot::Warm;

/// Policies, businesses, chains and offers with how many events their streams hold, and which accounts are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct RegistryFold {
    pub(crate) registry: Arc<Registry>,
    pub(crate) versions: HashMap<Uuid, i32>,
}

impl RegistryFold {
    /// Folds one fact of a business, policy, chain or offer stream, or one about which accounts are one; others are not its own.
    pub(crate) fn fold(&mut self, stream_id: Uuid, version: i32, event: &Event) -> Result<(), StoreError> {
        if let Event::Member(fact) = event {
            if fact.is_about_accounts() {
                Arc::make_mut(&mut self.registry).apply(stream_id, event)?;
            }
            return Ok(());
        }
        Arc::make_mut(&mut self.registry).apply(stream_id, event)?;
        self.versions.insert(stream_id, version);
        Ok(())
    }

    /// Folds a row of the log, as [`RegistryFold::fold`] does.
    pub(crate) fn read(&mut self, StoredRow { row, .. }: &StoredRow) -> Result<(), StoreError> {
        let position = row.position;
        let event = row.event().map_err(|source| StoreError::Unreadable { position, source })?;
        self.fold(row.stream_id, row.stream_version, &event)
    }

    /// How many events the stream holds.
    pub(crate) fn version(&self, stream_id: Uuid) -> i32 {
        self.versions.get(&stream_id).copied().unwrap_or(0)
    }
}

/// The facts of members that the registry folds.
const ACCOUNTS: [&str; 2] = ["AccountMerged", "AccountRestored"];

/// Everything warm, up to and including `head`.
pub(crate) struct Warmth {
    pub(crate) members: LruCache<Uuid, Warm>,
    pub(crate) registry: RegistryFold,
    pub(crate) head: Position,
}

impl Warmth {
    /// Nothing but a registry.
    ///
    /// The members of the batch in flight and of the next one must all fit: one that was forgotten before its commit would
    /// be loaded as it was before.
    pub(crate) fn new(options: &LedgerOptions, registry: RegistryFold, head: Position) -> Self {
        let members_max = options.members_max.max(options.batch_max.saturating_mul(4));
        let members = LruCache::new(NonZeroUsize::new(members_max).unwrap_or(NonZeroUsize::MIN));
        Self { members, registry, head }
    }

    /// Folds one row that another process appended. A member whose fold does not fit is forgotten and loaded anew.
    pub(crate) fn fold(&mut self, stored: &StoredRow) -> Result<(), StoreError> {
        let row = &stored.row;
        if row.stream_type == StreamType::Member {
            let fits = self.members.peek_mut(&row.stream_id).is_none_or(|warm| warm.fold(stored).is_ok());
            if !fits {
                self.members.pop(&row.stream_id);
            }
        }
        if row.stream_type != StreamType::Member || ACCOUNTS.contains(&row.event_type.as_str()) {
            self.registry.read(stored)?;
        }
        self.head = row.position;
        Ok(())
    }
}
