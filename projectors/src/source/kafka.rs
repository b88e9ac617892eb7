//! The Kafka topic as a source: `assign`, no auto-commit, `auto.offset.reset=error`. Design, Kafka.
//!
//! Why it is right: nothing here is trusted. Where to read on is the checkpoint's hint; if the record found there is not
//! the one the checkpoint knows, the partition is read from its beginning and the feed drops what was seen. Whatever a
//! broker lost is a gap, and the feed refills it from the log.
//! Bounds: librdkafka queues at most 64 MiB. A partition that was silent for [`SILENCE`] is compared with the broker's own
//! word, so what the client lost of an answer (a topic made anew under it, an error that only its own log saw) holds nothing
//! up for longer.

#[cfg(test)]
mod tests;

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use ledger_core::ids::LogId;
use ledger_core::log::Position;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::Instant;

use super::{Delivery, Envelope, Places, Source, WATERMARK, What};
use crate::error::ProjectError;

/// How long to wait for the broker's word on offsets.
const METADATA_WAIT: Duration = Duration::from_secs(5);

/// How long a partition may be silent before the broker is asked whether there is anything to hear.
const SILENCE: Duration = Duration::from_secs(10);

/// The same for one whose last record was not found again: that record is there and comes at once, or will never come.
const UNPROVEN_SILENCE: Duration = Duration::from_secs(1);

/// The settings of every consumer of the topic.
#[must_use]
pub fn consumer_settings(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("client.id", "own-circle-projectors")
        .set("group.id", "own-circle-projectors")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "false")
        .set("fetch.wait.max.ms", "20")
        .set("fetch.min.bytes", "1")
        .set("queued.max.messages.kbytes", "65536")
        .set("reconnect.backoff.max.ms", "1000")
        .set("topic.metadata.refresh.interval.ms", "5000");
    config
}

/// What a partition's reading needs to know.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    /// The next offset; `None` before the first record.
    next: Option<i64>,
    /// The partition is known up to this position.
    seen: Position,
    /// The next record must be one that was seen; otherwise the offset is of another topic than this.
    unproven: bool,
    /// How long it has been waited for in vain; the time in which nobody listened does not count.
    silent: Duration,
}

impl Cursor {
    /// At the record with the offset `last`, which is at most at `seen`; at the beginning without one.
    const fn at(last: Option<i64>, seen: Position) -> Self {
        Self { next: last, seen, unproven: last.is_some(), silent: Duration::ZERO }
    }

    /// At the beginning.
    const fn rewind(&mut self) {
        *self = Self::at(None, self.seen);
    }

    /// Whether a partition that holds the offsets from `low` up to, but without, `high` has nothing at this place. The next
    /// offset may be the one to come, but a record to be found again must be there: a topic made anew can end exactly before
    /// it, and then no broker calls it out of range.
    fn is_off(&self, low: i64, high: i64) -> bool {
        let end = if self.unproven { high.saturating_sub(1) } else { high };
        self.next.is_some_and(|next| next < low || next > end)
    }

    /// At the last record heard, to see whether it is still the one.
    fn prove(&mut self) {
        if !self.unproven {
            *self = Self::at(self.next.map(|next| next.saturating_sub(1).max(0)), self.seen);
        }
    }
}

/// Reads the topic.
pub struct KafkaSource {
    consumer: StreamConsumer,
    topic: String,
    cursors: Vec<Cursor>,
    log_id: Option<LogId>,
    patience: Duration,
}

impl KafkaSource {
    /// A source on `topic` at `brokers`; connects when it starts.
    ///
    /// # Errors
    /// [`ProjectError::Kafka`] for settings librdkafka does not take.
    pub fn new(brokers: &str, topic: &str) -> Result<Self, ProjectError> {
        let consumer = consumer_settings(brokers).create()?;
        let (topic, cursors) = (topic.to_owned(), Vec::new());
        Ok(Self { consumer, topic, cursors, log_id: None, patience: SILENCE })
    }

    fn begin(&mut self, places: &Places) -> Result<(), ProjectError> {
        self.cursors = places.iter().map(|(_, place)| Cursor::at(place.offset, place.passed)).collect();
        self.log_id = Some(places.log_id());
        self.assign()
    }

