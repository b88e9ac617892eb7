//! More than one person may decide on much. Compliance P3, battery C8: by the same person, by a revoked person, twice.

use serde_json::{Value, json};
use system_tests::system::{Client, Member, Person, Site, bearer, shared};

use crate::machine_now;

/// An admin of her own.
async fn an_admin(site: &Site, login: &str) -> (Client, String) {
    let person = Person::enrolled(site, &site.admin(), "/admin/staff", login, "admin").await;
    let tokens = person.sign_in(site, &person.code(machine_now().timestamp())).await;
    (bearer(site, &tokens), person.id)
}

async fn with_key(client: &Client, path: &str, key: &str, body: &Value) -> system_tests::system::Answer {
    client.try_call_with("POST", path, body, &[("Idempotency-Key", key)]).await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn battery_c8_much_by_hand_needs_a_second_person_who_is_another() {
    let site = Site::start(shared()).await;
    let anna = Member::register(&site, &[], None).await;
    let ((first, first_id), (second, second_id), (third, third_id)) =
        (an_admin(&site, "first").await, an_admin(&site, "second").await, an_admin(&site, "third").await);
    let path = format!("/admin/members/{}/gift", anna.id);
    let much = json!({"amount": "5000.01", "reason": "Юбилей"});
    let little = json!({"amount": "5000.00", "reason": "Юбилей"});
    let _ = first.post(&path, &little).await.data(201);
    let head = site.head().await;
    let asked = with_key(&first, &path, "much", &much).await;
    assert_eq!((asked.status, asked.body["data"]["outcome"].as_str()), (202, Some("approval_required")));
    let again = with_key(&first, &path, "much", &much).await.data(202);
    assert_eq!(
        (&again["approval_id"], &again["replayed"]),
        (&asked.body["data"]["approval_id"], &json!(true))
    );
    let other = with_key(&first, &path, "much", &json!({"amount": "6000", "reason": "Юбилей"})).await;
    assert_eq!((other.status, other.code()), (422, "IDEMPOTENCY_KEY_REUSED"));
    let approval = again["approval_id"].as_str().unwrap().to_owned();
    let approve = format!("/admin/approvals/{approval}/approve");
    let herself = first.post(&approve, &json!({})).await;
    assert_eq!((herself.status, herself.code()), (403, "FORBIDDEN"), "never the one who asked");
    // A revoked person decides nothing.
    let _ =
        site.admin().send("DELETE", &format!("/admin/staff/{third_id}"), &[], "").await.unwrap().data(200);
    assert_eq!(third.post(&approve, &json!({})).await.status, 401);
    assert_eq!(site.head().await, head, "nothing was written");
    let waiting = second.get("/admin/approvals").await.data(200)["items"][0].clone();
    assert_eq!(
        (&waiting["state"], &waiting["asked"]["amount"]),
        (&json!("open"), &json!("5000.01")),
        "{waiting}"
    );

    let approved = second.post(&approve, &json!({})).await.data(200);
    assert_eq!(approved["granted"]["amount"], "5000.01");
    let twice = second.post(&approve, &json!({})).await.data(200);
    assert_eq!(twice["granted"]["replayed"], true, "it happens once");
    let late = site.admin().post(&approve, &json!({})).await;
    assert_eq!((late.status, late.code()), (409, "APPROVAL_DECIDED"));
    let first_again = with_key(&first, &path, "much", &much).await.data(200);
    assert_eq!(first_again["grant_id"], approved["granted"]["grant_id"]);
    on_the_log(&site, &approval, &first_id, &second_id).await;
    rejected(&site, &anna, &first, &second).await;
}

/// The log says who asked, and by which approval; who approved is written down under that.
async fn on_the_log(site: &Site, approval: &str, first: &str, second: &str) {
    let log = site.database("ledger").await;
    let found: Vec<(String, String)> = sqlx::query_as(
        "SELECT metadata->'actor'->>'id', metadata->>'source' FROM ledger.events
         WHERE event_type = 'BonusGifted' AND metadata->>'correlation_id' = $1",
    )
    .bind(approval)
    .fetch_all(&log)
    .await
    .unwrap();
    log.close().await;
    assert_eq!(found, [(first.to_owned(), "approval".to_owned())]);
    let vault = site.database("vault").await;
    let found: Vec<(String, String)> = sqlx::query_as(
        "SELECT kind, actor_id::text FROM auth.security_events WHERE subject_id = $1::uuid ORDER BY number",
    )
    .bind(approval)
    .fetch_all(&vault)
    .await
    .unwrap();
    vault.close().await;
    let expected = [("approval_asked", first), ("approval_granted", second)];
    assert_eq!(found, expected.map(|(kind, who)| (kind.to_owned(), who.to_owned())));
}

/// A correction of much waits, too, and what was rejected is never carried out.
async fn rejected(site: &Site, anna: &Member, first: &Client, second: &Client) {
    let path = format!("/admin/members/{}/adjust", anna.id);
    let less = json!({"amount": "-5000.01", "reason": "Ошибка"});
    let head = site.head().await;
    let asked = with_key(first, &path, "less", &less).await.data(202);
    let of = |step: &str| format!("/admin/approvals/{}/{step}", asked["approval_id"].as_str().unwrap());
    let no = json!({"reason": "не та"});
    assert_eq!(first.post(&of("reject"), &no).await.status, 403);
    assert_eq!(second.post(&of("reject"), &no).await.data(200)["state"], "rejected");
    let changed_her_mind = second.post(&of("approve"), &json!({})).await;
    assert_eq!((changed_her_mind.status, changed_her_mind.code()), (409, "APPROVAL_DECIDED"));
    let again = with_key(first, &path, "less", &less).await;
    assert_eq!((again.status, again.code()), (409, "APPROVAL_REJECTED"));
    let unknown =
        second.post("/admin/approvals/018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10/approve", &json!({})).await;
    assert_eq!(unknown.status, 404);
    // One that nobody approves in time is over.
    let late = with_key(first, &path, "late", &less).await.data(202);
    let in_a_week = (machine_now() + chrono::TimeDelta::days(7)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    site.set_clock(Some(&in_a_week)).await;
    let late = format!("/admin/approvals/{}/approve", late["approval_id"].as_str().unwrap());
    let over = site.admin().post(&late, &json!({})).await;
    assert_eq!((over.status, over.code()), (409, "APPROVAL_EXPIRED"));
    assert_eq!(site.head().await, head, "nothing was written");
}
