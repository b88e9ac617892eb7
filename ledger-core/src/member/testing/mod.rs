//! Given, when, then: a member's past, a command, and what must follow. For tests alone.
//!
//! The world has nine ordinary businesses, one per category (`lisichkino` holds lots for 14 days), and the clinics
//! `steam-center` and `skinerica`, both of cosmetology. Anna, unless a test says otherwise, registered on 2026-01-01
//! and lets everyone report her purchases.

mod asks;
mod chains;
mod coupons;
mod facts;
mod merging;
mod offers;

pub(crate) use asks::{amend, buy, cancel, give_back, hold, redemption_id, refund_id};
pub(crate) use chains::{TRIGGERED, chain_id, follow, steps, take};
pub(crate) use coupons::{Coupon, activate, bonus, code, coupon, coupon_id, fixed, percent, revoke};
pub(crate) use facts::{
    IN_THE_APP, bought, consent, expired, granted, lot, matured, recorded, registered, withdrawn,
};

pub(crate) use merging::{Decide, HERS, OLD, Pair};
pub(crate) use offers::{TakeOffered, offer_id, offered, offered_to};

use chrono::TimeDelta;
use serde_json::Value;
use uuid::Uuid;

use crate::business::event::{BusinessEvent, BusinessMultiplierSet, BusinessRegistered, Terms};
use crate::category::{Category, Confidentiality};
use crate::context::{Context, Registry};
use crate::ids::{BusinessId, GrantId, PurchaseId, QuarantineId, ReasonId};
use crate::log::{Event, Position};
use crate::member::command::{MemberCommand, MemberOutcome, PurchaseOutcome};
use crate::member::decide::decide;
use crate::member::draft::{Draft, NewEvent};
use crate::member::event::{BonusAccrued, MemberEvent};
use crate::member::state::MemberState;
use crate::money::{Bonuses, Roubles};
use crate::policy::decide::{PublishPolicy, first_policy, publish};
use crate::policy::event::PolicyEvent;
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// The ordinary businesses, one per category.
pub(crate) const ORDINARY: [(&str, Category); 9] = [
    ("mindal", Category::BeautySalon),
    ("kozha", Category::Cosmetology),
    ("zubok", Category::Dentistry),
    ("zdravie", Category::Medicine),
    ("lisichkino", Category::Gastronomy),
    ("buket", Category::Floristry),
    ("linza", Category::Optics),
    ("uyut", Category::HomeTextile),
    ("zakon", Category::Legal),
];

/// The clinics.
pub(crate) const CLINICS: [(&str, Category); 2] =
    [("steam-center", Category::Cosmetology), ("skinerica", Category::Cosmetology)];

/// The moment most tests stand at.
pub(crate) const NOON: &str = "2026-03-02T12:00:00.000000+03:00";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

pub(crate) fn bon(text: &str) -> Bonuses {
    text.parse().expect("an amount")
}

pub(crate) fn rub(text: &str) -> Roubles {
    text.parse().expect("an amount")
}

pub(crate) fn business_id(slug: &str) -> BusinessId {
    BusinessId::from_uuid(Uuid::new_v5(&Uuid::NAMESPACE_DNS, slug.as_bytes()))
}

/// The id of the purchase that was the `serial`th of its world, from 1.
pub(crate) fn purchase_id(serial: u8) -> PurchaseId {
    PurchaseId::of_key(&[serial; 32])
}

pub(crate) fn grant_id(serial: u8) -> GrantId {
    GrantId::from_uuid(Uuid::from_u128(2_000 + u128::from(serial)))
}

pub(crate) fn reason_id(serial: u8) -> ReasonId {
    ReasonId::from_uuid(Uuid::from_u128(3_000 + u128::from(serial)))
}

pub(crate) fn quarantine_id(serial: u8) -> QuarantineId {
    QuarantineId::from_uuid(Uuid::from_u128(1_000 + u128::from(serial)))
}

pub(crate) fn kind_of(slug: &str) -> (Category, Confidentiality) {
    let named = |list: &[(&str, Category)]| list.iter().find(|(name, _)| *name == slug).map(|(_, it)| *it);
    match (named(&ORDINARY), named(&CLINICS)) {
        (Some(category), _) => (category, Confidentiality::Ordinary),
        (None, Some(category)) => (category, Confidentiality::Medical),
        (None, None) => panic!("no business {slug}"),
    }
}

