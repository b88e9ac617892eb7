//! A real purchase history, imported over HTTP, against the plain model: the same totals per member and per business.
//!
//! The extract in `tests/data` by default; `OWN_CIRCLE_JOURNEY` names a larger file of the same form.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use flate2::bufread::MultiGzDecoder;
use futures::StreamExt;
use ledger_core::category::Category;
use ledger_core::ids::PurchaseId;
use ledger_core::time::Timestamp;
use plain_model::Kopecks;
use plain_model::circle::{self, Circle, Policy, Terms};
use plain_model::journey::{Journey, Line, OfBusiness, OfMember};
use plain_model::status::Status;
use serde_json::{Value, json};
use sqlx::PgPool;
use system_tests::system::{Business, Client, Member, Site, shared};
use uuid::Uuid;

use crate::win_win::{self, Bought};

/// Some days after the last purchase of 2017.
const NOW: &str = "2018-01-10T12:00:00+03:00";
/// Lines of one import.
pub(crate) const LINES_MAX: usize = 5_000;

/// One line of the file: when, which receipt, at which business, who, how much.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) at: String,
    pub(crate) receipt: String,
    pub(crate) category: String,
    pub(crate) household: String,
    pub(crate) kopecks: i64,
}

impl Row {
    /// When it was: Moscow's time without a zone.
    pub(crate) fn moment(&self) -> Timestamp {
        format!("{}+03:00", self.at).parse().expect("a Moscow time")
    }

