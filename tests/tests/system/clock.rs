//! The set clock: what happens at the last microsecond, after the hold, on the day of the review.

use serde_json::{Value, json};
use system_tests::system::{Audit, Business, Client, Duplicates, Journal, Member, Site, record, shared};

use crate::sale;

async fn balance(me: &Client) -> (Value, Value, Value) {
    let data = me.get("/loyalty/balance").await.data(200);
    (data["total"].clone(), data["available"].clone(), data["pending"].clone())
}

fn amounts(total: &str, available: &str, pending: &str) -> (Value, Value, Value) {
    (json!(total), json!(available), json!(pending))
}

async fn buys(
    site: &Site,
    journal: &Journal,
    business: &Business,
    member: &Member,
    id: &str,
    kopecks: i64,
    at: &str,
) {
    let answer =
        record(&business.till(site), journal, &sale(id, business, member, kopecks, at)).await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text);
}

/// A token that is good at the installation's time: a set clock ends the one before.
async fn signed_in(site: &Site, refresh: &mut String) -> Client {
    let pair = site.nobody().post("/auth/refresh", &json!({"refresh_token": refresh})).await.data(200);
    *refresh = pair["refresh_token"].as_str().unwrap().to_owned();
    site.nobody().with(format!("Bearer {}", pair["access_token"].as_str().unwrap()))
}

