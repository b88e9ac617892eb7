//! The vault at work: consents that can be shown word by word, accesses that can be shown one by one, keys that are replaced
//! and keys that are lost. Compliance C3, C6, P2; battery P5, P6.

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use system_tests::system::{Business, Client, Member, Person, Site, bearer, shared};

use crate::proof::auditor;
use crate::{machine_now, recently, sale};

const LIMIT: Duration = Duration::from_secs(60);

/// The newest consent of a member on the log.
async fn newest_consent(site: &Site, member: &Member) -> Value {
    let log = site.database("ledger").await;
    let payload: String = sqlx::query_scalar(
        "SELECT payload::text FROM ledger.events
         WHERE stream_id = $1::uuid AND event_type LIKE 'Consent%' ORDER BY position DESC LIMIT 1",
    )
    .bind(&member.id)
    .fetch_one(&log)
    .await
    .expect("an event");
    log.close().await;
    serde_json::from_str(&payload).expect("JSON")
}

/// The words that an event is about, by what stands in the event alone.
async fn words_of(site: &Site, event: &Value) -> String {
    let (purpose, version) = (event["purpose"].as_str().unwrap(), event["version"].as_str().unwrap());
    let path = format!("/consents/{purpose}/text?version={version}");
    let shown = site.nobody().get(&path).await.data(200);
    let text = shown["text"].as_str().unwrap().to_owned();
    assert_eq!(hex::encode(Sha256::digest(&text)), event["text_hash"], "{event}");
    assert_eq!(shown["text_hash"], event["text_hash"]);
    text
}

