//! What an offer gives a member of its audience, and whom it is for.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use crate::category::{Category, Confidentiality};
use crate::context::Context;
use crate::log::Event;
use crate::member::command::MemberCommand;
use crate::member::event::{CouponConditions, CouponIssued, FromOffer, MemberEvent};
use crate::member::lot::Funder;
use crate::member::offered::{TakeOffer, WhyNot, gives};
use crate::member::status::Status;
use crate::member::testing::{
    NOON, TakeOffered, World, anna, at, bon, bonus, business_id, buy, coupon, coupon_id, fixed, give_back,
    given, granted, offer_id, offered, offered_to, reason_id, rub, withdrawn,
};
use crate::offer::audience::{Audience, BoughtCategory, Segment};
use crate::offer::definition::{Definition, OfferFunder, OfferReward};
use crate::offer::event::{OfferCouponIssued, OfferEnded, OfferEvent};

/// Why she gets nothing of offer 1; `None` when she gets it.
fn why_not(world: &World) -> Option<WhyNot> {
    let command = TakeOffer { offer_id: offer_id(1), version: 1, coupon_id: coupon_id(1) };
    let context = Context { recorded_at: world.now, registry: &world.registry };
    let why = gives(&world.state, &command, &context).err();
    let decision = world.clone().when(TakeOffered(1));
    assert_eq!(decision.drafted().is_empty(), why.is_some(), "what is decided is what is said: {why:?}");
    why
}

/// Whether an offer of `slug` is for her.
fn is_meant(world: &World, slug: &str, audience: Audience) -> bool {
    match why_not(&world.clone().offers(1, offered_to(slug, audience))) {
        None => true,
        Some(WhyNot::Audience) => false,
        Some(other) => panic!("{other:?}"),
    }
}

fn by_segment(segment: Segment) -> Audience {
    Audience { rfm: [segment].into(), ..Audience::default() }
}

fn by_category(categories: &[Category], within_days: u32) -> Audience {
    let categories = categories.iter().copied().collect();
    Audience { bought_category: Some(BoughtCategory { categories, within_days }), ..Audience::default() }
}

/// She lets a profile be made of her habits.
fn profiled(mut world: World) -> World {
    world.write(at("2026-01-01T12:00:00+03:00"), granted("profiling"));
    world
}

#[test]
fn a_member_of_the_audience_gets_the_coupon_of_an_offer() {
    let world = anna().offers(1, offered("mindal"));
    let issued = CouponIssued {
        coupon_id: coupon_id(1),
        business_id: business_id("mindal"),
        business: "mindal".parse().expect("a slug"),
        confidentiality: Confidentiality::Ordinary,
        gives: fixed("500.00"),
        conditions: CouponConditions {
            min_bill: Some(rub("1500.00")),
            new_customers_only: false,
            statuses: Vec::new(),
            with_bonuses: false,
            valid_from: None,
        },
        expires_at: at("2026-04-01T23:59:59.999999+03:00"),
        funded_by: Funder::Business("mindal".parse().expect("a slug")),
        description: None,
        gift: None,
        chain: None,
        offer: Some(Box::new(FromOffer {
            offer_id: offer_id(1),
            version: 1,
            description: offered("mindal").texts().nth(1),
            gift: None,
        })),
    };
    let counted = OfferCouponIssued {
        offer_id: offer_id(1),
        version: 1,
        coupon_id: coupon_id(1),
        cost: rub("500.00"),
        issued: 1,
        committed: rub("500.00"),
    };
    let events = [Event::from(issued), Event::from(counted)];
    world.when(TakeOffered(1)).then(events);
}

#[test]
fn what_an_offer_gives_is_borne_by_whom_it_says() {
    let world = anna().offers(1, Definition { funded_by: OfferFunder::Coalition, ..offered("mindal") });
    let decision = world.when(TakeOffered(1));
    let Event::Member(MemberEvent::CouponIssued(coupon)) = &decision.drafted()[0].event else {
        panic!("a coupon")
    };
    assert_eq!(coupon.funded_by, Funder::Coalition);
}