/// Signs her in; gives her refresh token.
async fn first_token(site: &Site, member: &Member) -> String {
    let nobody = site.nobody();
    let sent = nobody.post("/auth/send-code", &json!({"phone": member.phone})).await.data(200);
    let path = format!("/dev/outbox?phone={}", member.phone.replace('+', "%2B"));
    let code = nobody.get(&path).await.data(200)["messages"][0]["code"].clone();
    let pair =
        nobody.post("/auth/verify-code", &json!({"code_id": sent["code_id"], "code": code})).await.data(200);
    pair["refresh_token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expiry_hold_and_review_follow_the_clock() {
    let site = Site::start(shared()).await;
    site.set_clock(Some("2026-03-02T10:00:00+03:00")).await;
    let journal = Journal::default();
    let mindal = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let lisichkino = Business::register(&site, "lisichkino", "gastronomy", json!({"hold_days": 14})).await;
    let pion = Business::register(&site, "pion", "floristry", json!({})).await;
    let all = [mindal.clone(), lisichkino.clone(), pion.clone()];
    let anna = Member::register(&site, &all, None).await;
    let mut refresh = first_token(&site, &anna).await;
    buys(&site, &journal, &mindal, &anna, "c1", 100_000, "2026-03-02T07:00:00.000000Z").await;
    buys(&site, &journal, &lisichkino, &anna, "c2", 200_000, "2026-03-02T07:00:00.000000Z").await;
    site.settle().await;
    let me = signed_in(&site, &mut refresh).await;
    assert_eq!(balance(&me).await, amounts("225.00", "75.00", "150.00"), "75 at once, 150 on hold");
    hold(&site, &mut refresh).await;
    expiry(&site, &mut refresh).await;
    review(&site, &journal, &all).await;
    let audit = Audit::pass(&site, &journal, Duplicates::None).await;
    assert_eq!(
        audit.log.of_kind("BonusMatured").count(),
        4,
        "two lots of each of the two, each written once"
    );
    assert_eq!(audit.log.of_kind("BonusExpired").count(), 4 + 6, "every lot, each written once");
    let status = audit
        .log
        .of_kind("StatusChanged")
        .map(|event| (event.payload["from"].clone(), event.payload["to"].clone()));
    let status: Vec<_> = status.collect();
    assert_eq!(status, [(json!("insider"), json!("vip")), (json!("vip"), json!("insider"))]);
    site.check();
}

/// Rule B5: 14 days after the purchase, to the microsecond.
async fn hold(site: &Site, refresh: &mut String) {
    site.set_clock(Some("2026-03-16T06:59:59.999999Z")).await;
    let head = site.settle().await;
    let me = signed_in(site, refresh).await;
    assert_eq!(balance(&me).await, amounts("225.00", "75.00", "150.00"), "a microsecond before");
    site.set_clock(Some("2026-03-16T07:00:00Z")).await;
    let me = signed_in(site, refresh).await;
    assert_eq!(
        balance(&me).await,
        amounts("225.00", "225.00", "0.00"),
        "a GET shows it whether or not it is written"
    );
    let settled = site.settle().await;
    assert_eq!(settled, head + 2, "BonusMatured for the business's lot and the coalition's");
    assert_eq!(balance(&me).await, amounts("225.00", "225.00", "0.00"));
}

/// Rules B5, B8: the end of the Moscow day 90 days later, to the microsecond.
async fn expiry(site: &Site, refresh: &mut String) {
    // A refresh token lives for weeks: she comes by now and then.
    for now in ["2026-04-10T12:00:00Z", "2026-05-05T12:00:00Z"] {
        site.set_clock(Some(now)).await;
        let _ = signed_in(site, refresh).await;
    }
    site.set_clock(Some("2026-05-31T20:59:59.999999Z")).await;
    let head = site.settle().await;
    let me = signed_in(site, refresh).await;
    assert_eq!(balance(&me).await, amounts("225.00", "225.00", "0.00"), "the last microsecond");
    let soon = me.get("/loyalty/balance").await.data(200)["expiring_soon"].clone();
    assert_eq!(soon, json!([{"amount": "225.00", "expires_at": "2026-05-31T20:59:59.999999Z"}]));
    site.set_clock(Some("2026-05-31T21:00:00Z")).await;
    let me = signed_in(site, refresh).await;
    assert_eq!(balance(&me).await, amounts("0.00", "0.00", "0.00"), "and the next");
    let settled = site.settle().await;
    assert_eq!(settled, head + 4, "BonusExpired for each of four lots");
    assert_eq!(balance(&me).await, amounts("0.00", "0.00", "0.00"));
    let history = me.get("/loyalty/transactions").await.data(200);
    let kinds: Vec<_> =
        history["items"].as_array().unwrap().iter().map(|line| line["type"].clone()).collect();
    assert_eq!(kinds, ["expired", "expired", "earned", "earned"]);
    assert_eq!(site.settle().await, settled, "nothing is written twice");
}

/// Rules S1, S3: vip by three categories; a year later the fall is scheduled, and comes after the grace of 30 days.
async fn review(site: &Site, journal: &Journal, all: &[Business]) {
    site.set_clock(Some("2026-06-01T10:00:00+03:00")).await;
    let vera = Member::register(site, all, None).await;
    let mut refresh = first_token(site, &vera).await;
    for (number, business) in all.iter().enumerate() {
        buys(site, journal, business, &vera, &format!("v{number}"), 1_000_000, "2026-06-01T07:00:00.000000Z")
            .await;
    }
    site.settle().await;
    let status = async |refresh: &mut String| {
        let me = signed_in(site, refresh).await;
        me.get("/loyalty/status-progress").await.data(200)["current_status"].clone()
    };
    assert_eq!(status(&mut refresh).await, "vip");
    for (now, expected) in [
        ("2026-07-15T10:00:00+03:00", "vip"),
        ("2026-09-10T10:00:00+03:00", "vip"),
        ("2027-06-02T10:00:00+03:00", "vip"),
        ("2027-07-01T10:00:00+03:00", "vip"),
        ("2027-07-03T10:00:00+03:00", "insider"),
    ] {
        site.set_clock(Some(now)).await;
        site.settle().await;
        let pool = site.database("read").await;
        let shown: String =
            sqlx::query_scalar("SELECT ordinary_status FROM statuses.members WHERE member_id = $1::uuid")
                .bind(&vera.id)
                .fetch_one(&pool)
                .await
                .expect("her status");
        pool.close().await;
        assert_eq!(shown, expected, "at {now}");
    }
}
