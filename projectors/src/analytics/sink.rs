//! The ClickHouse sink: follows the log, gathers stretches, sends them, and audits what ClickHouse holds. Design J2, J6.
//!
//! It has a place among the projections: one owner by advisory lock, a checkpoint per partition, a line in
//! `projectors.progress`, retries while a server is away, a stop at what cannot be applied (J4). A stretch ends at
//! [`STRETCH_EVENTS_MAX`] events when the log is ahead, or [`GATHER`] after its first when it is quiet.
//!
//! Bounds: what is in memory is a page of the feed, the rows that wait for slower partitions (`sequence.rs`) and two stretches:
//! one on its way, one gathering. While ClickHouse is away nothing more is read.

use std::convert::Infallible;
use std::time::Duration;

use clickhouse::Client;
use ledger_ops::telemetry::to_f64;
use sqlx::{Connection, PgConnection};
use tokio::time::Instant;

use super::clinics::Clinics;
use super::journal::{Journal, STRETCH_EVENTS_MAX, Written};
use super::sender::Sender;
use super::sequence::{Ready, Sequence};
use super::warehouse::Warehouse;
use super::{NAME, schema};
use crate::engine::{self, Options, Progress, State, Target};
use crate::error::ProjectError;
use crate::source::{Feed, LogReader, OpenSource, Places};

/// How long a stretch gathers events when the log is quiet.
const GATHER: Duration = Duration::from_millis(100);
/// How long one look at the source may take when nothing comes.
const WAIT: Duration = Duration::from_millis(500);
/// The most deliveries taken from the feed at once.
const TAKE_MAX: usize = 5_000;
/// An audit takes at most this share of the time, whatever its period: one in so many.
const AUDIT_SHARE: u32 = 20;

/// Keeps ClickHouse's tables.
pub struct Sink {
    options: Options,
    clickhouse: Client,
    open_source: OpenSource,
    audit_every: Duration,
}

impl Sink {
    /// How often the sink asks ClickHouse what it holds, unless told otherwise.
    pub const AUDIT_EVERY: Duration = Duration::from_secs(60);

    /// A sink into `clickhouse` ([`super::client`]), fed by what `open_source` opens.
    #[must_use]
    pub fn new(options: Options, clickhouse: Client, open_source: OpenSource) -> Self {
        Self { options, clickhouse, open_source, audit_every: Self::AUDIT_EVERY }
    }

    /// The same, auditing so often.
    #[must_use]
    pub fn auditing_every(self, audit_every: Duration) -> Self {
        Self { audit_every, ..self }
    }

    /// Follows the log until the task is dropped; returns only when it stopped (design J4).
    pub async fn run(&self) -> ProjectError {
        engine::follow_on(&self.options.read, NAME, || self.follow()).await
    }

    async fn follow(&self) -> Result<Infallible, ProjectError> {
        let mut sender = self.take_over().await?;
        loop {
            self.follow_until_moved(&mut sender).await?;
            // A rebuild exchanged the tables: their journal and checkpoint are others now.
            let Sender { connection, .. } = sender;
            sender = self.begin(connection).await?;
        }
    }

    /// Sends what comes, until a rebuild or another sink moved the journal.
    async fn follow_until_moved(&self, sender: &mut Sender) -> Result<(), ProjectError> {
        let places = sender.places.clone();
        let sequence = Sequence::after(places.passed());
        let feed = Feed::open(self.open_source.clone(), self.options.log.clone(), places).await?;
        let mut gathering = Gathering { log: self.options.log.clone(), feed, sequence, since: None };
        let mut audit_at = Instant::now() + self.audit_every;
        let mut due = Vec::new();
        loop {
            // The next stretch is gathered, whole if the log is ahead, while one is on its way.
            let (written, gathered) = tokio::join!(send(sender, &due), gathering.next());
            if written? == Written::Moved {
                return Ok(());
            }
            due = gathered?;
            // Also finds out whether the connection, and with it the ownership, is still there.
            if due.is_empty() && !sender.journal.is_current(&mut sender.connection).await? {
                return Ok(());
            }
            if Instant::now() >= audit_at {
                let began = Instant::now();
                sender.audit().await?;
                audit_at = Instant::now() + self.audit_every.max(began.elapsed().saturating_mul(AUDIT_SHARE));
            }
            self.measure(sender).await?;
        }
    }

