//! Calls about one member, document or coupon, and those that look back: who may, about whom, by which address.

use serde_json::{Value, json};

use super::case::{Case, INVALID, SECRET, Whom};
use crate::recently;

/// An id that is nobody's and nothing's.
const UNKNOWN: &str = "018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10";
const KEY: &str = "Idempotency-Key";
const NOT_FOUND: &str = "NOT_FOUND";

/// All of them.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = about_members();
    cases.extend(about_documents());
    cases.extend(cancelling());
    cases.extend(looking_back());
    cases.extend(promoting());
    cases.extend(reporting());
    cases
}

/// What is known of a member: for herself, and for an admin by her id.
fn reporting() -> Vec<Case> {
    let get = |whom, path: &str, status, code| Case::new(whom, "GET", path, "as it is", status, code);
    let mut cases = Vec::new();
    for page in ["report", "report.html"] {
        let of = |id: &str| format!("/admin/members/{id}/{page}");
        let own = format!("/users/me/{page}");
        cases.extend([
            get(Whom::Admin, &of(SECRET), 400, INVALID).names("id"),
            get(Whom::Admin, &format!("{}?unheard_of=1", of(UNKNOWN)), 400, INVALID).names("unheard_of"),
            get(Whom::Admin, &of(UNKNOWN), 404, "MEMBER_NOT_FOUND"),
            get(Whom::Member, &of(UNKNOWN), 403, "FORBIDDEN"),
            get(Whom::Till, &of(UNKNOWN), 403, "FORBIDDEN"),
            get(Whom::Auditor, &of(UNKNOWN), 403, "FORBIDDEN"),
            get(Whom::Nobody, &of(UNKNOWN), 401, "UNAUTHENTICATED"),
            get(Whom::Member, &format!("{own}?format=html"), 400, INVALID).names("format"),
            get(Whom::Admin, &own, 403, "FORBIDDEN"),
            get(Whom::Nobody, &own, 401, "UNAUTHENTICATED"),
        ]);
    }
    cases
}

/// A call that is right but for what it is about.
struct About {
    whom: Whom,
    /// Who may not make it.
    others: [Whom; 2],
    /// The address on both sides of the id.
    path: (&'static str, &'static str),
    body: Value,
    unknown: &'static str,
    takes_key: bool,
}

impl About {
    fn cases(&self) -> Vec<Case> {
        let path = |id: &str| format!("{}/{id}/{}", self.path.0, self.path.1);
        let case = |whom, name: &str, status, code| {
            Case::new(whom, "POST", &path(UNKNOWN), name, status, code).json(&self.body).header(KEY, name)
        };
        let mut no_id = case(self.whom, "no id", 400, INVALID).names("id");
        no_id.path = path(SECRET);
        let mut parameter = case(self.whom, "a parameter", 400, INVALID).names("unheard_of");
        parameter.path.push_str("?unheard_of=1");
        let mut cases = vec![
            no_id,
            parameter,
            case(self.whom, "nobody knows it", 404, self.unknown),
            case(Whom::Nobody, "without a credential", 401, "UNAUTHENTICATED"),
        ];
        cases.extend(self.others.map(|other| case(other, "of another role", 403, "FORBIDDEN")));
        if self.takes_key {
            cases.extend(wrong_keys(|name| case(self.whom, name, 400, INVALID)));
        }
        cases
    }
}

/// A call without its key, and with what is none.
fn wrong_keys(case: impl Fn(&str) -> Case) -> [Case; 3] {
    [Some(""), Some("ключ"), None].map(|key| {
        let mut wrong = case(&format!("key {key:?}")).names(KEY);
        wrong.headers = key.map(|key| (KEY, key.to_owned())).into_iter().collect();
        wrong
    })
}

