//! What the machine spends: CPU seconds of processes and their children, and write-ahead log figures of PostgreSQL.

use std::collections::BTreeMap;
use std::fs;

use sqlx::{Connection, PgConnection};

use crate::error::BenchError;

/// Clock ticks a second in `/proc`; fixed on Linux.
const TICKS: f64 = 100.0;

/// CPU seconds by name of program.
pub(crate) fn cpu_seconds() -> BTreeMap<String, f64> {
    let mut seconds = BTreeMap::new();
    let Ok(processes) = fs::read_dir("/proc") else { return seconds };
    for process in processes.flatten() {
        let Ok(stat) = fs::read_to_string(process.path().join("stat")) else { continue };
        let Some((start, rest)) = stat.rsplit_once(") ") else { continue };
        let Some((_, name)) = start.split_once('(') else { continue };
        let fields: Vec<&str> = rest.split(' ').collect();
        let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
        *seconds.entry(name.to_owned()).or_insert(0.0) += (ticks(11) + ticks(12)) / TICKS;
    }
    seconds
}

/// What each program spent between two readings, in cores of `elapsed` seconds; those worth naming.
pub(crate) fn cores(
    before: &BTreeMap<String, f64>,
    after: &BTreeMap<String, f64>,
    elapsed: f64,
) -> Vec<(String, f64)> {
    let mut cores: Vec<(String, f64)> = after
        .iter()
        .map(|(name, spent)| (name.clone(), (spent - before.get(name).unwrap_or(&0.0)) / elapsed))
        .filter(|(_, cores)| *cores > 0.02)
        .collect();
    cores.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    cores
}

/// Counters of the write-ahead log.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wal {
    /// Times it was synced to the disk.
    pub(crate) syncs: i64,
    /// Bytes written.
    pub(crate) bytes: i64,
}

/// The counters now.
pub(crate) async fn wal(url: &str) -> Result<Wal, BenchError> {
    let mut db = PgConnection::connect(url).await?;
    let (syncs, bytes) =
        sqlx::query_as("SELECT wal_sync, wal_bytes::bigint FROM pg_stat_wal").fetch_one(&mut db).await?;
    db.close().await?;
    Ok(Wal { syncs, bytes })
}
