//! Carries the log to Kafka, in order, at least once. Design, Kafka; J8; L9.
//!
//! Why it is right:
//! 1. One process leads: its advisory lock and its checkpoint live on one connection to the ledger database, so whoever
//!    lost the lock cannot move the checkpoint. What two leaders of a moment send twice, consumers drop.
//! 2. The checkpoint moves over a page only when the broker has acknowledged every record of it and of all before it.
//! 3. Order within a partition is the idempotent producer's; `prev` is worked out here, from the checkpoint on.
//! 4. A topic that ends before the checkpoint was deleted or emptied: it is filled again from position 1.
//! 5. A topic that knows more than the log, or another log, is never written to (design L9).
//!
//! Bounds: [`FLIGHTS_MAX`] pages of [`PAGE_ROWS_MAX`] rows are read and not yet acknowledged; while the broker is away
//! nothing more is read.

mod checkpoint;
mod flight;
mod topic;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ledger_core::log::Position;
use ledger_ops::telemetry::to_f64;
use rdkafka::consumer::BaseConsumer;
use sqlx::postgres::{PgConnectOptions, PgListener};
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::time::Instant;

pub use topic::{Topic, end_offsets};

use crate::engine::own;
use crate::error::ProjectError;
use crate::source::LogReader;
use checkpoint::Checkpoint;
use flight::{Flight, Producer};

/// Rows read and sent together.
pub const PAGE_ROWS_MAX: i64 = 2_000;
/// Pages read and not yet acknowledged.
pub const FLIGHTS_MAX: usize = 4;
/// A partition silent for this long while the log grew gets a watermark. Design J8.
const SILENCE: Duration = Duration::from_millis(50);
/// How long a lost notification can delay an event.
const POLL: Duration = Duration::from_millis(250);
/// How often the topic is compared with the checkpoint, and how long one look at the broker's answers takes.
const CHECK: Duration = Duration::from_secs(1);
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// The relay.
pub struct Relay {
    log: LogReader,
    topic: Topic,
}

/// One time of leading.
struct Lead {
    connection: PgConnection,
    producer: Producer,
    checkpoint: Checkpoint,
    flights: VecDeque<Flight>,
    /// The newest position sent.
    sent: Position,
    partitions: Vec<Partition>,
    watcher: Arc<BaseConsumer>,
    checked: Instant,
}

/// What was sent into one partition.
#[derive(Debug, Clone, Copy)]
struct Partition {
    /// The newest event.
    last: Position,
    /// The newest event or watermark.
    marked: Position,
    /// When that was.
    at: Instant,
}

/// Why one time of leading ended without a failure.
enum Ended {
    /// The topic is not what the checkpoint says: fill it again.
    TopicLost,
}

impl Relay {
    /// A relay from `log` to `topic`.
    #[must_use]
    pub const fn new(log: LogReader, topic: Topic) -> Self {
        Self { log, topic }
    }

