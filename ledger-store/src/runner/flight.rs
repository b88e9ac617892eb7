//! A batch on its way to the disk, and what its landing means for everything decided meanwhile.

use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;
use uuid::Uuid;

use super::answer::{answer, away};
use super::append::{Appended, append};
use super::batch::Batch;
use super::decider::{Decider, LOCKED_BATCHES, WARY_BATCHES};
use super::lookup::KnownKeys;
use crate::error::StoreError;
use crate::snapshot;

/// A server that does not answer an append for so long is taken to be away. Nobody holds the head's lock that long: see
/// `idle_in_transaction_session_timeout` in `migrations/ledger`.
const ANSWER: Duration = Duration::from_secs(30);

/// What became of a batch on its way to the disk.
pub(super) type Ended = (Batch, Result<Appended, StoreError>);

/// A batch on its way to the disk.
pub(super) struct Flight {
    pub(super) landing: JoinHandle<Ended>,
    /// The streams it writes to.
    touched: Vec<Uuid>,
    /// The keys it answers, for the commands decided meanwhile.
    pub(super) known: KnownKeys,
}

impl Decider {
    pub(super) fn start_flight(&mut self, mut batch: Batch) {
        let (touched, known) = (batch.touched.clone(), std::mem::take(&mut batch.known));
        let pool = self.pool.clone();
        let landing = tokio::spawn(async move {
            let started = Instant::now();
            let appended = append_in_time(&pool, &batch).await;
            metrics::histogram!("append_commit_seconds").record(started.elapsed().as_secs_f64());
            (batch, appended)
        });
        self.flight = Some(Flight { landing, touched, known });
    }

    /// Until nothing is in flight, open or to be decided anew.
    pub(super) async fn land_all(&mut self) {
        while let Some(flight) = &mut self.flight {
            let ended = (&mut flight.landing).await;
            self.landed(ended);
            self.take_off().await;
        }
    }

    pub(super) fn landed(&mut self, ended: Result<Ended, JoinError>) {
        let touched = self.flight.take().map(|flight| flight.touched).unwrap_or_default();
        match ended {
            Ok((batch, Ok(Appended::Yes))) => {
                self.committed(batch);
                return;
            }
            Ok((batch, Ok(Appended::HeadMoved))) => {
                metrics::counter!("append_conflicts_total").increment(1);
                self.locked_batches = LOCKED_BATCHES;
                self.decide_anew(batch);
            }
            Ok((batch, Ok(Appended::KeyKnown))) => {
                self.wary_batches = WARY_BATCHES;
                self.decide_anew(batch);
            }
            Ok((batch, Err(error))) => {
                away(&error);
                self.give_up(batch);
            }
            // The committing task died, and its commands' answers with it: nothing is known.
            Err(_) => self.undo(touched),
        }
        // What was decided on a flight that crashed falls with it.
        if let Some(open) = self.open.take() {
            self.decide_anew(open);
        }
    }

    pub(super) fn committed(&mut self, mut batch: Batch) {
        metrics::counter!("events_appended_total").increment(u64::try_from(batch.events.len()).unwrap_or(0));
        self.committed_head = batch.head;
        if let Some(registry) = batch.registry.take() {
            self.committed = registry;
        }
        let snapshots = std::mem::take(&mut batch.snapshots);
        if !snapshots.is_empty() {
            let pool = self.pool.clone();
            tokio::spawn(async move {
                if let Err(error) = snapshot::save(&pool, snapshots).await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "snapshots were not saved");
                }
            });
        }
        answer(batch);
    }
}

/// Appends a batch; a connection that did not answer is not used again, since what became of its append is not known.
async fn append_in_time(pool: &PgPool, batch: &Batch) -> Result<Appended, StoreError> {
    let mut db = pool.acquire().await?;
    match timeout(ANSWER, append(&mut db, batch.expected, &batch.events, &batch.keys)).await {
        Ok(appended) => appended,
        Err(_) => {
            db.close_on_drop();
            Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()).into())
        }
    }
}
