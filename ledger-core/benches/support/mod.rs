//! Made-up members for the benchmarks: one business, its customers, and what they did.
#![allow(dead_code, reason = "each benchmark uses its own part")]

use chrono::TimeDelta;
use ledger_core::business::event::{BusinessEvent, BusinessRegistered, Terms};
use ledger_core::category::{Category, Confidentiality};
use ledger_core::context::{Context, Registry};
use ledger_core::ids::{BusinessId, NaturalKey, QuarantineId, RedemptionId, Slug};
use ledger_core::log::Event;
use ledger_core::member::command::{HoldBonuses, PurchaseDocument, PurchaseMode, RecordPurchase};
use ledger_core::member::consent::{ConsentChange, ConsentChannel, ConsentChoice, ConsentOrigin, Purpose};
use ledger_core::member::event::{MemberEvent, PurchaseSource};
use ledger_core::member::{MemberCommand, MemberState, decide};
use ledger_core::money::{Bonuses, Roubles};
use ledger_core::policy::decide::first_policy;
use ledger_core::policy::event::PolicyEvent;
use ledger_core::simulation::Fact;
use ledger_core::time::Timestamp;
use uuid::Uuid;

/// As in the services.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Where everybody buys.
pub(crate) const BUSINESS: BusinessId = BusinessId::from_uuid(Uuid::from_u128(0x42));
/// The hold of [`hold`].
pub(crate) const HOLD: RedemptionId = RedemptionId::from_uuid(Uuid::from_u128(0x43));

/// A moment.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The first policy and the one business.
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.policies.apply(&PolicyEvent::PolicyPublished(first_policy().expect("defaults")));
    let registered = BusinessRegistered {
        business_id: BUSINESS,
        slug: slug(),
        name: "Миндаль".to_owned(),
        category: Category::BeautySalon,
        confidentiality: Confidentiality::Ordinary,
        terms: Terms::default(),
    };
    registry.businesses.apply(&BusinessEvent::BusinessRegistered(registered)).expect("a new business");
    registry
}

fn slug() -> Slug {
    "mindal".parse().expect("a slug")
}

/// A key of its own for every purchase: their ids follow from it.
pub(crate) fn natural_key(serial: u128) -> NaturalKey {
    let mut key = [7; 32];
    for (byte, of_serial) in key.iter_mut().zip(serial.to_be_bytes().iter().rev()) {
        *byte = *of_serial;
    }
    NaturalKey::from_bytes(key)
}

/// The purchase with this number, of 1,234.56 ₽; it captures [`HOLD`] if asked to.
pub(crate) fn purchase(occurred_at: Timestamp, serial: u128, captures: bool) -> MemberCommand {
    MemberCommand::RecordPurchase(RecordPurchase {
        quarantine_id: QuarantineId::from_uuid(Uuid::from_u128(serial)),
        document: PurchaseDocument {
            business_id: BUSINESS,
            natural_key: natural_key(serial),
            revision: 1,
            amount: Roubles::from_kopecks(123_456),
            occurred_at,
            source: PurchaseSource::Api,
            source_system: None,
            cancelled: false,
            redemption_id: captures.then_some(HOLD),
            redeem_amount: None,
            coupon_code: None,
        },
        mode: PurchaseMode::Live,
    })
}

/// Reserves 500.00 bonuses, of several lots.
pub(crate) fn hold() -> MemberCommand {
    MemberCommand::HoldBonuses(HoldBonuses {
        redemption_id: HOLD,
        business_id: BUSINESS,
        bill_amount: Roubles::from_kopecks(123_456),
        amount: Bonuses::from_kopecks(50_000),
    })
}

/// She joins, and lets the business report her purchases.
fn registration(registered_at: Timestamp) -> MemberCommand {
    let consent = |purpose| ConsentChange {
        purpose,
        choice: ConsentChoice::Granted,
        version: "1".parse().expect("a version"),
        text_hash: None,
    };
    let consents = vec![consent(Purpose::PersonalData), consent(Purpose::Partner(slug()))];
    MemberCommand::Register {
        registered_at,
        consents,
        origin: ConsentOrigin::from_channel(ConsentChannel::App),
    }
}

/// A member, and all that happened to her.
pub(crate) struct Life {
    /// Her state.
    pub(crate) state: MemberState,
    /// Her facts.
    pub(crate) facts: Vec<Fact>,
}

impl Life {
    /// She joins at `joined` and buys at each of `moments`.
    pub(crate) fn of(
        registry: &Registry,
        joined: Timestamp,
        moments: impl IntoIterator<Item = Timestamp>,
    ) -> Self {
        let mut life = Self { state: MemberState::default(), facts: Vec::new() };
        life.run(registry, &registration(joined), joined);
        for (serial, moment) in (1..).zip(moments) {
            life.run(registry, &purchase(moment, serial, false), moment);
        }
        life
    }

    /// Decides a command and writes it down.
    pub(crate) fn run(&mut self, registry: &Registry, command: &MemberCommand, recorded_at: Timestamp) {
        let (draft, _) = decide(&self.state, command, &Context { recorded_at, registry }).expect("accepted");
        for new in draft.events {
            let Event::Member(event) = new.event else { continue };
            let position = i64::try_from(self.facts.len() + 1).expect("a short log");
            self.state.apply(position, new.occurred_at, &event).expect("a history that holds");
            let (occurred_at, mode) = (new.occurred_at, PurchaseMode::Live);
            self.facts.push(Fact { position, occurred_at, recorded_at, mode, event });
        }
    }

    /// Her last purchase's file.
    pub(crate) fn last_file(&self) -> ledger_core::member::PurchaseFile {
        let last = self.facts.iter().rposition(|fact| matches!(fact.event, MemberEvent::PurchaseRecorded(_)));
        let facts = self.facts.iter().skip(last.expect("a purchase"));
        let file = facts.fold(None, |file, fact| {
            ledger_core::member::PurchaseFile::fold(
                file,
                fact.occurred_at,
                &Event::Member(fact.event.clone()),
            )
        });
        file.expect("a file")
    }
}

/// `count` moments before `now`, evenly `hours` apart, the last one `hours` before it.
pub(crate) fn every(hours: i64, count: i64, now: Timestamp) -> impl Iterator<Item = Timestamp> {
    (1..=count).rev().map(move |back| now.minus(TimeDelta::hours(hours * back)))
}
