//! Where a decider begins: the first policy, and the registry folded from the log.

use futures::TryStreamExt;
use ledger_core::ids::{CorrelationId, EventId};
use ledger_core::log::Event;
use ledger_core::log::{Actor, Metadata, Position, Row, StreamType};
use ledger_core::policy::decide::first_policy;
use ledger_core::policy::{POLICY_STREAM, RULES_REVISION};
use ledger_ops::clock::Clock;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::append::{EventColumns, KeyColumns, append};
use super::warmth::RegistryFold;
use crate::command::{Idempotency, Outcome};
use crate::error::StoreError;
use crate::log;

/// Publishes policy 1 on an empty log. Rule P1. Of several processes that try at once, one does.
pub(super) async fn ensure_policy(pool: &PgPool, clock: &Clock) -> Result<(), StoreError> {
    let mut db = pool.acquire().await?;
    if log::head(&mut *db).await? > 0 {
        return Ok(());
    }
    let published = first_policy()?;
    let outcome =
        Outcome::PolicyPublished { version: published.version, effective_from: published.effective_from };
    let event = Event::from(published);
    let key: [u8; 32] = Sha256::digest(b"own-circle/first-policy").into();
    let idempotency = Idempotency { key, revision: 1, fingerprint: key };
    let now = clock.now();
    let row = Row {
        position: 1,
        event_id: EventId::from_uuid(Uuid::now_v7()),
        stream_type: StreamType::Policy,
        stream_id: POLICY_STREAM,
        stream_version: 1,
        event_type: event.event_type().to_owned(),
        schema_version: event.schema_version(),
        occurred_at: now,
        recorded_at: now,
        payload: event.payload()?,
        metadata: Metadata {
            correlation_id: CorrelationId::from_uuid(Uuid::now_v7()),
            causation_id: None,
            actor: Actor::SYSTEM,
            source: "origin".to_owned(),
            policy_version: 1,
            rules_revision: RULES_REVISION,
            idempotency_key: hex::encode(key),
        },
    };
    let (mut events, mut keys) = (EventColumns::default(), KeyColumns::default());
    events.extend(vec![row])?;
    keys.push(&idempotency, (1, 1), serde_json::to_string(&outcome)?);
    // Another process may have been faster: then its policy 1 is the same.
    append(&mut db, 0, &events, &keys).await?;
    Ok(())
}

/// Policies, businesses, and which accounts are one, up to `head`.
pub(super) async fn load_registry(db: &mut PgConnection, head: Position) -> Result<RegistryFold, StoreError> {
    let mut fold = RegistryFold::default();
    for stored in log::read_registry(&mut *db, head).await? {
        fold.read(&stored)?;
    }
    let mut accounts = log::read_accounts(db, head);
    while let Some(stored) = accounts.try_next().await? {
        fold.read(&stored)?;
    }
    Ok(fold)
}