fn businesses() -> Vec<BusinessRegistered> {
    let register = |(slug, _): &(&str, Category)| {
        let (category, confidentiality) = kind_of(slug);
        BusinessRegistered {
            business_id: business_id(slug),
            slug: slug.parse().expect("a slug"),
            name: (*slug).to_owned(),
            category,
            confidentiality,
            terms: Terms { hold_days: (*slug == "lisichkino").then_some(14), ..Terms::default() },
        }
    };
    ORDINARY.iter().chain(&CLINICS).map(register).collect()
}

/// Every consent that lets a purchase through.
fn reporting() -> Vec<Event> {
    let partner = |(slug, _): &(&str, Category)| granted(&format!("partner:{slug}"));
    let medical = |(slug, _): &(&str, Category)| granted(&format!("medical:{slug}"));
    ORDINARY.iter().map(partner).chain(CLINICS.iter().map(medical)).collect()
}

/// Anna's past: registered on 2026-01-01, everyone may report.
pub(crate) fn anna() -> World {
    anna_since("2026-01-01T12:00:00+03:00")
}

/// Anna, registered at another time.
pub(crate) fn anna_since(when: &str) -> World {
    let mut past = vec![registered(when), granted("personal_data")];
    past.extend(reporting());
    given(past)
}

/// A world with this past, each fact at 2026-01-01, standing at [`NOON`].
pub(crate) fn given(past: impl IntoIterator<Item = Event>) -> World {
    let mut registry = Registry::default();
    registry.policies.apply(&PolicyEvent::PolicyPublished(first_policy().expect("defaults")));
    for business in businesses() {
        registry.businesses.apply(&BusinessEvent::BusinessRegistered(business)).expect("a first fact");
    }
    let mut world = World {
        registry,
        state: MemberState::default(),
        log: Vec::new(),
        known: Vec::new(),
        now: at(NOON),
        serial: 0,
        after: 0,
        last: None,
    };
    for event in past {
        world.write(at("2026-01-01T12:00:00+03:00"), event);
    }
    world
}

/// One member and what surrounds her.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) registry: Registry,
    pub(crate) state: MemberState,
    pub(crate) log: Vec<(Timestamp, Event)>,
    /// What purchase files are made of: her facts, and those of accounts that are or were one with hers.
    pub(crate) known: Vec<(Timestamp, Event)>,
    pub(crate) now: Timestamp,
    serial: u8,
    /// Her ids and places begin after this: two members on one log have none in common.
    pub(crate) after: u8,
    /// The last place on the log, where it is told from without.
    pub(crate) last: Option<Position>,
}

impl World {
    /// As another member's, whose purchases are numbered from the one after `after`; nothing has happened to her yet.
    pub(crate) fn numbered_after(mut self, after: u8) -> Self {
        (self.serial, self.after) = (after, after);
        self
    }

    /// Moves the clock.
    pub(crate) fn at(mut self, when: &str) -> Self {
        self.now = at(when);
        self
    }

    /// Moves the clock on.
    pub(crate) fn later(mut self, delta: TimeDelta) -> Self {
        self.now = self.now.plus(delta);
        self
    }

    /// A policy with one parameter changed, in force from now.
    pub(crate) fn policy(mut self, name: &str, value: Value) -> Self {
        let command = PublishPolicy { effective_from: None, changes: [(name.to_owned(), value)].into() };
        let published = publish(&self.registry.policies, &command, self.now).expect("a policy");
        self.registry.policies.apply(&PolicyEvent::PolicyPublished(published));
        self
    }

    /// A multiplier of a business for a period.
    pub(crate) fn multiplier(mut self, slug: &str, from: &str, to: &str, value: &str) -> Self {
        let set = BusinessMultiplierSet {
            business_id: business_id(slug),
            from: at(from),
            to: at(to),
            value: value.parse().expect("a multiplier"),
            offer_id: None,
        };
        self.registry.businesses.apply(&BusinessEvent::BusinessMultiplierSet(set)).expect("known");
        self
    }

