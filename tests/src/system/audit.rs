//! The comparison after faults have stopped and everything has settled: what was sent = log = read models = ClickHouse.
//!
//! | rule of the battery | here |
//! |---|---|
//! | K1, K2, K3, K4: every acknowledged purchase once, no refused one, nothing nobody sent | `journal_and_log` |
//! | K5: positions and versions without gaps, leaf hashes; every checkpoint | [`Log::read`], `sealed` |
//! | K7: the read models are what the log says | `balances`, `history`, `directory`, `bills` |
//! | K8: ClickHouse, row by row and in sums | `warehouse` |
//! | K9: conservation, nothing negative at any prefix | [`Log`]'s holdings |

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use sqlx::PgPool;

use super::journal::{Fate, Journal};
use super::ledger::{Log, Purchase};
use super::proving::checkpoints;
use super::role::Role;
use super::site::Site;
use super::wait::eventually;
use super::warehouse::{Warehouse, kopecks};

/// The key under which a `dev` installation without one of its own hides partners' numbers.
const DEV_NATURAL_KEY: &[u8; 32] = b"the dev profile's natural key 00";

/// How long the seal may take once everything has settled: another one may have to take over first.
const SEALED: Duration = Duration::from_secs(30);

/// Whether ClickHouse may hold a row twice until it merges: only after a refill on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// Not even before a merge: tokens dropped every repetition.
    None,
    /// Until a merge.
    UntilMerged,
}

/// A log that was compared with everything.
#[derive(Debug)]
pub struct Audit {
    /// The log.
    pub log: Log,
}

impl Audit {
    /// Waits until everything has settled, and compares it.
    ///
    /// # Panics
    /// With the first difference.
    pub async fn pass(site: &Site, journal: &Journal, duplicates: Duplicates) -> Self {
        site.settle().await;
        let (ledger, read) = (site.database("ledger").await, site.database("read").await);
        let log = Log::read(&ledger).await;
        let purchases = log.purchases();
        journal_and_log(journal, &purchases);
        balances(&read, &log).await;
        history(&read, &log).await;
        directory(&read, &purchases).await;
        bills(&read, &purchases).await;
        warehouse(&site.warehouse(), &log, &purchases, duplicates).await;
        sealed(site, &ledger, &log).await;
        site.audit();
        ledger.close().await;
        read.close().await;
        Self { log }
    }

    /// The sum of all bills, in kopecks.
    #[must_use]
    pub fn turnover(&self) -> i64 {
        self.log.purchases().iter().map(|purchase| purchase.amount).sum()
    }

    /// How many purchases there are.
    #[must_use]
    pub fn purchases(&self) -> usize {
        self.log.of_kind("PurchaseRecorded").count()
    }
}

/// Rule D1 as the design describes it: HMAC-SHA-256 over the parts, each after its length in eight bytes.
fn natural_key(business_id: &str, external_id: &str) -> String {
    let business: uuid::Uuid = business_id.parse().expect("a business's id");
    let mut mac = Hmac::<Sha256>::new_from_slice(DEV_NATURAL_KEY).expect("a key");
    for part in [b"purchase".as_slice(), business.as_bytes(), b"api", external_id.as_bytes()] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    hex::encode(mac.finalize().into_bytes())
}

fn journal_and_log(journal: &Journal, purchases: &[Purchase]) {
    let mut by_key: HashMap<&str, &Purchase> = HashMap::new();
    for purchase in purchases {
        let before = by_key.insert(&purchase.natural_key, purchase);
        assert!(before.is_none(), "a purchase is on the log twice: {before:?} and {purchase:?}");
    }
    for (sale, fate) in journal.all() {
        let found = by_key.remove(natural_key(&sale.business.id, &sale.external_id).as_str());
        match (&fate, found) {
            (Fate::Recorded { transaction_id }, Some(found)) => {
                assert_eq!(*transaction_id, found.purchase_id, "{sale:?}");
            }
            (Fate::Recorded { .. }, None) => panic!("acknowledged, and not on the log: {sale:?}"),
            (Fate::Refused(why), Some(found)) => panic!("refused ({why}), and on the log: {found:?}"),
            (Fate::Refused(_) | Fate::Unknown, _) => {}
        }
        if let Some(found) = found {
            let there = (&found.member, &found.business_id, found.amount, &found.occurred_at);
            let sent = (&sale.member.id, &sale.business.id, sale.kopecks, &sale.occurred_at);
            assert_eq!(there, sent, "{}", sale.external_id);
        }
    }
    assert!(by_key.is_empty(), "on the log, and nobody sent it: {:?}", by_key.values().next());
}

