//! Two accounts of one woman that are one: by which phones she is found, and what stands against it.

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use system_tests::system::{Answer, Business, Client, Member, Site, shared};

use crate::recently;

/// A till that knows phones by their hashes.
struct Crm<'a> {
    site: &'a Site,
    shop: Business,
    key: Vec<u8>,
}

impl Crm<'_> {
    /// Reports the sale `number` of whoever has her phone: of whom it was recorded, if it was.
    async fn finds(&self, number: &str, member: &Member) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).unwrap();
        mac.update(member.phone.as_bytes());
        let member = json!({"phone_hash": hex::encode(mac.finalize().into_bytes())});
        let body =
            json!({"external_id": number, "member": member, "amount": "10.00", "occurred_at": recently()});
        let answer = self.shop.till(self.site).post("/transactions", &body).await;
        assert!(answer.status == 201 || answer.body["data"]["outcome"] == "unmatched", "{}", answer.text);
        answer.body["data"]["member_id"].as_str().map(str::to_owned)
    }

    /// How many phones its look-ups find.
    async fn hashes(&self) -> i64 {
        let vault = self.site.database("vault").await;
        let count = "SELECT count(*) FROM vault.partner_members WHERE phone_hash IS NOT NULL";
        sqlx::query_scalar(count).fetch_one(&vault).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_phone_of_hers_is_found_by_its_hash_as_she_consents_and_not_when_she_does_not() {
    let site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let made = site.admin().post("/admin/businesses/mindal/phone-key", &json!({})).await.data(201);
    let key = hex::decode(made["key"].as_str().unwrap()).unwrap();
    let crm = Crm { site: &site, shop, key };
    let (old, anna) = (Member::register(&site, &[], None).await, Member::register(&site, &[], None).await);
    let me = anna.sign_in(&site).await;
    let join = async |call: &str| {
        let accounts = json!({"from_member_id": old.id, "reason": "a second phone"});
        let path = format!("/admin/members/{}/{call}", anna.id);
        let _ = site.admin().post(&path, &accounts).await.data(200);
    };
    let says = async |whose: &Client, granted: bool| {
        let consents = json!([{"purpose": "partner:mindal", "granted": granted, "version": "1"}]);
        let _ = whose.put("/users/me/consents", &consents).await.data(200);
    };
    join("merge").await;
    assert_eq!(crm.finds("r1", &old).await, None);
    says(&me, true).await;
    assert_eq!(crm.hashes().await, 2);
    assert_eq!(crm.finds("r2", &old).await, Some(anna.id.clone()));
    assert_eq!(crm.finds("r3", &anna).await, Some(anna.id.clone()));
    says(&me, false).await;
    assert_eq!((crm.hashes().await, crm.finds("r4", &old).await), (0, None));
    // Apart, each has her own word; one, it is the survivor's.
    join("unmerge").await;
    says(&old.sign_in(&site).await, true).await;
    assert_eq!((crm.hashes().await, crm.finds("r5", &old).await), (1, Some(old.id.clone())));
    join("merge").await;
    assert_eq!((crm.hashes().await, crm.finds("r6", &old).await), (0, None));
    join("unmerge").await;
    assert_eq!((crm.hashes().await, crm.finds("r7", &old).await), (1, Some(old.id.clone())));
}

/// Two accounts that an admin would make one.
struct Pair<'a> {
    site: &'a Site,
    from: Member,
    into: Member,
}

impl<'a> Pair<'a> {
    async fn new(site: &'a Site, businesses: &[Business]) -> Self {
        let register = || Member::register(site, businesses, Some("2020-01-01T00:00:00Z"));
        Self { site, from: register().await, into: register().await }
    }

    /// What an admin asks of one of them.
    async fn admin(&self, member: &Member, call: &str, body: &Value) -> Answer {
        self.site.admin().post(&format!("/admin/members/{}/{call}", member.id), body).await
    }

    async fn ask(&self, call: &str) -> Answer {
        let accounts = json!({"from_member_id": self.from.id, "reason": "a second phone"});
        self.admin(&self.into, call, &accounts).await
    }

