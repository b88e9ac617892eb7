//! A purchase from the till to the member's balance and the analyst's table, in every form the contract has.

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use system_tests::system::{
    Audit, Business, Client, Duplicates, Fate, Journal, Member, Role, Site, record, shared,
};

use crate::sale;

const BEFORE: &str = "2026-03-02T09:50:00+03:00";
const NOW: &str = "2026-03-02T10:00:00+03:00";
const AT: &str = "2026-03-02T07:00:00.000000Z";

/// Somebody who joins by herself, with the code from the outbox.
async fn join(site: &Site, businesses: &[Business]) -> (Member, Client) {
    let nobody = site.nobody();
    let phone = "+79995550001".to_owned();
    let sent = nobody.post("/auth/send-code", &json!({"phone": "8 (999) 555-00-01"})).await.data(200);
    assert_eq!(sent["expires_in"], 300);
    let outbox = nobody.get("/dev/outbox?phone=%2B79995550001").await.data(200);
    let code = outbox["messages"][0]["code"].clone();
    let verify = json!({"code_id": sent["code_id"], "code": code});
    let unknown = nobody.post("/auth/verify-code", &verify).await;
    assert_eq!((unknown.status, unknown.code()), (404, "MEMBER_NOT_FOUND"));
    let mut consents = vec![json!({"purpose": "personal_data", "version": "1"})];
    consents.extend(businesses.iter().map(Business::consent));
    let body = json!({"code_id": sent["code_id"], "code": code, "first_name": "Анна", "last_name": "Орлова",
        "email": "anna@example.org", "consents": consents});
    let data = nobody.post("/auth/register", &body).await.data(201);
    assert_eq!(data["status"], "insider");
    let again = nobody.post("/auth/register", &body).await;
    assert_eq!(again.status, 401, "a code is good once: {}", again.text);
    let pair = nobody.post("/auth/refresh", &json!({"refresh_token": data["refresh_token"]})).await.data(200);
    let reused = nobody.post("/auth/refresh", &json!({"refresh_token": data["refresh_token"]})).await;
    assert_eq!(reused.status, 401, "a refresh token is good once");
    let ended = nobody.post("/auth/refresh", &json!({"refresh_token": pair["refresh_token"]})).await;
    assert_eq!(ended.status, 401, "a reused token ends the whole family");
    let bearer = |data: &Value| nobody.with(format!("Bearer {}", data["access_token"].as_str().unwrap()));
    let out = bearer(&data).get("/users/me").await;
    assert_eq!((out.status, out.code()), (401, "UNAUTHENTICATED"), "and what was signed in by it");
    site.set_clock(Some(NOW)).await;
    let sent = nobody.post("/auth/send-code", &json!({"phone": phone})).await.data(200);
    let outbox = nobody.get("/dev/outbox?phone=%2B79995550001").await.data(200);
    let newest = outbox["messages"].as_array().and_then(|messages| messages.last()).expect("a message");
    let verify = json!({"code_id": sent["code_id"], "code": newest["code"]});
    let me = bearer(&nobody.post("/auth/verify-code", &verify).await.data(200));
    let profile = me.get("/users/me").await.data(200);
    assert_eq!(profile["phone"], phone.as_str());
    assert_eq!(profile["first_name"], "Анна");
    (Member { id: data["member_id"].as_str().unwrap().to_owned(), phone }, me)
}

async fn businesses(site: &Site) -> Vec<Business> {
    let medical = json!({"confidentiality": "medical"});
    vec![
        Business::register(site, "mindal", "beauty_salon", json!({})).await,
        Business::register(site, "pion", "floristry", json!({"cashback_multiplier": "2.00"})).await,
        Business::register(site, "klinika", "dentistry", medical).await,
    ]
}

