//! The log itself as a source: for rebuilds, audits and installations of one machine. Design J2.
//!
//! Deliveries come in the order of the log, with the partition and `prev` the relay would give them. Behind every page
//! stand watermarks for the partitions it did not touch, so that "passed N" holds for all of them at once.

use std::time::Duration;

use futures::future::BoxFuture;
use ledger_core::log::{Position, partition_of};
use tokio::time::Instant;

use super::{Delivery, LogReader, Places, Source, StoredRow, What};
use crate::error::ProjectError;

/// How long to sleep between two looks at the log when nothing comes: bounds the delay of a projection.
const POLL: Duration = Duration::from_millis(20);

/// Reads the log by pages.
pub struct LogSource {
    log: LogReader,
    read: Position,
    /// The newest event of each partition handed out or seen before the start, by partition.
    last: Vec<Position>,
    /// Up to where each partition was complete at the start: events up to there are not handed out.
    passed: Vec<Position>,
}

impl LogSource {
    /// A source on `log`.
    #[must_use]
    pub const fn new(log: LogReader) -> Self {
        Self { log, read: 0, last: Vec::new(), passed: Vec::new() }
    }

    fn begin(&mut self, places: &Places) {
        self.read = places.passed();
        self.last = places.iter().map(|(_, place)| place.position).collect();
        self.passed = places.iter().map(|(_, place)| place.passed).collect();
    }

    async fn page(&mut self, max: usize, wait: Duration) -> Result<Vec<Delivery>, ProjectError> {
        let until = Instant::now() + wait;
        let limit = i64::try_from(max).unwrap_or(i64::MAX);
        loop {
            let rows = self.log.read_after(self.read, limit).await?;
            if !rows.is_empty() {
                return Ok(self.deliveries(rows));
            }
            let now = Instant::now();
            if now >= until {
                return Ok(Vec::new());
            }
            tokio::time::sleep(POLL.min(until - now)).await;
        }
    }

    fn deliveries(&mut self, rows: Vec<StoredRow>) -> Vec<Delivery> {
        let count = i32::try_from(self.last.len()).unwrap_or(i32::MAX);
        let mut page = Vec::with_capacity(rows.len().saturating_add(self.last.len()));
        for stored in rows {
            let position = stored.row.position;
            self.read = position;
            let partition = partition_of(stored.row.stream_id, count);
            let index = usize::try_from(partition).unwrap_or(0);
            let (Some(last), Some(passed)) = (self.last.get_mut(index), self.passed.get(index)) else {
                continue;
            };
            if position <= *passed {
                continue;
            }
            let prev = std::mem::replace(last, position);
            let what = What::Row { row: Box::new(stored.row), leaf_hash: stored.leaf_hash };
            page.push(Delivery { partition, position, prev, offset: None, what });
        }
        let read = self.read;
        let silent = (0_i32..).zip(&self.last).filter(|(_, last)| **last < read);
        let watermarks = silent.map(|(partition, prev)| Delivery {
            partition,
            position: read,
            prev: *prev,
            offset: None,
            what: What::Watermark,
        });
        page.extend(watermarks);
        page
    }
}

impl Source for LogSource {
    fn start<'a>(&'a mut self, places: &'a Places) -> BoxFuture<'a, Result<(), ProjectError>> {
        self.begin(places);
        Box::pin(std::future::ready(Ok(())))
    }

    fn next(&mut self, max: usize, wait: Duration) -> BoxFuture<'_, Result<Vec<Delivery>, ProjectError>> {
        Box::pin(self.page(max, wait))
    }
}
