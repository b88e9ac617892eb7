//! What happened at a clinic stays there: nothing beyond the allowed fields gets in, whichever way it comes, and what is allowed
//! lies nowhere in the clear. Battery P3; compliance M1, M4. 100 documents; `OWN_CIRCLE_MEDICAL=1000` is the battery's number.
//! What figures tell is in `medical_figures.rs`.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use system_tests::system::{Answer, Business, Client, Member, Needles, Site, own, shared};

use crate::proof::auditor;
use crate::searching::everywhere;
use crate::{as_many_as, recently, sale};

/// What a clinic's program could add to a document.
const FIELDS: [&str; 8] =
    ["description", "diagnosis", "services", "doctor", "icd10", "comment", "category", "items"];
/// What these would say.
const SECRETS: [&str; 4] =
    ["canary-K04.1-pulpit", "врач Канарейкин-Медицинский", "удаление зуба канарейки", "canary-C50.9-biopsy"];
/// Names that everybody may see: what does not show them is not read.
const CLINIC: &str = "klinika-tikhaya";
const SHOP: &str = "mindal-shumny";
/// Ways into the ledger that a document of a clinic can take.
const WAYS: usize = 7;

async fn clinic_and_shop(site: &Site, clinic: &str, shop: &str) -> (Business, Business) {
    let medical = json!({"confidentiality": "medical", "hold_days": 0});
    let clinic = Business::register(site, clinic, "dentistry", medical).await;
    (clinic, Business::register(site, shop, "beauty_salon", json!({"hold_days": 0})).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn battery_p3_medical_words_are_refused_and_appear_nowhere() {
    let site = Site::start_with(own(), &[("RUST_LOG", "trace")]).await;
    let (clinic, shop) = clinic_and_shop(&site, CLINIC, SHOP).await;
    let both = [clinic.clone(), shop.clone()];
    let anna = Member::register(&site, &both, None).await;
    site.settle().await;
    let head = site.head().await;
    let needles = Needles::of_texts(SECRETS);
    for number in 0..as_many_as("OWN_CIRCLE_MEDICAL", 100) {
        is_refused(&site, &clinic, &anna, number, &needles).await;
    }
    site.settle().await;
    assert_eq!(site.head().await, head, "nothing was written");
    for business in &both {
        let bought = sale("first", business, &anna, 100_000, &recently()).body();
        assert_eq!(business.till(&site).post("/transactions", &bought).await.status, 201);
    }
    for (number, secret) in SECRETS.into_iter().enumerate() {
        takes_allowed_words(&site, &clinic, &anna, number, secret).await;
    }
    site.settle().await;
    assert!(site.head().await > head, "what is allowed is taken");
    let needles = Needles::of_texts(SECRETS.into_iter().chain([CLINIC, SHOP]));
    let log = site.installation().folder().join("planted.log");
    nothing_but_the_names(&everywhere(&site, &needles).await);
    std::fs::write(&log, format!("a line of {}", SECRETS[1])).expect("a log");
    let found = everywhere(&site, &needles).await;
    assert!(found.iter().any(|hit| hit.contains("planted.log") && hit.contains(SECRETS[1])), "{found:#?}");
    std::fs::remove_file(log).expect("it is gone");
    site.check();
}

/// The businesses' names are in every store in which they may be, so every store is read; and no word of a clinic is in any.
fn nothing_but_the_names(found: &BTreeSet<String>) {
    let of = |name: &'static str| found.iter().filter(move |hit| hit.contains(name));
    let is_name = |hit: &&String| hit.contains(CLINIC) || hit.contains(SHOP);
    let secret: Vec<&String> = found.iter().filter(|hit| !is_name(hit)).collect();
    assert!(secret.is_empty(), "{secret:#?}");
    for place in ["rows of ledger", "rows of read", "records of the topic", "/base/", "/pg_wal/"] {
        assert!(of(CLINIC).any(|hit| hit.contains(place)), "{place} is not read: {found:#?}");
    }
    assert!(of(SHOP).any(|hit| hit.contains("rows of ClickHouse")), "ClickHouse is not read: {found:#?}");
    let medical: Vec<&String> = of(CLINIC).filter(|hit| hit.contains("ClickHouse")).collect();
    assert!(medical.is_empty(), "M4: no clinic is in ClickHouse: {medical:#?}");
}

/// A document with a word too many, by one of the ways in: as a field's value, deep in one, or as a field's name.
async fn is_refused(site: &Site, clinic: &Business, anna: &Member, number: usize, needles: &Needles) {
    let (till, round) = (clinic.till(site), number / WAYS);
    let (field, secret) = (FIELDS[round % FIELDS.len()], SECRETS[(round + number) % SECRETS.len()]);
    let mut body = sale(&format!("med-{number}"), clinic, anna, 100_000, &recently()).body();
    let way = number % WAYS;
    match way {
        2 => {
            body.as_object_mut().expect("a body").remove("member");
            body["qr"] = json!("no token");
        }
        3 => body["business_id"] = json!(clinic.slug),
        4 => body = coupon(anna),
        5 => {
            body = json!({"purchase_external_id": "first", "external_id": format!("back-{number}"),
                "amount": "1.00", "reason": "returned"});
        }
        6 => body = json!({"member": {"member_id": anna.id}, "bill_amount": "100.00", "amount": "1.00"}),
        _ => {}
    }
    let value = if round % 3 == 0 { json!([{"name": secret}]) } else { json!(secret) };
    if round % 7 == 6 {
        body[secret] = json!(1);
    } else if round % 5 == 4 && way < 2 {
        body["member"][field] = value;
    } else {
        body[field] = value;
    }
    let (answer, code) = sent(site, &till, way, &body).await;
    let expected = if way < 5 { "FIELD_NOT_ALLOWED" } else { "VALIDATION_ERROR" };
    assert_eq!(code, expected, "{way} {field}: {}", answer.text);
    assert!(needles.find(answer.text.as_bytes()).is_empty(), "{}", answer.text);
}

/// The answer to a document, and the code of its refusal.
async fn sent(site: &Site, till: &Client, way: usize, body: &Value) -> (Answer, String) {
    let answer = match way {
        1 => till.post("/transactions/batch", &json!({"transactions": [body]})).await,
        2 => till.post("/transactions/scan", body).await,
        3 => {
            let kind = [("Content-Type", "application/x-ndjson")];
            let import = site.admin().send("POST", "/admin/import", &kind, format!("{body}\n")).await;
            import.expect("an answer")
        }
        4 => till.post("/coupons", body).await,
        5 => till.post("/transactions/refunds", body).await,
        6 => till.post("/redemptions", body).await,
        _ => till.post("/transactions", body).await,
    };
    let code = match way {
        1 => answer.body["data"]["outcomes"][0]["code"].as_str().unwrap_or_default().to_owned(),
        3 => answer.body["code"].as_str().unwrap_or_default().to_owned(),
        _ => answer.code().to_owned(),
    };
    (answer, code)
}

/// What a clinic may give: no words.
fn coupon(anna: &Member) -> Value {
    json!({"member": {"member_id": anna.id}, "type": "discount_fixed", "value": "10.00",
        "expires_at": "2090-01-01T00:00:00Z", "funded_by": "business"})
}

/// The fields that a clinic fills as it likes, by every way in: they are taken, and kept by their keyed hashes or not at all.
async fn takes_allowed_words(site: &Site, clinic: &Business, anna: &Member, number: usize, secret: &str) {
    let till = clinic.till(site);
    let named = |what: &str| {
        // No two are the same, or they might be taken for one that was told twice.
        let kopecks = 10_000 + i64::try_from(number).expect("few") * 1_000 + i64::from(what.as_bytes()[0]);
        let mut body = sale(&format!("{secret} {what}"), clinic, anna, kopecks, &recently()).body();
        body["source_system"] = json!(secret);
        body
    };
    let sold = till.post("/transactions", &named("single")).await.data(201);
    let batch = till.post("/transactions/batch", &json!({"transactions": [named("batch")]})).await.data(200);
    assert_eq!(batch["outcomes"][0]["code"], Value::Null, "{batch}");
    let mut line = named("import");
    line["business_id"] = json!(clinic.slug);
    let (answer, code) = sent(site, &till, 3, &line).await;
    assert_eq!((answer.status, code.as_str()), (200, ""), "{}", answer.text);
    let mut scan = named("scan");
    scan.as_object_mut().expect("a body").remove("member");
    scan["qr"] = json!(secret);
    assert_eq!(till.post("/transactions/scan", &scan).await.code(), "QR_INVALID");
    let mut coded = named("coded");
    coded["coupon_code"] = json!(secret);
    assert_eq!(till.post("/transactions", &coded).await.code(), "COUPON_NOT_VALID");
    let back = json!({"external_id": format!("{secret} back"), "amount": "1.00", "reason": secret});
    let path = format!("/transactions/{}/refunds", sold["transaction_id"].as_str().expect("an id"));
    let _ = till.post(&path, &back).await.data(201);
    let waits = json!({"purchase_external_id": format!("{secret} later"), "external_id": format!("{secret} early"),
        "source_system": secret, "amount": "1.00", "reason": secret});
    assert!(matches!(till.post("/transactions/refunds", &waits).await.status, 201 | 202));
    let given = till.post("/coupons", &coupon(anna)).await.data(201);
    let path = format!("/coupons/{}/revoke", given["coupon_id"].as_str().expect("an id"));
    let _ = till.post(&path, &json!({"reason": secret})).await.data(200);
    let gift = json!({"amount": "10.00", "reason": "Юбилей"});
    let _ = site.admin().post(&format!("/admin/members/{}/gift", anna.id), &gift).await.data(201);
    let hold = json!({"member": {"member_id": anna.id}, "bill_amount": "100.00", "amount": "1.00"});
    let held = till.post("/redemptions", &hold).await.data(201);
    let path = format!("/redemptions/{}/capture", held["redemption_id"].as_str().expect("an id"));
    let mut paid = named("paid");
    paid.as_object_mut().expect("a body").remove("member");
    let _ = till.post(&path, &paid).await.data(201);
}

/// M4: who may look at members sees that the books balance, and no number in them, before the first visit to a clinic and after the
/// tenth.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m4_an_admins_trial_balance_tells_nothing_of_a_clinic() {
    let site = Site::start(shared()).await;
    let (clinic, shop) = clinic_and_shop(&site, "klinika", "mindal").await;
    let (admin, auditor, call) = (site.admin(), auditor(&site).await, "/admin/trial-balance");
    let both = [clinic.clone(), shop.clone()];
    let first = Member::register(&site, &both, None).await;
    let one = sale("s", &shop, &first, 100_000, &recently());
    assert_eq!(shop.till(&site).post("/transactions", &one.body()).await.status, 201);
    site.settle().await;
    let never = admin.get(call).await.data(200);
    assert_eq!(never["withheld"], true, "{never}");
    assert_eq!((&never["units"][0]["accounts"], &never["units"][0]["total"]), (&json!([]), &json!("0.00")));
    let check = &never["checks"][0];
    assert_eq!((&check["left"], &check["right"], &check["ok"]), (&Value::Null, &Value::Null, &json!(true)));
    for number in 0..11 {
        let member = Member::register(&site, &both, None).await;
        for business in &both {
            let one = sale(&format!("s{number}"), business, &member, 100_000, &recently());
            assert_eq!(business.till(&site).post("/transactions", &one.body()).await.status, 201);
        }
        if number > 8 {
            site.settle().await;
            assert_eq!(admin.get(call).await.data(200), never, "after visit {number}");
        }
    }
    let theirs = auditor.get(call).await;
    assert!(theirs.text.contains("funder/klinika/issued") && theirs.text.contains("funder/mindal/issued"));
    assert_eq!(theirs.data(200)["withheld"], Value::Null);
}
