//! The domain, driven with the model's commands and answering in the model's words.

use std::collections::{BTreeMap, BTreeSet};

use ledger_core::business::decide::{
    ChangeBusiness, SetMultiplier, WaitForPurchase, change, set_multiplier, wait_for_purchase,
};
use ledger_core::business::event::{BusinessEvent, BusinessRegistered, Terms};
use ledger_core::category::{Category, Confidentiality};
use ledger_core::context::{Context, Registry};
use ledger_core::ids::{BusinessId, LotId, MemberId, NaturalKey, PurchaseId, QuarantineId, SourceKey};
use ledger_core::log::{Event, Position};
use ledger_core::member::command::{
    HoldBonuses, PurchaseDocument, PurchaseMode, RecordPurchase, RefundPurchase,
};
use ledger_core::member::consent::{ConsentChange, ConsentChannel, ConsentChoice, ConsentOrigin};
use ledger_core::member::draft::Draft;
use ledger_core::member::event::PurchaseSource;
use ledger_core::member::{
    AmendPurchase, MemberCommand, MemberOutcome, MemberState, PurchaseFile, Refund, decide,
};
use ledger_core::money::{Bonuses, Roubles};
use ledger_core::policy::decide::{PublishPolicy, first_policy, publish};
use ledger_core::policy::event::PolicyEvent;
use ledger_core::policy::{Policy, RULES_REVISION};
use ledger_core::postings::{Account, Unit, postings};
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;
use plain_model::books::Books;
use plain_model::member::{Balance, Command, Document, Outcome};
use plain_model::revision::Revision;
use plain_model::status::Status;
use plain_model::{Kopecks, Refusal};
use uuid::Uuid;

use crate::answers::answer;
use crate::reactions::Question;
use crate::{coupons, standing};

/// The registry, and one member.
#[derive(Clone)]
pub(crate) struct Domain {
    pub(crate) registry: Registry,
    pub(crate) her: Her,
    /// Which system reported each purchase.
    sources: BTreeMap<PurchaseId, u8>,
}

/// One member and her log.
#[derive(Clone)]
pub(crate) struct Her {
    pub(crate) id: MemberId,
    pub(crate) state: MemberState,
    pub(crate) log: Vec<Told>,
    /// Purchases that she took over: as they were then, and how much of her log was before. Rule D3.
    pub(crate) taken_over: BTreeMap<PurchaseId, (PurchaseFile, usize)>,
    /// How much of the log chains have looked at.
    pub(crate) passed: usize,
    /// Which of the questions that followed from it led to facts.
    pub(crate) answered: BTreeSet<Question>,
}

/// A fact on the log.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) occurred_at: Timestamp,
    pub(crate) recorded_at: Timestamp,
    pub(crate) event: Event,
}

impl Her {
    /// The `number`th member, of whom nothing is known.
    pub(crate) fn new(number: u8) -> Self {
        let id = MemberId::from_uuid(Uuid::from_u128(7 + u128::from(number)));
        let (state, log, answered) = (MemberState::default(), Vec::new(), BTreeSet::new());
        Self { id, state, log, taken_over: BTreeMap::new(), passed: 0, answered }
    }
}

/// Either an answer or the code of a refusal.
pub(crate) type Answer = Result<Outcome, Refusal>;

pub(crate) fn business_id(slug: &str) -> BusinessId {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(slug.bytes()).for_each(|(to, from)| *to = from);
    BusinessId::from_uuid(Uuid::from_bytes(bytes))
}

/// The keyed natural key of the `serial`th document.
pub(crate) fn natural_key(serial: u32) -> NaturalKey {
    let mut bytes = [7; 32];
    bytes[..4].copy_from_slice(&serial.to_be_bytes());
    NaturalKey::from_bytes(bytes)
}

pub(crate) fn bonuses(kopecks: Kopecks) -> Bonuses {
    Bonuses::from_kopecks(i64::try_from(kopecks).expect("fits"))
}

pub(crate) fn roubles(kopecks: Kopecks) -> Roubles {
    Roubles::from_kopecks(i64::try_from(kopecks).expect("fits"))
}

pub(crate) fn status(status: ledger_core::member::status::Status) -> Status {
    let all = [Status::Insider, Status::Vip, Status::Elite, Status::InnerCircle];
    all.into_iter().find(|ours| ours.as_str() == status.as_str()).expect("the same names")
}

fn origin() -> ConsentOrigin {
    ConsentOrigin { channel: ConsentChannel::App, evidence: None, session: None }
}

fn consents(changes: &[(String, bool)]) -> Vec<ConsentChange> {
    let change = |(purpose, granted): &(String, bool)| ConsentChange {
        purpose: purpose.parse().expect("a purpose"),
        choice: if *granted { ConsentChoice::Granted } else { ConsentChoice::Withdrawn },
        version: "1".parse().expect("a version"),
        text_hash: None,
    };
    changes.iter().map(change).collect()
}