    /// What its till or an import says of it.
    pub(crate) fn document(&self, members: &BTreeMap<String, Member>) -> Value {
        let amount = format!("{}.{:02}", self.kopecks / 100, self.kopecks % 100);
        json!({"external_id": self.receipt, "member": {"member_id": members[&self.household].id},
            "amount": amount, "occurred_at": self.moment()})
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let extract = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/journey-extract.csv.gz");
    let path = std::env::var_os("OWN_CIRCLE_JOURNEY").map_or(extract, PathBuf::from);
    let file = BufReader::new(File::open(&path).expect("a file of purchases"));
    let lines = BufReader::new(MultiGzDecoder::new(file)).lines().skip(1);
    lines.map(|line| row(&line.expect("a whole file"))).collect()
}

fn row(line: &str) -> Row {
    let [at, receipt, category, household, _, amount] = line.split(',').collect::<Vec<_>>()[..] else {
        panic!("six columns: {line}")
    };
    let (roubles, kopecks) = amount.split_once('.').expect("two decimals");
    let kopecks: i64 = format!("{roubles}{kopecks}").parse().expect("an amount");
    let [at, receipt, category, household] = [at, receipt, category, household].map(str::to_owned);
    Row { at, receipt, category, household, kopecks }
}

/// The slug of the one business of a category.
pub(crate) fn slug(category: &str) -> String {
    category.replace('_', "-")
}

/// The rules once more, from the rule book alone.
fn by_the_plain_model(
    rows: &[Row],
    now: Timestamp,
) -> (BTreeMap<String, OfMember>, BTreeMap<String, OfBusiness>) {
    let businesses = Category::ALL.into_iter().map(|category| circle::Business {
        slug: slug(category.as_str()),
        category,
        is_medical: false,
        terms: vec![(Timestamp::FIRST, Terms::default())],
        periods: Vec::new(),
        waiting: Vec::new(),
    });
    let circle =
        Circle { policies: vec![Policy::default()], businesses: businesses.collect(), chains: Vec::new() };
    let mut journey = Journey::new(circle, now);
    for (index, row) in rows.iter().enumerate() {
        let line = Line {
            id: PurchaseId::from_uuid(Uuid::from_u128(index as u128 + 1)),
            member: row.household.clone(),
            business: slug(&row.category),
            amount: Kopecks::from(row.kopecks),
            occurred_at: row.moment(),
        };
        journey.take(&line).unwrap_or_else(|code| panic!("line {}: {code}", index + 2));
    }
    journey.review(now);
    journey.totals(now)
}

/// The members by household, each since her first purchase.
async fn join(site: &Site, businesses: &[Business], rows: &[Row]) -> BTreeMap<String, Member> {
    let mut first = BTreeMap::new();
    for row in rows {
        first.entry(row.household.clone()).or_insert_with(|| format!("{}+03:00", row.at));
    }
    let joining = first.into_iter().map(|(household, at)| async move {
        (household, Member::register(site, businesses, Some(&at)).await)
    });
    futures::stream::iter(joining).buffer_unordered(16).collect().await
}

/// The lines of an import. Its times have no zone.
pub(crate) fn lines(members: &BTreeMap<String, Member>, rows: &[Row]) -> String {
    let line = |row: &Row| {
        let mut line = row.document(members);
        line["business_id"] = json!(slug(&row.category));
        line["occurred_at"] = json!(row.at);
        format!("{line}\n")
    };
    rows.iter().map(line).collect()
}

/// Imports so many lines, each of which is recorded.
pub(crate) async fn import_part(admin: Client, lines: String, count: usize) {
    let answer = admin.stream("/admin/import", "application/x-ndjson", lines).await;
    let text = answer.expect("an answer").text().await.expect("all answers");
    let refused = text.lines().find(|line| {
        let answer: Value = serde_json::from_str(line).expect("JSON");
        answer["outcome"] != "created"
    });
    assert_eq!(refused, None);
    assert_eq!(text.lines().count(), count);
}

async fn import(site: &Site, members: &BTreeMap<String, Member>, rows: &[Row]) {
    for rows in rows.chunks(LINES_MAX) {
        import_part(site.admin(), lines(members, rows), rows.len()).await;
        // So that what follows the log keeps pace with a whole file.
        site.settle().await;
    }
}

/// From the log: purchases, accrued, expired, by member and by business.
const OF_MEMBERS: &str = "SELECT stream_id::text, count(*) FILTER (WHERE event_type = 'PurchaseRecorded'),
        COALESCE(sum((payload->>'amount')::numeric * 100) FILTER (WHERE event_type = 'BonusAccrued'), 0)::bigint,
        COALESCE(sum((payload->>'amount')::numeric * 100) FILTER (WHERE event_type = 'BonusExpired'), 0)::bigint
    FROM ledger.events WHERE stream_type = 'member' GROUP BY stream_id";
const OF_BUSINESSES: &str = "SELECT COALESCE(payload->>'business_id', payload->'origin'->>'business_id'),
        count(*) FILTER (WHERE event_type = 'PurchaseRecorded'),
        COALESCE(sum((payload->>'amount')::numeric * 100) FILTER (WHERE event_type = 'BonusAccrued'), 0)::bigint,
        COALESCE(sum((SELECT sum((lot->>'amount')::numeric * 100) FROM jsonb_array_elements(payload->'lots') lot
            WHERE lot->>'funder' <> 'coalition')) FILTER (WHERE event_type = 'BonusAccrued'), 0)::bigint,
        COALESCE(sum((payload->>'amount')::numeric * 100) FILTER (WHERE event_type = 'BonusExpired'), 0)::bigint
    FROM ledger.events WHERE event_type IN ('PurchaseRecorded', 'BonusAccrued', 'BonusExpired') GROUP BY 1";
/// From the read models: balance and status.
const STANDING: &str =
    "SELECT m.member_id::text, m.ordinary_status, COALESCE((SELECT sum(l.left_kopecks) FROM balances.lots l
        WHERE l.member_id = m.member_id AND l.expires_at >= $1), 0)::bigint FROM statuses.members m";