    fn assign(&self) -> Result<(), ProjectError> {
        let mut list = TopicPartitionList::new();
        for (partition, cursor) in (0_i32..).zip(&self.cursors) {
            let offset = cursor.next.map_or(Offset::Beginning, Offset::Offset);
            list.add_partition_offset(&self.topic, partition, offset)?;
        }
        self.consumer.assign(&list)?;
        Ok(())
    }

    fn cursor(&mut self, partition: i32) -> Option<&mut Cursor> {
        usize::try_from(partition).ok().and_then(|index| self.cursors.get_mut(index))
    }

    /// The partitions, from 0.
    fn partitions(&self) -> std::ops::Range<i32> {
        0..i32::try_from(self.cursors.len()).unwrap_or(i32::MAX)
    }

    /// Asks the broker what it has of a partition: whether that is other than what was heard. One whose next offset is not
    /// there begins again.
    fn compare(&mut self, partition: i32) -> Result<bool, KafkaError> {
        let (low, high) = tokio::task::block_in_place(|| {
            self.consumer.fetch_watermarks(&self.topic, partition, METADATA_WAIT)
        })?;
        let Some(cursor) = self.cursor(partition) else { return Ok(false) };
        if cursor.is_off(low, high) {
            cursor.rewind();
            return Ok(true);
        }
        Ok(cursor.next.unwrap_or(low) != high)
    }

    /// The broker says that an offset is not there: the topic was made anew, or cut. Those partitions begin again. Of the
    /// others, too, nothing is sure: a new topic may by chance be as long as the old one, and hold what was never heard.
    fn find_ground(&mut self) -> Result<(), ProjectError> {
        tracing::warn!(
            topic = self.topic,
            "the topic does not hold the checkpoint's offsets: looking for its beginning"
        );
        self.cursors.iter_mut().for_each(Cursor::prove);
        for partition in self.partitions() {
            self.compare(partition)?;
        }
        self.assign()
    }

    /// Partitions that were silent for too long, after one more wait: if there is anything to hear, they are asked for anew.
    fn doubt(&mut self, waited: Duration) -> Result<(), ProjectError> {
        let mut deaf = false;
        for partition in self.partitions() {
            let (patience, unproven) = (self.patience, self.patience.min(UNPROVEN_SILENCE));
            let Some(cursor) = self.cursor(partition) else { continue };
            cursor.silent = cursor.silent.saturating_add(waited);
            if cursor.silent < if cursor.unproven { unproven } else { patience } {
                continue;
            }
            cursor.silent = Duration::ZERO;
            match self.compare(partition) {
                Ok(is_other) => deaf |= is_other,
                // Nor would it be heard now: it is asked again after as long a silence.
                Err(error) => {
                    tracing::debug!(%error, partition, "Kafka is away; librdkafka tries again");
                    return Ok(());
                }
            }
        }
        if deaf {
            tracing::warn!(topic = self.topic, "the topic has what was not heard of: reading on anew");
            metrics::counter!("projector_topic_reread_total").increment(1);
            self.assign()?;
        }
        Ok(())
    }

    async fn batch(&mut self, max: usize, wait: Duration) -> Result<Vec<Delivery>, ProjectError> {
        let until = Instant::now() + wait;
        loop {
            let first = match tokio::time::timeout_at(until, self.consumer.recv()).await {
                Err(_) => return Ok(Vec::new()),
                Ok(Ok(message)) => self.delivery(&message),
                Ok(Err(error)) if is_out_of_range(&error) => Err(Trouble::OutOfRange),
                Ok(Err(error)) if is_passing(&error) => {
                    tracing::debug!(%error, "Kafka is away; librdkafka tries again");
                    continue;
                }
                Ok(Err(error)) => return Err(error.into()),
            };
            let mut raw = vec![first];
            while raw.len() < max {
                match self.consumer.recv().now_or_never() {
                    Some(Ok(message)) => raw.push(self.delivery(&message)),
                    Some(Err(error)) if is_out_of_range(&error) => raw.push(Err(Trouble::OutOfRange)),
                    Some(Err(_)) | None => break,
                }
            }
            let deliveries = self.place(raw)?;
            if !deliveries.is_empty() {
                return Ok(deliveries);
            }
        }
    }

