//! Starts what the command line asks for: each role is a task of its own, and one that stops leaves the others alone.
//!
//! A projection that stops (design J4) is named, with the reason, by `/health/ready`. The process ends with success on
//! Ctrl-C or SIGTERM, and with failure when the relay stops, which the others live on, when the log turns out to lack what
//! was published (L9), or when every role has stopped: whoever runs it sees that, and starts it again.

use std::future::Future;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clickhouse::Client;
use ledger_ops::settings::Profile;
use ledger_ops::telemetry::start_metrics;
use ledger_store::dev_clock;
use ledger_store::published::Published;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::analytics::{self, Sink};
use crate::check::command::{Form, run as check};
use crate::cli::{Cli, Role, SealKeyRole, SourceKind};
use crate::engine::{Options, Projection, Projector};
use crate::error::ProjectError;
use crate::http::{self, Stopped};
use crate::projections;
use crate::react::{self, React};
use crate::rebuild::rebuild;
use crate::relay::Relay;
use crate::schedule::Schedule;
use crate::seal::{self, FirstKey, KeyFolder, Seal};
use crate::settings::{Settings, pool};
use crate::source::{KafkaSource, LogReader, LogSource, OpenSource, Source, failure};
use ledger_ops::clock::Clock;

/// What the roles share.
struct Surroundings {
    settings: Settings,
    options: Options,
    clock: Clock,
}