    /// Relays until the task is dropped; returns only for what trying again cannot help (design L9).
    pub async fn run(&self) -> ProjectError {
        let mut backoff = BACKOFF_MIN;
        loop {
            let began = Instant::now();
            match self.lead().await {
                Ok(Ended::TopicLost) => {
                    tracing::warn!(
                        topic = self.topic.name(),
                        "the topic was deleted or emptied: filling it again"
                    );
                }
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%error, "the relay tries again");
                }
                Err(error) => {
                    tracing::error!(%error, "the relay stopped");
                    return error;
                }
            }
            if began.elapsed() > BACKOFF_MAX {
                backoff = BACKOFF_MIN;
            }
            tokio::time::sleep(backoff).await;
            backoff = backoff.saturating_mul(2).min(BACKOFF_MAX);
        }
    }

    async fn lead(&self) -> Result<Ended, ProjectError> {
        let mut connection = self.take_over().await?;
        self.topic.ensure().await?;
        let log_id = self.log.log_id().await?;
        self.topic.refuse_if_ahead(&self.log, log_id).await?;
        let mut checkpoint = Checkpoint::load(&mut connection, self.topic.partitions()).await?;
        if checkpoint.is_beyond(&self.topic.ends().await?) {
            tracing::warn!(
                topic = self.topic.name(),
                "the topic ends before the checkpoint: filling it from the start"
            );
            checkpoint = Checkpoint::beginning(self.topic.partitions());
            checkpoint.store(&mut connection).await?;
        }
        let now = Instant::now();
        let partition = |last: Position| Partition { last, marked: last, at: now };
        let mut lead = Lead {
            connection,
            producer: Producer::new(&self.topic, log_id)?,
            sent: checkpoint.log_position(),
            partitions: checkpoint.last_positions().map(partition).collect(),
            checkpoint,
            flights: VecDeque::new(),
            watcher: self.topic.watcher()?,
            checked: now,
        };
        tracing::info!(topic = self.topic.name(), after = lead.sent, "relaying the log");
        let mut listener = PgListener::connect_with(self.log.pool()).await?;
        listener.listen("ledger_appended").await?;
        self.relay(&mut lead, &mut listener).await
    }

    async fn relay(&self, lead: &mut Lead, listener: &mut PgListener) -> Result<Ended, ProjectError> {
        loop {
            let mut read = 0;
            if lead.flights.len() < FLIGHTS_MAX {
                let rows = self.log.read_after(lead.sent, PAGE_ROWS_MAX).await?;
                read = rows.len();
                if read > 0 {
                    lead.send(rows).await?;
                }
                lead.send_watermarks().await?;
            }
            if lead.checked.elapsed() >= CHECK {
                lead.checked = Instant::now();
                if self.is_lost(lead).await? {
                    return Ok(Ended::TopicLost);
                }
                metrics::gauge!("relay_lag_events").set(self.lag(lead).await?);
            }
            let full = lead.flights.len() >= FLIGHTS_MAX;
            if full || (read == 0 && !lead.flights.is_empty()) {
                if let Some(ended) = lead.land(CHECK).await? {
                    return Ok(ended);
                }
            } else if read == 0 {
                // A notification, the next watermark's time or the poll: whichever comes first. A broken listener
                // connects again by itself.
                match tokio::time::timeout(lead.pause(), listener.recv()).await {
                    Ok(Ok(_)) | Err(_) => {}
                    Ok(Err(error)) => return Err(error.into()),
                }
            }
        }
    }

    /// True when the topic is gone or shorter than the checkpoint says. A broker that is away says nothing.
    async fn is_lost(&self, lead: &mut Lead) -> Result<bool, ProjectError> {
        // Also finds out whether the connection, and with it the lead, is still there.
        lead.connection.ping().await?;
        match self.topic.ends_seen_by(&lead.watcher).await {
            Ok(ends) => Ok(lead.checkpoint.is_beyond(&ends)),
            Err(error) if topic::is_missing(&error) => Ok(true),
            Err(error) => {
                tracing::debug!(%error, "the topic could not be looked at");
                Ok(false)
            }
        }
    }

    async fn lag(&self, lead: &Lead) -> Result<f64, ProjectError> {
        Ok(to_f64(self.log.head().await?.saturating_sub(lead.checkpoint.log_position())))
    }

    /// Waits until no other process leads.
    async fn take_over(&self) -> Result<PgConnection, ProjectError> {
        let options: PgConnectOptions = (*self.log.pool().connect_options()).clone();
        let options = options.application_name("projectors/relay").options([("statement_timeout", "30s")]);
        let mut connection = options.connect().await?;
        own(&mut connection, &format!("relay/{}", self.topic.name())).await?;
        Ok(connection)
    }
}

impl Lead {
    async fn send(&mut self, rows: Vec<crate::source::StoredRow>) -> Result<(), ProjectError> {
        let mut flight = Flight::new();
        let now = Instant::now();
        for stored in rows {
            let position = stored.row.position;
            let index = self.producer.partition_index(stored.row.stream_id);
            let Some(partition) = self.partitions.get_mut(index) else { continue };
            let prev = std::mem::replace(&mut partition.last, position);
            partition.marked = position;
            partition.at = now;
            self.producer.event(&mut flight, index, prev, stored).await?;
            self.sent = position;
        }
        flight.ends_at(self.sent);
        self.flights.push_back(flight);
        Ok(())
    }

    async fn send_watermarks(&mut self) -> Result<(), ProjectError> {
        let mut flight = Flight::new();
        let now = Instant::now();
        for (index, partition) in self.partitions.iter_mut().enumerate() {
            if partition.marked < self.sent && now.duration_since(partition.at) >= SILENCE {
                self.producer.watermark(&mut flight, index, self.sent, partition.last).await?;
                partition.marked = self.sent;
                partition.at = now;
            }
        }
        if !flight.is_empty() {
            flight.ends_at(self.sent);
            self.flights.push_back(flight);
        }
        Ok(())
    }

    /// Waits up to `wait` for the broker's word on the oldest page, and moves the checkpoint over it.
    async fn land(&mut self, wait: Duration) -> Result<Option<Ended>, ProjectError> {
        let Some(flight) = self.flights.front_mut() else { return Ok(None) };
        let Ok(landed) = tokio::time::timeout(wait, flight.landed()).await else { return Ok(None) };
        let landed = landed?;
        let upto = flight.end();
        let records = landed.len();
        self.flights.pop_front();
        if self.checkpoint.is_overwritten_by(&landed) {
            Checkpoint::beginning(self.producer.partitions()).store(&mut self.connection).await?;
            return Ok(Some(Ended::TopicLost));
        }
        self.checkpoint.advance(upto, &landed);
        self.checkpoint.store(&mut self.connection).await?;
        metrics::counter!("relay_records_total").increment(u64::try_from(records).unwrap_or(0));
        Ok(None)
    }

    /// How long nothing needs doing: until the next watermark is due.
    fn pause(&self) -> Duration {
        let due = self.partitions.iter().filter(|partition| partition.marked < self.sent);
        due.map(|partition| SILENCE.saturating_sub(partition.at.elapsed())).min().unwrap_or(POLL).min(POLL)
    }
}
