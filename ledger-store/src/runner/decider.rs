//! The decider task: collect, look up, decide, hand to the committer, answer.
//!
//! While a batch commits, what comes in gathers; when it has committed, everything gathered is the next batch. So a batch
//! is as large as the disk is slow, and nothing is ever decided on what is not yet true.
//!
//! Two ways to append. *Optimistic*: decide on what this process believes the head to be, and believe every key to be new;
//! the one statement's compare-and-set and the keys' uniqueness tell. Only what writes nothing is asked for apart. Keys are
//! looked up first for a while after one was not new. *Locked*: when another process was faster lately, take the head's
//! lock first, fold what came in between, then decide and write: progress is certain, and no work is thrown away.
//!
//! Whatever goes wrong leads to one place: the streams touched are forgotten, the decider is *out of step*, and before
//! the next batch it catches up with the log. Commands that must be decided anew wait in `again`, before all others.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ledger_core::context::Registry;
use ledger_core::log::Position;
use ledger_ops::clock::Clock;
use ledger_ops::telemetry::to_f64;
use sqlx::{PgConnection, PgPool};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;
use uuid::Uuid;

use super::answer::{answer, away, refuse};
use super::append::{Appended, append};
use super::batch::{Batch, decide};
use super::lookup::{Found, is_warm, known_keys, load_cold, look_up};
use super::origin::{ensure_policy, load_registry};
use super::warmth::{RegistryFold, Warmth};
use super::{LedgerOptions, Message, Pending, Shared};
use crate::error::StoreError;
use crate::{log, snapshot};

/// A quiet decider looks for what other processes appended this often.
const IDLE_REFRESH: Duration = Duration::from_millis(100);
/// How many batches are appended under the lock after another process was faster.
const LOCKED_BATCHES: u32 = 64;
/// For how many batches keys are looked up before deciding after one was found to be known.
const WARY_BATCHES: u32 = 64;
/// A server that does not answer an append for so long is taken to be away. Nobody holds the head's lock that long: see
/// `idle_in_transaction_session_timeout` in `migrations/ledger`.
const ANSWER: Duration = Duration::from_secs(30);
/// Rows of another process folded at a time.
const TAIL_ROWS: i64 = 5_000;
/// Beyond so many missed rows all members are forgotten instead of folded on.
const TAIL_MAX: Position = 50_000;

/// What became of a batch on its way to the disk.
type Ended = (Batch, Result<Appended, StoreError>);

pub(super) struct Decider {
    pub(super) pool: PgPool,
    options: LedgerOptions,
    pub(super) clock: Clock,
    pub(super) warmth: Warmth,
    /// The registry as of the last commit: where a failure goes back to.
    committed: RegistryFold,
    committed_head: Position,
    commit: Option<JoinHandle<Ended>>,
    /// The streams of the batch being committed.
    in_flight_touched: Vec<Uuid>,
    /// Commands to be decided anew.
    again: Vec<Pending>,
    locked_batches: u32,
    wary_batches: u32,
    pub(super) out_of_step: bool,
}

/// What a round begins with.
struct Collected {
    waiting: Vec<Pending>,
    refreshes: Vec<oneshot::Sender<()>>,
}

impl Decider {
    /// Folds the registry and makes sure that there is a policy.
    pub(super) async fn start(
        pool: PgPool,
        options: LedgerOptions,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        ensure_policy(&pool, &clock).await?;
        let head = log::head(&pool).await?;
        let registry = load_registry(&pool, head).await?;
        Ok(Self {
            warmth: Warmth::new(&options, registry.clone(), head),
            pool,
            options,
            clock,
            committed: registry,
            committed_head: head,
            commit: None,
            in_flight_touched: Vec::new(),
            again: Vec::new(),
            locked_batches: 0,
            wary_batches: 0,
            out_of_step: false,
        })
    }

    pub(super) const fn head(&self) -> Position {
        self.committed_head
    }