#[test]
fn a_member_gets_it_once() {
    let world = anna().offers(1, offered("mindal")).after(TakeOffered(1));
    assert_eq!(why_not(&world), Some(WhyNot::Had));
    let taken_away = MemberCommand::RevokeCoupon { coupon_id: coupon_id(1), reason_id: reason_id(1) };
    assert_eq!(why_not(&world.clone().after(taken_away)), Some(WhyNot::Had), "whatever became of it");
    let later = world.later(TimeDelta::days(60)).after(MemberCommand::WriteDue);
    assert_eq!(later.state.open_coupons().count(), 0);
    assert_eq!(why_not(&later), Some(WhyNot::Had));
}

#[test]
fn an_offer_gives_while_it_is_published_and_in_its_dates() {
    let dated = Definition {
        from: Some(at(NOON).plus(TimeDelta::hours(1))),
        to: Some(at(NOON).plus(TimeDelta::hours(2))),
        ..offered("mindal")
    };
    let world = anna().offers(1, dated);
    let at_minute = |minutes| why_not(&world.clone().later(TimeDelta::minutes(minutes)));
    assert_eq!([59, 60, 119, 120].map(at_minute), [Some(WhyNot::NotOpen), None, None, Some(WhyNot::NotOpen)]);
    let mut ended = anna().offers(1, offered("mindal"));
    let fact = OfferEnded { offer_id: offer_id(1), version: 1, at: ended.now };
    let had = ended.clone().after(TakeOffered(1));
    ended.registry.offers.apply(&OfferEvent::OfferEnded(fact)).expect("published");
    assert_eq!(why_not(&ended), Some(WhyNot::NotOpen));
    assert_eq!(had.state.open_coupons().count(), 1);
    assert_eq!(why_not(&anna()), Some(WhyNot::NotOpen), "nobody drew it up");
    let value = "2.00".parse().expect("a multiplier");
    let multiplier = Definition { reward: OfferReward::Multiplier { value }, ..offered("mindal") };
    assert_eq!(why_not(&anna().offers(1, multiplier)), Some(WhyNot::NotOpen), "it gives no coupons");
}

#[test]
fn the_limit_and_the_budget_hold() {
    let with = |change: fn(&mut Definition), issued: u32, committed: &str| {
        let mut definition = offered("mindal");
        change(&mut definition);
        let mut world = anna().offers(1, definition);
        let given = OfferCouponIssued {
            offer_id: offer_id(1),
            version: 1,
            coupon_id: coupon_id(9),
            cost: rub("500.00"),
            issued,
            committed: rub(committed),
        };
        world.registry.offers.apply(&OfferEvent::OfferCouponIssued(given)).expect("published");
        why_not(&world)
    };
    assert_eq!(with(|it| it.limit = Some(3), 2, "1000.00"), None);
    assert_eq!(with(|it| it.limit = Some(3), 3, "1500.00"), Some(WhyNot::Limit));
    assert_eq!(with(|it| it.budget = Some(rub("1500.00")), 2, "1000.00"), None);
    assert_eq!(with(|it| it.budget = Some(rub("1500.00")), 2, "1000.01"), Some(WhyNot::Budget));
    let free = |it: &mut Definition| {
        it.limit = Some(3);
        let OfferReward::Coupon { coupon } = &mut it.reward else { panic!("a coupon") };
        coupon.gives = bonus("70.00");
    };
    assert_eq!(with(free, 2, "1000.00"), None);
}

