//! Rewards of a chain decided by many processes at once, on a real PostgreSQL: the last of a budget is given once. Rules X3, X5.

#[allow(dead_code, reason = "each test program uses its own part")]
mod support;

use chrono::TimeDelta;
use futures::future::join_all;
use ledger_core::chain::decide::ChainCommand;
use ledger_core::chain::definition::{
    Audience, ChainFunder, ChainKind, CouponTemplate, Definition, Limits, Reward, Step,
};
use ledger_core::chain::event::ChainEvent;
use ledger_core::ids::{BusinessId, ChainId, CouponId, MemberId, PurchaseId, ReasonId};
use ledger_core::log::Event;
use ledger_core::member::command::PurchaseOutcome;
use ledger_core::member::event::{CouponBenefit, MemberEvent};
use ledger_core::member::reward::TakeReward;
use ledger_core::member::status::Status;
use ledger_core::member::{MemberCommand, MemberOutcome};
use ledger_core::money::Roubles;
use ledger_core::time::Timestamp;
use ledger_ops::clock::Clock;
use ledger_store::{Command, Ledger, LedgerOptions, Outcome, Repeat};
use support::{Log, business, member, purchase_at, request, whole_log};
use uuid::Uuid;

const CHAIN: ChainId = ChainId::from_uuid(Uuid::from_u128(0xc4a1));
const PROCESSES: usize = 4;
const PURCHASES: usize = 48;
/// Of 500 ₽ each.
const REWARDS: u32 = 17;

/// A chain that runs; its budget holds so many rewards, and a kopeck less than one more.
async fn chain(ledger: &Ledger, from: BusinessId, to: BusinessId) {
    let coupon = CouponTemplate {
        gives: CouponBenefit::DiscountFixed { value: Roubles::from_kopecks(50_000) },
        min_bill: None,
        life_days: 30,
        description: Some(ReasonId::from_uuid(Uuid::from_u128(2))),
        gift: None,
    };
    let definition = Definition {
        name: ReasonId::from_uuid(Uuid::from_u128(1)),
        kind: ChainKind::Linear,
        steps: vec![Step { from, to, window_days: 14, min_amount: None, reward: Reward::Coupon { coupon } }],
        audience: Audience::default(),
        limits: Limits {
            budget: Some(Roubles::from_kopecks(i64::from(REWARDS + 1) * 50_000 - 1)),
            ..Limits::default()
        },
        from: None,
        to: None,
        funded_by: ChainFunder::Source,
    };
    for (number, command) in [
        ChainCommand::Draft(Box::new(definition)),
        ChainCommand::Submit,
        ChainCommand::Consent(from),
        ChainCommand::Consent(to),
        ChainCommand::Approve,
        ChainCommand::Activate,
    ]
    .into_iter()
    .enumerate()
    {
        let command = Command::Chain { chain_id: CHAIN, command };
        ledger.execute(request(command, &format!("chain {number}"))).await.expect("accepted");
    }
}

/// A purchase just now.
async fn bought(
    ledger: &Ledger,
    member_id: MemberId,
    shop: BusinessId,
    key: &str,
) -> (PurchaseId, Timestamp) {
    let at = Clock::machine_now();
    let receipt = ledger.execute(request(purchase_at(member_id, shop, 100_000, at), key)).await;
    match receipt.expect("accepted").outcome {
        Outcome::Member(MemberOutcome::Purchase(PurchaseOutcome::Recorded { purchase_id, .. })) => {
            (purchase_id, at)
        }
        other => panic!("{other:?}"),
    }
}

fn take((purchase_id, at): (PurchaseId, Timestamp), shop: BusinessId, number: usize) -> MemberCommand {
    MemberCommand::TakeReward(Box::new(TakeReward {
        chain_id: CHAIN,
        version: 1,
        step: 0,
        purchase_id,
        business_id: shop,
        bought_at: at,
        looked_up_at: at,
        status: Status::Insider,
        coupon_id: CouponId::from_uuid(Uuid::from_u128(u128::try_from(number).expect("fits"))),
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rule_x5_many_processes_give_what_the_budget_holds_and_each_reward_once() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    let (shop, restaurant) = (business(&ledger, "mindal").await, business(&ledger, "lisichkino").await);
    chain(&ledger, shop, restaurant).await;
    let mut purchases = Vec::new();
    for number in 0..PURCHASES {
        let hers = member(&ledger, "mindal").await;
        purchases.push((hers, bought(&ledger, hers, shop, &format!("receipt {number}")).await));
    }
    let mut ledgers = vec![ledger];
    while ledgers.len() < PROCESSES {
        ledgers.push(log.open(LedgerOptions::default()).await);
    }

    // Every process asks for every purchase, each beginning somewhere else.
    let asking = ledgers.iter().enumerate().map(|(process, ledger)| {
        let purchases = &purchases;
        let one = move |number: usize| async move {
            let number = (number + process * PURCHASES / PROCESSES) % PURCHASES;
            let (member_id, bought) = purchases[number];
            let command = Command::Member { member_id, command: take(bought, shop, number) };
            ledger.execute(request(command, &format!("reward {number}"))).await.expect("answered")
        };
        join_all((0..PURCHASES).map(one))
    });
    let answers: Vec<_> = join_all(asking).await.into_iter().flatten().collect();
    let is_given = |outcome: &Outcome| {
        matches!(outcome, Outcome::Member(MemberOutcome::Rewarded { coupon_id: Some(_) }))
    };
    let given = answers.iter().filter(|it| it.repeat == Repeat::First && is_given(&it.outcome)).count();
    assert_eq!(given, usize::try_from(REWARDS).expect("fits"));

    let pool = log.pool().await;
    let rows = whole_log(&pool).await;
    let events: Vec<Event> = rows.iter().map(|stored| stored.row.event().expect("readable")).collect();
    let coupons =
        events.iter().filter(|it| matches!(it, Event::Member(MemberEvent::CouponIssued(_)))).count();
    let rewards: Vec<u32> = events
        .iter()
        .filter_map(|event| match event {
            Event::Chain(ChainEvent::ChainRewardIssued(fact)) => Some(fact.issued),
            _ => None,
        })
        .collect();
    assert_eq!((coupons, rewards), (given, (1..=REWARDS).collect()));

    // Who starts now reads the newest of them alone, and knows the same.
    let late = log.open(LedgerOptions::default()).await;
    let chain = late.registry().chains.get(CHAIN).cloned().expect("known");
    assert_eq!(
        (chain.issued, chain.committed),
        (REWARDS, Roubles::from_kopecks(i64::from(REWARDS) * 50_000))
    );
    ledgers[0].refresh().await;
    assert_eq!(late.registry(), ledgers[0].registry());
    let paused = Command::Chain { chain_id: CHAIN, command: ChainCommand::Pause };
    late.execute(request(paused, "pause")).await.expect("the stream goes on where it was");
    whole_log(&pool).await;
    assert!(Clock::machine_now().since(purchases[0].1.1) < TimeDelta::days(14), "all inside the window");
}
