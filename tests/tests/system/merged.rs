//! Two accounts of one woman that are one: by which phones she is found.

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use system_tests::system::{Answer, Business, Member, Site, shared};

use crate::recently;

/// A till that knows phones by their hashes.
struct Crm<'a> {
    site: &'a Site,
    shop: Business,
    key: Vec<u8>,
}

impl Crm<'_> {
    /// Reports the sale `number` of the member with this phone.
    async fn report(&self, number: &str, phone: &str) -> Answer {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).unwrap();
        mac.update(phone.as_bytes());
        let member = json!({"phone_hash": hex::encode(mac.finalize().into_bytes())});
        let body =
            json!({"external_id": number, "member": member, "amount": "10.00", "occurred_at": recently()});
        self.shop.till(self.site).post("/transactions", &body).await
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
    let merge = format!("/admin/members/{}/merge", anna.id);
    let merged = json!({"from_member_id": old.id, "reason": "a second phone"});
    let _ = site.admin().post(&merge, &merged).await.data(200);
    let consent = |granted: bool| json!([{"purpose": "partner:mindal", "granted": granted, "version": "1"}]);
    let unmatched = json!("unmatched");
    for (number, phone) in [("r1", &old.phone), ("r2", &anna.phone)] {
        let answer: Value = crm.report(number, phone).await.data(202);
        assert_eq!(answer["outcome"], unmatched);
    }
    let _ = me.put("/users/me/consents", &consent(true)).await.data(200);
    assert_eq!(crm.hashes().await, 2);
    for (number, phone) in [("r3", &old.phone), ("r4", &anna.phone)] {
        let answer = crm.report(number, phone).await.data(201);
        assert_eq!(answer["member_id"], anna.id.as_str());
    }
    let _ = me.put("/users/me/consents", &consent(false)).await.data(200);
    assert_eq!(crm.hashes().await, 0);
    assert_eq!(crm.report("r5", &old.phone).await.data(202)["outcome"], unmatched);
}
