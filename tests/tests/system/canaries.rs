//! Many identities are planted and led through every flow, and half of them are forgotten under load: outside the vault, and in clear
//! text anywhere at all, there is no trace of any, in whatever form. Battery P1, P2; compliance D1, P7, E1–E3.
//!
//! 20 of them; `OWN_CIRCLE_CANARIES=200` is the battery's number (README, "More commands"). What is searched: every row of every table; the files
//! of PostgreSQL (heap, indexes, WAL), Kafka and ClickHouse; the topic's records and ClickHouse's rows as their servers give them, since
//! segments and parts are compressed; logs of all processes and servers; metrics; the auditor's bundle; answers to what is refused.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};
use system_tests::system::{Business, Client, Member, Needles, Site, eventually, forms_of, own};

use crate::erased::{balances, erase, rows_of, secrets_of};
use crate::privacy::{bytes_of, dump};
use crate::{as_many_as, recently};

/// A business whose name everybody may see: what does not show it is not read.
const SHOP: &str = "kanareika-shop";
/// How many are led through at once.
const AT_ONCE: usize = 8;
/// How long erasures may go on by themselves.
const LIMIT: Duration = Duration::from_secs(120);

/// What only the vault may know of somebody.
#[derive(Debug)]
struct Identity {
    phone: String,
    first: String,
    last: String,
    email: String,
    born: String,
    city: String,
    receipt: String,
}

impl Identity {
    /// Number `number` of them: no value is part of another's.
    fn new(number: usize) -> Self {
        let digits = format!("{:04}", 1000 + number);
        let letters: Vec<char> = "абвгдеклмн".chars().collect();
        let end: String = digits.bytes().map(|digit| letters[usize::from(digit - b'0')]).collect();
        Self {
            phone: format!("+7921{:07}", 4_019_283 + number * 137),
            first: format!("Златоцвета-{end}"),
            last: format!("Кранахен-{end}"),
            email: format!("zlata.kranach{digits}@canary.example"),
            born: format!("19{:02}-{:02}-{:02}", 41 + number % 9, 1 + number / 9 % 12, 1 + number / 108 % 28),
            city: format!("Усть-Канарейск-{end}"),
            receipt: format!("receipt-canary-{digits}"),
        }
    }

    /// Her phone as people, forms and programs write it.
    fn phones(&self) -> Vec<String> {
        let national = &self.phone[2..];
        let (code, rest) = national.split_at(3);
        let (three, four) = rest.split_at(3);
        let (two, last) = four.split_at(2);
        let mut phones =
            vec![self.phone.clone(), format!("7{national}"), format!("8{national}"), national.to_owned()];
        for before in ["+7", "7", "8"] {
            phones.push(format!("{before} ({code}) {three}-{two}-{last}"));
            phones.push(format!("{before}({code}){three}-{two}-{last}"));
            phones.push(format!("{before}-{code}-{three}-{two}-{last}"));
            phones.push(format!("{before} {code} {three} {two} {last}"));
        }
        phones
    }

    fn texts(&self) -> Vec<String> {
        let mut texts = self.phones();
        texts.extend(
            [&self.first, &self.last, &self.email, &self.born, &self.city, &self.receipt].map(Clone::clone),
        );
        let mut born = self.born.split('-').rev();
        texts.push([(); 3].map(|()| born.next().unwrap_or_default()).join("."));
        texts
    }
}

/// What PostgreSQL's own MD5 makes of texts, in their order.
async fn md5_of(site: &Site, texts: &[String]) -> Vec<String> {
    let pool = site.database("read").await;
    let query =
        "SELECT md5(text) FROM unnest($1::text[]) WITH ORDINALITY AS u (text, number) ORDER BY number";
    let hashes = sqlx::query_scalar(query).bind(texts).fetch_all(&pool).await.expect("hashes");
    pool.close().await;
    hashes
}

