//! On a large log: each part that follows it alone, the daily review, and the service before and after.
//!
//! The order matters: the review comes before the balances are built, so that no expiry of bonuses runs beside it.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use ledger_ops::clock::Clock;
use local_stack::{Process, ProcessOptions};
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::error::BenchError;
use crate::load::{self, Target};
use crate::setup::{Bench, READY};
use crate::{baseline, report, seed};

/// How long a part is watched whose whole way is not needed.
const WATCHED: Duration = Duration::from_secs(30);
/// How long anything may take.
const LONGEST: Duration = Duration::from_secs(3_600);
/// A part that does not move for so long has everything.
const STILL: Duration = Duration::from_secs(3);
/// How often to look.
const LOOK: Duration = Duration::from_millis(50);
/// How often to say how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(30);
/// Connections of the load before and after.
const CONNECTIONS: usize = 64;

/// The databases as the processes see them.
pub(crate) struct Databases {
    log: PgPool,
    pub(crate) read: PgPool,
}

/// Seeds `members` more, and measures.
pub(crate) async fn measure(bench: &mut Bench, members: u64, limit: Duration) -> Result<(), BenchError> {
    let databases = Databases::open(bench).await?;
    service(bench, "an almost empty log", limit).await?;
    let (events, elapsed) = seed::seed(databases.log.clone(), members).await?;
    report::rate("seeded through the store, as an import", events, elapsed);
    let seal = bench.installation.start(ProcessOptions::new("seal", "projectors", ["seal"]))?;
    databases.watch("seal, for the first time", Part::Seal, seal).await?;
    let from_log = ["project", "statuses", "--source", "log"];
    let statuses = bench.installation.start(ProcessOptions::new("statuses", "projectors", from_log))?;
    databases.wait("statuses, from the log", Part::ReadModel("statuses")).await?;
    review(bench, &databases).await?;
    drop(statuses);
    let relay = bench.installation.start(ProcessOptions::new("relay", "projectors", ["relay"]))?;
    databases.watch("relay", Part::Relay, relay).await?;
    for name in ["balances", "history", "journal", "directory"] {
        let arguments = ["project", name];
        let process = bench.installation.start(ProcessOptions::new(name, "projectors", arguments))?;
        databases.watch(name, Part::ReadModel(name), process).await?;
    }
    let analytics =
        bench.installation.start(ProcessOptions::new("analytics", "projectors", ["analytics"]))?;
    databases.watch("analytics", Part::ReadModel("analytics"), analytics).await?;
    restart(bench).await?;
    service(bench, "the large log, when no member is in memory", limit).await?;
    service(bench, "the large log", limit).await
}

/// What is waited for.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Relay,
    Seal,
    ReadModel(&'static str),
}

impl Databases {
    /// Those of the benchmark's installation.
    pub(crate) async fn open(bench: &Bench) -> Result<Self, BenchError> {
        let url = |name: &str| bench.installation.settings().get(name).cloned().unwrap_or_default();
        Ok(Self {
            log: PgPoolOptions::new().max_connections(4).connect(&url("OWN_CIRCLE__LEDGER__URL")).await?,
            read: PgPoolOptions::new().max_connections(2).connect(&url("OWN_CIRCLE__READ__URL")).await?,
        })
    }

    pub(crate) async fn head(&self) -> Result<i64, BenchError> {
        Ok(sqlx::query_scalar("SELECT position FROM ledger.log_head").fetch_one(&self.log).await?)
    }

    pub(crate) async fn passed(&self, part: Part) -> Result<i64, BenchError> {
        let passed = match part {
            Part::Relay => {
                let least = "SELECT coalesce(min(log_position), 0) FROM ledger.relay_checkpoint";
                sqlx::query_scalar(least).fetch_one(&self.log).await?
            }
            Part::Seal => {
                let sealed = "SELECT coalesce(max(tree_size), 0) FROM ledger.checkpoint";
                sqlx::query_scalar(sealed).fetch_one(&self.log).await?
            }
            Part::ReadModel(name) => {
                let is_there = "SELECT to_regclass('projectors.progress') IS NOT NULL";
                if !sqlx::query_scalar::<_, bool>(is_there).fetch_one(&self.read).await? {
                    return Ok(0);
                }
                let passed = sqlx::query_scalar("SELECT passed FROM projectors.progress WHERE name = $1");
                passed.bind(name).fetch_optional(&self.read).await?.unwrap_or(0)
            }
        };
        Ok(passed)
    }