    /// Why that cannot be.
    async fn refused(&self, call: &str) -> String {
        let answer = self.ask(call).await;
        assert_eq!((answer.status, answer.code()), (409, "MERGE_NOT_POSSIBLE"), "{}", answer.text);
        answer.body["error"]["details"]["because"].as_str().expect("a word for it").to_owned()
    }

    /// A sale to the one that would go.
    fn sale(&self, number: &str, amount: &str) -> Value {
        json!({"external_id": format!("{number} {}", self.from.id), "member": {"member_id": self.from.id},
            "amount": amount, "occurred_at": recently()})
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_stands_against_a_merge_is_named() {
    let site = Site::start(shared()).await;
    let shops = [
        Business::register(&site, "mindal", "beauty_salon", json!({})).await,
        Business::register(&site, "kozha", "cosmetology", json!({})).await,
    ];
    let pair = async || Pair::new(&site, &shops).await;

    let herself = pair().await;
    let herself = Pair { from: herself.into.clone(), ..herself };
    assert_eq!(herself.refused("merge").await, "same_account");

    let one = pair().await;
    assert_eq!(one.refused("unmerge").await, "not_merged");
    let _ = one.ask("merge").await.data(200);
    assert_eq!(one.refused("merge").await, "already_merged");
    let further = Pair { site: &site, from: one.into, into: pair().await.into };
    assert_eq!(further.refused("merge").await, "has_absorbed");

    let blocked = pair().await;
    let _ = blocked.admin(&blocked.from, "block", &json!({"reason": "a till's mistake"})).await.data(200);
    assert_eq!(blocked.refused("merge").await, "blocked");

    let paid = pair().await;
    for (number, member) in [&paid.from, &paid.into].into_iter().enumerate() {
        let premium = json!({"from": "2020-01-01T00:00:00Z", "to": "2090-01-01T00:00:00Z", "payment_ref": format!("p-{number}")});
        let _ = paid.admin(member, "premium", &premium).await.data(201);
    }
    assert_eq!(paid.refused("merge").await, "both_premium");

    a_hold_and_a_debt(&pair().await, &shops).await;
    a_document_that_waits_and_too_many(&pair().await, &shops[0]).await;
    a_phone_that_has_just_changed(&pair().await).await;
}

async fn a_hold_and_a_debt(pair: &Pair<'_>, [shop, other]: &[Business; 2]) {
    let (till, other) = (shop.till(pair.site), other.till(pair.site));
    let sold = till.post("/transactions", &pair.sale("r1", "1000.00")).await.data(201);
    let hold = json!({"member": {"member_id": pair.from.id}, "bill_amount": "150.00", "amount": "75.00"});
    let held = other.post("/redemptions", &hold).await.data(201);
    assert_eq!(pair.refused("merge").await, "open_hold");
    let mut paid = pair.sale("r2", "150.00");
    paid["redemption_id"] = held["redemption_id"].clone();
    let _ = other.post("/transactions", &paid).await.data(201);
    let refund = json!({"external_id": "f1", "amount": "1000.00", "reason": "returned"});
    let path = format!("/transactions/{}/refunds", sold["transaction_id"].as_str().expect("an id"));
    let _ = till.post(&path, &refund).await.data(201);
    assert_eq!(pair.refused("merge").await, "debt");
}

async fn a_document_that_waits_and_too_many(pair: &Pair<'_>, shop: &Business) {
    let till = shop.till(pair.site);
    let sales: Vec<Value> = (0..1_000).map(|number| pair.sale(&format!("r{number}"), "100.00")).collect();
    let told = till.post("/transactions/batch", &json!({"transactions": sales})).await.data(200);
    let created = told["outcomes"].as_array().expect("outcomes").iter();
    assert_eq!(created.filter(|outcome| outcome["outcome"] == "created").count(), 1_000);
    assert_eq!(pair.refused("merge").await, "long_history");
    let mut old = pair.sale("old", "100.00");
    old["occurred_at"] = json!("2020-06-01T12:00:00Z");
    let _ = till.post("/transactions", &old).await.data(202);
    assert_eq!(pair.refused("merge").await, "waiting_document");
}

async fn a_phone_that_has_just_changed(pair: &Pair<'_>) {
    const PHONE: &str = "+79995554444";
    let (nobody, her) = (pair.site.nobody(), pair.from.sign_in(pair.site).await);
    let sent = nobody.post("/auth/send-code", &json!({"phone": PHONE})).await.data(200);
    let outbox = nobody.get("/dev/outbox?phone=%2B79995554444").await.data(200);
    let code = json!({"code_id": sent["code_id"], "code": outbox["messages"][0]["code"]});
    let _ = her.post("/users/me/phone", &code).await.data(200);
    assert_eq!(pair.refused("merge").await, "cooldown");
}

/// What the report says about an account in words, the oldest first.
async fn remarks(client: &Client, path: &str) -> Vec<String> {
    let report = client.get(path).await.data(200);
    let remarks = report["data"]["remarks"].as_array().expect("remarks").iter();
    remarks.map(|remark| remark["text"].as_str().expect("a text").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_of_an_account_while_two_were_one_is_its_own_when_they_are_two() {
    let site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let pair = Pair::new(&site, std::slice::from_ref(&shop)).await;
    let accounts = |reason: &str| json!({"from_member_id": pair.from.id, "reason": reason});
    let gift = |reason: &str| json!({"amount": "50.00", "reason": reason});
    let _ = pair.admin(&pair.into, "merge", &accounts("второй телефон")).await.data(200);
    let _ = pair.admin(&pair.from, "gift", &gift("сказано о старой")).await.data(201);
    let _ = pair.admin(&pair.into, "gift", &gift("сказано о новой")).await.data(201);
    let given = |kind: &str, value: &str, description: &str| {
        json!({"member": {"phone": pair.from.phone}, "type": kind, "value": value, "funded_by": "business",
            "expires_at": "2090-01-01T00:00:00Z", "description": description})
    };
    let (till, mut coupons) = (shop.till(&site), Vec::new());
    for body in
        [given("discount_fixed", "100.00", "скидка старой"), given("gift", "чашка кофе", "подарок старой")]
    {
        let made = till.post("/coupons", &body).await.data(201);
        assert_eq!(made["member_id"], pair.into.id.as_str());
        coupons.push(format!("/coupons/{}", made["coupon_id"].as_str().expect("an id")));
    }
    site.settle().await;
    // Of one woman all of it is told, and what both keep once.
    for account in [&pair.from, &pair.into] {
        let path = format!("/admin/members/{}/report", account.id);
        let told = remarks(&site.admin(), &path).await;
        assert_eq!(told, ["второй телефон", "сказано о старой", "сказано о новой"]);
    }
    assert_eq!(till.get(&coupons[0]).await.data(200)["description"], "скидка старой");
    let _ = pair.admin(&pair.into, "unmerge", &accounts("две женщины")).await.data(200);
    site.settle().await;
    let (old, new) = (pair.from.sign_in(&site).await, pair.into.sign_in(&site).await);
    let hers = ["второй телефон", "сказано о старой", "скидка старой", "подарок старой", "две женщины"];
    assert_eq!(remarks(&old, "/users/me/report").await, hers);
    assert_eq!(remarks(&new, "/users/me/report").await, ["второй телефон", "сказано о новой", "две женщины"]);
    let told = new.get("/users/me/report").await;
    assert!(!told.text.contains("старой"), "{}", told.text);
    // The coupons are hers by whose account they were given, with what they give.
    let terms = told.data(200)["data"]["coupons"].clone();
    let values: Vec<&Value> =
        terms.as_array().expect("coupons").iter().map(|it| &it["terms"]["value"]).collect();
    assert_eq!(values, [&json!("чашка кофе"), &json!("100.00")]);
    // Who is forgotten takes her own along, and nobody else's.
    let _ = pair.admin(&pair.into, "erase", &json!({"reason": "demand_to_stop"})).await.data(200);
    assert_eq!(remarks(&old, "/users/me/report").await, hers);
}
