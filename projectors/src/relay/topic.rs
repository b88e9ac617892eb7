//! The topic: made where missing, looked at, and refused when it knows more than the log. Design, Kafka; L9.

use std::sync::Arc;
use std::time::Duration;

use ledger_core::ids::LogId;
use ledger_store::published::last_records;
use ledger_store::start::check_not_behind;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::error::ProjectError;
use crate::source::{LogReader, consumer_settings, failure};

const ANSWER: Duration = Duration::from_secs(5);

/// Which topic, where, with how many partitions.
#[derive(Debug, Clone)]
pub struct Topic {
    brokers: String,
    name: String,
    partitions: i32,
}

impl Topic {
    /// The topic `name` at `brokers`, with `partitions`.
    #[must_use]
    pub fn new(brokers: &str, name: &str, partitions: i32) -> Self {
        Self { brokers: brokers.to_owned(), name: name.to_owned(), partitions }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of its partitions.
    #[must_use]
    pub const fn partitions(&self) -> i32 {
        self.partitions
    }

    /// The settings of every client that writes or manages.
    pub(super) fn client_settings(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "own-circle-relay")
            .set("reconnect.backoff.max.ms", "1000")
            .set("topic.metadata.refresh.interval.ms", "5000")
            .set("socket.timeout.ms", "10000");
        config
    }

    /// Makes the topic when it is missing, for ever; a broker that made it by itself with fewer partitions gets the rest.
    ///
    /// # Errors
    /// [`ProjectError::Kafka`]; [`ProjectError::Setup`] when it has more partitions than the settings say.
    pub async fn ensure(&self) -> Result<(), ProjectError> {
        let admin: AdminClient<DefaultClientContext> = self.client_settings().create()?;
        let options = AdminOptions::new().operation_timeout(Some(ANSWER)).request_timeout(Some(ANSWER));
        let topic = NewTopic::new(&self.name, self.partitions, TopicReplication::Fixed(-1))
            .set("cleanup.policy", "delete")
            .set("retention.ms", "-1")
            .set("retention.bytes", "-1");
        for answer in admin.create_topics([&topic], &options).await? {
            match answer {
                Ok(_) => tracing::info!(topic = self.name, partitions = self.partitions, "the topic is made"),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code)) => return Err(KafkaError::AdminOp(code).into()),
            }
        }
        let found = self.count(&admin)?;
        if found > self.partitions {
            return Err(ProjectError::Setup(format!(
                "kafka.partitions is {}, but topic {} has {found}",
                self.partitions, self.name
            )));
        }
        if found > 0 && found < self.partitions {
            let count = usize::try_from(self.partitions).unwrap_or(0);
            for answer in admin.create_partitions([&NewPartitions::new(&self.name, count)], &options).await? {
                answer.map_err(|(_, code)| KafkaError::AdminOp(code))?;
            }
        }
        Ok(())
    }

    fn count(&self, admin: &AdminClient<DefaultClientContext>) -> Result<i32, ProjectError> {
        let metadata =
            tokio::task::block_in_place(|| admin.inner().fetch_metadata(Some(&self.name), ANSWER))?;
        let count = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }

    /// Where each partition ends: the offset its next record gets.
    ///
    /// # Errors
    /// [`ProjectError::Kafka`].
    pub async fn ends(&self) -> Result<Vec<i64>, ProjectError> {
        self.ends_seen_by(&self.watcher()?).await
    }

    /// A client that only looks; kept by whoever looks often.
    pub(super) fn watcher(&self) -> Result<Arc<BaseConsumer>, ProjectError> {
        Ok(Arc::new(consumer_settings(&self.brokers).create()?))
    }

    /// As [`Topic::ends`], through `watcher`.
    pub(super) async fn ends_seen_by(&self, watcher: &Arc<BaseConsumer>) -> Result<Vec<i64>, ProjectError> {
        let (watcher, topic) = (Arc::clone(watcher), self.clone());
        let ends = tokio::task::spawn_blocking(move || end_offsets(&watcher, &topic.name, topic.partitions));
        ends.await.map_err(|_| KafkaError::Canceled)?
    }

    /// Refuses a topic whose last records are further than the log, of another log, or of another history. Design L9.
    ///
    /// # Errors
    /// [`ProjectError::Setup`] with the reason, or what a server says.
    pub async fn refuse_if_ahead(&self, log: &LogReader, log_id: LogId) -> Result<(), ProjectError> {
        let witnessed = last_records(&self.brokers, &self.name, log_id).await.map_err(failure)?;
        check_not_behind(log.pool(), &witnessed).await.map_err(failure)
    }
}

/// Where each partition ends, by a blocking client.
///
/// # Errors
/// [`ProjectError::Kafka`].
pub fn end_offsets(consumer: &BaseConsumer, topic: &str, partitions: i32) -> Result<Vec<i64>, ProjectError> {
    // Asked for first: about a topic that is gone, the question for offsets only times out.
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
    let known = metadata.topics().first().filter(|known| known.error().is_none());
    let count = known.map_or(0, |known| known.partitions().len());
    if i32::try_from(count).is_ok_and(|count| count < partitions) {
        return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition).into());
    }
    (0..partitions)
        .map(|partition| Ok(consumer.fetch_watermarks(topic, partition, ANSWER).map(|(_, high)| high)?))
        .collect()
}

/// True when the broker says that there is no such topic.
pub(super) fn is_missing(error: &ProjectError) -> bool {
    let ProjectError::Kafka(error) = error else { return false };
    let code = error.rdkafka_error_code();
    matches!(
        code,
        Some(
            RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition
        )
    )
}
