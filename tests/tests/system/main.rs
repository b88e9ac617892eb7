//! The whole product on real servers: `ledger-api` and `projectors` as the processes they are, PostgreSQL, Kafka, ClickHouse.
//!
//! Every test has an installation of its own; those that stop or kill a server have servers of their own. After each the
//! audit compares what was sent with the log, the read models and ClickHouse.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod approvals;
mod audited;
mod bad_input;
mod bola;
mod canaries;
mod canary_flows;
mod chains;
mod clock;
mod coupons;
mod crashes;
mod duplicates;
mod erased;
mod fuzz;
mod journey;
mod journey_chains;
mod journey_deaths;
mod journey_plans;
mod journey_told;
mod long_history;
mod medical;
mod medical_figures;
mod merged;
mod of_members;
mod offers;
mod outages;
mod privacy;
mod proof;
mod racing;
mod rebuild;
mod redeeming;
mod replayed;
mod report;
mod report_details;
mod restored;
mod schedules;
mod scope;
mod searching;
mod slow;
mod start;
mod stopped;
mod topic;
mod uplift;
mod vault;
mod whole_path;
mod win_win;
mod witness;
mod words;

use system_tests::system::{Business, Member, Sale, Seeded};

/// A sale of `kopecks` at `occurred_at`.
fn sale(external_id: &str, business: &Business, member: &Member, kopecks: i64, occurred_at: &str) -> Sale {
    Sale {
        external_id: external_id.to_owned(),
        business: business.clone(),
        member: member.clone(),
        kopecks,
        occurred_at: occurred_at.to_owned(),
    }
}

/// Moment number `second` of a stretch of 2026 that is always past: as an import wants them, sorted.
fn past(second: i64) -> String {
    let start = chrono::DateTime::from_timestamp(1_767_225_600, 0).expect("a moment");
    let at = start + chrono::TimeDelta::seconds(second);
    at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// The machine's time.
#[expect(clippy::disallowed_methods, reason = "a test is an edge: it asks what time it is")]
fn machine_now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}

/// How much of something a test does: so much, unless the variable says otherwise.
fn as_many_as(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// A minute ago by the machine's clock: never in the service's future.
fn recently() -> String {
    (machine_now() - chrono::TimeDelta::minutes(1)).format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// Sales of a seeded mix, sorted by time, numbered from `first`.
fn sales(seeded: &Seeded, businesses: &[Business], members: &[Member], first: u64, count: u64) -> Vec<Sale> {
    (first..first + count)
        .map(|number| {
            let kopecks = i64::try_from(1 + seeded.below(500_000)).expect("a small amount");
            let at = past(i64::try_from(number).expect("a small number") * 60);
            sale(&format!("r{number}"), seeded.pick(businesses), seeded.pick(members), kopecks, &at)
        })
        .collect()
}
