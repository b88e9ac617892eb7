//! Deciding one batch: every waiting command on the state its predecessors left.

use std::collections::HashMap;
use std::sync::Arc;

use ledger_core::context::{Context, Forwards};
use ledger_core::ids::{EventId, MemberId};
use ledger_core::log::{Event, Metadata, Position, Row, StreamType};
use ledger_core::member::MemberCommand;
use ledger_core::member::command::RefundPurchase;
use ledger_core::member::cross_bonus::GiveCrossBonus;
use ledger_core::member::draft::Draft;
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;
use uuid::Uuid;

use super::Pending;
use super::append::{EventColumns, KeyColumns};
use super::decision::{Written, decide, refund_of};
use super::lookup::{Found, Known, KnownKeys, members_of};
use super::purchases::Files;
use super::revisions::{amendment, document_key, is_newer};
use super::warmth::{RegistryFold, Warmth};
use crate::command::{Command, CrossBonusRequest, Receipt, RefundRequest, Repeat, Request};
use crate::error::{ExecuteError, StoreError};
use crate::snapshot::Snapshot;

/// A decided command: its answer is given once everything it was decided on is committed.
pub(super) struct Decided {
    pub(super) pending: Pending,
    pub(super) answer: Result<Receipt, ExecuteError>,
}

/// A decided batch.
pub(super) struct Batch {
    /// The head it was decided at.
    pub(super) expected: Position,
    /// The head once it is committed.
    pub(super) head: Position,
    pub(super) events: EventColumns,
    pub(super) keys: KeyColumns,
    /// The same keys, for the commands after them.
    pub(super) known: KnownKeys,
    /// The purchases that its commands edit, with what it has written about them.
    files: Files,
    pub(super) decided: Vec<Decided>,
    /// Newer revisions of purchases that are on their way to the log: they are decided when they can be read there.
    pub(super) later: Vec<Pending>,
    /// The members it wrote to: forgotten when it fails.
    pub(super) touched: Vec<Uuid>,
    pub(super) snapshots: Vec<Snapshot>,
    /// The registry after it, if it changed.
    pub(super) registry: Option<RegistryFold>,
}

/// The answer to a key that was answered before. Rule D2, design L4.
fn repeat(known: &Known, request: &Request) -> Result<Receipt, ExecuteError> {
    let asked = &request.idempotency;
    let receipt = |repeat| Receipt {
        outcome: known.outcome.clone(),
        position: Some(known.position),
        as_of: known.position,
        repeat,
    };
    if asked.revision < known.revision {
        Ok(receipt(Repeat::Stale))
    } else if asked.fingerprint == known.fingerprint {
        Ok(receipt(Repeat::Replayed))
    } else {
        Err(ExecuteError::Refused(Rejection::IdempotencyKeyReused))
    }
}

impl Batch {
    /// An empty batch after `head`.
    pub(super) fn after(head: Position) -> Self {
        Self {
            expected: head,
            head,
            events: EventColumns::default(),
            keys: KeyColumns::default(),
            known: KnownKeys::new(),
            files: Files::default(),
            decided: Vec::new(),
            later: Vec::new(),
            touched: Vec::new(),
            snapshots: Vec::new(),
            registry: None,
        }
    }

    /// Decides `waiting` in order, after what the batch holds already. `in_flight` are the keys of the batch before it.
    pub(super) fn decide(
        &mut self,
        waiting: Vec<Pending>,
        warmth: &mut Warmth,
        found: Found,
        in_flight: Option<&KnownKeys>,
        recorded_at: Timestamp,
    ) {
        // Whom this batch is about must not be forgotten for the sake of those just loaded.
        for member in members_of(&waiting, &found.files, warmth) {
            warmth.members.promote(&member);
        }
        for (id, warm) in found.members {
            warmth.members.put(id, warm);
        }
        self.files.extend(found.files);
        let registry_before = Arc::clone(&warmth.registry.registry);
        for pending in waiting {
            let key = &pending.request.idempotency.key;
            let in_flight = || in_flight.and_then(|known| known.get(key));
            let known = self.known.get(key).or_else(|| found.keys.get(key)).or_else(in_flight);
            let answer = match known {
                Some(known) if is_newer(&pending.request, known) => {
                    match amendment(&pending.request, &self.files) {
                        Some(Ok(request)) => self.execute(&request, warmth, recorded_at),
                        Some(Err(rejection)) => Err(ExecuteError::Refused(rejection)),
                        None => {
                            self.later.push(pending);
                            continue;
                        }
                    }
                }
                Some(known) => repeat(known, &pending.request),
                None => self.execute(&pending.request, warmth, recorded_at),
            };
            self.decided.push(Decided { pending, answer });
        }
        if !Arc::ptr_eq(&registry_before, &warmth.registry.registry) {
            self.registry = Some(warmth.registry.clone());
        }
    }

