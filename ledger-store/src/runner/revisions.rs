//! Newer revisions of documents: what is known of a document is its newest revision. Rules D2, D3.
//!
//! The first revision has the document's natural key, each later one a key next to it. So what a purchase costs is as if
//! there were no revisions; who asks for a key that is known looks for the newest one of its range.

use ledger_core::ids::{MemberId, PurchaseId, revisions_of};
use ledger_core::member::{AmendPurchase, HandOver, MemberCommand};
use ledger_core::rejection::Rejection;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::Pending;
use super::lookup::{Known, KnownKeys, bytes_of};
use super::purchases::Files;
use crate::command::{Command, Idempotency, Outcome, Request};
use crate::error::StoreError;

type Revision = (Vec<u8>, i32, Vec<u8>, i64, Json<Outcome>);

const NEWEST: &str =
    "SELECT asked.key, newest.revision, newest.fingerprint, newest.last_position, newest.outcome
     FROM UNNEST($1::bytea[], $2::bytea[], $3::bytea[]) AS asked (key, low, high)
     CROSS JOIN LATERAL (SELECT * FROM ledger.idempotency AS i WHERE i.key BETWEEN asked.low AND asked.high
                         ORDER BY i.revision DESC LIMIT 1) AS newest";

/// Puts the newest revision of each document in the place of its first one.
pub(super) async fn newest(db: &mut PgConnection, known: &mut KnownKeys) -> Result<(), StoreError> {
    if known.is_empty() {
        return Ok(());
    }
    let keys: Vec<[u8; 32]> = known.keys().copied().collect();
    let (low, high): (Vec<[u8; 32]>, Vec<[u8; 32]>) = keys.iter().map(revisions_of).unzip();
    let slices = |keys: &[[u8; 32]]| keys.iter().map(|key| key.to_vec()).collect::<Vec<Vec<u8>>>();
    let rows: Vec<Revision> = sqlx::query_as(NEWEST)
        .bind(slices(&keys))
        .bind(slices(&low))
        .bind(slices(&high))
        .fetch_all(db)
        .await?;
    for (key, revision, fingerprint, position, Json(outcome)) in rows {
        let revision = u32::try_from(revision).unwrap_or_default();
        let fingerprint = bytes_of(fingerprint, position)?;
        known.insert(bytes_of(key, position)?, Known { revision, fingerprint, position, outcome });
    }
    Ok(())
}

/// Whether `request` asks for a newer revision than what is known.
pub(super) const fn is_newer(request: &Request, known: &Known) -> bool {
    request.idempotency.revision > known.revision
}

/// The purchases of which `waiting` has newer revisions than what is known.
pub(super) fn amended(waiting: &[Pending], known: &KnownKeys) -> Vec<PurchaseId> {
    let newer = waiting
        .iter()
        .map(|pending| &pending.request)
        .filter(|request| known.get(&request.idempotency.key).is_some_and(|known| is_newer(request, known)));
    newer.filter_map(purchase_of).collect()
}

/// Whether `waiting` has a revision that says itself that it is an edit.
pub(super) fn has_edits(waiting: &[Pending]) -> bool {
    waiting.iter().any(|pending| pending.request.idempotency.revision > 1)
}

fn purchase_of(request: &Request) -> Option<PurchaseId> {
    match &request.command {
        Command::Member { command: MemberCommand::RecordPurchase(command), .. } => {
            Some(command.purchase_id())
        }
        _ => None,
    }
}

/// The key under which what is known of a request's document is found.
pub(super) fn document_key(request: &Request) -> [u8; 32] {
    match &request.command {
        Command::Member { command: MemberCommand::AmendPurchase(command), .. } => {
            *command.document.natural_key.as_bytes()
        }
        // A revision of what came to no purchase.
        Command::Member { command: MemberCommand::RecordPurchase(command), .. }
            if request.idempotency.key
                == command.document.natural_key.of_revision(command.document.revision) =>
        {
            *command.document.natural_key.as_bytes()
        }
        Command::HandOver { command, .. } => *command.document().natural_key.as_bytes(),
        _ => request.idempotency.key,
    }
}

/// A newer revision as what it asks for: an edit of the purchase, a purchase that changes hands, or a document anew when the
/// one before came to no purchase; `None` as long as that has not been read.
pub(super) fn amendment(request: &Request, files: &Files) -> Option<Result<Request, Rejection>> {
    let Command::Member { member_id: to, command: MemberCommand::RecordPurchase(command) } = &request.command
    else {
        return Some(Err(Rejection::IdempotencyKeyReused));
    };
    // A key that is known, but not as that of the document.
    let Some(filed) = files.read(command.purchase_id())? else {
        return Some(Err(Rejection::IdempotencyKeyReused));
    };
    let from = MemberId::from_uuid(filed.member);
    let document = command.document.clone();
    let key = document.natural_key.of_revision(document.revision);
    let edit = filed.file.clone().map(|file| AmendPurchase { file, document });
    let member = |command| Command::Member { member_id: *to, command };
    let hands = |command| Command::HandOver { from, to: *to, command };
    let command = match edit {
        Some(edit) if from == *to => member(MemberCommand::AmendPurchase(Box::new(edit))),
        Some(edit) => hands(HandOver::Recorded(Box::new(edit))),
        None if from == *to => request.command.clone(),
        None => hands(HandOver::Waiting(command.clone())),
    };
    Some(Ok(Request { command, idempotency: Idempotency { key, ..request.idempotency }, ..request.clone() }))
}
