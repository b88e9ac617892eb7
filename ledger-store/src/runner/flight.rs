//! A batch on its way to the disk, and what its landing means for everything decided meanwhile.

use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
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
pub(super) struct Ended {
    batch: Batch,
    appended: Result<Appended, StoreError>,
    /// Where the next one goes, if the server answered.
    line: Option<PgConnection>,
}

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
        let (mut line, options) = (self.line.take(), self.pool.connect_options());
        let landing = tokio::spawn(async move {
            let started = Instant::now();
            let appended = append_in_time(&mut line, &options, &batch).await;
            metrics::histogram!("append_commit_seconds").record(started.elapsed().as_secs_f64());
            Ended { batch, appended, line }
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
        if let Ok(Ended { batch, appended, line }) = ended {
            self.line = line;
            match appended {
                Ok(Appended::Yes) => {
                    self.committed(batch);
                    return;
                }
                Ok(Appended::HeadMoved) => {
                    metrics::counter!("append_conflicts_total").increment(1);
                    self.locked_batches = LOCKED_BATCHES;
                    self.decide_anew(batch);
                }
                Ok(Appended::KeyKnown) => {
                    self.wary_batches = WARY_BATCHES;
                    self.decide_anew(batch);
                }
                Err(error) => {
                    away(&error);
                    self.give_up(batch);
                }
            }
        } else {
            // The committing task died, and its commands' answers with it: nothing is known.
            self.undo(touched);
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
        self.tell();
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

/// Appends a batch over `line`, which is opened if need be. One that did not answer well is not used again: what became of
/// its append is not known.
async fn append_in_time(
    line: &mut Option<PgConnection>,
    options: &PgConnectOptions,
    batch: &Batch,
) -> Result<Appended, StoreError> {
    let append = async {
        let mut db = match line.take() {
            Some(db) => db,
            None => PgConnection::connect_with(options).await?,
        };
        let appended = append(&mut db, batch.expected, &batch.events, &batch.keys).await?;
        *line = Some(db);
        Ok(appended)
    };
    timeout(ANSWER, append)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()).into()))
}
