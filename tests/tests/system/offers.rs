//! An offer whose schedule dies again and again while a second one stands by: each of its audience gets one coupon, and no more
//! of them than its limit says.

use local_stack::ProcessOptions;
use serde_json::json;
use system_tests::system::{Business, Member, Role, Site, Town, shared};
use uuid::Uuid;

const MEMBERS: usize = 200;
const LIMIT: i64 = 150;
const ROUNDS: usize = 5;

/// The offer goes all its way; its id.
async fn published(site: &Site, business: &Business, body: &serde_json::Value) -> Uuid {
    let (admin, owner) = (site.admin(), business.till(site));
    let id = owner.post("/offers", body).await.data(201)["offer_id"].clone();
    for (who, step) in [(&owner, "submit"), (&admin, "approve"), (&owner, "publish")] {
        let path = format!("/offers/{}/{step}", id.as_str().expect("an id"));
        let _ = who.post(&path, &json!({})).await.data(200);
    }
    id.as_str().and_then(|id| id.parse().ok()).expect("an id")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_that_dies_gives_each_of_the_audience_one_coupon_and_no_more_than_the_limit() {
    let mut site = Site::start(shared()).await;
    let town = Town::settle(&site, MEMBERS).await;
    let standby = ProcessOptions::new("schedule-2", "projectors", ["schedule"]);
    let mut standby = site.installation().start(standby).expect("a second schedule");
    let coupon = json!({"type": "discount_fixed", "value": "500", "life_days": 30, "description": "Ужин"});
    let body = |limit: Option<i64>| {
        let mut body = json!({"title": "Ужин", "reward": {"type": "coupon", "coupon": coupon}});
        if let Some(limit) = limit {
            body["limit"] = json!(limit);
        }
        body
    };
    let limited = published(&site, &town.businesses[0], &body(Some(LIMIT))).await;
    let all = published(&site, &town.businesses[1], &body(None)).await;
    for round in 0..ROUNDS {
        if round % 2 == 0 {
            site.restart_role(Role::Schedule);
        } else {
            standby.restart().expect("it starts again");
        }
        // Who joins meanwhile is one of the audience.
        Member::register(&site, &town.businesses, None).await;
    }
    site.settle().await;
    let log = site.database("ledger").await;
    let given = "SELECT count(*), count(DISTINCT payload->>'coupon_id'), count(DISTINCT stream_id)
                 FROM ledger.events WHERE event_type = 'CouponIssued' AND payload->'offer'->>'offer_id' = $1";
    let members = i64::try_from(MEMBERS + ROUNDS).expect("few");
    for (offer, expected) in [(limited, LIMIT), (all, members)] {
        let found: (i64, i64, i64) =
            sqlx::query_as(given).bind(offer.to_string()).fetch_one(&log).await.expect("the log");
        assert_eq!(found, (expected, expected, expected));
        let newest = "SELECT (payload->>'issued')::bigint, payload->>'committed' FROM ledger.events
                      WHERE event_type = 'OfferCouponIssued' AND stream_id = $1 ORDER BY position DESC LIMIT 1";
        let newest: (i64, String) =
            sqlx::query_as(newest).bind(offer).fetch_one(&log).await.expect("the log");
        assert_eq!(newest, (expected, format!("{}.00", expected * 500)));
    }
    let head = site.head().await;
    site.restart_role(Role::Schedule);
    site.settle().await;
    assert_eq!(site.head().await, head, "a new leader finds nothing to do");
    log.close().await;
    site.check();
}
