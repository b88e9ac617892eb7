//! Whether a log follows from the rules: every stream folded anew, every decision decided again.
//!
//! | file | what |
//! |---|---|
//! | `append.rs` | what one command wrote |
//! | `command.rs`, `purchases.rs`, `joint.rs` | from facts back to the command |
//! | `history.rs` | streams, purchases and policies by themselves |
//! | `books.rs` | double entry |
//! | `word.rs` | what is believed |
//! | `shelf.rs` | states in bounded memory |
//!
//! Why it is right:
//! 1. The log is followed in its order, so that each decision is taken again on the very state, policies, businesses and
//!    chains that it was taken on, at the moment at which it was recorded, by [`ledger_core::member::decide`].
//! 2. What comes out is compared fact by fact, all of it: every accrual with its inputs, every expiry, every status.
//! 3. What an admin says (a policy, a business, a chain, an offer) follows from nothing but her saying so; it is counted.
//!
//! Bounds: [`WARM_MEMBERS`] states and [`WARM_PURCHASES`] purchases in memory, and about 150 bytes for each member and each
//! purchase besides.

mod append;
mod books;
mod command;
mod history;
mod joint;
mod purchases;
mod shelf;
mod word;

pub use books::Sums;
pub use word::Word;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;

use ledger_core::context::{Context, Registry};
use ledger_core::ids::{MemberId, PurchaseId};
use ledger_core::log::{Event, Row};
use ledger_core::member::draft::{Draft, NewEvent};
use ledger_core::member::event::MemberEvent;
use ledger_core::member::{MemberState, PurchaseFile, decide};
use ledger_core::policy::RULES_REVISION;
use ledger_core::rejection::Rejection;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::error::AuditError;
use crate::scan::is_shown;
use crate::verify::{Findings, What};
use append::{Append, Fact, Part};
use books::{Books, of_state};
use command::{Known, commands, purchase_of};
use history::{misplaced, republished};
use purchases::{Purchase, concerned};
use shelf::Shelf;

const WARM_MEMBERS: NonZeroUsize = NonZeroUsize::new(50_000).unwrap();
const WARM_PURCHASES: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

/// What was decided again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Decided {
    /// Events folded.
    pub events: u64,
    /// Decisions about members, taken again.
    pub decisions: u64,
    /// Facts that came out of them, each compared.
    pub compared: u64,
    /// Of these: accruals, expiries, changes of status.
    pub accruals: u64,
    /// See `accruals`.
    pub expiries: u64,
    /// See `accruals`.
    pub statuses: u64,
    /// What an admin or a business said, by kind: it follows from nothing.
    pub said: BTreeMap<String, u64>,
    /// What members have on somebody's word, by kind: any amount of it passes.
    pub words: BTreeMap<&'static str, Word>,
    /// Members.
    pub members: u64,
}

/// A replay under way.
pub struct Replay {
    registry: Registry,
    members: Shelf<MemberState>,
    purchases: Shelf<Purchase>,
    books: Books,
    append: Append,
    decided: Decided,
    /// What this program is too old to decide again: from there on it does not.
    too_old: Option<String>,
}

impl Default for Replay {
    fn default() -> Self {
        Self {
            registry: Registry::default(),
            members: Shelf::of(WARM_MEMBERS),
            purchases: Shelf::of(WARM_PURCHASES),
            books: Books::default(),
            append: Append::default(),
            decided: Decided::default(),
            too_old: None,
        }
    }
}

impl Replay {
    /// The next event of the log.
    ///
    /// # Errors
    /// [`AuditError`] when a temporary file fails.
    pub fn event(&mut self, row: Row, event: Event, findings: &mut Findings) -> Result<(), AuditError> {
        if !self.append.goes_on_with(&row) {
            self.close(findings)?;
        }
        let (position, revision) = (row.position, row.metadata.rules_revision);
        if revision > RULES_REVISION {
            self.stop(format!("event {position} was decided by revision {revision} of the rules"));
        }
        if self.too_old.is_some() {
            self.append.facts.clear();
            return Ok(());
        }
        self.append.facts.push(Fact { row, event });
        Ok(())
    }

    /// Nothing is decided again from here on, for what was met: this program is older than the log.
    pub fn stop(&mut self, met: String) {
        self.too_old.get_or_insert(met);
        self.append.facts.clear();
    }

    /// What it met that it is too old for.
    #[must_use]
    pub fn too_old(&self) -> Option<&str> {
        self.too_old.as_deref()
    }

    /// Decides the append again, then folds it.
    fn close(&mut self, findings: &mut Findings) -> Result<(), AuditError> {
        let append = std::mem::take(&mut self.append);
        let parts = append.parts();
        match parts.as_slice() {
            [] => append.facts.iter().for_each(|fact| {
                *self.decided.said.entry(fact.row.event_type.clone()).or_default() += 1;
            }),
            [part] => self.one(*part, &append, findings)?,
            [first, second] => self.two([*first, *second], &append, findings)?,
            [_, _, third, ..] => {
                let at = third.facts.first().and_then(|fact| u64::try_from(fact.row.position).ok());
                findings.add(What::Decision, at, "one command wrote to three members' streams; none does");
            }
        }
        self.fold(&append, findings)
    }

