//! What ClickHouse holds against what it is to hold: what is as large as there are members row by row, the rest in sums.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;

use clickhouse::Client;
use ledger_core::log::Position;
use ledger_warehouse::{Balance, Businesses, Held, KINDS, Purchases, Sum, balances, facts, held};
use uuid::Uuid;

use super::{ANSWER_MAX, Expected, Warehouse, within};
use crate::database::block_on;
use crate::error::AuditError;

/// Who hears of differences, one by one.
type Differs<'a> = dyn FnMut(String) + 'a;

impl Warehouse {
    /// Compares `expected`, folded up to [`Warehouse::cut`]; `differs` hears what ClickHouse says otherwise. Tells what was compared.
    ///
    /// # Errors
    /// [`AuditError`] when ClickHouse is away.
    pub fn compare(&self, expected: Expected, differs: &mut Differs<'_>) -> Result<String, AuditError> {
        block_on(async {
            let client = self.address.client();
            let Expected { cut, leaf, purchases, balances, postings, movements, triggers, businesses } =
                expected;
            let until = cut.until;
            if let Some(leaf) = leaf.map(hex::encode).filter(|leaf| *leaf != self.seen.leaf_hash) {
                let (at, there) = (cut.at, &self.seen.leaf_hash);
                differs(format!(
                    "ClickHouse was told that the leaf hash of position {at} is {there}, here it is {leaf}"
                ));
            }
            if self.seen.has_another {
                differs("ClickHouse has been sent something of another log as well".to_owned());
            }
            let (members, by_business) = (balances.len(), by_business(&purchases));
            each_purchase(&client, until, purchases, &businesses, differs).await?;
            each_balance(&client, until, balances, differs).await?;
            let held = within(ANSWER_MAX, held(&client, until)).await?;
            purchases_in_all(&by_business, &held, &businesses, differs);
            for ((kind, log), there) in KINDS.iter().zip(&movements).zip(&held.movements) {
                differ(format!("movements of bonuses, {kind}"), log, there, differs);
            }
            differ("movements of bonuses of other kinds", &0, &held.unknown, differs);
            each_account(&postings, &held.postings, differs);
            let triggers = triggers.ordinary(&businesses);
            differ("triggers of chains, and held out", &triggers, &held.triggers, differs);
            let count: i128 = by_business.values().map(|sums| sums.count).sum();
            Ok(format!(
                "Compared with ClickHouse up to position {until}, of what is no medical secret: {count} purchases, the balances of {members} \
                 members, movements, postings, daily statistics and triggers of chains; sums, and not every column of each row. Not \
                 compared: rows after that position, changes of bills, facts of chains but their triggers, which accounts are one, and \
                 how many customers a day had."
            ))
        })
    }
}

/// Tells a difference, if there is one.
fn differ<T: Display + PartialEq>(what: impl Display, log: &T, there: &T, differs: &mut Differs<'_>) {
    if log != there {
        differs(format!("{what}: the log says {log}, ClickHouse {there}"));
    }
}

fn by_business(purchases: &HashMap<(Uuid, Uuid), Purchases>) -> BTreeMap<Uuid, Purchases> {
    let mut all = BTreeMap::<Uuid, Purchases>::new();
    purchases.iter().for_each(|((_, business), sums)| all.entry(*business).or_default().add(*sums));
    all
}

/// What a business is called in a report; of a clinic only that it is one.
fn name(businesses: &Businesses, id: Uuid) -> String {
    match businesses.get(&id) {
        Some((slug, false)) => slug.clone(),
        Some((_, true)) => "a medical business".to_owned(),
        None => format!("business {id}, which nobody registered"),
    }
}

async fn each_purchase(
    client: &Client,
    until: Position,
    mut log: HashMap<(Uuid, Uuid), Purchases>,
    businesses: &Businesses,
    differs: &mut Differs<'_>,
) -> Result<(), AuditError> {
    let what = |member: Uuid, business: Uuid| {
        format!("purchases of member {member} at {}", name(businesses, business))
    };
    let each = |member: Uuid, business: Uuid, there: Purchases| {
        let log = log.remove(&(member, business)).unwrap_or_default();
        if log != there {
            differ(what(member, business), &log, &there, differs);
        }
    };
    within(ANSWER_MAX, facts(client, until, each)).await?;
    let mut missing: Vec<((Uuid, Uuid), Purchases)> = log.into_iter().collect();
    missing.sort_unstable_by_key(|(key, _)| *key);
    for ((member, business), log) in missing {
        differ(what(member, business), &log, &Purchases::default(), differs);
    }
    Ok(())
}

async fn each_balance(
    client: &Client,
    until: Position,
    mut log: HashMap<Uuid, Balance>,
    differs: &mut Differs<'_>,
) -> Result<(), AuditError> {
    let mut differ = |member: Uuid, log: Balance, there: Balance| {
        if log != there {
            differs(format!("balance of member {member}: the log says {log:?}, ClickHouse {there:?}"));
        }
    };
    let each = |member: Uuid, there: Balance| {
        differ(member, log.remove(&member).unwrap_or_default(), there);
    };
    within(ANSWER_MAX, balances(client, until, each)).await?;
    let mut missing: Vec<(Uuid, Balance)> = log.into_iter().collect();
    missing.sort_unstable_by_key(|(member, _)| *member);
    missing.into_iter().for_each(|(member, log)| differ(member, log, Balance::default()));
    Ok(())
}

/// A purchase that is there twice, and what the daily statistics make of them.
fn purchases_in_all(
    log: &BTreeMap<Uuid, Purchases>,
    held: &Held,
    businesses: &Businesses,
    differs: &mut Differs<'_>,
) {
    let count: i128 = log.values().map(|sums| sums.count).sum();
    differ("different purchases", &count, &held.distinct, differs);
    let all: BTreeSet<&Uuid> = log.keys().chain(held.days.keys()).collect();
    for id in all {
        let of = |sums: &BTreeMap<Uuid, Purchases>| sums.get(id).copied().unwrap_or_default();
        let what = format!("daily statistics of {}", name(businesses, *id));
        differ(what, &of(log), &of(&held.days), differs);
    }
}

fn each_account(
    log: &BTreeMap<(String, String), Sum>,
    there: &BTreeMap<(String, String), Sum>,
    differs: &mut Differs<'_>,
) {
    let mut keys: Vec<&(String, String)> = log.keys().chain(there.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let of = |sums: &BTreeMap<(String, String), Sum>| sums.get(key).copied().unwrap_or_default();
        let (unit, account) = key;
        differ(format!("postings in {unit} to {account}"), &of(log), &of(there), differs);
    }
}
