//! Rule X8: what the service says of pairs of businesses and of paths, against the same worked out plainly, purchase by purchase.

use std::collections::{BTreeMap, BTreeSet};

use ledger_core::time::Timestamp;
use serde_json::{Value, json};
use system_tests::system::{Business, Member, Seeded, Site, shared};

use crate::past;

/// The window in microseconds.
const WINDOW: i64 = 60 * 24 * 3600 * 1_000_000;
/// Fewer members are no group.
const LEAST: usize = 10;
/// Longer paths are not looked for.
const LONGEST: usize = 6;

/// A purchase of which something is left.
#[derive(Debug, Clone)]
pub(crate) struct Bought {
    pub(crate) member: String,
    pub(crate) business: String,
    /// In microseconds.
    pub(crate) at: i64,
    /// Net of refunds.
    pub(crate) kopecks: i64,
}

/// How much there was to compare: pairs with an index above nothing, and paths.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) pairs: usize,
    pub(crate) paths: usize,
}

/// Rounded half away from zero; both not negative.
fn rounded(part: i128, whole: i128) -> i128 {
    if whole == 0 { 0 } else { (2 * part + whole) / (2 * whole) }
}

fn ratio(part: usize, whole: usize) -> String {
    let scaled = rounded(part as i128 * 10_000, whole as i128);
    format!("{}.{:04}", scaled / 10_000, scaled % 10_000)
}

fn roubles(kopecks: i128) -> String {
    format!("{}.{:02}", kopecks / 100, kopecks % 100)
}

/// From one business to another: buyers, followers, what these brought.
fn way(bought: &[&Bought], from: &str, to: &str) -> (usize, usize, i128) {
    let mut first: BTreeMap<&str, i64> = BTreeMap::new();
    for one in bought.iter().filter(|one| one.business == from) {
        let at = first.entry(&one.member).or_insert(one.at);
        *at = one.at.min(*at);
    }
    let is_after = |one: &&&Bought| first.get(one.member.as_str()).is_some_and(|first| one.at > *first);
    let after: Vec<_> = bought.iter().filter(|one| one.business == to).filter(is_after).collect();
    let followers: BTreeSet<_> = after.iter().map(|one| &one.member).collect();
    (first.len(), followers.len(), after.iter().map(|one| i128::from(one.kopecks)).sum())
}

/// What is said of a pair.
fn expected_pair(bought: &[&Bought], a: &str, b: &str) -> Value {
    let side = |from: &str, to: &str| {
        let (buyers, followers, revenue) = way(bought, from, to);
        let shown = json!({
            "from": from, "to": to, "buyers": buyers, "followers": followers, "rate": ratio(followers, buyers),
            "revenue": roubles(revenue),
        });
        (buyers, followers, shown)
    };
    let ((n, of, there), (m, of_other, back)) = {
        let ((buyers, followers, there), (others, back_again, back)) = (side(a, b), side(b, a));
        ((followers, buyers, there), (back_again, others, back))
    };
    json!({ "a": a, "b": b, "index": ratio(2 * n * m, n * of_other + m * of), "a_to_b": there, "b_to_a": back })
}

/// The longest paths that enough members took: members, how often, average value.
fn expected_paths(bought: &[&Bought]) -> BTreeMap<Vec<String>, (usize, usize, String)> {
    let mut ways: BTreeMap<&str, Vec<&Bought>> = BTreeMap::new();
    for one in bought {
        ways.entry(&one.member).or_default().push(one);
    }
    let mut found: BTreeMap<Vec<String>, (BTreeSet<&str>, usize, i128)> = BTreeMap::new();
    for (member, way) in &mut ways {
        way.sort_by_key(|one| (one.at, one.business.clone()));
        let mut visits: Vec<(String, i128)> = Vec::new();
        for one in way.iter() {
            match visits.last_mut() {
                Some((place, value)) if *place == one.business => *value += i128::from(one.kopecks),
                _ => visits.push((one.business.clone(), one.kopecks.into())),
            }
        }
        for length in 2..=LONGEST {
            for stretch in visits.windows(length) {
                let path = stretch.iter().map(|(place, _)| place.clone()).collect();
                let entry = found.entry(path).or_default();
                entry.0.insert(member);
                entry.1 += 1;
                entry.2 += stretch.iter().map(|(_, value)| value).sum::<i128>();
            }
        }
    }
    found.retain(|_, (members, ..)| members.len() >= LEAST);
    let all: Vec<Vec<String>> = found.keys().cloned().collect();
    let is_part = |path: &[String]| {
        all.iter().any(|one| one.len() > path.len() && one.windows(path.len()).any(|part| part == path))
    };
    let whole = found.into_iter().filter(|(path, _)| !is_part(path));
    whole
        .map(|(path, (members, times, value))| {
            (path, (members.len(), times, roubles(rounded(value, times as i128))))
        })
        .collect()
}

/// Every item of a ranking.
async fn all(site: &Site, call: &str, as_of: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let as_of = as_of.replace('+', "%2B");
        let path = format!("/cross-promo/{call}?limit=7&as_of={as_of}{cursor}");
        let data = site.admin().get(&path).await.data(200);
        items.extend(data["items"].as_array().expect("items").iter().cloned());
        let Some(next) = data["next_cursor"].as_str() else { return items };
        cursor = format!("&cursor={next}");
    }
}

