//! Folds the log and compares, to the kopeck: log = read models = ClickHouse; and the ledger's standing invariants.
//!
//! Why it can be believed: the fold here is `ledger_core`'s, run over the log's own rows, and shares nothing with the
//! projections but that crate. Every member is compared by herself, and whole tables are summed besides, so that rows of
//! nobody show too. All sides are judged at the place they had when the check began, so it works while the ledger runs.
//!
//! Bounds: one member's state and [`MEMBERS_AT_ONCE`] expectations at a time; of ClickHouse, the directory and the journal
//! one small sum per member and business or account, about 100 bytes each.

mod accounts;
mod clickhouse;
pub mod command;
mod compare;
mod coupons;
mod fold;
mod read_models;
mod report;
mod stream;
#[cfg(test)]
mod tests;

pub use report::{Line, Report};

use std::collections::BTreeMap;
use std::time::Duration;

use ::clickhouse::Client;
use ledger_core::log::{Position, partition_of};
use ledger_store::log::{count_rewards, read_registry};
use ledger_warehouse::{Businesses, Held, KINDS, Kopecks, Purchases, Sum, Triggers};
use tokio::time::Instant;
use uuid::Uuid;

use self::clickhouse::Facts;
use crate::engine::Options;
use crate::error::ProjectError;
use accounts::Books;
use fold::{Broken, Cuts, Expected};
use read_models::{MODELS, Snapshot};

/// How many members are compared at once.
const MEMBERS_AT_ONCE: usize = 1_000;

/// How often to look whether projections have caught up.
const LOOK: Duration = Duration::from_millis(100);

/// Compares everything; waits up to `wait` until all sides have passed the head of the log as it is now. `told` hears
/// (events folded, events in all) now and then.
///
/// # Errors
/// What keeps it from deciding: a server that is away, or a side that is behind ([`ProjectError::Setup`] names it).
pub async fn check(
    options: &Options,
    client: &Client,
    wait: Duration,
    told: &mut (dyn FnMut(Position, Position) + Send),
) -> Result<Report, ProjectError> {
    let mut snapshot = caught_up(options, wait).await?;
    let passed = snapshot.passed().await?;
    let clickhouse_passed = snapshot.clickhouse_passed().await?;
    let newest = passed.iter().flatten().copied().max().unwrap_or(0).max(clickhouse_passed);
    let cuts = |member: Uuid| {
        let at = |model: usize| -> Position {
            let partitions = i32::try_from(passed[model].len()).unwrap_or(i32::MAX);
            let index = usize::try_from(partition_of(member, partitions)).unwrap_or(0);
            passed[model].get(index).copied().unwrap_or(0)
        };
        Cuts {
            balances: at(0),
            history: at(1),
            statuses: at(2),
            directory: at(3),
            journal: at(4),
            clickhouse: clickhouse_passed,
        }
    };
    let (sent, held) = clickhouse::asked(client, clickhouse_passed).await?;
    let directory = snapshot.purchases().await?;
    let mut books = Books::of(snapshot.accounts().await?);
    let mut report = Report { position: newest, ..Report::default() };
    let mut totals = Totals::default();
    let mut members = stream::Members::of(options.log.pool().clone(), newest);
    let mut folded = 0;
    loop {
        let batch = members.next(MEMBERS_AT_ONCE, &cuts).await?;
        if batch.is_empty() {
            break;
        }
        let ids: Vec<Uuid> = batch.iter().map(|(member, _)| *member).collect();
        let models = snapshot.of(&ids).await?;
        for (member, expected) in &batch {
            compare::read_models(*member, expected, &models, &mut report);
            let of_directory = directory.get(member);
            if !expected.merges {
                compare::purchases(*member, "directory", &expected.purchases, of_directory, &mut report);
            }
            compare::purchases(*member, "ClickHouse", &expected.facts, sent.get(member), &mut report);
            books.member(*member, expected, &mut report);
            totals.add(expected);
        }
        report.members += u64::try_from(ids.len()).unwrap_or(0);
        folded = members.events().max(folded);
        told(folded, newest);
    }
    let registry = read_registry(options.log.pool(), newest).await.map_err(crate::source::failure)?;
    let given = |stored: &&crate::source::StoredRow| {
        matches!(stored.row.event_type.as_str(), "ChainRewardIssued" | "OfferCouponIssued")
    };
    let elsewhere = registry.iter().filter(|stored| !given(stored)).count();
    let rewards = count_rewards(options.log.pool(), newest).await.map_err(crate::source::failure)?;
    let events = members.events() + rewards + i64::try_from(elsewhere).unwrap_or(0);
    totals.gaps = u64::from(events != newest);
    let whole = snapshot.whole().await?;
    totals.report(&mut report, &whole, (&directory, &sent), &held, &names(&registry));
    books.close(&snapshot.totals().await?, whole.outstanding, &held.postings, &mut report);
    Ok(report.close())
}

