//! What can be drawn up, the way of an offer, and what its publication does.

mod given;

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::OfferState;
use super::audience::{Audience, BoughtCategory, Segment};
use super::decide::{COMMENTS_MAX, ChangeOffer, OFFERS_MAX, OfferCommand};
use super::definition::{Definition, OfferCoupon, OfferFunder, OfferReward};
use super::event::{OfferDrafted, OfferEvent, OfferSubmitted};
use crate::business::event::{BusinessEvent, BusinessMultiplierEnded, BusinessMultiplierSet};
use crate::category::Category;
use crate::ids::OfferId;
use crate::log::Event;
use crate::member::event::CouponBenefit;
use crate::member::testing::{NOON, at, bon, business_id, fixed, percent, rub};
use crate::rejection::Rejection;
use given::{OFFER, approved, drafted, happy_hours, nothing, published, text, thanks};

/// The fields that are wrong, and what would be right, of an offer that differs so from one that is well formed.
fn wrong(change: impl FnOnce(&mut Definition)) -> Vec<(String, String)> {
    let mut definition = thanks();
    change(&mut definition);
    match nothing().when(&OfferCommand::Draft(Box::new(definition))) {
        Ok(_) => Vec::new(),
        Err(Rejection::OfferDefinition { wrong }) => wrong.into_iter().collect(),
        Err(other) => panic!("{other:?}"),
    }
}

fn fields(change: impl FnOnce(&mut Definition)) -> Vec<String> {
    wrong(change).into_iter().map(|(field, _)| field).collect()
}

fn of_coupon(change: impl FnOnce(&mut OfferCoupon)) -> Vec<String> {
    fields(|definition| {
        let OfferReward::Coupon { coupon } = &mut definition.reward else { panic!("a coupon") };
        change(coupon);
    })
}

#[test]
fn an_offer_that_is_well_formed_is_drawn_up() {
    let world = drafted();
    let offer = world.offer();
    assert_eq!((offer.version, offer.state, offer.number), (1, OfferState::Draft, 1));
    assert_eq!(*offer.definition, thanks());
    assert_eq!(thanks().texts().collect::<Vec<_>>(), [text(1), text(2), text(3)]);
}

#[test]
fn what_is_wrong_with_an_offer_is_said_under_its_field() {
    assert_eq!(fields(|it| it.business_id = business_id("nobody")), ["business"]);
    assert_eq!(fields(|it| (it.from, it.to) = (Some(at(NOON)), Some(at(NOON)))), ["to"]);
    assert_eq!(fields(|it| it.limit = Some(0)), ["limit"]);
    assert_eq!(fields(|it| it.budget = Some(rub("499.99"))), ["budget"]);
    assert_eq!(fields(|it| it.budget = Some(rub("500.00"))), Vec::<String>::new());
    for life_days in [0, 366] {
        assert_eq!(of_coupon(|it| it.life_days = life_days), ["reward.coupon.life_days"]);
    }
    assert_eq!(of_coupon(|it| it.min_bill = Some(rub("499.99"))), ["reward.coupon.value"]);
    assert_eq!(of_coupon(|it| it.description = None), ["reward.coupon.description"]);
    let without_cap = |it: &mut Definition| {
        it.budget = Some(rub("1000.00"));
        let OfferReward::Coupon { coupon } = &mut it.reward else { panic!("a coupon") };
        coupon.gives = percent("10", None);
    };
    assert_eq!(fields(without_cap), ["reward.coupon.cap"]);
}

#[test]
fn a_multiplier_is_for_everybody_in_a_time_that_ends_and_is_its_business_s_own() {
    let changed = |change: fn(&mut Definition)| {
        fields(|it| {
            *it = happy_hours();
            change(it);
        })
    };
    assert_eq!(changed(|_| {}), Vec::<String>::new());
    assert_eq!(changed(|it| it.to = None), ["to"]);
    assert_eq!(changed(|it| it.limit = Some(5)), ["limit"]);
    assert_eq!(changed(|it| it.budget = Some(rub("5.00"))), ["budget"]);
    assert_eq!(changed(|it| it.audience.new_customers = true), ["audience"]);
    assert_eq!(changed(|it| it.funded_by = OfferFunder::Coalition), ["funded_by"]);
}

fn bought(categories: &[Category], within_days: u32) -> Option<BoughtCategory> {
    Some(BoughtCategory { categories: categories.iter().copied().collect(), within_days })
}

