//! Start, stop, kill and start again; two stacks at once; one folder, one stack.

use std::thread;
use std::time::Duration;

use local_stack::{DataFolder, ServerKind, Stack, StackError, StackOptions};

use crate::wire::{clickhouse, eventually, kafka_requests, postgres, processes_of};

const DELETE_SHARE_GROUP_OFFSETS: i16 = 92;

#[test]
fn the_three_answer_with_their_versions_and_nothing_is_left() {
    let stack = Stack::start(&StackOptions::temporary()).unwrap();
    let folder = stack.folder().to_path_buf();
    let answer =
        postgres(stack.postgres().address().unwrap(), "select setting from pg_settings where name = 'fsync'");
    assert_eq!((answer.version.as_str(), answer.value.as_deref()), ("16.11", Some("on")));
    assert_eq!(clickhouse(stack.clickhouse().address().unwrap(), "SELECT version()"), "25.8.2.1");
    // The offsets of share groups became manageable with 4.1.
    let requests = kafka_requests(stack.kafka().address().unwrap());
    assert!(requests.contains(&DELETE_SHARE_GROUP_OFFSETS), "{requests:?}");
    assert!(processes_of(&folder).len() >= 3);
    drop(stack);
    assert_eq!(processes_of(&folder), Vec::<String>::new());
    assert!(!folder.exists());
}

#[test]
fn durable_settings_are_on_and_a_wrong_password_is_refused() {
    let stack = Stack::start(&StackOptions::temporary().only([ServerKind::Postgres])).unwrap();
    let url = stack.postgres().address().unwrap();
    for (name, wanted) in
        [("full_page_writes", "on"), ("synchronous_commit", "on"), ("max_connections", "300")]
    {
        assert_eq!(postgres(url, &format!("show {name}")).value.as_deref(), Some(wanted), "{name}");
    }
    let (account, place) = url.split_once('@').unwrap();
    let error = postgres(&format!("{account}x@{place}"), "select 1").error.unwrap();
    assert!(error.contains("28P01"), "{error}");
    assert!(matches!(stack.kafka().address(), Err(StackError::NotStarted(ServerKind::Kafka))));
}

#[test]
fn a_killed_server_comes_back_on_the_same_address_with_its_data() {
    let stack = Stack::start(&StackOptions::temporary()).unwrap();
    let url = stack.postgres().address().unwrap().to_owned();
    assert!(postgres(&url, "create table kept as select 7 as n").error.is_none());
    let first = stack.postgres().pid();
    for server in stack.servers() {
        server.kill().unwrap();
        assert_eq!(server.pid(), None);
    }
    assert_eq!(processes_of(stack.folder()), Vec::<String>::new());
    for server in stack.servers() {
        server.start().unwrap();
    }
    assert_ne!(stack.postgres().pid(), first);
    assert_eq!(stack.postgres().address().unwrap(), url);
    assert_eq!(postgres(&url, "select n from kept").value.as_deref(), Some("7"));
    assert!(!kafka_requests(stack.kafka().address().unwrap()).is_empty());
}

#[test]
fn a_server_stops_in_order_and_starts_again_while_a_backend_is_busy() {
    let only = [ServerKind::Postgres, ServerKind::ClickHouse];
    let stack = Stack::start(&StackOptions::temporary().only(only)).unwrap();
    let url = stack.postgres().address().unwrap().to_owned();
    let busy = thread::spawn({
        let url = url.clone();
        move || postgres(&url, "select pg_sleep(600)").error
    });
    let sleeping = "select count(*)::text from pg_stat_activity where query = 'select pg_sleep(600)'";
    eventually(&Some("1".to_owned()), Duration::from_secs(20), || postgres(&url, sleeping).value);
    stack.postgres().stop().unwrap();
    assert!(busy.join().unwrap().is_some_and(|error| error.contains("57P01")));
    stack.postgres().start().unwrap();
    assert_eq!(postgres(&url, "select 1").value.as_deref(), Some("1"));
    let url = stack.clickhouse().address().unwrap();
    clickhouse(url, "CREATE TABLE kept (n UInt8) ENGINE = MergeTree ORDER BY n AS SELECT 7");
    stack.clickhouse().stop().unwrap();
    stack.clickhouse().start().unwrap();
    assert_eq!(clickhouse(url, "SELECT n FROM kept"), "7");
}

#[test]
fn two_stacks_stand_side_by_side() {
    let starting = [(); 2].map(|()| thread::spawn(|| Stack::start(&StackOptions::temporary()).unwrap()));
    let [one, two] = starting.map(|thread| thread.join().unwrap());
    for (of_one, of_two) in one.servers().into_iter().zip(two.servers()) {
        assert_ne!(of_one.address().unwrap(), of_two.address().unwrap());
    }
    assert!(postgres(one.postgres().address().unwrap(), "create table mine ()").error.is_none());
    let elsewhere = postgres(two.postgres().address().unwrap(), "select count(*)::text from mine");
    assert!(elsewhere.error.is_some_and(|error| error.contains("42P01")));
    drop(one);
    assert_eq!(clickhouse(two.clickhouse().address().unwrap(), "SELECT 1"), "1");
    assert_eq!(postgres(two.postgres().address().unwrap(), "select 1").value.as_deref(), Some("1"));
}

#[test]
fn a_kept_folder_serves_one_stack_at_a_time_and_keeps_its_data() {
    let path = std::env::temp_dir().join(format!("own-circle-kept-{}", std::process::id()));
    let options = StackOptions { data: DataFolder::At(path.clone()), ..StackOptions::temporary() };
    let options = options.only([ServerKind::Postgres]);
    let stack = Stack::start(&options).unwrap();
    assert!(matches!(Stack::start(&options), Err(StackError::FolderInUse(_))));
    assert!(
        postgres(stack.postgres().address().unwrap(), "create table kept as select 7 as n").error.is_none()
    );
    drop(stack);
    let again = Stack::start(&options).unwrap();
    assert_eq!(
        postgres(again.postgres().address().unwrap(), "select n from kept").value.as_deref(),
        Some("7")
    );
    drop(again);
    std::fs::remove_dir_all(path).unwrap();
}
