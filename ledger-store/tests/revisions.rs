//! Newer revisions of documents, on a real PostgreSQL. Rules D2, D3; design L1, L4.

#[allow(dead_code, reason = "each test program uses its own part")]
mod support;

use futures::future::join_all;
use ledger_core::ids::{MemberId, NaturalKey, RefundId, SourceKey};
use ledger_core::log::Event;
use ledger_core::member::event::MemberEvent;
use ledger_core::member::{MemberCommand, MemberOutcome, MemberState, PurchaseOutcome};
use ledger_core::money::{Bonuses, Roubles};
use ledger_core::rejection::Rejection;
use ledger_ops::clock::Clock;
use ledger_store::{
    Command, ExecuteError, LedgerOptions, Outcome, Receipt, RefundRequest, Repeat, Request, Unknown,
};
use support::{Log, business, idempotency, member, purchase, request, whole_log};

/// A revision of the document that `sold` records, with another amount.
fn revision(sold: &Command, number: u32, kopecks: i64) -> Request {
    let Command::Member { member_id, command: MemberCommand::RecordPurchase(command) } = sold else {
        panic!("no purchase: {sold:?}")
    };
    let mut command = command.clone();
    command.document.revision = number;
    command.document.amount = Roubles::from_kopecks(kopecks);
    let mut idempotency = idempotency("", &format!("{number} {kopecks}"));
    idempotency.key = *command.document.natural_key.as_bytes();
    idempotency.revision = number;
    let command = Command::Member { member_id: *member_id, command: MemberCommand::RecordPurchase(command) };
    Request { idempotency, ..request(command, "") }
}

/// The same, naming another member.
fn naming(id: MemberId, sold: &Command, number: u32, kopecks: i64) -> Request {
    let mut request = revision(sold, number, kopecks);
    let Command::Member { member_id, .. } = &mut request.command else { panic!("no member") };
    *member_id = id;
    request
}

fn earned(receipt: &Receipt) -> (String, bool) {
    let Outcome::Member(MemberOutcome::Purchase(PurchaseOutcome::Recorded {
        bonuses_earned, amended, ..
    })) = &receipt.outcome
    else {
        panic!("not recorded: {receipt:?}")
    };
    (bonuses_earned.to_string(), *amended)
}

