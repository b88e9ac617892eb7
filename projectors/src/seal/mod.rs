//! Seals the log: extends its Merkle tree and signs its head, every second while there is something new. Design L8, L9.
//!
//! Why it is right:
//! 1. Only committed rows are read (L1: who has seen N never later finds a row below N), and each is hashed anew: a row
//!    that is not what its leaf hash says is never sealed, and stops the role with its position.
//! 2. One process seals: its advisory lock lives on the connection on which it writes. Two of a moment cannot differ: the
//!    second one's tiles and checkpoint are refused as there already.
//! 3. Tiles and checkpoint are one transaction. Before it is committed the new tree is read back and proved to continue
//!    the last checkpoint's: the proof that anybody may ask for later.
//! 4. A start believes nothing: the last checkpoint's signature, the log's length and the root over tiles and the log's
//!    last leaves are looked at first. It costs the same however long the log is.
//! 5. What this process signed it remembers: who takes the database back while its connection is broken is refused.
//! 6. A signed head that was not committed is never shown, and speaks of committed rows all the same.
//!
//! Bounds: [`LEAVES_MAX`] leaves in one checkpoint, as tiles some 10 MB; of rows, `rows::PAGES` pages in memory.

mod keys;
mod rows;

use std::convert::Infallible;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use ledger_core::log::Position;
use ledger_ops::telemetry::to_f64;
use ledger_store::StoreError;
use ledger_store::seal::{self, Checkpoint, Frontier, FullTile, Roots, SealKey, Tree};
use ledger_store::start::check_durable;
use signed_note::StandardSigner;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use tokio::time::{Instant, MissedTickBehavior};

pub use keys::KeyFolder;

use crate::engine::{advisory_key, own};
use crate::error::ProjectError;
use crate::source::{LogReader, failure};

/// What this role is called.
pub const NAME: &str = "seal";
/// Leaves that one checkpoint adds at most.
pub const LEAVES_MAX: i64 = 262_144;
/// How often there is a checkpoint while there is something new. Design L8.
const EVERY: Duration = Duration::from_secs(1);
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// What to do when no key was ever made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstKey {
    /// Make one, in force from now on (the `dev` profile).
    Make,
    /// Refuse: who verifies must learn of a key from a person.
    Refuse,
}

/// The seal.
pub struct Seal {
    log: LogReader,
    keys: KeyFolder,
    first: FirstKey,
}

/// One time of leading.
struct Lead {
    connection: PgConnection,
    roots: Roots,
    origin: String,
    newest: Option<Checkpoint>,
    edge: Frontier,
    signer: Option<(SealKey, StandardSigner)>,
}

/// What the process knows whatever is stored, from one time of leading to the next.
#[derive(Default)]
struct Known {
    /// The tree that it signed last, and stored.
    signed: Option<Tree>,
    /// Since when something is new.
    waiting: Option<Instant>,
}

impl Seal {
    /// The seal of `log`, read and written with the seal's own role.
    #[must_use]
    pub const fn new(log: LogReader, keys: KeyFolder, first: FirstKey) -> Self {
        Self { log, keys, first }
    }

    /// Seals until the task is dropped; returns only for what trying again cannot help.
    pub async fn run(&self) -> ProjectError {
        let (mut backoff, mut known) = (BACKOFF_MIN, Known::default());
        loop {
            let began = Instant::now();
            let Err(error) = self.lead(&mut known).await;
            if !error.is_retryable() {
                tracing::error!(%error, "the seal stopped");
                return error;
            }
            tracing::warn!(%error, "the seal tries again");
            if began.elapsed() > BACKOFF_MAX {
                backoff = BACKOFF_MIN;
            }
            tokio::time::sleep(backoff).await;
            backoff = backoff.saturating_mul(2).min(BACKOFF_MAX);
        }
    }

