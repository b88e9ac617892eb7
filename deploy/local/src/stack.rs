//! The three servers together.
//!
//! They start at the same time, each in a thread of its own, and the stack exists only when all of them answer: if
//! one does not, the others are stopped again and its log is in the error.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::cache::Cache;
use crate::folder::{DataFolder, OpenFolder};
use crate::server::{Plan, Server, ServerKind};
use crate::{StackError, clickhouse, kafka, postgres};

const ATTEMPTS: u32 = 3;

/// Whether servers whose address is in the environment are used instead of starting them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// `DATABASE_URL`, `KAFKA_BROKERS` and `CLICKHOUSE_URL` are used when set.
    Use,
    /// They are ignored: for tests that stop and kill servers.
    Ignore,
}

/// What to start, and where.
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// The servers wanted.
    pub servers: BTreeSet<ServerKind>,
    /// Where their data is kept.
    pub data: DataFolder,
    /// Whether existing servers are used.
    pub existing: Existing,
    /// PostgreSQL's `shared_buffers` in megabytes.
    pub postgres_shared_buffers_mb: u32,
    /// How long each server may take to answer.
    pub ready_limit: Duration,
    /// Where the servers' programs are.
    pub cache: Cache,
}

impl Default for StackOptions {
    fn default() -> Self {
        Self {
            servers: ServerKind::ALL.into(),
            data: DataFolder::Named("default".to_owned()),
            existing: Existing::Use,
            postgres_shared_buffers_mb: 512,
            ready_limit: Duration::from_secs(60),
            cache: Cache::from_environment(),
        }
    }
}

impl StackOptions {
    /// A stack of its own in a temporary folder, whatever the environment says: for tests.
    #[must_use]
    pub fn temporary() -> Self {
        Self { data: DataFolder::Temporary, existing: Existing::Ignore, ..Self::default() }
    }

    /// The same with these servers only.
    #[must_use]
    pub fn only(self, servers: impl IntoIterator<Item = ServerKind>) -> Self {
        Self { servers: servers.into_iter().collect(), ..self }
    }
}

/// What a server's plan is made from.
pub(crate) struct Site<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) options: &'a StackOptions,
    pub(crate) cache: &'a Cache,
}

/// Running servers. Dropping it stops them.
#[derive(Debug)]
pub struct Stack {
    postgres: Server,
    kafka: Server,
    clickhouse: Server,
    // Last, so that the folder goes after the servers.
    folder: OpenFolder,
}

impl Stack {
    /// Fetches what is missing, starts the servers and waits until they answer.
    ///
    /// # Errors
    /// See [`StackError`]; nothing is left running.
    pub fn start(options: &StackOptions) -> Result<Self, StackError> {
        let folder = OpenFolder::open(&options.data)?;
        let site = Site { folder: folder.path(), options, cache: &options.cache };
        let [postgres, kafka, clickhouse] = thread::scope(|scope| {
            let threads = ServerKind::ALL.map(|kind| {
                let site = &site;
                scope.spawn(move || start_server(kind, site))
            });
            threads.map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        Ok(Self { postgres: postgres?, kafka: kafka?, clickhouse: clickhouse?, folder })
    }

    /// PostgreSQL.
    #[must_use]
    pub fn postgres(&self) -> &Server {
        &self.postgres
    }

    /// Kafka.
    #[must_use]
    pub fn kafka(&self) -> &Server {
        &self.kafka
    }

    /// ClickHouse.
    #[must_use]
    pub fn clickhouse(&self) -> &Server {
        &self.clickhouse
    }

    /// The three, in the order of [`ServerKind::ALL`].
    #[must_use]
    pub fn servers(&self) -> [&Server; 3] {
        [&self.postgres, &self.kafka, &self.clickhouse]
    }

    /// The data folder: logs are in `postgres.log`, `kafka.log` and `clickhouse.log`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // A temporary folder is thrown away, so nothing needs to be written to it any more.
        let temporary = self.folder.is_temporary();
        thread::scope(|scope| {
            for server in self.servers() {
                scope.spawn(move || if temporary { server.kill() } else { server.stop() });
            }
        });
    }
}

fn start_server(kind: ServerKind, site: &Site<'_>) -> Result<Server, StackError> {
    if !site.options.servers.contains(&kind) {
        return Ok(Server::absent(kind));
    }
    if site.options.existing == Existing::Use {
        match std::env::var(kind.variable()) {
            Ok(address) if !address.is_empty() => return Ok(Server::external(kind, address)),
            _ => {}
        }
    }
    let mut attempt = 1;
    loop {
        let plan = plan(kind, site)?;
        match plan.run() {
            Ok(running) => return Ok(Server::own(plan, running)),
            Err(error) if attempt < ATTEMPTS && is_collision(&error) => attempt += 1,
            Err(error) => return Err(error),
        }
        // Time for a server of a killed owner to go; the next attempt has other ports.
        thread::sleep(Duration::from_secs(1));
    }
}

fn plan(kind: ServerKind, site: &Site<'_>) -> Result<Plan, StackError> {
    match kind {
        ServerKind::Postgres => postgres::plan(site),
        ServerKind::Kafka => kafka::plan(site),
        ServerKind::ClickHouse => clickhouse::plan(site),
    }
}

/// Whether the server ended because somebody else has its port or its data.
fn is_collision(error: &StackError) -> bool {
    let StackError::Ended { log, .. } = error else { return false };
    ["already in use", "still in use", "lock"].iter().any(|sign| log.contains(sign))
}