/// Every form of every value of theirs: plain, encoded, and hashed.
async fn needles(site: &Site, identities: &[Identity]) -> Needles {
    use aws_lc_rs::digest;
    let texts: Vec<String> = identities.iter().flat_map(Identity::texts).collect();
    let mut forms: Vec<_> = texts.iter().flat_map(|text| forms_of(text)).collect();
    let md5 = md5_of(site, &texts).await;
    for (text, md5) in texts.iter().zip(md5) {
        let sums = [
            ("SHA-256", digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec()),
            ("SHA-1", digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref().to_vec()),
            ("MD5", hex::decode(md5).expect("a hash")),
        ];
        for (how, sum) in sums {
            forms.push((format!("{text} {how}, hex"), hex::encode(&sum).into_bytes()));
            forms.push((format!("{text} {how}, bytes"), sum));
        }
    }
    Needles::new(forms)
}

/// She joins by a code, buys by her phone and by her id, changes her profile, and is refused in every way that carries her data.
async fn led_through(site: &Site, shop: &Business, who: &Identity) -> Member {
    let nobody = site.nobody();
    let sent = nobody.post("/auth/send-code", &json!({"phone": who.phone})).await.data(200);
    let outbox = format!("/dev/outbox?phone={}", who.phone.replace('+', "%2B"));
    let code = nobody.get(&outbox).await.data(200)["messages"][0]["code"].clone();
    let body = json!({"code_id": sent["code_id"], "code": code, "first_name": who.first, "last_name": who.last,
        "email": who.email, "birth_date": who.born, "city": who.city,
        "consents": [{"purpose": "personal_data", "version": "1"}, shop.consent()]});
    let joined = nobody.post("/auth/register", &body).await.data(201);
    let me = nobody.with(format!("Bearer {}", joined["access_token"].as_str().expect("a token")));
    let member =
        Member { id: joined["member_id"].as_str().expect("an id").to_owned(), phone: who.phone.clone() };
    let till = shop.till(site);
    let sale = json!({"external_id": who.receipt, "member": {"phone": who.phone}, "amount": "1500.00",
        "occurred_at": recently(), "description": format!("для {} {}", who.first, who.last)});
    let _ = till.post("/transactions", &sale).await.data(201);
    let _ = me.patch("/users/me", &json!({"city": who.city, "last_name": who.last})).await.data(200);
    assert_eq!(me.get("/users/me").await.data(200)["email"], who.email.as_str());
    refused(site, &till, &me, who, &sale).await;
    member
}

/// No answer to a mistake repeats what was in it.
async fn refused(site: &Site, till: &Client, me: &Client, who: &Identity, sale: &Value) {
    let hers = Needles::new(who.texts().iter().flat_map(|text| forms_of(text)));
    let mut answers = Vec::new();
    for wrong in [
        json!({"phone": format!("{}x", who.phone)}),
        json!({"phone": who.phone, "name": who.last}),
        json!({"email": who.email}),
    ] {
        let mut body = sale.clone();
        body["member"] = wrong;
        answers.push(till.post("/transactions", &body).await);
    }
    let version = json!([{"purpose": "profiling", "granted": true, "version": who.email}]);
    answers.push(me.put("/users/me/consents", &version).await);
    answers.push(me.patch("/users/me", &json!({"email": format!("{} {}", who.email, who.city)})).await);
    let taken = json!({"phone": who.phone, "first_name": who.first});
    answers.push(site.admin().post("/admin/members", &taken).await);
    let phone = who.phone.replace('+', "%2B");
    answers.push(me.get(&format!("/loyalty/transactions?cursor={phone}")).await);
    answers.push(me.get(&format!("/nowhere/{phone}")).await);
    answers.push(till.get(&format!("/transactions/{phone}")).await);
    for answer in answers {
        assert!((400..500).contains(&answer.status), "{} {}", answer.status, answer.text);
        assert!(hers.find(answer.text.as_bytes()).is_empty(), "{}", answer.text);
    }
}

