//! Design L4: an `Idempotency-Key` counts for its credential's owner and the route, however the address is written.

use serde_json::{Value, json};
use system_tests::system::{Answer, Business, Client, Site, shared};

async fn post(client: &Client, path: &str, body: &Value) -> Answer {
    client.try_call_with("POST", path, body, &[("Idempotency-Key", "one")]).await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn design_l4_a_key_counts_for_the_route_however_its_address_is_written() {
    let site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let other = Business::register(&site, "pion", "floristry", json!({})).await;
    let admin = site.admin();
    let period = json!({"from": "2030-01-01T00:00:00Z", "to": "2030-02-01T00:00:00Z", "value": "2"});
    let first = post(&admin, "/admin/businesses/mindal/multipliers", &period).await;
    let position = first.position();
    assert_eq!(first.data(201)["business_id"], shop.id.as_str());
    let by_id = format!("/admin/businesses/{}/multipliers", shop.id);
    let by_id_in_capitals = format!("/admin/businesses/{}/multipliers", shop.id.to_uppercase());
    for path in [&by_id, &by_id_in_capitals, "/admin/businesses/min%64al/multipliers"] {
        let again = post(&admin, path, &period).await;
        assert_eq!(again.position(), position, "{path}");
        assert_eq!(again.data(200)["replayed"], true, "{path}");
    }
    // Another content under the same key is refused by whichever address; another business or call is another route.
    let changed = json!({"from": "2030-01-01T00:00:00Z", "to": "2030-02-01T00:00:00Z", "value": "3"});
    let refused = post(&admin, &by_id, &changed).await;
    assert_eq!((refused.status, refused.code()), (422, "IDEMPOTENCY_KEY_REUSED"));
    let elsewhere = post(&admin, "/admin/businesses/pion/multipliers", &period).await.data(201);
    assert_eq!(elsewhere["business_id"], other.id.as_str());
    let key = post(&admin, "/admin/businesses/mindal/api-keys", &json!({"name": "second"})).await.data(201);
    let by_id = format!("/admin/businesses/{}/api-keys", shop.id);
    let again = post(&admin, &by_id, &json!({"name": "second"})).await.data(200);
    assert_eq!(again["key_id"], key["key_id"]);
    two_keys_of_one_business(&site, &shop, &other, key["key"].as_str().expect("a key")).await;
}

/// What is made for one key of a business serves its other key, and no other business's.
async fn two_keys_of_one_business(site: &Site, shop: &Business, other: &Business, second: &str) {
    let member = system_tests::system::Member::register(site, &[shop.clone(), other.clone()], None).await;
    for number in 0..2 {
        for business in [shop, other] {
            let one = crate::sale(&format!("p{number}"), business, &member, 10_000, &crate::recently());
            let answer = business.till(site).post("/transactions", &one.body()).await;
            assert!(matches!(answer.status, 201 | 202), "{}", answer.text);
        }
    }
    site.settle().await;
    let page = shop.till(site).get("/transactions?limit=1").await.data(200);
    let cursor = page["next_cursor"].as_str().expect("a second page");
    let next = format!("/transactions?limit=1&cursor={cursor}");
    let rest = site.nobody().with(format!("ApiKey {second}")).get(&next).await.data(200);
    assert_eq!(rest["items"].as_array().map(Vec::len), Some(1), "{rest}");
    assert_eq!(other.till(site).get(&next).await.status, 400);
}
