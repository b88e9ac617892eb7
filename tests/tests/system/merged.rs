//! Two accounts of one woman that are one: by which phones she is found.

use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;
use system_tests::system::{Business, Client, Member, Site, shared};

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