fn about_members() -> Vec<Case> {
    let reason = "a till's mistake";
    let accounts = json!({"from_member_id": UNKNOWN, "reason": reason});
    let premium = json!({"from": "2030-01-01T00:00:00Z", "to": "2030-02-01T00:00:00Z", "payment_ref": "p-1"});
    let calls = [
        ("block", json!({"reason": reason})),
        ("adjust", json!({"amount": "-5.00", "reason": reason})),
        ("gift", json!({"amount": "5.00", "reason": reason})),
        ("premium", premium),
        ("merge", accounts.clone()),
        ("unmerge", accounts),
        ("invite-inner-circle", json!({})),
        ("uninvite", json!({})),
        ("erase", json!({"reason": "unlawful"})),
        ("requests", json!({"kind": "access", "channel": "letter"})),
        ("block-processing", json!({"reason": "accuracy_disputed"})),
        ("unblock-processing", json!({"reason": "corrected"})),
        ("unblock", json!({})),
        ("premium/cancel", json!({})),
    ];
    let cases = calls.into_iter().flat_map(|(call, body)| {
        let (whom, others) = (Whom::Admin, [Whom::Till, Whom::Member]);
        let path = ("/admin/members", call);
        About { whom, others, path, body, unknown: "MEMBER_NOT_FOUND", takes_key: true }.cases()
    });
    cases.collect()
}

fn about_documents() -> Vec<Case> {
    let capture = json!({"external_id": SECRET, "amount": "100.00", "occurred_at": recently()});
    let refund = json!({"external_id": SECRET, "amount": "10.00", "reason": "returned"});
    let reason = json!({"reason": "a mistake"});
    let calls = [
        (("/redemptions", "cancel"), json!({}), "HOLD_NOT_FOUND", true),
        (("/redemptions", "capture"), capture, "HOLD_NOT_FOUND", false),
        (("/transactions", "refunds"), refund, NOT_FOUND, false),
        (("/coupons", "revoke"), reason, NOT_FOUND, true),
    ];
    let of_till = calls.into_iter().flat_map(|(path, body, unknown, takes_key)| {
        let others = [Whom::Member, Whom::Member];
        About { whom: Whom::Till, others, path, body, unknown, takes_key }.cases()
    });
    let activate = About {
        whom: Whom::Member,
        others: [Whom::Till, Whom::Admin],
        path: ("/loyalty/coupons", "activate"),
        body: json!({}),
        unknown: NOT_FOUND,
        takes_key: true,
    };
    of_till.chain(activate.cases()).collect()
}

/// A cancellation says nothing, or `{}`.
fn cancelling() -> Vec<Case> {
    let path = format!("/redemptions/{UNKNOWN}/cancel");
    let case = |name: &str, status, code| {
        Case::new(Whom::Till, "POST", &path, name, status, code).header(KEY, "cancelling")
    };
    vec![
        case("nothing", 404, "HOLD_NOT_FOUND"),
        case("a list", 400, INVALID).raw("[]").names("body"),
        case("half of it", 400, INVALID).raw("{\"a\": ").names("body"),
        case("an unknown field", 400, INVALID).json(&json!({"unheard_of": SECRET})).names("unheard_of"),
        case("its own business", 403, "FORBIDDEN").json(&json!({"business_id": "mindal"})),
        case("as text", 415, "UNSUPPORTED_MEDIA_TYPE").raw("{}").kind("text/plain"),
    ]
}