/// Sends `body` and notes the sale it stands for.
async fn sold(
    till: &Client,
    path: &str,
    body: Value,
    journal: &Journal,
    of: &system_tests::system::Sale,
) -> (Value, i64) {
    journal.about_to_send(of);
    let answer = till.post(path, &body).await;
    let position = answer.position().expect("a position");
    let data = answer.data(201);
    let transaction_id = data["transaction_id"].as_str().unwrap().to_owned();
    journal.heard(&of.business.slug, &of.external_id, Fate::Recorded { transaction_id });
    assert_eq!(data["position"], position);
    (data, position)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purchase_goes_all_the_way() {
    let site = Site::start(shared()).await;
    site.set_clock(Some(BEFORE)).await;
    let journal = Journal::default();
    let partners = businesses(&site).await;
    let [mindal, pion, klinika] = partners.as_slice() else { panic!("three businesses") };
    let (anna, me) = join(&site, &partners).await;
    let vera = Member::register(&site, &partners, None).await;

    let first = sale("r1", mindal, &anna, 300_000, AT);
    let (data, _) = sold(&mindal.till(&site), "/transactions", first.body(), &journal, &first).await;
    assert_eq!(data["bonuses_earned"], "225.00", "3000 × 5 % × 1.5");
    assert_eq!(data["status"], "insider");
    assert_eq!(data["bonuses_expire_at"], "2026-05-31T20:59:59.999999Z");

    let by_phone = sale("r2", pion, &anna, 10_000, AT);
    let mut body = by_phone.body();
    body["member"] = json!({"phone": "8 999 555 00 01"});
    body["amount"] = json!(100.00);
    let (data, _) = sold(&pion.till(&site), "/transactions", body, &journal, &by_phone).await;
    assert_eq!(data["bonuses_earned"], "15.00", "100 × 5 % × 1.5 × 2");

    let phone_key = site.admin().post("/admin/businesses/mindal/phone-key", &json!({})).await.data(201);
    let secret = hex::decode(phone_key["key"].as_str().unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
    mac.update(anna.phone.as_bytes());
    let by_hash = sale("r3", mindal, &anna, 3_330, AT);
    let mut body = by_hash.body();
    body["member"] = json!({"phone_hash": hex::encode(mac.finalize().into_bytes())});
    let (data, _) = sold(&mindal.till(&site), "/transactions", body, &journal, &by_hash).await;
    assert_eq!(data["bonuses_earned"], "1.67", "33.30 × 5 % = 1.665, half away from zero");

    let qr = me.get("/users/me/qr").await.data(200);
    assert_eq!(qr["expires_at"], "2026-03-02T07:01:00.000000Z");
    let scanned = sale("r4", mindal, &anna, 20_000, AT);
    let body = json!({"qr": qr["qr"], "external_id": "r4", "amount": "200.00", "occurred_at": AT});
    let (data, _) = sold(&mindal.till(&site), "/transactions/scan", body.clone(), &journal, &scanned).await;
    assert_eq!(data["bonuses_earned"], "10.00");
    let same = mindal.till(&site).post("/transactions/scan", &body).await.data(200);
    assert_eq!((&same["replayed"], &same["transaction_id"]), (&json!(true), &data["transaction_id"]));
    let mut other = body;
    other["external_id"] = json!("r4b");
    let used = mindal.till(&site).post("/transactions/scan", &other).await;
    assert_eq!((used.status, used.code()), (409, "QR_USED"));

    let visit = sale("v1", klinika, &anna, 500_000, AT);
    let (data, position) = sold(&klinika.till(&site), "/transactions", visit.body(), &journal, &visit).await;
    assert_eq!(data["bonuses_earned"], "375.00");
    member_sees(&me, position).await;

    batch(&site, &journal, mindal, &anna, &vera).await;
    unmatched(&site, &journal, mindal).await;
    let audit = Audit::pass(&site, &journal, Duplicates::None).await;
    assert_eq!(audit.purchases(), 7);
    analysts_see(&site, klinika).await;
    quarantined(&site, mindal).await;
    old_codes(&site, &me, mindal).await;
    read_positions(site, &me).await;
}

async fn member_sees(me: &Client, position: i64) {
    let balance = me.get_after("/loyalty/balance", position).await;
    assert!(balance.header("x-read-position").parse::<i64>().unwrap() >= position);
    let balance = balance.data(200);
    for (field, amount) in [
        ("total", "626.67"),
        ("available", "626.67"),
        ("pending", "0.00"),
        ("held", "0.00"),
        ("debt", "0.00"),
    ] {
        assert_eq!(balance[field], amount, "{field}: {balance}");
    }
    let history = me.get_after("/loyalty/transactions", position).await.data(200);
    assert_eq!(history["total"], 5);
    let column = |name: &str| -> Vec<Value> {
        history["items"].as_array().unwrap().iter().map(|item| item[name].clone()).collect()
    };
    assert_eq!(json!(column("amount")), json!(["375.00", "10.00", "1.67", "15.00", "225.00"]));
    assert_eq!(json!(column("balance_after")), json!(["626.67", "251.67", "241.67", "240.00", "225.00"]));
    assert_eq!(column("type"), vec![json!("earned"); 5]);
    assert_eq!(history["items"][0]["business_id"], Value::Null, "a visit is a secret");
    assert!(!history["items"][0].to_string().contains("klinika"), "a visit is a secret");
    let page = me.get_after("/loyalty/transactions?limit=2", position).await.data(200);
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    let next =
        me.get_after(&format!("/loyalty/transactions?limit=2&cursor={cursor}"), position).await.data(200);
    assert_eq!(next["items"][0]["amount"], "1.67");
    let progress = me.get_after("/loyalty/status-progress", position).await.data(200);
    assert_eq!(progress["current_status"], "insider");
    assert_eq!(progress["next_status"], "vip");
    let expected = json!({"total_spent": "3333.30", "total_spent_required": "30000.00", "categories_visited": 2,
        "categories_required": 3, "percentage": 38});
    assert_eq!(progress["progress"], expected, "without the clinic: floor(100 × (0.11111 + 0.66667) / 2)");
}

async fn batch(site: &Site, journal: &Journal, mindal: &Business, anna: &Member, vera: &Member) {
    let (one, two) = (sale("b1", mindal, anna, 10_000, AT), sale("b2", mindal, vera, 20_000, AT));
    journal.about_to_send(&one);
    journal.about_to_send(&two);
    let mut wrong = two.body();
    wrong["external_id"] = json!("b3");
    wrong["amount"] = json!("-1.00");
    let mut stranger = one.body();
    stranger["external_id"] = json!("b4");
    stranger["member"] = json!({"phone": "+79990000000"});
    let mut amended = one.body();
    amended["revision"] = json!(2);
    let body = json!({"transactions": [one.body(), two.body(), wrong, stranger, one.body(), amended]});
    let outcomes = mindal.till(site).post("/transactions/batch", &body).await.data(200)["outcomes"].clone();
    let said: Vec<_> = outcomes
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["outcome"].clone(), item["code"].clone()))
        .collect();
    let plain = |outcome: &str| (json!(outcome), Value::Null);
    assert_eq!(said[0], plain("created"));
    assert_eq!(said[1], plain("created"));
    assert_eq!(said[2], (json!("refused"), json!("VALIDATION_ERROR")));
    assert_eq!(said[3], plain("unmatched"));
    assert_eq!(said[4], plain("replayed"));
    assert_eq!(said[5], plain("amended"));
    for (index, sale) in [(0, one), (1, two)] {
        let transaction_id = outcomes[index]["transaction_id"].as_str().unwrap().to_owned();
        journal.heard(&sale.business.slug, &sale.external_id, Fate::Recorded { transaction_id });
    }
}

