//! Two accounts of one woman: whoever is asked of, whichever process is asked, on a real PostgreSQL. Rules D3, F1, F2.

#[allow(dead_code, reason = "each test program uses its own part")]
mod support;

use ledger_core::ids::{MemberId, PurchaseId, ReasonId, RefundId};
use ledger_core::log::Event;
use ledger_core::member::{Accounts, MemberCommand, MemberOutcome, MemberState, PurchaseOutcome};
use ledger_core::money::{Bonuses, Roubles};
use ledger_core::rejection::{MergeObstacle, Rejection};
use ledger_ops::clock::Clock;
use ledger_store::{Command, ExecuteError, Ledger, LedgerOptions, Outcome, RefundRequest, Request, Unknown};
use support::{Log, business, fresh_bytes, idempotency, member, purchase, request, whole_log};
use uuid::Uuid;

fn accounts(from: MemberId, into: MemberId) -> Accounts {
    Accounts { from, into, reason_id: ReasonId::from_uuid(Uuid::new_v4()) }
}

async fn ask(ledger: &Ledger, command: Command) -> Result<Outcome, ExecuteError> {
    let key = Uuid::new_v4().to_string();
    ledger.execute(request(command, &key)).await.map(|receipt| receipt.outcome)
}

/// The state of an account, as the log says.
async fn state_of(log: &Log, id: MemberId) -> MemberState {
    let mut state = MemberState::default();
    for stored in whole_log(&log.pool().await).await {
        let event = stored.row.event().expect("readable");
        if let (Event::Member(event), true) = (event, stored.row.stream_id == id.as_uuid()) {
            state.apply(stored.row.position, stored.row.occurred_at, &event).expect("holds");
        }
    }
    state
}

async fn totals(log: &Log, ids: [MemberId; 2]) -> [String; 2] {
    let mut totals = [Bonuses::ZERO; 2];
    for (total, id) in totals.iter_mut().zip(ids) {
        let balance = state_of(log, id).await.balance(Clock::machine_now(), 30).expect("fits");
        *total = balance.total().expect("fits");
    }
    totals.map(|total| total.to_string())
}

/// A sale under its natural key.
fn sale(command: &Command, revision: u32, kopecks: i64, names: MemberId) -> (Request, PurchaseId) {
    let Command::Member { command: MemberCommand::RecordPurchase(command), .. } = command else {
        panic!("no purchase: {command:?}")
    };
    let mut command = command.clone();
    (command.document.revision, command.document.amount) = (revision, Roubles::from_kopecks(kopecks));
    let mut idempotency = idempotency("", &format!("{revision} {kopecks} {names}"));
    idempotency.key = *command.document.natural_key.as_bytes();
    idempotency.revision = revision;
    let id = command.purchase_id();
    let command = Command::Member { member_id: names, command: MemberCommand::RecordPurchase(command) };
    (Request { idempotency, ..request(command, "") }, id)
}

fn refund(purchase_id: PurchaseId, business: &ledger_core::ids::BusinessId, kopecks: i64) -> Command {
    Command::Refund(RefundRequest {
        purchase_id,
        business_id: *business,
        refund_id: RefundId::of_key(&fresh_bytes()),
        amount: Roubles::from_kopecks(kopecks),
        occurred_at: None,
        unknown: Unknown::Refused,
    })
}

