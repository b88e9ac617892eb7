//! Members who are forgotten: nothing of them is left, nothing of others is touched, nothing brings them back. Battery P2;
//! compliance E1–E10.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};
use sqlx::PgPool;
use system_tests::system::proving::is_proved;
use system_tests::system::{Answer, Business, Client, Member, Site, eventually, own, shared};

use crate::approvals::asked_and_rejected;
use crate::of_members::{needles_of_secrets, rows_of, secrets_of};
use crate::proof::once_sealed;
use crate::restored::copy;
use crate::{as_many_as, recently};

const LIMIT: Duration = Duration::from_secs(30);

/// DELETE without a body.
async fn delete_own(me: &Client) -> Answer {
    me.send("DELETE", "/users/me", &[], "").await.expect("an answer")
}

pub(crate) async fn erase(site: &Site, member: &Member) -> Answer {
    let path = format!("/admin/members/{}/erase", member.id);
    site.admin().post(&path, &json!({"reason": "demand_to_stop"})).await
}

/// A purchase of whoever has her phone.
async fn buy(site: &Site, shop: &Business, member: &Member, number: &str) -> Answer {
    let body = json!({"external_id": number, "member": {"phone": member.phone}, "amount": "1000.00",
        "occurred_at": recently()});
    shop.till(site).post("/transactions", &body).await
}

/// What a till asks by her id.
async fn buy_by_id(site: &Site, shop: &Business, member: &Member, number: &str) -> Answer {
    let body = json!({"external_id": number, "member": {"member_id": member.id}, "amount": "10.00",
        "occurred_at": recently()});
    shop.till(site).post("/transactions", &body).await
}

/// The folder of a database's files.
async fn files_of(pool: &PgPool) -> std::path::PathBuf {
    let (root, oid): (String, String) = sqlx::query_as(
        "SELECT current_setting('data_directory'), oid::text FROM pg_database WHERE datname = current_database()",
    )
    .fetch_one(pool)
    .await
    .expect("a folder");
    Path::new(&root).join("base").join(oid)
}

pub(crate) async fn balances(site: &Site, members: &[Member]) -> Vec<Value> {
    site.settle().await;
    let read = site.database("read").await;
    let mut all = Vec::new();
    for member in members {
        let row: Option<(i64, i64, i64)> = sqlx::query_as(
            "SELECT available_kopecks, pending_kopecks, debt_kopecks FROM balances.member_balances
             WHERE member_id = $1::uuid",
        )
        .bind(&member.id)
        .fetch_optional(&read)
        .await
        .expect("a balance");
        all.push(json!(row));
    }
    read.close().await;
    all
}

/// P2: many are forgotten. Nothing of them is in the vault or in its files after a vacuum, every receipt still proves, others
/// have what they had, and the product's own checks and audit find nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p2_many_are_forgotten_and_nothing_else_changes() {
    let site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let shops = [shop.clone()];
    let (mut leaving, mut staying) = (Vec::new(), Vec::new());
    for number in 0..as_many_as("OWN_CIRCLE_ERASED", 20) {
        let member = Member::register(&site, &shops, None).await;
        assert_eq!(buy(&site, &shop, &member, &format!("l{number}")).await.status, 201);
        leaving.push(member);
    }
    for number in 0..5 {
        let member = Member::register(&site, &shops, None).await;
        assert_eq!(buy(&site, &shop, &member, &format!("s{number}")).await.status, 201);
        staying.push(member);
    }
    let before = balances(&site, &staying).await;
    let (receipt, told) = receipt(&site, &leaving[0]).await;
    let vault = site.database("vault").await;
    asked_and_rejected(&site, &leaving[0]).await;
    // What the planner knows of the columns has nothing of hers, though it looked while she was there.
    sqlx::query("ANALYZE").execute(&vault).await.expect("statistics");
    let secrets = secrets_of(&vault, &leaving).await;
    assert!(
        secrets.len() >= leaving.len() * 3 + 3,
        "a phone, a name and a key each; the words of two approvals"
    );
    let mut acts = Vec::new();
    for (number, member) in leaving.iter().enumerate() {
        let answer = if number % 4 == 0 && number > 0 {
            delete_own(&member.sign_in(&site).await).await
        } else {
            erase(&site, member).await
        };
        let data = answer.data(200);
        assert_eq!(data["state"], "erased");
        acts.push(data["act_id"].as_str().expect("a number").to_owned());
    }
    assert_eq!(rows_of(&vault, &leaving).await, 0);
    sqlx::query("VACUUM (FULL)").execute(&vault).await.expect("a vacuum");
    sqlx::query("CHECKPOINT").execute(&vault).await.expect("a checkpoint");
    let folder = files_of(&vault).await;
    let theirs = secrets_of(&vault, &staying).await;
    let found = needles_of_secrets(&theirs).find_in_files(&[folder.as_path()], &[]).whole();
    assert!(found.len() >= theirs.len(), "the search reads the vault's files: {found:#?}");
    let found = needles_of_secrets(&secrets).find_in_files(&[folder.as_path()], &[]).whole();
    assert!(found.is_empty(), "something of theirs is in the vault's files: {found:#?}");
    assert_eq!(balances(&site, &staying).await, before, "others have what they had");
    assert!(is_proved(&receipt, &told.0, &told.1), "an old receipt still proves");
    papers(&site, &acts[0], &leaving[0]).await;
    vault.close().await;
    site.check();
    site.audit();
}

