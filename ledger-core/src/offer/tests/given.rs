//! The log of one offer, in few words.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::business::event::{BusinessEvent, BusinessRegistered, Terms};
use crate::category::{Category, Confidentiality};
use crate::context::{Context, Registry};
use crate::ids::{OfferId, ReasonId};
use crate::log::Event;
use crate::member::testing::{NOON, at, business_id, fixed, given, rub};
use crate::offer::Offer;
use crate::offer::audience::Audience;
use crate::offer::decide::{OfferCommand, Standing, decide};
use crate::offer::definition::{Definition, OfferCoupon, OfferFunder, OfferReward};
use crate::rejection::Rejection;
use crate::time::Timestamp;

pub(super) const OFFER: OfferId = OfferId::from_uuid(Uuid::from_u128(0x0ffe));

pub(super) fn text(number: u128) -> ReasonId {
    ReasonId::from_uuid(Uuid::from_u128(number))
}

/// 500 ₽ off a bill of 1,500 at least at Миндаль, for everybody.
pub(super) fn thanks() -> Definition {
    let coupon = OfferCoupon {
        gives: fixed("500.00"),
        min_bill: Some(rub("1500.00")),
        life_days: 30,
        with_bonuses: true,
        description: Some(text(3)),
        gift: None,
    };
    Definition {
        business_id: business_id("mindal"),
        title: text(1),
        text: Some(text(2)),
        reward: OfferReward::Coupon { coupon },
        audience: Audience::default(),
        from: None,
        to: None,
        limit: None,
        budget: None,
        funded_by: OfferFunder::Business,
    }
}

/// Twice the bonuses at Миндаль for a week.
pub(super) fn happy_hours() -> Definition {
    let value = "2.00".parse().expect("a multiplier");
    let to = Some(at(NOON).plus(TimeDelta::days(7)));
    Definition { reward: OfferReward::Multiplier { value }, to, ..thanks() }
}

/// The log of one offer.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) registry: Registry,
    pub(super) now: Timestamp,
}

pub(super) fn nothing() -> World {
    World { registry: given([]).registry, now: at(NOON) }
}

impl World {
    pub(super) fn when(&self, command: &OfferCommand) -> Result<(Vec<Event>, Standing), Rejection> {
        decide(OFFER, command, &Context { recorded_at: self.now, registry: &self.registry })
    }

    pub(super) fn after(mut self, command: OfferCommand) -> Self {
        let (events, standing) = self.when(&command).expect("accepted");
        for event in &events {
            self.registry.apply(OFFER.as_uuid(), event).expect("history");
        }
        let offer = self.offer();
        assert_eq!((offer.version, offer.state), (standing.version, standing.state), "{command:?}");
        self
    }

    pub(super) fn later(mut self, delta: TimeDelta) -> Self {
        self.now = self.now.plus(delta);
        self
    }

    pub(super) fn offer(&self) -> &Offer {
        self.registry.offers.get(OFFER).expect("drafted")
    }

    /// One more ordinary business.
    pub(super) fn opens(&mut self, slug: &str, category: Category) {
        let registered = BusinessRegistered {
            business_id: business_id(slug),
            slug: slug.parse().expect("a slug"),
            name: slug.to_owned(),
            category,
            confidentiality: Confidentiality::Ordinary,
            terms: Terms::default(),
        };
        let businesses = &mut self.registry.businesses;
        businesses.apply(&BusinessEvent::BusinessRegistered(registered)).expect("a first fact");
    }
}

pub(super) fn drafted_as(definition: Definition) -> World {
    nothing().after(OfferCommand::Draft(Box::new(definition)))
}

pub(super) fn drafted() -> World {
    drafted_as(thanks())
}

pub(super) fn approved() -> World {
    drafted().after(OfferCommand::Submit).after(OfferCommand::Approve { version: None })
}

pub(super) fn published() -> World {
    approved().after(OfferCommand::Publish)
}
