//! What two requests say at once under one key: each has words of its own, and the one that is refused leaves none. Rule C1,
//! design L4.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::PgPool;
use system_tests::system::{Member, Site, Town, eventually, shared};

const ROUNDS: usize = 6;
const LIMIT: Duration = Duration::from_secs(30);
/// What the two say, and what their coupons are worth.
const ASKED: [(&str, &str); 2] = [("100.00", "Скидка на стрижку"), ("200.00", "Скидка на окрашивание")];

fn coupon_for(member: &Member, (value, words): (&str, &str)) -> Value {
    json!({"member": {"member_id": member.id}, "type": "discount_fixed", "value": value,
        "expires_at": "2090-01-01T00:00:00Z", "description": words, "funded_by": "business"})
}

/// How many texts about members there are.
async fn texts(vault: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM vault.reasons").fetch_one(vault).await.expect("a count")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_coupons_under_one_key_at_once_say_each_what_was_said_of_it() {
    let mut site = Site::start(shared()).await;
    let town = Town::settle(&site, 1).await;
    let second = site.start_api();
    let till = town.businesses[0].till(&site);
    let tills = [till.clone(), till.at(&second)];
    let (log, vault) = (site.database("ledger").await, site.database("vault").await);
    for round in 0..ROUNDS {
        let before = texts(&vault).await;
        // Neither is decided on before both have said what they have to say.
        let mut held = log.begin().await.expect("a transaction");
        sqlx::query("SELECT position FROM ledger.log_head FOR UPDATE")
            .execute(&mut *held)
            .await
            .expect("locked");
        let asking = [0, 1].map(|which| {
            let till = tills[(which + round) % 2].clone();
            let body = coupon_for(&town.members[0], ASKED[which]);
            tokio::spawn(async move {
                let key = format!("round-{round}");
                till.try_call_with("POST", "/coupons", &body, &[("Idempotency-Key", &key)]).await
            })
        });
        let said = async || texts(&vault).await;
        let _ = eventually("both have said it", LIMIT, said, |found| *found == before + 2).await;
        held.rollback().await.expect("the lock is given back");
        let mut answers = Vec::new();
        for asked in asking {
            answers.push(asked.await.expect("a task").expect("an answer"));
        }
        let won = answers.iter().position(|answer| answer.status == 201).expect("one of them is accepted");
        let lost = &answers[1 - won];
        assert_eq!((lost.status, lost.code()), (422, "IDEMPOTENCY_KEY_REUSED"), "{}", lost.text);
        assert_eq!(texts(&vault).await, before + 1, "what was refused leaves no words");
        site.settle().await;
        let id = answers[won].body["data"]["coupon_id"].as_str().expect("an id");
        let shown = till.get(&format!("/coupons/{id}")).await.data(200);
        let (value, words) = ASKED[won];
        assert_eq!((&shown["value"], &shown["description"]), (&json!(value), &json!(words)), "{shown}");
    }
    log.close().await;
    vault.close().await;
    site.check();
}
