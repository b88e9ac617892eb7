//! Staff, their sign-ins, scopes of keys, sessions, and what is written down of it. Compliance P3, battery "token" and "OTP".

use serde_json::{Value, json};
use system_tests::system::{Answer, Business, Client, Member, PASSWORD, Person, Site, bearer, shared};

use crate::proof::auditor;
use crate::{machine_now, recently, sale};

fn refused(answer: &Answer) {
    assert_eq!((answer.status, answer.code()), (401, "UNAUTHENTICATED"), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compliance_p3_staff_get_in_with_two_factors_and_do_what_their_role_may() {
    let site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let other = Business::register(&site, "pion", "floristry", json!({})).await;
    let anna = Member::register(&site, std::slice::from_ref(&shop), None).await;
    let path = "/businesses/mindal/staff";
    let owner = Person::enrolled(&site, &site.admin(), path, "Olga@mindal.example", "business_owner").await;
    let tokens = two_factors(&site, &owner).await;
    let of_owner = bearer(&site, &tokens);
    an_owner_handles_her_own_people(&of_owner, &other).await;
    let cashier = Person::enrolled(&site, &of_owner, path, "kassa-1", "business_staff").await;
    let tokens = cashier.sign_in(&site, &cashier.code(machine_now().timestamp())).await;
    assert_eq!(
        (tokens["role"].as_str(), tokens["business_id"].as_str()),
        (Some("business_staff"), Some(&*shop.id))
    );
    let till = bearer(&site, &tokens);
    let bought = till.post("/transactions", &sale("r1", &shop, &anna, 100_000, &recently()).body()).await;
    assert_eq!(bought.status, 201, "{}", bought.text);
    let drafted = till.post("/offers", &json!({})).await;
    assert_eq!((drafted.status, drafted.code()), (403, "FORBIDDEN"));
    let tokens = refreshed(&site, &tokens).await;
    a_closed_account_is_out_at_once(&site, &of_owner, &cashier, &tokens).await;
    locked_out(&site, &of_owner).await;
    what_is_written_down(&site, &of_owner, &cashier).await;
}

/// Wrong password, wrong code, a code twice, a recovery code twice: one answer for all.
async fn two_factors(site: &Site, owner: &Person) -> Value {
    let unix = machine_now().timestamp();
    let code = owner.code(unix);
    refused(&owner.try_sign_in(site, "неправильная лошадь", &code).await);
    refused(&owner.try_sign_in(site, PASSWORD, &owner.code(unix - 600)).await);
    let tokens = owner.sign_in(site, &code).await;
    refused(&owner.try_sign_in(site, PASSWORD, &code).await);
    refused(&owner.try_sign_in(site, PASSWORD, &owner.code(unix - 30)).await);
    let typed = owner.recovery[0].to_lowercase();
    let _ = owner.sign_in(site, &typed).await;
    refused(&owner.try_sign_in(site, PASSWORD, &typed).await);
    // What opens a till's door opens no other: a token of staff is no member's.
    let me = bearer(site, &tokens).get("/users/me").await;
    assert_eq!((me.status, me.code()), (403, "FORBIDDEN"));
    tokens
}

async fn an_owner_handles_her_own_people(owner: &Client, other: &Business) {
    let body = json!({"login": "second.owner", "role": "business_owner"});
    assert_eq!(owner.post("/businesses/mindal/staff", &body).await.status, 403, "owners are an admin's");
    let body = json!({"login": "kassa-0", "role": "business_staff"});
    let elsewhere = owner.post(&format!("/businesses/{}/staff", other.id), &body).await;
    let nowhere = owner.post("/businesses/nowhere/staff", &body).await;
    assert_eq!((elsewhere.status, &elsewhere.body["error"]), (404, &nowhere.body["error"]));
    let taken = json!({"login": "OLGA@mindal.example", "role": "business_staff"});
    let taken = owner.post("/businesses/mindal/staff", &taken).await;
    assert_eq!((taken.status, taken.code()), (409, "LOGIN_TAKEN"));
    let admin = json!({"login": "kassa-9", "role": "admin"});
    assert_eq!(owner.post("/businesses/mindal/staff", &admin).await.status, 400);
    assert_eq!(owner.post("/admin/staff", &admin).await.status, 403);
    let people = owner.get("/businesses/mindal/staff").await.data(200);
    assert_eq!(people["items"].as_array().map(Vec::len), Some(1), "{people}");
    let herself = format!("/businesses/mindal/staff/{}", people["items"][0]["staff_id"].as_str().unwrap());
    assert_eq!(owner.patch(&herself, &json!({"role": "business_manager"})).await.status, 403);
}

/// A pair for a refresh token; a member's call takes none of staff's.
async fn refreshed(site: &Site, tokens: &Value) -> Value {
    let body = json!({"refresh_token": tokens["refresh_token"]});
    refused(&site.nobody().post("/auth/refresh", &body).await);
    let next = site.nobody().post("/auth/staff/refresh", &body).await.data(200);
    assert_eq!(bearer(site, &next).get("/staff/me/sessions").await.data(200)["items"][0]["current"], true);
    next
}

async fn a_closed_account_is_out_at_once(site: &Site, owner: &Client, cashier: &Person, tokens: &Value) {
    let till = bearer(site, tokens);
    assert_eq!(till.get("/transactions").await.status, 200);
    let path = format!("/businesses/mindal/staff/{}", cashier.id);
    let _ = owner.send("DELETE", &path, &[], "").await.unwrap().data(200);
    refused(&till.get("/transactions").await);
    let body = json!({"refresh_token": tokens["refresh_token"]});
    refused(&site.nobody().post("/auth/staff/refresh", &body).await);
    refused(&cashier.try_sign_in(site, PASSWORD, &cashier.recovery[0]).await);
}

/// Five wrong tries, and not even the right one gets in; a login that nobody has is no different.
async fn locked_out(site: &Site, owner: &Client) {
    let path = "/businesses/mindal/staff";
    let one = Person::enrolled(site, owner, path, "kassa-2", "business_staff").await;
    let nobody = Person { login: "kassa-3".to_owned(), ..one.clone() };
    for person in [&one, &nobody] {
        for _ in 0..5 {
            refused(&person.try_sign_in(site, "wrong password", "000000").await);
        }
        let locked = person.try_sign_in(site, PASSWORD, &one.code(machine_now().timestamp())).await;
        assert_eq!((locked.status, locked.code()), (429, "RATE_LIMITED"), "{}", locked.text);
        assert!((1..=900).contains(&locked.header("retry-after").parse::<u64>().unwrap()));
    }
}

async fn what_is_written_down(site: &Site, owner: &Client, cashier: &Person) {
    assert_eq!(owner.get("/audit/security-events").await.status, 403);
    let auditor = auditor(site).await;
    let mut kinds = std::collections::BTreeSet::new();
    let mut path = "/audit/security-events?limit=7".to_owned();
    let mut text = String::new();
    loop {
        let answer = auditor.get(&path).await;
        text.push_str(&answer.text);
        let page = answer.data(200);
        for event in page["items"].as_array().unwrap() {
            kinds.insert(event["kind"].as_str().unwrap().to_owned());
        }
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/audit/security-events?limit=7&cursor={cursor}");
    }
    for kind in [
        "key_issued",
        "locked_out",
        "not_allowed",
        "recovery_code_used",
        "sign_in_failed",
        "signed_in",
        "staff_created",
        "staff_disabled",
        "staff_enrolled",
    ] {
        assert!(kinds.contains(kind), "{kind} is written down: {kinds:?}");
    }
    assert!(text.contains(&cashier.id) && !text.contains("kassa-1") && !text.contains("olga"));
    let vault = site.database("vault").await;
    let staff: Vec<String> =
        sqlx::query_scalar("SELECT s::text FROM auth.staff s").fetch_all(&vault).await.unwrap();
    vault.close().await;
    assert!(staff.len() >= 3 && !staff.join(" ").contains("kassa"), "a login is sealed");
}

/// A member sees her sign-ins and ends them; the access tokens end with them, at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_ends_a_sign_in_and_its_tokens_are_good_for_nothing() {
    let mut site = Site::start(shared()).await;
    let second = site.start_api();
    let anna = Member::register(&site, &[], None).await;
    let (phone, tablet) = (anna.sign_in(&site).await, anna.sign_in(&site).await);
    let vera = Member::register(&site, &[], None).await.sign_in(&site).await;
    let sessions = phone.get("/users/me/sessions").await.data(200)["items"].as_array().unwrap().clone();
    assert_eq!(sessions.len(), 2);
    let of_tablet = sessions.iter().find(|session| session["current"] == false).unwrap();
    let path = format!("/users/me/sessions/{}", of_tablet["session_id"].as_str().unwrap());
    let foreign = vera.send("DELETE", &path, &[], "").await.unwrap();
    assert_eq!((foreign.status, foreign.code()), (404, "NOT_FOUND"), "another's is as missing");
    assert_eq!(tablet.get("/users/me").await.status, 200);
    let ended = phone.send("DELETE", &path, &[], "").await.unwrap().data(200);
    assert_eq!(ended["ended"], 1);
    refused(&tablet.get("/users/me").await);
    // Another process hears of it within a second.
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while tablet.at(&second).get("/users/me").await.status != 401 {
        assert!(tokio::time::Instant::now() < until, "the other process refuses it, too");
    }
    let third = anna.sign_in(&site).await;
    let all = third.send("DELETE", "/users/me/sessions", &[], "").await.unwrap().data(200);
    assert_eq!(all["ended"], 1);
    refused(&phone.get("/users/me").await);
    assert_eq!((third.get("/users/me").await.status, vera.get("/users/me").await.status), (200, 200));
}

/// A key does what its scopes say, and nothing else of what its business may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compliance_p3_a_key_with_scopes_does_that_part_alone() {
    let site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let anna = Member::register(&site, std::slice::from_ref(&shop), None).await;
    let path = "/admin/businesses/mindal/api-keys";
    let body = json!({"name": "reader", "scopes": ["purchases:read"]});
    let made = site.admin().post(path, &body).await.data(201);
    let reader = site.nobody().with(format!("ApiKey {}", made["key"].as_str().unwrap()));
    let one = sale("r1", &shop, &anna, 100_000, &recently());
    let written = reader.post("/transactions", &one.body()).await;
    assert_eq!((written.status, written.code()), (403, "FORBIDDEN"));
    assert_eq!(
        shop.till(&site).post("/transactions", &one.body()).await.status,
        201,
        "a key without scopes does all"
    );
    assert_eq!(reader.get("/transactions").await.status, 200);
    let keys = site.admin().get(path).await.data(200);
    let scopes: Vec<&Value> = keys["items"].as_array().unwrap().iter().map(|key| &key["scopes"]).collect();
    assert_eq!(scopes, [&Value::Null, &json!(["purchases:read"])]);
    let wrong = site.admin().post(path, &json!({"name": "x", "scopes": ["everything"]})).await;
    assert_eq!((wrong.status, wrong.code()), (400, "VALIDATION_ERROR"));
}