/// Compares what the service says with the plain calculation on `bought`.
pub(crate) async fn compare(
    site: &Site,
    businesses: &[Business],
    bought: &[Bought],
    as_of: &str,
) -> Compared {
    let until = as_of.parse::<Timestamp>().expect("a time").micros();
    let inside: Vec<&Bought> =
        bought.iter().filter(|one| one.at > until - WINDOW && one.at <= until).collect();
    let pairs = all(site, "win-win", as_of).await;
    assert_eq!(pairs.len(), businesses.len() * (businesses.len() - 1) / 2, "every pair once");
    let mut alive = 0;
    for pair in &pairs {
        let [a, b] = ["a", "b"].map(|side| pair[side].as_str().expect("an id"));
        let mut found = pair.clone();
        for name in ["promotion", "effect"] {
            found.as_object_mut().expect("a pair").remove(name);
            for side in ["a_to_b", "b_to_a"] {
                found[side].as_object_mut().expect("a way").remove(name);
            }
        }
        assert_eq!(found, expected_pair(&inside, a, b), "{as_of}");
        alive += usize::from(pair["index"] != "0.0000");
    }
    let mut paths = BTreeMap::new();
    for path in all(site, "win-win/paths", as_of).await {
        let number = |name: &str| usize::try_from(path[name].as_u64().expect("a number")).expect("small");
        let places = path["businesses"].as_array().expect("places").iter();
        let places: Vec<String> = places.map(|place| place.as_str().expect("an id").to_owned()).collect();
        let value = path["average_value"].as_str().expect("an amount").to_owned();
        paths.insert(places, (number("members"), number("count"), value));
    }
    assert_eq!(paths, expected_paths(&inside), "{as_of}");
    Compared { pairs: alive, paths: paths.len() }
}

/// Sales over 90 days, two at each moment; brings them in and answers them as they stand.
async fn bring_in(site: &Site, businesses: &[Business], members: &[Member]) -> Vec<Bought> {
    let seeded = Seeded::new("win-win", 8);
    let mut lines = String::new();
    let mut sales = Vec::new();
    for number in 0..500_i64 {
        // Not all go everywhere alike, so that pairs differ.
        let member = seeded.pick(members);
        let near = businesses.len().min(2 + usize::try_from(number % 5).expect("small"));
        let business = &businesses[seeded.place(near)];
        let at = past(number / 2 * 31_104);
        let kopecks = i64::try_from(10_000 + seeded.below(500_000)).expect("small");
        let line = json!({"external_id": format!("w{number}"), "business_id": business.slug, "amount": roubles(kopecks.into()),
            "member": {"member_id": member.id}, "occurred_at": at});
        lines.push_str(&format!("{line}\n"));
        let at = at.parse::<Timestamp>().expect("a time").micros();
        let one = Bought { member: member.id.clone(), business: business.id.clone(), at, kopecks };
        sales.push((format!("w{number}"), business.clone(), one));
    }
    let answer = site.admin().stream("/admin/import", "application/x-ndjson", lines).await;
    let text = answer.expect("an answer").text().await.expect("all answers");
    assert_eq!(text.matches("\"created\"").count(), sales.len(), "{text}");
    // Of every fifth half is given back, of every seventh all; some documents say something else later.
    for (number, (external_id, business, one)) in sales.iter_mut().enumerate() {
        let back = if number % 7 == 0 { one.kopecks } else { one.kopecks / 2 };
        if number % 7 == 0 || number % 5 == 0 {
            let body = json!({"purchase_external_id": external_id, "external_id": format!("f{number}"),
                "amount": roubles(back.into()), "reason": "returned"});
            let _ = business.till(site).post("/transactions/refunds", &body).await.data(201);
            one.kopecks -= back;
        } else if number % 11 == 0 {
            let at = Timestamp::from_micros(one.at).expect("a time").to_utc().to_rfc3339();
            let body = json!({"external_id": external_id, "revision": 2, "member": {"member_id": one.member},
                "amount": roubles((one.kopecks + 7_777).into()), "occurred_at": at});
            assert_eq!(business.till(site).post("/transactions", &body).await.data(200)["amended"], true);
            one.kopecks += 7_777;
        }
    }
    let left = sales.into_iter().map(|(.., one)| one).filter(|one| one.kopecks > 0);
    left.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_x8_win_win_and_paths_are_the_plain_calculations_on_random_sales() {
    let site = Site::start(shared()).await;
    site.set_clock(Some("2026-04-02T00:00:00Z")).await;
    let mut businesses = Vec::new();
    for (slug, category) in [
        ("mindal", "beauty_salon"),
        ("lisichkino", "gastronomy"),
        ("buket", "floristry"),
        ("optika", "optics"),
        ("dom", "home_textile"),
    ] {
        businesses.push(Business::register(&site, slug, category, json!({})).await);
    }
    let mut members = Vec::new();
    for _ in 0..30 {
        members.push(Member::register(&site, &businesses, Some("2025-12-01T00:00:00Z")).await);
    }
    let bought = bring_in(&site, &businesses, &members).await;
    site.settle().await;
    for as_of in ["2026-04-02T00:00:00Z", "2026-03-01T12:00:00+03:00", "2026-02-01T00:00:00Z"] {
        let found = compare(&site, &businesses, &bought, as_of).await;
        assert!(found.pairs > 0 && found.paths > 0, "{as_of}: {found:?}");
    }
    let none = compare(&site, &businesses, &bought, "2025-12-31T00:00:00Z").await;
    assert_eq!((none.pairs, none.paths), (0, 0));
}
