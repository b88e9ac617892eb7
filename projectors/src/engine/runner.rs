//! Runs one projection: take a batch, apply it, commit rows and checkpoint together, again. Design J1, J3, J4.
//!
//! Why it is right:
//! 1. The transaction locks the checkpoint first and compares it with what the feed began from: a second instance or a
//!    rebuild's swap is noticed, and nothing of the batch is written.
//! 2. After any failure the feed starts again from the checkpoint that is really there: an unknown commit is either in
//!    it or not.
//! 3. The connection holds the owner's advisory lock: who lost one lost the other.
//!
//! Bounds: [`BATCH_EVENTS_MAX`] deliveries per transaction.

use std::convert::Infallible;
use std::time::Duration;

use ledger_core::log::Position;
use ledger_ops::clock::Clock;
use ledger_ops::telemetry::to_f64;
use sqlx::{Connection, PgConnection, PgPool};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{
    Decoded, Progress, Projection, State, Target, checkpoint, decode, follow_on, own, progress, schema,
};
use crate::error::ProjectError;
use crate::source::{Delivery, Feed, LogReader, OpenSource, Places};

/// The most deliveries of one transaction.
pub const BATCH_EVENTS_MAX: usize = 4_000;
/// How long one look at the source may take when nothing comes.
const WAIT: Duration = Duration::from_millis(500);

/// What a projector needs.
#[derive(Clone)]
pub struct Options {
    /// The read database.
    pub read: PgPool,
    /// The log.
    pub log: LogReader,
    /// The number of partitions of the topic.
    pub partitions: i32,
}

/// One projection and what drives it.
pub struct Projector {
    projection: Box<dyn Projection>,
    options: Options,
    open_source: OpenSource,
    target: Target,
}

/// The state of one run: from taking ownership to the first failure.
pub(crate) struct Run {
    connection: PgConnection,
    feed: Feed,
    committed: Places,
}

/// How a batch ended.
pub(crate) enum Step {
    /// Nothing came.
    Idle,
    /// Committed.
    Applied,
    /// Somebody else moved the checkpoint: begin again from it.
    Moved,
}

impl Run {
    /// The read model is committed up to here in every partition.
    pub(crate) fn passed(&self) -> Position {
        self.committed.passed()
    }
}

impl Projector {
    /// A projector of the live tables of `projection`, fed by what `open_source` opens.
    #[must_use]
    pub fn new(projection: Box<dyn Projection>, options: Options, open_source: OpenSource) -> Self {
        Self { projection, options, open_source, target: Target::Live }
    }

    /// The same, but of the tables a rebuild fills.
    #[must_use]
    pub(crate) const fn into_next(mut self) -> Self {
        self.target = Target::Next;
        self
    }

    /// Follows the log until the task is dropped; returns only when the projection stopped (design J4).
    pub async fn run(&self) -> ProjectError {
        follow_on(&self.options.read, self.projection.name(), || self.follow()).await
    }

    async fn follow(&self) -> Result<Infallible, ProjectError> {
        schema::ensure_shared(&self.options.read).await?;
        let progress = Progress::open(self.options.read.clone(), self.projection.name()).await?;
        let mut run = self.take_over().await?;
        progress.state(State::Running, None).await?;
        tracing::info!(
            projection = self.projection.name(),
            passed = run.committed.passed(),
            "following the log"
        );
        // Dropped, and so ended, with the ownership.
        let mut beside = JoinSet::new();
        if let Some(work) = self.projection.beside(&self.options.read) {
            beside.spawn(work);
        }
        loop {
            match self.step(&mut run, BATCH_EVENTS_MAX, WAIT).await? {
                Step::Applied => {}
                Step::Idle => {
                    // Also finds out whether the connection, and with it the ownership, is still there.
                    run.connection.ping().await?;
                }
                Step::Moved => {
                    let places = self.places(&mut run.connection).await?;
                    run.feed.restart(places.clone()).await?;
                    run.committed = places;
                }
            }
            self.measure(run.committed.passed()).await?;
        }
    }