/// A receipt of hers, with the event it is about and the key to verify with.
async fn receipt(site: &Site, member: &Member) -> (String, (String, String)) {
    let me = member.sign_in(site).await;
    let items = me.get("/loyalty/transactions").await.data(200)["items"].clone();
    let path = format!("/transactions/{}/receipt", items[0]["id"].as_str().expect("a line"));
    let data = once_sealed(&me, &path).await.data(200);
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("a text in {data}")).to_owned();
    (text(&data["proof"]), (text(&data["event"]), text(&data["keys"][0]["verifier"])))
}

/// Act and extract: every field of the order, from one event, the act with the extract's hash; no name of hers.
async fn papers(site: &Site, act_id: &str, member: &Member) {
    let admin = site.admin();
    let of = |what: &str| format!("/admin/erasures/{act_id}/{what}");
    let act = admin.get(&of("act")).await.data(200);
    for field in [
        "operator",
        "person",
        "destroyed_by",
        "categories",
        "information_system",
        "method",
        "reason",
        "destroyed_at",
    ] {
        assert!(!act[field].is_null(), "{field} in {act}");
    }
    assert_eq!(act["person"], member.id.as_str());
    let extract = admin.get(&of("extract")).await.data(200);
    for field in ["person", "categories", "information_system", "reason", "destroyed_at"] {
        assert_eq!(extract[field], act[field], "{field}");
    }
    let vault = site.database("vault").await;
    let (kept, hash): (String, Vec<u8>) =
        sqlx::query_as("SELECT extract, extract_hash FROM vault.erasures WHERE act_id = $1::uuid")
            .bind(act_id)
            .fetch_one(&vault)
            .await
            .expect("papers");
    vault.close().await;
    assert_eq!(act["extract_sha256"], hex::encode(&hash));
    assert_eq!(<sha2::Sha256 as sha2::Digest>::digest(&kept).as_slice(), hash);
    for page in ["act.html", "extract.html"] {
        let page = admin.get(&of(page)).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
        assert!(page.text.contains(&member.id) && !page.text.contains(&member.phone), "{}", page.text);
    }
    let listed = admin.get("/admin/erasures?limit=1").await.data(200);
    assert_eq!(listed["items"][0]["state"], "erased");
    assert!(
        admin.get("/admin/retention").await.data(200)["categories"].as_array().expect("a list").len() > 5
    );
}

