//! A consumer that goes deaf, on a real broker.

use std::time::Duration;

use ledger_core::ids::LogId;
use local_stack::{ServerKind, Stack, StackOptions};
use rdkafka::consumer::Consumer;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::time::Instant;
use uuid::Uuid;

use super::{Cursor, KafkaSource, consumer_settings};
use crate::relay::Topic;
use crate::source::{Places, Source, WATERMARK};

const PARTITIONS: i32 = 2;
const DEADLINE: Duration = Duration::from_secs(60);

struct Wire {
    log_id: LogId,
    topic: Topic,
    producer: FutureProducer,
    source: KafkaSource,
}

impl Wire {
    async fn new(stack: &Stack) -> Self {
        let brokers = stack.kafka().address().expect("an address");
        let name = format!("test-{}", Uuid::now_v7().simple());
        let topic = Topic::new(brokers, &name, PARTITIONS);
        topic.ensure().await.expect("a topic");
        let producer = consumer_settings(brokers).create().expect("a producer");
        let mut source = KafkaSource::new(brokers, &name).expect("a source");
        source.patience = Duration::from_millis(200);
        Self { log_id: Uuid::now_v7().to_string().parse().expect("an id"), topic, producer, source }
    }

    /// The word that partition 0 is complete up to `position`.
    async fn write(&self, position: i64) {
        let (position, log_id) = (position.to_string(), self.log_id.to_string());
        let header = |key, value| Header { key, value: Some(value) };
        let headers = OwnedHeaders::new()
            .insert(header("position", position.as_str()))
            .insert(header("prev", "0"))
            .insert(header("log_id", log_id.as_str()))
            .insert(header("event_type", WATERMARK));
        let record = FutureRecord::<(), [u8]>::to(self.topic.name()).partition(0).headers(headers);
        self.producer.send(record, DEADLINE).await.expect("a record");
    }

    /// Reads until `position` came, and says what came.
    async fn read_up_to(&mut self, position: i64) -> Vec<i64> {
        let (until, mut read) = (Instant::now() + DEADLINE, Vec::new());
        while read.last() != Some(&position) {
            assert!(Instant::now() < until, "{position} has not come, only {read:?}");
            let batch = self.source.next(10, Duration::from_millis(100)).await.expect("records");
            read.extend(batch.iter().map(|delivery| delivery.position));
        }
        read
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_goes_silent_is_read_on() {
    let options = StackOptions::temporary().only([ServerKind::Kafka]);
    let stack = tokio::task::spawn_blocking(move || Stack::start(&options)).await.expect("no panic");
    let stack = stack.expect("Kafka starts");
    let mut wire = Wire::new(&stack).await;
    let places = Places::beginning(wire.log_id, PARTITIONS);
    wire.source.start(&places).await.expect("a start");
    wire.write(1).await;
    assert_eq!(wire.read_up_to(1).await, [1]);

    // The client fetches no more, and tells nobody.
    wire.source.consumer.unassign().expect("no partitions");
    wire.write(2).await;
    assert_eq!(wire.read_up_to(2).await, [2]);

    // It waits behind the end of a topic that was made anew.
    wire.source.cursors[0].next = Some(7);
    wire.source.consumer.unassign().expect("no partitions");
    wire.write(3).await;
    assert_eq!(wire.read_up_to(3).await, [1, 2, 3], "from the beginning; the feed drops what was seen");

    // The topic was made anew, and this partition is by chance as long as the old one was; another is not.
    wire.source.cursors[0].seen = 1;
    wire.source.find_ground().expect("the broker's word");
    assert_eq!(wire.read_up_to(3).await, [1, 2, 3], "what stands there was never heard");

    // The last record heard stood at the offset at which the topic that was made anew ends.
    wire.source.cursors[0] = Cursor::at(Some(3), 1);
    wire.source.assign().expect("a place");
    assert_eq!(wire.read_up_to(3).await, [1, 2, 3], "the broker never said that the offset is not there");
}