fn looking_back() -> Vec<Case> {
    let get = |whom, path: &str, status, code| Case::new(whom, "GET", path, "as it is", status, code);
    let wrong = |whom, path: &str, field: &str| get(whom, path, 400, INVALID).names(field);
    let explain = |id: &str| format!("/loyalty/transactions/{id}/explain");
    let code = json!({"code_id": UNKNOWN, "code": "123456"});
    let change = |whom, status, code_of| {
        Case::new(whom, "POST", "/users/me/phone", "nobody's code", status, code_of).json(&code)
    };
    let keyless =
        |name: &str| Case::new(Whom::Member, "POST", "/users/me/phone", name, 400, INVALID).json(&code);
    let mut cases = vec![
        wrong(Whom::Member, &explain(SECRET), "id"),
        wrong(Whom::Member, &format!("{}?unheard_of=1", explain(UNKNOWN)), "unheard_of"),
        get(Whom::Member, &explain(UNKNOWN), 404, NOT_FOUND),
        get(Whom::Till, &explain(UNKNOWN), 403, "FORBIDDEN"),
        wrong(Whom::Member, "/loyalty/transactions?type=earned,fame", "type"),
        wrong(Whom::Member, "/loyalty/transactions?type=", "type"),
        wrong(Whom::Admin, "/admin/quarantine?limit=0", "limit"),
        wrong(Whom::Admin, "/admin/quarantine?cursor=altered", "cursor"),
        get(Whom::Till, "/admin/quarantine", 403, "FORBIDDEN"),
        get(Whom::Member, "/admin/quarantine", 403, "FORBIDDEN"),
        wrong(Whom::Admin, "/admin/trial-balance?unheard_of=1", "unheard_of"),
        get(Whom::Till, "/admin/trial-balance", 403, "FORBIDDEN"),
        get(Whom::Member, "/admin/trial-balance", 403, "FORBIDDEN"),
        get(Whom::Nobody, "/admin/trial-balance", 401, "UNAUTHENTICATED"),
        change(Whom::Member, 401, "UNAUTHENTICATED"),
        change(Whom::Nobody, 401, "UNAUTHENTICATED"),
        change(Whom::Till, 403, "FORBIDDEN"),
    ];
    cases.extend(wrong_keys(keyless));
    let moments = ["", "soon", "2026-03-02", "2026-03-02T10:00:00", "2026-02-30T10:00:00Z"];
    for (call, fields) in [
        ("balance", ["as_of", "known_at"]),
        ("status-progress", ["as_of", "known_at"]),
        ("transactions", ["from", "to"]),
    ] {
        for field in fields {
            let path = |value: &str| format!("/loyalty/{call}?{field}={value}");
            cases.extend(moments.map(|moment| wrong(Whom::Member, &path(moment), field)));
            let twice = format!("{}&{field}=2026-01-01T00:00:00Z", path("2026-01-01T00:00:00Z"));
            cases.push(wrong(Whom::Member, &twice, field));
            if call != "transactions" {
                cases.push(wrong(Whom::Member, &path("2100-01-01T00:00:00Z"), field));
            }
        }
    }
    cases
}

/// What chains led to, and, for admins alone, who buys where after whom.
fn promoting() -> Vec<Case> {
    let get = |whom, path: &str, status, code| Case::new(whom, "GET", path, "as it is", status, code);
    let stats = |id: &str| format!("/cross-promo/chains/{id}/stats");
    let mut cases = vec![
        get(Whom::Admin, &stats(SECRET), 400, INVALID).names("id"),
        get(Whom::Admin, &format!("{}?unheard_of=1", stats(UNKNOWN)), 400, INVALID).names("unheard_of"),
        get(Whom::Till, &stats(UNKNOWN), 404, NOT_FOUND),
        get(Whom::Clinic, &stats(UNKNOWN), 404, NOT_FOUND),
        get(Whom::Admin, &stats(UNKNOWN), 404, NOT_FOUND),
        get(Whom::Member, &stats(UNKNOWN), 403, "FORBIDDEN"),
        get(Whom::Nobody, &stats(UNKNOWN), 401, "UNAUTHENTICATED"),
    ];
    for call in ["/cross-promo/win-win", "/cross-promo/win-win/paths", "/cross-promo/recommendations"] {
        cases.extend([Whom::Till, Whom::Clinic, Whom::Member].map(|whom| get(whom, call, 403, "FORBIDDEN")));
        cases.push(get(Whom::Nobody, call, 401, "UNAUTHENTICATED"));
        let wrong = |query: &str, field: &str| {
            get(Whom::Admin, &format!("{call}?{query}"), 400, INVALID).names(field)
        };
        for moment in ["", "soon", "2026-03-02", "2026-03-02T10:00:00", "2100-01-01T00:00:00Z"] {
            cases.push(wrong(&format!("as_of={moment}"), "as_of"));
        }
        cases.push(wrong("limit=0", "limit"));
        cases.push(wrong("limit=many", "limit"));
        cases.push(wrong("cursor=altered", "cursor"));
        cases.push(wrong("business_id=mindal", "business_id"));
    }
    cases
}