    async fn lead(&self, known: &mut Known) -> Result<Infallible, ProjectError> {
        let mut lead = self.take_over(known.signed).await?;
        let mut second = tokio::time::interval(EVERY);
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if !self.seal(&mut lead, known).await? {
                second.tick().await;
            }
        }
    }

    /// Waits until no other process seals, and looks at what was sealed, which is to continue what this one `signed`.
    async fn take_over(&self, signed: Option<Tree>) -> Result<Lead, ProjectError> {
        let options: PgConnectOptions = (*self.log.pool().connect_options()).clone();
        let options = options.application_name("projectors/seal").options([("statement_timeout", "60s")]);
        let mut connection = options.connect().await?;
        own(&mut connection, NAME).await?;
        check_durable(self.log.pool()).await.map_err(failure)?;
        let origin = seal::origin(self.log.log_id().await?);
        let roots = Roots::default();
        let sealed = match seal::sealed(&mut connection, &roots).await {
            Ok(sealed) => sealed,
            Err(StoreError::Refused(what)) => return Err(self.named(what).await),
            Err(error) => return Err(failure(error)),
        };
        continues(&mut connection, &roots, sealed.newest.as_ref(), signed).await?;
        if self.first == FirstKey::Make && seal::keys(&mut connection).await.map_err(failure)?.is_empty() {
            let key = new_key(self.log.pool(), &self.keys, None, None).await?;
            tracing::info!(key = key.verifier(), "the first key is made");
        }
        tracing::info!(after = sealed.edge.size(), "sealing the log");
        let (newest, edge) = (sealed.newest, sealed.edge);
        Ok(Lead { connection, roots, origin, newest, edge, signer: None })
    }

    /// Why what was sealed is refused, with the place if it is one of the last leaves.
    async fn named(&self, what: String) -> ProjectError {
        let newest = seal::newest(self.log.pool()).await;
        let size = newest.ok().flatten().map_or(0, |checkpoint| checkpoint.tree_size);
        let head = self.log.head().await.unwrap_or(0).min(size);
        match rows::leaves(&self.log, size.saturating_sub(size.rem_euclid(256)), head).await {
            Err(named) if !named.is_retryable() => named,
            _ => ProjectError::Setup(what),
        }
    }

    /// Seals what is new, once; true when there is more.
    async fn seal(&self, lead: &mut Lead, known: &mut Known) -> Result<bool, ProjectError> {
        let head = self.log.head().await?;
        let size = position(lead.edge.size())?;
        if head < size {
            let what = "what was sealed".to_owned();
            return Err(ProjectError::LogBehind { head, what, published: size });
        }
        let waiting = (head > size).then(|| known.waiting.unwrap_or_else(Instant::now));
        known.waiting = waiting;
        metrics::gauge!("seal_lag_events").set(to_f64(head.saturating_sub(size)));
        metrics::gauge!("seal_lag_seconds").set(waiting.map_or(0.0, |since| since.elapsed().as_secs_f64()));
        if head == size {
            // Finds out whether the connection, and with it the lead, is still there.
            lead.connection.ping().await?;
            return Ok(false);
        }
        // Before rows are read for nothing.
        let keys = seal::keys(&mut lead.connection).await.map_err(failure)?;
        let now = sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut lead.connection).await?;
        SealKey::signing(&keys, now).ok_or(ProjectError::NoSealKey)?;
        let began = Instant::now();
        let until = head.min(size.saturating_add(LEAVES_MAX));
        let leaves = rows::leaves(&self.log, size, until).await?;
        let (mut edge, mut full) = (lead.edge.clone(), Vec::new());
        for leaf in &leaves {
            edge.push(leaf, &mut full);
        }
        let checkpoint = self.write(lead, &edge, &full).await?;
        metrics::gauge!("seal_tree_size").set(to_f64(until));
        metrics::histogram!("seal_seconds").record(began.elapsed());
        metrics::counter!("seal_checkpoints_total").increment(1);
        tracing::debug!(tree_size = until, "sealed");
        known.signed = checkpoint.tree();
        known.waiting = None;
        lead.newest = Some(checkpoint);
        lead.edge = edge;
        Ok(until < head)
    }

    /// Writes the tree with the edge `edge` and the new tiles `full`, signed.
    async fn write(
        &self,
        lead: &mut Lead,
        edge: &Frontier,
        full: &[FullTile],
    ) -> Result<Checkpoint, ProjectError> {
        let mut transaction = lead.connection.begin().await?;
        let last = seal::newest(&mut *transaction).await.map_err(failure)?;
        if last != lead.newest {
            return Err(ProjectError::Setup("another process sealed the log meanwhile".to_owned()));
        }
        FullTile::store(&mut transaction, full).await.map_err(failure)?;
        let tree = Tree { size: edge.size(), root: edge.root() };
        let before = last.as_ref().and_then(Checkpoint::tree);
        tree.check_continues(&mut transaction, &lead.roots, before).await.map_err(failure)?;
        let now = now(&mut transaction, Keys::Read).await?;
        let sealed_at = last.map_or(now, |last| now.max(last.sealed_at));
        let keys = seal::keys(&mut *transaction).await.map_err(failure)?;
        let signer = self.signer(&mut lead.signer, &keys, sealed_at)?;
        let text = seal::text(&lead.origin, tree.size, tree.root).map_err(|error| unsigned(edge, error))?;
        let signed_note = seal::sign(&text, signer).map_err(|error| unsigned(edge, error))?;
        // Read as a stranger reads it.
        match seal::verify(&signed_note, &lead.origin, &keys, sealed_at) {
            Ok(signed) if signed == (tree.size, tree.root) => {}
            Ok(_) => return Err(unsigned(edge, "the note says another tree")),
            Err(error) => return Err(unsigned(edge, error)),
        }
        let checkpoint = Checkpoint {
            tree_size: position(tree.size)?,
            root: tree.root.0.to_vec(),
            key_id: signed_note::Signer::key_id(signer).to_be_bytes().to_vec(),
            signed_note,
            sealed_at,
        };
        checkpoint.store(&mut *transaction).await.map_err(failure)?;
        transaction.commit().await?;
        Ok(checkpoint)
    }

    /// Who signs at the moment `at`; read from the folder when it is another than before.
    fn signer<'a>(
        &self,
        known: &'a mut Option<(SealKey, StandardSigner)>,
        keys: &[SealKey],
        at: DateTime<Utc>,
    ) -> Result<&'a StandardSigner, ProjectError> {
        let key = SealKey::signing(keys, at).ok_or(ProjectError::NoSealKey)?;
        if let Some(until) = key.valid_until {
            metrics::gauge!("seal_key_seconds_left")
                .set(to_f64(until.signed_duration_since(at).num_seconds()));
        }
        if known.as_ref().is_none_or(|(known, _)| known != key) {
            tracing::info!(key = key.verifier(), "this key signs");
            *known = Some((key.clone(), self.keys.signer(key)?));
        }
        known.as_ref().map(|(_, signer)| signer).ok_or(ProjectError::NoSealKey)
    }
}

