//! Rewards of a chain decided by many processes at once, on a real PostgreSQL: the last of a budget is given once. Rules X3, X5.

#[allow(dead_code, reason = "each test program uses its own part")]
mod support;

use futures::future::join_all;
use ledger_core::chain::decide::ChainCommand;
use ledger_core::chain::definition::{
    Audience, ChainFunder, ChainKind, CouponTemplate, Definition, Limits, Reward, Step,
};
use ledger_core::chain::event::ChainEvent;
use ledger_core::ids::{BusinessId, ChainId, CouponId, MemberId, PurchaseId, ReasonId};
use ledger_core::log::Event;
use ledger_core::member::command::PurchaseOutcome;
use ledger_core::member::cross_bonus::FollowedStep;
use ledger_core::member::event::{CouponBenefit, MemberEvent};
use ledger_core::member::reward::TakeReward;
use ledger_core::member::status::Status;
use ledger_core::member::{MemberCommand, MemberOutcome};
use ledger_core::money::Roubles;
use ledger_core::time::Timestamp;
use ledger_ops::clock::Clock;
use ledger_store::{Command, CrossBonusRequest, Ledger, LedgerOptions, Outcome, Repeat};
use support::{Log, business, let_report, member, purchase_at, request, whole_log};
use uuid::Uuid;

const CHAIN: ChainId = ChainId::from_uuid(Uuid::from_u128(0xc4a1));
const PROCESSES: usize = 8;
const PURCHASES: usize = 48;
/// Of 500 ₽ each.
const REWARDS: u32 = 17;

/// 500 ₽ off.
fn coupon() -> Reward {
    let coupon = CouponTemplate {
        gives: CouponBenefit::DiscountFixed { value: Roubles::from_kopecks(50_000) },
        min_bill: None,
        life_days: 30,
        description: Some(ReasonId::from_uuid(Uuid::from_u128(2))),
        gift: None,
    };
    Reward::Coupon { coupon }
}

