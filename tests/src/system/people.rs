//! Businesses and members, made up: phones from a range that no operator gives out.

use std::sync::atomic::{AtomicU32, Ordering};

use futures::StreamExt;
use serde_json::{Value, json};

use super::client::Client;
use super::site::Site;

/// More of them would wait for the vault longer than a call may.
const REGISTERED_AT_ONCE: usize = 32;

static NEXT_PHONE: AtomicU32 = AtomicU32::new(1);

/// A business and its till's credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Business {
    /// Its short name.
    pub slug: String,
    /// Its id.
    pub id: String,
    /// Its API key.
    pub key: String,
    /// Whether it is a medical one.
    pub medical: bool,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Her id.
    pub id: String,
    /// Her phone in E.164.
    pub phone: String,
}

/// Businesses, and members who consent to each of them.
#[derive(Debug, Clone)]
pub struct Town {
    /// The businesses.
    pub businesses: Vec<Business>,
    /// The members.
    pub members: Vec<Member>,
}

impl Business {
    /// Registers one; `terms` are further fields of the body.
    ///
    /// # Panics
    /// When the service refuses.
    pub async fn register(site: &Site, slug: &str, category: &str, terms: Value) -> Self {
        let admin = site.admin();
        let mut body = json!({"slug": slug, "name": format!("Дело {slug}"), "category": category});
        if let (Some(body), Value::Object(terms)) = (body.as_object_mut(), terms) {
            body.extend(terms);
        }
        let medical = body["confidentiality"] == "medical";
        let data = admin.post("/admin/businesses", &body).await.data(201);
        let path = format!("/admin/businesses/{slug}/api-keys");
        let key = admin.post(&path, &json!({"name": "till"})).await.data(201);
        Self {
            slug: slug.to_owned(),
            id: data["business_id"].as_str().expect("an id").to_owned(),
            key: key["key"].as_str().expect("a key").to_owned(),
            medical,
        }
    }

    /// Its till.
    #[must_use]
    pub fn till(&self, site: &Site) -> Client {
        site.nobody().with(format!("ApiKey {}", self.key))
    }

    /// What a member must consent to before it may report her purchases.
    #[must_use]
    pub fn consent(&self) -> Value {
        let kind = if self.medical { "medical" } else { "partner" };
        json!({"purpose": format!("{kind}:{}", self.slug), "version": "1"})
    }
}

/// A phone that nobody else in this process has.
#[must_use]
pub(super) fn fresh_phone() -> String {
    format!("+7999{:07}", NEXT_PHONE.fetch_add(1, Ordering::Relaxed))
}

impl Member {
    /// Registers one who consents to `businesses`. `registered_at`: now when absent.
    ///
    /// # Panics
    /// When the service refuses.
    pub async fn register(site: &Site, businesses: &[Business], registered_at: Option<&str>) -> Self {
        let phone = fresh_phone();
        let mut consents = vec![json!({"purpose": "personal_data", "version": "1"})];
        consents.extend(businesses.iter().map(Business::consent));
        let mut body = json!({"phone": phone, "first_name": "Анна", "consents": consents});
        if let Some(at) = registered_at {
            body["registered_at"] = json!(at);
        }
        let data = site.admin().post("/admin/members", &body).await.data(201);
        Self { id: data["member_id"].as_str().expect("an id").to_owned(), phone }
    }

    /// Signs her in with the code from the outbox. Once a minute for one phone.
    ///
    /// # Panics
    /// When the service refuses.
    pub async fn sign_in(&self, site: &Site) -> Client {
        let nobody = site.nobody();
        let sent = nobody.post("/auth/send-code", &json!({"phone": self.phone})).await.data(200);
        let code = code_sent_to(&nobody, &self.phone).await;
        let body = json!({"code_id": sent["code_id"], "code": code});
        let data = nobody.post("/auth/verify-code", &body).await.data(200);
        assert_eq!(data["member_id"], self.id.as_str());
        nobody.with(format!("Bearer {}", data["access_token"].as_str().expect("a token")))
    }
}

/// The newest code that was sent to a phone.
///
/// # Panics
/// When there is none.
pub(super) async fn code_sent_to(nobody: &Client, phone: &str) -> String {
    let path = format!("/dev/outbox?phone={}", phone.replace('+', "%2B"));
    let outbox = nobody.get(&path).await.data(200);
    let newest = outbox["messages"].as_array().and_then(|messages| messages.last().cloned());
    let code = newest.as_ref().and_then(|message| message["code"].as_str()).map(str::to_owned);
    code.unwrap_or_else(|| panic!("no code was sent: {outbox}"))
}

impl Town {
    /// Three ordinary businesses of different categories and one medical, and `members` members since 2020.
    ///
    /// # Panics
    /// When the service refuses.
    pub async fn settle(site: &Site, members: usize) -> Self {
        let mut businesses = Vec::new();
        for (slug, category, kind) in [
            ("mindal", "beauty_salon", "ordinary"),
            ("lisichkino", "gastronomy", "ordinary"),
            ("pion", "floristry", "ordinary"),
            ("klinika", "dentistry", "medical"),
        ] {
            let terms = json!({"confidentiality": kind, "hold_days": 0});
            businesses.push(Business::register(site, slug, category, terms).await);
        }
        let registering =
            (0..members).map(|_| Member::register(site, &businesses, Some("2020-01-01T00:00:00Z")));
        let members = futures::stream::iter(registering).buffered(REGISTERED_AT_ONCE).collect().await;
        Self { businesses, members }
    }
}