/// The programme's own keys are listed and revoked by a superadmin, but not the one she asks with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_superadmin_lists_and_revokes_the_programmes_keys() {
    let site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let (admin, auditor, path) = (site.admin(), auditor(&site).await, "/admin/api-keys");
    assert_eq!(auditor.get("/audit/access").await.status, 200);
    let keys = admin.get(path).await.data(200)["items"].as_array().unwrap().clone();
    let of = |role: &str| {
        let key = keys.iter().find(|key| key["role"] == role).unwrap();
        key["key_id"].as_str().unwrap().to_owned()
    };
    let revoke = async |id: &str| admin.send("DELETE", &format!("{path}/{id}"), &[], "").await.unwrap();
    let own = revoke(&of("superadmin")).await;
    assert_eq!((own.status, own.code()), (403, "FORBIDDEN"));
    // A business's key is not among them.
    let tills = admin.get("/admin/businesses/mindal/api-keys").await.data(200)["items"].clone();
    let till = revoke(tills[0]["key_id"].as_str().unwrap()).await;
    assert_eq!((till.status, till.code()), (404, "NOT_FOUND"));
    assert_eq!(shop.till(&site).get("/transactions").await.status, 200);
    let _ = revoke(&of("auditor")).await.data(200);
    refused(&auditor.get("/audit/access").await);
    let listed = admin.get(path).await.data(200)["items"].clone();
    let auditors = listed.as_array().unwrap().iter().find(|key| key["role"] == "auditor").unwrap();
    assert!(auditors["revoked_at"].is_string() && auditors["name"].is_string(), "{auditors}");
    assert!(!listed.to_string().contains("ock_"), "no key is shown");
}
