//! What an auditor and a member can prove to anybody, verified with none of the product's own code. Design L7, L8.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use system_tests::system::proving::{Hash, continues, hash, is_proved, leaf, opened, root_of, verifier};
use system_tests::system::{Answer, Business, Client, Member, Role, Site, Town, shared};

use crate::{recently, sale};

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().expect("a list").iter().map(|text| hash(text.as_str().expect("a text"))).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

/// The answer once it is no longer that the log is not sealed so far.
pub(crate) async fn once_sealed(client: &Client, path: &str) -> Answer {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = client.get(path).await;
        if answer.status != 503 || Instant::now() > until {
            return answer;
        }
        assert_eq!((answer.code(), answer.header("retry-after")), ("NOT_SEALED", "1"));
    }
}

/// The key of an auditor, once it is good.
pub(crate) async fn auditor(site: &Site) -> Client {
    let limit = Duration::from_secs(60);
    let (made, key) = site.run("auditor-key", "ledger-api", &["auditor-key", "the auditor"], &[], limit);
    assert!(made, "{key}");
    let auditor = site.nobody().with(format!("ApiKey {}", key.trim()));
    let until = Instant::now() + Duration::from_secs(10);
    while auditor.get("/audit/events?limit=1").await.status == 401 {
        assert!(Instant::now() < until, "a new key is good after a moment");
    }
    auditor
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_proves_that_the_log_only_grew_and_each_event_is_on_it() {
    let site = Site::start(shared()).await;
    let auditor = auditor(&site).await;
    let hers = an_early_sale(&site).await;
    let first = once_sealed(&auditor, "/audit/checkpoint").await;
    assert_eq!((first.status, first.header("content-type")), (200, "text/plain; charset=utf-8"));
    let log = site.database("ledger").await;
    let name: String = sqlx::query_scalar("SELECT 'own-circle/' || log_id FROM ledger.log_head")
        .fetch_one(&log)
        .await
        .unwrap();
    let key: Vec<u8> =
        sqlx::query_scalar("SELECT public_key FROM ledger.seal_key").fetch_one(&log).await.unwrap();
    let verifier = verifier(&name, &key);
    let (origin, small, small_root) = opened(&first.text, &verifier).expect("it is signed");
    assert_eq!(origin, name);
    Town::settle(&site, 60).await;
    let head = site.head().await;
    let newest = auditor.get_after("/audit/checkpoint", head).await;
    let (_, size, root) = opened(&newest.text, &verifier).expect("it is signed");
    assert_eq!(newest.header("x-read-position"), size.to_string());
    assert!(size > 256 && i64::try_from(size).unwrap() >= head, "{size}");
    // It only grew.
    let proof = auditor.get(&format!("/audit/proof/consistency?from={small}&to={size}")).await.data(200);
    assert!(continues((small, small_root), (size, root), &hashes(&proof["path"])));
    for from in [1, 2, small, 255, 256, size - 1, size] {
        let proof = auditor.get(&format!("/audit/proof/consistency?from={from}&to={size}")).await.data(200);
        let from = (from, hash(text(&proof["from_root"])));
        assert!(continues(from, (size, root), &hashes(&proof["path"])), "{proof}");
        assert_eq!(hash(text(&proof["to_root"])), root);
    }
    // Each event is on it, as it is hashed.
    let (mut next, mut seen) = (json!(1), 0);
    while !next.is_null() {
        let page = auditor.get(&format!("/audit/events?from={next}&limit=200")).await.data(200);
        for item in page["items"].as_array().unwrap() {
            let (event, position) = (text(&item["event"]), number(&item["position"]));
            seen += 1;
            assert_eq!((position, hex::encode(leaf(event)).as_str()), (seen, text(&item["leaf_hash"])));
            if seen % 37 == 1 || seen == size {
                is_on(&auditor, event, position, (size, root)).await;
            }
        }
        next = page["next_from"].clone();
    }
    assert!(seen >= size);
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM ledger.events").fetch_one(&log).await.unwrap();
    assert_eq!(seen, u64::try_from(rows).unwrap());
    an_altered_row_is_not_proved(&auditor, &hers, &log).await;
}

/// A member who may ask for the receipt of her purchase at `path`.
struct Bought {
    path: String,
    member: Client,
}

/// A purchase among the first events of the log, whose leaves are in a tile that is full by and by.
async fn an_early_sale(site: &Site) -> Bought {
    let shop = Business::register(site, "early-shop", "floristry", json!({})).await;
    let vera = Member::register(site, std::slice::from_ref(&shop), None).await;
    let made =
        shop.till(site).post("/transactions", &sale("early", &shop, &vera, 10_000, &recently()).body()).await;
    let position = made.position().expect("a position");
    assert!(position < 256, "{position}");
    let path = format!("/transactions/{}/receipt", text(&made.data(201)["transaction_id"]));
    Bought { path, member: vera.sign_in(site).await }
}

/// Who may write the database changes a row and its leaf hash with it: nothing says that it is what was sealed.
async fn an_altered_row_is_not_proved(auditor: &Client, bought: &Bought, log: &sqlx::PgPool) {
    let path = &bought.path;
    let position = bought.member.get(path).await.data(200)["position"].as_i64().expect("a position");
    let proof = format!("/audit/proof/inclusion?position={position}");
    let page = format!("/audit/events?from={position}&limit=1");
    assert_eq!(auditor.get(&proof).await.status, 200);
    let off = "ALTER TABLE ledger.events DISABLE TRIGGER ALL";
    sqlx::query(off).execute(log).await.expect("the owner may");
    let change =
        "UPDATE ledger.events SET recorded_at = recorded_at + interval '1 microsecond' WHERE position = $1";
    sqlx::query(change).bind(position).execute(log).await.expect("a change");
    let altered = auditor.get(&page).await.data(200);
    let leaf = leaf(text(&altered["items"][0]["event"]));
    assert_ne!(hex::encode(leaf), text(&altered["items"][0]["leaf_hash"]));
    for kept in [true, false] {
        for answer in [auditor.get(&proof).await, bought.member.get(path).await] {
            assert_eq!((answer.status, answer.code()), (503, "UNAVAILABLE"), "{kept}: {}", answer.text);
        }
        let change = "UPDATE ledger.events SET leaf_hash = $2 WHERE position = $1";
        sqlx::query(change).bind(position).bind(leaf.as_slice()).execute(log).await.expect("a change");
    }
}

/// The event is proved to be in the tree, and in the smallest and another one that has it.
async fn is_on(auditor: &Client, event: &str, position: u64, tree: (u64, Hash)) {
    for size in [tree.0, position, position + (tree.0 - position) / 2] {
        let path = format!("/audit/proof/inclusion?position={position}&tree_size={size}");
        let proof = auditor.get(&path).await.data(200);
        let root = root_of(leaf(event), number(&proof["index"]), size, &hashes(&proof["path"]));
        assert_eq!(root, Some(hash(text(&proof["root"]))), "{proof}");
        assert!(size != tree.0 || root == Some(tree.1));
        assert_ne!(root_of(leaf("{}"), position - 1, size, &hashes(&proof["path"])), root);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_proves_her_purchase_offline_and_nobody_elses() {
    let site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let medical = json!({"confidentiality": "medical"});
    let clinic = Business::register(&site, "klinika", "medicine", medical).await;
    let both = [shop.clone(), clinic.clone()];
    let (anna, vera) =
        (Member::register(&site, &both, None).await, Member::register(&site, &both, None).await);
    let (hers, veras) = (anna.sign_in(&site).await, vera.sign_in(&site).await);
    let mut purchases = Vec::new();
    for (name, business) in [("r1", &shop), ("r2", &clinic)] {
        let one = sale(name, business, &anna, 300_000, &recently());
        let made = business.till(&site).post("/transactions", &one.body()).await;
        let position = made.position().expect("a position");
        purchases.push((text(&made.data(201)["transaction_id"]).to_owned(), position));
    }
    for (id, position) in &purchases {
        let path = format!("/transactions/{id}/receipt");
        let receipt = hers.get_after(&path, *position).await;
        // Asked for in the second in which it is sealed, it waits.
        let receipt = if receipt.status == 503 { once_sealed(&hers, &path).await } else { receipt }.data(200);
        let (event, proof) = (text(&receipt["event"]), text(&receipt["proof"]));
        let verifier = text(&receipt["keys"][0]["verifier"]);
        assert!(is_proved(proof, event, verifier), "{receipt}");
        let said: Value = serde_json::from_str(event).unwrap();
        assert_eq!(
            (&said["event_type"], &said["payload"]["purchase_id"]),
            (&json!("PurchaseRecorded"), &json!(id))
        );
        assert_eq!((&said["stream_id"], &said["position"]), (&json!(anna.id), &receipt["position"]));
        assert_eq!(number(&receipt["index"]) + 1, number(&receipt["position"]));
        assert_eq!(hex::encode(leaf(event)), text(&receipt["leaf_hash"]));
        assert!(proof.ends_with(text(&receipt["checkpoint"])));
        refused_when_touched(proof, event, verifier);
        assert_eq!(veras.get(&path).await.status, 404, "another member's is as none");
    }
    site.settle().await;
    // A line of her history has one too: the fact that it begins with.
    let lines = hers.get("/loyalty/transactions").await.data(200);
    for line in lines["items"].as_array().unwrap() {
        let path = format!("/transactions/{}/receipt", text(&line["id"]));
        let receipt = once_sealed(&hers, &path).await.data(200);
        assert!(is_proved(
            text(&receipt["proof"]),
            text(&receipt["event"]),
            text(&receipt["keys"][0]["verifier"])
        ));
        assert_eq!(veras.get(&path).await.status, 404);
    }
    // Without who seals, everything else goes on, and what is new waits.
    not_sealed(site, &shop, &anna, &hers).await;
}

/// What moves between accounts says all that the other had, and a merge may be a mistake; a purchase that a revision moved is
/// proved to whose it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_says_nothing_of_another_account_and_a_purchase_that_moved_has_one() {
    let site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let register = async || Member::register(&site, std::slice::from_ref(&shop), None).await;
    let (anna, old, vera) = (register().await, register().await, register().await);
    let (annas, olds, veras) =
        (anna.sign_in(&site).await, old.sign_in(&site).await, vera.sign_in(&site).await);
    for (name, member) in [("r1", &anna), ("r2", &old)] {
        let one = sale(name, &shop, member, 100_000, &recently());
        let _ = shop.till(&site).post("/transactions", &one.body()).await.data(201);
    }
    let accounts = json!({"from_member_id": old.id, "reason": "a second phone"});
    for call in ["merge", "unmerge"] {
        let path = format!("/admin/members/{}/{call}", anna.id);
        let _ = site.admin().post(&path, &accounts).await.data(200);
        site.settle().await;
        for who in [&annas, &olds] {
            let mut moved = 0;
            for line in who.get("/loyalty/transactions").await.data(200)["items"].as_array().unwrap() {
                let path = format!("/transactions/{}/receipt", text(&line["id"]));
                let answer = once_sealed(who, &path).await;
                let expected = if line["type"] == "adjusted" { 404 } else { 200 };
                assert_eq!(answer.status, expected, "{call}: {line} {}", answer.text);
                moved += u32::from(expected == 404);
            }
            assert!(moved > 0, "{call}");
        }
    }
    let mut one = sale("r3", &shop, &anna, 100_000, &recently()).body();
    let id = shop.till(&site).post("/transactions", &one).await.data(201)["transaction_id"].clone();
    let path = format!("/transactions/{}/receipt", text(&id));
    site.settle().await;
    assert_eq!(once_sealed(&annas, &path).await.status, 200);
    one["revision"] = json!(2);
    one["member"] = json!({"member_id": vera.id});
    let _ = shop.till(&site).post("/transactions", &one).await.data(200);
    site.settle().await;
    let receipt = once_sealed(&veras, &path).await.data(200);
    let (event, verifier) = (text(&receipt["event"]), text(&receipt["keys"][0]["verifier"]));
    assert!(is_proved(text(&receipt["proof"]), event, verifier));
    let said: Value = serde_json::from_str(event).unwrap();
    assert_eq!((&said["event_type"], &said["stream_id"]), (&json!("PurchaseTakenOver"), &json!(vera.id)));
    assert_eq!(annas.get(&path).await.status, 404);
}

/// Whatever is changed of a receipt: it proves nothing.
fn refused_when_touched(proof: &str, event: &str, verifier: &str) {
    assert!(!is_proved(proof, &event.replace("3000.00", "3000.01"), verifier));
    let (head, note) = proof.split_once("\n\n").unwrap();
    assert!(!is_proved(&format!("{head}\n{}\n\n{note}", BASE64_STANDARD.encode([7; 32])), event, verifier));
    assert!(!is_proved(&proof.replacen("index ", "index 1", 1), event, verifier));
    let (origin, rest) = note.split_once('\n').unwrap();
    assert!(!is_proved(&format!("{head}\n\n{origin}x\n{rest}"), event, verifier));
}

async fn not_sealed(mut site: Site, shop: &Business, anna: &Member, hers: &Client) {
    site.kill_role(Role::Seal);
    let made =
        shop.till(&site).post("/transactions", &sale("r3", shop, anna, 10_000, &recently()).body()).await;
    let position = made.position().expect("a position");
    let path = format!("/transactions/{}/receipt", text(&made.data(201)["transaction_id"]));
    site.settle().await;
    let waits = hers.get(&path).await;
    assert_eq!((waits.status, waits.code(), waits.header("retry-after")), (503, "NOT_SEALED", "1"));
    let waits = site.admin().get(&format!("/audit/proof/inclusion?position={position}")).await;
    assert_eq!((waits.status, waits.code()), (503, "NOT_SEALED"));
    site.start_role(Role::Seal);
    let receipt = once_sealed(hers, &path).await.data(200);
    assert!(is_proved(
        text(&receipt["proof"]),
        text(&receipt["event"]),
        text(&receipt["keys"][0]["verifier"])
    ));
}
