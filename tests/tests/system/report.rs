//! The subject access report (152-ФЗ art. 14 part 7): every item, from what is there, to her and to nobody else. Compliance S1, S3.

use serde_json::{Value, json};
use system_tests::system::{Answer, Business, Client, Member, Site, shared};

use crate::{past, recently, sale};

/// A name that a page must show as text.
const HOSTILE: &str = "<script>alert(\"Анна\")</script>";
const SHOWN: &str = "&lt;script&gt;alert(&quot;Анна&quot;)&lt;/script&gt;";

fn of(member: &Member, what: &str) -> String {
    format!("/admin/members/{}/{what}", member.id)
}

fn items<'a>(report: &'a Value, place: &str) -> &'a Vec<Value> {
    let found = report.pointer(place).and_then(Value::as_array);
    found.unwrap_or_else(|| panic!("a list at {place} in {report}"))
}

/// The texts of one field in a list.
fn each<'a>(report: &'a Value, place: &str, field: &str) -> Vec<&'a str> {
    items(report, place).iter().filter_map(|item| item[field].as_str()).collect()
}

async fn buy(site: &Site, shop: &Business, member: &Member, number: &str) -> Answer {
    shop.till(site).post("/transactions", &sale(number, shop, member, 100_000, &recently()).body()).await
}

/// A shop, a clinic, and a member who bought at both.
async fn customer(site: &Site) -> (Business, Business, Member) {
    let shop = Business::register(site, "mindal", "beauty_salon", json!({"hold_days": 0})).await;
    let terms = json!({"confidentiality": "medical", "hold_days": 0});
    let clinic = Business::register(site, "klinika", "dentistry", terms).await;
    let member = Member::register(site, &[shop.clone(), clinic.clone()], None).await;
    assert_eq!(buy(site, &shop, &member, "r1").await.status, 201);
    assert_eq!(buy(site, &clinic, &member, "r2").await.status, 201);
    (shop, clinic, member)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_every_item_is_there_and_is_hers() {
    let site = Site::start(shared()).await;
    let (shop, clinic, member) = customer(&site).await;
    let me = member.sign_in(&site).await;
    let _ = me.patch("/users/me", &json!({"last_name": HOSTILE, "city": "Тверь"})).await.data(200);
    let gift = json!({"amount": "50.00", "reason": "Извинение за ожидание"});
    let _ = site.admin().post(&of(&member, "gift"), &gift).await.data(201);
    for granted in [true, false] {
        let consents = json!([{"purpose": "marketing", "granted": granted, "version": "1"}]);
        let _ = me.put("/users/me/consents", &consents).await.data(200);
    }
    site.settle().await;
    let report = me.get("/users/me/report").await.data(200);
    every_item(&report);
    assert_eq!(report["person"], member.id.as_str());
    let profile = &report["data"]["profiles"][0];
    assert_eq!((&profile["phone"], &profile["city"]), (&json!(member.phone), &json!("Тверь")));
    assert_eq!(profile["last_name"], HOSTILE);
    let balance = me.get("/loyalty/balance").await.data(200);
    assert_eq!(report["data"]["balance"]["total"], balance["total"]);
    let (mindal, klinika) = (format!("Дело {}", shop.slug), format!("Дело {}", clinic.slug));
    assert_eq!(each(&report, "/data/purchases", "business"), [mindal.as_str(), klinika.as_str()]);
    assert_eq!(each(&report, "/data/purchases", "amount"), ["1000.00", "1000.00"]);
    assert_eq!(each(&report, "/data/remarks", "text"), ["Извинение за ожидание"]);
    consents(&site, &me, &report).await;
    let names = each(&report, "/recipients", "name");
    assert!(names.contains(&mindal.as_str()) && names.contains(&klinika.as_str()), "{names:?}");
    terms(&site, &report).await;
    let purposes = items(&report, "/purposes").iter();
    let of_consents: Vec<&Value> =
        purposes.filter(|one| one["category"].as_str().is_some_and(|name| name.contains(':'))).collect();
    assert_eq!(of_consents.len(), 2, "a shop's and a clinic's: {report}");
    for business in [&mindal, &klinika] {
        let mut named =
            of_consents.iter().filter(|one| one["name"].as_str().is_some_and(|it| it.contains(business)));
        let one = named.next().expect("its own");
        assert!(one["purpose"].as_str().is_some_and(|aim| aim.starts_with("начисление и списание")), "{one}");
    }
    let read = each(&report, "/accesses", "purpose");
    assert!(read.contains(&"subject_access"), "its own reading is in it: {read:?}");
    printed(&me, &member).await;
}

/// Whom the settings name as processing on the operator's behalf, hers and an admin's copy name: as who gets data, and in item 9.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_whoever_processes_on_the_operators_behalf_is_named() {
    let (name, address) = ("ООО «Облако»", "Казань, улица Баумана, 1");
    let settings = [
        ("OWN_CIRCLE__OPERATOR__NAME", "ООО «Свой круг»"),
        ("OWN_CIRCLE__OPERATOR__ADDRESS", "Москва, Тверская улица, 1"),
        ("OWN_CIRCLE__OPERATOR__INFORMATION_SYSTEM", "Программа «Свой круг»"),
        ("OWN_CIRCLE__OPERATOR__RESPONSIBLE_NAME", "Иванова И. И."),
        ("OWN_CIRCLE__OPERATOR__RESPONSIBLE_POSITION", "директор"),
        ("OWN_CIRCLE__OPERATOR__PROCESSOR_NAME", name),
        ("OWN_CIRCLE__OPERATOR__PROCESSOR_ADDRESS", address),
    ];
    let site = Site::start_with(shared(), &settings).await;
    let member = Member::register(&site, &[], None).await;
    let me = member.sign_in(&site).await;
    site.settle().await;
    for (client, path) in [(me, "/users/me/report".to_owned()), (site.admin(), of(&member, "report"))] {
        let report = client.get(&path).await.data(200);
        assert_eq!(report["processors"], json!([{"name": name, "address": address}]));
        let its = items(&report, "/recipients").iter().find(|one| one["name"] == name).expect("a recipient");
        assert!(its["ground"].as_str().is_some_and(|ground| ground.starts_with("поручение")), "{its}");
        assert_eq!(report["operator"]["name"], "ООО «Свой круг»");
        let page = client.get(&format!("{path}.html")).await.text;
        assert!(page.contains(&format!("<td>{name}</td><td>{address}</td>")), "{page}");
    }
}

