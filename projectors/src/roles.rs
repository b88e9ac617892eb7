//! Starts what the command line asks for: each role is a task of its own, and one that stops leaves the others alone.
//!
//! The process ends with success on Ctrl-C or SIGTERM, and with failure when every role it was asked for has stopped.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clickhouse::Client;
use ledger_ops::settings::Profile;
use ledger_ops::telemetry::start_metrics;
use ledger_store::dev_clock;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::analytics::{self, Sink};
use crate::check::command::{Form, run as check};
use crate::cli::{Cli, Role, SourceKind};
use crate::engine::{OpenSource, Options, Projection, Projector};
use crate::error::ProjectError;
use crate::http;
use crate::projections;
use crate::rebuild::rebuild;
use crate::relay::Relay;
use crate::schedule::Schedule;
use crate::settings::{Settings, pool};
use crate::source::{KafkaSource, LogReader, LogSource, Source};
use ledger_ops::clock::Clock;

/// What the roles share.
struct Surroundings {
    settings: Settings,
    options: Options,
    clock: Clock,
}

/// The roles that run, each ending only when it cannot go on.
type Tasks = JoinSet<(String, ProjectError)>;

/// Does what `cli` asks for.
///
/// # Errors
/// What keeps it from starting, or the failure of the last role that stopped.
pub async fn run(cli: Cli) -> Result<ExitCode, ProjectError> {
    let settings = Settings::read(cli.config.as_deref())?;
    let metrics = start_metrics().map_err(|error| ProjectError::Setup(error.to_string()))?;
    let ledger = pool(&settings.ledger, "ledger").await?;
    let read = pool(&settings.read, "read").await?;
    let options = Options { read, log: LogReader::new(ledger), partitions: settings.partitions() };
    let surroundings = Surroundings { settings, options, clock: Clock::default() };
    if let Some(address) = cli.http {
        http::serve(address, Arc::new(move || metrics.render()), surroundings.options.read.clone()).await?;
    }
    if surroundings.settings.profile == Profile::Dev {
        let pool = surroundings.options.log.pool().clone();
        tokio::spawn(dev_clock::follow(pool, surroundings.clock.clone()));
    }
    let mut tasks = Tasks::new();
    match cli.role {
        Role::Relay => surroundings.relay(&mut tasks)?,
        Role::Project { names, from } => surroundings.project(&chosen(&names)?, from.source, &mut tasks)?,
        Role::Schedule => surroundings.schedule(&mut tasks),
        Role::All { from } => {
            if from.source == SourceKind::Kafka {
                surroundings.relay(&mut tasks)?;
            }
            let names: Vec<&str> = projections().iter().map(|projection| projection.name()).collect();
            surroundings.project(&names, from.source, &mut tasks)?;
            surroundings.schedule(&mut tasks);
            if surroundings.settings.clickhouse.is_some() {
                surroundings.analytics(from.source, Sink::AUDIT_EVERY, &mut tasks)?;
            }
        }
        Role::Analytics { from, audit_every } => {
            surroundings.analytics(from.source, Duration::from_secs(audit_every), &mut tasks)?;
        }
        Role::Check { json, wait } => {
            let form = if json { Form::Json } else { Form::Table };
            let client = surroundings.clickhouse()?;
            return check(&surroundings.options, &client, Duration::from_secs(wait), form).await;
        }
        Role::Rebuild { name } if name == analytics::NAME => {
            until_told(surroundings.rebuild_analytics()).await?;
            return Ok(ExitCode::SUCCESS);
        }
        Role::Rebuild { name } => {
            let projection = named(&name)?;
            until_told(rebuild(projection, surroundings.options)).await?;
            return Ok(ExitCode::SUCCESS);
        }
    }
    until_told(until_all_stopped(tasks)).await?;
    Ok(ExitCode::SUCCESS)
}