fn taken_back(outcome: &Outcome) -> (String, String) {
    let Outcome::Member(MemberOutcome::Refunded { bonuses_taken_back, debt, .. }) = outcome else {
        panic!("no refund: {outcome:?}")
    };
    (bonuses_taken_back.to_string(), debt.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_the_old_account_is_asked_of_the_survivor_by_every_process() {
    let log = Log::new().await;
    let (one, two) = (log.open(LedgerOptions::default()).await, log.open(LedgerOptions::default()).await);
    let shop = business(&one, "mindal").await;
    let (old, hers) = (member(&one, "mindal").await, member(&one, "mindal").await);
    ask(&one, purchase(old, shop, 100_000)).await.expect("accepted");
    // Of the old one the other process has a warm state.
    ask(&two, purchase(old, shop, 100_000)).await.expect("accepted");
    ask(&one, Command::Merge(accounts(old, hers))).await.expect("accepted");
    assert_eq!(totals(&log, [old, hers]).await, ["0.00", "125.00"]);
    let restarted = log.open(LedgerOptions::default()).await;
    for ledger in [&two, &one, &restarted] {
        ask(ledger, purchase(old, shop, 100_000)).await.expect("accepted");
        let again = ask(ledger, Command::Merge(accounts(old, hers))).await;
        let because = MergeObstacle::AlreadyMerged;
        assert!(
            matches!(&again, Err(ExecuteError::Refused(Rejection::MergeNotPossible { because: it })) if *it == because),
            "{again:?}"
        );
    }
    assert_eq!(totals(&log, [old, hers]).await, ["0.00", "275.00"], "50.00 each: the category is known");
    ask(&two, Command::Unmerge(accounts(old, hers))).await.expect("accepted");
    assert_eq!(totals(&log, [old, hers]).await, ["125.00", "150.00"]);
    for ledger in [&one, &restarted, &two] {
        ask(ledger, purchase(old, shop, 100_000)).await.expect("accepted");
    }
    assert_eq!(totals(&log, [old, hers]).await, ["275.00", "150.00"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_f1_a_purchase_is_one_on_whichever_streams_its_facts_are() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    let shop = business(&ledger, "mindal").await;
    let (old, hers) = (member(&ledger, "mindal").await, member(&ledger, "mindal").await);
    let sold = purchase(old, shop, 100_000);
    let (first, id) = sale(&sold, 1, 100_000, old);
    ledger.execute(first.clone()).await.expect("accepted");
    ask(&ledger, Command::Merge(accounts(old, hers))).await.expect("accepted");
    let less = ask(&ledger, refund(id, &shop, 40_000)).await.expect("accepted");
    assert_eq!(taken_back(&less), ("30.00".to_owned(), "0.00".to_owned()));
    // A revision that names the survivor changes no hands: they are one.
    let (second, _) = sale(&sold, 2, 200_000, hers);
    let amended = ledger.execute(second).await.expect("accepted");
    let Outcome::Member(MemberOutcome::Purchase(PurchaseOutcome::Recorded { bonuses_earned, .. })) =
        amended.outcome
    else {
        panic!("{amended:?}")
    };
    assert_eq!(bonuses_earned.to_string(), "150.00");
    assert_eq!(totals(&log, [old, hers]).await, ["0.00", "120.00"], "150.00 less a fifth");
    ask(&ledger, Command::Unmerge(accounts(old, hers))).await.expect("accepted");
    assert_eq!(totals(&log, [old, hers]).await, ["120.00", "0.00"]);
    // Another process has it all from the log.
    let other = log.open(LedgerOptions::default()).await;
    let too_much = ask(&other, refund(id, &shop, 160_001)).await;
    assert!(
        matches!(too_much, Err(ExecuteError::Refused(Rejection::RefundExceedsPurchase { .. }))),
        "{too_much:?}"
    );
    let (third, _) = sale(&sold, 3, 100_000, old);
    other.execute(third).await.expect("accepted");
    assert_eq!(totals(&log, [old, hers]).await, ["45.00", "0.00"], "75.00 less 40 %");
    let rest = ask(&ledger, refund(id, &shop, 60_000)).await.expect("accepted");
    assert_eq!(taken_back(&rest), ("45.00".to_owned(), "0.00".to_owned()));
    // To the survivor's own by a revision: now it changes hands.
    let (fourth, _) = sale(&sold, 4, 300_000, hers);
    ledger.execute(fourth).await.expect("accepted");
    // 225.00 less a third of the bill that was refunded.
    assert_eq!(totals(&log, [old, hers]).await, ["0.00", "150.00"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn merging_races_with_purchases_and_loses_none() {
    let log = Log::new().await;
    let (one, two) = (log.open(LedgerOptions::default()).await, log.open(LedgerOptions::default()).await);
    let shop = business(&one, "mindal").await;
    let (old, hers) = (member(&one, "mindal").await, member(&one, "mindal").await);
    two.refresh().await;
    let mut asked = Vec::new();
    for nth in 0..40 {
        let ledger = if nth % 2 == 0 { one.clone() } else { two.clone() };
        let command = match nth {
            10 => Command::Merge(accounts(old, hers)),
            30 => Command::Unmerge(accounts(old, hers)),
            _ => purchase(if nth % 3 == 0 { hers } else { old }, shop, 100_000),
        };
        asked.push(tokio::spawn(async move { (nth, ask(&ledger, command).await) }));
    }
    for answer in asked {
        let (nth, answer) = answer.await.expect("no panic");
        // The undoing may come before what it undoes.
        let may_be_refused = nth == 30;
        assert!(answer.is_ok() || may_be_refused, "{nth}: {answer:?}");
    }
    let states = [state_of(&log, old).await, state_of(&log, hers).await];
    let since = Clock::machine_now().minus(chrono::TimeDelta::days(1));
    let spent = states.map(|state| state.window(since, Clock::machine_now()).expect("fits").ordinary.amount);
    let all = spent[0].checked_add(spent[1]).expect("fits");
    assert_eq!(all, Roubles::from_kopecks(38 * 100_000));
}
