//! The last record of every partition of the topic.

use std::collections::BTreeSet;
use std::time::Duration;

use ledger_core::ids::LogId;
use ledger_core::log::LeafHash;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use crate::error::StoreError;
use crate::start::Witnessed;

/// How long the broker may take to answer one question.
const ANSWER: Duration = Duration::from_secs(5);
/// And how long all of them.
const ANSWERS: Duration = Duration::from_secs(10);

/// What the last records of `topic` have seen of the log `log_id`; nothing when there is no such topic.
///
/// # Errors
/// [`StoreError::Refused`] when they are of another log, or of none; [`StoreError::Kafka`].
pub async fn last_records(brokers: &str, topic: &str, log_id: LogId) -> Result<Vec<Witnessed>, StoreError> {
    let (brokers, topic) = (brokers.to_owned(), topic.to_owned());
    let asked = tokio::task::spawn_blocking(move || read(&brokers, &topic, log_id));
    match timeout(ANSWERS, asked).await {
        Ok(read) => read.unwrap_or(Err(KafkaError::Canceled.into())),
        Err(_) => Err(too_late()),
    }
}

fn too_late() -> StoreError {
    KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut).into()
}

fn read(brokers: &str, topic: &str, log_id: LogId) -> Result<Vec<Witnessed>, StoreError> {
    let until = Instant::now() + ANSWERS;
    let mut settings = ClientConfig::new();
    settings
        .set("bootstrap.servers", brokers)
        .set("client.id", "own-circle-witness")
        .set("group.id", "own-circle-witness")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error")
        .set("fetch.wait.max.ms", "20");
    let consumer: BaseConsumer = settings.create()?;
    let mut wanted = BTreeSet::new();
    let mut list = TopicPartitionList::new();
    for (partition, last) in last_offsets(&consumer, topic)? {
        list.add_partition_offset(topic, partition, Offset::Offset(last))?;
        wanted.insert(partition);
    }
    consumer.assign(&list)?;
    let mut witnessed = Vec::new();
    while !wanted.is_empty() {
        if Instant::now() > until {
            return Err(too_late());
        }
        let Some(message) = consumer.poll(Duration::from_millis(200)) else { continue };
        let message = message?;
        if wanted.remove(&message.partition()) {
            witnessed.push(witness(&message, log_id)?);
        }
    }
    Ok(witnessed)
}

/// The partitions that hold a record, each with the offset of its last.
fn last_offsets(consumer: &BaseConsumer, topic: &str) -> Result<Vec<(i32, i64)>, StoreError> {
    // Asked for first: about a topic that is not there, the question for offsets only times out.
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
    let Some(known) = metadata.topics().first() else { return Ok(Vec::new()) };
    match known.error().map(RDKafkaErrorCode::from) {
        None => {}
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            return Ok(Vec::new());
        }
        Some(code) => return Err(KafkaError::MetadataFetch(code).into()),
    }
    let mut offsets = Vec::new();
    for partition in known.partitions() {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), ANSWER)?;
        if low < high {
            offsets.push((partition.id(), high.saturating_sub(1)));
        }
    }
    Ok(offsets)
}

/// What of an event's record is compared with the log; a watermark has none.
#[derive(Deserialize)]
struct Envelope {
    leaf_hash: LeafHash,
}

fn witness(message: &impl Message, expected: LogId) -> Result<Witnessed, StoreError> {
    let by = format!("topic {} partition {}", message.topic(), message.partition());
    let header = |name: &str| {
        let headers = message.headers()?;
        let found = headers.iter().find(|header| header.key == name)?;
        std::str::from_utf8(found.value?).ok()
    };
    let log_id = header("log_id").and_then(|text| text.parse::<LogId>().ok());
    let position = header("position").and_then(|text| text.parse().ok());
    let (Some(found), Some(position)) = (log_id, position) else {
        return Err(StoreError::Refused(format!("{by} ends with a record that is not of a ledger's log")));
    };
    if found != expected {
        return Err(StoreError::Refused(format!(
            "{by} holds log {found}, but the ledger database holds log {expected}: name another topic, or delete it"
        )));
    }
    let envelope = message.payload().and_then(|value| serde_json::from_slice::<Envelope>(value).ok());
    Ok(Witnessed { by, position, leaf_hash: envelope.map(|envelope| envelope.leaf_hash) })
}
