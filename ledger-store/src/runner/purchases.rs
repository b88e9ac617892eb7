//! The files of the purchases that a batch edits: her state does not keep old purchases.
//!
//! A purchase's id follows from its natural key, so its first fact is found by the primary key of the keys; what is about it
//! from there on is read along its member's stream. No append pays for that: an edit does, in proportion to what happened
//! to the member since.
//!
//! A file is read from the log as committed. So nothing may be in flight when it is, or a purchase decided a moment ago
//! would be missed; within one batch, [`Files::see`] goes on with it.

use std::collections::HashMap;

use ledger_core::ids::PurchaseId;
use ledger_core::log::{Event, Position};
use ledger_core::member::PurchaseFile;
use ledger_core::time::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Pending;
use super::keyed::begun;
use crate::command::Command;
use crate::error::StoreError;

/// A purchase, and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Filed {
    pub(crate) member: Uuid,
    pub(crate) file: PurchaseFile,
}

/// The purchases a batch names; `None` for one that nobody has recorded.
#[derive(Debug, Default)]
pub(crate) struct Files(HashMap<PurchaseId, Option<Filed>>);

const FACTS: &str = "SELECT position, event_type, schema_version, occurred_at, payload FROM ledger.events
     WHERE stream_id = $1 AND stream_version >= $2
       AND $3 IN (payload->>'purchase_id', payload->'origin'->>'purchase_id')
     ORDER BY stream_version";

type Fact = (Position, String, i16, chrono::DateTime<chrono::Utc>, serde_json::Value);

impl Files {
    /// The purchases that `waiting` names.
    pub(crate) fn named(waiting: &[Pending]) -> Vec<PurchaseId> {
        let named = waiting.iter().filter_map(|pending| match &pending.request.command {
            Command::Refund(refund) => Some(refund.purchase_id),
            _ => None,
        });
        named.collect()
    }

    /// Reads the files of `named`.
    pub(crate) async fn load(db: &mut PgConnection, named: &[PurchaseId]) -> Result<Self, StoreError> {
        let mut files = HashMap::new();
        for id in named {
            if !files.contains_key(id) {
                files.insert(*id, read(db, *id).await?);
            }
        }
        Ok(Self(files))
    }

    /// The purchase, if it was recorded.
    pub(crate) fn get(&self, id: PurchaseId) -> Option<&Filed> {
        self.0.get(&id).and_then(Option::as_ref)
    }

    /// The purchase, if it was read: `None` within for one that nobody has recorded.
    pub(crate) fn read(&self, id: PurchaseId) -> Option<Option<&Filed>> {
        self.0.get(&id).map(Option::as_ref)
    }

    /// The members whose purchases these are.
    pub(crate) fn members(&self) -> impl Iterator<Item = Uuid> + '_ {
        self.0.values().flatten().map(|filed| filed.member)
    }

    /// Adds what was read for more commands.
    pub(crate) fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Goes on with a fact of `member` that this batch writes.
    pub(crate) fn see(&mut self, member: Uuid, occurred_at: Timestamp, event: &Event) {
        if self.0.is_empty() {
            return;
        }
        let Some(entry) = PurchaseFile::about(event).and_then(|id| self.0.get_mut(&id)) else { return };
        let file = PurchaseFile::fold(entry.take().map(|filed| filed.file), occurred_at, event);
        *entry = file.map(|file| Filed { member, file });
    }
}

async fn read(db: &mut PgConnection, id: PurchaseId) -> Result<Option<Filed>, StoreError> {
    let begun = begun(&mut *db, id.as_uuid(), |key| PurchaseId::of_key(key).as_uuid()).await?;
    let Some(begun) = begun else { return Ok(None) };
    let facts: Vec<Fact> = sqlx::query_as(FACTS)
        .bind(begun.stream_id)
        .bind(begun.stream_version)
        .bind(id.to_string())
        .fetch_all(&mut *db)
        .await?;
    let mut file = None;
    for (position, event_type, version, occurred_at, payload) in facts {
        let event = Event::decode(&event_type, version, &payload)
            .map_err(|source| StoreError::Unreadable { position, source })?;
        file = PurchaseFile::fold(file, Timestamp::new(occurred_at), &event);
    }
    Ok(file.map(|file| Filed { member: begun.stream_id, file }))
}