/// Everything there is, once over: what is found, as `place: form`.
async fn search(site: &Site, needles: &Needles, bundle: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut look = |place: &str, bytes: &[u8]| {
        found.extend(needles.find(bytes).into_iter().map(|form| format!("{place}: {form}")));
    };
    for part in ["ledger", "read", "vault"] {
        look(&format!("rows of {part}"), dump(site, part).await.as_bytes());
    }
    let records: Vec<u8> = site.topic().records().iter().flat_map(bytes_of).collect();
    look("records of the topic", &records);
    look("rows of ClickHouse", site.warehouse().dump().await.as_bytes());
    look("metrics", site.nobody().get("/metrics").await.text.as_bytes());
    for path in site.log_files() {
        look(&format!("log {}", path.display()), &std::fs::read(&path).expect("a log"));
    }
    // So that what is in the server's memory is in its files, too.
    let pool = site.database("ledger").await;
    sqlx::query("CHECKPOINT").execute(&pool).await.expect("a checkpoint");
    pool.close().await;
    for folder in [site.postgres_folder().await.as_path(), site.stack().folder(), bundle] {
        let (hits, files) = needles.find_in_files(folder, &[]);
        assert!(files > 0, "no file in {}", folder.display());
        found.extend(hits);
    }
    found
}

/// The search itself: one value is put in each place, each time in another form, and found there and nowhere else.
async fn the_search_finds_what_is_planted(site: &Site, bundle: &Path) {
    let planted = Identity::new(7_000);
    let needles = needles(site, std::slice::from_ref(&planted)).await;
    assert_eq!(search(site, &needles, bundle).await, BTreeSet::new(), "it is nowhere yet");
    for (form, bytes) in needles.forms() {
        let around = [b"\0before ".as_slice(), bytes, b"\xFFafter"].concat();
        assert!(needles.find(&around).contains(&form.as_str()), "{form}");
    }
    let read = site.database("read").await;
    let table = "CREATE TABLE public.planted AS SELECT $1::text AS value";
    // A statement with a parameter cannot make a table.
    sqlx::raw_sql(sqlx::AssertSqlSafe(table.replace("$1", &format!("'{}'", planted.phone))))
        .execute(&read)
        .await
        .expect("a row");
    let warehouse = site.warehouse();
    warehouse
        .run("CREATE TABLE planted (value String CODEC(NONE)) ENGINE = MergeTree ORDER BY tuple()")
        .await;
    warehouse.run(&format!("INSERT INTO planted VALUES ('{}')", planted.email.to_uppercase())).await;
    let log = site.installation().folder().join("planted.log");
    std::fs::write(&log, format!("a line of {}", hex::encode(&planted.last))).expect("a log");
    let page = bundle.join("planted.txt");
    std::fs::write(&page, format!("the city is {}", planted.city)).expect("a page");
    let found = search(site, &needles, bundle).await;
    let data = site.postgres_folder().await.display().to_string();
    let (loud, in_hex) = (planted.email.to_uppercase(), format!("{} hex", planted.last));
    for (place, form) in [
        ("rows of read", planted.phone.as_str()),
        (data.as_str(), planted.phone.as_str()),
        ("pg_wal", planted.phone.as_str()),
        ("rows of ClickHouse", loud.as_str()),
        ("clickhouse/data", loud.as_str()),
        ("planted.log", in_hex.as_str()),
        ("planted.txt", planted.city.as_str()),
    ] {
        assert!(found.iter().any(|hit| hit.contains(place) && hit.contains(form)), "{place}: {found:#?}");
    }
    sqlx::query("DROP TABLE public.planted").execute(&read).await.expect("it is gone");
    read.close().await;
    warehouse.run("DROP TABLE planted SYNC").await;
    for path in [log, page] {
        std::fs::remove_file(path).expect("it is gone");
    }
    let open = Needles::of_texts([SHOP]);
    let found = search(site, &open, bundle).await;
    for place in ["rows of ledger", "rows of read", "records of the topic", data.as_str(), "pg_wal"] {
        assert!(found.iter().any(|hit| hit.contains(place)), "{place} is not read: {found:#?}");
    }
}

/// All rows that the vault has of these, as a digest each.
async fn kept_of(site: &Site, members: &[Member]) -> Vec<Vec<u8>> {
    let vault = site.database("vault").await;
    let mut kept = secrets_of(&vault, members).await;
    vault.close().await;
    kept.sort();
    kept
}

