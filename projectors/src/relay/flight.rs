//! The producer, and the records on their way to the broker.

use std::time::Duration;

use futures::future::JoinAll;
use ledger_core::ids::LogId;
use ledger_core::log::{Position, partition_of};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::OwnedDeliveryResult;
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use uuid::Uuid;

use super::Topic;
use crate::error::ProjectError;
use crate::source::{Envelope, StoredRow, WATERMARK, Watermark};

/// How long to wait before asking a full queue again.
const FULL: Duration = Duration::from_millis(5);

/// A record the broker has acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Landed {
    /// The partition, as an index.
    pub(super) partition: usize,
    /// Its offset.
    pub(super) offset: i64,
    /// The event's position; `None` for a watermark.
    pub(super) event: Option<Position>,
}

/// Records sent together.
pub(super) struct Flight {
    records: Vec<(usize, Option<Position>)>,
    acks: Vec<DeliveryFuture>,
    joined: Option<JoinAll<DeliveryFuture>>,
    end: Position,
}

impl Flight {
    pub(super) const fn new() -> Self {
        Self { records: Vec::new(), acks: Vec::new(), joined: None, end: 0 }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// With this flight the log is in the topic up to `end`.
    pub(super) const fn ends_at(&mut self, end: Position) {
        self.end = end;
    }

    pub(super) const fn end(&self) -> Position {
        self.end
    }

    /// The broker's word on every record; may be dropped and asked again.
    pub(super) async fn landed(&mut self) -> Result<Vec<Landed>, ProjectError> {
        let acks = &mut self.acks;
        let joined = self.joined.get_or_insert_with(|| futures::future::join_all(std::mem::take(acks)));
        let answers = joined.await;
        self.records
            .iter()
            .zip(answers)
            .map(|((partition, event), answer)| {
                let answer: OwnedDeliveryResult = answer.map_err(|_| KafkaError::Canceled)?;
                let delivery = answer.map_err(|(error, _)| error)?;
                Ok(Landed { partition: *partition, offset: delivery.offset, event: *event })
            })
            .collect()
    }
}

/// Sends records of one log into one topic.
pub(super) struct Producer {
    producer: FutureProducer,
    topic: String,
    partitions: i32,
    log_id: LogId,
}

impl Producer {
    pub(super) fn new(topic: &Topic, log_id: LogId) -> Result<Self, ProjectError> {
        let producer = topic
            .client_settings()
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "2")
            .set("compression.type", "lz4")
            .set("queue.buffering.max.messages", "100000")
            .set("queue.buffering.max.kbytes", "65536")
            // A broker that is away is waited for; what was sent is kept by librdkafka meanwhile.
            .set("message.timeout.ms", "0")
            .set("topic.metadata.propagation.max.ms", "2000")
            .create()?;
        Ok(Self { producer, topic: topic.name().to_owned(), partitions: topic.partitions(), log_id })
    }

    pub(super) const fn partitions(&self) -> i32 {
        self.partitions
    }

    pub(super) fn partition_index(&self, stream_id: Uuid) -> usize {
        usize::try_from(partition_of(stream_id, self.partitions)).unwrap_or(0)
    }

    pub(super) async fn event(
        &self,
        flight: &mut Flight,
        partition: usize,
        prev: Position,
        stored: StoredRow,
    ) -> Result<(), ProjectError> {
        let position = stored.row.position;
        let key = stored.row.stream_id.to_string();
        // The record's own timestamp stays the machine's: a broker refuses one far from its clock, and an installation's
        // clock may stand anywhere.
        let headers = self.headers(position, prev, &stored.row.event_type);
        let envelope = Envelope::new(self.log_id, stored.leaf_hash, stored.row);
        let value = serde_json::to_vec(&envelope)
            .map_err(|error| ProjectError::Unapplicable { position, reason: error.to_string() })?;
        let record = FutureRecord::<str, [u8]>::to(&self.topic).key(&key).payload(&value).headers(headers);
        self.send(flight, partition, Some(position), record).await
    }

    pub(super) async fn watermark(
        &self,
        flight: &mut Flight,
        partition: usize,
        position: Position,
        prev: Position,
    ) -> Result<(), ProjectError> {
        let value = serde_json::to_vec(&Watermark { log_id: self.log_id, position })
            .map_err(|error| ProjectError::Unapplicable { position, reason: error.to_string() })?;
        let headers = self.headers(position, prev, WATERMARK);
        let record = FutureRecord::<str, [u8]>::to(&self.topic).payload(&value).headers(headers);
        self.send(flight, partition, None, record).await
    }

    fn headers(&self, position: Position, prev: Position, event_type: &str) -> OwnedHeaders {
        let (log_id, position, prev) = (self.log_id.to_string(), position.to_string(), prev.to_string());
        OwnedHeaders::new_with_capacity(4)
            .insert(Header { key: "log_id", value: Some(&log_id) })
            .insert(Header { key: "position", value: Some(&position) })
            .insert(Header { key: "event_type", value: Some(event_type) })
            .insert(Header { key: "prev", value: Some(&prev) })
    }

    async fn send(
        &self,
        flight: &mut Flight,
        partition: usize,
        event: Option<Position>,
        record: FutureRecord<'_, str, [u8]>,
    ) -> Result<(), ProjectError> {
        let mut record = record.partition(i32::try_from(partition).unwrap_or(0));
        loop {
            match self.producer.send_result(record) {
                Ok(ack) => {
                    flight.records.push((partition, event));
                    flight.acks.push(ack);
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    tokio::time::sleep(FULL).await;
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }
}
