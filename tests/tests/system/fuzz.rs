//! Thousands of malformed requests, made from right ones by seeded damage: never a 5xx, always the envelope, nothing
//! written, the process alive and no larger.

use futures::StreamExt;
use serde_json::{Value, json};
use system_tests::system::{Business, Client, Member, Seeded, Site, shared};

use crate::bad_input::resident_kib;
use crate::recently;

const REQUESTS: usize = 10_000;
const AT_ONCE: usize = 24;
/// An id that is nobody's and nothing's: what damage leaves whole finds nothing to do.
const NOBODYS: &str = "018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10";

/// Every call with a body, and a body that is right, or as good as right.
fn bodies(member_id: &str) -> Vec<(String, Value)> {
    let mut bodies: Vec<_> =
        first_bodies(member_id).into_iter().map(|(path, body)| (path.to_owned(), body)).collect();
    bodies.extend(bodies_about_bonuses(member_id));
    bodies.extend(bodies_about_members(member_id));
    bodies
}

/// Holds, refunds, coupons and chains.
fn bodies_about_bonuses(member_id: &str) -> Vec<(String, Value)> {
    let of = |path: &str| path.replace("{id}", NOBODYS);
    let coupon = |kind: &str, value: Value| {
        json!({"member": {"member_id": member_id}, "type": kind, "value": value, "expires_at": "2090-01-01T00:00:00Z",
            "description": "За визит", "funded_by": "business"})
    };
    // A refund of what nobody has reported would wait: no amount makes sure that it does not.
    let refund = json!({"external_id": "f5", "amount": "-5.00", "reason": "returned"});
    let mut numbered = refund.clone();
    numbered["purchase_external_id"] = json!("r5");
    // A chain is drawn up whatever it is called, but not to nowhere.
    let chain = json!({"name": "Ужин", "kind": "linear", "funded_by": "source", "steps": [{"from": "mindal",
        "to": "nowhere", "window_days": 14, "reward": {"type": "coupon",
        "coupon": {"type": "discount_percent", "value": "10", "cap": "300.00", "life_days": 30}}}]});
    vec![
        (
            of("/redemptions"),
            json!({"member": {"member_id": member_id}, "bill_amount": "100.00", "amount": "10.00"}),
        ),
        (
            of("/redemptions/{id}/capture"),
            json!({"external_id": "f6", "amount": "100.00", "occurred_at": recently()}),
        ),
        (of("/redemptions/{id}/cancel"), json!({"unheard_of": 1})),
        (of("/transactions/{id}/refunds"), refund),
        (of("/transactions/refunds"), numbered),
        (of("/coupons"), coupon("discount_fixed", json!("5.00"))),
        (of("/coupons"), coupon("discount_percent", json!(5))),
        (of("/coupons/{id}/revoke"), json!({"reason": "a mistake"})),
        (of("/loyalty/coupons/{id}/activate"), json!({"unheard_of": 1})),
        (of("/cross-promo/chains"), chain),
        (of("/cross-promo/chains/simulate"), json!({"chain_id": NOBODYS, "days": 7})),
        (of("/cross-promo/chains/{id}/reject"), json!({"reason": "too dear"})),
        (of("/cross-promo/chains/{id}/submit"), json!({"unheard_of": 1})),
    ]
}