    /// Decides a command and writes what follows; it must not be refused.
    pub(crate) fn after(self, ask: impl Ask) -> Self {
        let decision = self.when(ask);
        let (draft, _) = decision.answer.expect("an accepted command");
        let mut world = decision.world;
        draft.events.into_iter().for_each(|new| world.write(new.occurred_at, new.event));
        world
    }

    /// Decides a command.
    pub(crate) fn when(mut self, ask: impl Ask) -> Decision {
        let command = ask.command(&mut self);
        let context = Context { recorded_at: self.now, registry: &self.registry };
        let answer = decide(&self.state, &command, &context);
        Decision { world: self, answer }
    }

    pub(crate) fn write(&mut self, occurred_at: Timestamp, event: Event) {
        let fact = match &event {
            Event::Member(fact) => fact,
            Event::Chain(fact) => {
                return self.registry.chains.apply(fact).expect("a history that holds");
            }
            Event::Business(fact) => {
                return self.registry.businesses.apply(fact).expect("a history that holds");
            }
            Event::Offer(fact) => {
                return self.registry.offers.apply(fact).expect("a history that holds");
            }
            Event::Policy(_) => panic!("a decision on a member publishes no policy: {event:?}"),
        };
        let place = usize::from(self.after) * 1_000_000 + self.log.len() + 1;
        let place = Position::try_from(place).expect("a short log");
        let position = self.last.map_or(place, |last| last + 1);
        self.last = self.last.and(Some(position));
        self.state.apply(position, occurred_at, fact).expect("a history that holds");
        self.known.push((occurred_at, event.clone()));
        self.log.push((occurred_at, event));
    }

    /// Available and pending now.
    pub(crate) fn balance(&self) -> (Bonuses, Bonuses) {
        let balance = self.state.balance(self.now, 30).expect("fits");
        (balance.available, balance.pending)
    }
}

/// Something to ask of a member.
pub(crate) trait Ask {
    fn command(self, world: &mut World) -> MemberCommand;
}

impl Ask for MemberCommand {
    fn command(self, _: &mut World) -> MemberCommand {
        self
    }
}

/// What was decided.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) world: World,
    pub(crate) answer: Result<(Draft, MemberOutcome), Rejection>,
}

impl Decision {
    /// These facts follow and no others.
    #[track_caller]
    pub(crate) fn then(self, expected: impl IntoIterator<Item = Event>) -> Self {
        let facts: Vec<_> = self.drafted().iter().map(|new| new.event.clone()).collect();
        assert_eq!(facts, expected.into_iter().collect::<Vec<_>>());
        self
    }

    #[track_caller]
    pub(crate) fn then_rejected(self, expected: Rejection) {
        assert_eq!(self.answer.map(|_| ()), Err(expected));
    }

    #[track_caller]
    pub(crate) fn then_outcome(self, expected: PurchaseOutcome) -> Self {
        assert_eq!(self.outcome(), &MemberOutcome::Purchase(expected));
        self
    }

    #[track_caller]
    pub(crate) fn drafted(&self) -> &[NewEvent] {
        &self.answer.as_ref().expect("an accepted command").0.events
    }

    #[track_caller]
    pub(crate) fn outcome(&self) -> &MemberOutcome {
        &self.answer.as_ref().expect("an accepted command").1
    }

    /// The one accrual that follows.
    #[track_caller]
    pub(crate) fn accrual(&self) -> BonusAccrued {
        let found = self.drafted().iter().find_map(|new| match &new.event {
            Event::Member(MemberEvent::BonusAccrued(fact)) => Some(fact.clone()),
            _ => None,
        });
        found.expect("an accrual")
    }

    /// The amount of the accrual that follows.
    #[track_caller]
    pub(crate) fn earned(&self) -> Bonuses {
        self.accrual().amount
    }

    /// The facts that follow besides the purchase and its accrual.
    #[track_caller]
    pub(crate) fn then_besides(self, expected: impl IntoIterator<Item = Event>) -> Self {
        let other = |new: &NewEvent| {
            !matches!(
                new.event,
                Event::Member(MemberEvent::PurchaseRecorded(_) | MemberEvent::BonusAccrued(_))
            )
        };
        let facts: Vec<_> =
            self.drafted().iter().filter(|new| other(new)).map(|new| new.event.clone()).collect();
        assert_eq!(facts, expected.into_iter().collect::<Vec<_>>());
        self
    }
}
