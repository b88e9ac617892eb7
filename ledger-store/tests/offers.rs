//! Coupons of an offer asked for by many processes at once, on a real PostgreSQL: a limit is a limit, and a member has hers once.

#[allow(dead_code, reason = "each test program uses its own part")]
mod support;

use futures::future::join_all;
use ledger_core::business::event::BusinessEvent;
use ledger_core::ids::{BusinessId, CouponId, MemberId, OfferId, ReasonId};
use ledger_core::log::{Event, StreamType};
use ledger_core::member::event::{CouponBenefit, MemberEvent};
use ledger_core::member::offered::TakeOffer;
use ledger_core::member::{MemberCommand, MemberOutcome};
use ledger_core::money::Roubles;
use ledger_core::offer::OfferState;
use ledger_core::offer::audience::Audience;
use ledger_core::offer::decide::OfferCommand;
use ledger_core::offer::definition::{Definition, OfferCoupon, OfferFunder, OfferReward};
use ledger_core::offer::event::OfferEvent;
use ledger_ops::clock::Clock;
use ledger_store::log::{count_rewards, read_offer, read_registry};
use ledger_store::{Command, Ledger, LedgerOptions, Outcome, Repeat};
use support::{Log, business, member, request, whole_log};
use uuid::Uuid;

const OFFER: OfferId = OfferId::from_uuid(Uuid::from_u128(0x0ffe));
const PROCESSES: usize = 8;
const MEMBERS: usize = 48;
const LIMIT: u32 = 17;

fn text(number: u128) -> ReasonId {
    ReasonId::from_uuid(Uuid::from_u128(number))
}

/// 500 ₽ off for so many members.
fn offer(business_id: BusinessId) -> Definition {
    let coupon = OfferCoupon {
        gives: CouponBenefit::DiscountFixed { value: Roubles::from_kopecks(50_000) },
        min_bill: None,
        life_days: 30,
        with_bonuses: true,
        description: Some(text(2)),
        gift: None,
    };
    Definition {
        business_id,
        title: text(1),
        text: None,
        reward: OfferReward::Coupon { coupon },
        audience: Audience::default(),
        from: None,
        to: None,
        limit: Some(LIMIT),
        budget: None,
        funded_by: OfferFunder::Business,
    }
}

/// The offer goes all its way.
async fn publish(ledger: &Ledger, definition: Definition) {
    for (number, command) in [
        OfferCommand::Draft(Box::new(definition)),
        OfferCommand::Submit,
        OfferCommand::Comment(text(3)),
        OfferCommand::Approve { version: Some(1) },
        OfferCommand::Publish,
    ]
    .into_iter()
    .enumerate()
    {
        let command = Command::Offer { offer_id: OFFER, command };
        ledger.execute(request(command, &format!("offer {number}"))).await.expect("accepted");
    }
}

/// What every process asks for a member: its key is hers whoever asks.
fn take(member_id: MemberId, number: usize) -> Command {
    let coupon_id = CouponId::from_uuid(Uuid::from_u128(u128::try_from(number).expect("fits")));
    let take = TakeOffer { offer_id: OFFER, version: 1, coupon_id };
    Command::Member { member_id, command: MemberCommand::TakeOffer(take) }
}

