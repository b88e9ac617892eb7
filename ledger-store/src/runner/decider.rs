//! The decider task: take in, decide, hand to the committer, answer.
//!
//! Two batches at most: one *in flight* to the disk and one *open*. What comes in while a batch is in flight is decided at
//! once, on what that batch will make true, into the open one; when the flight has landed, the open batch takes off. So the
//! processor decides while the disk syncs, and a batch is as large as the disk is slow. Nothing is answered before what it
//! was decided on is true: when the flight fails, the open batch falls with it.
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
use std::time::Duration;

use ledger_core::context::Registry;
use ledger_core::log::Position;
use ledger_ops::clock::Clock;
use ledger_ops::telemetry::to_f64;
use sqlx::{PgConnection, PgPool};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinError;
use tokio::time::timeout;
use uuid::Uuid;

use super::answer::{answer, away, refuse};
use super::batch::Batch;
use super::flight::{Ended, Flight};
use super::lookup::{Found, is_warm, known_keys, load_cold, look_up};
use super::origin::{ensure_policy, load_registry};
use super::purchases::Files;
use super::revisions::has_edits;
use super::warmth::{RegistryFold, Warmth};
use super::{LedgerOptions, Message, Pending, Shared};
use crate::error::StoreError;
use crate::log;

/// A quiet decider looks for what other processes appended this often.
const IDLE_REFRESH: Duration = Duration::from_millis(100);
/// How many batches are appended under the lock after another process was faster.
pub(super) const LOCKED_BATCHES: u32 = 64;
/// For how many batches keys are looked up before deciding after one was found to be known.
pub(super) const WARY_BATCHES: u32 = 64;
/// Rows of another process folded at a time.
const TAIL_ROWS: i64 = 5_000;
/// Beyond so many missed rows all members are forgotten instead of folded on.
const TAIL_MAX: Position = 50_000;

pub(super) struct Decider {
    pub(super) pool: PgPool,
    options: LedgerOptions,
    pub(super) clock: Clock,
    pub(super) warmth: Warmth,
    /// The registry as of the last commit: where a failure goes back to.
    pub(super) committed: RegistryFold,
    pub(super) committed_head: Position,
    pub(super) flight: Option<Flight>,
    /// Where the flights go: one connection for all, whose server process has everything at hand. A pool would take turns.
    pub(super) line: Option<PgConnection>,
    /// Decided on what the flight will make true.
    pub(super) open: Option<Batch>,
    /// Commands to be decided anew.
    again: Vec<Pending>,
    pub(super) locked_batches: u32,
    pub(super) wary_batches: u32,
    pub(super) out_of_step: bool,
    /// Where the handles read what is committed.
    told: Told,
}

/// What the handles of a ledger see without asking its decider.
pub(super) struct Told {
    pub(super) registry: watch::Sender<Arc<Registry>>,
    pub(super) shared: Arc<Shared>,
}

/// What the decider woke up for.
enum Woken {
    /// The flight has landed, or crashed.
    Landed(Box<Result<Ended, JoinError>>),
    /// Messages came.
    Received,
    /// Nothing for a while.
    Quiet,
    /// Every handle is gone.
    Closed,
}

/// What is known of a batch's answers that wrote nothing.
enum Proof {
    /// They hold.
    Holds,
    /// Another process appended.
    HeadMoved,
    /// One of them is a newer revision of a known document.
    Amends,
}

impl Decider {
    /// Folds the registry and makes sure that there is a policy.
    pub(super) async fn start(
        pool: PgPool,
        options: LedgerOptions,
        clock: Clock,
        told: Told,
    ) -> Result<Self, StoreError> {
        ensure_policy(&pool, &clock).await?;
        let mut db = pool.acquire().await?;
        let head = log::head(&mut *db).await?;
        let registry = load_registry(&mut db, head).await?;
        drop(db);
        let decider = Self {
            warmth: Warmth::new(&options, registry.clone(), head),
            pool,
            options,
            clock,
            committed: registry,
            committed_head: head,
            flight: None,
            line: None,
            open: None,
            again: Vec::new(),
            locked_batches: 0,
            wary_batches: 0,
            out_of_step: false,
            told,
        };
        decider.tell();
        Ok(decider)
    }