/// What everybody is told afterwards: she is nobody, her tokens are no good, who knew her hears that she is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_member_is_gone_to_who_knew_her_and_nobody_to_others() {
    let site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let stranger = Business::register(&site, "kozha", "cosmetology", json!({})).await;
    let member = Member::register(&site, std::slice::from_ref(&shop), None).await;
    let bought = buy(&site, &shop, &member, "r1").await.data(201);
    let me = member.sign_in(&site).await;
    assert_eq!(me.get("/users/me").await.status, 200);
    let done = delete_own(&me).await.data(200);
    assert_eq!((&done["state"], done["destroyed"][7].as_str()), (&json!("erased"), Some("data_key")));
    for path in ["/users/me", "/loyalty/balance", "/users/me/qr"] {
        assert_eq!(me.get(path).await.status, 401, "{path}");
    }
    assert_eq!(delete_own(&me).await.status, 401);
    assert_eq!(buy(&site, &shop, &member, "r2").await.data(202)["outcome"], "unmatched");
    let gone = buy_by_id(&site, &shop, &member, "r3").await;
    assert_eq!((gone.status, gone.code()), (410, "GONE"));
    assert_eq!(buy_by_id(&site, &stranger, &member, "r3").await.data(202)["outcome"], "unmatched");
    let hold = json!({"member": {"member_id": member.id}, "bill_amount": "100.00", "amount": "10.00"});
    assert_eq!(shop.till(&site).post("/redemptions", &hold).await.status, 410);
    assert_eq!(stranger.till(&site).post("/redemptions", &hold).await.status, 404);
    let again = erase(&site, &member).await;
    assert_eq!((again.status, again.code()), (410, "GONE"));
    // The business gives her money back all the same.
    let path = format!("/transactions/{}/refunds", bought["transaction_id"].as_str().expect("an id"));
    let refund = json!({"external_id": "f1", "amount": "400.00", "reason": "returned"});
    let refunded = shop.till(&site).post(&path, &refund).await.data(201);
    assert_eq!((&refunded["debt"], &refunded["bonuses_returned"]), (&json!("0.00"), &json!("0.00")));
    // The phone is free: whoever has it now is somebody else.
    let body = json!({"phone": member.phone, "first_name": "Анна",
        "consents": [{"purpose": "personal_data", "version": "1"}, shop.consent()]});
    let anew = site.admin().post("/admin/members", &body).await.data(201);
    assert_ne!(anew["member_id"], member.id.as_str());
    assert_eq!(buy(&site, &shop, &member, "r4").await.data(201)["member_id"], anew["member_id"]);
    site.settle().await;
    site.check();
    site.audit();
}

/// E4: the vault comes back from a backup of before; the next start destroys what came back before it answers anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e4_a_restored_vault_brings_nobody_back() {
    let mut site = Site::start(own()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let member = Member::register(&site, std::slice::from_ref(&shop), None).await;
    site.settle().await;
    site.kill_all();
    copy(&site, "vault", "saved_vault").await;
    site.start_api();
    let act = erase(&site, &member).await.data(200)["act_id"].clone();
    site.kill_all();
    copy(&site, "saved_vault", "vault").await;
    let vault = site.database("vault").await;
    assert!(rows_of(&vault, std::slice::from_ref(&member)).await > 0, "the backup has her");
    vault.close().await;
    site.start_api();
    let vault = site.database("vault").await;
    assert_eq!(rows_of(&vault, std::slice::from_ref(&member)).await, 0);
    let acts: Vec<String> =
        sqlx::query_scalar("SELECT act_id::text FROM vault.erasures").fetch_all(&vault).await.expect("acts");
    assert_eq!(json!(acts), json!([act]), "her papers are made again");
    vault.close().await;
    assert_eq!(buy(&site, &shop, &member, "r1").await.data(202)["outcome"], "unmatched");
}