    fn execute(
        &mut self,
        request: &Request,
        warmth: &mut Warmth,
        recorded_at: Timestamp,
    ) -> Result<Receipt, ExecuteError> {
        let registry = Arc::clone(&warmth.registry.registry);
        let context = Context { recorded_at, registry: &registry };
        let command = match &request.command {
            Command::Refund(refund) => &self.addressed(refund, recorded_at),
            Command::CrossBonus(bonus) => &self.earned(bonus, &registry.accounts),
            command => command,
        };
        let written = decide(command, warmth, &context)?;
        if written.draft.events.is_empty() {
            let (outcome, as_of) = (written.outcome, self.head);
            return Ok(Receipt { outcome, position: None, as_of, repeat: Repeat::First });
        }
        let outcome = written.outcome.clone();
        self.write(request, written, warmth, recorded_at).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "a decision cannot be written");
            ExecuteError::Corrupt
        })?;
        let position = self.head;
        let known = Known {
            revision: request.idempotency.revision,
            fingerprint: request.idempotency.fingerprint,
            position,
            outcome: outcome.clone(),
        };
        self.known.insert(document_key(request), known);
        Ok(Receipt { outcome, position: Some(position), as_of: position, repeat: Repeat::First })
    }

    /// A refund as a command to the member whose purchase it is; as it stands when nobody has recorded the purchase.
    fn addressed(&self, refund: &RefundRequest, now: Timestamp) -> Command {
        let Some((member_id, file)) = self.files.get(refund.purchase_id) else {
            return Command::Refund(*refund);
        };
        let command = RefundPurchase {
            file: file.clone(),
            business_id: refund.business_id,
            refund: refund_of(refund, now),
        };
        let command = MemberCommand::RefundPurchase(Box::new(command));
        Command::Member { member_id, command }
    }

    /// What a chain brings as a command to the member; as it stands when the purchase is nobody's, or another's.
    fn earned(&self, bonus: &CrossBonusRequest, accounts: &Forwards) -> Command {
        let hers =
            |(owner, _): &(MemberId, _)| accounts.survivor(*owner) == accounts.survivor(bonus.member_id);
        let Some((member_id, file)) = self.files.get(bonus.purchase_id).filter(hers) else {
            return Command::CrossBonus(*bonus);
        };
        let command = GiveCrossBonus { earned_by: bonus.earned_by, file: file.clone() };
        Command::Member { member_id, command: MemberCommand::GiveCrossBonus(Box::new(command)) }
    }

    /// Folds a draft and turns it into rows, all or nothing: when that fails, the registry is as it was and the member is
    /// forgotten, so that her next command loads her anew.
    fn write(
        &mut self,
        request: &Request,
        written: Written,
        warmth: &mut Warmth,
        recorded_at: Timestamp,
    ) -> Result<(), StoreError> {
        let Written { stream_type, stream_id, draft, outcome, before } = written;
        let outcome = serde_json::to_string(&outcome)?;
        let mut head = self.head;
        if stream_type == StreamType::Member {
            // Two streams are one append, or none. Rule D3, design L2.
            let before = before.filter(|(_, draft)| !draft.events.is_empty());
            let parts: Vec<(Uuid, Draft)> = before.into_iter().chain([(stream_id, draft)]).collect();
            let (mut all, mut folds, mut elsewhere) = (Vec::new(), Vec::new(), None);
            for (id, draft) in &parts {
                self.touched.push(*id);
                let mut warm = warmth.members.pop(id).unwrap_or_default();
                let place = (StreamType::Member, *id, warm.version);
                let registry = elsewhere.as_ref().unwrap_or(&warmth.registry);
                let rows = rows(request, draft, (head, place, registry), recorded_at)?;
                for (new, row) in draft.events.iter().zip(&rows) {
                    if let Event::Member(event) = &new.event {
                        warm.state.apply(row.position, new.occurred_at, event)?;
                        warm.version = row.stream_version;
                    } else {
                        let registry = elsewhere.get_or_insert_with(|| warmth.registry.clone());
                        registry.fold(row.stream_id, row.stream_version, &new.event)?;
                    }
                }
                head = head.saturating_add(i64::from(count(draft)));
                all.extend(rows);
                folds.push((*id, warm));
            }
            self.events.extend(all)?;
            if let Some(registry) = elsewhere {
                warmth.registry = registry;
            }
            for ((id, mut warm), (_, draft)) in folds.into_iter().zip(&parts) {
                self.snapshots.extend(warm.snapshot(id));
                for new in draft.events.iter().filter(|new| matches!(new.event, Event::Member(_))) {
                    self.files.see(id, (new.occurred_at, &new.event), &warmth.registry.registry.accounts);
                    warmth.registry.fold(id, 0, &new.event)?;
                }
                warmth.members.put(id, warm);
            }
        } else {
            let mut registry = warmth.registry.clone();
            let version = registry.version(stream_id);
            let place = (stream_type, stream_id, version);
            let rows = rows(request, &draft, (head, place, &warmth.registry), recorded_at)?;
            for (new, row) in draft.events.iter().zip(&rows) {
                registry.fold(row.stream_id, row.stream_version, &new.event)?;
            }
            head = head.saturating_add(i64::from(count(&draft)));
            self.events.extend(rows)?;
            warmth.registry = registry;
        }
        let first = self.head.saturating_add(1);
        self.head = head;
        warmth.head = self.head;
        self.keys.push(&request.idempotency, (first, self.head), outcome);
        Ok(())
    }

    /// The keys of the commands that wrote nothing and were not found to be repeats: neither the compare-and-set on the
    /// head nor the keys' uniqueness proves their answers.
    pub(super) fn unproved_keys(&self) -> Vec<[u8; 32]> {
        let unproved = |decided: &&Decided| match &decided.answer {
            Ok(receipt) => receipt.position.is_none(),
            Err(_) => true,
        };
        self.decided.iter().filter(unproved).map(|decided| decided.pending.request.idempotency.key).collect()
    }

    /// Answers the commands whose keys are `known` as the repeats they are; `false` when one is a newer revision, which was
    /// taken for a purchase.
    pub(super) fn answer_known(&mut self, known: &KnownKeys) -> bool {
        let mut are_repeats = true;
        for Decided { pending, answer } in &mut self.decided {
            if let Some(known) = known.get(&pending.request.idempotency.key) {
                are_repeats &= !is_newer(&pending.request, known);
                *answer = repeat(known, &pending.request);
            }
        }
        are_repeats
    }

    /// Whether a command that is no repeat could not be decided or written.
    pub(super) fn has_unwritable(&self) -> bool {
        self.decided.iter().any(|decided| matches!(decided.answer, Err(ExecuteError::Corrupt)))
    }

    /// Everything that it was to answer.
    pub(super) fn into_pending(self) -> impl Iterator<Item = Pending> {
        self.decided.into_iter().map(|decided| decided.pending).chain(self.later)
    }
}