async fn registered(site: &Site) -> (Member, Client, Value) {
    let nobody = site.nobody();
    let phone = "+79217403865".to_owned();
    let sent = nobody.post("/auth/send-code", &json!({"phone": phone})).await.data(200);
    let outbox = nobody.get("/dev/outbox?phone=%2B79217403865").await.data(200);
    let body = json!({"code_id": sent["code_id"], "code": outbox["messages"][0]["code"], "first_name": "Анна",
        "last_name": "Петрова", "consents": [{"purpose": "personal_data", "version": "1"}]});
    let joined = nobody.post("/auth/register", &body).await.data(201);
    let me = nobody.with(format!("Bearer {}", joined["access_token"].as_str().unwrap()));
    (Member { id: joined["member_id"].as_str().unwrap().to_owned(), phone }, me, sent["code_id"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compliance_c3_the_words_she_saw_follow_from_the_event_alone() {
    let site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let (member, me, code_id) = registered(&site).await;
    let joined = newest_consent(&site, &member).await;
    assert_eq!((&joined["purpose"], &joined["evidence"]), (&json!("personal_data"), &code_id));
    assert!(words_of(&site, &joined).await.contains("ПЕРСОНАЛЬНЫХ ДАННЫХ"));
    unmatched_leaves_no_trace(&site, &shop, &member).await;

    let consent = |purpose: &str, granted| json!([{"purpose": purpose, "granted": granted, "version": "1"}]);
    let given = me.put("/users/me/consents", &consent("partner:mindal", true)).await;
    assert_eq!(given.status, 200, "{}", given.text);
    let event = newest_consent(&site, &member).await;
    assert!(event["session"].is_string() && event["evidence"].is_null(), "{event}");
    assert!(words_of(&site, &event).await.contains("Партнёр: mindal"));
    let one = sale("p1", &shop, &member, 10_000, &recently()).body();
    assert_eq!(shop.till(&site).post("/transactions", &one).await.status, 201);
    // Withdrawn at once: the next purchase finds a stranger, and so does what waited.
    assert_eq!(me.put("/users/me/consents", &consent("partner:mindal", false)).await.status, 200);
    words_of(&site, &newest_consent(&site, &member).await).await;
    unmatched_leaves_no_trace(&site, &shop, &member).await;
    // The list of purposes is closed.
    for purpose in ["everything", "partner", "partner:", "marketing:mindal"] {
        let refused = me.put("/users/me/consents", &consent(purpose, true)).await;
        assert_eq!((refused.status, refused.code()), (400, "VALIDATION_ERROR"), "{purpose}");
        let refused = site.nobody().get(&format!("/consents/{purpose}/text")).await;
        assert_eq!((refused.status, refused.code()), (400, "VALIDATION_ERROR"), "{purpose}");
    }
    assert_eq!(site.nobody().get("/consents/marketing/text?version=99").await.status, 404);
    assert_eq!(site.nobody().get("/consents/marketing/text?version=Anna").await.status, 400);
}

/// Compliance C6: nothing of it is in the log, in the read models, in Kafka or ClickHouse; in the vault there is one record more:
/// that a phone was looked up.
async fn unmatched_leaves_no_trace(site: &Site, shop: &Business, member: &Member) {
    site.settle().await;
    let before = everything(site).await;
    let mut body = sale("canary-unmatched-1", shop, member, 4_815_162, &recently()).body();
    for whom in [json!({"member_id": member.id}), json!({"phone": member.phone})] {
        body["member"] = whom;
        let answer = shop.till(site).post("/transactions", &body).await;
        assert_eq!((answer.status, &answer.body["data"]["outcome"]), (202, &json!("unmatched")));
    }
    site.settle().await;
    let after = everything(site).await;
    assert_eq!(after, before);
    for path in site.log_files() {
        let log = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(!log.contains("canary-unmatched") && !log.contains("48151.62"), "{}", path.display());
    }
}

/// The log, the topic, ClickHouse, and how many rows each table of log and read models has, but for what is written as time goes by.
async fn everything(site: &Site) -> Vec<String> {
    let records = site.topic().records().len();
    let mut all = vec![site.head().await.to_string(), records.to_string()];
    all.extend(site.warehouse().contents().await);
    for part in ["ledger", "read"] {
        let pool = site.database(part).await;
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
             WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'projectors')
               AND tablename NOT IN ('checkpoint', 'snapshots', 'relay_checkpoint', 'tile', 'ingest_batches', 'ingest_epoch')
             ORDER BY 1",
        )
        .fetch_all(&pool)
        .await
        .expect("tables");
        for table in tables {
            let query = format!("SELECT count(*)::text || ' in {table}' FROM {table}");
            all.push(sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(&pool).await.expect("a count"));
        }
        pool.close().await;
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn battery_p6_keys_are_replaced_under_load_and_when_they_are_lost_the_ledger_works() {
    let site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let (member, me, _) = registered(&site).await;
    let consent = json!([{"purpose": "partner:mindal", "granted": true, "version": "1"}]);
    assert_eq!(me.put("/users/me/consents", &consent).await.status, 200);
    assert_eq!(me.get("/users/me").await.data(200)["last_name"], "Петрова");

    let (rotated, said) = site.run("rotate", "ledger-api", &["rotate-kek"], &[], LIMIT);
    assert!(rotated && said.contains("0002: "), "{said}");
    let (early, said) = site.run("retire-2", "ledger-api", &["retire-kek", "0002"], &[], LIMIT);
    assert!(!early && said.contains("stays"), "{said}");
    let (retired, said) = site.run("retire", "ledger-api", &["retire-kek", "0001"], &[], LIMIT);
    assert!(retired, "{said}");
    assert_eq!(me.get("/users/me").await.data(200)["last_name"], "Петрова");
    Member::register(&site, &[], None).await;

    accesses_are_shown(&site, &member).await;
    let vault = site.database("vault").await;
    sqlx::query("DELETE FROM vault_keys.member_keys").execute(&vault).await.expect("the owner may");
    vault.close().await;
    let unreadable = me.get("/users/me").await;
    assert_eq!((unreadable.status, unreadable.code()), (503, "UNAVAILABLE"), "{}", unreadable.text);
    assert!(unreadable.header("retry-after").parse::<u32>().is_ok());
    let mut body = sale("p1", &shop, &member, 100_000, &recently()).body();
    body["member"] = json!({"phone": member.phone});
    let bought = shop.till(&site).post("/transactions", &body).await.data(201);
    assert_eq!(bought["member_id"], member.id.as_str());
    site.settle().await;
    assert_eq!(me.get("/loyalty/balance").await.data(200)["total"], bought["bonuses_earned"]);
    assert_eq!(me.get("/loyalty/transactions").await.data(200)["items"].as_array().map(Vec::len), Some(1));
    site.check();
}

/// Who is no member is not forgotten, and goes on working; who never was is unknown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_of_staff_is_shut_out_by_an_erasure() {
    let site = Site::start(shared()).await;
    let person = Person::enrolled(&site, &site.admin(), "/admin/staff", "first", "admin").await;
    let tokens = person.sign_in(&site, &person.code(machine_now().timestamp())).await;
    let staff = bearer(&site, &tokens);
    for id in [person.id.as_str(), "00000000-0000-4000-8000-000000000001"] {
        let path = format!("/admin/members/{id}/erase");
        let refused = site.admin().post(&path, &json!({"reason": "unlawful"})).await;
        assert_eq!((refused.status, refused.code()), (404, "MEMBER_NOT_FOUND"), "{}", refused.text);
    }
    let vault = site.database("vault").await;
    let begun: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM vault.erasures) + (SELECT count(*) FROM vault.erased_members)",
    )
    .fetch_one(&vault)
    .await
    .expect("a count");
    vault.close().await;
    assert_eq!(begun, 0, "nothing was begun");
    assert_eq!(staff.get("/admin/erasures").await.status, 200);
}