/// Erases `leaving` while others buy, one purchase after the other, until it is done.
async fn erased_under_load(site: &Site, shop: &Business, leaving: &[Member], busy: &[Member]) {
    let is_over = Arc::new(AtomicBool::new(false));
    let load = async {
        let mut bought = 0;
        while !is_over.load(Ordering::Relaxed) {
            let body = json!({"external_id": format!("load-{bought}"), "amount": "70.00", "occurred_at": recently(),
                "member": {"phone": busy[bought % busy.len()].phone}});
            assert_eq!(shop.till(site).post("/transactions", &body).await.status, 201);
            bought += 1;
        }
        bought
    };
    let erasing = async {
        let answers: Vec<_> = futures::stream::iter(leaving)
            .map(|member| erase(site, member))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        is_over.store(true, Ordering::Relaxed);
        answers
    };
    let (bought, answers) = futures::join!(load, erasing);
    assert!(bought > 0, "somebody bought meanwhile");
    for answer in answers {
        assert!(matches!(answer.status, 200 | 202), "{}", answer.text);
    }
}

/// Decision 20: the vault's own files until a vacuum, its WAL and its backups may still have what was sealed. Nothing else may.
async fn sealed_is_gone(site: &Site, secrets: &[Vec<u8>], staying: &[Member], bundle: &Path) {
    let vault = site.database("vault").await;
    sqlx::query("VACUUM (FULL)").execute(&vault).await.expect("a vacuum");
    sqlx::query("CHECKPOINT").execute(&vault).await.expect("a checkpoint");
    let theirs = secrets_of(&vault, staying).await;
    vault.close().await;
    let named = |secrets: &[Vec<u8>]| {
        let raw = secrets.iter().map(|secret| ("sealed, bytes".to_owned(), secret.clone()));
        let hex = secrets.iter().map(|secret| ("sealed, hex".to_owned(), hex::encode(secret).into_bytes()));
        Needles::new(raw.chain(hex))
    };
    let folder = site.postgres_folder().await;
    let (there, _) = named(&theirs).find_in_files(&folder, &["pg_wal"]);
    assert!(!there.is_empty(), "the search reads the vault's files");
    let gone = named(secrets);
    let mut found = gone.find_in_files(&folder, &["pg_wal"]).0;
    for folder in [site.stack().folder(), site.installation().folder(), bundle] {
        found.extend(gone.find_in_files(folder, &["pg_wal"]).0);
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn battery_p1_p2_canaries_are_nowhere_and_the_forgotten_are_gone_under_load() {
    let site = Site::start(own()).await;
    let shop = Business::register(&site, SHOP, "beauty_salon", json!({})).await;
    let identities: Vec<_> = (0..as_many_as("OWN_CIRCLE_CANARIES", 20)).map(Identity::new).collect();
    let members: Vec<Member> = futures::stream::iter(&identities)
        .map(|who| led_through(&site, &shop, who))
        .buffered(AT_ONCE)
        .collect()
        .await;
    site.settle().await;
    let needles = needles(&site, &identities).await;
    let bundle = site.export("bundle-before");
    assert_eq!(search(&site, &needles, &bundle).await, BTreeSet::new(), "P1: no trace of anybody");
    the_search_finds_what_is_planted(&site, &bundle).await;

    let (leaving, staying) = members.split_at(members.len() / 2);
    let mut busy = Vec::new();
    for _ in 0..5 {
        busy.push(Member::register(&site, std::slice::from_ref(&shop), None).await);
    }
    let (before, kept) = (balances(&site, staying).await, kept_of(&site, staying).await);
    let secrets = kept_of(&site, leaving).await;
    assert!(secrets.len() >= leaving.len() * 3, "a phone, a name and a key each");
    erased_under_load(&site, &shop, leaving, &busy).await;
    let vault = site.database("vault").await;
    // What was only begun (202) follows by itself.
    eventually("nothing of theirs", LIMIT, async || rows_of(&vault, leaving).await, |left| *left == 0).await;
    vault.close().await;
    assert_eq!(balances(&site, staying).await, before, "others have what they had");
    assert_eq!(kept_of(&site, staying).await, kept, "and the vault has of them what it had");
    let bundle = site.export("bundle-after");
    sealed_is_gone(&site, &secrets, staying, &bundle).await;
    assert_eq!(search(&site, &needles, &bundle).await, BTreeSet::new(), "P2: nor of those who are forgotten");
    site.check();
    site.audit();
}