/// Every checkpoint holds, and where somebody seals, all of the log is sealed.
async fn sealed(site: &Site, ledger: &PgPool, log: &Log) {
    let head = i64::try_from(log.events.len()).expect("a number");
    if site.has(Role::Seal) {
        let look = || async {
            let sealed = sqlx::query_scalar("SELECT coalesce(max(tree_size), 0) FROM ledger.checkpoint");
            sealed.fetch_one(ledger).await.expect("checkpoints")
        };
        eventually("the log is sealed", SEALED, look, |sealed: &i64| *sealed >= head).await;
    }
    checkpoints(ledger).await;
}

async fn balances(read: &PgPool, log: &Log) {
    let rows: Vec<(String, i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT member_id::text, available_kopecks, pending_kopecks, held_kopecks, debt_kopecks
         FROM balances.member_balances",
    )
    .fetch_all(read)
    .await
    .expect("balances");
    let lots: Vec<(String, bool, i64)> = sqlx::query_as(
        "SELECT member_id::text, pending, sum(left_kopecks)::bigint FROM balances.lots GROUP BY 1, 2",
    )
    .fetch_all(read)
    .await
    .expect("lots");
    let wanted: BTreeMap<String, (i64, i64, i64, i64)> = log
        .holdings()
        .into_iter()
        .map(|(member, has)| (member, (has.available, has.pending, 0, 0)))
        .collect();
    let found: BTreeMap<_, _> = rows.into_iter().map(|(member, a, p, h, d)| (member, (a, p, h, d))).collect();
    let has_any = |(_, has): &(&String, &(i64, i64, i64, i64))| **has != (0, 0, 0, 0);
    let with_any = |all: &BTreeMap<String, (i64, i64, i64, i64)>| -> BTreeMap<_, _> {
        all.iter().filter(has_any).map(|(member, has)| (member.clone(), *has)).collect()
    };
    same("balances", &with_any(&found), &with_any(&wanted));
    let mut by_lots: BTreeMap<String, (i64, i64, i64, i64)> = BTreeMap::new();
    for (member, pending, sum) in lots {
        let has = by_lots.entry(member).or_default();
        if pending { has.1 += sum } else { has.0 += sum }
    }
    same("lots", &by_lots, &with_any(&wanted));
}

async fn history(read: &PgPool, log: &Log) {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT member_id::text, type, sum(amount_kopecks)::bigint FROM history.lines GROUP BY 1, 2",
    )
    .fetch_all(read)
    .await
    .expect("history");
    let found: BTreeMap<_, _> = rows.into_iter().map(|(member, kind, sum)| ((member, kind), sum)).collect();
    let mut wanted: BTreeMap<(String, String), i64> = BTreeMap::new();
    for (event, kind) in [("BonusAccrued", "earned"), ("BonusExpired", "expired")] {
        for event in log.of_kind(event) {
            let sum = wanted.entry((event.stream.clone(), kind.to_owned())).or_default();
            *sum += kopecks(event.payload["amount"].as_str().expect("an amount"));
        }
    }
    wanted.retain(|_, sum| *sum != 0);
    same("history", &found, &wanted);
    let totals: Vec<(String, i64)> = sqlx::query_as(
        "SELECT DISTINCT ON (member_id) member_id::text, balance_after_kopecks FROM history.lines
         ORDER BY member_id, position DESC",
    )
    .fetch_all(read)
    .await
    .expect("history");
    let holdings = log.holdings();
    for (member, after) in totals {
        let has = holdings.get(&member).copied().unwrap_or_default();
        assert_eq!(after, has.available + has.pending, "the newest balance in the history of {member}");
    }
}

async fn directory(read: &PgPool, purchases: &[Purchase]) {
    let rows: Vec<(i64, String, String, String, i64, i64)> = sqlx::query_as(
        "SELECT position, purchase_id::text, business_id::text, member_id::text, amount_kopecks, bonuses_kopecks
         FROM directory.purchases",
    )
    .fetch_all(read)
    .await
    .expect("directory");
    let found: BTreeMap<_, _> = rows.into_iter().map(|row| (row.0, row)).collect();
    let row = |p: &Purchase| {
        (p.position, p.purchase_id.clone(), p.business_id.clone(), p.member.clone(), p.amount, p.bonuses)
    };
    same("directory", &found, &purchases.iter().map(|purchase| (purchase.position, row(purchase))).collect());
}