/// By which way she came is told: staff wrote her down, staff brought her history in, she did it herself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_the_way_of_a_registration_is_told() {
    const PHONE: &str = "+79995550404";
    let site = Site::start(shared()).await;
    let written = Member::register(&site, &[], None).await;
    let imported = Member::register(&site, &[], Some("2020-01-01T00:00:00Z")).await;
    let nobody = site.nobody();
    let sent = nobody.post("/auth/send-code", &json!({"phone": PHONE})).await.data(200);
    let outbox = nobody.get("/dev/outbox?phone=%2B79995550404").await.data(200);
    let joining = json!({"code_id": sent["code_id"], "code": outbox["messages"][0]["code"], "first_name": "Вера",
        "last_name": "Белова", "consents": [{"purpose": "personal_data", "version": "1"}]});
    let joined = nobody.post("/auth/register", &joining).await.data(201);
    let id = joined["member_id"].as_str().expect("an id").to_owned();
    let herself = Member { id, phone: PHONE.to_owned() };
    site.settle().await;
    for (member, channel) in [(&written, "admin"), (&imported, "import"), (&herself, "app")] {
        let report = site.admin().get(&of(member, "report")).await.data(200);
        let told = &report["registrations"];
        assert_eq!((told[0]["channel"].as_str(), &told[0]["account"]), (Some(channel), &json!(member.id)));
        assert_eq!(told.as_array().map(Vec::len), Some(1), "{told}");
    }
}

