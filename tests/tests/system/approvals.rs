//! More than one person may decide on much. Compliance P3, battery C8: by the same person, by a revoked person, twice.

use serde_json::{Value, json};
use system_tests::system::{Business, Client, Member, Person, Site, bearer, shared};

use crate::machine_now;

/// An admin of her own.
pub(crate) async fn an_admin(site: &Site, login: &str) -> (Client, String) {
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
    let listed = second.get("/admin/approvals").await.data(200)["items"][0].clone();
    assert_eq!((&listed["state"], listed["carried_out_at"].is_string()), (&json!("carried_out"), true));
    let twice = second.post(&approve, &json!({})).await.data(200);
    assert_eq!(twice["granted"]["replayed"], true, "it happens once");
    let late = site.admin().post(&approve, &json!({})).await;
    assert_eq!((late.status, late.code()), (409, "APPROVAL_DECIDED"));
    let first_again = with_key(&first, &path, "much", &much).await.data(200);
    assert_eq!(first_again["grant_id"], approved["granted"]["grant_id"]);
    on_the_log(&site, &approval, &first_id, &second_id).await;
    the_approved_words_stay_and_go_with_her(&site, &first, &second).await;
    one_person_does_not_switch_it_off(&site, &anna, &first, &second).await;
    who_is_younger_than_a_request_does_not_approve_it(&site, &anna, &first).await;
    rejected(&site, &anna, &first, &second).await;
}

/// What was approved is carried out in time or not at all, and for nobody who is not there any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_carries_out_in_time_lapses() {
    let site = Site::start(shared()).await;
    let anna = Member::register(&site, &[], None).await;
    let ((first, _), (leaver, leaver_id)) = (an_admin(&site, "first").await, an_admin(&site, "leaver").await);
    let admin = site.admin();
    let second = Person::enrolled(&site, &admin, "/admin/staff", "second", "admin").await;
    let state = async || admin.get("/admin/approvals").await.data(200)["items"][0].clone();
    let path = format!("/admin/members/{}/gift", anna.id);
    let much = json!({"amount": "6000", "reason": "Юбилей"});
    let asked = with_key(&leaver, &path, "leaves", &much).await.data(202);
    let _ = admin.send("DELETE", &format!("/admin/staff/{leaver_id}"), &[], "").await.unwrap().data(200);
    let head = site.head().await;
    let approve = format!("/admin/approvals/{}/approve", asked["approval_id"].as_str().unwrap());
    let over = admin.post(&approve, &json!({})).await;
    assert_eq!((over.status, over.code()), (409, "APPROVAL_LAPSED"), "who asked is gone");
    let listed = state().await;
    assert_eq!((&listed["state"], &listed["decided_by"]), (&json!("lapsed"), &Value::Null));

    // Approved, refused by the rules, and then too late.
    let from_now = |hours| {
        let at = machine_now() + chrono::TimeDelta::hours(hours);
        at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
    };
    let raise = json!({"parameters": {"approval.manual_bonus": "6000.00"}, "effective_from": from_now(1)});
    let asked = with_key(&first, "/admin/policies", "raise", &raise).await.data(202);
    let approve = format!("/admin/approvals/{}/approve", asked["approval_id"].as_str().unwrap());
    site.set_clock(Some(&from_now(2))).await;
    assert_eq!(admin.post(&approve, &json!({})).await.status, 403, "who has just made the asker's account");
    let code = second.code((machine_now() + chrono::TimeDelta::hours(2)).timestamp());
    let second = bearer(&site, &second.sign_in(&site, &code).await);
    let refused = second.post(&approve, &json!({})).await;
    assert_eq!((refused.status, refused.code()), (422, "POLICY_IN_THE_PAST"));
    let listed = state().await;
    assert_eq!((&listed["state"], &listed["carried_out_at"]), (&json!("approved"), &Value::Null));
    site.set_clock(Some(&from_now(75))).await;
    let over = admin.post(&approve, &json!({})).await;
    assert_eq!((over.status, over.code()), (409, "APPROVAL_LAPSED"));
    assert_eq!(state().await["state"], "lapsed");
    assert_eq!(site.head().await, head, "nothing was written");
}