/// `work`, or the end of it on Ctrl-C or SIGTERM.
async fn until_told(work: impl Future<Output = Result<(), ProjectError>>) -> Result<(), ProjectError> {
    let no_signal = |error: std::io::Error| ProjectError::Setup(format!("signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signal)?;
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

async fn until_all_stopped(mut tasks: Tasks) -> Result<(), ProjectError> {
    let mut last = None;
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok((role, error)) => {
                tracing::error!(role, %error, "stopped; the other roles go on");
                last = Some(error);
            }
            Err(panic) => tracing::error!(error = %panic, "a role ended unexpectedly"),
        }
    }
    Err(last.unwrap_or_else(|| ProjectError::Setup("nothing was left running".to_owned())))
}

/// The read models named, each once.
fn chosen(names: &[String]) -> Result<Vec<&'static str>, ProjectError> {
    if names.iter().any(|name| name == "all") {
        return Ok(projections().iter().map(|projection| projection.name()).collect());
    }
    let mut chosen =
        names.iter().map(|name| Ok(named(name)?.name())).collect::<Result<Vec<_>, ProjectError>>()?;
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

/// The read model `name`.
fn named(name: &str) -> Result<Box<dyn Projection>, ProjectError> {
    let known: Vec<&str> = projections().iter().map(|projection| projection.name()).collect();
    projections().into_iter().find(|projection| projection.name() == name).ok_or_else(|| {
        ProjectError::Setup(format!("`{name}` is no read model: there are {}", known.join(", ")))
    })
}

impl Surroundings {
    fn relay(&self, tasks: &mut Tasks) -> Result<(), ProjectError> {
        let relay = Relay::new(self.options.log.clone(), self.settings.topic()?);
        tasks.spawn(async move { ("relay".to_owned(), relay.run().await) });
        Ok(())
    }

    fn project(&self, names: &[&str], kind: SourceKind, tasks: &mut Tasks) -> Result<(), ProjectError> {
        for name in names {
            let projector = Projector::new(named(name)?, self.options.clone(), self.source(kind)?);
            let name = (*name).to_owned();
            tasks.spawn(async move { (name, projector.run().await) });
        }
        Ok(())
    }

    /// A client for ClickHouse.
    fn clickhouse(&self) -> Result<Client, ProjectError> {
        Ok(analytics::client(self.settings.clickhouse()?))
    }

    fn analytics(
        &self,
        kind: SourceKind,
        audit_every: Duration,
        tasks: &mut Tasks,
    ) -> Result<(), ProjectError> {
        let sink = Sink::new(self.options.clone(), self.clickhouse()?, self.source(kind)?);
        let sink = sink.auditing_every(audit_every);
        tasks.spawn(async move { (analytics::NAME.to_owned(), sink.run().await) });
        Ok(())
    }

    async fn rebuild_analytics(&self) -> Result<(), ProjectError> {
        let told = |done, head| tracing::info!(done, head, "rebuilding analytics");
        let passed = analytics::rebuild(&self.options, &self.clickhouse()?, told).await?;
        tracing::info!(passed, "analytics was rebuilt");
        Ok(())
    }

    fn schedule(&self, tasks: &mut Tasks) {
        let schedule = Schedule::new(self.options.clone(), self.clock.clone(), self.settings.profile);
        tasks.spawn(async move { ("schedule".to_owned(), schedule.run().await) });
    }

    /// How to open a source of `kind`.
    fn source(&self, kind: SourceKind) -> Result<OpenSource, ProjectError> {
        let log = self.options.log.clone();
        match kind {
            SourceKind::Log => {
                Ok(Box::new(move || Ok(Box::new(LogSource::new(log.clone())) as Box<dyn Source>)))
            }
            SourceKind::Kafka => {
                let kafka = self.settings.kafka()?;
                let (brokers, topic) = (kafka.brokers.clone(), kafka.topic.clone());
                Ok(Box::new(move || Ok(Box::new(KafkaSource::new(&brokers, &topic)?) as Box<dyn Source>)))
            }
        }
    }
}