impl Domain {
    pub(crate) fn new(businesses: &[(&str, Category, bool)]) -> Self {
        let mut registry = Registry::default();
        registry.policies.apply(&PolicyEvent::PolicyPublished(first_policy().expect("defaults")));
        for (slug, category, is_medical) in businesses {
            let registered = BusinessRegistered {
                business_id: business_id(slug),
                slug: slug.parse().expect("a slug"),
                name: (*slug).to_owned(),
                category: *category,
                confidentiality: if *is_medical {
                    Confidentiality::Medical
                } else {
                    Confidentiality::Ordinary
                },
                terms: Terms::default(),
            };
            registry.businesses.apply(&BusinessEvent::BusinessRegistered(registered)).expect("a first fact");
        }
        Self { registry, her: Her::new(0), sources: BTreeMap::new() }
    }

    /// The policy that is published, or `None` when it is refused.
    pub(crate) fn publish(&mut self, now: Timestamp, command: &PublishPolicy) -> Option<Policy> {
        let published = publish(&self.registry.policies, command, now).ok()?;
        self.registry.policies.apply(&PolicyEvent::PolicyPublished(published));
        self.registry.policies.newest().cloned()
    }

    pub(crate) fn change_terms(&mut self, now: Timestamp, command: &ChangeBusiness) {
        let events = change(&self.registry.businesses, command, now).expect("a known business");
        self.of_businesses(events);
    }

    pub(crate) fn set_multiplier(&mut self, now: Timestamp, command: &SetMultiplier) {
        let events = set_multiplier(&self.registry.businesses, command, now).expect("a period to come");
        self.of_businesses(events);
    }

    pub(crate) fn wait(&mut self, now: Timestamp, command: &WaitForPurchase) {
        let context = Context { recorded_at: now, registry: &self.registry };
        let events = wait_for_purchase(command, &context).expect("few wait");
        self.of_businesses(events);
    }

    fn of_businesses(&mut self, events: Vec<Event>) {
        for event in events {
            let Event::Business(fact) = event else { panic!("a fact of a business") };
            self.registry.businesses.apply(&fact).expect("a history that holds");
        }
    }

    pub(crate) fn command(&mut self, now: Timestamp, command: &Command) -> Answer {
        if let Command::Purchase(document) = command {
            self.sources.insert(document.id, document.source);
        }
        let command = self.translate(command)?;
        self.execute(now, &command).map(|(outcome, _)| answer(outcome))
    }

    /// The answer, and how many facts were written.
    pub(crate) fn execute(
        &mut self,
        now: Timestamp,
        command: &MemberCommand,
    ) -> Result<(MemberOutcome, usize), Refusal> {
        let context = Context { recorded_at: now, registry: &self.registry };
        let (draft, outcome) =
            decide(&self.her.state, command, &context).map_err(|refused| refused.code())?;
        Ok((outcome, self.write(now, draft)))
    }

    /// How many facts were written.
    pub(crate) fn write(&mut self, now: Timestamp, draft: Draft) -> usize {
        assert_eq!(draft.rules_revision, RULES_REVISION);
        let written = draft.events.len();
        for new in draft.events {
            let position = Position::try_from(self.her.log.len() + 1).expect("short");
            match &new.event {
                Event::Member(fact) => self.her.state.apply(position, new.occurred_at, fact),
                Event::Chain(fact) => {
                    self.registry.chains.apply(fact).expect("a history that holds");
                    continue;
                }
                Event::Business(fact) => {
                    self.registry.businesses.apply(fact).expect("a history that holds");
                    continue;
                }
                other => panic!("{other:?} is no fact of hers"),
            }
            .expect("a history that holds");
            let (occurred_at, event) = (new.occurred_at, new.event);
            self.her.log.push(Told { occurred_at, recorded_at: now, event });
        }
        written
    }

    fn translate(&self, command: &Command) -> Result<MemberCommand, Refusal> {
        Ok(match command {
            Command::Register { at, consents: given } => {
                MemberCommand::Register { registered_at: *at, consents: consents(given), origin: origin() }
            }
            Command::ChangeConsents(changes) => {
                MemberCommand::ChangeConsents { changes: consents(changes), origin: origin() }
            }
            Command::Purchase(document) => MemberCommand::RecordPurchase(purchase(document)),
            Command::Apply(id) => MemberCommand::ApplyQuarantined(quarantine_id(*id)),
            Command::Drop(id) => MemberCommand::DropQuarantined(quarantine_id(*id)),
            Command::Hold { id, business, bill, amount } => MemberCommand::HoldBonuses(HoldBonuses {
                redemption_id: *id,
                business_id: business_id(business),
                bill_amount: roubles(*bill),
                amount: bonuses(*amount),
            }),
            Command::Cancel { id, business } => {
                MemberCommand::CancelHold { redemption_id: *id, business_id: business_id(business) }
            }
            Command::Refund { purchase, business, id, amount, occurred_at } => {
                let file = self.file(*purchase).ok_or_else(|| Rejection::PurchaseNotFound.code())?;
                let refund = Refund { refund_id: *id, amount: roubles(*amount), occurred_at: *occurred_at };
                let business_id = business_id(business);
                MemberCommand::RefundPurchase(Box::new(RefundPurchase { file, business_id, refund }))
            }
            Command::IssueCoupon(_) | Command::ActivateCoupon { .. } | Command::RevokeCoupon { .. } => {
                coupons::translate(command)
            }
            Command::Revise(asked) => MemberCommand::AmendPurchase(Box::new(self.revision(asked))),
            Command::Due => MemberCommand::WriteDue,
            Command::Review => MemberCommand::ReviewStatus,
            hand => standing::translate(hand).expect("asked of her standing"),
        })
    }