#[test]
fn a_blocked_member_and_one_with_too_many_coupons_get_nothing_for_now() {
    let world = anna().offers(1, offered("mindal"));
    let blocked = world.clone().after(MemberCommand::Block(Some(reason_id(1))));
    assert_eq!(why_not(&blocked), Some(WhyNot::NotHer));
    assert_eq!(why_not(&blocked.after(MemberCommand::Block(None))), None);
    assert_eq!(why_not(&given([]).offers(1, offered("mindal"))), Some(WhyNot::NotHer), "no member");
    // What the business gives by hand takes no room of an offer's, and none of its is taken: a refusal would tell.
    let by_hand = |world: World, serial| world.after(coupon(serial, "mindal", fixed("1.00")));
    assert_eq!(why_not(&(100..150).fold(world.clone(), by_hand)), None);
    let by_offers = |world: World, serial| world.offers(serial, offered("mindal")).after(TakeOffered(serial));
    let full = (100..150).fold(world, by_offers);
    assert_eq!(why_not(&full), Some(WhyNot::NoRoom));
    let full = by_hand(full, 99);
    let revoked = MemberCommand::RevokeCoupon { coupon_id: coupon_id(100), reason_id: reason_id(1) };
    assert_eq!(why_not(&full.after(revoked)), None);
}

#[test]
fn an_audience_by_status_is_of_those_who_have_it_now() {
    let of = |status| Audience { statuses: [status].into(), ..Audience::default() };
    assert!(is_meant(&anna(), "mindal", of(Status::Insider)));
    assert!(!is_meant(&anna(), "mindal", of(Status::InnerCircle)));
    let invited = anna().after(MemberCommand::Invite(true));
    assert!(is_meant(&invited, "mindal", of(Status::InnerCircle)));
    let either = BTreeSet::from([Status::Vip, Status::InnerCircle]);
    assert!(is_meant(&invited, "mindal", Audience { statuses: either, ..Audience::default() }));
}

#[test]
fn rule_c3_who_is_new_has_no_purchase_here_that_stands_and_uses_it_as_such() {
    let new = || Audience { new_customers: true, ..Audience::default() };
    assert!(is_meant(&anna(), "mindal", new()));
    assert!(is_meant(&anna().after(buy("buket", "100.00")), "mindal", new()), "bought elsewhere");
    let bought = anna().after(buy("mindal", "100.00"));
    assert!(!is_meant(&bought, "mindal", new()));
    assert!(is_meant(&bought.after(give_back(1, 1, "100.00")), "mindal", new()));
    let world = anna().offers(1, offered_to("mindal", new())).after(TakeOffered(1));
    let open = world.state.open_coupons().next().expect("a coupon");
    assert!(open.issued.conditions.new_customers_only);
}

#[test]
fn a_segment_is_of_what_she_bought_at_this_business_alone() {
    let world = profiled(anna());
    assert!(Segment::ALL.iter().all(|segment| !is_meant(&world, "mindal", by_segment(*segment))));
    let once = world.after(buy("buket", "40000.00")).after(buy("mindal", "100.00"));
    assert!(is_meant(&once, "mindal", by_segment(Segment::Recent)));
    assert!(!is_meant(&once, "mindal", by_segment(Segment::Champions)));
    let often =
        (0..3).fold(once.clone(), |world, _| world.later(TimeDelta::days(1)).after(buy("mindal", "9900.00")));
    assert!(is_meant(&often, "mindal", by_segment(Segment::Loyal)), "29,800 in four purchases");
    let much = often.clone().later(TimeDelta::days(1)).after(buy("mindal", "200.00"));
    assert!(is_meant(&much, "mindal", by_segment(Segment::Champions)), "30,000 in five");
    let less = much.clone().after(give_back(1, 6, "0.01"));
    assert!(is_meant(&less, "mindal", by_segment(Segment::Loyal)), "net of refunds");
    let away = |days| much.clone().later(TimeDelta::days(days));
    assert!(is_meant(&away(61), "mindal", by_segment(Segment::AtRisk)));
    assert!(is_meant(&away(181), "mindal", by_segment(Segment::Lost)));
}

#[test]
fn what_she_bought_of_a_category_counts_in_its_days() {
    let world = profiled(anna()).after(buy("lisichkino", "100.00"));
    let gastronomy = |days| by_category(&[Category::Gastronomy, Category::Legal], days);
    assert!(is_meant(&world, "mindal", gastronomy(1)));
    assert!(!is_meant(&world, "mindal", by_category(&[Category::Legal], 365)));
    assert!(is_meant(&world.clone().later(TimeDelta::hours(23)), "mindal", gastronomy(1)));
    assert!(!is_meant(&world.clone().later(TimeDelta::hours(24)), "mindal", gastronomy(1)));
    assert!(!is_meant(&world.after(give_back(1, 1, "100.00")), "mindal", gastronomy(365)));
}

