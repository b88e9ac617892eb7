//! Thousands of malformed requests, made from right ones by seeded damage: never a 5xx, always the envelope, nothing
//! written, the process alive and no larger.

use futures::StreamExt;
use serde_json::{Value, json};
use system_tests::system::{Business, Client, Member, Seeded, Site, shared};

use crate::bad_input::resident_kib;
use crate::recently;

const REQUESTS: usize = 2_400;
const AT_ONCE: usize = 24;

/// Right bodies, and whether the damaged one can still be right.
fn bodies(member_id: &str) -> Vec<(&'static str, Value)> {
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

fn whom<'a>(path: &str, till: &'a Client, admin: &'a Client) -> &'a Client {
    if path.starts_with("/transactions") { till } else { admin }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_requests_change_nothing() {
    let mut site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    // She has not consented: even a request that damage left whole is answered and not stored.
    let anna = Member::register(&site, &[], None).await;
    let (till, admin) = (shop.till(&site), site.admin());
    let seeded = Seeded::new("malformed requests", 31);
    let bodies = bodies(&anna.id);
    let before = (site.settle().await, resident_kib(&site));
    let requests: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let (path, right) = seeded.pick(&bodies);
            (*path, injured(&seeded, right), seeded.next())
        })
        .collect();
    let failed: Vec<String> = futures::stream::iter(requests)
        .map(|(path, body, number)| {
            let client = whom(path, &till, &admin);
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
