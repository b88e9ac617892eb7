//! What a person reads.

use std::io::Write;

use sqlx::{Connection, PgConnection};

use crate::error::BenchError;
use crate::load::Figures;
use crate::setup::{Bench, Drain};

/// Prints a line; a reader that went away is no error.
pub(crate) fn line(text: &str) {
    let _gone = writeln!(std::io::stdout(), "{text}");
}

/// What it runs on.
pub(crate) async fn machine(bench: &Bench) -> Result<(), BenchError> {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let mut db = PgConnection::connect(&bench.baseline_url).await?;
    let version: String = sqlx::query_scalar("SHOW server_version").fetch_one(&mut db).await?;
    let settings: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, setting FROM pg_settings
         WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers') ORDER BY name",
    )
    .fetch_all(&mut db)
    .await?;
    let settings: Vec<String> = settings.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    line(&format!("{cores} cores; PostgreSQL {version}: {}", settings.join(", ")));
    Ok(db.close().await?)
}

/// The head of a round.
pub(crate) fn round(round: u32, rounds: u32) {
    line(&format!("\nround {round} of {rounds}"));
}

/// The load beside single-row inserts at the same concurrency.
pub(crate) fn against(connections: usize, insert: &Figures, load: &Figures) {
    line(&format!("\n{connections} connections"));
    figures("  1-row INSERT ", insert);
    figures("  purchases    ", load);
    line(&format!("  ratio         {:.2} × the 1-row INSERT", load.per_second / insert.per_second));
}

/// One hot member beside distinct ones.
pub(crate) fn hot(distinct: &Figures, hot: &Figures) {
    line("\none hot member, 16 connections");
    figures("  distinct     ", distinct);
    figures("  one member   ", hot);
    line(&format!("  ratio         {:.2} × distinct members", hot.per_second / distinct.per_second));
}

/// The batch endpoint beside UNNEST.
pub(crate) fn batches(unnest: &Figures, batches: &Figures) {
    line("\nbatches of 1,000 a call, 4 connections; UNNEST of 500 rows, 4 connections");
    figures("  UNNEST rows  ", unnest);
    figures("  purchases    ", batches);
    let events = 2.0 * batches.per_second;
    line(&format!("  ratio         {:.2} in events (two a purchase)", events / unnest.per_second));
}

/// How fast the projectors caught up.
pub(crate) fn drain(_bench: &Bench, drain: &Drain) {
    let what = "\nrelay, all projections and ClickHouse from nothing to the head";
    rate(what, drain.events, drain.elapsed);
}

/// How fast a part of the whole was.
pub(crate) fn rate(name: &str, events: i64, elapsed: std::time::Duration) {
    let seconds = elapsed.as_secs_f64();
    let each = f64::from(u32::try_from(events).unwrap_or(u32::MAX)) / seconds;
    line(&format!("{name}: {events} events in {seconds:.1} s, {each:.0}/s"));
}

/// What a process takes of memory now, and took at most.
pub(crate) fn memory(name: &str, pid: Option<u32>) {
    let Some(pid) = pid else { return };
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { return };
    let of = |field: &str| {
        let line = status.lines().find(|line| line.starts_with(field));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) / 1_024
    };
    line(&format!("  {name}: {} MB of memory, {} MB at most", of("VmRSS:"), of("VmHWM:")));
}

fn figures(name: &str, figures: &Figures) {
    let ms = |quantile: f64| {
        let micros = u32::try_from(figures.latency.value_at_quantile(quantile)).unwrap_or(u32::MAX);
        f64::from(micros) / 1_000.0
    };
    line(&format!(
        "{name} {:>8.0}/s   p50 {:>7.2} ms  p95 {:>7.2}  p99 {:>7.2}  p99.9 {:>7.2}   {:>6.0} fsyncs/s, {:>6.1} each, {:.0} B WAL",
        figures.per_second,
        ms(0.50),
        ms(0.95),
        ms(0.99),
        ms(0.999),
        figures.syncs_per_second,
        figures.per_sync,
        figures.wal_bytes_each
    ));
    let cores: Vec<String> =
        figures.cores.iter().take(6).map(|(name, cores)| format!("{name} {cores:.2}")).collect();
    line(&format!("                cores: {}", cores.join(", ")));
}
