//! Offers: the read models say of an audience what the ledger says, and each of it gets one coupon.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use ledger_core::category::{Category, Confidentiality};
use ledger_core::context::Context;
use ledger_core::ids::{BusinessId, MemberId, OfferId, ReasonId};
use ledger_core::log::Event;
use ledger_core::member::event::CouponBenefit;
use ledger_core::member::status::Status;
use ledger_core::member::{MemberCommand, MemberState};
use ledger_core::money::Roubles;
use ledger_core::offer::audience::{Audience, BoughtCategory, Segment};
use ledger_core::offer::decide::OfferCommand;
use ledger_core::offer::definition::{Definition, OfferCoupon, OfferFunder, OfferReward};
use ledger_store::Command;
use ledger_store::audience::Asked;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::schedule::{count, schedule, settle};
use crate::support::{World, wait_until_passed};

const OFFER: OfferId = OfferId::from_uuid(Uuid::from_u128(0x0ffe));

fn by_category(categories: &[Category], within_days: u32) -> Audience {
    let categories = categories.iter().copied().collect();
    Audience { bought_category: Some(BoughtCategory { categories, within_days }), ..Audience::default() }
}

/// Every condition, some of them together.
fn audiences() -> Vec<Audience> {
    let statuses = |statuses: &[Status]| statuses.iter().copied().collect::<BTreeSet<_>>();
    let mut all = vec![
        Audience::default(),
        Audience { statuses: statuses(&[Status::Insider]), ..Audience::default() },
        Audience { statuses: statuses(&[Status::Vip, Status::Elite]), ..Audience::default() },
        Audience { statuses: statuses(&[Status::InnerCircle]), ..Audience::default() },
        Audience { new_customers: true, ..Audience::default() },
        by_category(&[Category::BeautySalon], 30),
        by_category(&[Category::Cosmetology], 7),
        by_category(&[Category::Cosmetology, Category::Medicine], 365),
        Audience {
            statuses: statuses(&[Status::Insider]),
            rfm: Segment::ALL.into(),
            ..by_category(&[Category::Cosmetology], 200)
        },
    ];
    all.extend(Segment::ALL.map(|segment| Audience { rfm: [segment].into(), ..Audience::default() }));
    all
}

/// Every member as the ledger knows her.
async fn states(world: &World) -> BTreeMap<MemberId, MemberState> {
    let mut states = BTreeMap::<MemberId, MemberState>::new();
    let rows = world.options.log.read_after(0, 1_000_000).await.expect("the log");
    for stored in rows {
        if let Event::Member(event) = stored.row.event().expect("readable") {
            let state = states.entry(MemberId::from_uuid(stored.row.stream_id)).or_default();
            state.apply(stored.row.position, stored.row.occurred_at, &event).expect("history");
        }
    }
    states
}