/// A chain that runs; its budget holds so many rewards, and a kopeck less than one more.
async fn chain(ledger: &Ledger, from: BusinessId, to: BusinessId, reward: Reward) {
    let definition = Definition {
        name: ReasonId::from_uuid(Uuid::from_u128(1)),
        kind: ChainKind::Linear,
        steps: vec![Step { from, to, window_days: 14, min_amount: None, reward }],
        audience: Audience::default(),
        limits: Limits {
            budget: Some(Roubles::from_kopecks(i64::from(REWARDS + 1) * 50_000 - 1)),
            ..Limits::default()
        },
        from: None,
        to: None,
        funded_by: ChainFunder::Source,
        holdout_percent: None,
    };
    for (number, command) in [
        ChainCommand::Draft(Box::new(definition)),
        ChainCommand::Submit,
        ChainCommand::Consent { of: from, version: None },
        ChainCommand::Consent { of: to, version: None },
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
    let command = purchase_at(member_id, shop, 100_000, at);
    let Command::Member { command: MemberCommand::RecordPurchase(purchase), .. } = &command else {
        panic!("{command:?}")
    };
    // Whoever edits a purchase finds it by its natural key.
    let natural_key = *purchase.document.natural_key.as_bytes();
    let mut request = request(command, key);
    request.idempotency.key = natural_key;
    let receipt = ledger.execute(request).await;
    match receipt.expect("accepted").outcome {
        Outcome::Member(MemberOutcome::Purchase(PurchaseOutcome::Recorded { purchase_id, .. })) => {
            (purchase_id, at)
        }
        other => panic!("{other:?}"),
    }
}

fn take(member_id: MemberId, bought: (PurchaseId, Timestamp), shop: BusinessId, number: usize) -> Command {
    let (purchase_id, at) = bought;
    let command = MemberCommand::TakeReward(Box::new(TakeReward {
        member_id,
        chain_id: CHAIN,
        version: 1,
        step: 0,
        purchase_id,
        business_id: shop,
        bought_at: at,
        net: Roubles::from_kopecks(100_000),
        looked_up_at: at,
        status: Status::Insider,
        coupon_id: CouponId::from_uuid(Uuid::from_u128(u128::try_from(number).expect("fits"))),
    }));
    Command::Member { member_id, command }
}

/// Every process asks for all of it, each beginning somewhere else; what was answered for the first time.
async fn race(log: &Log, ledger: Ledger, commands: &[Command]) -> (Ledger, Vec<Outcome>) {
    let mut ledgers = vec![ledger];
    while ledgers.len() < PROCESSES {
        ledgers.push(log.open(LedgerOptions::default()).await);
    }
    let asking = ledgers.iter().enumerate().map(|(process, ledger)| {
        let one = move |number: usize| async move {
            let number = (number + process * commands.len() / PROCESSES) % commands.len();
            let asked = request(commands[number].clone(), &format!("reward {number}"));
            ledger.execute(asked).await.expect("answered")
        };
        join_all((0..commands.len()).map(one))
    });
    let answers = join_all(asking).await.into_iter().flatten();
    let first = answers.filter(|answer| answer.repeat == Repeat::First).map(|answer| answer.outcome);
    let outcomes = first.collect();
    (ledgers.swap_remove(0), outcomes)
}

/// How many rewards the chain had given with each one, in the order of the log.
fn rewards(events: &[Event]) -> Vec<u32> {
    let issued = events.iter().filter_map(|event| match event {
        Event::Chain(ChainEvent::ChainRewardIssued(fact)) => Some(fact.issued),
        _ => None,
    });
    issued.collect()
}

async fn events(log: &Log) -> Vec<Event> {
    let rows = whole_log(&log.pool().await).await;
    rows.iter().map(|stored| stored.row.event().expect("readable")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rule_b9_x5_many_processes_give_cross_bonuses_within_the_budget_and_each_once() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    let (shop, restaurant) = (business(&ledger, "mindal").await, business(&ledger, "lisichkino").await);
    chain(&ledger, shop, restaurant, Reward::CrossBonus { rate: "0.50".parse().ok() }).await;
    let mut commands = Vec::new();
    for number in 0..PURCHASES {
        let hers = member(&ledger, "mindal").await;
        let consent = request(let_report(hers, "lisichkino"), &format!("consent {number}"));
        ledger.execute(consent).await.expect("accepted");
        let trigger = bought(&ledger, hers, shop, &format!("receipt {number}")).await;
        let promise = take(hers, trigger, shop, number);
        ledger.execute(request(promise, &format!("promise {number}"))).await.expect("accepted");
        let (purchase_id, _) = bought(&ledger, hers, restaurant, &format!("dinner {number}")).await;
        let (trigger_id, known_at) = trigger;
        let earned_by = FollowedStep { chain_id: CHAIN, version: 1, step: 0, trigger_id, known_at };
        commands.push(Command::CrossBonus(CrossBonusRequest { member_id: hers, purchase_id, earned_by }));
    }
    let (_, outcomes) = race(&log, ledger, &commands).await;
    let given = outcomes.iter().filter(|outcome| {
        matches!(outcome, Outcome::Member(MemberOutcome::CrossBonus { amount }) if amount.is_positive())
    });
    assert_eq!(given.count(), usize::try_from(REWARDS).expect("fits"));
    let events = events(&log).await;
    let accrued: Vec<i64> = events
        .iter()
        .filter_map(|event| match event {
            Event::Member(MemberEvent::CrossBonusAccrued(fact)) => {
                fact.lot.as_ref().map(|lot| lot.amount.kopecks())
            }
            _ => None,
        })
        .collect();
    assert_eq!(accrued, vec![50_000; usize::try_from(REWARDS).expect("fits")]);
    assert_eq!(rewards(&events), (1..=REWARDS).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rule_x5_many_processes_give_what_the_budget_holds_and_each_reward_once() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    let (shop, restaurant) = (business(&ledger, "mindal").await, business(&ledger, "lisichkino").await);
    chain(&ledger, shop, restaurant, coupon()).await;
    let mut commands = Vec::new();
    for number in 0..PURCHASES {
        let hers = member(&ledger, "mindal").await;
        let bought = bought(&ledger, hers, shop, &format!("receipt {number}")).await;
        commands.push(take(hers, bought, shop, number));
    }
    let (ledger, outcomes) = race(&log, ledger, &commands).await;
    let is_given = |outcome: &&Outcome| matches!(outcome, Outcome::Member(MemberOutcome::Rewarded { .. }));
    let given = outcomes.iter().filter(is_given).count();
    assert_eq!(given, usize::try_from(REWARDS).expect("fits"));

    let events = events(&log).await;
    let coupons =
        events.iter().filter(|it| matches!(it, Event::Member(MemberEvent::CouponIssued(_)))).count();
    assert_eq!((coupons, rewards(&events)), (given, (1..=REWARDS).collect()));

    // Who starts now reads the newest of them alone, and knows the same.
    let late = log.open(LedgerOptions::default()).await;
    let chain = late.registry().chains.get(CHAIN).cloned().expect("known");
    assert_eq!(
        (chain.issued, chain.committed),
        (REWARDS, Roubles::from_kopecks(i64::from(REWARDS) * 50_000))
    );
    ledger.refresh().await;
    assert_eq!(late.registry(), ledger.registry());
    let paused = Command::Chain { chain_id: CHAIN, command: ChainCommand::Pause };
    late.execute(request(paused, "pause")).await.expect("the stream goes on where it was");
    whole_log(&log.pool().await).await;
}
