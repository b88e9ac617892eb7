//! Random histories: what can happen, and the world after it.

use chrono::TimeDelta;
use proptest::prelude::*;
use uuid::Uuid;

use crate::ids::{GrantId, NaturalKey, ReasonId};
use crate::log::Event;
use crate::member::MemberCommand::{self, CancelHold, ReviewStatus, WriteDue};
use crate::member::consent::ConsentChoice;
use crate::member::event::{GiftKind, MemberEvent};
use crate::member::gift::{Adjustment, Gift};
use crate::member::premium::PayPremium;
use crate::member::standing::{Ranking, Rankings};
use crate::member::testing::{
    CLINICS, ORDINARY, World, amend, anna_since, business_id, buy, consent, give_back, hold,
};
use crate::money::{Bonuses, Roubles};

use super::coupons::{CouponStep, coupon_steps};
use super::documents::{DocumentStep, document_steps, hers};
use super::facts;

/// One thing that happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Clock { minutes: i64 },
    Buy { slug: &'static str, kopecks: i64, ago_minutes: i64, is_history: bool },
    Hold { slug: &'static str, kopecks: i64 },
    Pay { slug: &'static str, kopecks: i64 },
    Cancel { slug: &'static str },
    Refund { purchase: u8, permille: i64 },
    Amend { purchase: u8, kopecks: Option<i64> },
    Coupon(CouponStep),
    Document(DocumentStep),
    Due,
    Review,
    Consent { purpose: &'static str, choice: ConsentChoice },
    Invite(bool),
    Block(bool),
    Rank { ordinary: i64, with_medical: i64 },
    Premium { days: i64 },
    CancelPremium,
    Gift { kopecks: i64, life_days: u32 },
    Adjust { kopecks: i64 },
}

pub(super) fn slugs() -> impl Strategy<Value = &'static str> {
    let all: Vec<_> = ORDINARY.iter().chain(&CLINICS).chain(&CLINICS).map(|(slug, _)| *slug).collect();
    proptest::sample::select(all)
}

pub(super) fn amounts() -> impl Strategy<Value = i64> {
    prop_oneof![1..200_i64, 1_000..2_000_000_i64, 2_000_000..9_000_000_i64, Just(10_000_000_000)]
}

/// Mostly just now, sometimes late, sometimes in the tolerated future, sometimes refused.
pub(super) fn ages() -> impl Strategy<Value = i64> {
    prop_oneof![4 => Just(0_i64), 2 => -7..3_000_i64, 2 => 0..150_000_i64, 1 => 0..900_000_i64]
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let buys = (slugs(), amounts(), ages(), proptest::bool::weighted(0.2)).prop_map(
        |(slug, kopecks, ago_minutes, is_history)| Step::Buy { slug, kopecks, ago_minutes, is_history },
    );
    let clock = prop_oneof![0..3_000_i64, 0..200_000_i64].prop_map(|minutes| Step::Clock { minutes });
    let purposes =
        proptest::sample::select(vec!["medical_status", "marketing", "partner:mindal", "medical:skinerica"]);
    let choices = prop_oneof![Just(ConsentChoice::Granted), Just(ConsentChoice::Withdrawn)];
    let consents = (purposes, choices).prop_map(|(purpose, choice)| Step::Consent { purpose, choice });
    let holds = (slugs(), 100..90_000_i64).prop_map(|(slug, kopecks)| Step::Hold { slug, kopecks });
    let pays = (slugs(), 100..90_000_i64).prop_map(|(slug, kopecks)| Step::Pay { slug, kopecks });
    let cancels = slugs().prop_map(|slug| Step::Cancel { slug });
    let parts = prop_oneof![Just(1_000_i64), 1..1_000_i64];
    let refunds = (1..12_u8, parts).prop_map(|(purchase, permille)| Step::Refund { purchase, permille });
    let bills = prop_oneof![3 => amounts().prop_map(Some), 1 => Just(None)];
    let amends = (1..12_u8, bills).prop_map(|(purchase, kopecks)| Step::Amend { purchase, kopecks });
    let ranks = (0..5_000_000_i64, 0..5_000_000_i64)
        .prop_map(|(ordinary, with_medical)| Step::Rank { ordinary, with_medical });
    let by_hand = prop_oneof![
        2 => any::<bool>().prop_map(Step::Invite),
        1 => proptest::bool::weighted(0.3).prop_map(Step::Block),
        3 => ranks,
        2 => (1..60_i64).prop_map(|days| Step::Premium { days }),
        1 => Just(Step::CancelPremium),
        2 => (1..100_000_i64, 1..200_u32).prop_map(|(kopecks, life_days)| Step::Gift { kopecks, life_days }),
        2 => (-200_000..50_000_i64).prop_map(|kopecks| Step::Adjust { kopecks }),
    ];
    let step = prop_oneof![
        8 => buys, 4 => clock, 4 => holds, 2 => pays, 1 => cancels, 4 => refunds, 3 => amends,
        1 => Just(Step::Due), 2 => Just(Step::Review), 1 => consents, 5 => by_hand, 6 => coupon_steps().prop_map(Step::Coupon),
        4 => document_steps().prop_map(Step::Document)
    ];
    proptest::collection::vec(step, 1..40)
}

/// The world after one step; a refusal leaves it as it was, and whatever is accepted must fold.
pub(super) fn run(world: World, step: &Step) -> World {
    let decision = match step {
        Step::Clock { minutes } => return world.later(TimeDelta::minutes(*minutes)),
        Step::Buy { slug, kopecks, ago_minutes, is_history } => {
            let amount = Bonuses::from_kopecks(*kopecks).to_string();
            let happened = world.now.minus(TimeDelta::minutes(*ago_minutes));
            let purchase = buy(slug, &amount).on_moment(happened);
            world.when(if *is_history { purchase.imported() } else { purchase })
        }
        Step::Hold { slug, kopecks } => {
            let (bill, amount) = (Bonuses::from_kopecks(kopecks * 2), Bonuses::from_kopecks(*kopecks));
            let serial = serial(&world);
            world.when(hold(serial, slug, &bill.to_string(), &amount.to_string()))
        }
        // With the newest hold, at its own business or another.
        Step::Pay { slug, kopecks } => {
            let amount = Bonuses::from_kopecks(*kopecks).to_string();
            let newest = world.log.iter().rev().find_map(|(_, event)| match event {
                Event::Member(MemberEvent::BonusesHeld(fact)) => Some(fact.clone()),
                _ => None,
            });
            let Some(held) = newest else { return world };
            let slug = if kopecks % 5 == 0 { slug } else { held.business.as_str() };
            let pays = buy(slug, &amount).with_hold(held.redemption_id);
            world.when(pays)
        }
        Step::Cancel { slug } => {
            let id = world.state.open_holds().next().map(|(id, _)| *id);
            let Some(redemption_id) = id else { return world };
            world.when(CancelHold { redemption_id, business_id: business_id(slug) })
        }
        Step::Refund { purchase, permille } => {
            let purchase = world.after + purchase;
            let Some(file) = hers(&world, purchase) else { return world };
            let kopecks = (file.bill.kopecks() / 1_000 * permille).clamp(1, file.left().kopecks().max(1));
            let amount = Bonuses::from_kopecks(kopecks).to_string();
            let serial = serial(&world);
            world.when(give_back(serial, purchase, &amount))
        }
        Step::Amend { purchase, kopecks } => {
            let purchase = world.after + purchase;
            let Some(_) = hers(&world, purchase) else { return world };
            let amount = kopecks.map(|kopecks| Bonuses::from_kopecks(kopecks).to_string());
            let revision = u32::try_from(world.log.len()).expect("short");
            world.when(amend(purchase, revision, amount.as_deref()))
        }
        Step::Coupon(step) => match step.ask(&world) {
            Some(decision) => decision,
            None => return world,
        },
        Step::Document(step) => return step.run(world),
        Step::Due => world.when(WriteDue),
        Step::Review => world.when(ReviewStatus),
        Step::Consent { purpose, choice } => world.when([consent(purpose, *choice)]),
        by_hand => {
            let command = by_hand_command(&world, by_hand);
            world.when(command)
        }
    };
    let mut world = decision.world;
    if let Ok((draft, _)) = decision.answer {
        draft.events.into_iter().for_each(|new| world.write(new.occurred_at, new.event));
    }
    world
}

/// A serial that no hold, refund or coupon had.
pub(super) fn serial(world: &World) -> u8 {
    let is_one = |fact: &&MemberEvent| {
        matches!(
            fact,
            MemberEvent::BonusesHeld(_)
                | MemberEvent::PurchaseRefunded(_)
                | MemberEvent::CouponIssued(_)
                | MemberEvent::CouponActivated(_)
        )
    };
    world.after + u8::try_from(facts(world).filter(is_one).count()).expect("few")
}

/// What staff and the daily ranking do. Ids follow from the length of the log.
pub(super) fn by_hand_command(world: &World, step: &Step) -> MemberCommand {
    let serial = u128::try_from(world.log.len()).expect("short") + 1_000 * u128::from(world.after);
    let grant_id = GrantId::from_uuid(Uuid::from_u128(50_000 + serial));
    let reason_id = ReasonId::from_uuid(Uuid::from_u128(90_000 + serial));
    let ranking = |kopecks: i64| Ranking {
        members: 1_000,
        enter_above: Some(Roubles::from_kopecks(kopecks)),
        stay_above: Some(Roubles::from_kopecks(kopecks / 2)),
    };
    match step {
        Step::Invite(invited) => MemberCommand::Invite(*invited),
        Step::Block(blocked) => MemberCommand::Block(blocked.then_some(reason_id)),
        Step::Rank { ordinary, with_medical } => MemberCommand::RankSpending(Rankings {
            ordinary: ranking(*ordinary),
            with_medical: ranking(*with_medical),
        }),
        Step::Premium { days } => {
            let last = world.state.premium().periods().iter().map(|period| period.to).max();
            let from = last.filter(|end| *end > world.now.minus(TimeDelta::days(3))).unwrap_or(world.now);
            let to = from.plus(TimeDelta::days(*days));
            let payment = NaturalKey::from_bytes([7; 32]);
            MemberCommand::PayPremium(PayPremium { payment, from, to })
        }
        Step::CancelPremium => MemberCommand::CancelPremium,
        Step::Gift { kopecks, life_days } => MemberCommand::Gift(Gift {
            grant_id,
            kind: if kopecks % 2 == 0 { GiftKind::Goodwill } else { GiftKind::Referral },
            reason_id: Some(reason_id),
            amount: Bonuses::from_kopecks(*kopecks),
            life_days: Some(*life_days),
        }),
        Step::Adjust { kopecks } => {
            let amount = Bonuses::from_kopecks(*kopecks);
            MemberCommand::Adjust(Adjustment { grant_id, reason_id, amount })
        }
        other => panic!("{other:?} is done otherwise"),
    }
}

pub(super) fn history(steps: &[Step]) -> World {
    history_after(0, steps)
}

/// The history of another member, whose purchases are numbered from the one after `after`.
pub(super) fn history_after(after: u8, steps: &[Step]) -> World {
    steps.iter().fold(anna_since("2025-01-01T00:00:00Z").numbered_after(after), run)
}