/// Each item of the law, not empty.
fn every_item(report: &Value) {
    for place in [
        "/processing/records",
        "/purposes",
        "/consents",
        "/methods",
        "/recipients",
        "/data/profiles",
        "/data/purchases",
        "/data/history",
        "/data/sessions",
        "/sources",
        "/registrations",
        "/terms",
        "/rights",
        "/duties",
        "/accesses",
    ] {
        assert!(!items(report, place).is_empty(), "{place} in {report}");
    }
    assert_eq!(report["processing"]["confirmed"], true);
    assert_eq!(report["cross_border"]["is_done"], false);
    assert!(items(report, "/withheld").is_empty());
    let operator = &report["operator"];
    for field in ["name", "address", "information_system", "responsible"] {
        assert!(operator[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {operator}");
    }
}

/// Each decision with its text's hash; what was withdrawn does not hold.
async fn consents(site: &Site, me: &Client, report: &Value) {
    let decisions = items(report, "/consents");
    let of_marketing: Vec<(bool, bool)> = decisions
        .iter()
        .filter(|one| one["purpose"] == "marketing")
        .map(|one| (one["granted"] == true, one["stands"] == true))
        .collect();
    assert_eq!(of_marketing, [(true, false), (false, true)]);
    for one in decisions.iter().filter(|one| one["granted"] == true) {
        let purpose = one["purpose"].as_str().expect("a purpose");
        let words = site.nobody().get(&format!("/consents/{purpose}/text?version=1")).await.data(200);
        assert_eq!(one["text_hash"], words["text_hash"], "{purpose}");
        assert!(one["at"].is_string() && one["channel"].is_string(), "{one}");
    }
    let standing = me.get("/users/me/consents").await.data(200);
    let mut granted: Vec<&str> = items(&standing, "/items")
        .iter()
        .filter(|one| one["granted"] == true)
        .filter_map(|one| one["purpose"].as_str())
        .collect();
    let mut told: Vec<&str> = decisions
        .iter()
        .filter(|one| one["granted"] == true && one["stands"] == true)
        .filter_map(|one| one["purpose"].as_str())
        .collect();
    granted.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, granted);
}

/// Terms are those that the timers take.
async fn terms(site: &Site, report: &Value) {
    let kept = site.admin().get("/admin/retention").await.data(200);
    let kept = items(&kept, "/categories").clone();
    for term in items(report, "/terms") {
        let same = kept.iter().find(|one| one["category"] == term["category"]).expect("a category");
        assert_eq!(term["days"], same["days"], "{term}");
    }
}

/// The page says the same, and shows what people wrote as text.
async fn printed(me: &Client, member: &Member) {
    let page = me.get("/users/me/report.html").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let allowed = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    assert_eq!(page.header("content-security-policy"), allowed, "its own style, and nothing that runs");
    assert!(page.text.contains(SHOWN) && !page.text.contains("<script"), "{}", page.text);
    assert!(page.text.contains(&member.phone) && page.text.contains("Извинение за ожидание"));
    for item in 1..=9 {
        assert!(page.text.contains(&format!("<h2>{item}. ")), "item {item}");
    }
    for word in ["Инсайдер", "Регистрация", "салон красоты", "начислено", "отчёт субъекту", "чтение"]
    {
        assert!(page.text.contains(&format!("<td>{word}</td>")), "{word} in {}", page.text);
    }
    for raw in
        ["insider", "MemberRegistered", "beauty_salon", "earned", "subject_access", "partner:", "look_up"]
    {
        assert!(!page.text.contains(raw), "{raw} in {}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_a_foreign_request_gets_nothing_and_an_admin_nothing_of_a_clinic() {
    let site = Site::start(shared()).await;
    let (shop, clinic, member) = customer(&site).await;
    let vera = Member::register(&site, std::slice::from_ref(&shop), None).await;
    let stranger = vera.sign_in(&site).await;
    site.settle().await;
    for path in [of(&member, "report"), of(&member, "report.html")] {
        for (client, status) in [
            (site.nobody(), 401),
            (stranger.clone(), 403),
            (shop.till(&site), 403),
            (clinic.till(&site), 403),
        ] {
            let answer = client.get(&path).await;
            assert_eq!(answer.status, status, "{path}: {}", answer.text);
            assert!(!answer.text.contains(&member.phone), "{}", answer.text);
        }
    }
    let told = site.admin().get(&of(&member, "report")).await;
    for secret in ["klinika", "dentistry", "mindal", "Дело", "medical", "partner_index", "Consent"] {
        assert!(!told.text.contains(secret), "{secret} in {}", told.text);
    }
    let report = told.data(200);
    assert!(!items(&report, "/withheld").is_empty());
    assert_eq!(report["data"]["profiles"][0]["phone"], member.phone.as_str());
    assert!(each(&report, "/data/purchases", "business").is_empty());
    assert!(each(&report, "/data/purchases", "transaction_id").is_empty());
    assert_eq!(each(&report, "/data/purchases", "amount"), ["1000.00", "1000.00"]);
    assert!(each(&report, "/data/history", "business_name").is_empty());
    let page = site.admin().get(&of(&member, "report.html")).await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("klinika") && page.text.contains(&member.phone));
    let admins = items(&report, "/accesses").iter().filter(|one| one["by"] == "admin");
    assert!(admins.count() > 0, "an admin's reading is in it: {report}");
    let nobody = site.admin().get("/admin/members/018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10/report").await;
    assert_eq!((nobody.status, nobody.code()), (404, "MEMBER_NOT_FOUND"));
    let business = site.admin().get(&format!("/admin/members/{}/report", shop.id)).await;
    assert_eq!((business.status, business.code()), (404, "MEMBER_NOT_FOUND"), "a business is nobody");
    reports_made(&site, &member).await;
}

/// Each report that an admin had is in the log of what concerns security, with whose it was; nobody else's try is.
async fn reports_made(site: &Site, member: &Member) {
    let log = site.admin().get("/audit/security-events?limit=200").await.data(200);
    let made: Vec<&Value> =
        items(&log, "/items").iter().filter(|one| one["kind"] == "subject_report_made").collect();
    let told = |name: &'static str| made.iter().map(move |one| one[name].as_str().unwrap_or_default());
    assert_eq!(told("subject_id").collect::<Vec<_>>(), [member.id.as_str(), member.id.as_str()]);
    assert_eq!(
        told("operation").collect::<Vec<_>>(),
        ["MemberReportPage", "MemberReport"],
        "the newest first"
    );
    assert!(
        told("at").chain(told("actor_id")).chain(told("request_id")).all(|text| !text.is_empty()),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_member_is_gone_and_two_accounts_have_one_report() {
    let site = Site::start(shared()).await;
    let (shop, _, member) = customer(&site).await;
    let old = Member::register(&site, std::slice::from_ref(&shop), None).await;
    assert_eq!(buy(&site, &shop, &old, "r3").await.status, 201);
    site.settle().await;
    let accounts = json!({"from_member_id": old.id, "reason": "a second phone"});
    let _ = site.admin().post(&of(&member, "merge"), &accounts).await.data(200);
    site.settle().await;
    for asked in [&member, &old] {
        let report = site.admin().get(&of(asked, "report")).await.data(200);
        assert_eq!(report["person"], member.id.as_str());
        assert_eq!(report["accounts"], json!([old.id, member.id]));
        assert_eq!(each(&report, "/data/profiles", "phone"), [old.phone.as_str(), member.phone.as_str()]);
        assert_eq!(items(&report, "/data/purchases").len(), 3);
    }
    let me = member.sign_in(&site).await;
    let _ = site.admin().post(&of(&member, "erase"), &json!({"reason": "unlawful"})).await.data(200);
    for asked in [&member, &old] {
        for what in ["report", "report.html"] {
            let gone = site.admin().get(&of(asked, what)).await;
            assert_eq!((gone.status, gone.code()), (410, "GONE"), "{}", gone.text);
        }
    }
    assert_eq!(me.get("/users/me/report").await.status, 401, "no credential of hers is good");
}

/// More than one page of everything that has pages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_history_is_told_whole() {
    const PURCHASES: i64 = 1_200;
    let site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({"hold_days": 0})).await;
    let member = Member::register(&site, std::slice::from_ref(&shop), Some("2020-01-01T00:00:00Z")).await;
    let lines: Vec<String> = (0..PURCHASES)
        .map(|number| {
            let mut body = sale(&format!("l{number}"), &shop, &member, 1_000, &past(number * 60)).body();
            body["business_id"] = json!(shop.slug);
            body["member"] = json!({"phone": member.phone});
            body.to_string()
        })
        .collect();
    let import = site.admin().stream("/admin/import", "application/x-ndjson", lines.join("\n")).await;
    let import = import.expect("an answer").text().await.expect("lines");
    assert!(!import.contains("refused") && !import.contains("unmatched"), "{import}");
    site.settle().await;
    let report = member.sign_in(&site).await.get("/users/me/report").await.data(200);
    let expected = usize::try_from(PURCHASES).expect("a number");
    assert_eq!(items(&report, "/data/purchases").len(), expected);
    let earned = items(&report, "/data/history").iter().filter(|line| line["type"] == "earned").count();
    assert_eq!(earned, expected);
    let look_ups = items(&report, "/accesses").iter().filter(|one| one["action"] == "look_up").count();
    assert!(look_ups >= expected, "{look_ups} look-ups");
}
