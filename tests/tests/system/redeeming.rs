//! Money at stake, from two `ledger-api` processes at once: the same bonuses are never held twice (Rule R5, battery C1), a
//! hold is captured once, and no more is refunded than was paid (Rule F1, battery C7).

use futures::future::join_all;
use serde_json::{Value, json};
use system_tests::system::{Answer, Client, Site, Town, shared};

use crate::{as_many_as, recently};

/// How often the race for all bonuses is run; `OWN_CIRCLE_RACE_ROUNDS` says otherwise (the battery's 100 take minutes).
const ROUNDS: usize = 3;

/// Sends each body to one process or the other, all at once.
async fn race(tills: [&Client; 2], calls: impl Iterator<Item = (String, Value)>) -> Vec<Answer> {
    let sent = calls
        .zip(tills.into_iter().cycle())
        .map(|((path, body), till)| async move { till.post(&path, &body).await });
    join_all(sent).await
}

/// How many answers have this status, and the codes of the others.
fn won(answers: &[Answer], status: u16) -> (usize, Vec<&str>) {
    let mut codes: Vec<&str> =
        answers.iter().filter(|answer| answer.status != status).map(Answer::code).collect();
    codes.sort_unstable();
    codes.dedup();
    (answers.iter().filter(|answer| answer.status == status).count(), codes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_race_for_the_same_bonuses_and_the_same_bill() {
    let mut site = Site::start(shared()).await;
    let town = Town::settle(&site, 1).await;
    let second = site.start_api();
    let (business, member) = (&town.businesses[0], &town.members[0]);
    let (till, other) = (business.till(&site), business.till(&site).at(&second));
    let tills = [&till, &other];
    let buys = |number: &str, amount: &str| json!({"external_id": number, "member": {"member_id": member.id}, "amount": amount, "occurred_at": recently()});
    let earned = till.post("/transactions", &buys("big", "10000.00")).await.data(201);
    assert_eq!(earned["bonuses_earned"], "750.00");

    // 60 holds of 100 out of 750: seven win.
    let hold = json!({"member": {"member_id": member.id}, "bill_amount": "200.00", "amount": "100.00"});
    let holds = race(tills, (0..60).map(|_| ("/redemptions".to_owned(), hold.clone()))).await;
    assert_eq!(won(&holds, 201), (7, vec!["INSUFFICIENT_BONUSES"]));
    let held: Vec<String> = holds
        .iter()
        .filter_map(|answer| answer.body["data"]["redemption_id"].as_str().map(str::to_owned))
        .collect();

    // Each is captured by six purchases at once: one wins.
    let captures = held
        .iter()
        .enumerate()
        .flat_map(|(one, redemption)| (0..6).map(move |number| (one, number, redemption.clone())));
    let captures = captures.map(|(one, number, redemption)| {
        let mut body = buys(&format!("c{one}-{number}"), "200.00");
        body["redemption_id"] = json!(redemption);
        ("/transactions".to_owned(), body)
    });
    let captured = race(tills, captures.collect::<Vec<_>>().into_iter()).await;
    assert_eq!(won(&captured, 201), (7, vec!["HOLD_ALREADY_CLOSED"]));

    // 100 refunds of 1,000 for a bill of 10,000: ten win.
    let refunds = (0..100).map(|number| {
        let path = format!("/transactions/{}/refunds", earned["transaction_id"].as_str().unwrap());
        (path, json!({"external_id": format!("f{number}"), "amount": "1000.00", "reason": "returned"}))
    });
    let refunded = race(tills, refunds).await;
    assert_eq!(won(&refunded, 201), (10, vec!["REFUND_EXCEEDS_PURCHASE"]));

    // A purchase races with its own refund: whichever is first, both take effect.
    let both = (0..20).flat_map(|number| {
        let refund = json!({
            "purchase_external_id": format!("w{number}"), "external_id": format!("fw{number}"), "amount": "100.00",
            "reason": "returned",
        });
        [("/transactions".to_owned(), buys(&format!("w{number}"), "100.00")), ("/transactions/refunds".to_owned(), refund)]
    });
    for answer in race(tills, both.collect::<Vec<_>>().into_iter()).await {
        assert!(matches!(answer.status, 201 | 202), "{}", answer.text);
    }
    site.settle().await;
    let her = member.sign_in(&site).await;
    let balance = her.get("/loyalty/balance").await.data(200);
    // 750 earned, 700 spent, 35 earned with it (5 % of 7 × 100), and 750 taken back: 665 are owed.
    assert_eq!((&balance["total"], &balance["debt"]), (&json!("0.00"), &json!("665.00")), "{balance}");
    site.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_race_for_a_hundred_times_a_hundred() {
    let mut site = Site::start(shared()).await;
    let town = Town::settle(&site, 1).await;
    let second = site.start_api();
    let (business, member) = (&town.businesses[0], &town.members[0]);
    let (till, other) = (business.till(&site), business.till(&site).at(&second));
    let tills = [&till, &other];
    let body = json!({"external_id": "big", "member": {"member_id": member.id}, "amount": "133333.34", "occurred_at": recently()});
    assert_eq!(till.post("/transactions", &body).await.data(201)["bonuses_earned"], "10000.00");
    let her = member.sign_in(&site).await;
    let rounds = as_many_as("OWN_CIRCLE_RACE_ROUNDS", ROUNDS);
    let hold = json!({"member": {"member_id": member.id}, "bill_amount": "200.00", "amount": "100.00"});
    for _ in 0..rounds {
        let holds = race(tills, (0..1_000).map(|_| ("/redemptions".to_owned(), hold.clone()))).await;
        assert_eq!(won(&holds, 201), (100, vec!["INSUFFICIENT_BONUSES"]));
        site.settle().await;
        let balance = her.get("/loyalty/balance").await.data(200);
        assert_eq!(
            (&balance["available"], &balance["held"]),
            (&json!("0.00"), &json!("10000.00")),
            "{balance}"
        );
        let held = holds.iter().filter_map(|answer| answer.body["data"]["redemption_id"].as_str());
        let cancel = held.map(|hold| (format!("/redemptions/{hold}/cancel"), json!({})));
        let cancelled = race(tills, cancel.collect::<Vec<_>>().into_iter()).await;
        assert_eq!(won(&cancelled, 200), (100, vec![]));
    }
    site.check();
}
