//! Two `ledger-api` processes on one log, the same members, the same documents: no lost update, no gap, one answer a key.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use serde_json::json;
use system_tests::system::{Audit, Business, Duplicates, Fate, Journal, Member, Site, Town, shared};

use crate::{recently, sale};

/// Documents, each sent to both processes at the same time.
const DOCUMENTS: usize = 400;
const AT_ONCE: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_race_on_the_same_members() {
    let mut site = Site::start(shared()).await;
    let town = Town::settle(&site, 4).await;
    let second = site.start_api();
    let journal = Arc::new(Journal::default());
    let at = recently();
    let documents = (0..DOCUMENTS).flat_map(|number| {
        let business = &town.businesses[number % 3];
        let kopecks = i64::try_from(number + 1).unwrap() * 100;
        let one = sale(&format!("x{number}"), business, &town.members[number % 4], kopecks, &at);
        journal.about_to_send(&one);
        let till = business.till(&site);
        [(one.clone(), till.clone()), (one, till.at(&second))]
    });
    let documents: Vec<_> = documents.collect();
    let answers: Vec<_> = futures::stream::iter(documents)
        .map(|(one, till)| async move { (till.post("/transactions", &one.body()).await, one) })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut by_document: BTreeMap<String, Vec<u16>> = BTreeMap::new();
    for (answer, one) in answers {
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
        let transaction_id = answer.body["data"]["transaction_id"].as_str().unwrap().to_owned();
        journal.heard(&one.business.slug, &one.external_id, Fate::Recorded { transaction_id });
        by_document.entry(one.external_id).or_default().push(answer.status);
    }
    for (document, mut statuses) in by_document {
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201], "{document} is created once and replayed once");
    }
    let named = new_businesses_are_known_at_once(&site, &second, &journal).await;
    one_phone_one_member(&site, &second).await;
    consents_end_as_the_log_has_them(&site, &second, &town.members[0]).await;
    let audit = Audit::pass(&site, &journal, Duplicates::None).await;
    assert_eq!(audit.purchases(), DOCUMENTS + named);
    assert_eq!(audit.turnover(), (1..=400).sum::<i64>() * 100 + i64::try_from(named).unwrap() * 10_000);
    for member in &town.members {
        let of_her = audit.log.of_kind("BonusAccrued").filter(|event| event.stream == member.id);
        let new = of_her.filter(|event| event.payload["inputs"]["new_category"] != "1").count();
        assert_eq!(new, 3, "each category is new to a member once, whichever process decided");
    }
}

/// A business that one process registers is named by an admin's purchase at the other as the next thing it hears. Gives the
/// number of purchases.
async fn new_businesses_are_known_at_once(site: &Site, second: &str, journal: &Journal) -> usize {
    const ROUNDS: usize = 8;
    for round in 0..ROUNDS {
        let shop = Business::register(site, &format!("new-{round}"), "floristry", json!({})).await;
        let member = Member::register(site, std::slice::from_ref(&shop), None).await;
        let one = sale("first", &shop, &member, 10_000, &recently());
        journal.about_to_send(&one);
        let mut body = one.body();
        body["business_id"] = json!(shop.slug);
        let data = site.admin().at(second).post("/transactions", &body).await.data(201);
        let transaction_id = data["transaction_id"].as_str().unwrap().to_owned();
        journal.heard(&shop.slug, &one.external_id, Fate::Recorded { transaction_id });
    }
    ROUNDS
}

/// Battery C5: one phone, 60 registrations at once over both processes.
async fn one_phone_one_member(site: &Site, second: &str) {
    const PHONE: &str = "+79995559999";
    let (one, two) = (site.admin(), site.admin().at(second));
    let name = |number: usize| format!("Вера{}", ["а", "б", "в"][number / 20].repeat(1 + number % 20));
    let registering = (0..60).map(|number| {
        let client = if number % 2 == 0 { &one } else { &two };
        let body = json!({"phone": PHONE, "first_name": name(number)});
        async move { client.post("/admin/members", &body).await }
    });
    let answers = futures::future::join_all(registering).await;
    let winner = answers.iter().position(|answer| answer.status == 201).expect("one is registered");
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1, "{:?}", answers.iter().map(|answer| &answer.text).collect::<Vec<_>>());
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!((answer.status, answer.code()), (409, "MEMBER_EXISTS"), "{}", answer.text);
    }
    let id = answers[winner].body["data"]["member_id"].as_str().expect("an id").to_owned();
    let her = Member { id, phone: PHONE.to_owned() }.sign_in(site).await;
    let profile = her.get("/users/me").await.data(200);
    assert_eq!(profile["first_name"], name(winner), "a refused registration overwrites nobody");
    refused_registrations_leave_nothing(site).await;
}

/// A key that was used for somebody else: nothing of the second person stays in the vault.
async fn refused_registrations_leave_nothing(site: &Site) {
    let admin = site.admin();
    let register = async |phone: &str| {
        let body = json!({"phone": phone, "first_name": "Ольга"});
        let key = [("Idempotency-Key", "registration")];
        admin.try_call_with("POST", "/admin/members", &body, &key).await.expect("an answer")
    };
    assert_eq!(register("+79995559998").await.status, 201);
    let refused = register("+79995559997").await;
    assert_eq!((refused.status, refused.code()), (422, "IDEMPOTENCY_KEY_REUSED"), "{}", refused.text);
    let vault = site.database("vault").await;
    let left = "SELECT (SELECT count(*) FROM vault.members WHERE state = 'pending')
                     + (SELECT count(*) FROM vault.registrations)";
    let left: i64 = sqlx::query_scalar(left).fetch_one(&vault).await.expect("a count");
    assert_eq!(left, 0);
    vault.close().await;
    assert_eq!(
        admin.post("/admin/members", &json!({"phone": "+79995559997", "first_name": "Ольга"})).await.status,
        201
    );
}

/// One member gives and withdraws over both processes at once: the vault's index ends as the log does.
async fn consents_end_as_the_log_has_them(site: &Site, second: &str, member: &Member) {
    let one = member.sign_in(site).await;
    let two = one.at(second);
    let changing = (0..80).map(|number| {
        let client = if number % 2 == 0 { &one } else { &two };
        let body = json!([{"purpose": "partner:mindal", "granted": number / 2 % 2 == 0, "version": "1"}]);
        async move { client.put("/users/me/consents", &body).await }
    });
    for answer in futures::future::join_all(changing).await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let (ledger, vault) = (site.database("ledger").await, site.database("vault").await);
    let last = "SELECT event_type = 'ConsentGranted' FROM ledger.events
                WHERE stream_id = $1::uuid AND payload->>'purpose' = 'partner:mindal' ORDER BY position DESC LIMIT 1";
    let granted: bool =
        sqlx::query_scalar(last).bind(&member.id).fetch_one(&ledger).await.expect("a decision");
    let indexed = "SELECT granted FROM vault.partner_members AS one
                   WHERE member_id = $1::uuid AND business_id = $2::uuid";
    let business: String = sqlx::query_scalar(
        "SELECT stream_id::text FROM ledger.events
         WHERE event_type = 'BusinessRegistered' AND payload->>'slug' = 'mindal'",
    )
    .fetch_one(&ledger)
    .await
    .expect("the business");
    let indexed: bool =
        sqlx::query_scalar(indexed).bind(&member.id).bind(&business).fetch_one(&vault).await.expect("a note");
    assert_eq!(indexed, granted);
    ledger.close().await;
    vault.close().await;
}
