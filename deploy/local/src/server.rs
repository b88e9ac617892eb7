//! One server of a stack: started, stopped, killed and started again on the same ports and data.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;

use crate::StackError;
use crate::port::Port;
use crate::probe::Probe;
use crate::watched::{Launch, Watched};

/// How long a server may take to end by itself before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// The three servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerKind {
    /// PostgreSQL 16.
    Postgres,
    /// Apache Kafka 4, one node that is broker and controller.
    Kafka,
    /// ClickHouse 25.8.
    ClickHouse,
}

impl ServerKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::Kafka, Self::ClickHouse];

    /// The variable that holds the address of a server which is there already, and that tells ours.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Self::Postgres => "DATABASE_URL",
            Self::Kafka => "KAFKA_BROKERS",
            Self::ClickHouse => "CLICKHOUSE_URL",
        }
    }
}

impl fmt::Display for ServerKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Kafka => "Kafka",
            Self::ClickHouse => "ClickHouse",
        })
    }
}

/// Everything needed to start a server again and again.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) kind: ServerKind,
    pub(crate) launch: Launch,
    pub(crate) probe: Probe,
    pub(crate) address: String,
    /// Asks the server to end in order.
    pub(crate) stop_signal: Signal,
    pub(crate) ready_limit: Duration,
    /// Held, so that nobody takes them while the server is down.
    pub(crate) _ports: Vec<Port>,
}

impl Plan {
    pub(crate) fn run(&self) -> Result<Watched, StackError> {
        let mut running = Watched::start(&self.launch)?;
        running.wait_until(self.ready_limit, || self.probe.answers())?;
        Ok(running)
    }
}

#[derive(Debug)]
enum Role {
    Absent,
    External(String),
    Own(Box<Owned>),
}

#[derive(Debug)]
struct Owned {
    plan: Plan,
    running: Mutex<Option<Watched>>,
}

/// A server of a stack. The operations take `&self`, so a test can stop a server while others use it.
#[derive(Debug)]
pub struct Server {
    kind: ServerKind,
    role: Role,
}

impl Server {
    pub(crate) fn absent(kind: ServerKind) -> Self {
        Self { kind, role: Role::Absent }
    }

    pub(crate) fn external(kind: ServerKind, address: String) -> Self {
        Self { kind, role: Role::External(address) }
    }

    pub(crate) fn own(plan: Plan, running: Watched) -> Self {
        Self {
            kind: plan.kind,
            role: Role::Own(Box::new(Owned { plan, running: Mutex::new(Some(running)) })),
        }
    }

    /// Which of the three it is.
    #[must_use]
    pub fn kind(&self) -> ServerKind {
        self.kind
    }

    /// Its address, in the form of its variable: `postgres://…` of the superuser, `host:port`, `http://host:port`.
    ///
    /// # Errors
    /// `NotStarted` if the stack has no such server.
    pub fn address(&self) -> Result<&str, StackError> {
        match &self.role {
            Role::Absent => Err(StackError::NotStarted(self.kind)),
            Role::External(address) => Ok(address),
            Role::Own(own) => Ok(&own.plan.address),
        }
    }

    /// Stops it in order and waits until it has ended. Stopping a stopped server does nothing.
    ///
    /// # Errors
    /// `NotStarted` or `External`: it is not ours to stop.
    pub fn stop(&self) -> Result<(), StackError> {
        let (plan, mut running) = self.controlled()?;
        if let Some(process) = running.take() {
            process.terminate(plan.stop_signal, STOP_LIMIT);
        }
        Ok(())
    }

    /// Kills it and every process it started with SIGKILL, as a power cut would.
    ///
    /// # Errors
    /// As [`Server::stop`].
    pub fn kill(&self) -> Result<(), StackError> {
        let (_, mut running) = self.controlled()?;
        *running = None;
        Ok(())
    }

    /// Starts it again on the same ports and data and waits until it answers. Starting a running server does nothing.
    ///
    /// # Errors
    /// As [`Server::stop`], and `Ended` or `NotReady` with the end of its log.
    pub fn start(&self) -> Result<(), StackError> {
        let (plan, mut running) = self.controlled()?;
        if running.as_mut().is_none_or(|process| process.ended().is_some()) {
            *running = None;
            *running = Some(plan.run()?);
        }
        Ok(())
    }

    /// Its process id while it runs and is ours.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.controlled().ok().and_then(|(_, running)| running.as_ref().map(Watched::id))
    }

    fn controlled(&self) -> Result<(&Plan, MutexGuard<'_, Option<Watched>>), StackError> {
        match &self.role {
            Role::Absent => Err(StackError::NotStarted(self.kind)),
            Role::External(_) => Err(StackError::External(self.kind)),
            // A panic elsewhere must not keep the server from being stopped.
            Role::Own(own) => Ok((&own.plan, own.running.lock().unwrap_or_else(PoisonError::into_inner))),
        }
    }
}