    /// Waits until no other process owns the sink, then begins.
    pub(super) async fn take_over(&self) -> Result<Sender, ProjectError> {
        engine::ensure_shared(&self.options.read).await?;
        let mut connection = engine::connect(&self.options.read, NAME, Target::Live).await?;
        engine::own(&mut connection, "projection/analytics").await?;
        schema::ensure_journal(&mut connection).await?;
        self.begin(connection).await
    }

    /// Begins where ClickHouse really is: the journal, proved by an audit.
    async fn begin(&self, mut connection: PgConnection) -> Result<Sender, ProjectError> {
        let log_id = self.options.log.log_id().await?;
        schema::create(&self.clickhouse, Target::Live).await?;
        let warehouse = Warehouse::new(self.clickhouse.clone(), Target::Live);
        if let Some(found) = warehouse.foreign_log(log_id).await? {
            return Err(ProjectError::OtherLog { expected: log_id, found });
        }
        let journal = Journal::open(&mut connection, Target::Live, log_id).await?;
        let beginning = Places::beginning(log_id, self.options.partitions);
        let mut transaction = connection.begin().await?;
        let places = engine::load(&mut transaction, &beginning).await?.unwrap_or(beginning);
        transaction.commit().await?;
        let progress = Progress::open(self.options.read.clone(), NAME).await?;
        let log = self.options.log.clone();
        let (clinics, told) = (Clinics::default(), Some(progress.clone()));
        let mut sender = Sender { connection, journal, warehouse, log, clinics, places, progress: told };
        let audited = sender.audit().await?;
        progress.state(State::Running, None).await?;
        let passed = sender.places.passed();
        tracing::info!(projection = NAME, passed, refilled = audited.refilled, "following the log");
        Ok(sender)
    }

    async fn measure(&self, sender: &Sender) -> Result<(), ProjectError> {
        let lag = self.options.log.head().await?.saturating_sub(sender.places.passed());
        metrics::gauge!("projector_lag_events", "projection" => NAME).set(to_f64(lag));
        Ok(())
    }
}

/// The next stretch as it comes in.
struct Gathering {
    log: LogReader,
    feed: Feed,
    sequence: Sequence,
    /// When its first row came.
    since: Option<Instant>,
}

impl Gathering {
    /// The next stretch: as many events as it may have when the log is ahead, those of [`GATHER`] when it is quiet; nothing
    /// when none came for [`WAIT`].
    async fn next(&mut self) -> Result<Vec<Ready>, ProjectError> {
        loop {
            let wait = self.since.map_or(WAIT, |since| GATHER.saturating_sub(since.elapsed()));
            let deliveries = self.feed.next(TAKE_MAX, wait).await?;
            let more_to_come = deliveries.len() >= TAKE_MAX;
            self.sequence.take(deliveries, self.feed.places().passed())?;
            self.sequence.relieve(&self.log).await?;
            if self.sequence.is_empty() {
                return Ok(Vec::new());
            }
            let since = *self.since.get_or_insert_with(Instant::now);
            if self.sequence.len() >= stretch_rows() || (since.elapsed() >= GATHER && !more_to_come) {
                self.since = None;
                return Ok(self.sequence.stretch(stretch_rows()));
            }
        }
    }
}

/// Sends a stretch; nothing for no rows.
async fn send(sender: &mut Sender, rows: &[Ready]) -> Result<Written, ProjectError> {
    let began = Instant::now();
    if rows.is_empty() {
        return Ok(Written::Yes);
    }
    let written = sender.send(rows).await?;
    metrics::histogram!("projector_batch_size", "projection" => NAME).record(to_f64(rows.len()));
    metrics::histogram!("projector_commit_seconds", "projection" => NAME).record(began.elapsed());
    Ok(written)
}

pub(super) fn stretch_rows() -> usize {
    usize::try_from(STRETCH_EVENTS_MAX).unwrap_or(usize::MAX)
}
