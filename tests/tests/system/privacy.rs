//! One identity is planted and led through every flow: outside the vault there is no trace of it. Battery P1 in the small.

use serde_json::{Value, json};
use system_tests::system::{Audit, Business, Client, Duplicates, Fate, Journal, Site, shared};

use crate::{recently, sale};

const PHONE: &str = "+79217403865";
const FIRST: &str = "Златоцвета";
const LAST: &str = "Кранахенбергская";
const EMAIL: &str = "zlata.kranach@canary.example";
const CITY: &str = "Усть-Канарейск";
const RECEIPT: &str = "receipt-canary-92174";
/// Her name as a client could write it where letters and digits are all that is allowed.
const LATIN: &str = "zlatotsveta-kranach";
/// Her phone as a client could hide it in an identifier.
const REQUEST: &str = "00000000-0000-4000-8000-079217403865";
const NOTE: &str = "букет для Златоцветы, доставка";

/// Every form in which a value could lie somewhere.
fn forms() -> Vec<(String, Vec<u8>)> {
    use base64_by_hand as base64;
    let national = &PHONE[2..];
    let spaced = format!("8 ({}) {}-{}-{}", &national[..3], &national[3..6], &national[6..8], &national[8..]);
    let mut plain = vec![PHONE.to_owned(), format!("7{national}"), national.to_owned(), spaced];
    for text in [FIRST, LAST, LATIN, EMAIL, CITY, RECEIPT, REQUEST, NOTE] {
        plain.extend([text.to_owned(), text.to_lowercase(), text.to_uppercase()]);
    }
    let mut forms = Vec::new();
    for text in plain {
        forms.push((format!("{text} plain"), text.clone().into_bytes()));
        forms.push((format!("{text} hex"), hex::encode(&text).into_bytes()));
        forms.push((format!("{text} base64"), base64(text.as_bytes()).into_bytes()));
        forms.push((format!("{text} escaped"), escaped(&text).into_bytes()));
        forms.push((
            format!("{text} SHA-256"),
            hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&text)).into_bytes(),
        ));
    }
    forms.sort();
    forms.dedup_by(|a, b| a.1 == b.1);
    forms
}

/// As JSON writes what is not ASCII.
fn escaped(text: &str) -> String {
    let one = |unit: u16| {
        char::from_u32(u32::from(unit))
            .filter(char::is_ascii)
            .map_or_else(|| format!("\\u{unit:04x}"), String::from)
    };
    text.encode_utf16().map(one).collect()
}

/// Base64 without padding and without the last, incomplete group, which depends on what follows.
fn base64_by_hand(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks_exact(3)
        .flat_map(|group| {
            let bits = u32::from(group[0]) << 16 | u32::from(group[1]) << 8 | u32::from(group[2]);
            [18, 12, 6, 0].map(|shift| char::from(DIGITS[usize::try_from(bits >> shift & 63).unwrap()]))
        })
        .collect()
}

