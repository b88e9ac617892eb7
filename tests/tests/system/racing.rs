//! Two `ledger-api` processes on one log, the same members, the same documents: no lost update, no gap, one answer a key.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use serde_json::json;
use system_tests::system::{Audit, Duplicates, Fate, Journal, Site, Town, shared};

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
    one_phone_one_member(&site, &second).await;
    let audit = Audit::pass(&site, &journal, Duplicates::None).await;
    assert_eq!(audit.purchases(), DOCUMENTS);
    assert_eq!(audit.turnover(), (1..=400).sum::<i64>() * 100);
    for member in &town.members {
        let of_her = audit.log.of_kind("BonusAccrued").filter(|event| event.stream == member.id);
        let new = of_her.filter(|event| event.payload["inputs"]["new_category"] != "1").count();
        assert_eq!(new, 3, "each category is new to a member once, whichever process decided");
    }
}

/// Battery C5: one phone, 60 registrations at once over both processes.
async fn one_phone_one_member(site: &Site, second: &str) {
    let body = json!({"phone": "+79995559999", "first_name": "Вера"});
    let (one, two) = (site.admin(), site.admin().at(second));
    let registering = (0..60).map(|number| {
        let (client, body) = (if number % 2 == 0 { &one } else { &two }, &body);
        async move { client.post("/admin/members", body).await }
    });
    let answers = futures::future::join_all(registering).await;
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1, "{:?}", answers.iter().map(|answer| &answer.text).collect::<Vec<_>>());
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!((answer.status, answer.code()), (409, "MEMBER_EXISTS"), "{}", answer.text);
    }
}