async fn bills(read: &PgPool, purchases: &[Purchase]) {
    let rows: Vec<(i64, String, String, i64, bool)> = sqlx::query_as(
        "SELECT position, purchase_id::text, member_id::text, amount_kopecks, medical FROM statuses.bills",
    )
    .fetch_all(read)
    .await
    .expect("bills");
    let found: BTreeMap<_, _> = rows.into_iter().map(|row| (row.0, row)).collect();
    let row = |p: &Purchase| (p.position, p.purchase_id.clone(), p.member.clone(), p.amount, p.medical);
    same("bills", &found, &purchases.iter().map(|purchase| (purchase.position, row(purchase))).collect());
}

async fn warehouse(warehouse: &Warehouse, log: &Log, purchases: &[Purchase], duplicates: Duplicates) {
    let facts = warehouse
        .rows(
            "SELECT position, transaction_id, member_id, business_id, amount, bonus_accrued
             FROM transaction_facts FINAL ORDER BY position",
        )
        .await;
    let found: BTreeMap<i64, (String, String, String, i64, i64)> = facts
        .iter()
        .map(|row| {
            let fact = (row[1].clone(), row[2].clone(), row[3].clone(), kopecks(&row[4]), kopecks(&row[5]));
            (row[0].parse().expect("a position"), fact)
        })
        .collect();
    assert_eq!(found.len(), facts.len(), "a fact of ClickHouse is there twice, even merged");
    let ordinary: Vec<&Purchase> = purchases.iter().filter(|purchase| !purchase.medical).collect();
    let fact =
        |p: &Purchase| (p.purchase_id.clone(), p.member.clone(), p.business_id.clone(), p.amount, p.bonuses);
    same("transaction_facts", &found, &ordinary.iter().map(|p| (p.position, fact(p))).collect());

    let query = "SELECT position, kind, lot_id, amount FROM bonus_movements FINAL";
    let rows = warehouse.rows(query).await;
    let mut found: Vec<(i64, String, String, i64)> = rows
        .into_iter()
        .map(|row| (row[0].parse().expect("a position"), row[1].clone(), row[2].clone(), kopecks(&row[3])))
        .collect();
    found.sort();
    let wanted: Vec<_> =
        log.movements().into_iter().map(|m| (m.position, m.kind.to_owned(), m.lot, m.amount)).collect();
    assert_eq!(found.len(), wanted.len(), "bonus_movements");
    if let Some((there, want)) = found.iter().zip(&wanted).find(|(there, want)| there != want) {
        panic!("bonus_movements: {there:?} instead of {want:?}");
    }

    let days = warehouse
        .rows("SELECT business_id, sum(purchases), sum(revenue), sum(bonuses_accrued) FROM business_days GROUP BY 1")
        .await;
    let found: BTreeMap<String, (i64, i64, i64)> = days
        .into_iter()
        .map(|row| (row[0].clone(), (row[1].parse().expect("a count"), kopecks(&row[2]), kopecks(&row[3]))))
        .collect();
    let mut wanted: BTreeMap<String, (i64, i64, i64)> = BTreeMap::new();
    for purchase in &ordinary {
        let day = wanted.entry(purchase.business_id.clone()).or_default();
        *day = (day.0 + 1, day.1 + purchase.amount, day.2 + purchase.bonuses);
    }
    same("business_days", &found, &wanted);
    if duplicates == Duplicates::None {
        let raw = warehouse.value("SELECT count() FROM transaction_facts").await;
        assert_eq!(raw, ordinary.len().to_string(), "rows of transaction_facts before any merge");
    }
}

fn same<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    what: &str,
    found: &BTreeMap<K, V>,
    wanted: &BTreeMap<K, V>,
) {
    for (key, want) in wanted {
        assert_eq!(found.get(key), Some(want), "{what}: {key:?}");
    }
    if let Some((key, extra)) = found.iter().find(|(key, _)| !wanted.contains_key(*key)) {
        panic!("{what}: {key:?} is there and should not be: {extra:?}");
    }
}
