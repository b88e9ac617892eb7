//! The files of the purchases that a batch edits: her state does not keep old purchases.
//!
//! A purchase's id follows from its natural key, so its first fact is found by the primary key of the keys; what is about it
//! from there on is read along its member's stream, and along those of accounts that are or were one with hers. No append
//! pays for that: an edit does, in proportion to what happened to the member since.
//!
//! A file is read from the log as committed. So nothing may be in flight when it is, or a purchase decided a moment ago
//! would be missed; within one batch, [`Files::see`] goes on with it.

use std::collections::HashMap;

use ledger_core::context::Forwards;
use ledger_core::ids::{MemberId, PurchaseId};
use ledger_core::log::{Event, Position};
use ledger_core::member::PurchaseFile;
use ledger_core::member::event::MemberEvent;
use ledger_core::time::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Pending;
use super::keyed::{Begun, begun};
use crate::command::Command;
use crate::error::StoreError;

/// A document, and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Filed {
    pub(crate) member: Uuid,
    /// None while it waits in quarantine, and after it was dropped.
    pub(crate) file: Option<PurchaseFile>,
}

/// The purchases a batch names; `None` for one that nobody has recorded.
#[derive(Debug, Default)]
pub(crate) struct Files(HashMap<PurchaseId, Option<Filed>>);

const FACTS: &str = "SELECT position, e.stream_id, event_type, schema_version, occurred_at, payload
     FROM UNNEST($1::uuid[], $2::int[]) AS wanted (stream_id, since)
     JOIN ledger.events e ON e.stream_id = wanted.stream_id AND e.stream_version >= wanted.since
     WHERE $3 IN (payload->>'purchase_id', payload->'origin'->>'purchase_id', payload->'purchase'->>'purchase_id')
        OR event_type = 'BonusReturned' AND payload->'past_life' <> '[]'
     ORDER BY position";

type Fact = (Position, Uuid, String, i16, chrono::DateTime<chrono::Utc>, serde_json::Value);

impl Files {
    /// The purchases that `waiting` names.
    pub(crate) fn named(waiting: &[Pending]) -> Vec<PurchaseId> {
        let named = waiting.iter().filter_map(|pending| match &pending.request.command {
            Command::Refund(refund) => Some(refund.purchase_id),
            Command::CrossBonus(bonus) => Some(bonus.purchase_id),
            _ => None,
        });
        named.collect()
    }

    /// Reads the files of `named`.
    pub(crate) async fn load(
        db: &mut PgConnection,
        named: &[PurchaseId],
        accounts: &Forwards,
    ) -> Result<Self, StoreError> {
        let mut files = HashMap::new();
        for id in named {
            if !files.contains_key(id) {
                files.insert(*id, read(db, *id, accounts).await?);
            }
        }
        Ok(Self(files))
    }

    /// The purchase, if it was recorded.
    pub(crate) fn get(&self, id: PurchaseId) -> Option<(MemberId, &PurchaseFile)> {
        let filed = self.0.get(&id).and_then(Option::as_ref)?;
        filed.file.as_ref().map(|file| (MemberId::from_uuid(filed.member), file))
    }

    /// The document, if it was looked for: `None` within for one that nobody has reported.
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
    pub(crate) fn see(
        &mut self,
        member: Uuid,
        (occurred_at, event): (Timestamp, &Event),
        accounts: &Forwards,
    ) {
        if self.0.is_empty() {
            return;
        }
        let Event::Member(fact) = event else { return };
        if let MemberEvent::BonusReturned(_) = fact {
            // What came back past its life may have been of any purchase's lots.
            let id = MemberId::from_uuid(member);
            let hers = |filed: &&mut Filed| accounts.ever_stood_for(id, MemberId::from_uuid(filed.member));
            let hers = self.0.values_mut().flatten().filter(hers);
            hers.filter_map(|filed| filed.file.as_mut()).for_each(|file| file.see(event));
            return;
        }
        let about = match fact {
            MemberEvent::PurchaseQuarantined(fact) => Some(fact.purchase.purchase_id),
            _ => PurchaseFile::about(event),
        };
        if let Some(entry) = about.and_then(|id| self.0.get_mut(&id)) {
            *entry = Filed::after(entry.take(), member, (occurred_at, event), accounts);
        }
    }
}

impl Filed {
    /// The document after one more fact about it, of `member`.
    fn after(
        before: Option<Self>,
        member: Uuid,
        (occurred_at, event): (Timestamp, &Event),
        accounts: &Forwards,
    ) -> Option<Self> {
        let begins = matches!(
            event,
            Event::Member(
                MemberEvent::PurchaseQuarantined(_)
                    | MemberEvent::PurchaseRecorded(_)
                    | MemberEvent::PurchaseTakenOver(_)
            )
        );
        // What becomes of the lots of one who had it before is not about it any more (Rule D3). An account that stands, or
        // stood, for hers is another matter: the purchase stays hers.
        let stands_for = |filed: &Self| {
            accounts.ever_stood_for(MemberId::from_uuid(member), MemberId::from_uuid(filed.member))
        };
        match before {
            Some(before) if !begins && !stands_for(&before) => Some(before),
            None if !begins => None,
            before => {
                let whose = if begins { member } else { before.as_ref().map_or(member, |it| it.member) };
                let file = PurchaseFile::fold(before.and_then(|filed| filed.file), occurred_at, event);
                Some(Self { member: whose, file })
            }
        }
    }
}

async fn read(
    db: &mut PgConnection,
    id: PurchaseId,
    accounts: &Forwards,
) -> Result<Option<Filed>, StoreError> {
    let begun = begun(&mut *db, id.as_uuid(), |key| PurchaseId::of_key(key).as_uuid()).await?;
    let Some(Begun { stream_id, stream_version, newest_on, .. }) = begun else { return Ok(None) };
    // One that changed hands began with another; where with the one who has it now is not known.
    let since = |stream: Uuid| if stream == stream_id { stream_version } else { 0 };
    let streams: Vec<Uuid> = accounts
        .ever_one_with([MemberId::from_uuid(newest_on)])
        .into_iter()
        .map(|account| account.as_uuid())
        .collect();
    let versions: Vec<i32> = streams.iter().map(|stream| since(*stream)).collect();
    let facts: Vec<Fact> =
        sqlx::query_as(FACTS).bind(streams).bind(versions).bind(id.to_string()).fetch_all(&mut *db).await?;
    let mut filed = None;
    for (position, stream, event_type, version, occurred_at, payload) in facts {
        let event = Event::decode(&event_type, version, &payload)
            .map_err(|source| StoreError::Unreadable { position, source })?;
        filed = Filed::after(filed, stream, (Timestamp::new(occurred_at), &event), accounts);
    }
    // A document of which only waiting, or dropping, is known is whose stream it is on.
    Ok(Some(filed.unwrap_or(Filed { member: newest_on, file: None })))
}