/// A snapshot of the read database in which every side has passed the head of the log.
async fn caught_up(options: &Options, wait: Duration) -> Result<Snapshot, ProjectError> {
    let head = options.log.head().await?;
    let until = Instant::now() + wait;
    loop {
        let mut snapshot = Snapshot::take(&options.read).await?;
        let behind = match behind(&mut snapshot, head).await {
            Ok(None) => return Ok(snapshot),
            Ok(Some(behind)) => behind,
            // A read model that was never begun has no tables yet.
            Err(ProjectError::Database(sqlx::Error::Database(error)))
                if error.code().as_deref() == Some("42P01") =>
            {
                "a read model has no tables yet: is `projectors all` running?".to_owned()
            }
            Err(error) => return Err(error),
        };
        drop(snapshot);
        if Instant::now() >= until {
            let why = not_running(options).await;
            return Err(ProjectError::Setup(format!("cannot decide: {behind}{why}")));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Who does not follow the log at the moment, and what it says of it.
async fn not_running(options: &Options) -> String {
    let select = "SELECT name || ' is ' || state || coalesce(': ' || reason, '') FROM projectors.progress \
                  WHERE state <> 'running' ORDER BY name";
    // Before anybody followed it there is no such table.
    let told: Vec<String> = sqlx::query_scalar(select).fetch_all(&options.read).await.unwrap_or_default();
    told.iter().map(|one| format!("; {one}")).collect()
}

/// Which side has not passed `head`.
async fn behind(snapshot: &mut Snapshot, head: Position) -> Result<Option<String>, ProjectError> {
    let passed = snapshot.passed().await?;
    for (name, partitions) in MODELS.iter().zip(&passed) {
        let least = partitions.iter().copied().min().unwrap_or(0);
        if least < head {
            return Ok(Some(format!("{name} has passed {least}, the log is at {head}")));
        }
    }
    let least = snapshot.clickhouse_passed().await?;
    Ok((least < head).then(|| format!("analytics has passed {least}, the log is at {head}")))
}

/// Short names and confidentiality of businesses, from the log.
fn names(registry: &[crate::source::StoredRow]) -> Businesses {
    use ledger_core::business::event::BusinessEvent;
    use ledger_core::category::Confidentiality;
    use ledger_core::log::Event;
    let name = |stored: &crate::source::StoredRow| match stored.row.event() {
        Ok(Event::Business(BusinessEvent::BusinessRegistered(fact))) => {
            let medical = fact.confidentiality == Confidentiality::Medical;
            Some((fact.business_id.as_uuid(), (fact.slug.as_str().to_owned(), medical)))
        }
        Ok(_) | Err(_) => None,
    };
    registry.iter().filter_map(name).collect()
}

/// What the log says of all members together.
#[derive(Debug, Default)]
struct Totals {
    available: i128,
    pending: i128,
    held: i128,
    debt: i128,
    lots: Sum,
    total: i128,
    bills: Purchases,
    purchases: BTreeMap<Uuid, Purchases>,
    facts: BTreeMap<Uuid, Purchases>,
    movements: [Sum; KINDS.len()],
    triggers: Triggers,
    broken: Broken,
    gaps: u64,
}

fn merge(into: &mut BTreeMap<Uuid, Purchases>, from: &BTreeMap<Uuid, Purchases>) {
    for (business, sums) in from {
        into.entry(*business).or_default().add(*sums);
    }
}

/// The sums by business of sums by member and business.
fn by_business<'a>(
    members: impl Iterator<Item = &'a BTreeMap<Uuid, Purchases>>,
) -> BTreeMap<Uuid, Purchases> {
    let mut all = BTreeMap::new();
    members.for_each(|sums| merge(&mut all, sums));
    all
}

fn all(sums: &BTreeMap<Uuid, Purchases>) -> Purchases {
    let mut whole = Purchases::default();
    sums.values().for_each(|sum| whole.add(*sum));
    whole
}

impl Totals {
    fn add(&mut self, expected: &Expected) {
        self.available += expected.available;
        self.pending += expected.pending;
        self.held += expected.held;
        self.debt += expected.debt;
        for lot in expected.lots.values() {
            self.lots.add(lot.left.kopecks());
            self.lots.amount += i128::from(lot.held.kopecks());
        }
        self.total += expected.total;
        self.bills.add(expected.bills);
        merge(&mut self.purchases, &expected.purchases);
        merge(&mut self.facts, &expected.facts);
        for (whole, one) in self.movements.iter_mut().zip(&expected.movements) {
            whole.count += one.count;
            whole.amount += one.amount;
        }
        self.triggers.add(&expected.triggers);
        self.broken.unbalanced += expected.broken.unbalanced;
        self.broken.float += expected.broken.float;
        self.broken.lots += expected.broken.lots;
        self.broken.corrupt += expected.broken.corrupt;
    }

    fn report(
        &self,
        report: &mut Report,
        whole: &read_models::Whole,
        (directory, sent): (&Facts, &Facts),
        held: &Held,
        names: &Businesses,
    ) {
        report.compare("members", &report.members.clone(), Some(&whole.members), None);
        let there = by_business(directory.values());
        let facts = by_business(sent.values());
        report.purchases("all", &all(&self.purchases), [Some(all(&there)), None]);
        report.purchases("ordinary", &all(&self.facts), [None, Some(all(&facts))]);
        report.purchases("daily statistics", &all(&self.facts), [None, Some(all(&held.days))]);
        report.compare("different purchases", &all(&self.facts).count, None, Some(&held.distinct));
        self.report_businesses(report, &there, &facts, &held.days, names);
        let bills = Sum { count: whole.bills.into(), amount: whole.bill_kopecks.into() };
        let of_log = Sum { count: self.bills.count, amount: self.bills.amount };
        report.compare("bills for statuses", &of_log, Some(&bills), None);
        let kopecks = |value: i64| Kopecks(value.into());
        report.compare("bonuses available", &Kopecks(self.available), Some(&kopecks(whole.available)), None);
        report.compare("bonuses pending", &Kopecks(self.pending), Some(&kopecks(whole.pending)), None);
        report.compare("bonuses held", &Kopecks(self.held), Some(&kopecks(whole.held)), None);
        report.compare("bonuses in holds", &Kopecks(self.held), Some(&kopecks(whole.holds)), None);
        report.compare("bonuses owed", &Kopecks(self.debt), Some(&kopecks(whole.debt)), None);
        let lots = Sum { count: whole.lots.into(), amount: whole.lots_left.into() };
        report.compare("live lots", &self.lots, Some(&lots), None);
        report.compare("history totals", &Kopecks(self.total), Some(&kopecks(whole.total)), None);
        for ((kind, log), there) in KINDS.iter().zip(&self.movements).zip(&held.movements) {
            report.compare(format!("movements: {kind}"), log, None, Some(there));
        }
        report.compare("movements: others", &0, None, Some(&held.unknown));
        let triggers = self.triggers.ordinary(names);
        report.compare("triggers of chains, and held out", &triggers, None, Some(&held.triggers));
        report.invariant("positions have no gap", self.gaps);
        report.invariant("every history can be folded", self.broken.corrupt);
        report.invariant("postings sum to zero per unit", self.broken.unbalanced);
        report.invariant("float = available + held", self.broken.float);
        report.invariant("per lot: issued = gone + left", self.broken.lots);
    }

    /// One line per ordinary business; what is a medical secret stays together in one line.
    fn report_businesses(
        &self,
        report: &mut Report,
        directory: &BTreeMap<Uuid, Purchases>,
        facts: &BTreeMap<Uuid, Purchases>,
        days: &BTreeMap<Uuid, Purchases>,
        names: &Businesses,
    ) {
        let of = |sums: &BTreeMap<Uuid, Purchases>, id: &Uuid| sums.get(id).copied().unwrap_or_default();
        let mut medical = [Purchases::default(); 3];
        for (id, (slug, is_medical)) in names {
            let sides = [of(&self.purchases, id), of(directory, id), of(facts, id)];
            if *is_medical {
                medical.iter_mut().zip(sides).for_each(|(all, one)| all.add(one));
                continue;
            }
            let [log, read, click] = sides;
            let (read, click_money) = (read.money(), click.money());
            report.compare(format!("  {slug}, ₽ + bonuses"), &log.money(), Some(&read), Some(&click_money));
            if of(days, id) != click {
                let days = of(days, id);
                report.differs(|| format!("business {slug}: facts {click}, daily statistics {days}"));
            }
        }
        let [log, read, click] = medical;
        report.compare("  medical, never sent", &log.money(), Some(&read.money()), None);
        if click != Purchases::default() {
            report.differs(|| format!("ClickHouse holds purchases at medical businesses: {click}"));
        }
    }
}