/// A coupon whose bonuses the coalition bears is a gift under another name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coupon_of_much_that_the_coalition_bears_needs_a_second_person() {
    let site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let anna = Member::register(&site, std::slice::from_ref(&shop), None).await;
    let ((first, _), (second, _)) = (an_admin(&site, "first").await, an_admin(&site, "second").await);
    let until = (machine_now() + chrono::TimeDelta::days(30)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let coupon = |kind: &str, value: &str, funded_by: &str| {
        json!({"business_id": "mindal", "member": {"member_id": anna.id}, "type": kind, "value": value,
            "expires_at": until, "description": "canary-coupon", "funded_by": funded_by})
    };
    for (key, little) in [
        ("enough", coupon("bonus", "5000.00", "coalition")),
        ("off", coupon("discount_fixed", "5000.01", "coalition")),
    ] {
        assert_eq!(with_key(&first, "/coupons", key, &little).await.status, 201, "{key}");
    }
    let of_business = coupon("bonus", "5000.01", "business");
    assert_eq!(with_key(&first, "/coupons", "another's", &of_business).await.status, 202, "nor of others'");
    let asked = second.get("/admin/approvals").await.data(200)["items"][0].clone();
    let reject = format!("/admin/approvals/{}/reject", asked["approval_id"].as_str().unwrap());
    let _ = second.post(&reject, &json!({"reason": "no"})).await.data(200);
    let mut own = of_business.clone();
    own.as_object_mut().unwrap().remove("business_id");
    assert_eq!(with_key(&shop.till(&site), "/coupons", "own", &own).await.status, 201, "its own");
    by_an_offer(&first, &second).await;
    let much = coupon("bonus", "5000.01", "coalition");
    let head = site.head().await;
    let asked = with_key(&first, "/coupons", "much", &much).await.data(202);
    let waiting = second.get("/admin/approvals").await.data(200)["items"][0].clone();
    assert_eq!((&waiting["kind"], &waiting["state"]), (&json!("coalition_coupon"), &json!("open")));
    assert_eq!(waiting["asked"]["gives"]["value"], "5000.01");
    assert_eq!(waiting["asked_because"], "canary-coupon");
    let approve = format!("/admin/approvals/{}/approve", asked["approval_id"].as_str().unwrap());
    assert_eq!(first.post(&approve, &json!({})).await.status, 403, "never the one who asked");
    assert_eq!(site.head().await, head, "nothing was written");
    let issued = second.post(&approve, &json!({})).await.data(200)["issued"].clone();
    assert_eq!((&issued["member_id"], &issued["replayed"]), (&json!(anna.id), &Value::Null));
    let again = with_key(&first, "/coupons", "much", &much).await.data(200);
    assert_eq!((&again["coupon_id"], &again["replayed"]), (&issued["coupon_id"], &json!(true)));
    site.settle().await;
    let own = anna.sign_in(&site).await.get("/loyalty/coupons").await.data(200)["items"].clone();
    let hers = own.as_array().unwrap().iter().find(|one| one["coupon_id"] == issued["coupon_id"]).unwrap();
    assert_eq!((&hers["value"], &hers["description"]), (&json!("5000.01"), &json!("canary-coupon")));
}

/// The same as an offer: who drew it up does not approve it.
async fn by_an_offer(first: &Client, second: &Client) {
    let coupon = json!({"type": "bonus", "value": "5000.01", "life_days": 30, "description": "canary-offer"});
    let body = json!({"business_id": "mindal", "title": "canary-title", "funded_by": "coalition", "limit": 1,
        "reward": {"type": "coupon", "coupon": coupon}});
    let drafted = with_key(first, "/offers", "offer", &body).await.data(201);
    let of = |step: &str| format!("/offers/{}/{step}", drafted["offer_id"].as_str().unwrap());
    let _ = first.post(&of("submit"), &json!({})).await.data(200);
    assert_eq!(first.post(&of("approve"), &json!({})).await.status, 403, "never the one who drew it up");
    let _ = second.post(&of("approve"), &json!({})).await.data(200);
}

