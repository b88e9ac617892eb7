//! A town of made-up members whose log is written by the real decisions, from a seed.

mod deeds;
mod edits;
mod seal;

pub(crate) use seal::Sealer;
#[allow(unused_imports, reason = "a large log is not kept to be changed")]
pub(crate) use seal::Shape;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use ledger_core::business::decide::{RegisterBusiness, register};
use ledger_core::business::event::Terms;
use ledger_core::category::{Category, Confidentiality};
use ledger_core::context::{Context, Registry};
use ledger_core::ids::{BusinessId, CorrelationId, EventId, LogId, MemberId, NaturalKey, PurchaseId};
use ledger_core::log::{Actor, Event, Metadata, Row, StreamType};
use ledger_core::member::draft::Draft;
use ledger_core::member::{MemberCommand, MemberOutcome, MemberState, PurchaseFile};
use ledger_core::policy::POLICY_STREAM;
use ledger_core::policy::decide::first_policy;
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;
use uuid::Uuid;

/// Numbers from a seed (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn of(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `end` − 1.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).expect("fits")).expect("fits")
    }

    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.next() % u64::try_from(high - low + 1).expect("fits")).expect("fits")
    }

    pub(crate) fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }
}

/// A purchase that can be edited.
#[derive(Debug, Clone)]
pub(crate) struct Bought {
    pub(crate) owner: MemberId,
    pub(crate) file: PurchaseFile,
    pub(crate) natural_key: NaturalKey,
    pub(crate) revision: u32,
}

/// What one decision wants written to which stream.
pub(crate) type Part = (StreamType, Uuid, Draft);

/// The town.
pub(crate) struct Town {
    pub(crate) log_id: LogId,
    pub(crate) dice: Dice,
    pub(crate) now: Timestamp,
    pub(crate) registry: Registry,
    pub(crate) members: BTreeMap<MemberId, MemberState>,
    pub(crate) bought: BTreeMap<PurchaseId, Bought>,
    pub(crate) rows: Vec<Row>,
    versions: BTreeMap<Uuid, i32>,
    serial: u128,
    /// Whether rows are kept: a large log is written as it comes.
    sink: Option<Box<dyn FnMut(Row)>>,
    count: i64,
    /// Members and purchases in the order in which they came.
    order: Vec<MemberId>,
    purchases: Vec<PurchaseId>,
    is_crowded: bool,
}

/// The businesses: short name, category, whether a visit is a secret, days until a lot is available.
const SHOPS: [(&str, Category, Confidentiality, u32); 5] = [
    ("mindal", Category::BeautySalon, Confidentiality::Ordinary, 0),
    ("lisichkino", Category::Gastronomy, Confidentiality::Ordinary, 14),
    ("buket", Category::Floristry, Confidentiality::Ordinary, 0),
    ("ochki", Category::Optics, Confidentiality::Ordinary, 1),
    ("steam-center", Category::Dentistry, Confidentiality::Medical, 0),
];

