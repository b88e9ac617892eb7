//! Many identities are planted and led through every flow, and half of them are forgotten under load: outside the vault, and in clear
//! text anywhere at all, there is no trace of any, in whatever form. Battery P1, P2; compliance D1, P7, E1–E3.
//!
//! 20 of them; `OWN_CIRCLE_CANARIES=200` is the battery's number (README, "More commands"). Every program says all that it can
//! (`RUST_LOG=trace`). What is searched: every row of every table; the files of PostgreSQL (heap, indexes, WAL), Kafka and ClickHouse;
//! the topic's records and ClickHouse's rows as their servers give them, since segments and parts are compressed; logs of all
//! processes and servers; metrics; the auditor's bundle; answers to what is refused.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use serde_json::json;
use system_tests::system::{Business, Member, Needles, Site, eventually, forms_of, forms_of_bytes, own};

use crate::canary_flows::{Flows, Identity};
use crate::erased::{balances, erase};
use crate::of_members::{forms_of_secrets, lasting_of, rows_of, secrets_of};
use crate::searching::{everywhere, in_files};
use crate::{as_many_as, recently};

/// A business whose name everybody may see: what does not show it is not read.
const SHOP: &str = "kanareika-shop";
/// How many are led through at once.
const AT_ONCE: usize = 8;
/// How long erasures may go on by themselves.
const LIMIT: Duration = Duration::from_secs(120);

/// What PostgreSQL's own MD5 makes of texts, in their order.
async fn md5_of(site: &Site, texts: &[String]) -> Vec<String> {
    let pool = site.database("read").await;
    let query =
        "SELECT md5(text) FROM unnest($1::text[]) WITH ORDINALITY AS u (text, number) ORDER BY number";
    let hashes = sqlx::query_scalar(query).bind(texts).fetch_all(&pool).await.expect("hashes");
    pool.close().await;
    hashes
}

/// Every form of every value of theirs: plain, encoded, and hashed; each hash plain and encoded, too.
async fn forms(site: &Site, identities: &[Identity]) -> Vec<(String, Vec<u8>)> {
    use aws_lc_rs::digest;
    let texts: Vec<String> = identities.iter().flat_map(Identity::texts).collect();
    let mut forms: Vec<_> = identities.iter().flat_map(Identity::forms).collect();
    let md5 = md5_of(site, &texts).await;
    for (text, md5) in texts.iter().zip(md5) {
        let sums = [
            ("SHA-256", digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec()),
            ("SHA-1", digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref().to_vec()),
            ("MD5", hex::decode(md5).expect("a hash")),
        ];
        for (how, sum) in sums {
            let what = format!("{text} {how}");
            forms.extend(forms_of_bytes(&what, &sum));
            forms.push((format!("{what} bytes"), sum));
        }
    }
    forms
}

/// The open word is in every store, and nothing else is anywhere.
fn only_the_open_word(found: &BTreeSet<String>) {
    let (open, secret): (Vec<&String>, Vec<&String>) = found.iter().partition(|hit| hit.contains(SHOP));
    assert!(secret.is_empty(), "{secret:#?}");
    for place in
        ["rows of ledger", "rows of read", "records of the topic", "rows of ClickHouse", "/base/", "/pg_wal/"]
    {
        assert!(open.iter().any(|hit| hit.contains(place)), "{place} is not read: {open:#?}");
    }
}