/// Two requests about her, each with words of its own: one waits, one was rejected with a reason.
pub(crate) async fn asked_and_rejected(site: &Site, member: &Member) {
    let (first, _) = an_admin(site, "asker").await;
    let (second, _) = an_admin(site, "decider").await;
    let path = format!("/admin/members/{}/gift", member.id);
    let _ = first.post(&path, &json!({"amount": "7000", "reason": "canary-waits"})).await.data(202);
    let asked = first.post(&path, &json!({"amount": "8000", "reason": "canary-asked"})).await.data(202);
    let reject = format!("/admin/approvals/{}/reject", asked["approval_id"].as_str().unwrap());
    let _ = second.post(&reject, &json!({"reason": "canary-rejected"})).await.data(200);
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
    let expected =
        [("approval_asked", first), ("approval_granted", second), ("approval_carried_out", second)];
    assert_eq!(found, expected.map(|(kind, who)| (kind.to_owned(), who.to_owned())));
}

/// Whoever repeats the request in other words after the decision changes nothing; and no word of it outlives her.
async fn the_approved_words_stay_and_go_with_her(site: &Site, first: &Client, second: &Client) {
    let vera = Member::register(site, &[], None).await;
    let path = format!("/admin/members/{}/gift", vera.id);
    let body = |amount: &str, reason: &str| json!({"amount": amount, "reason": reason});
    let of = |asked: &Value, step: &str| {
        format!("/admin/approvals/{}/{step}", asked["approval_id"].as_str().unwrap())
    };
    let asked = with_key(first, &path, "words", &body("7000", "canary-asked")).await.data(202);
    let listed = second.get("/admin/approvals").await.data(200)["items"][0].clone();
    assert_eq!(listed["asked_because"], "canary-asked");
    let other = with_key(first, &path, "words", &body("7000", "canary-other")).await.data(202);
    assert_eq!(other["approval_id"], asked["approval_id"]);
    let _ = second.post(&of(&asked, "approve"), &json!({})).await.data(200);
    let again = with_key(first, &path, "words", &body("7000", "canary-late")).await.data(200);
    assert_eq!(again["replayed"], true);
    let no = with_key(first, &path, "no", &body("8000", "canary-no")).await.data(202);
    let _ = second.post(&of(&no, "reject"), &json!({"reason": "canary-why"})).await.data(200);
    let listed = second.get("/admin/approvals").await;
    for word in ["canary-asked", "canary-no", "canary-why"] {
        assert!(listed.text.contains(word), "{word}: {}", listed.text);
    }
    for word in ["canary-other", "canary-late"] {
        assert!(!listed.text.contains(word), "{word}: {}", listed.text);
    }
    let open = with_key(first, &path, "open", &body("9000", "canary-open")).await.data(202);
    let (erase, ground) = (format!("/admin/members/{}/erase", vera.id), json!({"reason": "demand_to_stop"}));
    let gone = with_key(first, &erase, "gone", &ground).await.data(200);
    assert_eq!(gone["state"], "erased");
    let listed = second.get("/admin/approvals").await;
    assert_eq!((listed.status, listed.text.contains("canary")), (200, false), "{}", listed.text);
    assert!(listed.text.contains(&vera.id), "what was decided stays");
    // What waited about her ended with her: nobody decides on it any more.
    let waited = listed.data(200)["items"][0].clone();
    assert_eq!((&waited["approval_id"], &waited["state"]), (&open["approval_id"], &json!("lapsed")));
    for (step, said) in [("approve", json!({})), ("reject", json!({"reason": "canary-never"}))] {
        let late = second.post(&of(&open, step), &said).await;
        assert_eq!((late.status, late.code()), (409, "APPROVAL_LAPSED"), "{step}");
    }
    assert_eq!(second.get("/admin/approvals").await.data(200)["items"][0]["decided_by"], Value::Null);
}