/// A stranger and a member who has not consented look alike, and nothing is stored.
async fn unmatched(site: &Site, journal: &Journal, mindal: &Business) {
    let shy = Member::register(site, &[], None).await;
    let before = site.head().await;
    let mut answers = Vec::new();
    let refused = record(&mindal.till(site), journal, &sale("u1", mindal, &shy, 10_000, AT)).await.unwrap();
    answers.push((refused.status, refused.body["data"].clone()));
    let mut body = sale("u2", mindal, &shy, 10_000, AT).body();
    body["member"] = json!({"phone": "+79990000000"});
    let stranger = mindal.till(site).post("/transactions", &body).await;
    answers.push((stranger.status, stranger.body["data"].clone()));
    assert_eq!(answers, vec![(202, json!({"outcome": "unmatched"})); 2]);
    assert_eq!(site.head().await, before, "nothing was stored");
}

async fn analysts_see(site: &Site, klinika: &Business) {
    let warehouse = site.warehouse();
    let days = warehouse
        .rows(
            "SELECT business, day, purchases, revenue, unique_customers FROM business_days ORDER BY business",
        )
        .await;
    let row = |values: [&str; 5]| values.map(str::to_owned).to_vec();
    assert_eq!(
        days,
        [row(["mindal", "2026-03-02", "5", "3533.3", "2"]), row(["pion", "2026-03-02", "1", "100", "1"])]
    );
    let everything = warehouse.dump().await;
    assert!(everything.contains("mindal"), "the search finds what is there");
    assert!(!everything.contains(&klinika.id) && !everything.contains("klinika"), "a visit left the ledger");
}