/// The search itself: one value is put in each place, each time in another form, and found there and nowhere else.
async fn the_search_finds_what_is_planted(site: &Site, planted: &Identity, needles: &Needles) {
    for (form, bytes) in needles.forms() {
        let around = [b"\0before ".as_slice(), bytes, b"\xFFafter"].concat();
        assert!(needles.find(&around).contains(&form.as_str()), "{form}");
    }
    let read = site.database("read").await;
    let table = "CREATE TABLE public.planted AS SELECT $1::text AS value";
    // A statement with a parameter cannot make a table.
    sqlx::raw_sql(sqlx::AssertSqlSafe(table.replace("$1", &format!("'{}'", planted.phone()))))
        .execute(&read)
        .await
        .expect("a row");
    let warehouse = site.warehouse();
    warehouse
        .run("CREATE TABLE planted (value String CODEC(NONE)) ENGINE = MergeTree ORDER BY tuple()")
        .await;
    warehouse.run(&format!("INSERT INTO planted VALUES ('{}')", planted.email.to_uppercase())).await;
    let folder = site.installation().folder();
    let (log, page) = (folder.join("planted.log"), folder.join("bundle-before").join("planted.txt"));
    std::fs::write(&log, format!("a line of {}", hex::encode(&planted.last))).expect("a log");
    std::fs::write(&page, format!("the city is {}", planted.city)).expect("a page");
    let found = everywhere(site, needles).await;
    let (loud, in_hex) = (planted.email.to_uppercase(), format!("{} hex", planted.last));
    for (place, form) in [
        ("rows of read", planted.phone()),
        ("/base/", planted.phone()),
        ("/pg_wal/", planted.phone()),
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
}

/// All rows that the vault has of these for as long as they are members.
async fn kept_of(site: &Site, members: &[Member]) -> Vec<Vec<u8>> {
    let vault = site.database("vault").await;
    let mut kept = lasting_of(&vault, members).await;
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
async fn sealed_is_gone(site: &Site, secrets: &[Vec<u8>], staying: &[Member]) {
    let vault = site.database("vault").await;
    sqlx::query("VACUUM (FULL)").execute(&vault).await.expect("a vacuum");
    sqlx::query("CHECKPOINT").execute(&vault).await.expect("a checkpoint");
    let theirs = secrets_of(&vault, staying).await;
    vault.close().await;
    let mut forms = forms_of_secrets("staying", &theirs);
    forms.extend(forms_of_secrets("leaving", secrets));
    let found = in_files(site, &Needles::new(forms), &["pg_wal"]).await;
    let (there, gone): (Vec<&String>, Vec<&String>) =
        found.iter().partition(|hit| hit.contains(": staying "));
    assert!(there.len() >= theirs.len(), "the search reads the vault's files");
    assert!(gone.is_empty(), "{gone:#?}");
}

/// Programs that keep to themselves what they do would prove nothing.
fn all_is_said(site: &Site) {
    for (name, said) in
        [("ledger-api-1.log", "TRACE"), ("ledger-api-1.log", "sqlx::query"), ("project.log", "sqlx::query")]
    {
        let log = std::fs::read_to_string(site.installation().folder().join(name)).expect("a log");
        assert!(log.contains(said), "{name} has no {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn battery_p1_p2_canaries_are_nowhere_and_the_forgotten_are_gone_under_load() {
    let site = Site::start_with(own(), &[("RUST_LOG", "trace")]).await;
    let shop = Business::register(&site, SHOP, "beauty_salon", json!({})).await;
    let identities: Vec<_> = (0..as_many_as("OWN_CIRCLE_CANARIES", 20)).map(Identity::new).collect();
    let flows = Flows::new(&site, &shop).await;
    let members: Vec<Member> =
        futures::stream::iter(&identities).map(|who| flows.lead(who)).buffered(AT_ONCE).collect().await;
    site.settle().await;
    all_is_said(&site);
    let _ = site.export("bundle-before");
    let planted = Identity::new(7_000);
    let (theirs, of_planted) =
        (forms(&site, &identities).await, forms(&site, std::slice::from_ref(&planted)).await);
    let all = theirs.iter().chain(&of_planted).cloned().chain(forms_of(SHOP));
    let needles = Needles::new(all);
    // P1: no trace of anybody; nor, yet, of what is planted.
    only_the_open_word(&everywhere(&site, &needles).await);
    the_search_finds_what_is_planted(&site, &planted, &Needles::new(of_planted)).await;

    let (leaving, staying) = members.split_at(members.len() / 2);
    let mut busy = Vec::new();
    for _ in 0..5 {
        busy.push(Member::register(&site, std::slice::from_ref(&shop), None).await);
    }
    let (before, kept) = (balances(&site, staying).await, kept_of(&site, staying).await);
    let vault = site.database("vault").await;
    let secrets = secrets_of(&vault, leaving).await;
    assert!(secrets.len() >= leaving.len() * 12, "fields, words, a code, hashes and a key each");
    erased_under_load(&site, &shop, leaving, &busy).await;
    // What was only begun (202) follows by itself.
    eventually("nothing of theirs", LIMIT, async || rows_of(&vault, leaving).await, |left| *left == 0).await;
    vault.close().await;
    assert_eq!(balances(&site, staying).await, before, "others have what they had");
    assert_eq!(kept_of(&site, staying).await, kept, "and the vault has of them what it had");
    let _ = site.export("bundle-after");
    sealed_is_gone(&site, &secrets, staying).await;
    // P2: nor of those who are forgotten. What was planted is in the write-ahead log.
    let needles = Needles::new(theirs.into_iter().chain(forms_of(SHOP)));
    only_the_open_word(&everywhere(&site, &needles).await);
    site.check();
    site.audit();
}