/// The process is killed between the plan and the log, and between the log and the vault: the next start goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_cut_at_any_step_goes_on_at_the_next_start() {
    let mut site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let (log, vault) = (site.database("ledger").await, site.database("vault").await);
    let erased = "SELECT count(*) FROM ledger.events WHERE event_type = 'MemberErased'";
    let count = async |pool: &PgPool, sql: &'static str| -> i64 {
        sqlx::query_scalar(sql).fetch_one(pool).await.expect("a count")
    };
    for (round, cut) in (0_i64..).zip(["before the log", "before the vault"]) {
        let member = Member::register(&site, std::slice::from_ref(&shop), None).await;
        let mut head = log.begin().await.expect("a transaction");
        if cut == "before the log" {
            let lock = "SELECT position FROM ledger.log_head FOR UPDATE";
            sqlx::query(lock).execute(&mut *head).await.expect("locked");
        }
        let mut still = vault.begin().await.expect("a transaction");
        if cut == "before the vault" {
            let lock = "SELECT FROM vault.members WHERE member_id = $1::uuid FOR UPDATE";
            sqlx::query(lock).bind(&member.id).execute(&mut *still).await.expect("locked");
        }
        let (admin, path) = (site.admin(), format!("/admin/members/{}/erase", member.id));
        let body = json!({"reason": "unlawful"});
        let erasing = tokio::spawn(async move { admin.try_call("POST", &path, &body).await });
        let begun = "SELECT count(*) FROM vault.erasures WHERE destroyed_at IS NULL";
        eventually(cut, LIMIT, async || count(&vault, begun).await, |found| *found == 1).await;
        if cut == "before the vault" {
            eventually(cut, LIMIT, async || count(&log, erased).await, |found| *found == round + 1).await;
        }
        // The lock must be gone before the next start can take its steps; the process is killed first.
        site.kill_all();
        assert!(erasing.await.expect("a task").is_err(), "nobody heard how it ended");
        head.rollback().await.expect("the head is given back");
        still.rollback().await.expect("the vault goes on");
        assert!(rows_of(&vault, std::slice::from_ref(&member)).await > 0, "{cut}: the vault still has her");
        site.start_api();
        assert_eq!(rows_of(&vault, std::slice::from_ref(&member)).await, 0, "{cut}");
        assert_eq!(count(&log, erased).await, round + 1, "{cut}: told once");
    }
    log.close().await;
    vault.close().await;
}

/// E5: purchases, changes and a rebuild race with erasures. Whoever wins, nothing of hers is in the vault afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e5_no_race_brings_anybody_back() {
    let site = Arc::new(Site::start(shared()).await);
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let races = as_many_as("OWN_CIRCLE_ERASURE_RACES", 200);
    let members: Vec<Member> = futures::stream::iter(0..races)
        .map(|_| Member::register(&site, std::slice::from_ref(&shop), None))
        .buffer_unordered(16)
        .collect()
        .await;
    let rebuilding = {
        let site = Arc::clone(&site);
        let arguments = ["rebuild", "statuses"];
        tokio::task::spawn_blocking(move || site.run("rebuild", "projectors", &arguments, &[], LIMIT * 4))
    };
    let races = futures::stream::iter(members.iter().enumerate())
        .map(|(number, member)| race(&site, &shop, member, number))
        .buffer_unordered(8)
        .collect::<Vec<()>>();
    let (_, rebuilt) = futures::join!(races, rebuilding);
    let (rebuilt, said) = rebuilt.expect("a task");
    assert!(rebuilt, "{said}");
    let vault = site.database("vault").await;
    // What was only begun (202) follows by itself.
    eventually("nothing of theirs", LIMIT * 4, async || rows_of(&vault, &members).await, |left| *left == 0)
        .await;
    vault.close().await;
    site.settle().await;
    site.check();
    site.audit();
}

async fn race(site: &Site, shop: &Business, member: &Member, number: usize) {
    let by_id = format!("i{number}");
    let sold = async {
        let answer = buy(site, shop, member, &format!("p{number}")).await;
        assert!(matches!(answer.status, 201 | 202 | 410 | 422), "{}", answer.text);
        let answer = buy_by_id(site, shop, member, &by_id).await;
        assert!(matches!(answer.status, 201 | 202 | 410 | 422), "{}", answer.text);
    };
    let blocked = async {
        let path = format!("/admin/members/{}/block", member.id);
        let answer = site.admin().post(&path, &json!({"reason": "спор"})).await;
        assert!(matches!(answer.status, 200 | 404 | 410), "{}", answer.text);
    };
    let erased = async {
        let answer = erase(site, member).await;
        assert!(matches!(answer.status, 200 | 202), "{}", answer.text);
    };
    futures::join!(sold, blocked, erased);
}