#[test]
fn an_audience_is_no_list_of_another_business_s_clients() {
    use Category::{BeautySalon, Gastronomy};
    let of = |audience: Audience| fields(|it| it.audience = audience);
    let by = |bought_category| Audience { bought_category, ..Audience::default() };
    assert_eq!(of(by(bought(&[BeautySalon], 30))), Vec::<String>::new(), "what it sells itself");
    assert_eq!(of(by(bought(&[Gastronomy], 30))), ["audience.bought_category.categories"], "one other");
    let mut world = nothing();
    let draft =
        OfferCommand::Draft(Box::new(Definition { audience: by(bought(&[Gastronomy], 30)), ..thanks() }));
    world.opens("bistro", Gastronomy);
    assert!(world.when(&draft).is_ok(), "two others share it");
    assert_eq!(of(by(bought(&[], 30))), ["audience.bought_category.categories"]);
    for days in [0, 366] {
        assert_eq!(of(by(bought(&[BeautySalon], days))), ["audience.bought_category.within_days"]);
    }
    let rfm = BTreeSet::from([Segment::Loyal]);
    assert_eq!(of(Audience { rfm, new_customers: true, ..Audience::default() }), ["audience.rfm"]);
    let contradicts = Audience { new_customers: true, ..by(bought(&[BeautySalon], 30)) };
    assert_eq!(of(contradicts), ["audience.bought_category.categories"]);
}

#[test]
fn compliance_m1_visits_to_a_clinic_choose_nobody_and_its_coupon_has_no_words() {
    let at_a_clinic = |change: fn(&mut Definition)| {
        fields(|it| {
            it.business_id = business_id("steam-center");
            change(it);
        })
    };
    assert_eq!(at_a_clinic(|_| {}), Vec::<String>::new());
    assert_eq!(at_a_clinic(|it| it.audience.new_customers = true), Vec::<String>::new());
    let gift = |it: &mut Definition| {
        let OfferReward::Coupon { coupon } = &mut it.reward else { panic!("a coupon") };
        coupon.gives = CouponBenefit::Gift {};
    };
    assert_eq!(at_a_clinic(gift), ["reward.coupon.type"]);
    assert_eq!(at_a_clinic(|it| it.audience.rfm = [Segment::Lost].into()), ["audience.rfm"]);
    let by_category = |it: &mut Definition| it.audience.bought_category = bought(&[Category::Legal], 30);
    assert_eq!(at_a_clinic(by_category), ["audience.bought_category"]);
}

#[test]
fn an_offer_goes_from_draft_to_its_end_step_by_step() {
    let approve = || OfferCommand::Approve { version: None };
    let reject = || OfferCommand::Reject(text(9));
    let change =
        || OfferCommand::Change(Box::new(ChangeOffer { limit: Some(Some(9)), ..ChangeOffer::default() }));
    let steps =
        || [OfferCommand::Submit, approve(), reject(), OfferCommand::Publish, change(), OfferCommand::End];
    let submitted = || drafted().after(OfferCommand::Submit);
    for (world, allowed) in [
        (drafted(), [true, false, false, false, true, true]),
        (submitted(), [false, true, true, false, true, true]),
        (approved(), [false, false, true, true, true, true]),
        (submitted().after(reject()), [false, false, false, false, true, true]),
        (published(), [false, false, false, false, false, true]),
        (drafted().after(OfferCommand::End), [false; 6]),
    ] {
        let state = world.offer().state;
        for (step, is_allowed) in steps().iter().zip(allowed) {
            match world.when(step) {
                Ok(_) => assert!(is_allowed, "{state:?} {step:?}"),
                Err(refused) => {
                    assert_eq!(refused, Rejection::OfferState { state }, "{step:?}");
                    assert!(!is_allowed, "{state:?} {step:?}");
                }
            }
        }
    }
    let nobody = nothing();
    for step in steps().into_iter().chain([OfferCommand::Comment(text(8))]) {
        assert_eq!(nobody.when(&step), Err(Rejection::OfferNotFound), "{step:?}");
    }
}