/// What staff do to an account and to what waits, and a phone that changes.
fn bodies_about_members(member_id: &str) -> Vec<(String, Value)> {
    let accounts = json!({"from_member_id": member_id, "reason": "a second phone"});
    let nothing = json!({"unheard_of": 1});
    let calls = [
        ("block", json!({"reason": "a mistake"})),
        ("requests", json!({"kind": "access", "channel": "letter", "received_at": recently()})),
        ("block-processing", json!({"reason": "accuracy_disputed"})),
        ("unblock-processing", json!({"reason": "corrected"})),
        ("adjust", json!({"amount": "-5.00", "reason": "a mistake"})),
        ("gift", json!({"amount": "5.00", "reason": "an apology", "life_days": 7})),
        (
            "premium",
            json!({"from": "2030-01-01T00:00:00Z", "to": "2030-02-01T00:00:00Z", "payment_ref": "p-1"}),
        ),
        ("merge", accounts.clone()),
        ("unmerge", accounts),
        ("invite-inner-circle", nothing.clone()),
        ("uninvite", nothing.clone()),
        ("unblock", nothing.clone()),
        ("premium/cancel", nothing.clone()),
    ];
    let calls = calls.into_iter().map(|(call, body)| (format!("/admin/members/{NOBODYS}/{call}"), body));
    let waits =
        ["apply", "drop"].map(|call| (format!("/admin/quarantine/{NOBODYS}/{call}"), nothing.clone()));
    let simulated = json!({"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z",
        "parameters": {"bonus.life_days": 91}});
    let phone = json!({"code_id": NOBODYS, "code": "123456"});
    let others = [("/admin/policies/simulate".to_owned(), simulated), ("/users/me/phone".to_owned(), phone)];
    calls.chain(waits).chain(others).collect()
}

/// Purchases, credentials, the registry.
fn first_bodies(member_id: &str) -> Vec<(&'static str, Value)> {
    vec![
        (
            "/transactions",
            json!({"external_id": "f1", "member": {"member_id": member_id}, "amount": "100.00",
            "occurred_at": recently(), "source": "api", "revision": 1}),
        ),
        (
            "/transactions/batch",
            json!({"transactions": [{"external_id": "f2", "member": {"phone": "+79995550000"},
            "amount": 100.5, "occurred_at": recently()}]}),
        ),
        (
            "/transactions/scan",
            json!({"qr": "a.b.c", "external_id": "f3", "amount": "1.00", "occurred_at": recently()}),
        ),
        ("/auth/verify-code", json!({"code_id": member_id, "code": "123456"})),
        ("/auth/refresh", json!({"refresh_token": "token"})),
        ("/auth/staff/sign-in", json!({"login": "kassa-1", "password": "correct horse", "code": "000000"})),
        ("/auth/staff/enrol", json!({"enrolment_token": "ocs_x", "password": "correct horse"})),
        ("/admin/staff", json!({"login": "fuzzed", "role": "support"})),
        (
            "/auth/register",
            json!({"code_id": member_id, "code": "123456", "first_name": "Анна", "last_name": "О",
            "consents": [{"purpose": "personal_data", "version": "1"}]}),
        ),
        ("/admin/businesses", json!({"slug": "fuzzed", "category": "optics", "hold_days": 3})),
        ("/admin/members", json!({"phone": "+79995551111", "first_name": "Анна", "consents": []})),
        (
            "/admin/policies",
            json!({"parameters": {"bonus.life_days": 91}, "effective_from": "2020-01-01T00:00:00Z"}),
        ),
        (
            "/admin/import",
            json!({"external_id": "f4", "business_id": "mindal", "member": {"member_id": member_id},
            "amount": "1.00", "occurred_at": "2026-01-01 10:00:00"}),
        ),
    ]
}

/// What may stand where a value stood; none of them is right anywhere.
const NONSENSE: [&str; 18] = [
    "null",
    "true",
    "-1",
    "1e400",
    "0.0000001",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "[]",
    "{}",
    "[[[[[[]]]]]]",
    "NaN",
    "\"１２３\"",
    "\"'; DROP TABLE events; --\"",
    "99999999999999999999999999",
    "\"\\u202e\\u200b\"",
    "{\"a\":1,\"a\":2}",
    "\"\u{1f4a5}",
];