    /// Waits for the first of `part`: its start does not count.
    async fn begun(&self, part: Part) -> Result<(i64, Instant), BenchError> {
        let started = Instant::now();
        loop {
            let passed = self.passed(part).await?;
            if passed > 0 {
                return Ok((passed, Instant::now()));
            }
            until(started, "nothing is done")?;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until `part` has everything.
    pub(crate) async fn wait(&self, name: &str, part: Part) -> Result<(), BenchError> {
        let head = self.head().await?;
        let (first, began) = self.begun(part).await?;
        let mut told = Instant::now();
        loop {
            let passed = self.passed(part).await?;
            if passed >= head {
                report::rate(name, passed - first, began.elapsed());
                return Ok(());
            }
            if told.elapsed() > TOLD_EVERY {
                report::line(&format!("  {name}: {passed} of {head}"));
                told = Instant::now();
            }
            until(began, "it has not everything")?;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// How long `part` takes from the first position after `from` to `head`: its start does not count.
    pub(crate) async fn until(&self, part: Part, (from, head): (i64, i64)) -> Result<Duration, BenchError> {
        let started = Instant::now();
        while self.passed(part).await? <= from {
            until(started, "nothing is done")?;
            tokio::time::sleep(LOOK).await;
        }
        let began = Instant::now();
        while self.passed(part).await? < head {
            until(began, "it has not everything")?;
            tokio::time::sleep(LOOK).await;
        }
        Ok(began.elapsed())
    }

    /// Watches a part at work for a while, or until it has all there is: what comes after the last watermark of a relay that
    /// was stopped is never known to be all.
    async fn watch(&self, name: &str, part: Part, process: Process) -> Result<(), BenchError> {
        let (first, began) = self.begun(part).await?;
        let (mut last, mut moved) = (first, began);
        while began.elapsed() < WATCHED && moved.elapsed() < STILL {
            let passed = self.passed(part).await?;
            if passed > last {
                (last, moved) = (passed, Instant::now());
            }
            tokio::time::sleep(LOOK).await;
        }
        report::rate(name, last - first, moved - began);
        drop(process);
        Ok(())
    }

    /// Notes that the review was done a day ago, as it is every day.
    async fn reviewed_yesterday(&self) -> Result<(), BenchError> {
        let yesterday = Clock::machine_now().minus(TimeDelta::days(1));
        let position = self.head().await?;
        let memory = json!({
            "day": yesterday.moscow_day(), "at": yesterday, "position": position, "policy_version": 1,
            "categories": ["beauty_salon", "gastronomy", "floristry"],
        });
        sqlx::query(
            "INSERT INTO projectors.reactor_status (name, done_through, log_position, memory)
             VALUES ('review', $1, $2, $3)",
        )
        .bind(yesterday.to_utc())
        .bind(position)
        .bind(memory)
        .execute(&self.read)
        .await?;
        Ok(())
    }

    /// Waits until the review has been done after `at`, in microseconds.
    async fn reviewed(&self, began: Instant, at: i64) -> Result<Duration, BenchError> {
        loop {
            let through = sqlx::query_scalar::<_, i64>(
                "SELECT (extract(epoch FROM done_through) * 1000000)::bigint FROM projectors.reactor_status
                 WHERE name = 'review'",
            );
            if through.fetch_optional(&self.read).await?.is_some_and(|through| through >= at) {
                return Ok(began.elapsed());
            }
            until(began, "the review is not done")?;
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// The review of a day like others: of who may change since the day before.
async fn review(bench: &Bench, databases: &Databases) -> Result<(), BenchError> {
    databases.reviewed_yesterday().await?;
    let (before, now) = (databases.head().await?, Clock::machine_now());
    let began = Instant::now();
    let schedule = bench.installation.start(ProcessOptions::new("schedule", "projectors", ["schedule"]))?;
    let elapsed = databases.reviewed(began, now.micros()).await?;
    let facts = databases.head().await? - before;
    report::line(&format!("daily review: {:.1} s, {facts} facts written", elapsed.as_secs_f64()));
    drop(schedule);
    Ok(())
}

/// Single purchases beside single-row inserts.
async fn service(bench: &Bench, on: &str, limit: Duration) -> Result<(), BenchError> {
    report::line(&format!("\non {on}"));
    let insert = baseline::single_rows(&bench.baseline_url, CONNECTIONS, limit).await?;
    let purchases = load::measure(bench, Target::Members, CONNECTIONS, limit).await?;
    report::against(CONNECTIONS, &insert, &purchases);
    report::memory("ledger-api", bench.api.pid());
    Ok(())
}

/// The service, from its start until it is ready.
async fn restart(bench: &mut Bench) -> Result<(), BenchError> {
    bench.api.terminate(READY)?;
    let began = Instant::now();
    bench.api.restart()?;
    bench.api.wait_ready(&format!("{}/health/live", bench.base), READY)?;
    report::line(&format!("\nledger-api is up again in {:.2} s", began.elapsed().as_secs_f64()));
    Ok(())
}

fn until(began: Instant, what: &str) -> Result<(), BenchError> {
    if began.elapsed() > LONGEST {
        return Err(BenchError::TooLong(format!("{what} after {} s", LONGEST.as_secs())));
    }
    Ok(())
}