/// The table of terms names every table that has anything of anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e6_every_table_of_the_vault_is_in_the_table_of_terms() {
    let site = Site::start(shared()).await;
    let told = site.admin().get("/admin/retention").await.data(200)["categories"].clone();
    let places: String = told
        .as_array()
        .expect("a list")
        .iter()
        .map(|category| format!("{}; ", category["place"].as_str().expect("a text")))
        .collect();
    let vault = site.database("vault").await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('vault', 'vault_keys', 'auth')",
    )
    .fetch_all(&vault)
    .await
    .expect("tables");
    vault.close().await;
    // Of no person: keys of the installation, counters, and the chain of the access log.
    let nobodys = [
        "auth.api_keys_version",
        "auth.signing_keys",
        "vault_keys.phone_keys",
        "vault_keys.retired_keks",
        "vault.access_era",
        "vault.access_seals",
    ];
    assert!(tables.len() > nobodys.len());
    for table in tables.iter().filter(|table| !nobodys.contains(&table.as_str())) {
        let is_named = places.split([' ', ',', ';', ':', '(', ')']).any(|place| place == table);
        assert!(is_named, "{table} is not among {places}");
    }
}

/// What an auditor sees of it: who, whom, what and why, and no value; and that it is a chain.
async fn accesses_are_shown(site: &Site, member: &Member) {
    let auditor = auditor(site).await;
    let path = format!("/audit/access?member_id={}&limit=2", member.id);
    let mut items = Vec::new();
    let mut next = Some(path.clone());
    while let Some(page) = next {
        let page = auditor.get(&page).await;
        for value in ["Петрова", "9217403865"] {
            assert!(!page.text.contains(value), "{}", page.text);
        }
        let page = page.data(200);
        items.extend(page["items"].as_array().unwrap().clone());
        next = page["next_cursor"].as_str().map(|cursor| format!("{path}&cursor={cursor}"));
    }
    assert!(items.iter().all(|item| item["member_id"] == member.id.as_str()));
    let own: Vec<_> =
        items.iter().filter(|item| item["action"] == "read" && item["purpose"] == "own_profile").collect();
    assert_eq!(own.len(), 2, "two reads of her profile: {items:?}");
    assert!(own.iter().all(|item| item["actor_id"] == member.id.as_str() && item["result"] == "done"));
    assert!(own[0]["request_id"] != own[1]["request_id"]);
    let none = auditor.get("/audit/access?from=2999-01-01T00:00:00Z").await.data(200);
    assert_eq!(none["items"], json!([]));

    let (whole, said) = site.run("accesses", "ledger-api", &["verify-access-log"], &[], LIMIT);
    assert!(whole && said.contains("seals over"), "{said}");
    let stranger = "00".repeat(31) + "07";
    let arguments = ["verify-access-log", "--head", &stranger];
    let (known, said) = site.run("accesses-head", "ledger-api", &arguments, &[], LIMIT);
    assert!(!known && said.contains("none of its seals"), "{said}");
}
