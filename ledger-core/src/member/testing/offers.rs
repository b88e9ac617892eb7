//! Offers that are published, in few words.

use uuid::Uuid;

use super::{Ask, World, business_id, coupon_id, fixed, rub};
use crate::ids::{OfferId, ReasonId};
use crate::member::command::MemberCommand;
use crate::member::offered::TakeOffer;
use crate::offer::audience::Audience;
use crate::offer::definition::{Definition, OfferCoupon, OfferFunder, OfferReward};
use crate::offer::event::{OfferDrafted, OfferEvent, OfferPublished};

/// The offer with this serial.
pub(crate) fn offer_id(serial: u8) -> OfferId {
    OfferId::from_uuid(Uuid::from_u128(0x0ffe_0000 + u128::from(serial)))
}

/// 500 ₽ off a bill of 1,500 at least at `slug`, for everybody.
pub(crate) fn offered(slug: &str) -> Definition {
    let coupon = OfferCoupon {
        gives: fixed("500.00"),
        min_bill: Some(rub("1500.00")),
        life_days: 30,
        with_bonuses: false,
        description: Some(ReasonId::from_uuid(Uuid::from_u128(2))),
        gift: None,
    };
    Definition {
        business_id: business_id(slug),
        title: ReasonId::from_uuid(Uuid::from_u128(1)),
        text: None,
        reward: OfferReward::Coupon { coupon },
        audience: Audience::default(),
        from: None,
        to: None,
        limit: None,
        budget: None,
        funded_by: OfferFunder::Business,
    }
}

/// What is at `slug` for this audience.
pub(crate) fn offered_to(slug: &str, audience: Audience) -> Definition {
    Definition { audience, ..offered(slug) }
}

impl World {
    /// The offer with this serial is published from now on.
    pub(crate) fn offers(mut self, serial: u8, definition: Definition) -> Self {
        let (offer_id, version, at) = (offer_id(serial), 1, self.now);
        let drafted = OfferDrafted { offer_id, version, definition: Box::new(definition) };
        for fact in [
            OfferEvent::OfferDrafted(drafted),
            OfferEvent::OfferPublished(OfferPublished { offer_id, version, at }),
        ] {
            self.registry.offers.apply(&fact).expect("a new offer");
        }
        self
    }
}

/// She may be one of those whom the offer with this serial is for; its coupon has the same serial.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TakeOffered(pub(crate) u8);

impl Ask for TakeOffered {
    fn command(self, _: &mut World) -> MemberCommand {
        let (offer_id, coupon_id) = (offer_id(self.0), coupon_id(self.0));
        MemberCommand::TakeOffer(TakeOffer { offer_id, version: 1, coupon_id })
    }
}