#[test]
fn of_its_own_category_a_business_knows_what_was_bought_there_alone() {
    let own = || by_category(&[Category::BeautySalon], 30);
    let world = profiled(anna());
    assert!(is_meant(&world.clone().after(buy("mindal", "100.00")), "mindal", own()));
    // To another of the category it would be another's client.
    let mut other = world.after(buy("mindal", "100.00"));
    let registered = crate::business::event::BusinessRegistered {
        business_id: business_id("salon"),
        slug: "salon".parse().expect("a slug"),
        name: "salon".to_owned(),
        category: Category::BeautySalon,
        confidentiality: Confidentiality::Ordinary,
        terms: crate::business::event::Terms::default(),
    };
    let event = crate::business::event::BusinessEvent::BusinessRegistered(registered);
    other.registry.businesses.apply(&event).expect("a first fact");
    assert!(!is_meant(&other, "salon", own()));
}

#[test]
fn compliance_c4_a_profile_needs_her_consent_and_that_to_each_business_it_is_made_of() {
    let bought = anna().after(buy("mindal", "100.00")).after(buy("lisichkino", "100.00"));
    let (segment, category) = (by_segment(Segment::Recent), by_category(&[Category::Gastronomy], 30));
    for audience in [segment.clone(), category.clone()] {
        assert!(!is_meant(&bought, "mindal", audience.clone()), "no consent to profiling");
        assert!(is_meant(&profiled(bought.clone()), "mindal", audience.clone()));
        let mut no_more = profiled(bought.clone());
        no_more.write(at(NOON), withdrawn("profiling"));
        assert!(!is_meant(&no_more, "mindal", audience));
    }
    let without = |partner: &str| {
        let mut world = profiled(bought.clone());
        world.write(at(NOON), withdrawn(partner));
        world
    };
    assert!(!is_meant(&without("partner:mindal"), "mindal", segment.clone()));
    assert!(is_meant(&without("partner:lisichkino"), "mindal", segment));
    assert!(!is_meant(&without("partner:lisichkino"), "mindal", category.clone()));
    assert!(is_meant(&without("partner:mindal"), "mindal", category));
    assert!(is_meant(&without("partner:mindal"), "mindal", Audience::default()), "no profile, no consent");
}

#[test]
fn compliance_m4_a_visit_to_a_clinic_makes_her_part_of_no_audience() {
    let world = profiled(anna()).after(buy("steam-center", "100.00"));
    assert!(!is_meant(&world, "mindal", by_category(&[Category::Cosmetology], 365)));
    assert!(!is_meant(&world, "steam-center", by_segment(Segment::Recent)));
    assert!(!is_meant(&world, "steam-center", by_category(&[Category::Cosmetology], 365)));
    let decision = world.offers(1, offered("steam-center")).when(TakeOffered(1));
    let Event::Member(MemberEvent::CouponIssued(coupon)) = &decision.drafted()[0].event else {
        panic!("a coupon")
    };
    assert_eq!(coupon.confidentiality, Confidentiality::Medical);
}

#[test]
fn rule_b5_what_is_due_is_written_before() {
    let world = anna().after(buy("lisichkino", "1000.00")).offers(1, offered("mindal"));
    let later = world.later(TimeDelta::days(15));
    let decision = later.when(TakeOffered(1));
    let types: Vec<&str> = decision.drafted().iter().map(|new| new.event.event_type()).collect();
    assert_eq!(types, ["BonusMatured", "BonusMatured", "CouponIssued", "OfferCouponIssued"]);
    assert_eq!(decision.drafted()[3].cause, Some(2), "the offer's fact follows from hers");
    assert_ne!(decision.world.balance().0, bon("0.00"));
}