/// Makes a key, in force from `from` (now, if not said) until `until`, and lists it.
///
/// # Errors
/// [`ProjectError::Setup`] when it would have no time to sign, or another begins at the same moment, or the folder cannot
/// be written; [`ProjectError::Database`].
pub async fn new_key(
    pool: &PgPool,
    folder: &KeyFolder,
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
) -> Result<SealKey, ProjectError> {
    let mut transaction = pool.begin().await?;
    let origin = seal::origin(ledger_store::log::log_id(&mut *transaction).await.map_err(failure)?);
    let now = now(&mut transaction, Keys::Change).await?;
    // After all that was signed so far: what an older key has signed stays good.
    let last = seal::newest(&mut *transaction).await.map_err(failure)?;
    let after = last.map_or(now, |last| now.max(last.sealed_at + TimeDelta::microseconds(1)));
    // As the database keeps them.
    let (from, until) = (from.unwrap_or(after).trunc_subsecs(6), until.map(|until| until.trunc_subsecs(6)));
    if from < after {
        return Err(ProjectError::Setup("a key begins now or later, not in the past".to_owned()));
    }
    if until.is_some_and(|until| until <= from) {
        return Err(ProjectError::Setup("a key ends after it begins".to_owned()));
    }
    let known = seal::keys(&mut *transaction).await.map_err(failure)?;
    if known.iter().any(|key| key.valid_from == from) {
        return Err(ProjectError::Setup("another key begins at that moment".to_owned()));
    }
    let key = folder.make(&origin, from, until)?;
    key.list(&mut *transaction).await.map_err(failure)?;
    transaction.commit().await?;
    Ok(key)
}

/// What a transaction does with the list of keys.
enum Keys {
    Read,
    Change,
}

/// The time of the server, which is the same for every process. Until the end of the transaction no key is listed that
/// would have signed now, or, for who lists one, nothing is signed.
async fn now(transaction: &mut PgConnection, keys: Keys) -> Result<DateTime<Utc>, ProjectError> {
    let lock = match keys {
        Keys::Read => "SELECT pg_advisory_xact_lock_shared($1)",
        Keys::Change => "SELECT pg_advisory_xact_lock($1)",
    };
    sqlx::query(lock).bind(advisory_key("seal/keys")).execute(&mut *transaction).await?;
    Ok(sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(transaction).await?)
}

fn position(size: u64) -> Result<Position, ProjectError> {
    Position::try_from(size).map_err(|_| ProjectError::Setup(format!("no log has {size} events")))
}

/// Refuses what is stored when it does not continue the tree that this process `signed`: the database was taken back, or
/// somebody else signed another history, while nobody looked.
async fn continues(
    connection: &mut PgConnection,
    roots: &Roots,
    newest: Option<&Checkpoint>,
    signed: Option<Tree>,
) -> Result<(), ProjectError> {
    let Some(signed) = signed else { return Ok(()) };
    let refused = |found: String| {
        let size = signed.size;
        ProjectError::Setup(format!("{found}, but this process signed {size}: is this a restored backup?"))
    };
    let tree = newest.and_then(Checkpoint::tree);
    let Some(tree) = tree.filter(|tree| tree.size >= signed.size) else {
        return Err(refused(format!("only {} events are sealed", tree.map_or(0, |tree| tree.size))));
    };
    let root = tree.root_at(connection, roots, signed.size).await.map_err(failure)?;
    if root == signed.root { Ok(()) } else { Err(refused("another history is sealed".to_owned())) }
}

/// A checkpoint that cannot be signed: no fault of the log's.
fn unsigned(edge: &Frontier, reason: impl std::fmt::Display) -> ProjectError {
    ProjectError::Setup(format!("no checkpoint of {} events can be signed: {reason}", edge.size()))
}
