//! A coupon from two `ledger-api` processes at once: it is used once (Rule C2, battery C2), wrong codes are counted by both
//! together, and what it says in words and its code stay in the vault.

use futures::future::join_all;
use serde_json::{Value, json};
use system_tests::system::{Client, Member, Site, Town, shared};

use crate::recently;

/// Purchases that name one code, over both processes at once; in the `dev` profile 100 wrong ones a minute are looked at.
const RACERS: usize = 1_000;
const WORDS: &str = "zqx-7731-coupon";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_race_for_one_coupon() {
    let mut site = Site::start(shared()).await;
    let town = Town::settle(&site, 2).await;
    let second = site.start_api();
    let (business, anna, vera) = (&town.businesses[0], &town.members[0], &town.members[1]);
    let till = business.till(&site);
    let tills = [till.clone(), till.at(&second)];
    let (coupon, code) = activated(&till, anna, &anna.sign_in(&site).await).await;
    let (_, other) = activated(&till, vera, &vera.sign_in(&site).await.at(&second)).await;
    assert_ne!(code, other);
    let buys = |number: usize, member: &Member, code: &str| {
        json!({"external_id": format!("r{number}"), "member": {"member_id": member.id}, "amount": "1000.00",
            "occurred_at": recently(), "coupon_code": code})
    };

    let racing = (0..RACERS).map(|number| {
        let (till, body) = (&tills[number % 2], buys(number, anna, &code));
        async move { till.post("/transactions", &body).await }
    });
    let answers = join_all(racing).await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(won.len(), 1, "it is used once");
    assert_eq!(won[0].body["data"]["coupon_discount"], "100.00");
    let mut limited = 0;
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        match (answer.status, answer.code()) {
            (404, "COUPON_NOT_VALID") => {}
            (429, "RATE_LIMITED") => {
                limited += 1;
                assert!((1..=3_600).contains(&answer.header("retry-after").parse::<u64>().expect("seconds")));
            }
            other => panic!("{other:?}: {}", answer.text),
        }
    }
    assert!(limited >= RACERS - 101, "both processes count together: {limited}");

    // Her limit closes nobody else's till; a code may be typed in small letters.
    let typed = format!(" {} ", other.to_lowercase());
    let answer = tills[0].post("/transactions", &buys(RACERS, vera, &typed)).await.data(201);
    assert_eq!(answer["coupon_discount"], "100.00");
    // A document that was recorded gets its answer, limit or not.
    let first = won[0].body["data"]["transaction_id"].clone();
    let winner = answers.iter().position(|answer| answer.status == 201).expect("a winner");
    let mut again = buys(winner, anna, &code);
    again["occurred_at"] = occurred_at(&site, &first).await;
    let answer = tills[1].post("/transactions", &again).await.data(200);
    assert_eq!((&answer["transaction_id"], &answer["replayed"]), (&first, &json!(true)));

    site.settle().await;
    let shown = till.get(&format!("/coupons/{coupon}")).await.data(200);
    assert_eq!((&shown["state"], &shown["transaction_id"]), (&json!("redeemed"), &first), "{shown}");
    assert_eq!(shown["description"], WORDS);
    only_the_vault_knows(&site, &[&code, &other, WORDS]).await;
    refused_words_are_not_kept(&site, &till, anna).await;
    no_more_than_fifty(&tills, vera).await;
    site.check();
}

/// Of one business she has fifty open coupons at most, whichever process decides; the one she used is none of them.
async fn no_more_than_fifty(tills: &[Client; 2], member: &Member) {
    let giving = (0..60).map(|number| {
        let (till, body) = (&tills[number % 2], coupon_for(member));
        async move { till.post("/coupons", &body).await }
    });
    let answers = join_all(giving).await;
    let refused = answers.iter().filter(|answer| answer.status != 201);
    let refused: Vec<_> = refused.map(|answer| (answer.status, answer.code())).collect();
    assert_eq!(refused, vec![(422, "TOO_MANY_COUPONS"); 10]);
}

/// 100 ₽ off.
fn coupon_for(member: &Member) -> Value {
    json!({"member": {"member_id": member.id}, "type": "discount_fixed", "value": "100.00",
        "expires_at": "2090-01-01T00:00:00Z", "description": WORDS, "funded_by": "business"})
}

/// A fresh coupon of 100 ₽ for her, and its code.
async fn activated(till: &Client, member: &Member, her: &Client) -> (String, String) {
    let issued = till.post("/coupons", &coupon_for(member)).await.data(201);
    let id = issued["coupon_id"].as_str().expect("an id").to_owned();
    let ready = her.post(&format!("/loyalty/coupons/{id}/activate"), &json!({})).await.data(200);
    (id, ready["activation_code"].as_str().expect("a code").to_owned())
}

async fn occurred_at(site: &Site, purchase: &Value) -> Value {
    let ledger = site.database("ledger").await;
    let at: String = sqlx::query_scalar(
        "SELECT to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM ledger.events
         WHERE event_type = 'PurchaseRecorded' AND payload->>'purchase_id' = $1",
    )
    .bind(purchase.as_str())
    .fetch_one(&ledger)
    .await
    .expect("the purchase");
    ledger.close().await;
    json!(at)
}

/// No row of the log or of the answers to keys has these texts, nor any file of the service's logs.
async fn only_the_vault_knows(site: &Site, secrets: &[&str]) {
    let ledger = site.database("ledger").await;
    for secret in secrets {
        let rows: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM ledger.events WHERE payload::text || metadata::text LIKE '%' || $1 || '%')
                  + (SELECT count(*) FROM ledger.idempotency WHERE outcome::text LIKE '%' || $1 || '%')",
        )
        .bind(secret)
        .fetch_one(&ledger)
        .await
        .expect("a count");
        assert_eq!(rows, 0);
        for path in site.log_files() {
            assert!(!std::fs::read_to_string(&path).expect("a log").contains(secret), "{}", path.display());
        }
    }
    ledger.close().await;
}

/// A coupon that was refused leaves no words behind.
async fn refused_words_are_not_kept(site: &Site, till: &Client, member: &Member) {
    let vault = site.database("vault").await;
    let count = || sqlx::query_scalar::<_, i64>("SELECT count(*) FROM vault.reasons").fetch_one(&vault);
    let before = count().await.expect("a count");
    let past = json!({"member": {"member_id": member.id}, "type": "bonus", "value": "100.00",
        "expires_at": "2020-01-01T00:00:00Z", "description": WORDS, "funded_by": "business"});
    let answer = till.post("/coupons", &past).await;
    assert_eq!((answer.status, answer.code()), (422, "PERIOD_REVERSED"), "{}", answer.text);
    assert_eq!(count().await.expect("a count"), before);
    vault.close().await;
}