/// Rule T3: older than 90 days waits for an admin; an admin's import takes it.
async fn quarantined(site: &Site, mindal: &Business) {
    let old_hand = Member::register(site, std::slice::from_ref(mindal), Some("2020-01-01T00:00:00Z")).await;
    let old = sale("q1", mindal, &old_hand, 10_000, "2025-11-01T07:00:00.000000Z");
    let answer = mindal.till(site).post("/transactions", &old.body()).await;
    assert_eq!(
        (answer.status, &answer.body["data"]["outcome"]),
        (202, &json!("quarantined")),
        "{}",
        answer.text
    );
    site.settle().await;
    let waiting = site.admin().get("/admin/quarantine").await.data(200);
    assert_eq!(waiting["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&waiting["items"][0]["amount"], &waiting["items"][0]["reason"]),
        (&json!("100.00"), &json!("too_old"))
    );
}

/// Battery, QR: one past its minute is gone, one that nobody signed is refused; one that comes twice is refused above (`QR_USED`).
async fn old_codes(site: &Site, me: &Client, mindal: &Business) {
    let qr = me.get("/users/me/qr").await.data(200)["qr"].as_str().unwrap().to_owned();
    let scan = async |qr: &str| {
        let body = json!({"qr": qr, "external_id": "late", "amount": "1.00", "occurred_at": AT});
        let answer = mindal.till(site).post("/transactions/scan", &body).await;
        (answer.status, answer.code().to_owned())
    };
    let forged = format!("{}AAAA", &qr[..qr.len() - 4]);
    assert_eq!(scan(&forged).await, (401, "QR_INVALID".to_owned()));
    site.set_clock(Some("2026-03-02T10:01:01+03:00")).await;
    assert_eq!(scan(&qr).await, (410, "QR_EXPIRED".to_owned()));
    site.set_clock(Some(NOW)).await;
}

/// Design J7: a read that asks for more than there is waits, and says so in the end.
async fn read_positions(mut site: Site, me: &Client) {
    let head = site.settle().await;
    let beyond = me.get_after("/loyalty/balance", head + 1).await;
    assert_eq!((beyond.status, beyond.code()), (503, "READ_MODEL_BEHIND"));
    assert_eq!(beyond.header("retry-after"), "1");
    site.kill_role(Role::Project);
    let fine = me.get_after("/loyalty/balance", head).await;
    assert_eq!(fine.status, 200, "what was passed is served without a projector");
    site.start_role(Role::Project);
    site.check();
}