    /// Waits until no other process owns the projection, then begins where the checkpoint is.
    pub(crate) async fn take_over(&self) -> Result<Run, ProjectError> {
        let name = self.projection.name();
        let mut connection = schema::connect(&self.options.read, name, self.target).await?;
        own(&mut connection, &format!("projection/{}", self.target.schema(name))).await?;
        schema::ensure(&mut connection, self.projection.as_ref(), self.target).await?;
        let committed = self.places(&mut connection).await?;
        let feed = Feed::open(self.open_source.clone(), self.options.log.clone(), committed.clone()).await?;
        Ok(Run { connection, feed, committed })
    }

    async fn places(&self, connection: &mut PgConnection) -> Result<Places, ProjectError> {
        let beginning = Places::beginning(self.options.log.log_id().await?, self.options.partitions);
        loop {
            let mut transaction = connection.begin().await?;
            let found = checkpoint::load(&mut transaction, &beginning).await?;
            transaction.commit().await?;
            if let Some(places) = found {
                return Ok(places);
            }
        }
    }

    pub(crate) async fn step(&self, run: &mut Run, max: usize, wait: Duration) -> Result<Step, ProjectError> {
        let batch = run.feed.next(max, wait).await?;
        if batch.is_empty() {
            return Ok(Step::Idle);
        }
        let (events, places, stop) = readable(&batch, &run.committed)?;
        let began = Instant::now();
        let mut transaction = run.connection.begin().await?;
        match checkpoint::load(&mut transaction, &run.committed).await? {
            Some(found) if found == run.committed => {}
            Some(_) | None => return Ok(Step::Moved),
        }
        // What moves between two accounts is applied by itself: what was before is in the tables by then.
        for events in events.chunk_by(|one, next| !one.moves_accounts() && !next.moves_accounts()) {
            self.projection.apply(&mut transaction, events).await?;
        }
        checkpoint::store(&mut transaction, &places).await?;
        if self.target == Target::Live {
            progress::advance(&mut *transaction, self.projection.name(), places.passed()).await?;
        }
        transaction.commit().await?;
        run.committed = places;
        let name = self.projection.name();
        metrics::histogram!("projector_batch_size", "projection" => name).record(to_f64(events.len()));
        metrics::histogram!("projector_commit_seconds", "projection" => name).record(began.elapsed());
        if let Some(last) = events.last() {
            let lag = Clock::machine_now().since(last.recorded_at).num_milliseconds();
            metrics::gauge!("projector_lag_seconds", "projection" => name).set(millis_as_seconds(lag));
        }
        stop.map_or(Ok(Step::Applied), Err)
    }

    async fn measure(&self, passed: Position) -> Result<(), ProjectError> {
        let lag = self.options.log.head().await?.saturating_sub(passed);
        let name = self.projection.name();
        metrics::gauge!("projector_lag_events", "projection" => name).set(to_f64(lag));
        if lag == 0 {
            metrics::gauge!("projector_lag_seconds", "projection" => name).set(0.0);
        }
        Ok(())
    }
}

/// The events of `batch` up to the first that cannot be read, the places behind them, and why it ends there.
fn readable(
    batch: &[Delivery],
    committed: &Places,
) -> Result<(Vec<Decoded>, Places, Option<ProjectError>), ProjectError> {
    let mut places = committed.clone();
    let mut events = Vec::with_capacity(batch.len());
    for delivery in batch {
        match decode(delivery) {
            Ok(decoded) => {
                events.extend(decoded);
                places.get_mut(delivery.partition)?.advance(delivery);
            }
            Err(error) => return Ok((events, places, Some(error))),
        }
    }
    Ok((events, places, None))
}

fn millis_as_seconds(millis: i64) -> f64 {
    i32::try_from(millis).map_or(f64::MAX, f64::from) / 1000.0
}
