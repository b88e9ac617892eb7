//! Appending under the head's lock: progress is certain, whoever else appends.

use std::time::Duration;

use ledger_ops::telemetry::to_f64;
use sqlx::{Connection, PgConnection};

use super::Pending;
use super::answer::{away, refuse};
use super::append::{Appended, append};
use super::batch::Batch;
use super::decider::Decider;
use super::lookup::look_up;
use crate::error::StoreError;

/// A database that is away is left alone this long.
const AWAY: Duration = Duration::from_millis(100);

impl Decider {
    /// Appends `waiting` under the head's lock, and then what has to read what that wrote.
    pub(super) async fn append_locked(&mut self, mut waiting: Vec<Pending>) {
        while !waiting.is_empty() {
            waiting = self.append_under_lock(waiting).await;
        }
    }

    /// Takes the head's lock, catches up, decides and writes in one transaction; what is to be decided on what that wrote.
    async fn append_under_lock(&mut self, waiting: Vec<Pending>) -> Vec<Pending> {
        self.locked_batches = self.locked_batches.saturating_sub(1);
        metrics::histogram!("append_batch_size").record(to_f64(waiting.len()));
        let mut db = match self.pool.acquire().await {
            Ok(db) => db,
            Err(error) => {
                away(&error.into());
                refuse(waiting);
                tokio::time::sleep(AWAY).await;
                return Vec::new();
            }
        };
        let mut waiting = Some(waiting);
        match self.decide_under_lock(&mut db, &mut waiting).await {
            Ok(mut batch) => {
                let later = std::mem::take(&mut batch.later);
                self.committed(batch);
                later
            }
            Err((error, batch)) => {
                away(&error);
                self.out_of_step = true;
                if let Some(batch) = batch {
                    self.give_up(batch);
                }
                refuse(waiting.into_iter().flatten());
                tokio::time::sleep(AWAY).await;
                Vec::new()
            }
        }
    }

    async fn decide_under_lock(
        &mut self,
        db: &mut PgConnection,
        waiting: &mut Option<Vec<Pending>>,
    ) -> Result<Batch, (StoreError, Option<Batch>)> {
        let before = |error: sqlx::Error| (StoreError::from(error), None);
        let mut transaction = db.begin().await.map_err(before)?;
        sqlx::query_scalar!("SELECT position FROM ledger.log_head FOR UPDATE")
            .fetch_one(&mut *transaction)
            .await
            .map_err(before)?;
        self.catch_up(&mut transaction).await.map_err(|error| (error, None))?;
        let waiting = waiting.take().unwrap_or_default();
        let found = match look_up(&mut transaction, &waiting, &self.warmth, true).await {
            Ok(found) => found,
            Err(error) => {
                refuse(waiting);
                return Err((error, None));
            }
        };
        let mut batch = Batch::after(self.warmth.head);
        batch.decide(waiting, &mut self.warmth, found, None, self.clock.now());
        if batch.events.len() == 0 {
            return Ok(batch);
        }
        match append(&mut transaction, batch.expected, &batch.events, &batch.keys).await {
            Ok(Appended::Yes) => {}
            Ok(Appended::HeadMoved | Appended::KeyKnown) => {
                let what = "the head or a key moved under the head's lock";
                return Err((StoreError::Malformed { position: batch.expected, what }, Some(batch)));
            }
            Err(error) => return Err((error, Some(batch))),
        }
        match transaction.commit().await {
            Ok(()) => Ok(batch),
            Err(error) => Err((error.into(), Some(batch))),
        }
    }
}
