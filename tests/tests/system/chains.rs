//! A chain whose reactor dies again and again, and then reads everything once more: each reward is given once (Rule X3, design
//! J5), and no more of them than the budget allows (X5), or its limit when a thousand race for fifty (battery C2).

use std::time::Duration;

use futures::future::join_all;
use local_stack::ProcessOptions;
use serde_json::{Value, json};
use sqlx::PgPool;
use system_tests::system::{Business, Member, Role, Site, Town, shared};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{as_many_as, machine_now};

const ROUNDS: usize = 6;
const SALES: usize = 40;
/// Of 240 purchases so many get 500 ₽ out of the budget.
const REWARDS: i64 = 150;
/// How long a reactor that begins anew may take to catch up.
const CATCHES_UP: Duration = Duration::from_secs(60);

/// Who races for the coupons of a chain that gives fifty; `OWN_CIRCLE_RACE_MEMBERS` says otherwise.
const RACERS: usize = 1_000;
const FIFTY: i64 = 50;
/// Purchases of the race that come at once.
const AT_ONCE: usize = 250;

/// A chain from the first business to the second that runs.
async fn run_chain(site: &Site, businesses: &[Business], limits: Value) {
    let coupon = json!({"type": "discount_fixed", "value": "500", "life_days": 30, "description": "Ужин"});
    let step = json!({
        "from": businesses[0].slug, "to": businesses[1].slug, "window_days": 14,
        "reward": {"type": "coupon", "coupon": coupon},
    });
    let body = json!({
        "name": "Ужин", "kind": "linear", "steps": [step], "limits": limits, "funded_by": "source",
    });
    let _ = activated(site, &businesses[..2], &body).await;
}

/// The chain runs that these businesses agree to; its id.
pub(crate) async fn activated(site: &Site, parties: &[Business], body: &Value) -> Uuid {
    let admin = site.admin();
    let id = admin.post("/cross-promo/chains", body).await.data(201)["chain_id"].clone();
    let path = |call: &str| format!("/cross-promo/chains/{}/{call}", id.as_str().expect("an id"));
    let owners = parties.iter().map(|business| (business.till(site), "consent"));
    let way = std::iter::once((admin.clone(), "submit")).chain(owners);
    for (who, call) in way.chain([(admin.clone(), "approve"), (admin.clone(), "activate")]) {
        let answer = who.post(&path(call), &json!({})).await;
        assert_eq!(answer.status, 200, "{call}: {}", answer.text);
    }
    id.as_str().and_then(|id| id.parse().ok()).expect("an id")
}

/// A purchase of 1,000 ₽ that she makes now.
fn buys(number: &str, member: &Member) -> Value {
    let at = machine_now().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    json!({
        "external_id": number, "member": {"member_id": member.id}, "amount": "1000.00", "occurred_at": at,
    })
}

/// How many facts there are of coupons that were given, of how many coupons, for how many purchases, to how many members.
async fn given(log: &PgPool) -> (i64, i64, i64, i64) {
    let given = "SELECT count(*), count(DISTINCT payload->>'coupon_id'),
                        count(DISTINCT payload->'chain'->>'purchase_id'), count(DISTINCT stream_id)
                 FROM ledger.events WHERE event_type = 'CouponIssued'";
    sqlx::query_as(given).fetch_one(log).await.expect("the log")
}

/// What the newest reward of the chain says that all of them come to.
async fn newest(log: &PgPool) -> (i64, String) {
    let newest = "SELECT (payload->>'issued')::bigint, payload->>'committed' FROM ledger.events
                  WHERE event_type = 'ChainRewardIssued' ORDER BY position DESC LIMIT 1";
    sqlx::query_as(newest).fetch_one(log).await.expect("the log")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reactor_that_dies_and_one_that_begins_anew_give_each_reward_once() {
    let mut site = Site::start(shared()).await;
    let town = Town::settle(&site, 8).await;
    run_chain(&site, &town.businesses, json!({"budget": (REWARDS * 500).to_string()})).await;
    let till = town.businesses[0].till(&site);
    for round in 0..ROUNDS {
        let sales = (0..SALES).map(|number| {
            let body = buys(&format!("r{round}-{number}"), &town.members[number % 8]);
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
    let (facts, coupons, purchases, _) = given(&log).await;
    assert_eq!((facts, coupons, purchases), (REWARDS, REWARDS, REWARDS));
    assert_eq!(newest(&log).await, (REWARDS, format!("{}.00", REWARDS * 500)));

    reads_all_again_and_does_nothing(&mut site).await;
    log.close().await;
    site.check();
}

/// The reactor reads the log from its beginning: nothing new comes of it.
pub(crate) async fn reads_all_again_and_does_nothing(site: &mut Site) {
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
    read.close().await;
}

/// Battery C2: two processes record, and of two reactors the one that works is killed again and again, so that each goes on
/// where the other's commands may still be on their way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_race_for_fifty_coupons_of_a_chain() {
    let mut site = Site::start(shared()).await;
    let town = Town::settle(&site, as_many_as("OWN_CIRCLE_RACE_MEMBERS", RACERS)).await;
    let second = site.start_api();
    run_chain(&site, &town.businesses, json!({"total": FIFTY})).await;
    let standby = ProcessOptions::new("react-2", "projectors", ["react"]);
    let mut standby = site.installation().start(standby).expect("a second reactor");
    let till = town.businesses[0].till(&site);
    let tills = [till.clone(), till.at(&second)];
    for (round, racing) in town.members.chunks(AT_ONCE).enumerate() {
        let sales = racing.iter().enumerate().map(|(number, member)| {
            let (till, body) = (tills[number % 2].clone(), buys(&format!("r{round}-{number}"), member));
            async move { till.post("/transactions", &body).await.data(201) }
        });
        let sales = tokio::spawn(join_all(sales.collect::<Vec<_>>()));
        if round % 2 == 0 {
            site.restart_role(Role::React);
        } else {
            standby.restart().expect("it starts again");
        }
        let sold = sales.await.expect("all are recorded");
        assert_eq!(sold.len(), racing.len());
    }
    site.settle().await;
    assert!(standby.is_running());

    let log = site.database("ledger").await;
    assert_eq!(given(&log).await, (FIFTY, FIFTY, FIFTY, FIFTY));
    assert_eq!(newest(&log).await, (FIFTY, format!("{}.00", FIFTY * 500)));
    let read = site.database("read").await;
    let shown: i64 =
        sqlx::query_scalar("SELECT count(*) FROM directory.coupons").fetch_one(&read).await.expect("coupons");
    assert_eq!(shown, FIFTY);
    log.close().await;
    read.close().await;
    site.check();
}