    pub(super) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.committed.registry)
    }

    /// Runs until every handle is gone and everything taken is answered.
    pub(super) async fn run(
        mut self,
        mut messages: mpsc::Receiver<Message>,
        publish: watch::Sender<Arc<Registry>>,
        shared: Arc<Shared>,
    ) {
        let mut received = Vec::with_capacity(self.options.batch_max);
        while let Some(collected) = self.collect(&mut messages, &mut received).await {
            if collected.waiting.is_empty() || !collected.refreshes.is_empty() {
                self.refresh().await;
            }
            if !collected.waiting.is_empty() {
                self.process(collected.waiting).await;
            }
            self.tell(&publish, &shared);
            for refreshed in collected.refreshes {
                // The caller may have given up; then nobody waits for this.
                let _gone = refreshed.send(());
            }
        }
        self.settle().await;
        while !self.again.is_empty() {
            let again = std::mem::take(&mut self.again);
            self.process(again).await;
            self.settle().await;
        }
        self.tell(&publish, &shared);
    }

    fn tell(&self, publish: &watch::Sender<Arc<Registry>>, shared: &Shared) {
        shared.head.store(self.committed_head, Ordering::Release);
        if !Arc::ptr_eq(&publish.borrow(), &self.committed.registry) {
            publish.send_replace(Arc::clone(&self.committed.registry));
        }
    }

    /// What waits: first what must be decided anew, else what gathered until the commit in flight ended, else what comes.
    /// Nothing after a quiet while. `None` when all handles are gone.
    async fn collect(
        &mut self,
        messages: &mut mpsc::Receiver<Message>,
        received: &mut Vec<Message>,
    ) -> Option<Collected> {
        let max = self.options.batch_max;
        let mut open = true;
        while let Some(commit) = &mut self.commit {
            tokio::select! {
                ended = commit => {
                    self.commit = None;
                    self.ended(ended);
                }
                count = messages.recv_many(received, max.saturating_sub(received.len())),
                    if open && received.len() < max => open = count > 0,
            }
        }
        if received.is_empty() && self.again.is_empty() {
            if !open {
                return None;
            }
            let came = timeout(IDLE_REFRESH, messages.recv_many(received, max)).await;
            if came == Ok(0) {
                return None;
            }
        }
        let mut collected = Collected { waiting: std::mem::take(&mut self.again), refreshes: Vec::new() };
        for message in received.drain(..) {
            match message {
                Message::Execute(pending) => collected.waiting.push(*pending),
                Message::Refresh(done) => collected.refreshes.push(done),
            }
        }
        Some(collected)
    }

    async fn process(&mut self, waiting: Vec<Pending>) {
        metrics::histogram!("append_batch_size").record(to_f64(waiting.len()));
        if self.locked_batches > 0 || self.out_of_step {
            self.locked_batches = self.locked_batches.saturating_sub(1);
            self.append_locked(waiting).await;
        } else {
            self.append_optimistic(waiting).await;
        }
    }

    /// Decides on the head as this process believes it to be, and begins to commit.
    async fn append_optimistic(&mut self, waiting: Vec<Pending>) {
        let found = match self.look_before(&waiting).await {
            Ok(found) => found,
            Err(error) => {
                away(&error);
                refuse(waiting);
                return;
            }
        };
        let mut batch = decide(waiting, &mut self.warmth, found, self.clock.now());
        match self.prove_unwritten(&mut batch).await {
            Ok(true) if batch.events.len() == 0 => answer(batch),
            Ok(true) => self.start_commit(batch),
            // Another process appended: even what writes nothing must not be answered from before that.
            Ok(false) => {
                self.locked_batches = LOCKED_BATCHES;
                self.decide_anew(batch);
            }
            Err(error) => {
                away(&error);
                self.undo(std::mem::take(&mut batch.touched));
                refuse(batch.decided.into_iter().map(|decided| decided.pending));
            }
        }
    }

    /// What must be known before deciding: cold members, edited purchases, and the keys while repeats are coming in.
    async fn look_before(&mut self, waiting: &[Pending]) -> Result<Found, StoreError> {
        if self.wary_batches > 0 {
            self.wary_batches = self.wary_batches.saturating_sub(1);
            let mut db = self.pool.acquire().await?;
            return look_up(&mut db, waiting, &self.warmth).await;
        }
        if is_warm(waiting, &self.warmth) {
            return Ok(Found::default());
        }
        let mut db = self.pool.acquire().await?;
        load_cold(&mut db, waiting, &self.warmth).await
    }

    /// What a batch writes is proved by its append. What writes nothing (a refusal, say) may be a repeat, or have been decided
    /// on what is no longer true: `false` when the head of the log is not where the batch was decided.
    ///
    /// With events to append the compare-and-set proves the head after this; without, it is read after the keys.
    async fn prove_unwritten(&self, batch: &mut Batch) -> Result<bool, StoreError> {
        let unproved = batch.unproved_keys();
        if unproved.is_empty() {
            return Ok(true);
        }
        let mut db = self.pool.acquire().await?;
        batch.answer_known(&known_keys(&mut db, &unproved).await?);
        Ok(batch.events.len() > 0 || log::head(&mut *db).await? == batch.expected)
    }

    fn start_commit(&mut self, batch: Batch) {
        self.in_flight_touched.clone_from(&batch.touched);
        let pool = self.pool.clone();
        self.commit = Some(tokio::spawn(async move {
            let started = Instant::now();
            let appended = append_in_time(&pool, &batch).await;
            metrics::histogram!("append_commit_seconds").record(started.elapsed().as_secs_f64());
            (batch, appended)
        }));
    }

    /// Waits for the commit in flight, if there is one.
    async fn settle(&mut self) {
        if let Some(commit) = self.commit.take() {
            let ended = commit.await;
            self.ended(ended);
        }
    }

    fn ended(&mut self, ended: Result<Ended, JoinError>) {
        let touched = std::mem::take(&mut self.in_flight_touched);
        match ended {
            Ok((batch, Ok(Appended::Yes))) => self.committed(batch),
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
                self.undo(touched);
                refuse(batch.decided.into_iter().map(|decided| decided.pending));
            }
            // The committing task died, and its commands' answers with it: nothing is known.
            Err(_) => self.undo(touched),
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

    /// Forgets a batch that did not become true; its commands are the next to be decided, under the lock.
    fn decide_anew(&mut self, batch: Batch) {
        self.undo(batch.touched);
        self.again.extend(batch.decided.into_iter().map(|decided| decided.pending));
    }

    /// Forgets what a batch that did not become true has touched.
    pub(super) fn undo(&mut self, touched: Vec<Uuid>) {
        for id in touched {
            self.warmth.members.pop(&id);
        }
        self.out_of_step = true;
    }

    /// Looks for what other processes appended; a database that is away is no harm here.
    async fn refresh(&mut self) {
        let refreshed = async {
            let mut db = self.pool.acquire().await?;
            let head = log::head(&mut *db).await?;
            if head == self.committed_head && !self.out_of_step {
                return Ok(());
            }
            self.catch_up(&mut db).await
        };
        let refreshed: Result<(), StoreError> = refreshed.await;
        if let Err(error) = refreshed {
            tracing::debug!(error = &error as &dyn std::error::Error, "the log cannot be looked at");
        }
    }

    /// Goes back to the last commit and folds everything appended since. Nothing may be in flight.
    pub(super) async fn catch_up(&mut self, db: &mut PgConnection) -> Result<(), StoreError> {
        self.warmth.registry = self.committed.clone();
        self.warmth.head = self.committed_head;
        let head = log::head(&mut *db).await?;
        if head.saturating_sub(self.committed_head) > TAIL_MAX {
            self.warmth.members.clear();
            self.warmth.registry = load_registry(&mut *db, head).await?;
            self.warmth.head = head;
        }
        while self.warmth.head < head {
            for stored in log::read_after(&mut *db, self.warmth.head, TAIL_ROWS).await? {
                self.warmth.fold(&stored)?;
            }
        }
        self.committed = self.warmth.registry.clone();
        self.committed_head = self.warmth.head;
        self.out_of_step = false;
        Ok(())
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
