//! An installation of the product: databases, topic and ClickHouse database of its own, and its processes.
//!
//! A process that was killed is started again on the same port with the same settings, as a supervisor would.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use local_stack::{Installation, Port, Process, ProcessOptions, Stack};
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use super::client::Client;
use super::role::Role;
use super::topic::Topic;
use super::wait::eventually;
use super::warehouse::Warehouse;

static NEXT: AtomicU32 = AtomicU32::new(1);

const READY: Duration = Duration::from_secs(30);

/// An installation and its running processes.
#[derive(Debug)]
pub struct Site {
    // In this order they are dropped: processes, then what they stand on.
    api: Vec<(String, Process)>,
    roles: BTreeMap<Role, Process>,
    installation: Installation,
    name: String,
    client: Client,
    stack: Arc<Stack>,
}

impl Site {
    /// Makes databases and tables; nothing runs yet.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn prepare(stack: Arc<Stack>) -> Self {
        let name = format!("site_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let installation = Installation::new(&stack, &name).expect("an installation");
        installation.migrate().expect("migrations run");
        let client = Client::nobody(&installation.http_url());
        Self { api: Vec::new(), roles: BTreeMap::new(), installation, name, client, stack }
    }

    /// One `ledger-api` and every role, all answering.
    ///
    /// # Panics
    /// When one does not start.
    pub async fn start(stack: Arc<Stack>) -> Self {
        Self::start_with(stack, &[]).await
    }

    /// The same with settings of its own: `OWN_CIRCLE__…` and their values.
    ///
    /// # Panics
    /// When one does not start.
    pub async fn start_with(stack: Arc<Stack>, settings: &[(&str, &str)]) -> Self {
        let mut site = Self::prepare(stack);
        settings.iter().for_each(|(variable, value)| site.installation.set(variable, value));
        site.start_api();
        Role::ALL.into_iter().for_each(|role| site.start_role(role));
        site.settle().await;
        site
    }

    /// The servers.
    #[must_use]
    pub fn stack(&self) -> &Arc<Stack> {
        &self.stack
    }

    /// The installation.
    #[must_use]
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// The installation's name, which its databases carry.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts one more `ledger-api`; the first listens on the installation's own port. Gives its address.
    ///
    /// # Panics
    /// When it is not ready within 30 s.
    pub fn start_api(&mut self) -> String {
        let label = format!("ledger-api-{}", self.api.len() + 1);
        let options = ProcessOptions::new(&label, "ledger-api", ["serve"]);
        let (options, base) = if self.api.is_empty() {
            (options, self.installation.http_url())
        } else {
            let port = Port::reserve().expect("a port");
            let base = format!("http://127.0.0.1:{}", port.number());
            (options.listening_on(port), base)
        };
        let mut process = self.installation.start(options).expect("ledger-api starts");
        process.wait_ready(&format!("{base}/health/ready"), READY).expect("ledger-api is ready");
        self.api.push((base.clone(), process));
        base
    }