async fn events(log: &Log) -> Vec<(StreamType, Event)> {
    let rows = whole_log(&log.pool().await).await;
    rows.iter().map(|stored| (stored.row.stream_type, stored.row.event().expect("readable"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rule_x5_many_processes_give_as_many_coupons_as_the_limit_says_and_each_once() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    let shop = business(&ledger, "mindal").await;
    publish(&ledger, offer(shop)).await;
    let mut members = Vec::new();
    for _ in 0..MEMBERS {
        members.push(member(&ledger, "mindal").await);
    }
    let mut ledgers = vec![ledger];
    while ledgers.len() < PROCESSES {
        ledgers.push(log.open(LedgerOptions::default()).await);
    }
    let asking = ledgers.iter().enumerate().map(|(process, ledger)| {
        let members = &members;
        let one = move |number: usize| async move {
            let number = (number + process * MEMBERS / PROCESSES) % MEMBERS;
            let asked = request(take(members[number], number), &format!("coupon {number}"));
            ledger.execute(asked).await.expect("answered")
        };
        join_all((0..MEMBERS).map(one))
    });
    let answers: Vec<_> = join_all(asking).await.into_iter().flatten().collect();
    let is_given =
        |outcome: &Outcome| matches!(outcome, Outcome::Member(MemberOutcome::Offered { coupon_id: Some(_) }));
    let first = answers.iter().filter(|answer| answer.repeat == Repeat::First && is_given(&answer.outcome));
    assert_eq!(first.count(), usize::try_from(LIMIT).expect("fits"));

    let events = events(&log).await;
    let given =
        |(_, event): &(StreamType, Event)| matches!(event, Event::Member(MemberEvent::CouponIssued(_)));
    assert_eq!(events.iter().filter(|event| given(event)).count(), usize::try_from(LIMIT).expect("fits"));
    let counted: Vec<u32> = events
        .iter()
        .filter_map(|(kind, event)| match event {
            Event::Offer(OfferEvent::OfferCouponIssued(fact)) => {
                assert_eq!(*kind, StreamType::Offer);
                Some(fact.issued)
            }
            _ => None,
        })
        .collect();
    assert_eq!(counted, (1..=LIMIT).collect::<Vec<_>>());

    // Who starts now reads the newest of them alone, and knows the same.
    let late = log.open(LedgerOptions::default()).await;
    ledgers[0].refresh().await;
    assert_eq!(late.registry(), ledgers[0].registry());
    let known = late.registry().offers.get(OFFER).cloned().expect("known");
    assert_eq!((known.issued, known.comments, known.state), (LIMIT, 1, OfferState::Published));
    let head = late.head();
    let pool = log.pool().await;
    let registry = read_registry(&pool, head).await.expect("readable");
    let newest = registry.iter().filter(|stored| stored.row.event_type == "OfferCouponIssued").count();
    assert_eq!((newest, count_rewards(&pool, head).await.expect("counted")), (1, i64::from(LIMIT)));
    let steps = read_offer(&pool, OFFER, 0, 100).await.expect("readable");
    let steps: Vec<&str> = steps.iter().map(|stored| stored.row.event_type.as_str()).collect();
    assert_eq!(
        steps,
        ["OfferDrafted", "OfferSubmitted", "OfferCommented", "OfferApproved", "OfferPublished"]
    );
    let end = Command::Offer { offer_id: OFFER, command: OfferCommand::End };
    late.execute(request(end, "end")).await.expect("the stream goes on where it was");
    whole_log(&pool).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rule_b3_a_multiplier_is_published_and_ended_on_two_streams_at_once() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    let shop = business(&ledger, "mindal").await;
    let value = "2.50".parse().expect("a multiplier");
    let to = Some(Clock::machine_now().plus(chrono::TimeDelta::days(7)));
    let definition = Definition { reward: OfferReward::Multiplier { value }, to, limit: None, ..offer(shop) };
    publish(&ledger, definition).await;
    let multiplier = |ledger: &Ledger| {
        let registry = ledger.registry();
        let now = Clock::machine_now();
        registry.businesses.get(shop).expect("known").multiplier_at(now).to_string()
    };
    assert_eq!(multiplier(&ledger), "2.50");
    let other = log.open(LedgerOptions::default()).await;
    assert_eq!(multiplier(&other), "2.50");
    let end = Command::Offer { offer_id: OFFER, command: OfferCommand::End };
    other.execute(request(end, "end")).await.expect("accepted");
    ledger.refresh().await;
    assert_eq!((multiplier(&ledger), multiplier(&other)), ("1".to_owned(), "1".to_owned()));
    let of_business = events(&log).await.into_iter().filter_map(|(kind, event)| match event {
        Event::Business(
            BusinessEvent::BusinessMultiplierSet(_) | BusinessEvent::BusinessMultiplierEnded(_),
        ) => Some(kind),
        _ => None,
    });
    assert_eq!(of_business.collect::<Vec<_>>(), [StreamType::Business; 2]);
}