/// One request's body with one to three injuries.
fn injured(seeded: &Seeded, right: &Value) -> Vec<u8> {
    let mut text = right.to_string();
    let map = right.as_object().unwrap();
    let names: Vec<&String> = map.keys().collect();
    // The first injury always breaks a field that the request cannot do without.
    let name = names[seeded.place(names.len())];
    let value = map[name.as_str()].to_string();
    text =
        text.replacen(&format!("\"{name}\":{value}"), &format!("\"{name}\":{}", seeded.pick(&NONSENSE)), 1);
    let mut bytes = text.into_bytes();
    for _ in 0..seeded.below(3) {
        let place = seeded.place(bytes.len());
        match seeded.below(4) {
            0 => bytes[place] = u8::try_from(seeded.below(256)).unwrap(),
            1 => bytes.truncate(place.max(1)),
            2 => bytes.insert(place, u8::try_from(seeded.below(256)).unwrap()),
            _ => {
                bytes.remove(place);
                bytes.push(b'}');
            }
        }
    }
    bytes
}

/// Who makes a call.
struct Callers {
    till: Client,
    admin: Client,
    member: Client,
}

impl Callers {
    fn of(&self, path: &str) -> &Client {
        let starts = |with: &[&str]| with.iter().any(|start| path.starts_with(start));
        if starts(&["/transactions", "/redemptions", "/coupons"]) {
            &self.till
        } else if starts(&["/loyalty", "/users"]) {
            &self.member
        } else {
            &self.admin
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_requests_change_nothing() {
    let mut site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    // She has not consented: even a request that damage left whole is answered and not stored.
    let anna = Member::register(&site, &[], None).await;
    let callers = Callers { till: shop.till(&site), admin: site.admin(), member: anna.sign_in(&site).await };
    let seeded = Seeded::new("malformed requests", 31);
    let bodies = bodies(&anna.id);
    let before = (site.settle().await, resident_kib(&site));
    let requests: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let (path, right) = seeded.pick(&bodies);
            (path.as_str(), injured(&seeded, right), seeded.next())
        })
        .collect();
    let failed: Vec<String> = futures::stream::iter(requests)
        .map(|(path, body, number)| {
            let client = callers.of(path);
            async move {
                let key = format!("fuzz {number}");
                let kind = if path == "/admin/import" { "application/x-ndjson" } else { "application/json" };
                let headers = [("Content-Type", kind), ("Idempotency-Key", key.as_str())];
                let answer = client.send("POST", path, &headers, body.clone()).await;
                let shown = String::from_utf8_lossy(&body).into_owned();
                match answer {
                    Err(error) => Some(format!("{path} {shown}: no answer: {error}")),
                    Ok(answer) => {
                        verdict(path, answer.status, &answer.text).map(|why| format!("{path} {shown}: {why}"))
                    }
                }
            }
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    assert!(failed.is_empty(), "{} of {REQUESTS}:\n{}", failed.len(), failed.join("\n"));
    assert!(site.all_run(), "{}", site.logs());
    let after = (site.settle().await, resident_kib(&site));
    assert_eq!(after.0, before.0, "something was written");
    assert!(after.1 < before.1 + 50 * 1024, "{} KiB before, {} KiB after", before.1, after.1);
    for path in site.log_files().into_iter().filter(|path| path.to_string_lossy().contains("ledger-api")) {
        let log = std::fs::read_to_string(&path).unwrap();
        assert!(!log.contains("panicked"), "a panic is in {}", path.display());
    }
}

/// What is wrong with an answer.
fn verdict(path: &str, status: u16, text: &str) -> Option<String> {
    let leaks =
        ["panicked", "SELECT ", "sqlx", "stack backtrace", ".rs:"].iter().any(|trace| text.contains(trace));
    if leaks {
        return Some(format!("{status} with a trace: {text}"));
    }
    match (path, status) {
        // A batch and an import answer line by line; what damage left whole names nobody who consented.
        ("/admin/import" | "/transactions/batch", 200) => {
            let stored = text.contains("\"created\"");
            stored.then(|| format!("stored: {text}"))
        }
        ("/transactions" | "/transactions/scan", 202) => None,
        (_, 400..=499) if Site::is_failure_envelope(text) => None,
        _ => Some(format!("{status}: {text}")),
    }
}