    fn one(&mut self, part: Part<'_>, append: &Append, findings: &mut Findings) -> Result<(), AuditError> {
        let purchase = self.purchase_of(part)?;
        let accounts = self.registry.accounts.one_with(part.member);
        let now = append.recorded_at();
        let state = self.members.get(part.member.as_uuid())?;
        let known = Known { state, purchase: purchase.as_ref(), accounts: &accounts, now };
        let context = Context { recorded_at: now, registry: &self.registry };
        let commands = commands(part, &known);
        let drafts =
            commands.iter().map(|command| decide(state, command, &context).map(|(draft, _)| vec![draft]));
        let told = judged(&[part], drafts);
        self.count(append, told, findings);
        Ok(())
    }

    fn two(
        &mut self,
        parts: [Part<'_>; 2],
        append: &Append,
        findings: &mut Findings,
    ) -> Result<(), AuditError> {
        let purchase = self.purchase_of(parts[0])?;
        let first = self.members.get(parts[0].member.as_uuid())?.clone();
        let second = self.members.get(parts[1].member.as_uuid())?;
        let context = Context { recorded_at: append.recorded_at(), registry: &self.registry };
        let drafts = joint::decide(parts, [&first, second], purchase.as_ref(), &context);
        let drafts = drafts.into_iter().map(|drafts| drafts.map(|(first, second)| vec![first, second]));
        let told = judged(&parts, drafts);
        self.count(append, told, findings);
        Ok(())
    }

    fn purchase_of(&mut self, part: Part<'_>) -> Result<Option<Purchase>, AuditError> {
        let Some(id) = purchase_of(part).filter(|id| self.purchases.has(id.as_uuid())) else {
            return Ok(None);
        };
        Ok(Some(self.purchases.get(id.as_uuid())?.clone()))
    }

    fn count(&mut self, append: &Append, told: Result<(), Differs>, findings: &mut Findings) {
        let decided = &mut self.decided;
        decided.decisions += 1;
        for fact in &append.facts {
            decided.compared += 1;
            match fact.row.event_type.as_str() {
                "BonusAccrued" | "CrossBonusAccrued" => decided.accruals += 1,
                "BonusExpired" => decided.expiries += 1,
                "StatusChanged" | "StatusDowngradeScheduled" | "StatusDowngradeCancelled" => {
                    decided.statuses += 1
                }
                _ => {}
            }
        }
        if let Err(Differs { index, text }) = told {
            let at = |fact: &Fact| u64::try_from(fact.row.position).ok();
            // What is missing at the end would stand behind the last.
            let behind = || append.facts.last().and_then(at).and_then(|last| last.checked_add(1));
            let position = append.facts.get(index).map_or_else(behind, at);
            // Of an append that holds a row already found wrong, that row is why.
            let known =
                findings.first_bad.filter(|first| Some(*first) >= position && Some(*first) <= behind());
            let position = known.or(position);
            findings.add(What::Decision, position, text);
        }
    }

    fn fold(&mut self, append: &Append, findings: &mut Findings) -> Result<(), AuditError> {
        for fact in &append.facts {
            self.decided.events += 1;
            let position = u64::try_from(fact.row.position).ok();
            let stream = fact.row.stream_id;
            let wrong = [
                misplaced(&fact.row, &fact.event),
                republished(&self.registry.policies, &fact.row, &fact.event),
                self.known_already(&fact.event)?,
            ];
            wrong.into_iter().flatten().for_each(|text| findings.add(What::History, position, text));
            if let Err(error) = self.registry.apply(stream, &fact.event) {
                findings.add(What::History, position, error.to_string());
            }
            let Some(event) = fact.member_event() else { continue };
            let member = MemberId::from_uuid(stream);
            word::enter(&mut self.decided.words, event);
            let state = self.members.get(stream)?;
            if let Err(error) = state.apply(fact.row.position, fact.row.occurred_at, event) {
                findings.add(What::History, position, error.to_string());
            }
            if let Some(text) = self.books.enter(member, &fact.event) {
                findings.add(What::Postings, position, text);
            }
            for id in concerned(event, &fact.event) {
                self.remember(id, member, fact)?;
            }
        }
        Ok(())
    }

    /// A purchase is recorded once, on whichever stream: what follows edits it, or hands it over.
    fn known_already(&mut self, event: &Event) -> Result<Option<String>, AuditError> {
        let Event::Member(MemberEvent::PurchaseRecorded(_)) = event else { return Ok(None) };
        let Some(id) = PurchaseFile::about(event).filter(|id| self.purchases.has(id.as_uuid())) else {
            return Ok(None);
        };
        let owner = self.purchases.get(id.as_uuid())?.owner;
        Ok(owner.map(|_| format!("purchase {} is recorded for the second time", id.as_uuid())))
    }

    /// What a fact says of a purchase. What another member still has of lots of it is hers no more (Rule D3).
    fn remember(&mut self, id: PurchaseId, member: MemberId, fact: &Fact) -> Result<(), AuditError> {
        let purchase = self.purchases.get(id.as_uuid())?;
        let is_hers =
            |owner| owner == member || self.registry.accounts.ever_one_with([owner]).contains(&member);
        let begins = matches!(fact.member_event(), Some(MemberEvent::PurchaseTakenOver(_)));
        if begins || purchase.owner.is_none_or(is_hers) {
            purchase.see(member, fact);
        }
        Ok(())
    }

    /// The end of the log: what was decided, and every member's sums.
    ///
    /// # Errors
    /// As [`Replay::event`].
    pub fn end(mut self, findings: &mut Findings) -> Result<(Decided, HashMap<Uuid, Sums>), AuditError> {
        self.close(findings)?;
        let Self { members, books, mut decided, .. } = self;
        let sums = books.into_members();
        members.each(|id, state| {
            decided.members += 1;
            let (posted, held) = (sums.get(&id).copied().unwrap_or_default(), of_state(state));
            if posted != held {
                let text = format!("member {id}: her postings come to {posted:?}, her lots to {held:?}");
                findings.add(What::Postings, None, text);
            }
            Ok(())
        })?;
        Ok((decided, sums))
    }
}

/// Where a decision is another than the log says.
struct Differs {
    /// The fact of the append.
    index: usize,
    text: String,
}

/// Compares what the log has with what each command leads to: one that is the same is enough.
fn judged(
    parts: &[Part<'_>],
    drafts: impl Iterator<Item = Result<Vec<Draft>, Rejection>>,
) -> Result<(), Differs> {
    let mut nearest: Option<Differs> = None;
    let mut refused = None;
    for decided in drafts {
        match decided {
            Ok(drafts) => match compared(parts, &drafts) {
                Ok(()) => return Ok(()),
                Err(differs) => {
                    if nearest.as_ref().is_none_or(|nearest| nearest.index < differs.index) {
                        nearest = Some(differs);
                    }
                }
            },
            Err(rejection) => refused = refused.or(Some(rejection)),
        }
    }
    Err(nearest.unwrap_or_else(|| Differs {
        index: 0,
        text: refused.map_or_else(
            || "no command leads to these facts".to_owned(),
            |rejection| format!("the rules refuse what the log has: {rejection}"),
        ),
    }))
}

fn compared(parts: &[Part<'_>], drafts: &[Draft]) -> Result<(), Differs> {
    let mut begins = 0;
    for (part, draft) in parts.iter().zip(drafts) {
        for (index, (fact, new)) in part.facts.iter().zip(&draft.events).enumerate() {
            let metadata = &fact.row.metadata;
            let cause = new.cause.and_then(|cause| part.facts.get(cause)).map(|cause| cause.row.event_id);
            let same = (fact.row.occurred_at, metadata.policy_version, metadata.causation_id)
                == (new.occurred_at, draft.policy_version, cause);
            if fact.event != new.event || !same {
                return Err(Differs { index: begins + index, text: told(fact, new) });
            }
        }
        let (here, there) = (part.facts.len(), draft.events.len());
        if here != there {
            let text = match draft.events.get(here) {
                Some(missing) => format!("here the rules write {} as well", missing.event.event_type()),
                None => "the rules do not write this".to_owned(),
            };
            return Err(Differs { index: begins + here.min(there), text });
        }
        begins += here;
    }
    Ok(())
}

/// What the log says and what the rules write, where they differ.
fn told(fact: &Fact, new: &NewEvent) -> String {
    if fact.row.event_type != new.event.event_type() {
        return format!("the log has {}, the rules write {}", fact.row.event_type, new.event.event_type());
    }
    if fact.row.occurred_at != new.occurred_at {
        return format!("the log has {}, the rules {}", fact.row.occurred_at, new.occurred_at);
    }
    let ours = new.event.payload().unwrap_or(Value::Null);
    let theirs = &fact.row.payload;
    let names = ours.as_object().into_iter().chain(theirs.as_object()).flat_map(|object| object.keys());
    let mut differ: Vec<&String> =
        names.filter(|name| ours.get(name.as_str()) != theirs.get(name.as_str())).collect();
    differ.sort_unstable();
    differ.dedup();
    let Some(first) = differ.first() else {
        return format!("{}: another policy or cause than the rules name", fact.row.event_type);
    };
    let show = |value: Option<&Value>| match value {
        None => "nothing".to_owned(),
        // What somebody may have written herself is not shown: a report goes further than the log.
        Some(value) if is_shown(value) => value.to_string(),
        Some(_) => "something that is not shown".to_owned(),
    };
    format!(
        "{}: the log has {first} = {}, the rules {}",
        fact.row.event_type,
        show(theirs.get(first.as_str())),
        show(ours.get(first.as_str()))
    )
}