#[test]
fn a_change_makes_a_new_version_that_goes_all_the_way_anew() {
    let rejected = drafted().after(OfferCommand::Submit).after(OfferCommand::Reject(text(9)));
    assert_eq!(rejected.offer().reason, Some(text(9)));
    let change = ChangeOffer { text: Some(None), limit: Some(Some(9)), ..ChangeOffer::default() };
    let world = rejected.after(OfferCommand::Change(Box::new(change)));
    let offer = world.offer();
    assert_eq!((offer.version, offer.state, offer.reason), (2, OfferState::Draft, None));
    assert_eq!(*offer.definition, Definition { text: None, limit: Some(9), ..thanks() });
    let same = ChangeOffer { limit: Some(Some(9)), ..ChangeOffer::default() };
    let (events, standing) = world.when(&OfferCommand::Change(Box::new(same))).expect("accepted");
    assert_eq!((events, standing.version), (Vec::new(), 2), "what already is, is no change");
    let all = ChangeOffer {
        title: Some(text(4)),
        reward: Some(happy_hours().reward),
        from: Some(Some(at(NOON))),
        to: Some(happy_hours().to),
        limit: Some(None),
        budget: Some(None),
        ..ChangeOffer::default()
    };
    let world = world.after(OfferCommand::Change(Box::new(all)));
    let expected = Definition { title: text(4), text: None, from: Some(at(NOON)), ..happy_hours() };
    assert_eq!(*world.offer().definition, expected);
    let wrong = ChangeOffer { to: Some(None), ..ChangeOffer::default() };
    let refused = world.when(&OfferCommand::Change(Box::new(wrong)));
    assert!(matches!(refused, Err(Rejection::OfferDefinition { .. })), "{refused:?}");
}

#[test]
fn an_admin_approves_what_was_seen() {
    let change = ChangeOffer { limit: Some(Some(9)), ..ChangeOffer::default() };
    let world = drafted().after(OfferCommand::Change(Box::new(change))).after(OfferCommand::Submit);
    let approve = |version| world.when(&OfferCommand::Approve { version: Some(version) });
    assert_eq!(approve(1), Err(Rejection::OfferVersion { newest: 2 }));
    assert_eq!(approve(2).expect("accepted").1.state, OfferState::Approved);
}

#[test]
fn comments_are_counted_until_there_are_too_many() {
    let comment = || OfferCommand::Comment(text(8));
    let mut world = drafted();
    for _ in 0..COMMENTS_MAX {
        world = world.after(comment());
    }
    assert_eq!(world.offer().state, OfferState::Draft);
    assert_eq!(world.when(&comment()), Err(Rejection::TooManyComments));
    let ended = world.after(OfferCommand::End);
    assert_eq!(ended.when(&comment()), Err(Rejection::OfferState { state: OfferState::Ended }));
}

#[test]
fn a_business_has_so_many_offers_that_have_not_ended() {
    let mut world = nothing();
    for serial in 0..OFFERS_MAX {
        let offer_id =
            OfferId::from_uuid(uuid::Uuid::from_u128(1_000 + u128::try_from(serial).expect("few")));
        let definition = Box::new(thanks());
        let drafted = OfferEvent::OfferDrafted(OfferDrafted { offer_id, version: 1, definition });
        world.registry.offers.apply(&drafted).expect("new");
    }
    let draft = |slug: &str| Definition { business_id: business_id(slug), ..thanks() };
    let ask = |slug: &str| world.when(&OfferCommand::Draft(Box::new(draft(slug))));
    assert_eq!(ask("mindal"), Err(Rejection::TooManyOffers));
    assert!(ask("buket").is_ok());
}

#[test]
fn what_is_over_is_not_published() {
    let to = at(NOON).plus(TimeDelta::hours(1));
    let world = given::drafted_as(Definition { to: Some(to), ..thanks() });
    let world = world.after(OfferCommand::Submit).after(OfferCommand::Approve { version: None });
    assert!(world.when(&OfferCommand::Publish).is_ok());
    let later = world.later(TimeDelta::hours(1));
    assert_eq!(later.when(&OfferCommand::Publish), Err(Rejection::OfferOver { to, now: to }));
}

