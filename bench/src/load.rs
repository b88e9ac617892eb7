//! Load over HTTP: each connection sends a purchase, waits for its answer, sends the next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use hyper::Method;
use uuid::Uuid;

use crate::error::BenchError;
use crate::http::{Connection, refused};
use crate::machine::{self, Wal};
use crate::setup::Bench;

/// Purchases of one call of the batch endpoint.
const BATCH: usize = 1_000;

/// What is bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// Single purchases of members in turn.
    Members,
    /// Single purchases of one member.
    OneMember,
    /// Batches of members in turn.
    Batches,
}

/// What a measurement found.
pub(crate) struct Figures {
    /// Purchases or rows a second.
    pub(crate) per_second: f64,
    /// Latency of a call, in microseconds.
    pub(crate) latency: Histogram<u64>,
    /// Syncs of the write-ahead log a second.
    pub(crate) syncs_per_second: f64,
    /// Purchases or rows a sync.
    pub(crate) per_sync: f64,
    /// Bytes of write-ahead log a purchase or row.
    pub(crate) wal_bytes_each: f64,
    /// Cores used by program.
    pub(crate) cores: Vec<(String, f64)>,
}

impl Figures {
    pub(crate) async fn new(
        url: &str,
        done: u64,
        latency: Histogram<u64>,
        elapsed: Duration,
        before: Wal,
        cpu: &BTreeMap<String, f64>,
    ) -> Result<Self, BenchError> {
        let seconds = elapsed.as_secs_f64();
        let cores = machine::cores(cpu, &machine::cpu_seconds(), seconds);
        let after = machine::wal(url).await?;
        let syncs = as_f64(after.syncs - before.syncs);
        let done = as_f64(i64::try_from(done).unwrap_or(i64::MAX));
        Ok(Self {
            per_second: done / seconds,
            latency,
            syncs_per_second: syncs / seconds,
            per_sync: done / syncs.max(1.0),
            wal_bytes_each: as_f64(after.bytes - before.bytes) / done.max(1.0),
            cores,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for a person, not money")]
fn as_f64(count: i64) -> f64 {
    count as f64
}

/// An empty histogram: microseconds up to two minutes, three digits.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 120_000_000, 3).unwrap_or_else(|_| unreachable!("the bounds are right"))
}

/// Whole microseconds.
pub(crate) fn micros(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

/// Buys on `connections` for `limit`.
pub(crate) async fn measure(
    bench: &Bench,
    target: Target,
    connections: usize,
    limit: Duration,
) -> Result<Figures, BenchError> {
    let mut clients = Vec::with_capacity(connections);
    for _ in 0..connections {
        clients.push(Connection::open(&bench.base, &bench.business_key).await?);
    }
    let before = machine::wal(&bench.baseline_url).await?;
    let cpu = machine::cpu_seconds();
    let started = Instant::now();
    let tasks: Vec<_> = clients
        .into_iter()
        .enumerate()
        .map(|(number, connection)| {
            let members = Arc::clone(&bench.members);
            tokio::spawn(buy(connection, members, target, number, started + limit))
        })
        .collect();
    let mut latency = histogram();
    let mut done = 0;
    for task in tasks {
        let (count, one) = task.await??;
        done += count;
        latency += one;
    }
    Figures::new(&bench.baseline_url, done, latency, started.elapsed(), before, &cpu).await
}

async fn buy(
    mut connection: Connection,
    members: Arc<Vec<String>>,
    target: Target,
    number: usize,
    until: Instant,
) -> Result<(u64, Histogram<u64>), BenchError> {
    let mut latency = histogram();
    let mut done = 0;
    let mut next = number * 7_919;
    while Instant::now() < until {
        let (path, body, count) = match target {
            Target::Members => ("/api/v1/transactions", purchase(&members, next), 1),
            Target::OneMember => ("/api/v1/transactions", purchase(&members, 0), 1),
            Target::Batches => ("/api/v1/transactions/batch", batch(&members, next), BATCH),
        };
        next = next.wrapping_add(if count == 1 { 104_729 } else { BATCH });
        let started = Instant::now();
        let (status, answer) = connection.send(Method::POST, path, body.into_bytes()).await?;
        latency.saturating_record(micros(started.elapsed()));
        let right = if count == 1 { status == 201 } else { status == 200 };
        if !right {
            return Err(refused(path, status, &answer));
        }
        done += u64::try_from(count).unwrap_or(u64::MAX);
    }
    Ok((done, latency))
}

fn purchase(members: &[String], number: usize) -> String {
    let member = members.get(number % members.len()).map_or("", String::as_str);
    bill(member, 100 + number % 5_000)
}

/// A purchase of hers for so many roubles, now.
pub(crate) fn bill(member: &str, roubles: usize) -> String {
    let now = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now());
    let at = now.format("%Y-%m-%dT%H:%M:%S%.6fZ");
    let id = Uuid::now_v7().simple();
    format!(
        r#"{{"external_id":"{id}","member":{{"member_id":"{member}"}},"amount":"{roubles}.00","occurred_at":"{at}"}}"#
    )
}

fn batch(members: &[String], number: usize) -> String {
    let items: Vec<String> = (0..BATCH).map(|index| purchase(members, number + index)).collect();
    format!(r#"{{"transactions":[{}]}}"#, items.join(","))
}
