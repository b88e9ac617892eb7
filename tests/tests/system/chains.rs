//! A chain whose reactor dies again and again, and then reads everything once more: each reward is given once (Rule X3, design
//! J5), and no more of them than the budget allows (X5).

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use system_tests::system::{Business, Role, Site, Town, shared};
use tokio::time::Instant;

use crate::machine_now;

const ROUNDS: usize = 6;
const SALES: usize = 40;
/// Of 240 purchases so many get 500 ₽ out of the budget.
const REWARDS: i64 = 150;
/// How long a reactor that begins anew may take to catch up.
const CATCHES_UP: Duration = Duration::from_secs(60);

/// A chain from the first business to the second that runs.
async fn run_chain(site: &Site, businesses: &[Business]) {
    let coupon = json!({"type": "discount_fixed", "value": "500", "life_days": 30, "description": "Ужин"});
    let step = json!({
        "from": businesses[0].slug, "to": businesses[1].slug, "window_days": 14,
        "reward": {"type": "coupon", "coupon": coupon},
    });
    let budget = (REWARDS * 500).to_string();
    let body = json!({
        "name": "Ужин", "kind": "linear", "steps": [step], "limits": {"budget": budget}, "funded_by": "source",
    });
    let admin = site.admin();
    let id = admin.post("/cross-promo/chains", &body).await.data(201)["chain_id"].clone();
    let path = |call: &str| format!("/cross-promo/chains/{}/{call}", id.as_str().expect("an id"));
    let owners = businesses[..2].iter().map(|business| (business.till(site), "consent"));
    let way = std::iter::once((admin.clone(), "submit")).chain(owners);
    for (who, call) in way.chain([(admin.clone(), "approve"), (admin.clone(), "activate")]) {
        let answer = who.post(&path(call), &json!({})).await;
        assert_eq!(answer.status, 200, "{call}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reactor_that_dies_and_one_that_begins_anew_give_each_reward_once() {
    let mut site = Site::start(shared()).await;
    let town = Town::settle(&site, 8).await;
    run_chain(&site, &town.businesses).await;
    let till = town.businesses[0].till(&site);
    for round in 0..ROUNDS {
        let sales = (0..SALES).map(|number| {
            let at = machine_now().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
            let body = json!({
                "external_id": format!("r{round}-{number}"), "member": {"member_id": town.members[number % 8].id},
                "amount": "1000.00", "occurred_at": at,
            });
            let till = till.clone();
            async move { till.post("/transactions", &body).await.data(201) }
        });
        let (first, second): (Vec<_>, Vec<_>) = sales.enumerate().partition(|(number, _)| number % 2 == 0);
        join_all(first.into_iter().map(|(_, sale)| sale)).await;
        site.restart_role(Role::React);
        join_all(second.into_iter().map(|(_, sale)| sale)).await;
    }
    site.settle().await;

    let log = site.database("ledger").await;
    let given: (i64, i64, i64) = sqlx::query_as(
        "SELECT count(*), count(DISTINCT payload->'chain'->>'purchase_id'), count(DISTINCT payload->>'coupon_id')
         FROM ledger.events WHERE event_type = 'CouponIssued'",
    )
    .fetch_one(&log)
    .await
    .expect("the log");
    assert_eq!(given, (REWARDS, REWARDS, REWARDS));
    let newest: (i64, String) = sqlx::query_as(
        "SELECT (payload->>'issued')::bigint, payload->>'committed' FROM ledger.events
         WHERE event_type = 'ChainRewardIssued' ORDER BY position DESC LIMIT 1",
    )
    .fetch_one(&log)
    .await
    .expect("the log");
    assert_eq!(newest, (REWARDS, format!("{}.00", REWARDS * 500)));

    // From the beginning of the log.
    let head = site.head().await;
    site.kill_role(Role::React);
    let read = site.database("read").await;
    sqlx::raw_sql("DROP SCHEMA react CASCADE; DELETE FROM projectors.progress WHERE name = 'react'")
        .execute(&read)
        .await
        .expect("its place is forgotten");
    site.start_role(Role::React);
    let until = Instant::now() + CATCHES_UP;
    loop {
        let passed = "SELECT coalesce(max(passed), 0) FROM projectors.progress WHERE name = 'react'";
        let passed: i64 = sqlx::query_scalar(passed).fetch_one(&read).await.expect("its place");
        if passed >= head {
            break;
        }
        assert!(Instant::now() < until, "it has read up to {passed} of {head}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(site.head().await, head, "nothing new");
    log.close().await;
    read.close().await;
    site.check();
}
