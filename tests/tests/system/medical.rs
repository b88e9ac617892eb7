//! What happened at a clinic stays there: nothing beyond the allowed fields gets in, and no answer, asked before and after a visit,
//! tells that there was one. Battery P3, P4; compliance M1, M4, M5. 100 documents; `OWN_CIRCLE_MEDICAL=1000` is the battery's number.

use futures::StreamExt;
use serde_json::{Value, json};
use system_tests::system::{Answer, Business, Client, Member, Needles, Site, shared};

use crate::privacy::{bytes_of, dump};
use crate::proof::auditor;
use crate::{as_many_as, machine_now, recently, sale};

/// What a clinic's program could add to a document.
const FIELDS: [&str; 8] =
    ["description", "diagnosis", "services", "doctor", "icd10", "comment", "category", "items"];
/// What these would say.
const SECRETS: [&str; 4] =
    ["canary-K04.1-pulpit", "врач Канарейкин-Медицинский", "удаление зуба канарейки", "canary-C50.9-biopsy"];

async fn clinic_and_shop(site: &Site) -> (Business, Business) {
    let medical = json!({"confidentiality": "medical", "hold_days": 0});
    let clinic = Business::register(site, "klinika", "dentistry", medical).await;
    (clinic, Business::register(site, "mindal", "beauty_salon", json!({"hold_days": 0})).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn battery_p3_medical_words_are_refused_and_appear_nowhere() {
    let site = Site::start(shared()).await;
    let (clinic, _) = clinic_and_shop(&site).await;
    let anna = Member::register(&site, std::slice::from_ref(&clinic), None).await;
    let needles = Needles::of_texts(SECRETS);
    let till = clinic.till(&site);
    site.settle().await;
    let head = site.head().await;
    for number in 0..as_many_as("OWN_CIRCLE_MEDICAL", 100) {
        let (field, secret) = (FIELDS[number % FIELDS.len()], SECRETS[number / FIELDS.len() % SECRETS.len()]);
        let mut body = sale(&format!("med-{number}"), &clinic, &anna, 100_000, &recently()).body();
        let value = if number % 3 == 0 { json!([{"name": secret}]) } else { json!(secret) };
        if number % 5 == 0 {
            body["member"][field] = value;
        } else {
            body[field] = value;
        }
        let answer = till.post("/transactions", &body).await;
        assert_eq!((answer.status, answer.code()), (422, "FIELD_NOT_ALLOWED"), "{field}: {}", answer.text);
        assert!(needles.find(answer.text.as_bytes()).is_empty(), "{}", answer.text);
    }
    site.settle().await;
    assert_eq!(site.head().await, head, "nothing was written");
    let mut found = Vec::new();
    for part in ["ledger", "read", "vault"] {
        let rows = dump(&site, part).await;
        found.extend(needles.find(rows.as_bytes()).into_iter().map(|form| format!("{part}: {form}")));
    }
    let records: Vec<u8> = site.topic().records().iter().flat_map(bytes_of).collect();
    found.extend(needles.find(&records).into_iter().map(|form| format!("topic: {form}")));
    found.extend(needles.find_in_files(&[site.installation().folder()], &[]).whole());
    assert!(found.is_empty(), "{found:#?}");
    assert!(!needles.find(SECRETS[0].as_bytes()).is_empty(), "the search finds them");
    let right = sale("right", &clinic, &anna, 100_000, &recently()).body();
    assert_eq!(till.post("/transactions", &right).await.status, 201, "without them it is taken");
}

/// What an answer says, but for when it was asked.
fn told(answer: Answer, call: &str) -> (String, Value) {
    assert!(answer.status < 500, "{call}: {}", answer.text);
    let mut body =
        if answer.status == 200 { answer.body["data"].clone() } else { answer.body["error"].clone() };
    if let Some(body) = body.as_object_mut() {
        body.remove("as_of");
    }
    (call.to_owned(), body)
}

/// All that others than the clinic and the member may ask about many: another business, and who analyses for the programme.
async fn figures(site: &Site, shop: &Business, offer: &str, as_of: &str) -> Vec<(String, Value)> {
    let (till, admin) = (shop.till(site), site.admin());
    let mut all = Vec::new();
    for call in ["win-win", "win-win/paths", "recommendations"] {
        let path = format!("/cross-promo/{call}?limit=7&as_of={as_of}");
        all.push(told(admin.get(&path).await, call));
        all.push(told(till.get(&path).await, call));
    }
    for call in ["/transactions?limit=100", "/cross-promo/chains", "/offers", "/admin/trial-balance"] {
        all.push(told(till.get(call).await, call));
    }
    for call in [format!("/offers/{offer}/reach"), format!("/offers/{offer}/stats")] {
        all.push(told(till.get(&call).await, &call));
        all.push(told(admin.get(&call).await, &call));
    }
    let subsets = [
        json!({}),
        json!({"audience": {"statuses": ["insider"]}}),
        json!({"audience": {"statuses": ["vip"]}}),
        json!({"audience": {"statuses": ["elite"]}}),
        json!({"audience": {"new_customers": true}}),
        json!({"audience": {"bought_category": {"categories": ["beauty_salon", "gastronomy"], "within_days": 30}}}),
        json!({"audience": {"bought_category": {"categories": ["beauty_salon", "dentistry"], "within_days": 30}}}),
    ];
    for subset in subsets {
        all.push(told(preview(&till, &subset).await, &subset.to_string()));
    }
    all
}

async fn preview(till: &Client, audience: &Value) -> Answer {
    till.post("/offers/preview", audience).await
}

/// Figures of before less figures of after: of a visit to a clinic nothing is left, whoever asks; of a visit elsewhere there is something,
/// or the comparison would prove nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn battery_p4_no_difference_of_figures_tells_a_visit_to_a_clinic() {
    let site = Site::start(shared()).await;
    let (clinic, shop) = clinic_and_shop(&site).await;
    let other = Business::register(&site, "lisichkino", "gastronomy", json!({"hold_days": 0})).await;
    let all = [clinic.clone(), shop.clone(), other.clone()];
    // Nineteen, so that one who steps over an edge of ten would show.
    let members: Vec<Member> =
        futures::stream::iter(0..19).map(|_| Member::register(&site, &all, None)).buffered(8).collect().await;
    for (number, member) in members.iter().enumerate() {
        let one = sale(&format!("s{number}"), &shop, member, 200_000, &recently());
        assert_eq!(shop.till(&site).post("/transactions", &one.body()).await.status, 201);
    }
    let coupon = json!({"type": "discount_fixed", "value": "500", "life_days": 30, "description": "Ужин"});
    let body = json!({"title": "Ужин", "reward": {"type": "coupon", "coupon": coupon}});
    let drafted = shop.till(&site).post("/offers", &body).await.data(201);
    let offer = drafted["offer_id"].as_str().expect("an id");
    let as_of = machine_now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    site.settle().await;
    let (before, rows) = (figures(&site, &shop, offer, &as_of).await, site.warehouse().contents().await);
    assert!(before[0].1["items"].is_array(), "win-win is told: {:?}", before[0]);
    let everybody = before.iter().find(|(call, _)| call == "{}").expect("a preview");
    assert_eq!(everybody.1["members"], 10, "an audience is told: {everybody:?}");
    // Enough for any status, were it counted.
    for (number, member) in [&members[0], &members[18]].into_iter().enumerate() {
        let visit = sale(&format!("v{number}"), &clinic, member, 98_765_432, &recently());
        assert_eq!(clinic.till(&site).post("/transactions", &visit.body()).await.status, 201);
    }
    site.settle().await;
    let after = figures(&site, &shop, offer, &as_of).await;
    for (then, now) in before.iter().zip(&after) {
        assert_eq!(then, now, "{}", then.0);
    }
    assert_eq!(site.warehouse().contents().await, rows, "ClickHouse hears nothing of it");
    let visit = sale("elsewhere", &other, &members[0], 200_000, &recently());
    assert_eq!(other.till(&site).post("/transactions", &visit.body()).await.status, 201);
    site.settle().await;
    assert_ne!(site.warehouse().contents().await, rows, "a visit elsewhere is seen");
    site.check();
}

/// M4: who may look at members sees no single clinic in the books, and nothing of all clinics before ten women have been there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m4_an_admins_trial_balance_tells_nothing_of_a_clinic() {
    let site = Site::start(shared()).await;
    let (clinic, shop) = clinic_and_shop(&site).await;
    let (admin, auditor, call) = (site.admin(), auditor(&site).await, "/admin/trial-balance");
    let both = [clinic.clone(), shop.clone()];
    for number in 0..10 {
        let member = Member::register(&site, &both, None).await;
        for business in &both {
            let one = sale(&format!("s{number}"), business, &member, 100_000, &recently());
            assert_eq!(business.till(&site).post("/transactions", &one.body()).await.status, 201);
        }
        if number == 8 {
            site.settle().await;
            let books = admin.get(call).await.data(200);
            assert_eq!(books["withheld"], true, "nine members: {books}");
            assert_eq!(
                (&books["units"][0]["accounts"], &books["units"][0]["total"]),
                (&json!([]), &json!("0.00"))
            );
            assert_eq!(
                (&books["checks"][0]["left"], &books["checks"][0]["ok"]),
                (&Value::Null, &json!(true))
            );
        }
    }
    site.settle().await;
    let books = admin.get(call).await;
    assert!(!books.text.contains("klinika"), "{}", books.text);
    assert!(books.text.contains("funder/(medical)/issued") && books.text.contains("funder/mindal/issued"));
    let books = books.data(200);
    assert_eq!((&books["withheld"], &books["units"][0]["total"]), (&Value::Null, &json!("0.00")));
    let theirs = auditor.get(call).await;
    assert!(theirs.text.contains("funder/klinika/issued") && !theirs.text.contains("(medical)"));
}
