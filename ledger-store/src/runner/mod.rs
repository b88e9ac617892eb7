//! The command runner: one decider task per process, group commit behind it. Design L1, L2, L4.
//!
//! Why it is right:
//! 1. Commands are decided one after the other on warm state, so what one led to is what the next one sees.
//! 2. A batch is one statement. It advances the head by compare-and-set from the position the batch was decided at: when
//!    any other process appended in between, nothing is written, the tail is folded in and every command decided anew. The
//!    same when one of its keys was answered before. What writes nothing is looked up apart before it is answered.
//! 3. While a batch commits, the next is decided on what it will make true, and is sent when it has become true. When a commit
//!    fails, the streams that both touched are forgotten, the registry goes back, and what was decided on it is decided anew.
//! 4. No answer is given before the commit of everything it was decided on. A refusal or repeat waits for it too.
//! 5. When it is not known what became of a commit, its commands answer `Unavailable`; their keys find out at the retry.
//!
//! Bounds: [`LedgerOptions::batch_max`] commands a batch, [`LedgerOptions::queue_max`] waiting, [`LedgerOptions::members_max`]
//! folds in memory.

mod answer;
mod append;
mod batch;
mod decider;
mod decision;
mod flight;
mod keyed;
mod locked;
mod lookup;
mod origin;
mod purchases;
mod revisions;
mod warmth;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ledger_core::context::Registry;
use ledger_core::ids::LogId;
use ledger_core::log::Position;
use ledger_ops::clock::Clock;
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot, watch};

use crate::command::{Receipt, Request};
use crate::error::{ExecuteError, StoreError};
use crate::log;
use decider::{Decider, Told};
pub use keyed::{coupon_issued, member_of_redemption};

/// Bounds of the runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerOptions {
    /// Commands decided and committed together at most.
    pub batch_max: usize,
    /// Commands waiting at most; more wait outside.
    pub queue_max: usize,
    /// Members kept folded in memory at most; never less than four batches.
    pub members_max: usize,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self { batch_max: 512, queue_max: 4096, members_max: 30_000 }
    }
}

type Answer = oneshot::Sender<Result<Receipt, ExecuteError>>;

/// A command waiting for its answer.
struct Pending {
    request: Request,
    answer: Answer,
}

enum Message {
    Execute(Box<Pending>),
    Refresh(oneshot::Sender<()>),
}

struct Shared {
    log_id: LogId,
    head: AtomicI64,
}

/// The ledger as a process sees it: a handle on its decider.
#[derive(Clone)]
pub struct Ledger {
    messages: mpsc::Sender<Message>,
    registry: watch::Receiver<Arc<Registry>>,
    shared: Arc<Shared>,
}

impl Ledger {
    /// Opens the log behind `pool`: folds policies and businesses, publishes policy 1 on an empty log (Rule P1) and starts
    /// the decider, which stops when the last handle is dropped.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away or the log cannot be read.
    pub async fn open(pool: PgPool, options: LedgerOptions, clock: Clock) -> Result<Self, StoreError> {
        let log_id = log::log_id(&pool).await?;
        let shared = Arc::new(Shared { log_id, head: AtomicI64::new(0) });
        let (publish, registry) = watch::channel(Arc::default());
        let told = Told { registry: publish, shared: Arc::clone(&shared) };
        let decider = Decider::start(pool, options, clock, told).await?;
        let (messages, waiting) = mpsc::channel(options.queue_max);
        tokio::spawn(decider.run(waiting));
        let ledger = Self { messages, registry, shared };
        Ok(ledger)
    }

    /// Executes `request`; returns after the durable commit of what it led to.
    ///
    /// # Errors
    /// [`ExecuteError`].
    pub async fn execute(&self, request: Request) -> Result<Receipt, ExecuteError> {
        let (answer, receipt) = oneshot::channel();
        let pending = Box::new(Pending { request, answer });
        self.messages.send(Message::Execute(pending)).await.map_err(|_| ExecuteError::Stopped)?;
        receipt.await.map_err(|_| ExecuteError::Stopped)?
    }

    /// Folds in what other processes have appended so far: for a caller that misses a business it should know.
    pub async fn refresh(&self) {
        let (done, refreshed) = oneshot::channel();
        if self.messages.send(Message::Refresh(done)).await.is_ok() {
            // A decider that stops before it answers leaves the registry as it was.
            let _stopped = refreshed.await;
        }
    }

    /// Policies and businesses as of the newest append seen.
    #[must_use]
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry.borrow())
    }

    /// The newest committed position this process has seen.
    #[must_use]
    pub fn head(&self) -> Position {
        self.shared.head.load(Ordering::Acquire)
    }

    /// The name of the log. Design L9.
    #[must_use]
    pub fn log_id(&self) -> LogId {
        self.shared.log_id
    }
}