    pub(crate) fn revision(&self, asked: &Revision) -> AmendPurchase {
        let file = self.file(asked.purchase).expect("a recorded purchase");
        let document = PurchaseDocument {
            business_id: file.business_id,
            natural_key: key_of(asked.purchase),
            revision: asked.revision,
            // Of a cancelled document it does not matter.
            amount: roubles(asked.bill.unwrap_or(1)),
            occurred_at: file.bought_at,
            source: PurchaseSource::Api,
            source_system: self.sources.get(&asked.purchase).copied().and_then(source_system),
            cancelled: asked.bill.is_none(),
            redemption_id: asked.redemption,
            redeem_amount: asked.redeem_amount.map(bonuses),
            coupon_code: asked.coupon.map(natural_key),
        };
        AmendPurchase { file, document }
    }

    pub(crate) fn file(&self, purchase: PurchaseId) -> Option<PurchaseFile> {
        let taken_over = self.her.taken_over.get(&purchase).cloned();
        let (file, since) = taken_over.map_or((None, 0), |(file, since)| (Some(file), since));
        let about = self.her.log[since..].iter().filter(|told| PurchaseFile::concerns(purchase, &told.event));
        about.fold(file, |file, told| PurchaseFile::fold(file, told.occurred_at, &told.event))
    }

    pub(crate) fn balance(&self, now: Timestamp, days: u32) -> Balance {
        let of = |amount: Bonuses| Kopecks::from(amount.kopecks());
        let balance = self.her.state.balance(now, days).expect("fits");
        Balance {
            total: of(balance.total().expect("fits")),
            available: of(balance.available),
            pending: of(balance.pending),
            held: of(balance.held),
            debt: of(balance.debt),
            expiring_soon: balance.expiring_soon.iter().map(|(at, amount)| (*at, of(*amount))).collect(),
        }
    }

    /// Every account, and what stands of each lot: the sum of all its accounts but debt and claims, which must be nothing,
    /// and what is outstanding of it.
    pub(crate) fn books(&self) -> (Books, BTreeMap<LotId, (Kopecks, Kopecks)>) {
        let mut books = Books::default();
        let mut lots = BTreeMap::<LotId, (Kopecks, Kopecks)>::new();
        for Told { event, .. } in &self.her.log {
            let mut sums = BTreeMap::<Unit, i64>::new();
            for posting in postings(self.her.id, event) {
                *sums.entry(posting.unit).or_default() += posting.kopecks;
                let amount = Kopecks::from(posting.kopecks);
                let side = match posting.unit {
                    Unit::Bon => &mut books.bon,
                    Unit::Rub => &mut books.rub,
                };
                *side.entry(posting.account.to_string()).or_default() += amount;
                let is_owed = matches!(posting.account, Account::MemberDebt(_) | Account::Claims(_));
                if posting.unit == Unit::Bon && !is_owed {
                    let lot = lots.entry(posting.lot_id).or_default();
                    lot.0 += amount;
                    let is_hers = matches!(
                        posting.account,
                        Account::MemberPending(_) | Account::MemberAvailable(_) | Account::MemberHeld(_)
                    );
                    lot.1 += if is_hers { amount } else { 0 };
                }
            }
            assert!(sums.values().all(|sum| *sum == 0), "rule M1: {event:?}");
        }
        books.bon.retain(|_, amount| *amount != 0);
        books.rub.retain(|_, amount| *amount != 0);
        (books, lots)
    }
}

fn purchase(document: &Document) -> RecordPurchase {
    let mode = match document.import {
        Some(registered_at) => PurchaseMode::Import { registered_at },
        None => PurchaseMode::Live,
    };
    RecordPurchase {
        quarantine_id: quarantine_id(document.id),
        document: PurchaseDocument {
            business_id: business_id(&document.business),
            natural_key: key_of(document.id),
            revision: document.revision,
            amount: roubles(document.amount),
            occurred_at: document.occurred_at,
            source: PurchaseSource::Api,
            source_system: source_system(document.source),
            cancelled: false,
            redemption_id: document.redemption,
            redeem_amount: document.redeem_amount.map(bonuses),
            coupon_code: document.coupon.map(natural_key),
        },
        mode,
    }
}

/// It is part of what names a document, so of all its revisions. Rule D1.
fn source_system(source: u8) -> Option<SourceKey> {
    (source > 0).then(|| SourceKey::from_bytes([source; 8]))
}

fn quarantine_id(id: PurchaseId) -> QuarantineId {
    QuarantineId::from_uuid(id.as_uuid())
}

/// The serial stands in the first bytes of the id, as it does in the key.
fn key_of(purchase: PurchaseId) -> NaturalKey {
    let bytes = purchase.as_uuid().into_bytes();
    natural_key(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}