impl Town {
    /// A town with its policy and its businesses, and nobody in it.
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::of(seed);
        let log_id = LogId::from_uuid(Uuid::from_u64_pair(dice.next(), dice.next()));
        let mut town = Self {
            log_id,
            dice,
            now: "2026-01-10T09:00:00.000001Z".parse().expect("a time"),
            registry: Registry::default(),
            members: BTreeMap::new(),
            bought: BTreeMap::new(),
            rows: Vec::new(),
            versions: BTreeMap::new(),
            serial: 0,
            sink: None,
            count: 0,
            order: Vec::new(),
            purchases: Vec::new(),
            is_crowded: false,
        };
        let mut draft = Draft::new(1);
        draft.push(town.now, first_policy().expect("defaults").into());
        town.write("origin", vec![(StreamType::Policy, POLICY_STREAM, draft)]);
        for (slug, category, confidentiality, hold_days) in SHOPS {
            town.opens(slug, category, confidentiality, hold_days);
        }
        town
    }

    /// The same, whose rows go to `sink`.
    #[allow(dead_code, reason = "for large logs")]
    pub(crate) fn into_sink(mut self, mut sink: Box<dyn FnMut(Row)>) -> Self {
        self.rows.drain(..).for_each(&mut sink);
        self.sink = Some(sink);
        self
    }

    /// How many events there are.
    pub(crate) const fn count(&self) -> i64 {
        self.count
    }

    fn opens(&mut self, slug: &str, category: Category, confidentiality: Confidentiality, hold_days: u32) {
        let business_id = BusinessId::from_uuid(self.fresh());
        let terms = Terms { hold_days: Some(hold_days), ..Terms::default() };
        let (slug, name) = (slug.parse().expect("a slug"), "Имя".to_owned());
        let command = RegisterBusiness { business_id, slug, name, category, confidentiality, terms };
        let events = register(&self.registry.businesses, &command).expect("a new business");
        self.write_events(StreamType::Business, business_id.as_uuid(), events);
    }

    /// Writes facts that happen now.
    pub(crate) fn write_events(&mut self, kind: StreamType, id: Uuid, events: Vec<Event>) {
        let version = self.context().policy_at(self.now).expect("a policy").version;
        let mut draft = Draft::new(version);
        for event in events {
            draft.push(self.now, event);
        }
        self.write("api", vec![(kind, id, draft)]);
    }

    /// A fresh id.
    pub(crate) fn fresh(&mut self) -> Uuid {
        self.serial += 1;
        // Of the form that ids of the service have, and the same for every run.
        Uuid::new_v5(&self.log_id.as_uuid(), &self.serial.to_be_bytes())
    }

    /// A fresh key.
    pub(crate) fn key(&mut self) -> NaturalKey {
        let (low, high) = (self.fresh(), self.fresh());
        let mut key = [0; 32];
        key[..16].copy_from_slice(low.as_bytes());
        key[16..28].copy_from_slice(&high.as_bytes()[..12]);
        NaturalKey::from_bytes(key)
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context { recorded_at: self.now, registry: &self.registry }
    }

    /// Time passes.
    pub(crate) fn passes(&mut self, seconds: i64) {
        self.now = self.now.plus(TimeDelta::microseconds(seconds * 1_000_000 + 7));
    }

    /// Decides a command to a member and writes it.
    pub(crate) fn ask(
        &mut self,
        member: MemberId,
        command: &MemberCommand,
        source: &'static str,
    ) -> Result<MemberOutcome, Rejection> {
        let none = MemberState::default();
        let state = self.members.get(&member).unwrap_or(&none);
        let (draft, outcome) = ledger_core::member::decide(state, command, &self.context())?;
        self.write(source, vec![(StreamType::Member, member.as_uuid(), draft)]);
        Ok(outcome)
    }

    /// Writes the drafts of one decision as one append.
    pub(crate) fn write(&mut self, source: &str, parts: Vec<Part>) {
        let (correlation, key) = (self.fresh(), self.key());
        for (kind, own, draft) in parts {
            let ids: Vec<EventId> = draft.events.iter().map(|_| EventId::from_uuid(self.fresh())).collect();
            for (new, event_id) in draft.events.iter().zip(&ids) {
                let (kind, id) = match &new.event {
                    Event::Business(fact) => (StreamType::Business, fact.business_id().as_uuid()),
                    Event::Chain(fact) => (StreamType::Chain, fact.chain_id().as_uuid()),
                    Event::Offer(fact) => (StreamType::Offer, fact.offer_id().as_uuid()),
                    Event::Member(_) | Event::Policy(_) => (kind, own),
                };
                let version = self.versions.entry(id).or_default();
                *version += 1;
                self.count += 1;
                let row = Row {
                    position: self.count,
                    event_id: *event_id,
                    stream_type: kind,
                    stream_id: id,
                    stream_version: *version,
                    event_type: new.event.event_type().to_owned(),
                    schema_version: new.event.schema_version(),
                    occurred_at: new.occurred_at,
                    recorded_at: self.now,
                    payload: new.event.payload().expect("JSON"),
                    metadata: Metadata {
                        actor: Actor::SYSTEM,
                        causation_id: new.cause.map(|index| ids[index]),
                        correlation_id: CorrelationId::from_uuid(correlation),
                        idempotency_key: hex::encode(key.as_bytes()),
                        policy_version: draft.policy_version,
                        rules_revision: draft.rules_revision,
                        source: source.to_owned(),
                    },
                };
                self.fold(row.position, own, new.occurred_at, &new.event);
                match &mut self.sink {
                    Some(sink) => sink(row),
                    None => self.rows.push(row),
                }
            }
        }
    }

    fn fold(&mut self, position: i64, stream: Uuid, occurred_at: Timestamp, event: &Event) {
        self.registry.apply(stream, event).expect("a registry that holds");
        let Event::Member(fact) = event else { return };
        let member = MemberId::from_uuid(stream);
        if !self.members.contains_key(&member) {
            self.order.push(member);
        }
        let state = self.members.entry(member).or_default();
        state.apply(position, occurred_at, fact).expect("a history that holds");
        self.remember(member, occurred_at, event);
    }
}