/// A policy that lets one person give more is itself more than one person's to decide.
async fn one_person_does_not_switch_it_off(site: &Site, anna: &Member, first: &Client, second: &Client) {
    let raise = json!({"parameters": {"approval.manual_bonus": "99999999.00"}});
    let head = site.head().await;
    let asked = with_key(first, "/admin/policies", "raise", &raise).await.data(202);
    let path = format!("/admin/members/{}/gift", anna.id);
    let much = json!({"amount": "6000", "reason": "Юбилей"});
    assert_eq!(with_key(first, &path, "six", &much).await.status, 202, "the old limit is in force");
    assert_eq!(site.head().await, head, "nothing was written");
    let approve = format!("/admin/approvals/{}/approve", asked["approval_id"].as_str().unwrap());
    assert_eq!(first.post(&approve, &json!({})).await.status, 403);
    let version = second.post(&approve, &json!({})).await.data(200)["published"]["version"].clone();
    let again = with_key(first, "/admin/policies", "raise", &raise).await.data(200);
    assert_eq!((&again["version"], &again["replayed"]), (&version, &json!(true)));
    let given = with_key(first, &path, "now", &much).await.data(201);
    let lower = json!({"parameters": {"approval.manual_bonus": "5000.00"}});
    assert_eq!(with_key(first, "/admin/policies", "lower", &lower).await.status, 201, "less needs nobody");
    // What happened under the limit of then is answered as it was then.
    let again = with_key(first, &path, "now", &much).await.data(200);
    assert_eq!((&again["grant_id"], &again["replayed"]), (&given["grant_id"], &json!(true)));
    let other = with_key(first, &path, "now", &json!({"amount": "6001", "reason": "Юбилей"})).await;
    assert_eq!((other.status, other.code()), (422, "IDEMPOTENCY_KEY_REUSED"));
    // Nor is a limit that is to fall lifted again before it does.
    let from = (machine_now() + chrono::TimeDelta::days(1)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let fall = json!({"parameters": {"approval.manual_bonus": "1000.00"}, "effective_from": from});
    assert_eq!(with_key(first, "/admin/policies", "fall", &fall).await.status, 201);
    assert_eq!(with_key(first, "/admin/policies", "lower", &lower).await.data(200)["replayed"], true);
    let stay = json!({"parameters": {"approval.manual_bonus": "5000.00"}});
    assert_eq!(with_key(first, "/admin/policies", "stay", &stay).await.status, 202);
}

/// Else whoever asks invites herself a second person.
async fn who_is_younger_than_a_request_does_not_approve_it(site: &Site, anna: &Member, first: &Client) {
    let path = format!("/admin/members/{}/gift", anna.id);
    let much = json!({"amount": "9000", "reason": "Юбилей"});
    let asked = with_key(first, &path, "young", &much).await.data(202);
    let (young, _) = an_admin(site, "young").await;
    // Nor does one whom the asker made, whenever that was.
    let boss = Person::enrolled(site, &site.admin(), "/admin/staff", "boss", "superadmin").await;
    let boss = bearer(site, &boss.sign_in(site, &boss.code(machine_now().timestamp())).await);
    let puppet = Person::enrolled(site, &boss, "/admin/staff", "puppet", "admin").await;
    let puppet = bearer(site, &puppet.sign_in(site, &puppet.code(machine_now().timestamp())).await);
    let hers = with_key(&boss, &path, "puppet", &much).await.data(202);
    let approve_hers = format!("/admin/approvals/{}/approve", hers["approval_id"].as_str().unwrap());
    assert_eq!(puppet.post(&approve_hers, &json!({})).await.status, 403);
    assert_eq!(first.post(&approve_hers, &json!({})).await.status, 200, "anybody else may");
    let approve = format!("/admin/approvals/{}/approve", asked["approval_id"].as_str().unwrap());
    let refused = young.post(&approve, &json!({})).await;
    assert_eq!((refused.status, refused.code()), (403, "FORBIDDEN"));
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
