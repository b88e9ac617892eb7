//! One wrong request, who sends it, and what must be answered.

use serde_json::{Value, json};
use system_tests::system::{Answer, Business, Client, Member, Site, shared};

use crate::proof::auditor;

/// A value that must never come back.
pub(super) const SECRET: &str = "zqx-7731-value";
/// The code of a form error.
pub(super) const INVALID: &str = "VALIDATION_ERROR";

/// One wrong request.
pub(super) struct Case {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) as_whom: Whom,
    pub(super) kind: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) expected: Expected,
    pub(super) name: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    Till,
    Clinic,
    Admin,
    Auditor,
    Member,
    Nobody,
}

/// What must be answered.
pub(super) struct Expected {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) field: Option<String>,
}

pub(super) struct World {
    pub(super) site: Site,
    pub(super) till: Client,
    pub(super) clinic: Client,
    pub(super) auditor: Client,
    pub(super) member: Client,
    pub(super) member_id: String,
}

impl World {
    pub(super) async fn start() -> Self {
        let site = Site::start(shared()).await;
        let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
        let medical = json!({"confidentiality": "medical"});
        let clinic = Business::register(&site, "klinika", "medicine", medical).await;
        let anna = Member::register(&site, &[shop.clone(), clinic.clone()], None).await;
        let member = anna.sign_in(&site).await;
        let auditor = auditor(&site).await;
        Self { till: shop.till(&site), clinic: clinic.till(&site), auditor, member, member_id: anna.id, site }
    }

    pub(super) async fn send(&self, case: &Case) -> Answer {
        let client = match case.as_whom {
            Whom::Till => self.till.clone(),
            Whom::Clinic => self.clinic.clone(),
            Whom::Admin => self.site.admin(),
            Whom::Auditor => self.auditor.clone(),
            Whom::Member => self.member.clone(),
            Whom::Nobody => self.site.nobody(),
        };
        let mut headers: Vec<(&str, &str)> =
            case.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if !case.kind.is_empty() {
            headers.push(("Content-Type", case.kind));
        }
        let sent = client.send(case.method, &case.path, &headers, case.body.clone()).await;
        sent.unwrap_or_else(|error| panic!("{}: no answer: {error}", case.name))
    }
}

impl Case {
    pub(super) fn new(
        as_whom: Whom,
        method: &'static str,
        path: &str,
        name: &str,
        status: u16,
        code: &'static str,
    ) -> Self {
        // Calls without a number of the caller's own need a key.
        let headers = if as_whom == Whom::Admin
            || path == "/redemptions"
            || ["/coupons", "/chains", "/offers", "/users/me/phone"].iter().any(|kind| path.contains(kind))
        {
            vec![("Idempotency-Key", format!("key of {}", name.len()))]
        } else {
            vec![]
        };
        Self {
            method,
            path: path.to_owned(),
            as_whom,
            kind: "application/json",
            body: Vec::new(),
            headers,
            expected: Expected { status, code, field: None },
            name: format!("{method} {path}: {name}"),
        }
    }

    pub(super) fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self
    }

    pub(super) fn raw(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(super) fn names(mut self, field: &str) -> Self {
        self.expected.field = Some(field.to_owned());
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// Whether an answer's details name the field, or something inside it.
    pub(super) fn is_named_in(&self, answer: &Answer) -> bool {
        let Some(field) = &self.expected.field else { return true };
        let inside = [format!("{field}."), format!("{field}[")];
        let is_it = |key: &String| key == field || inside.iter().any(|start| key.starts_with(start));
        answer.body["error"]["details"].as_object().is_some_and(|map| map.keys().any(is_it))
    }
}
