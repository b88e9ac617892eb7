//! The whole topic is deleted, with projectors at rest and while they run: the relay fills it again, nothing changes,
//! nothing is skipped.

use std::time::Duration;

use system_tests::system::{
    Audit, Duplicates, Journal, Role, Seeded, Site, Town, eventually, import_until_known, record_until_known,
    shared,
};

use crate::{recently, sale, sales};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_topic_loses_nothing() {
    let mut site = Site::start(shared()).await;
    let town = Town::settle(&site, 8).await;
    let journal = Journal::default();
    let seeded = Seeded::new("topic", 41);
    let lines = sales(&seeded, &town.businesses, &town.members, 0, 500);
    import_until_known(&site.admin(), &journal, &lines).await;
    let before = Audit::pass(&site, &journal, Duplicates::None).await;

    Role::ALL.into_iter().for_each(|role| site.kill_role(role));
    site.topic().delete().await;
    let more = sales(&seeded, &town.businesses, &town.members, 500, 100);
    import_until_known(&site.admin(), &journal, &more).await;
    Role::ALL.into_iter().for_each(|role| site.start_role(role));
    let between = Audit::pass(&site, &journal, Duplicates::None).await;
    assert_eq!(between.purchases(), before.purchases() + 100);
    refilled(&site).await;

    site.topic().delete().await;
    let till = town.businesses[0].till(&site);
    for number in 0..50 {
        let one =
            sale(&format!("w{number}"), &town.businesses[0], seeded.pick(&town.members), 10_000, &recently());
        let answer = record_until_known(&till, &journal, &one).await;
        assert_eq!(answer.status, 201, "writes go on without a topic: {}", answer.text);
    }
    let after = Audit::pass(&site, &journal, Duplicates::None).await;
    assert_eq!(after.purchases(), between.purchases() + 50);
    refilled(&site).await;
    assert!(site.all_run(), "{}", site.logs());
    site.check();
}

/// The topic has every position of the log, in order within a partition.
async fn refilled(site: &Site) {
    let head = site.head().await;
    let positions = || async {
        let mut positions: Vec<i64> = site
            .topic()
            .records()
            .iter()
            .filter_map(|record| header(record, "position").parse().ok())
            .collect();
        positions.sort_unstable();
        positions.dedup();
        positions.len()
    };
    let all = |count: &usize| i64::try_from(*count) == Ok(head);
    eventually("the topic has every position", Duration::from_secs(60), positions, all).await;
    let mut newest = std::collections::BTreeMap::new();
    for record in site.topic().records() {
        let Ok(position) = header(&record, "position").parse::<i64>() else { continue };
        let partition = rdkafka::Message::partition(&record);
        let first_time = newest.get(&partition).is_none_or(|newest| position > *newest);
        if first_time {
            let before = newest.insert(partition, position).unwrap_or(0);
            assert_eq!(
                header(&record, "prev"),
                before.to_string(),
                "the place before {position} in {partition}"
            );
        }
    }
}

/// A header of an event's record; empty for a watermark.
fn header(record: &system_tests::system::Record, name: &str) -> String {
    use rdkafka::message::{Headers, Message};
    let Some(headers) = record.headers() else { return String::new() };
    let value = |name: &str| headers.iter().find(|header| header.key == name).and_then(|header| header.value);
    if value("event_type").is_none_or(|kind| kind == b"watermark") {
        return String::new();
    }
    value(name).map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
}