fn hits(place: &str, haystack: &[u8], forms: &[(String, Vec<u8>)]) -> Vec<String> {
    let is_in =
        |needle: &[u8]| needle.len() >= 6 && haystack.windows(needle.len()).any(|window| window == needle);
    forms.iter().filter(|(_, needle)| is_in(needle)).map(|(form, _)| format!("{place}: {form}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_personal_leaves_the_vault() {
    let site = Site::start(shared()).await;
    let shop = Business::register(&site, "mindal", "beauty_salon", json!({})).await;
    let journal = Journal::default();
    flows(&site, &shop, &journal).await;
    Audit::pass(&site, &journal, Duplicates::None).await;
    let forms = forms();
    let mut found = Vec::new();
    for part in ["ledger", "read"] {
        let dump = dump(&site, part).await;
        assert!(dump.contains("mindal"), "the search reads {part}");
        found.extend(hits(part, dump.as_bytes(), &forms));
    }
    let records: Vec<u8> = site.topic().records().iter().flat_map(bytes_of).collect();
    assert!(
        hits("Kafka", &records, &[("a slug".to_owned(), b"mindal".to_vec())]).len() == 1,
        "the search reads Kafka"
    );
    found.extend(hits("Kafka", &records, &forms));
    found.extend(hits("ClickHouse", site.warehouse().dump().await.as_bytes(), &forms));
    for path in site.log_files() {
        found.extend(hits(&path.display().to_string(), &std::fs::read(&path).unwrap(), &forms));
    }
    let metrics = site.nobody().get("/metrics").await.text;
    found.extend(hits("metrics", metrics.as_bytes(), &forms));
    assert!(found.is_empty(), "{found:#?}");
    let vault = dump(&site, "vault").await;
    found.extend(hits("vault", vault.as_bytes(), &forms));
    assert!(found.is_empty(), "in clear text in the vault: {found:#?}");
}

pub(crate) fn bytes_of(record: &system_tests::system::Record) -> Vec<u8> {
    use rdkafka::message::{Headers, Message};
    let mut bytes =
        [record.key().unwrap_or_default(), b" ", record.payload().unwrap_or_default(), b" "].concat();
    for header in record.headers().into_iter().flat_map(Headers::iter) {
        bytes.extend_from_slice(header.value.unwrap_or_default());
        bytes.push(b' ');
    }
    bytes
}

/// She joins, is found by phone and hash, buys, is refused, changes her profile and signs in again.
async fn flows(site: &Site, shop: &Business, journal: &Journal) {
    let nobody = site.nobody();
    let sent = nobody.post("/auth/send-code", &json!({"phone": PHONE})).await.data(200);
    let code = nobody.get("/dev/outbox?phone=%2B79217403865").await.data(200)["messages"][0]["code"].clone();
    let body = json!({"code_id": sent["code_id"], "code": code, "first_name": FIRST, "last_name": LAST, "email": EMAIL,
        "birth_date": "1987-04-09", "city": CITY,
        "consents": [{"purpose": "personal_data", "version": "1"}, {"purpose": "partner:mindal", "version": "1"}]});
    let joined = nobody.post("/auth/register", &body).await.data(201);
    let me = nobody.with(format!("Bearer {}", joined["access_token"].as_str().unwrap()));
    let member = system_tests::system::Member {
        id: joined["member_id"].as_str().unwrap().to_owned(),
        phone: PHONE.to_owned(),
    };
    let till = shop.till(site);
    let one = sale(RECEIPT, shop, &member, 250_000, &recently());
    let mut body = one.body();
    body["member"] = json!({"phone": PHONE});
    body["description"] = json!(NOTE);
    journal.about_to_send(&one);
    let data = till.post("/transactions", &body).await.data(201);
    let transaction_id = data["transaction_id"].as_str().unwrap().to_owned();
    journal.heard(&shop.slug, RECEIPT, Fate::Recorded { transaction_id });
    // Refusals and mistakes that carry her data.
    for wrong in [
        json!({"phone": format!("{PHONE}x")}),
        json!({"phone": PHONE, "name": LAST}),
        json!({"email": EMAIL}),
    ] {
        let mut body = one.body();
        body["member"] = wrong;
        let answer = till.post("/transactions", &body).await;
        assert_eq!(answer.status, 400);
        assert!(hits("the answer", answer.text.as_bytes(), &forms()).is_empty(), "{}", answer.text);
    }
    let taken = site.admin().post("/admin/members", &json!({"phone": PHONE, "first_name": FIRST})).await;
    assert_eq!(taken.status, 409);
    let profile = me.patch("/users/me", &json!({"city": CITY, "last_name": LAST})).await.data(200);
    assert_eq!(profile["email"], EMAIL, "her own profile shows what the vault has");
    let consents = json!([{"purpose": "marketing", "granted": true, "version": "1"}]);
    let named = [("X-Request-Id", REQUEST)];
    let changed = me.try_call_with("PUT", "/users/me/consents", &consents, &named).await.expect("an answer");
    assert_eq!((changed.status, changed.header("x-request-id")), (200, REQUEST));
    versions(site, &me, &sent["code_id"], &code).await;
    offers(site, &till).await;
    assert_eq!(me.get("/users/me/qr").await.status, 200);
}

/// What a business and an admin say of an offer may name her: it is for the vault, and the coupon that she gets for her eyes.
async fn offers(site: &Site, till: &Client) {
    let admin = site.admin();
    let coupon =
        json!({"type": "gift", "value": NOTE, "life_days": 30, "description": format!("для {FIRST}")});
    let body = json!({"title": format!("{FIRST} {LAST}"), "text": NOTE, "reward": {"type": "coupon", "coupon": coupon}});
    let drafted = till.post("/offers", &body).await.data(201);
    let of = |step: &str| format!("/offers/{}/{step}", drafted["offer_id"].as_str().unwrap());
    let _ = till.post(&of("comments"), &json!({"text": format!("звоните {PHONE}")})).await.data(201);
    let _ = till.post(&of("submit"), &json!({})).await.data(200);
    let _ = admin.post(&of("reject"), &json!({"reason": format!("{LAST} против")})).await.data(200);
    let changed =
        till.patch(of("").trim_end_matches('/'), &json!({"text": format!("{FIRST}, {CITY}")})).await;
    assert_eq!(changed.data(200)["version"], 2);
    for (whom, step) in [(till, "submit"), (&admin, "approve"), (till, "publish")] {
        let _ = whom.post(&of(step), &json!({})).await.data(200);
    }
    let history = till.get(&of("history")).await.data(200);
    assert_eq!(
        history["items"][3]["text"],
        format!("{LAST} против"),
        "who is part of it reads it: {history}"
    );
}

/// A consent's version is a client's own text on the log: nothing personal fits in, wherever it is given.
async fn versions(site: &Site, me: &Client, code_id: &Value, code: &Value) {
    for personal in [PHONE, &PHONE[1..], &PHONE[2..], FIRST, LAST, LATIN, "zlata.kranach", EMAIL] {
        let change = json!([{"purpose": "profiling", "granted": true, "version": personal}]);
        let consents = json!([{"purpose": "personal_data", "version": personal}]);
        let joins = json!({"code_id": code_id, "code": code, "first_name": FIRST, "last_name": LAST,
            "consents": consents});
        let made = json!({"phone": "+79217403866", "first_name": FIRST, "consents": consents});
        for answer in [
            me.put("/users/me/consents", &change).await,
            site.nobody().post("/auth/register", &joins).await,
            site.admin().post("/admin/members", &made).await,
        ] {
            assert_eq!((answer.status, answer.code()), (400, "VALIDATION_ERROR"), "{}", answer.text);
            assert!(hits("the answer", answer.text.as_bytes(), &forms()).is_empty(), "{}", answer.text);
        }
    }
    // Digits alone may come as a number.
    let number = json!([{"purpose": "profiling", "granted": true, "version": 79_217_403_865_i64}]);
    let refused = me.put("/users/me/consents", &number).await;
    assert_eq!((refused.status, refused.code()), (400, "VALIDATION_ERROR"), "{}", refused.text);
    let items = me.get("/users/me/consents").await.data(200)["items"].clone();
    let purposes = items.as_array().expect("a list").iter().map(|item| item["purpose"].as_str());
    assert!(purposes.into_iter().all(|purpose| purpose != Some("profiling")), "nothing is stored: {items}");
    let vault = site.database("vault").await;
    let members: i64 =
        sqlx::query_scalar("SELECT count(*) FROM vault.members").fetch_one(&vault).await.expect("a count");
    vault.close().await;
    assert_eq!(members, 1, "nobody was registered");
}

/// Every row of every table of a database, as one text; the outbox of the dev profile, which stands for the SMS, apart.
pub(crate) async fn dump(site: &Site, part: &str) -> String {
    let pool = site.database(part).await;
    let tables: Vec<(String, String)> = sqlx::query_as(
        "SELECT schemaname::text, tablename::text FROM pg_tables
         WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename <> 'dev_outbox'",
    )
    .fetch_all(&pool)
    .await
    .expect("tables");
    let mut text = String::new();
    for (schema, table) in tables {
        let query = format!("SELECT t::text FROM \"{schema}\".\"{table}\" t");
        let rows: Vec<Option<String>> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_all(&pool).await.expect("rows");
        for row in rows.into_iter().flatten() {
            text.push_str(&row);
            text.push('\n');
        }
    }
    pool.close().await;
    text
}
