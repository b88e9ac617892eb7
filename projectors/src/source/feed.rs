//! A source, judged by a projection's places: repeats dropped, gaps refilled from the log, forks stopped. Design J1.
//!
//! Within a partition the order is the log's; between partitions there is none, but for one thing: a fact that brings what
//! was another stream's (two accounts became one, or two again) comes after everything before it, of every partition.
//! What is not there by then is read from the log.
//!
//! Why it is right: a partition's places move only over a delivery whose `prev` is the last event applied, whatever the
//! source repeats, misses or mixes up. What is missing is read from the log, which is the truth (design, Kafka).
//! A source that gives nothing for [`STALLED`] while the log goes on is opened anew: whatever it waits for, the new one does
//! not.
//! Bounds: a refill is read in pages of [`REFILL_ROWS_MAX`] and handed out as it is read; memory is one page and one
//! batch of the source.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ledger_core::log::{Position, partition_of};

use tokio::time::Instant;

use super::{Delivery, LogReader, OpenSource, Places, Source, Verdict, What};
use crate::error::ProjectError;

/// Rows of the log read at once when a gap is refilled.
const REFILL_ROWS_MAX: i64 = 2_000;

/// How long nothing may come while the log goes on.
const STALLED: Duration = Duration::from_secs(5);

/// Deliveries that can be applied as they come.
pub struct Feed {
    open: OpenSource,
    source: Box<dyn Source>,
    log: LogReader,
    places: Places,
    waiting: VecDeque<Delivery>,
    /// When something was handed out last, or it was last asked whether there is anything.
    moved: Instant,
}

impl Feed {
    /// Starts a source that `open` makes behind `places`.
    ///
    /// # Errors
    /// [`ProjectError::OtherLog`] and [`ProjectError::LogBehind`] when the places are not of this log (design L9);
    /// otherwise what the source or PostgreSQL says.
    pub async fn open(open: OpenSource, log: LogReader, places: Places) -> Result<Self, ProjectError> {
        check(&log, &places).await?;
        let mut source = open()?;
        source.start(&places).await?;
        Ok(Self { open, source, log, places, waiting: VecDeque::new(), moved: Instant::now() })
    }

    /// Starts again behind `places`: after a failure, or when another instance or a rebuild moved the checkpoint.
    ///
    /// # Errors
    /// As [`Feed::open`].
    pub async fn restart(&mut self, places: Places) -> Result<(), ProjectError> {
        check(&self.log, &places).await?;
        self.waiting.clear();
        self.places = places;
        self.moved = Instant::now();
        self.source.start(&self.places).await
    }

    /// How far the deliveries handed out go.
    #[must_use]
    pub const fn places(&self) -> &Places {
        &self.places
    }

    /// The next deliveries: at most `max`, each of them new and without a gap before it. Empty after `wait` without any.
    ///
    /// # Errors
    /// [`ProjectError::Fork`], or what the source or PostgreSQL says. After an error, [`Feed::restart`].
    pub async fn next(&mut self, max: usize, wait: Duration) -> Result<Vec<Delivery>, ProjectError> {
        if self.waiting.is_empty() {
            self.waiting = self.source.next(max, wait).await?.into();
        }
        let mut ready = Vec::with_capacity(self.waiting.len().min(max));
        while ready.len() < max {
            let Some(delivery) = self.waiting.pop_front() else { break };
            let place = self.places.get_mut(delivery.partition)?;
            match place.judge(&delivery)? {
                Verdict::Seen => {}
                Verdict::Apply => {
                    let before = delivery.position.saturating_sub(1);
                    if comes_from_elsewhere(&delivery) && self.places.passed_but(delivery.partition) < before
                    {
                        self.waiting.push_front(delivery);
                        self.complete(before).await?;
                        continue;
                    }
                    self.places.get_mut(delivery.partition)?.advance(&delivery);
                    ready.push(delivery);
                }
                Verdict::Gap => {
                    let after = place.position.max(place.passed);
                    self.waiting.push_front(delivery);
                    self.refill(after).await?;
                }
            }
        }
        if ready.is_empty() {
            self.doubt().await?;
        } else {
            self.moved = Instant::now();
        }
        Ok(ready)
    }

    /// Opens the source anew when nothing came from it for [`STALLED`] although the log has more.
    async fn doubt(&mut self) -> Result<(), ProjectError> {
        if self.moved.elapsed() <= STALLED {
            return Ok(());
        }
        let lag = self.log.head().await?.saturating_sub(self.places.passed());
        if lag > 0 {
            tracing::warn!(lag, "nothing comes: opening the source anew");
            metrics::counter!("projector_sources_reopened_total").increment(1);
            self.source = (self.open)()?;
            self.source.start(&self.places).await?;
        }
        self.moved = Instant::now();
        Ok(())
    }