    /// Starts a role. It is not waited for.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_role(&mut self, role: Role) {
        let arguments = role.arguments().iter().copied();
        let options = ProcessOptions::new(role.name(), "projectors", arguments);
        self.roles.insert(role, self.installation.start(options).expect("the role starts"));
    }

    /// Whether a role was started, and not killed since.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains_key(&role)
    }

    /// Kills a role with SIGKILL.
    pub fn kill_role(&mut self, role: Role) {
        self.roles.remove(&role);
    }

    /// Kills a role with SIGKILL and starts it again.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn restart_role(&mut self, role: Role) {
        let process = self.roles.get_mut(&role).expect("a role that was started");
        process.restart().expect("the role starts again");
    }

    /// Stops a role in its tracks (SIGSTOP): alive, connections open, silent.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pause_role(&mut self, role: Role) {
        self.roles.get_mut(&role).expect("a role that was started").pause().expect("a process to pause");
    }

    /// Lets it go on after [`Site::pause_role`].
    ///
    /// # Panics
    /// When it does not run.
    pub fn resume_role(&mut self, role: Role) {
        self.roles.get_mut(&role).expect("a role that was started").resume().expect("a process to resume");
    }

    /// Kills the `ledger-api` number `index` with SIGKILL and starts it again; it is not waited for.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn restart_api(&mut self, index: usize) {
        self.api[index].1.restart().expect("ledger-api starts again");
    }

    /// Stops the `ledger-api` number `index` in its tracks (SIGSTOP): alive, connections open, silent.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pause_api(&mut self, index: usize) {
        self.api[index].1.pause().expect("a process to pause");
    }

    /// Lets it go on after [`Site::pause_api`].
    ///
    /// # Panics
    /// When it does not run.
    pub fn resume_api(&mut self, index: usize) {
        self.api[index].1.resume().expect("a process to resume");
    }

    /// Waits until every `ledger-api` is ready.
    ///
    /// # Panics
    /// When one is not within 30 s.
    pub fn wait_ready(&mut self) {
        for (base, process) in &mut self.api {
            process.wait_ready(&format!("{base}/health/ready"), READY).expect("ledger-api is ready");
        }
    }

    /// Ends every process of ours with SIGKILL.
    pub fn kill_all(&mut self) {
        self.roles.clear();
        self.api.clear();
    }

    /// True while every process runs that was started.
    pub fn all_run(&mut self) -> bool {
        let apis = self.api.iter_mut().map(|(_, process)| process);
        apis.chain(self.roles.values_mut()).all(Process::is_running)
    }

    /// The process id of the first `ledger-api`.
    #[must_use]
    pub fn api_pid(&self) -> Option<u32> {
        self.api.first().and_then(|(_, process)| process.pid())
    }

    /// Somebody without a credential.
    #[must_use]
    pub fn nobody(&self) -> Client {
        self.client.clone()
    }

    /// The superadmin.
    #[must_use]
    pub fn admin(&self) -> Client {
        self.client.with(format!("ApiKey {}", self.installation.admin_key()))
    }

    /// Sets the installation's clock; `None` lets it run again.
    ///
    /// # Panics
    /// When the service refuses.
    pub async fn set_clock(&self, now: Option<&str>) {
        let _ = self.nobody().post("/dev/clock", &json!({"now": now})).await.data(200);
    }

    /// The address of one of the installation's databases, for the server's owner.
    pub(super) fn address(&self, part: &str) -> String {
        let (server, _) = self.installation.admin_url().rsplit_once('/').expect("an address with a database");
        format!("{server}/{}_{part}", self.name)
    }

    /// The address of its ClickHouse database.
    #[must_use]
    pub fn clickhouse(&self) -> String {
        format!("{}/{}", self.setting("CLICKHOUSE__URL").trim_end_matches('/'), self.name)
    }

    /// A pool on one of the installation's databases (`ledger`, `read` or `vault`), as the server's owner.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn database(&self, part: &str) -> PgPool {
        let url = self.address(part);
        let options = PgPoolOptions::new().max_connections(4).acquire_timeout(READY);
        options.connect(&url).await.expect("the database answers")
    }

    /// Its ClickHouse database.
    ///
    /// # Panics
    /// When the stack has no ClickHouse.
    #[must_use]
    pub fn warehouse(&self) -> Warehouse {
        Warehouse::new(self.stack.clickhouse().address().expect("ClickHouse"), &self.name)
    }

    /// Its topic.
    ///
    /// # Panics
    /// When the stack has no Kafka.
    #[must_use]
    pub fn topic(&self) -> Topic {
        Topic::new(self.stack.kafka().address().expect("Kafka"), &self.setting("KAFKA__TOPIC"))
    }

    /// One of its settings, without the prefix.
    #[must_use]
    pub fn setting(&self, key: &str) -> String {
        self.installation.settings().get(&format!("OWN_CIRCLE__{key}")).cloned().unwrap_or_default()
    }

    /// The end of every process's log, for a message.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for path in self.log_files() {
            let log = std::fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let end = lines[lines.len().saturating_sub(12)..].join("\n");
            text.push_str(&format!("--- {}\n{end}\n", path.display()));
        }
        text
    }

    /// The log file of every process there was.
    #[must_use]
    pub fn log_files(&self) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(self.installation.folder()).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "log"))
            .collect()
    }

    /// The value of a metric of the first `ledger-api`, summed over its labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let answer = self.nobody().get("/metrics").await;
        let of_it = |line: &&str| line.starts_with(name) && line[name.len()..].starts_with(['{', ' ']);
        let values =
            answer.text.lines().filter(of_it).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        values.sum()
    }

    /// Waits until somebody waits for a lock in the database of `pool`.
    ///
    /// # Panics
    /// When nobody does within 30 s.
    pub async fn wait_for_waiting(pool: &PgPool) {
        let waiting = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let look = async || sqlx::query_scalar::<_, i64>(waiting).fetch_one(pool).await.expect("a count");
        eventually("somebody waits for the lock", READY, look, |waiting| *waiting > 0).await;
    }

    /// The end of the log as the database has it.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn head(&self) -> i64 {
        let pool = self.database("ledger").await;
        let head = sqlx::query_scalar("SELECT position FROM ledger.log_head").fetch_one(&pool).await;
        pool.close().await;
        head.expect("the head of the log")
    }

    /// Whether a body is the failure envelope of the contract.
    #[must_use]
    pub fn is_failure_envelope(text: &str) -> bool {
        let Ok(body) = serde_json::from_str::<Value>(text) else { return false };
        body["success"] == Value::Bool(false)
            && body["error"]["code"].is_string()
            && body["error"]["message"].is_string()
            && body["error"]["details"].is_object()
            && body["meta"]["timestamp"].is_string()
            && body["meta"]["request_id"].is_string()
    }
}