    /// Reads a record. Its headers say where it stands even when its value cannot be read.
    fn delivery(&self, message: &BorrowedMessage<'_>) -> Result<Delivery, Trouble> {
        let (partition, offset) = (message.partition(), message.offset());
        let header = |name: &str| {
            let headers = message.headers()?;
            let found = headers.iter().find(|header| header.key == name)?;
            std::str::from_utf8(found.value?).ok()
        };
        let number = |name: &str| header(name).and_then(|text| text.parse().ok());
        let log_id = header("log_id").and_then(|text| text.parse::<LogId>().ok());
        let (Some(position), Some(prev), Some(found)) = (number("position"), number("prev"), log_id) else {
            let reason =
                format!("the record at offset {offset} of partition {partition} does not say its place");
            return Err(Trouble::Refused(ProjectError::Unapplicable { position: 0, reason }));
        };
        if let Some(expected) = self.log_id.filter(|expected| *expected != found) {
            return Err(Trouble::Refused(ProjectError::OtherLog { expected, found }));
        }
        let what =
            if header("event_type") == Some(WATERMARK) { What::Watermark } else { event(message, position) };
        Ok(Delivery { partition, position, prev, offset: Some(offset), what })
    }

    /// Checks the first record of each partition against what was seen, and keeps the cursors.
    fn place(&mut self, raw: Vec<Result<Delivery, Trouble>>) -> Result<Vec<Delivery>, ProjectError> {
        let mut placed = Vec::with_capacity(raw.len());
        let (mut lost, mut wrong) = (false, Vec::new());
        for delivery in raw {
            let delivery = match delivery {
                Ok(delivery) => delivery,
                Err(Trouble::OutOfRange) => {
                    lost = true;
                    continue;
                }
                Err(Trouble::Refused(error)) => return Err(error),
            };
            if wrong.contains(&delivery.partition) {
                continue;
            }
            let Some(cursor) = self.cursor(delivery.partition) else { continue };
            if cursor.unproven && delivery.position > cursor.seen {
                cursor.rewind();
                wrong.push(delivery.partition);
                continue;
            }
            let next = delivery.offset.and_then(|offset| offset.checked_add(1));
            let seen = cursor.seen.max(delivery.position);
            *cursor = Cursor { next, seen, unproven: false, silent: Duration::ZERO };
            placed.push(delivery);
        }
        for partition in &wrong {
            tracing::warn!(
                partition,
                "the checkpoint's offset is not where it was: reading from the beginning"
            );
        }
        if lost {
            self.find_ground()?;
        } else if !wrong.is_empty() {
            self.assign()?;
        }
        Ok(placed)
    }
}

impl Source for KafkaSource {
    fn start<'a>(&'a mut self, places: &'a Places) -> BoxFuture<'a, Result<(), ProjectError>> {
        Box::pin(std::future::ready(self.begin(places)))
    }

    fn next(&mut self, max: usize, wait: Duration) -> BoxFuture<'_, Result<Vec<Delivery>, ProjectError>> {
        Box::pin(async move {
            let began = Instant::now();
            let deliveries = self.batch(max, wait).await?;
            self.doubt(began.elapsed())?;
            Ok(deliveries)
        })
    }
}

/// What came instead of a record.
enum Trouble {
    OutOfRange,
    Refused(ProjectError),
}

fn is_out_of_range(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(code, Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange))
}

/// What librdkafka gets over by itself: a broker away, a topic that is being made.
fn is_passing(error: &KafkaError) -> bool {
    !matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::Fatal) | None)
}

fn event(message: &BorrowedMessage<'_>, position: i64) -> What {
    let unreadable = |reason: String| What::Unreadable { reason };
    let Some(value) = message.payload() else { return unreadable("the record has no value".to_owned()) };
    match serde_json::from_slice::<Envelope>(value) {
        // serde's own words may repeat a value of the record: only its place and kind are told.
        Err(error) => unreadable(format!("the envelope does not read: {:?} error", error.classify())),
        Ok(envelope) => {
            let leaf_hash = envelope.leaf_hash;
            let row = envelope.into_row();
            if row.position == position {
                What::Row { row: Box::new(row), leaf_hash }
            } else {
                unreadable(format!("the header says {position}, the envelope {}", row.position))
            }
        }
    }
}