async fn of_members(ledger: &PgPool, read: &PgPool, now: Timestamp) -> BTreeMap<String, OfMember> {
    let log: Vec<(String, i64, i64, i64)> =
        sqlx::query_as(OF_MEMBERS).fetch_all(ledger).await.expect("the log");
    let standing: Vec<(String, String, i64)> =
        sqlx::query_as(STANDING).bind(now.to_utc()).fetch_all(read).await.expect("the read models");
    let standing: BTreeMap<_, _> =
        standing.into_iter().map(|(member, status, balance)| (member, (status, balance))).collect();
    let of_member = |(member, purchases, accrued, expired): (String, i64, i64, i64)| {
        let (status, balance) = &standing[&member];
        let all = [Status::Insider, Status::Vip, Status::Elite, Status::InnerCircle];
        let of_member = OfMember {
            purchases: usize::try_from(purchases).expect("a count"),
            accrued: accrued.into(),
            expired: expired.into(),
            balance: Kopecks::from(*balance),
            status: all.into_iter().find(|it| it.as_str() == status).expect("a status"),
        };
        (member, of_member)
    };
    log.into_iter().map(of_member).collect()
}

async fn of_businesses(ledger: &PgPool) -> BTreeMap<String, OfBusiness> {
    let log: Vec<(String, i64, i64, i64, i64)> =
        sqlx::query_as(OF_BUSINESSES).fetch_all(ledger).await.expect("the log");
    let of_business = |(business, purchases, accrued, funded, expired): (String, i64, i64, i64, i64)| {
        let of_business = OfBusiness {
            purchases: usize::try_from(purchases).expect("a count"),
            accrued: accrued.into(),
            funded: funded.into(),
            expired: expired.into(),
            outstanding: (accrued - expired).into(),
        };
        (business, of_business)
    };
    log.into_iter().map(of_business).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_history_comes_to_the_plain_model_s_totals() {
    let rows = rows();
    let now: Timestamp = NOW.parse().expect("a time");
    let site = Site::start(shared()).await;
    site.set_clock(Some(NOW)).await;
    // The plain model knows no ranking of all members.
    let no_top = json!({"parameters": {"status.top_min_members": 100_000}});
    let _ = site.admin().post("/admin/policies", &no_top).await.data(201);
    let mut businesses = Vec::new();
    for category in Category::ALL {
        let (slug, terms) = (slug(category.as_str()), json!({"confidentiality": "ordinary"}));
        businesses.push(Business::register(&site, &slug, category.as_str(), terms).await);
    }
    let members = join(&site, &businesses, &rows).await;
    import(&site, &members, &rows).await;

    let (expected_members, expected_businesses) = by_the_plain_model(&rows, now);
    let (ledger, read) = (site.database("ledger").await, site.database("read").await);
    let found = of_members(&ledger, &read, now).await;
    assert_eq!(found.len(), members.len());
    for (household, member) in &members {
        assert_eq!(found[&member.id], expected_members[household], "household {household}");
    }
    let found = of_businesses(&ledger).await;
    for business in &businesses {
        let nothing = OfBusiness::default();
        let (found, expected) = (found.get(&business.id), expected_businesses.get(&business.slug));
        assert_eq!(found.unwrap_or(&nothing), expected.unwrap_or(&nothing), "{}", business.slug);
    }
    let all: Kopecks = expected_members.values().map(|member| member.accrued).sum();
    assert!(all > 0 && expected_members.values().any(|member| member.status == Status::Elite));
    ledger.close().await;
    read.close().await;
    win_win_is_the_plain_calculations(&site, &businesses, &members, &rows).await;
}

/// Rule X8 on a real history.
async fn win_win_is_the_plain_calculations(
    site: &Site,
    businesses: &[Business],
    members: &BTreeMap<String, Member>,
    rows: &[Row],
) {
    let bought = rows.iter().map(|row| {
        let business = businesses.iter().find(|business| business.slug == slug(&row.category));
        Bought {
            member: members[&row.household].id.clone(),
            business: business.expect("a business").id.clone(),
            at: row.moment().micros(),
            kopecks: row.kopecks,
        }
    });
    let bought: Vec<Bought> = bought.collect();
    for as_of in [NOW, "2017-12-01T00:00:00+03:00"] {
        let found = win_win::compare(site, businesses, &bought, as_of).await;
        assert!(found.pairs > 0 && found.paths > 0, "{as_of}: {found:?}");
    }
}
