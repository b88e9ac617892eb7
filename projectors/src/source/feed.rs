//! A source, judged by a projection's places: repeats dropped, gaps refilled from the log, forks stopped. Design J1.
//!
//! Why it is right: a partition's places move only over a delivery whose `prev` is the last event applied, whatever the
//! source repeats, misses or mixes up. What is missing is read from the log, which is the truth (design, Kafka).
//! Bounds: a refill is read in pages of [`REFILL_ROWS_MAX`] and handed out as it is read; memory is one page and one
//! batch of the source.

use std::collections::VecDeque;
use std::time::Duration;

use ledger_core::log::{Position, partition_of};

use super::{Delivery, LogReader, Places, Source, Verdict, What};
use crate::error::ProjectError;

/// Rows of the log read at once when a gap is refilled.
const REFILL_ROWS_MAX: i64 = 2_000;

/// Deliveries that can be applied as they come.
pub struct Feed {
    source: Box<dyn Source>,
    log: LogReader,
    places: Places,
    waiting: VecDeque<Delivery>,
}

impl Feed {
    /// Starts `source` behind `places`.
    ///
    /// # Errors
    /// [`ProjectError::OtherLog`] and [`ProjectError::LogBehind`] when the places are not of this log (design L9);
    /// otherwise what the source or PostgreSQL says.
    pub async fn open(
        mut source: Box<dyn Source>,
        log: LogReader,
        places: Places,
    ) -> Result<Self, ProjectError> {
        check(&log, &places).await?;
        source.start(&places).await?;
        Ok(Self { source, log, places, waiting: VecDeque::new() })
    }

    /// Starts again behind `places`: after a failure, or when another instance or a rebuild moved the checkpoint.
    ///
    /// # Errors
    /// As [`Feed::open`].
    pub async fn restart(&mut self, places: Places) -> Result<(), ProjectError> {
        check(&self.log, &places).await?;
        self.waiting.clear();
        self.places = places;
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
                    place.advance(&delivery);
                    ready.push(delivery);
                }
                Verdict::Gap => {
                    let after = place.position.max(place.passed);
                    self.waiting.push_front(delivery);
                    self.refill(after).await?;
                }
            }
        }
        Ok(ready)
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