#[test]
fn rule_b3_a_multiplier_is_in_force_from_its_publication_to_its_end() {
    let approved = given::drafted_as(happy_hours())
        .after(OfferCommand::Submit)
        .after(OfferCommand::Approve { version: None });
    let (events, _) = approved.when(&OfferCommand::Publish).expect("accepted");
    let set = BusinessMultiplierSet {
        business_id: business_id("mindal"),
        from: at(NOON),
        to: happy_hours().to.expect("an end"),
        value: "2.00".parse().expect("a multiplier"),
        offer_id: Some(OFFER),
    };
    let [Event::Offer(OfferEvent::OfferPublished(_)), Event::Business(of_business)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(*of_business, BusinessEvent::BusinessMultiplierSet(set));
    let world = approved.after(OfferCommand::Publish).later(TimeDelta::hours(2));
    let multiplier = |world: &given::World, hours| {
        let business = world.registry.businesses.get(business_id("mindal")).expect("known");
        business.multiplier_at(at(NOON).plus(TimeDelta::hours(hours))).to_string()
    };
    assert_eq!(
        [-1, 0, 1, 2, 24 * 8].map(|hours| multiplier(&world, hours)),
        ["1", "2.00", "2.00", "2.00", "1"]
    );
    let (events, _) = world.when(&OfferCommand::End).expect("accepted");
    let at = world.now;
    let ended = BusinessMultiplierEnded { business_id: business_id("mindal"), offer_id: OFFER, at };
    assert_eq!(events[1], Event::from(ended));
    let world = world.after(OfferCommand::End);
    assert_eq!([0, 1, 2, 3].map(|hours| multiplier(&world, hours)), ["2.00", "2.00", "1", "1"]);
}

#[test]
fn rule_b3_a_multiplier_that_begins_later_or_is_over_has_its_own_dates() {
    let from = at(NOON).plus(TimeDelta::days(1));
    let definition = Definition { from: Some(from), ..happy_hours() };
    let world = given::drafted_as(definition)
        .after(OfferCommand::Submit)
        .after(OfferCommand::Approve { version: None })
        .after(OfferCommand::Publish);
    let periods = |world: &given::World| {
        world.registry.businesses.get(business_id("mindal")).expect("known").periods().to_vec()
    };
    assert_eq!(periods(&world)[0].from, from);
    let over = world.clone().later(TimeDelta::days(8)).when(&OfferCommand::End).expect("accepted").0;
    assert_eq!(over.len(), 1, "its time is over anyway: {over:?}");
    let before = world.after(OfferCommand::End);
    assert_eq!(periods(&before)[0].to, at(NOON), "and never begins");
}

#[test]
fn a_history_that_cannot_hold_is_an_error() {
    let mut world = drafted();
    let submitted = |version| OfferEvent::OfferSubmitted(OfferSubmitted { offer_id: OFFER, version });
    assert!(world.registry.offers.apply(&submitted(2)).is_err(), "a version nobody drew up");
    let again = OfferDrafted { offer_id: OFFER, version: 3, definition: Box::new(thanks()) };
    assert!(world.registry.offers.apply(&OfferEvent::OfferDrafted(again)).is_err(), "one is missing");
    let mut empty = nothing();
    assert!(empty.registry.offers.apply(&submitted(1)).is_err(), "an offer nobody drew up");
}

#[test]
fn a_customer_is_in_one_segment_by_what_she_bought_here() {
    let now = at(NOON);
    let bills = |bills: &[(i64, &str)]| {
        let bill = |(days, amount): &(i64, &str)| (now.minus(TimeDelta::days(*days)), rub(amount));
        Segment::of(bills.iter().map(bill).collect::<Vec<_>>(), now)
    };
    assert_eq!(bills(&[]), None);
    assert_eq!(bills(&[(1, "0.00")]), None, "refunded in full");
    assert_eq!(bills(&[(-1, "100.00")]), None, "after now");
    assert_eq!(bills(&[(60, "100.00")]), Some(Segment::Recent));
    assert_eq!(bills(&[(61, "100.00")]), Some(Segment::AtRisk));
    assert_eq!(bills(&[(180, "99999.00")]), Some(Segment::AtRisk));
    assert_eq!(bills(&[(181, "99999.00")]), Some(Segment::Lost));
    let four = |amount| [(1, amount), (90, amount), (200, amount), (364, amount)];
    assert_eq!(bills(&four("100.00")), Some(Segment::Loyal));
    assert_eq!(bills(&four("7500.00")), Some(Segment::Champions));
    assert_eq!(bills(&four("7499.99")), Some(Segment::Loyal));
    let old = [(1, "9000.00"), (2, "9000.00"), (3, "9000.00"), (365, "9000.00")];
    assert_eq!(bills(&old), Some(Segment::Recent), "what is a year old is not counted");
    assert_eq!(bills(&[(1, "40000.00")]), Some(Segment::Recent), "much, but not often");
}

#[test]
fn a_coupon_costs_at_most_what_it_says() {
    for (gives, most) in [
        (fixed("500.00"), Some("500.00")),
        (percent("10", Some("300.00")), Some("300.00")),
        (percent("10", None), None),
        (CouponBenefit::Bonus { value: bon("70.00") }, Some("70.00")),
        (CouponBenefit::Gift {}, Some("0.00")),
    ] {
        assert_eq!(gives.costs_at_most(), most.map(rub), "{gives:?}");
    }
}
