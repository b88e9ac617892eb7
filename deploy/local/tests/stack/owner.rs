//! The command as owner of the servers: killed, interrupted, or with servers that are there already.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::wire::{eventually, postgres, processes_of};

const GONE_LIMIT: Duration = Duration::from_secs(20);
const VARIABLES: [&str; 3] = ["DATABASE_URL", "KAFKA_BROKERS", "CLICKHOUSE_URL"];

struct Owner {
    child: Child,
    folder: PathBuf,
    /// Variable and value of each `export` line.
    exports: Vec<(String, String)>,
}

impl Owner {
    fn up(name: &str, existing: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("own-circle-{name}-{}", std::process::id()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_local-stack"));
        command.args(["up", "--data"]).arg(&folder).stdout(Stdio::piped());
        for variable in VARIABLES {
            command.env_remove(variable);
        }
        let mut child = command.envs(existing.iter().copied()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(VARIABLES.len());
        let exports = lines.map(|line| {
            let line = line.unwrap();
            let (variable, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
            (variable.to_owned(), value.trim_matches('\'').to_owned())
        });
        let exports: Vec<_> = exports.collect();
        assert_eq!(exports.iter().map(|(variable, _)| variable.as_str()).collect::<Vec<_>>(), VARIABLES);
        Self { child, folder, exports }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Processes that mention the folder, without the owner itself.
    fn servers(&self) -> Vec<String> {
        servers_of(&self.folder)
    }
}

fn servers_of(folder: &Path) -> Vec<String> {
    processes_of(folder).into_iter().filter(|line| !line.contains(" up --data ")).collect()
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn servers_are_gone_soon_after_their_owner_was_killed() {
    let mut owner = Owner::up("killed", &[]);
    let url = owner.exports[0].1.clone();
    // A backend in the middle of a statement does not look whether its server still lives.
    let busy = std::thread::spawn({
        let url = url.clone();
        move || std::panic::catch_unwind(|| postgres(&url, "select pg_sleep(600)").error)
    });
    let sleeping = "select count(*)::text from pg_stat_activity where query = 'select pg_sleep(600)'";
    eventually(&Some("1".to_owned()), GONE_LIMIT, || postgres(&url, sleeping).value);
    let backend = "select pid::text from pg_stat_activity where query = 'select pg_sleep(600)'";
    let backend = PathBuf::from("/proc").join(postgres(&url, backend).value.unwrap());
    assert!(owner.servers().len() >= 3 && backend.exists());
    owner.signal(Signal::KILL);
    owner.child.wait().unwrap();
    eventually(&Vec::<String>::new(), GONE_LIMIT, || owner.servers());
    eventually(&false, GONE_LIMIT, || backend.exists());
    let _ = busy.join();
}

#[test]
fn an_interrupted_owner_stops_its_servers_and_ends_well() {
    let mut owner = Owner::up("interrupted", &[]);
    assert!(owner.servers().len() >= 3);
    owner.signal(Signal::INT);
    assert!(owner.child.wait().unwrap().success());
    assert_eq!(owner.servers(), Vec::<String>::new());
    // In order: the next start has nothing to recover.
    let log = std::fs::read_to_string(owner.folder.join("postgres.log")).unwrap();
    assert!(log.contains("database system is shut down"), "{log}");
}

#[test]
fn servers_in_the_environment_are_used_and_none_is_started() {
    let existing = [
        (VARIABLES[0], "postgres://a:b@db:5432/x"),
        (VARIABLES[1], "k:9092"),
        (VARIABLES[2], "http://c:8123"),
    ];
    let mut owner = Owner::up("existing", &existing);
    let exported: Vec<(&str, &str)> = owner.exports.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(exported, existing);
    assert_eq!(owner.servers(), Vec::<String>::new());
    owner.signal(Signal::TERM);
    assert!(owner.child.wait().unwrap().success());
}