/// Compares the read models with the ledger, for every business and audience; how many members some audience has.
async fn compare(world: &World) -> usize {
    for name in ["statuses", "directory"] {
        wait_until_passed(&world.options.read, name, world.head().await).await;
    }
    world.ledger.refresh().await;
    let (registry, now) = (world.ledger.registry(), world.clock.now());
    let states = states(world).await;
    let context = Context { recorded_at: now, registry: &registry };
    let mut met = BTreeSet::new();
    for business in &world.businesses {
        let its = registry.businesses.get(*business).expect("known");
        for audience in &audiences() {
            let asked = Asked { business: *business, audience, now, registry: &registry };
            let found = asked.without_coupon(&world.options.read, OFFER, None).await.expect("members");
            let is_meant = |state: &MemberState| {
                state.is_registered() && !state.is_blocked() && state.is_meant(audience, its, &context)
            };
            let meant: Vec<MemberId> =
                states.iter().filter(|(_, state)| is_meant(state)).map(|(id, _)| *id).collect();
            // Never asked of a clinic: no offer of one has such an audience.
            if its.confidentiality == Confidentiality::Ordinary || !audience.is_profile() {
                assert_eq!(found, meant, "{} at {now}: {audience:?}", its.slug);
                let many = asked.how_many(&world.options.read).await.expect("a number");
                assert_eq!(usize::try_from(many).expect("few"), meant.len());
                met.extend(
                    (!meant.is_empty() && meant.len() < states.len()).then_some(format!("{audience:?}")),
                );
            }
        }
    }
    met.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_read_models_say_of_an_audience_what_the_ledger_says() {
    let mut world = World::with_members(12).await;
    world.business("peel", Category::Cosmetology, Confidentiality::Ordinary, 0).await;
    let following = world.follow_all();
    for member in 0..12 {
        world.consent(member, "partner:peel").await;
        if member % 3 > 0 {
            world.consent(member, "profiling").await;
        }
    }
    world.consent(4, "medical_status").await;
    for _ in 0..4 {
        world.purchases(20).await;
        world.purchase(5, 3, 900_000).await;
        compare(&world).await;
        world.pass(TimeDelta::days(23));
    }
    let (blocked, invited) = (world.members[7], world.members[8]);
    let block = MemberCommand::Block(Some(ReasonId::from_uuid(Uuid::from_u128(1))));
    world.execute(Command::Member { member_id: blocked, command: block }).await;
    world.execute(Command::Member { member_id: invited, command: MemberCommand::Invite(true) }).await;
    let mut met = compare(&world).await;
    for days in [41, 60, 61, 120] {
        world.pass(TimeDelta::days(days));
        met = met.max(compare(&world).await);
    }
    assert!(met >= 8, "of the audiences only {met} are some members and not all");
    following.iter().for_each(JoinHandle::abort);
}

/// 500 ₽ off for whoever is meant, as many as the limit says.
fn offer(business_id: BusinessId, audience: Audience, limit: Option<u32>) -> Definition {
    let coupon = OfferCoupon {
        gives: CouponBenefit::DiscountFixed { value: Roubles::from_kopecks(50_000) },
        min_bill: None,
        life_days: 30,
        with_bonuses: true,
        description: Some(ReasonId::from_uuid(Uuid::from_u128(2))),
        gift: None,
    };
    Definition {
        business_id,
        title: ReasonId::from_uuid(Uuid::from_u128(1)),
        text: None,
        reward: OfferReward::Coupon { coupon },
        audience,
        from: None,
        to: None,
        limit,
        budget: None,
        funded_by: OfferFunder::Business,
    }
}

async fn publish(world: &mut World, definition: Definition) -> OfferId {
    let offer_id = OfferId::from_uuid(Uuid::now_v7());
    for command in [
        OfferCommand::Draft(Box::new(definition)),
        OfferCommand::Submit,
        OfferCommand::Approve { version: None },
        OfferCommand::Publish,
    ] {
        world.execute(Command::Offer { offer_id, command }).await;
    }
    offer_id
}

#[tokio::test(flavor = "multi_thread")]
async fn design_j5_each_of_the_audience_gets_one_coupon_whoever_leads_and_whoever_comes_later() {
    let mut world = World::with_members(8).await;
    let following = world.follow_all();
    let first = schedule(&world);
    let salon = world.businesses[0];
    publish(&mut world, offer(salon, Audience::default(), None)).await;
    let new = Audience { new_customers: true, ..Audience::default() };
    let laser = world.businesses[1];
    let newcomers = publish(&mut world, offer(laser, new, Some(5))).await;
    settle(&world).await;
    assert_eq!(count(&world, "CouponIssued").await, 8 + 5);
    first.abort();
    // Another leads from here on: nothing is given twice, and who joins has hers of the one that has no limit.
    let second = schedule(&world);
    settle(&world).await;
    world.member().await;
    settle(&world).await;
    assert_eq!((count(&world, "CouponIssued").await, count(&world, "OfferCouponIssued").await), (14, 14));
    world.pass(TimeDelta::hours(2));
    settle(&world).await;
    assert_eq!(count(&world, "CouponIssued").await, 14);
    world.execute(Command::Offer { offer_id: newcomers, command: OfferCommand::End }).await;
    // What they were given runs out; it is given no more.
    world.pass(TimeDelta::days(40));
    settle(&world).await;
    assert_eq!((count(&world, "CouponIssued").await, count(&world, "CouponExpired").await), (14, 14));
    second.abort();
    following.iter().for_each(JoinHandle::abort);
}