/// A role that cannot go on.
#[derive(Debug)]
enum Ended {
    /// The others go on. Design J4.
    Alone(&'static str, ProjectError),
    /// The others live on it.
    WithAll(&'static str, ProjectError),
}

/// The roles that run.
type Tasks = JoinSet<Ended>;

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
    let stopped = Stopped::default();
    if let Some(address) = cli.http {
        let read = surroundings.options.read.clone();
        http::serve(address, Arc::new(move || metrics.render()), read, stopped.clone()).await?;
    }
    if surroundings.settings.profile == Profile::Dev {
        let pool = surroundings.options.log.pool().clone();
        tokio::spawn(dev_clock::follow(pool, surroundings.clock.clone()));
    }
    let mut tasks = Tasks::new();
    let mut published = surroundings.published();
    if cli.role.follows_the_log() {
        published.ask().await.map_err(failure)?;
    }
    match cli.role {
        Role::Relay => surroundings.relay(&mut tasks)?,
        Role::Project { names, from } => surroundings.project(&chosen(&names)?, from.source, &mut tasks)?,
        Role::Schedule => surroundings.schedule(&mut tasks),
        Role::Seal => surroundings.seal(&mut tasks).await?,
        Role::SealKey { what } => return surroundings.seal_key(what).await,
        Role::React { from } => surroundings.react(from.source, &mut tasks)?,
        Role::All { from } => {
            if from.source == SourceKind::Kafka {
                surroundings.relay(&mut tasks)?;
            }
            let names: Vec<&'static str> = projections().iter().map(|projection| projection.name()).collect();
            surroundings.project(&names, from.source, &mut tasks)?;
            surroundings.schedule(&mut tasks);
            surroundings.react(from.source, &mut tasks)?;
            if surroundings.settings.clickhouse.is_some() {
                surroundings.analytics(from.source, Sink::AUDIT_EVERY, &mut tasks)?;
            }
            if surroundings.settings.seal.is_some() {
                surroundings.seal(&mut tasks).await?;
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
    let until_over = async {
        tokio::select! {
            ended = until_stopped(tasks, &stopped) => ended,
            // Kafka or ClickHouse was away at the start, and says now that the log lacks what was published.
            refused = published.watch() => Err(failure(refused)),
        }
    };
    until_told(until_over).await?;
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

/// Waits until a role stops that takes the process with it, or the last one does.
async fn until_stopped(mut tasks: Tasks, stopped: &Stopped) -> Result<(), ProjectError> {
    let mut last = None;
    while let Some(ended) = tasks.join_next().await {
        let (role, error, alone) = match ended {
            Ok(Ended::Alone(role, error)) => (role, error, true),
            Ok(Ended::WithAll(role, error)) => (role, error, false),
            Err(panic) => {
                return Err(ProjectError::Setup(format!("a role ended unexpectedly: {panic}")));
            }
        };
        metrics::gauge!("projector_stopped", "projection" => role).set(1.0);
        stopped.add(role, &error);
        if !alone {
            tracing::error!(role, "stopped, and the process with it");
            return Err(error);
        }
        tracing::error!(role, %error, "stopped; the other roles go on");
        last = Some(error);
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
    /// Where the log has gone. Of the read models each looks after itself.
    fn published(&self) -> Published {
        self.published_of(&self.options.log)
    }

    /// Where the log that `log` reads has gone.
    fn published_of(&self, log: &LogReader) -> Published {
        Published::nowhere(log.pool().clone())
            .to_topic(self.settings.kafka.as_ref())
            .to_clickhouse(self.settings.clickhouse.as_ref())
    }

    fn relay(&self, tasks: &mut Tasks) -> Result<(), ProjectError> {
        let relay = Relay::new(self.options.log.clone(), self.settings.topic()?);
        tasks.spawn(async move { Ended::WithAll("relay", relay.run().await) });
        Ok(())
    }

    fn project(
        &self,
        names: &[&'static str],
        kind: SourceKind,
        tasks: &mut Tasks,
    ) -> Result<(), ProjectError> {
        for name in names.iter().copied() {
            let projector = Projector::new(named(name)?, self.options.clone(), self.source(kind)?);
            tasks.spawn(async move { Ended::Alone(name, projector.run().await) });
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
        tasks.spawn(async move { Ended::Alone(analytics::NAME, sink.run().await) });
        Ok(())
    }

    async fn rebuild_analytics(&self) -> Result<(), ProjectError> {
        let told = |done, head| tracing::info!(done, head, "rebuilding analytics");
        let passed = analytics::rebuild(&self.options, &self.clickhouse()?, told).await?;
        tracing::info!(passed, "analytics was rebuilt");
        Ok(())
    }

    fn schedule(&self, tasks: &mut Tasks) {
        let (options, clock) = (self.options.clone(), self.clock.clone());
        let names = projections().into_iter().map(|projection| projection.name());
        let published = self.published().to_read_models(self.options.read.clone(), names);
        let schedule = Schedule::new(options, clock, published, self.settings.profile);
        tasks.spawn(async move { Ended::Alone("schedule", schedule.run().await) });
    }

    async fn seal(&self, tasks: &mut Tasks) -> Result<(), ProjectError> {
        let (database, dir) = self.settings.seal()?;
        let log = LogReader::new(pool(&database, "seal").await?);
        let published = self.sealable(&log).await?;
        let dev = self.settings.profile == Profile::Dev;
        let seal = Seal::new(log, KeyFolder::new(dir), if dev { FirstKey::Make } else { FirstKey::Refuse });
        tasks.spawn(async move {
            let ended = tokio::select! {
                error = seal.run() => error,
                refused = published.watch() => failure(refused),
            };
            Ended::Alone(seal::NAME, ended)
        });
        Ok(())
    }

    /// Refuses to seal a log that is not the served one, or is behind it or what was published of it: the seal has an address
    /// of its own, and a backup sealed beside the log would be a fork that is signed. Gives who could not be asked yet.
    /// Design L9.
    async fn sealable(&self, log: &LogReader) -> Result<Published, ProjectError> {
        let mut published = self.published_of(log);
        published.ask().await.map_err(failure)?;
        let served = &self.options.log;
        if served.log_id().await? != log.log_id().await? {
            let text = "settings: seal.url: has another log than ledger.url";
            return Err(ProjectError::Setup(text.to_owned()));
        }
        // In this order: the log only grows.
        let (served, head) = (served.head().await?, log.head().await?);
        if head < served {
            let what = "the log of ledger.url".to_owned();
            return Err(ProjectError::LogBehind { head, what, published: served });
        }
        Ok(published)
    }

    async fn seal_key(&self, what: SealKeyRole) -> Result<ExitCode, ProjectError> {
        let (database, dir) = self.settings.seal()?;
        let pool = pool(&database, "seal").await?;
        let SealKeyRole::New { from, until } = what;
        let key = seal::new_key(&pool, &KeyFolder::new(dir), from, until).await?;
        let mut out = std::io::stdout();
        writeln!(out, "{}", key.verifier()).map_err(|error| ProjectError::Setup(error.to_string()))?;
        Ok(ExitCode::SUCCESS)
    }

    fn react(&self, kind: SourceKind, tasks: &mut Tasks) -> Result<(), ProjectError> {
        let names = projections().into_iter().map(|projection| projection.name()).chain([react::NAME]);
        let published = self.published().to_read_models(self.options.read.clone(), names);
        let reactor = React::new(self.options.clone(), self.clock.clone(), published, self.source(kind)?);
        tasks.spawn(async move { Ended::Alone(react::NAME, reactor.run().await) });
        Ok(())
    }

    /// How to open a source of `kind`.
    fn source(&self, kind: SourceKind) -> Result<OpenSource, ProjectError> {
        let log = self.options.log.clone();
        match kind {
            SourceKind::Log => {
                Ok(Arc::new(move || Ok(Box::new(LogSource::new(log.clone())) as Box<dyn Source>)))
            }
            SourceKind::Kafka => {
                let kafka = self.settings.kafka()?;
                let (brokers, topic) = (kafka.brokers.clone(), kafka.topic.clone());
                Ok(Arc::new(move || Ok(Box::new(KafkaSource::new(&brokers, &topic)?) as Box<dyn Source>)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(reason: &str) -> ProjectError {
        ProjectError::Unapplicable { position: 7, reason: reason.to_owned() }
    }

    #[tokio::test]
    async fn design_j4_a_projection_stops_alone_and_readiness_says_why() {
        let stopped = Stopped::default();
        assert_eq!(stopped.told(), None);
        let mut tasks = Tasks::new();
        tasks.spawn(async { Ended::Alone("balances", failed("a lot is accrued twice")) });
        let (more, goes_on) = tokio::sync::oneshot::channel::<()>();
        tasks.spawn(async move {
            let _ended = goes_on.await;
            Ended::Alone("history", failed("the end of this test"))
        });
        let seen = stopped.clone();
        let looking = async move {
            while seen.told().is_none() {
                tokio::task::yield_now().await;
            }
            let told = seen.told();
            more.send(()).expect("the other role goes on");
            told
        };
        let (ended, told) = tokio::join!(until_stopped(tasks, &stopped), looking);
        assert_eq!(
            told.as_deref(),
            Some("stopped: balances (position 7 cannot be applied: a lot is accrued twice)")
        );
        assert!(ended.expect_err("nothing is left").to_string().contains("the end of this test"));
    }

    #[tokio::test]
    async fn a_relay_that_stops_ends_the_process() {
        let mut tasks = Tasks::new();
        tasks.spawn(std::future::pending());
        tasks.spawn(async { Ended::WithAll("relay", failed("the topic holds another log")) });
        let ended = until_stopped(tasks, &Stopped::default()).await;
        assert!(ended.expect_err("it ends").to_string().contains("the topic holds another log"));
    }
}
