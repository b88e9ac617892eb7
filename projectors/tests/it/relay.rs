//! The relay and the Kafka source against a real broker.

use std::sync::Arc;
use std::time::Duration;

use projectors::error::ProjectError;
use projectors::projections;
use projectors::relay::{Relay, Topic};
use projectors::source::{KafkaSource, OpenSource, Source};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::support::{PARTITIONS, World, dump, read_database, stack, wait_until_passed};

struct Wire {
    brokers: String,
    name: String,
}

impl Wire {
    fn new() -> Self {
        let brokers = stack().kafka().address().expect("an address").to_owned();
        Self { brokers, name: format!("test-{}", Uuid::now_v7().simple()) }
    }

    fn topic(&self) -> Topic {
        Topic::new(&self.brokers, &self.name, PARTITIONS)
    }

    fn relay(&self, world: &World) -> JoinHandle<ProjectError> {
        let relay = Relay::new(world.options.log.clone(), self.topic());
        tokio::spawn(async move { relay.run().await })
    }

    fn source(&self) -> OpenSource {
        let (brokers, name) = (self.brokers.clone(), self.name.clone());
        Arc::new(move || Ok(Box::new(KafkaSource::new(&brokers, &name)?) as Box<dyn Source>))
    }

    async fn delete(&self) {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        let admin: AdminClient<DefaultClientContext> = config.create().expect("a client");
        let answers = admin.delete_topics(&[&self.name], &AdminOptions::new()).await.expect("an answer");
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_topic_carries_the_log_through_kills_and_the_loss_of_the_topic() {
    let mut world = World::with_members(5).await;
    let wire = Wire::new();
    let relaying = wire.relay(&world);
    let read = read_database().await;
    let following: Vec<_> = projections()
        .iter()
        .map(|projection| world.project(projection.name(), &read, wire.source()))
        .collect();
    world.purchases(40).await;
    wait_until_passed(&read, "balances", world.head().await).await;
    relaying.abort();
    // Nobody relays; then another does, and takes over where the first was acknowledged.
    world.purchases(10).await;
    let relaying = wire.relay(&world);
    for projection in projections() {
        wait_until_passed(&read, projection.name(), world.head().await).await;
    }
    wire.delete().await;
    world.live().await;
    for projection in projections() {
        wait_until_passed(&read, projection.name(), world.head().await).await;
    }
    assert!(!relaying.is_finished());
    for (projection, expected) in projections().into_iter().zip(world.expected().await) {
        assert_eq!(dump(&read, projection.name()).await, expected, "{}", projection.name());
    }
    // A newcomer reads the refilled topic from its beginning, and finds all of the log there.
    let fresh = read_database().await;
    let newcomer = world.project("history", &fresh, wire.source());
    wait_until_passed(&fresh, "history", world.head().await).await;
    assert_eq!(dump(&fresh, "history").await, dump(&read, "history").await);
    newcomer.abort();
    relaying.abort();
    following.iter().for_each(JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn design_l9_a_topic_of_another_log_is_never_written_to() {
    let mut world = World::with_members(1).await;
    world.purchases(1).await;
    let wire = Wire::new();
    let relaying = wire.relay(&world);
    let read = read_database().await;
    let following = world.project("balances", &read, wire.source());
    wait_until_passed(&read, "balances", world.head().await).await;
    relaying.abort();
    following.abort();
    let before = wire.topic().ends().await.expect("ends");
    let other = World::with_members(1).await;
    let refused = tokio::time::timeout(Duration::from_secs(60), wire.relay(&other)).await.expect("it stops");
    let error = refused.expect("no panic").to_string();
    assert!(error.contains(&world.ledger.log_id().to_string()), "{error}");
    assert_eq!(wire.topic().ends().await.expect("ends"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_relay_leads_and_the_other_takes_over() {
    let mut world = World::with_members(2).await;
    let wire = Wire::new();
    let first = wire.relay(&world);
    let second = wire.relay(&world);
    let read = read_database().await;
    let following = world.project("balances", &read, wire.source());
    world.purchases(5).await;
    wait_until_passed(&read, "balances", world.head().await).await;
    first.abort();
    world.purchases(5).await;
    wait_until_passed(&read, "balances", world.head().await).await;
    assert!(!second.is_finished());
    second.abort();
    following.abort();
}