async fn total_of(log: &Log, id: MemberId) -> Bonuses {
    let mut state = MemberState::default();
    for stored in whole_log(&log.pool().await).await {
        let event = stored.row.event().expect("readable");
        if let (Event::Member(event), true) = (event, stored.row.stream_id == id.as_uuid()) {
            state.apply(stored.row.position, stored.row.occurred_at, &event).expect("holds");
        }
    }
    state.balance(Clock::machine_now(), 30).expect("fits").total().expect("fits")
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_d2_each_revision_has_one_answer_and_the_newest_is_what_is_known() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    let shop = business(&ledger, "mindal").await;
    let id = member(&ledger, "mindal").await;
    let sold = purchase(id, shop, 100_000);
    let first = ledger.execute(revision(&sold, 1, 100_000)).await.expect("accepted");
    assert_eq!(earned(&first), ("75.00".to_owned(), false));
    let second = ledger.execute(revision(&sold, 2, 150_000)).await.expect("accepted");
    assert_eq!((earned(&second), second.repeat), (("112.50".to_owned(), true), Repeat::First));
    // Another process knows it all the same.
    let other = log.open(LedgerOptions::default()).await;
    for ledger in [&ledger, &other] {
        let again = ledger.execute(revision(&sold, 2, 150_000)).await.expect("accepted");
        assert_eq!((again.repeat, again.position), (Repeat::Replayed, second.position));
        assert_eq!(again.outcome, second.outcome);
        let changed = ledger.execute(revision(&sold, 2, 150_001)).await;
        assert!(
            matches!(changed, Err(ExecuteError::Refused(Rejection::IdempotencyKeyReused))),
            "{changed:?}"
        );
        let older = ledger.execute(revision(&sold, 1, 100_000)).await.expect("accepted");
        assert_eq!(older.repeat, Repeat::Stale);
    }
    let third = other.execute(revision(&sold, 7, 40_000)).await.expect("accepted");
    assert_eq!(earned(&third), ("30.00".to_owned(), true));
    assert_eq!(total_of(&log, id).await.to_string(), "30.00");
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_d3_revisions_that_race_in_two_processes_end_with_the_newest() {
    let log = Log::new().await;
    let (one, two) = (log.open(LedgerOptions::default()).await, log.open(LedgerOptions::default()).await);
    let shop = business(&one, "mindal").await;
    two.refresh().await;
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(member(&one, "mindal").await);
    }
    let documents: Vec<Command> = ids.iter().map(|id| purchase(*id, shop, 100_000)).collect();
    // Each document in ten revisions, each sent to both, with other purchases of the same members between them.
    let both = (&one, &two);
    let asked = documents.iter().flat_map(|sold| {
        (1..=10_u32).flat_map(move |number| {
            let request = revision(sold, number, 10_000 * i64::from(number));
            [both.0.execute(request.clone()), both.1.execute(request)]
        })
    });
    let answers = join_all(asked).await;
    let firsts =
        answers.iter().filter(|answer| answer.as_ref().expect("accepted or stale").repeat == Repeat::First);
    let recorded = firsts.count();
    let rows = whole_log(&log.pool().await).await;
    let is_edit = |event: &Event| {
        matches!(event, Event::Member(MemberEvent::PurchaseRecorded(_) | MemberEvent::PurchaseAmended(_)))
    };
    let written = rows.iter().filter(|stored| is_edit(&stored.row.event().expect("readable"))).count();
    assert_eq!(written, recorded, "every first answer is on the log once");
    for id in ids {
        // The tenth revision says 1,000.00, whichever came first: 1,000 × 0.05 × 1.5.
        assert_eq!(total_of(&log, id).await.to_string(), "75.00");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_d3_a_purchase_that_changes_hands_in_two_processes_ends_with_whom_the_newest_revision_names() {
    let log = Log::new().await;
    let (one, two) = (log.open(LedgerOptions::default()).await, log.open(LedgerOptions::default()).await);
    let shop = business(&one, "mindal").await;
    two.refresh().await;
    let (anna, vera) = (member(&one, "mindal").await, member(&one, "mindal").await);
    let sold = purchase(anna, shop, 100_000);
    let whose = |number: u32| if number.is_multiple_of(2) { vera } else { anna };
    let asked = (1..=9_u32).flat_map(|number| {
        let request = naming(whose(number), &sold, number, 10_000 * i64::from(number));
        [one.execute(request.clone()), two.execute(request)]
    });
    for answer in join_all(asked).await {
        answer.expect("accepted or stale");
    }
    // The ninth revision says 900.00 of Anna's: 900 × 0.05 × 1.5, whichever came first.
    assert_eq!(total_of(&log, anna).await.to_string(), "67.50");
    assert_eq!(total_of(&log, vera).await.to_string(), "0.00");
    // What comes later finds her, in a process that knows nothing of it.
    let other = log.open(LedgerOptions::default()).await;
    let Command::Member { command: MemberCommand::RecordPurchase(command), .. } = &sold else { panic!() };
    let refund = RefundRequest {
        purchase_id: command.purchase_id(),
        business_id: shop,
        refund_id: RefundId::of_key(&[7; 32]),
        amount: Roubles::from_kopecks(30_000),
        occurred_at: None,
        unknown: Unknown::Refused,
    };
    other.execute(request(Command::Refund(refund), "refund")).await.expect("accepted");
    assert_eq!(total_of(&log, anna).await.to_string(), "45.00");
    // Two revisions in one batch, there and back.
    let both = [naming(vera, &sold, 10, 100_000), naming(anna, &sold, 11, 100_000)];
    for answer in join_all(both.into_iter().map(|request| other.execute(request))).await {
        answer.expect("accepted");
    }
    // 75.00 less 30 %.
    assert_eq!(total_of(&log, anna).await.to_string(), "52.50");
    assert_eq!(total_of(&log, vera).await.to_string(), "0.00");
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_d3_a_newer_revision_of_what_waits_in_quarantine_is_decided_anew_whomever_it_names() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    let shop = business(&ledger, "mindal").await;
    let (anna, vera) = (member(&ledger, "mindal").await, member(&ledger, "mindal").await);
    for newer in [anna, vera] {
        let first = purchase(anna, shop, 100_000);
        let Command::Member { command: MemberCommand::RecordPurchase(mut other), .. } = first.clone() else {
            panic!()
        };
        ledger.execute(revision(&first, 1, 100_000)).await.expect("accepted");
        // Another system's report of it.
        other.document.natural_key = NaturalKey::from_bytes(support::fresh_bytes());
        other.document.source_system = Some(SourceKey::from_bytes([1; 8]));
        let second = Command::Member { member_id: anna, command: MemberCommand::RecordPurchase(other) };
        let waits = ledger.execute(revision(&second, 1, 100_000)).await.expect("accepted");
        assert!(
            matches!(
                waits.outcome,
                Outcome::Member(MemberOutcome::Purchase(PurchaseOutcome::Quarantined { .. }))
            ),
            "{waits:?}"
        );
        let decided = ledger.execute(naming(newer, &second, 2, 200_000)).await.expect("accepted");
        let Outcome::Member(MemberOutcome::Purchase(PurchaseOutcome::Recorded { amended, .. })) =
            decided.outcome
        else {
            panic!("not recorded: {decided:?}")
        };
        assert!(!amended);
        let more = ledger.execute(naming(newer, &second, 3, 300_000)).await.expect("accepted");
        assert!(earned(&more).1, "now it is an edit");
    }
    let rows = whole_log(&log.pool().await).await;
    let of = |kind: &str| rows.iter().filter(|stored| stored.row.event_type == kind).count();
    assert_eq!((of("PurchaseQuarantined"), of("QuarantineDropped"), of("PurchaseRecorded")), (2, 2, 4));
}