/// A kind of stream, the stream, and its version.
type Place = (StreamType, Uuid, i32);

/// The rows of a draft after a position and the stream's version. What a decision leads to about a chain, an offer or a
/// business goes to its stream. Design L2.
fn rows(
    request: &Request,
    draft: &Draft,
    (head, mut own, registry): (Position, Place, &RegistryFold),
    recorded_at: Timestamp,
) -> Result<Vec<Row>, StoreError> {
    let ids: Vec<EventId> = draft.events.iter().map(|_| EventId::from_uuid(Uuid::now_v7())).collect();
    let (mut position, mut others) = (head, HashMap::<Uuid, Place>::new());
    let mut rows = Vec::with_capacity(ids.len());
    for (new, event_id) in draft.events.iter().zip(&ids) {
        position = position.saturating_add(1);
        let named = match &new.event {
            Event::Chain(fact) => Some(fact.chain_id().as_uuid()),
            Event::Offer(fact) => Some(fact.offer_id().as_uuid()),
            Event::Business(fact) => Some(fact.business_id().as_uuid()),
            Event::Member(_) | Event::Policy(_) => None,
        };
        let place = match named.filter(|id| *id != own.1) {
            Some(id) => {
                let kind = new.event.stream_type();
                others.entry(id).or_insert_with(|| (kind, id, registry.version(id)))
            }
            None => &mut own,
        };
        place.2 = place.2.saturating_add(1);
        let (stream_type, stream_id, stream_version) = *place;
        rows.push(Row {
            position,
            event_id: *event_id,
            stream_type,
            stream_id,
            stream_version,
            event_type: new.event.event_type().to_owned(),
            schema_version: new.event.schema_version(),
            occurred_at: new.occurred_at,
            recorded_at,
            payload: new.event.payload()?,
            metadata: metadata(request, draft, new.cause.and_then(|index| ids.get(index)).copied()),
        });
    }
    Ok(rows)
}

fn count(draft: &Draft) -> i32 {
    i32::try_from(draft.events.len()).unwrap_or(i32::MAX)
}

fn metadata(request: &Request, draft: &Draft, causation_id: Option<EventId>) -> Metadata {
    Metadata {
        correlation_id: request.correlation_id,
        causation_id,
        actor: request.actor,
        source: request.source.to_owned(),
        policy_version: draft.policy_version,
        rules_revision: draft.rules_revision,
        idempotency_key: hex::encode(request.idempotency.key),
    }
}
