//! Kafka by hand: what is in a topic, sending it again, deleting it.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};

const ANSWER: Duration = Duration::from_secs(10);

/// One record as it lies in the topic.
pub type Record = OwnedMessage;

/// One installation's topic.
#[derive(Debug, Clone)]
pub struct Topic {
    brokers: String,
    name: String,
}

impl Topic {
    /// The topic `name` at `brokers`.
    #[must_use]
    pub fn new(brokers: &str, name: &str) -> Self {
        Self { brokers: brokers.to_owned(), name: name.to_owned() }
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    /// Every record there is now, partition by partition. Empty when there is no topic.
    ///
    /// # Panics
    /// When the broker does not answer.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        let mut config = self.config();
        config
            .set("group.id", "a-test-looks")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "10");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let metadata = consumer.fetch_metadata(Some(&self.name), ANSWER).expect("the broker answers");
        let partitions: Vec<i32> = metadata
            .topics()
            .iter()
            .flat_map(|topic| topic.partitions())
            .map(|partition| partition.id())
            .collect();
        let mut wanted = TopicPartitionList::new();
        let mut left = 0;
        for partition in partitions {
            let (low, high) =
                consumer.fetch_watermarks(&self.name, partition, ANSWER).expect("the ends of a partition");
            left += high - low;
            let added = wanted.add_partition_offset(&self.name, partition, Offset::Beginning);
            added.expect("a partition");
        }
        consumer.assign(&wanted).expect("partitions to read");
        let mut records = Vec::new();
        while left > 0 {
            let record = consumer.poll(ANSWER).expect("a record before the end").expect("a record");
            records.push(record.detach());
            left -= 1;
        }
        records.sort_by_key(|record| (record.partition(), record.offset()));
        records
    }

    /// Sends records again, each into its partition, in this order, with its headers.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn send_again(&self, records: &[Record]) {
        let producer: FutureProducer = self.config().set("acks", "all").create().expect("a producer");
        let mut acks = Vec::new();
        for record in records {
            let mut send = FutureRecord::<[u8], [u8]>::to(&self.name).partition(record.partition());
            send.payload = record.payload();
            send.key = record.key();
            send.headers = record.headers().cloned();
            acks.push(producer.send_result(send).map_err(|(error, _)| error).expect("room in the queue"));
        }
        for ack in acks {
            ack.await.expect("an answer").map_err(|(error, _)| error).expect("the broker takes it");
        }
    }

    /// Deletes the topic.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn delete(&self) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().expect("an admin client");
        let options = AdminOptions::new().operation_timeout(Some(ANSWER));
        let deleted = admin.delete_topics(&[&self.name], &options).await.expect("the broker answers");
        for topic in deleted {
            topic.map_err(|(_, code)| code).expect("the topic is deleted");
        }
    }
}
