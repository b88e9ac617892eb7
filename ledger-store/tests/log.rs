//! The log on a real PostgreSQL. Design L1–L5, L7, L9.

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod support;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use ledger_core::log::Event;
use ledger_core::member::consent::{ConsentChange, ConsentChannel, ConsentChoice, ConsentOrigin, Purpose};
use ledger_core::member::{MemberCommand, MemberOutcome, MemberState, PurchaseOutcome};
use ledger_core::rejection::Rejection;
use ledger_ops::clock::Clock;
use ledger_store::start::{Witnessed, check_durable, check_not_behind};
use ledger_store::{Command, ExecuteError, LedgerOptions, Outcome, Repeat, log};
use support::{Log, business, eventually, idempotency, member, purchase, request, whole_log};
use uuid::Uuid;

fn earned(outcome: &Outcome) -> String {
    let Outcome::Member(MemberOutcome::Purchase(PurchaseOutcome::Recorded { bonuses_earned, .. })) = outcome
    else {
        panic!("not a recorded purchase: {outcome:?}")
    };
    bonuses_earned.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l1_l2_two_processes_racing_on_the_same_members_lose_nothing() {
    let log = Log::new().await;
    let (one, two) = (log.open(LedgerOptions::default()).await, log.open(LedgerOptions::default()).await);
    let shop = business(&one, "mindal").await;
    two.refresh().await;
    let members = join_all((0..5).map(|_| member(&one, "mindal"))).await;
    let rounds = 60;
    let race = (0..rounds).flat_map(|round| {
        let (one, two, members) = (&one, &two, &members);
        members.iter().flat_map(move |id| {
            [one, two].into_iter().enumerate().map(move |(process, ledger)| {
                let request = request(purchase(*id, shop, 10_000), &format!("{process} {round} {id}"));
                ledger.execute(request)
            })
        })
    });
    let receipts = join_all(race).await;
    let positions: BTreeSet<_> =
        receipts.iter().map(|receipt| receipt.as_ref().expect("accepted").position).collect();
    assert_eq!(positions.len(), 2 * rounds * members.len(), "every command has a place of its own");

    let rows = whole_log(&log.pool().await).await;
    let mut states = BTreeMap::<Uuid, (MemberState, i64)>::new();
    for stored in &rows {
        if let Event::Member(event) = stored.row.event().expect("readable") {
            let (state, purchases) = states.entry(stored.row.stream_id).or_default();
            state.apply(stored.row.position, stored.row.occurred_at, &event).expect("holds");
            *purchases += i64::from(stored.row.event_type == "PurchaseRecorded");
        }
    }
    for id in &members {
        let (state, purchases) = &states[&id.as_uuid()];
        assert_eq!(*purchases, 2 * i64::try_from(rounds).expect("fits"));
        // 100.00 × 5 % × 1.5 once, then 5 %: or, above 30,000 ₽, still insider: one category is not three.
        let balance = state.balance(Clock::machine_now(), 30).expect("fits");
        assert_eq!(balance.total().expect("fits").kopecks(), 750 + 500 * (purchases - 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l1_a_refusal_in_a_batch_does_not_hurt_its_neighbours() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    let shop = business(&ledger, "mindal").await;
    let id = member(&ledger, "mindal").await;
    let tomorrow = Clock::machine_now().plus(chrono::TimeDelta::days(1));
    let commands = (0..50).map(|number| {
        let command = if number % 2 == 0 {
            purchase(id, shop, 10_000)
        } else {
            support::purchase_at(id, shop, 10_000, tomorrow)
        };
        ledger.execute(request(command, &format!("{number}")))
    });
    for (number, answer) in join_all(commands).await.into_iter().enumerate() {
        if number % 2 == 0 {
            assert_eq!(answer.expect("accepted").repeat, Repeat::First);
        } else {
            let refused = matches!(answer, Err(ExecuteError::Refused(Rejection::OccurredInFuture { .. })));
            assert!(refused, "{answer:?}");
        }
    }
    let rows = whole_log(&log.pool().await).await;
    let recorded = rows.iter().filter(|stored| stored.row.event_type == "PurchaseRecorded").count();
    assert_eq!(recorded, 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l4_one_key_has_one_answer_for_ever() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    let shop = business(&ledger, "mindal").await;
    let id = member(&ledger, "mindal").await;
    let same = request(purchase(id, shop, 300_000), "receipt 1");
    let answers = join_all((0..200).map(|_| ledger.execute(same.clone()))).await;
    let first: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().expect("accepted"))
        .filter(|receipt| receipt.repeat == Repeat::First)
        .collect();
    assert_eq!(first.len(), 1, "one of 200 is the first");
    assert_eq!(earned(&first[0].outcome), "225.00");
    for answer in &answers {
        let receipt = answer.as_ref().expect("accepted");
        assert_eq!((&receipt.outcome, receipt.position), (&first[0].outcome, first[0].position));
    }

    // Another process, later: the key is still known.
    let other = log.open(LedgerOptions::default()).await;
    let again = other.execute(same.clone()).await.expect("accepted");
    assert_eq!((again.repeat, again.position), (Repeat::Replayed, first[0].position));
    let mut changed = same.clone();
    changed.idempotency.fingerprint = idempotency("", "other content").fingerprint;
    let refused = other.execute(changed).await;
    assert!(matches!(refused, Err(ExecuteError::Refused(Rejection::IdempotencyKeyReused))), "{refused:?}");
    let mut newer = same.clone();
    newer.idempotency.revision = 2;
    let refused = other.execute(newer).await;
    assert!(matches!(refused, Err(ExecuteError::Refused(Rejection::IdempotencyKeyReused))), "{refused:?}");
    let mut older = same;
    older.idempotency.revision = 0;
    assert_eq!(other.execute(older).await.expect("accepted").repeat, Repeat::Stale);
    let rows = whole_log(&log.pool().await).await;
    let recorded = rows.iter().filter(|stored| stored.row.event_type == "PurchaseRecorded").count();
    assert_eq!(recorded, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l4_a_repeat_gets_the_first_answer_whatever_is_true_today_and_whoever_stands_beside_it() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    let shop = business(&ledger, "mindal").await;
    let (gone, there) = (member(&ledger, "mindal").await, member(&ledger, "mindal").await);
    let sold = request(purchase(gone, shop, 300_000), "receipt 1");
    let first = ledger.execute(sold.clone()).await.expect("accepted");
    let withdrawn = MemberCommand::ChangeConsents {
        origin: ConsentOrigin::from_channel(ConsentChannel::App),
        changes: vec![ConsentChange {
            purpose: Purpose::Partner(support::slug("mindal")),
            choice: ConsentChoice::Withdrawn,
            version: "1".parse().expect("a version"),
            text_hash: None,
        }],
    };
    let withdrawn = Command::Member { member_id: gone, command: withdrawn };
    ledger.execute(request(withdrawn, "withdrawn")).await.expect("accepted");

    // Decided today it would be `unmatched`, and write nothing.
    let again = ledger.execute(sold.clone()).await.expect("answered");
    assert_eq!(
        (again.repeat, &again.outcome, again.position),
        (Repeat::Replayed, &first.outcome, first.position)
    );

    // Another member's repeat would be written again: every round puts it among new purchases.
    let repeated = request(purchase(there, shop, 10_000), "receipt 2");
    let second = ledger.execute(repeated.clone()).await.expect("accepted");
    for round in 0..3 {
        let fresh =
            (0..20).map(|number| request(purchase(there, shop, 10_000), &format!("{round} {number}")));
        let all: Vec<_> = fresh.chain([repeated.clone(), sold.clone()]).collect();
        let answers = join_all(all.into_iter().map(|request| ledger.execute(request))).await;
        let receipts: Vec<_> = answers.into_iter().map(|answer| answer.expect("answered")).collect();
        assert!(receipts[..20].iter().all(|receipt| receipt.repeat == Repeat::First));
        assert_eq!((receipts[20].repeat, receipts[20].position), (Repeat::Replayed, second.position));
        assert_eq!((receipts[21].repeat, receipts[21].position), (Repeat::Replayed, first.position));
    }
    // A process that has seen no repeats yet, and one that comes before what is new of the same member.
    let other = log.open(LedgerOptions::default()).await;
    let fresh = (0..20).map(|number| request(purchase(there, shop, 10_000), &format!("behind {number}")));
    let all: Vec<_> = [repeated].into_iter().chain(fresh).collect();
    let answers = join_all(all.into_iter().map(|request| other.execute(request))).await;
    let repeats: Vec<_> = answers.into_iter().map(|answer| answer.expect("answered").repeat).collect();
    assert_eq!((repeats[0], &repeats[1..]), (Repeat::Replayed, [Repeat::First; 20].as_slice()));
    let rows = whole_log(&log.pool().await).await;
    assert_eq!(rows.iter().filter(|stored| stored.row.event_type == "PurchaseRecorded").count(), 82);
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l5_what_follows_names_its_cause() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    let shop = business(&ledger, "mindal").await;
    let id = member(&ledger, "mindal").await;
    let sent = request(purchase(id, shop, 300_000), "receipt 1");
    ledger.execute(sent.clone()).await.expect("accepted");
    let rows = whole_log(&log.pool().await).await;
    let of = |name: &str| rows.iter().find(|stored| stored.row.event_type == name).expect("written");
    let (purchase, accrual) = (&of("PurchaseRecorded").row, &of("BonusAccrued").row);
    assert_eq!(accrual.metadata.causation_id, Some(purchase.event_id));
    assert_eq!(purchase.metadata.causation_id, None);
    for row in [purchase, accrual] {
        assert_eq!(row.metadata.correlation_id, sent.correlation_id);
        assert_eq!((row.metadata.policy_version, row.metadata.rules_revision), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l3_nobody_changes_what_was_written() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    business(&ledger, "mindal").await;
    let before = whole_log(&log.pool().await).await;
    let (service, owner) = (log.pool().await, log.owner_pool().await);
    let changes = [
        "UPDATE ledger.events SET event_type = 'X' WHERE position = 1",
        "DELETE FROM ledger.events",
        "TRUNCATE ledger.events",
        "UPDATE ledger.idempotency SET revision = 2",
        "DELETE FROM ledger.idempotency",
        "UPDATE ledger.log_head SET position = 0",
        "UPDATE ledger.log_head SET log_id = gen_random_uuid()",
        "DELETE FROM ledger.log_head",
    ];
    let service_only = [
        "DROP TABLE ledger.events",
        "ALTER TABLE ledger.events DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "INSERT INTO ledger.log_head (only_row, position, log_id) VALUES (false, 9, gen_random_uuid())",
    ];
    for statement in changes.iter().chain(&service_only) {
        let answer = sqlx::query(*statement).execute(&service).await;
        assert!(answer.is_err(), "the service may not: {statement}");
    }
    for statement in changes {
        let answer = sqlx::query(statement).execute(&owner).await.expect_err(statement);
        let code = answer.as_database_error().and_then(|error| error.code()).expect("a code").into_owned();
        assert_eq!(code, "23001", "the owner is stopped by the trigger: {statement}");
    }
    assert_eq!(whole_log(&service).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l1_a_slow_transaction_holds_its_place_and_no_reader_skips_it() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    let shop = business(&ledger, "mindal").await;
    let id = member(&ledger, "mindal").await;
    let reader = log.pool().await;
    let before = log::head(&reader).await.expect("a head");

    // Another process's transaction takes the next place with a copy of an event and stays open.
    let mut slow = log.owner_pool().await.begin().await.expect("a transaction");
    sqlx::query("UPDATE ledger.log_head SET position = position + 1").execute(&mut *slow).await.expect("ok");
    sqlx::query(
        "INSERT INTO ledger.events
         SELECT $1, gen_random_uuid(), stream_type, stream_id, stream_version + 1, 'BusinessRenamed', 1, occurred_at,
                recorded_at, jsonb_build_object('business_id', stream_id, 'name', 'slow'), metadata, leaf_hash
         FROM ledger.events WHERE event_type = 'BusinessRegistered'",
    )
    .bind(before + 1)
    .execute(&mut *slow)
    .await
    .expect("inserted");

    let writers: Vec<_> = (0..20)
        .map(|number| {
            let (ledger, request) = (ledger.clone(), request(purchase(id, shop, 100), &format!("{number}")));
            tokio::spawn(async move { ledger.execute(request).await })
        })
        .collect();
    // The writers are on the server, waiting for the head's lock.
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    eventually(|| async {
        let count: i64 = sqlx::query_scalar(waiting).fetch_one(&reader).await.expect("a count");
        count >= 1
    })
    .await;
    let seen = log::read_after(&reader, before, 100).await.expect("readable");
    assert!(seen.is_empty(), "nobody commits past a held place");
    slow.commit().await.expect("the slow one commits");
    for writer in writers {
        writer.await.expect("joined").expect("accepted");
    }
    let rows = log::read_after(&reader, before, 100).await.expect("readable");
    assert_eq!(rows[0].row.event_type, "BusinessRenamed", "the slow one has its place");
    let positions: Vec<_> = rows.iter().map(|stored| stored.row.position).collect();
    assert_eq!(positions, (before + 1..=before + 41).collect::<Vec<_>>());
    assert_eq!(ledger.registry().businesses.get(shop).expect("known").name, "slow", "and was folded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_is_read_from_its_snapshot() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    let shop = business(&ledger, "mindal").await;
    let id = member(&ledger, "mindal").await;
    for number in 0..200 {
        ledger.execute(request(purchase(id, shop, 10_000), &format!("{number}"))).await.expect("accepted");
    }
    let pool = log.owner_pool().await;
    let version = "SELECT max(stream_version) FROM ledger.snapshots";
    eventually(|| async {
        let version: Option<i32> = sqlx::query_scalar(version).fetch_one(&pool).await.expect("a version");
        version.is_some_and(|version| version >= 256)
    })
    .await;
    let total = |receipt: ledger_store::Receipt| earned(&receipt.outcome);
    // A process that knows nothing but the snapshot's tail decides the same; so does one whose snapshot is useless.
    let other = log.open(LedgerOptions::default()).await;
    let answer = other.execute(request(purchase(id, shop, 10_000), "by snapshot")).await.expect("accepted");
    assert_eq!(total(answer), "5.00", "the category is not new");
    sqlx::query("UPDATE ledger.snapshots SET state = '{}'").execute(&pool).await.expect("spoilt");
    let third = log.open(LedgerOptions::default()).await;
    let answer = third.execute(request(purchase(id, shop, 10_000), "by events")).await.expect("accepted");
    assert_eq!(total(answer), "5.00");
    whole_log(&pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_is_too_small_costs_time_not_truth() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions { members_max: 4, batch_max: 8, ..LedgerOptions::default() }).await;
    let shop = business(&ledger, "mindal").await;
    let members = join_all((0..100).map(|_| member(&ledger, "mindal"))).await;
    for round in 0..5 {
        let all = members
            .iter()
            .map(|id| ledger.execute(request(purchase(*id, shop, 10_000), &format!("{round} {id}"))));
        for answer in join_all(all).await {
            let expected = if round == 0 { "7.50" } else { "5.00" };
            assert_eq!(earned(&answer.expect("accepted").outcome), expected);
        }
    }
    whole_log(&log.pool().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l2_what_one_process_wrote_the_other_knows_though_it_writes_nothing() {
    let log = Log::new().await;
    let (one, two) = (log.open(LedgerOptions::default()).await, log.open(LedgerOptions::default()).await);
    business(&one, "mindal").await;
    two.refresh().await;
    let id = member(&one, "mindal").await;
    let other = business(&one, "lisichkino").await;
    two.refresh().await;
    let sold = |key: &str| two.execute(request(purchase(id, other, 10_000), key));
    // The second process keeps her warm; what writes nothing needs no place on the log, yet must not be out of date.
    let unmatched = Outcome::Member(MemberOutcome::Purchase(PurchaseOutcome::Unmatched));
    assert_eq!(sold("before").await.expect("answered").outcome, unmatched);
    let consent = ConsentChange {
        purpose: Purpose::Partner(support::slug("lisichkino")),
        choice: ConsentChoice::Granted,
        version: "1".parse().expect("a version"),
        text_hash: None,
    };
    let origin = ConsentOrigin::from_channel(ConsentChannel::App);
    let command = MemberCommand::ChangeConsents { changes: vec![consent], origin };
    one.execute(request(Command::Member { member_id: id, command }, "consent")).await.expect("accepted");
    assert_eq!(earned(&sold("after").await.expect("accepted").outcome), "7.50");
    whole_log(&log.pool().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l9_a_log_behind_its_witnesses_is_refused() {
    let log = Log::new().await;
    let ledger = log.open(LedgerOptions::default()).await;
    business(&ledger, "mindal").await;
    let pool = log.pool().await;
    check_durable(&pool).await.expect("a durable server");
    let rows = whole_log(&pool).await;
    let newest = rows.last().expect("rows");
    let seen = |position, leaf_hash| Witnessed { by: "the read model".to_owned(), position, leaf_hash };
    check_not_behind(&pool, &[seen(newest.row.position, Some(newest.leaf_hash))]).await.expect("in step");
    let ahead = check_not_behind(&pool, &[seen(newest.row.position + 1, None)]).await.expect_err("behind");
    assert!(ahead.to_string().contains("restored backup"), "{ahead}");
    let forked = check_not_behind(&pool, &[seen(newest.row.position, Some(rows[0].leaf_hash))]).await;
    assert!(forked.expect_err("forked").to_string().contains("forked"));
    sqlx::query("SET synchronous_commit = off").execute(&log.owner_pool().await).await.expect("set");
    let name: String =
        sqlx::query_scalar("SELECT current_database()").fetch_one(&pool).await.expect("a name");
    let statement = format!("ALTER DATABASE {name} SET synchronous_commit = off");
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&log.owner_pool().await).await.expect("set");
    let careless = check_durable(&log.pool().await).await.expect_err("not durable");
    assert!(careless.to_string().contains("synchronous_commit"), "{careless}");
}