    /// Puts what the partitions lack up to `until` in front of what waits: one page of the log at a time, ended by a
    /// watermark for each, so that every call brings them nearer.
    async fn complete(&mut self, until: Position) -> Result<(), ProjectError> {
        let Some(first) = self.waiting.front() else { return Ok(()) };
        let (but, after) = (first.partition, self.places.passed_but(first.partition));
        let rows = self.log.read_after(after, REFILL_ROWS_MAX).await?;
        let Some(end) = rows.last().map(|stored| stored.row.position.min(until)) else {
            let head = self.log.head().await?;
            let what = "what was before a fact of two streams".to_owned();
            return Err(ProjectError::LogBehind { head, what, published: until });
        };
        let mut page = Vec::new();
        let mut lasts: BTreeMap<i32, Position> =
            self.places.iter().map(|(partition, place)| (partition, place.position)).collect();
        for stored in rows {
            let partition = partition_of(stored.row.stream_id, self.places.partitions());
            let position = stored.row.position;
            let Some(last) = lasts.get_mut(&partition) else { continue };
            if position > end || position <= *last {
                continue;
            }
            let what = What::Row { row: Box::new(stored.row), leaf_hash: stored.leaf_hash };
            page.push(Delivery { partition, position, prev: *last, offset: None, what });
            *last = position;
        }
        for (partition, prev) in lasts.into_iter().filter(|(partition, _)| *partition != but) {
            // A partition that is further than that has nothing to be told.
            if prev <= end {
                let what = What::Watermark;
                page.push(Delivery { partition, position: end, prev, offset: None, what });
            }
        }
        for delivery in page.into_iter().rev() {
            self.waiting.push_front(delivery);
        }
        Ok(())
    }

    /// Puts what is missing before the first waiting delivery in front of it: one page of the log at a time, ended by a
    /// watermark, so that the gap shrinks with every page until nothing is missing.
    async fn refill(&mut self, after: Position) -> Result<(), ProjectError> {
        let Some(first) = self.waiting.front() else { return Ok(()) };
        let (partition, until) = (first.partition, first.prev);
        if until <= after {
            let reason = format!("the partition was complete up to {after}");
            return Err(ProjectError::Fork { partition, position: until, reason });
        }
        let rows = self.log.read_after(after, REFILL_ROWS_MAX).await?;
        let Some(end) = rows.last().map(|stored| stored.row.position.min(until)) else {
            let head = self.log.head().await?;
            let what = format!("the record before partition {partition}'s next");
            return Err(ProjectError::LogBehind { head, what, published: until });
        };
        tracing::warn!(partition, after, until = end, "refilling a gap from the log");
        metrics::counter!("projector_gaps_refilled_total").increment(1);
        let mut prev = self.places.get_mut(partition)?.position;
        let mut page = Vec::new();
        for stored in rows {
            let belongs = partition_of(stored.row.stream_id, self.places.partitions()) == partition;
            if !belongs || stored.row.position > until {
                continue;
            }
            let position = stored.row.position;
            let what = What::Row { row: Box::new(stored.row), leaf_hash: stored.leaf_hash };
            page.push(Delivery { partition, position, prev, offset: None, what });
            prev = position;
        }
        page.push(Delivery { partition, position: end, prev, offset: None, what: What::Watermark });
        if end == until && prev != until {
            let reason = "the record before it is not on the log in this partition".to_owned();
            return Err(ProjectError::Fork { partition, position: until, reason });
        }
        for delivery in page.into_iter().rev() {
            self.waiting.push_front(delivery);
        }
        Ok(())
    }
}

fn comes_from_elsewhere(delivery: &Delivery) -> bool {
    match &delivery.what {
        What::Row { row, .. } => matches!(row.event_type.as_str(), "AccountTakenIn" | "AccountRestored"),
        What::Watermark | What::Unreadable { .. } => false,
    }
}

/// Design L9: places of another log, or further than the log goes, are refused.
async fn check(log: &LogReader, places: &Places) -> Result<(), ProjectError> {
    let expected = log.log_id().await?;
    if places.log_id() != expected {
        return Err(ProjectError::OtherLog { expected, found: places.log_id() });
    }
    let head = log.head().await?;
    let published = places.newest();
    if published > head {
        return Err(ProjectError::LogBehind { head, what: "the read model".to_owned(), published });
    }
    Ok(())
}