    /// Runs until every handle is gone and everything taken is answered.
    pub(super) async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut received = Vec::with_capacity(self.options.batch_max);
        let mut listening = true;
        loop {
            match self.wait(&mut messages, &mut received, listening).await {
                Woken::Landed(ended) => {
                    self.landed(*ended);
                    self.take_off().await;
                }
                Woken::Received => self.take_in(&mut received).await,
                Woken::Quiet => self.refresh().await,
                Woken::Closed if self.flight.is_some() => listening = false,
                Woken::Closed => break,
            }
        }
    }

    /// Shows the handles what is committed: before anything that follows from it is answered, so that who was answered finds it.
    pub(super) fn tell(&self) {
        // First the registry: who sees the head finds what it knows of chains and businesses.
        let Told { registry, shared } = &self.told;
        if !Arc::ptr_eq(&registry.borrow(), &self.committed.registry) {
            registry.send_replace(Arc::clone(&self.committed.registry));
        }
        shared.head.store(self.committed_head, Ordering::Release);
    }

    /// Waits for messages as long as the open batch has room for them, and for the flight if there is one.
    async fn wait(
        &mut self,
        messages: &mut mpsc::Receiver<Message>,
        received: &mut Vec<Message>,
        listening: bool,
    ) -> Woken {
        let taken = self.open.as_ref().map_or(0, |open| open.decided.len());
        let room = self.options.batch_max.saturating_sub(taken);
        let came = |count| if count == 0 { Woken::Closed } else { Woken::Received };
        match &mut self.flight {
            Some(flight) => tokio::select! {
                ended = &mut flight.landing => Woken::Landed(Box::new(ended)),
                count = messages.recv_many(received, room), if listening && room > 0 => came(count),
            },
            None => match timeout(IDLE_REFRESH, messages.recv_many(received, room)).await {
                Ok(count) => came(count),
                Err(_) => Woken::Quiet,
            },
        }
    }

    /// Decides what was received; who waits for what other processes appended, when that has been folded in.
    async fn take_in(&mut self, received: &mut Vec<Message>) {
        let (mut waiting, mut refreshes) = (Vec::with_capacity(received.len()), Vec::new());
        for message in received.drain(..) {
            match message {
                Message::Execute(pending) => waiting.push(*pending),
                Message::Refresh(done) => refreshes.push(done),
            }
        }
        if !refreshes.is_empty() {
            self.land_all().await;
            self.refresh().await;
        }
        for refreshed in refreshes {
            // The caller may have given up; then nobody waits for this.
            let _gone = refreshed.send(());
        }
        if !waiting.is_empty() {
            self.process(waiting).await;
        }
    }

    async fn process(&mut self, waiting: Vec<Pending>) {
        if !Files::named(&waiting).is_empty() {
            // What is edited is read from the log: nothing of it may still be on its way there.
            self.land_all().await;
        }
        if self.locked_batches > 0 || self.out_of_step {
            self.append_locked(waiting).await;
        } else {
            self.decide_ahead(waiting).await;
            if self.flight.is_none() {
                self.take_off().await;
            }
        }
    }

    /// Decides into the open batch, on the head as this process believes it to be.
    async fn decide_ahead(&mut self, waiting: Vec<Pending>) {
        let found = match self.look_before(&waiting).await {
            Ok(found) => found,
            Err(error) => {
                away(&error);
                refuse(waiting);
                return;
            }
        };
        let open = self.open.get_or_insert_with(|| Batch::after(self.warmth.head));
        let in_flight = self.flight.as_ref().map(|flight| &flight.known);
        open.decide(waiting, &mut self.warmth, found, in_flight, self.clock.now());
        let later = std::mem::take(&mut open.later);
        if !later.is_empty() {
            // What is amended is read from the log, too.
            if self.flight.is_none() {
                self.take_off().await;
            }
            self.land_all().await;
            self.append_locked(later).await;
        }
    }

    /// Sends the open batch to the disk; then whatever must be decided anew. Nothing is in flight.
    pub(super) async fn take_off(&mut self) {
        if let Some(mut batch) = self.open.take() {
            metrics::histogram!("append_batch_size").record(to_f64(batch.decided.len()));
            match self.prove_unwritten(&mut batch).await {
                Ok(Proof::Holds) if batch.events.len() == 0 => answer(batch),
                Ok(Proof::Holds) => self.start_flight(batch),
                Ok(Proof::Amends) => self.decide_anew(batch),
                // Another process appended: even what writes nothing must not be answered from before that.
                Ok(Proof::HeadMoved) => {
                    self.locked_batches = LOCKED_BATCHES;
                    self.decide_anew(batch);
                }
                Err(error) => {
                    away(&error);
                    self.give_up(batch);
                }
            }
        }
        if !self.again.is_empty() {
            let again = std::mem::take(&mut self.again);
            self.append_locked(again).await;
        }
    }

    /// What must be known before deciding: cold members, edited purchases, and the keys while repeats are coming in.
    async fn look_before(&mut self, waiting: &[Pending]) -> Result<Found, StoreError> {
        if self.wary_batches > 0 || has_edits(waiting) {
            self.wary_batches = self.wary_batches.saturating_sub(1);
            let mut db = self.pool.acquire().await?;
            return look_up(&mut db, waiting, &self.warmth, false).await;
        }
        if is_warm(waiting, &self.warmth) {
            return Ok(Found::default());
        }
        let mut db = self.pool.acquire().await?;
        load_cold(&mut db, waiting, &self.warmth).await
    }

    /// What a batch writes is proved by its append. What writes nothing (a refusal, say) may be a repeat, or have been decided
    /// on what is no longer true: the head of the log is not where the batch was decided. Or a refusal was of a newer revision
    /// that was taken for a purchase. Or a repeat that would be written twice left its member's next command without her state.
    ///
    /// With events to append the compare-and-set proves the head after this; without, it is read after the keys.
    async fn prove_unwritten(&self, batch: &mut Batch) -> Result<Proof, StoreError> {
        let unproved = batch.unproved_keys();
        if unproved.is_empty() {
            return Ok(Proof::Holds);
        }
        let mut db = self.pool.acquire().await?;
        let are_repeats = batch.answer_known(&known_keys(&mut db, &unproved).await?);
        if !are_repeats || batch.has_unwritable() {
            return Ok(Proof::Amends);
        }
        let holds = batch.events.len() > 0 || log::head(&mut *db).await? == batch.expected;
        Ok(if holds { Proof::Holds } else { Proof::HeadMoved })
    }

    /// Forgets a batch that did not become true; its commands are the next to be decided, under the lock.
    pub(super) fn decide_anew(&mut self, mut batch: Batch) {
        self.undo(std::mem::take(&mut batch.touched));
        self.again.extend(batch.into_pending());
    }

    /// Forgets a batch of which it is not known whether it became true, and says so.
    pub(super) fn give_up(&mut self, mut batch: Batch) {
        self.undo(std::mem::take(&mut batch.touched));
        refuse(batch.into_pending());
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
            self.warmth.registry = load_registry(db, head).await?;
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
        self.tell();
        Ok(())
    }
}
