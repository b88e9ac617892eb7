//! Installations and the processes on them, with the `local-stack` command itself as the process under control.

use std::time::Duration;

use local_stack::{Installation, Port, Process, ProcessOptions, ServerKind, Stack, StackError, StackOptions};

use crate::wire::{eventually, processes_of};

const LIMIT: Duration = Duration::from_secs(20);

fn stack() -> Stack {
    Stack::start(&StackOptions::temporary().only([ServerKind::Postgres, ServerKind::ClickHouse])).unwrap()
}

/// `local-stack up` beside three servers that are said to exist: it starts nothing and waits for a signal.
fn waiting(installation: &Installation, label: &str) -> Process {
    let folder = installation.folder().join(label);
    let arguments = ["up".into(), "--data".into(), folder.into_os_string()];
    let options = ProcessOptions::new::<std::ffi::OsString>(label, "local-stack", arguments);
    let options = options.with("DATABASE_URL", "postgres://a:b@db/x").with("KAFKA_BROKERS", "k:9092");
    let mut process = installation.start(options.with("CLICKHOUSE_URL", "http://c:8123")).unwrap();
    until_running(&mut process);
    process
}

fn until_running(process: &mut Process) {
    let log = process.log().to_path_buf();
    eventually(&true, LIMIT, || std::fs::read_to_string(&log).unwrap().contains("Ctrl-C stops"));
    assert!(process.is_running());
}

fn state(process: &Process) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.pid().unwrap())).unwrap();
    stat.rsplit_once(") ").unwrap().1.chars().take(1).collect()
}

#[test]
fn settings_name_everything_after_the_installation_and_stay_the_same() {
    let stack = stack();
    let mut first = Installation::new(&stack, "shop").unwrap();
    let setting = |name: &str| first.settings().get(&format!("OWN_CIRCLE__{name}")).cloned();
    let server = stack.postgres().address().unwrap().split_once('@').unwrap().1.split_once('/').unwrap().0;
    for part in ["ledger", "read", "vault"] {
        let url = setting(&format!("{}__URL", part.to_uppercase())).unwrap();
        assert!(url.starts_with(&format!("postgres://shop_{part}_service:")), "{part}");
        assert!(url.ends_with(&format!("@{server}/shop_{part}")), "{part}");
    }
    let seal = setting("SEAL__URL").unwrap();
    assert!(seal.starts_with("postgres://shop_seal_service:") && seal.ends_with("/shop_ledger"), "{seal}");
    assert_eq!(setting("CLICKHOUSE__URL").unwrap(), stack.clickhouse().address().unwrap());
    assert_eq!(setting("CLICKHOUSE__DATABASE").as_deref(), Some("shop"));
    assert_eq!(setting("KAFKA__BROKERS"), None, "the stack has no Kafka");
    assert_eq!(setting("ADMIN__URL"), None, "the superuser is for migrations only");
    assert_eq!(setting("HTTP__LISTEN").map(|at| format!("http://{at}")), Some(first.http_url()));
    let second = Installation::new(&stack, "shop").unwrap();
    assert_eq!(first.admin_key(), second.admin_key());
    assert_ne!(first.http_url(), second.http_url());
    first.set("OWN_CIRCLE__HTTP__LISTEN", "127.0.0.1:1");
    assert_eq!(first.settings()["OWN_CIRCLE__HTTP__LISTEN"], "127.0.0.1:1");
    assert!(matches!(Installation::new(&stack, "My Shop"), Err(StackError::BadName(_))));
}

#[test]
fn a_process_is_paused_resumed_terminated_restarted_and_killed() {
    let stack = stack();
    let installation = Installation::new(&stack, "shop").unwrap();
    let mut process = waiting(&installation, "waiting");
    let first = process.pid();
    process.pause().unwrap();
    eventually(&"T".to_owned(), LIMIT, || state(&process));
    process.resume().unwrap();
    eventually(&"S".to_owned(), LIMIT, || state(&process));
    let ping = format!("{}/ping", stack.clickhouse().address().unwrap());
    process.wait_ready(&ping, LIMIT).unwrap();
    assert!(process.terminate(LIMIT).unwrap().is_some_and(|status| status.success()));
    assert!(matches!(process.terminate(LIMIT), Err(StackError::NotRunning(_))));
    assert_eq!(processes_of(installation.folder()), Vec::<String>::new());
    std::fs::write(process.log(), "").unwrap();
    process.restart().unwrap();
    until_running(&mut process);
    assert_ne!(process.pid(), first);
    process.kill9();
    assert_eq!(processes_of(installation.folder()), Vec::<String>::new());
}

#[test]
fn a_process_that_never_answers_or_fails_shows_its_log() {
    let stack = stack();
    let installation = Installation::new(&stack, "shop").unwrap();
    let port = Port::reserve().unwrap();
    let silent = format!("http://127.0.0.1:{}/health", port.number());
    let mut process = waiting(&installation, "silent");
    let late = process.wait_ready(&silent, Duration::from_millis(200)).unwrap_err().to_string();
    assert!(late.contains("silent did not answer") && late.contains("Ctrl-C stops"), "{late}");
    let options = ProcessOptions::new("wrong", "local-stack", ["no-such-command"]).listening_on(port);
    let mut wrong = installation.start(options).unwrap();
    let failed = wrong.wait_for_success(LIMIT).unwrap_err().to_string();
    assert!(failed.contains("exit status: 2") && failed.contains("no-such-command"), "{failed}");
    let absent = installation.start(ProcessOptions::new("absent", "no-such-program", [""; 0])).unwrap_err();
    assert!(absent.to_string().contains("cargo build -p no-such-program"), "{absent}");
}
