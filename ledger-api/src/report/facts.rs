//! What the log itself has of her: kinds of facts, each consent, and what `past.rs` tells one by one.

use std::collections::BTreeMap;

use ledger_core::ids::MemberId;
use ledger_core::log::{Event, Position, Row, StreamType};
use ledger_core::member::consent::{ConsentChannel, Purpose as ConsentPurpose};
use ledger_core::member::event::MemberEvent;
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;
use ledger_store::log::{self, StoredRow};
use uuid::Uuid;

use super::Reader;
use super::document::ReportedRecords;
use super::past::Past;
use crate::app::App;
use crate::problem::{ApiError, Cause};

/// A consent given or withdrawn, as the log has it.
pub(super) struct Decision {
    /// On which account it was decided.
    pub(super) account: MemberId,
    pub(super) position: Position,
    pub(super) at: Timestamp,
    pub(super) granted: bool,
    pub(super) purpose: ConsentPurpose,
    pub(super) version: String,
    pub(super) text_hash: Option<String>,
    pub(super) channel: ConsentChannel,
    pub(super) evidence: Option<Uuid>,
    pub(super) session: Option<Uuid>,
}

/// What the log has of her.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) decisions: Vec<Decision>,
    /// What is told one by one, account by account.
    pub(super) pasts: BTreeMap<MemberId, Past>,
    /// The place of the newest.
    pub(super) last: Position,
    /// How many facts of each kind, when the first and when the last.
    kinds: BTreeMap<String, (u64, Timestamp, Timestamp)>,
}

/// Reads the streams of her accounts, one after the other: no more than one is in memory.
pub(super) async fn facts(app: &App, accounts: &[MemberId]) -> Result<Facts, ApiError> {
    let mut facts = Facts::default();
    for account in accounts {
        for stored in log::read_stream(&app.log_pool, account.as_uuid(), 0).await? {
            if stored.row.stream_type == StreamType::Member {
                facts.add(stored)?;
            }
        }
    }
    if facts.kinds.is_empty() {
        return Err(Rejection::MemberNotFound.into());
    }
    facts.decisions.sort_by_key(|decision| decision.position);
    Ok(facts)
}

impl Facts {
    fn add(&mut self, stored: StoredRow) -> Result<(), ApiError> {
        let row = stored.row;
        self.last = self.last.max(row.position);
        if row.event_type == "MemberErased" {
            return Err(Rejection::MemberErased.into());
        }
        let unreadable = |_| ApiError::Unavailable(Cause::Impossible("a fact that cannot be read"));
        if let Event::Member(fact) = row.event().map_err(unreadable)? {
            let account = MemberId::from_uuid(row.stream_id);
            self.pasts.entry(account).or_default().add(row.occurred_at, &fact);
            self.decisions.extend(decision(&row, fact));
        }
        let at = row.recorded_at;
        let kind = self.kinds.entry(row.event_type).or_insert((0, at, at));
        *kind = (kind.0.saturating_add(1), kind.1.min(at), kind.2.max(at));
        Ok(())
    }

    /// Facts by kind; in an admin's copy none of consents: all less those that are told would be those to clinics.
    pub(super) fn records(&self, reader: Reader) -> Vec<ReportedRecords> {
        let told = |(event_type, (count, first_at, last_at)): (&String, &(u64, Timestamp, Timestamp))| {
            ReportedRecords {
                event_type: event_type.clone(),
                count: *count,
                first_at: *first_at,
                last_at: *last_at,
            }
        };
        let is_told = |kind: &str| reader == Reader::Herself || !kind.starts_with("Consent");
        self.kinds.iter().filter(|(kind, _)| is_told(kind)).map(told).collect()
    }
}

fn decision(row: &Row, fact: MemberEvent) -> Option<Decision> {
    let (granted, purpose, version, text_hash, channel, evidence, session) = match fact {
        MemberEvent::ConsentGranted(fact) => {
            (true, fact.purpose, fact.version, fact.text_hash, fact.channel, fact.evidence, fact.session)
        }
        MemberEvent::ConsentWithdrawn(fact) => {
            (false, fact.purpose, fact.version, fact.text_hash, fact.channel, fact.evidence, fact.session)
        }
        _ => return None,
    };
    Some(Decision {
        account: MemberId::from_uuid(row.stream_id),
        position: row.position,
        at: row.recorded_at,
        granted,
        purpose,
        version: version.to_string(),
        text_hash: text_hash.map(|hash| hash.to_string()),
        channel,
        evidence: evidence.map(|id| id.as_uuid()),
        session: session.map(|id| id.as_uuid()),
    })
}
