//! Sends stretches: plan, insert, settle; and proves afterwards that ClickHouse has them. Design J6.
//!
//! Why it is right:
//! 1. [`Sender::plan`] commits a stretch's bounds before its insert. A crash after it finds the same bounds, makes the
//!    same rows from the log and sends them under the same token: dropped if they are there, taken if they are not.
//! 2. [`Sender::audit`] asks ClickHouse what it holds of every stretch. What is short is sent again under a new token;
//!    what is there twice collapses by its key. Until then the progress that readers see ends before the hole.
//! 3. More rows than the log has, or others, cannot be mended by sending: that stops the sink (design J4).
//!
//! Bounds: memory holds one stretch; the journal one row per stretch, joined as they settle.

use ledger_core::log::{LeafHash, Position, partition_of};
use sqlx::{Connection, PgConnection};

use super::checksum::Checksums;
use super::clinics::Clinics;
use super::journal::{Journal, Stretch, Written};
use super::rows::Rows;
use super::sequence::Ready;
use super::warehouse::Warehouse;
use crate::engine::{self, Progress, Target};
use crate::error::ProjectError;
use crate::source::{LogReader, Place, Places, StoredRow};

/// What sends stretches into one set of tables, and how far it is.
pub(super) struct Sender {
    /// Holds the sink's advisory lock, sees the schema `analytics`.
    pub(super) connection: PgConnection,
    pub(super) journal: Journal,
    pub(super) warehouse: Warehouse,
    pub(super) log: LogReader,
    pub(super) clinics: Clinics,
    /// How far the settled stretches go.
    pub(super) places: Places,
    /// Where readers see how far it is; `None` for the tables of a rebuild.
    pub(super) progress: Option<Progress>,
}

/// What an audit found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Audited {
    /// How many stretches there are.
    pub stretches: usize,
    /// How many of them had to be sent again.
    pub refilled: usize,
    /// How many days' statistics had to be fed again.
    pub days_mended: u64,
}

/// A stretch with its rows.
pub(super) struct Planned {
    pub(super) stretch: Stretch,
    /// Of its last event.
    leaf_hash: LeafHash,
    rows: Rows,
    places: Places,
}

impl Sender {
    /// Fixes a stretch of `rows`, which follow what was sent; `None` when there are none, or somebody else went on.
    pub(super) async fn plan(&mut self, rows: &[Ready]) -> Result<Option<Planned>, ProjectError> {
        let from = self.places.passed();
        let Some(last) = rows.last() else { return Ok(None) };
        let (to, leaf_hash) = (last.stored.row.position, last.stored.leaf_hash);
        let places = behind(&self.places, to, rows.iter().map(|ready| (&ready.stored, ready.offset)))?;
        if self.clinics.lacks_one_of(rows.iter().map(|ready| &ready.stored)) {
            self.clinics.learn(self.log.businesses().await?);
        }
        let rows = Rows::of(rows.iter().map(|ready| &ready.stored), &self.clinics)?;
        let stretch = Stretch { from, to, rows: rows.checksums(), generation: 1, sent: false };
        match self.journal.plan(&mut self.connection, &stretch).await? {
            Written::Yes => Ok(Some(Planned { stretch, leaf_hash, rows, places })),
            Written::Moved => Ok(None),
        }
    }

    /// Inserts a planned stretch. Repeating it changes nothing.
    pub(super) async fn insert(&self, planned: &Planned) -> Result<(), ProjectError> {
        let Planned { stretch, leaf_hash, rows, .. } = planned;
        self.warehouse.send(self.journal.log_id(), stretch, leaf_hash, rows).await
    }

    /// Settles an inserted stretch: journal and checkpoint in one transaction. The progress that readers see is told
    /// apart from it, since an audit tells it only once everything up to there is proved.
    pub(super) async fn settle(&mut self, planned: Planned) -> Result<Written, ProjectError> {
        let mut transaction = self.connection.begin().await?;
        if self.journal.settle(&mut transaction, &planned.stretch).await? == Written::Moved {
            return Ok(Written::Moved);
        }
        if self.journal.target() == Target::Live {
            engine::store(&mut transaction, &planned.places).await?;
        }
        transaction.commit().await?;
        self.places = planned.places;
        Ok(Written::Yes)
    }

    /// Plans, inserts, settles, and tells readers.
    pub(super) async fn send(&mut self, rows: &[Ready]) -> Result<Written, ProjectError> {
        let Some(planned) = self.plan(rows).await? else { return Ok(Written::Moved) };
        self.insert(&planned).await?;
        let written = self.settle(planned).await?;
        if written == Written::Yes {
            self.report(self.places.passed()).await?;
        }
        Ok(written)
    }

    async fn report(&self, passed: Position) -> Result<(), ProjectError> {
        match &self.progress {
            Some(progress) => progress.passed(passed).await,
            None => Ok(()),
        }
    }

    /// Makes ClickHouse hold every stretch of the journal: sends what was planned and not settled, compares what it holds
    /// with what it must hold, sends again what is short.
    ///
    /// # Errors
    /// [`ProjectError::Setup`] when ClickHouse holds what the log does not say; what a server says.
    pub(super) async fn audit(&mut self) -> Result<Audited, ProjectError> {
        let mut stretches = self.journal.stretches(&mut self.connection).await?;
        for stretch in &mut stretches {
            if !stretch.sent {
                let planned = self.reread(stretch).await?;
                self.insert(&planned).await?;
                self.settle_again(planned).await?;
                stretch.sent = true;
            }
        }
        let held = self.warehouse.held(&stretches).await?;
        let mut refilled = 0_usize;
        for (stretch, held) in stretches.iter_mut().zip(held) {
            if !short(stretch, held)? {
                continue;
            }
            if refilled == 0 {
                self.report(stretch.from).await?;
            }
            refilled = refilled.saturating_add(1);
            self.refill(stretch).await?;
        }
        let days_mended = self.warehouse.mend_days().await?;
        self.report(self.places.passed()).await?;
        self.journal.join_settled(&mut self.connection, &stretches).await?;
        metrics::counter!("analytics_stretches_refilled_total").increment(count(refilled));
        metrics::counter!("analytics_days_mended_total").increment(days_mended);
        Ok(Audited { stretches: stretches.len(), refilled, days_mended })
    }

    /// Sends `stretch` again under a new token and makes sure that it is there.
    async fn refill(&mut self, stretch: &mut Stretch) -> Result<(), ProjectError> {
        let (from, to) = (stretch.from, stretch.to);
        tracing::warn!(from, to, "ClickHouse has lost rows of this stretch: sending it again");
        stretch.generation = stretch.generation.saturating_add(1);
        if self.journal.begin_refill(&mut self.connection, stretch).await? == Written::Moved {
            return Err(moved());
        }
        let planned = self.reread(stretch).await?;
        self.insert(&planned).await?;
        let held = self.warehouse.held(std::slice::from_ref(stretch)).await?;
        if short(stretch, held.first().copied().unwrap_or_default())? {
            return Err(ProjectError::Sink {
                what: "looking for rows it has just taken",
                source: format!("the stretch ({from}, {to}] is still short").into(),
            });
        }
        self.settle_again(planned).await
    }

    async fn settle_again(&mut self, planned: Planned) -> Result<(), ProjectError> {
        match self.settle(planned).await? {
            Written::Yes => Ok(()),
            Written::Moved => Err(moved()),
        }
    }

    /// A journalled stretch with its rows from the log.
    async fn reread(&mut self, stretch: &Stretch) -> Result<Planned, ProjectError> {
        let length = stretch.to.saturating_sub(stretch.from);
        let stored = self.log.read_after(stretch.from, length).await?;
        let Some(last) = stored.last().filter(|last| last.row.position == stretch.to) else {
            let head = self.log.head().await?;
            let what = "what was sent to ClickHouse".to_owned();
            return Err(ProjectError::LogBehind { head, what, published: stretch.to });
        };
        let leaf_hash = last.leaf_hash;
        if self.clinics.lacks_one_of(&stored) {
            self.clinics.learn(self.log.businesses().await?);
        }
        let rows = Rows::of(&stored, &self.clinics)?;
        if rows.checksums() != stretch.rows {
            let reason =
                format!("the stretch ({}, {}] gives other rows than before", stretch.from, stretch.to);
            return Err(ProjectError::Setup(format!("{reason}: run `projectors rebuild analytics`")));
        }
        // A refill lies behind places that are further; only the tail that was never settled moves them.
        let places = if stretch.to > self.places.passed() {
            behind(&self.places, stretch.to, stored.iter().map(|stored| (stored, None)))?
        } else {
            self.places.clone()
        };
        Ok(Planned { stretch: *stretch, leaf_hash, rows, places })
    }
}

/// Whether ClickHouse holds less of `stretch` than it must.
fn short(stretch: &Stretch, held: Checksums) -> Result<bool, ProjectError> {
    if stretch.rows == held {
        return Ok(false);
    }
    let foreign = stretch.rows.0.iter().zip(held.0).any(|(wanted, found)| {
        found.rows > wanted.rows || (found.rows == wanted.rows && found.sum != wanted.sum)
    });
    if foreign {
        let what =
            format!("of ({}, {}] ClickHouse holds rows the log does not say", stretch.from, stretch.to);
        return Err(ProjectError::Setup(format!("{what}: run `projectors rebuild analytics`")));
    }
    Ok(true)
}

fn moved() -> ProjectError {
    ProjectError::Sink { what: "keeping its place", source: "a rebuild or another sink went on".into() }
}

fn count(many: usize) -> u64 {
    u64::try_from(many).unwrap_or(u64::MAX)
}

/// The places behind `rows`, every partition having passed `to`.
fn behind<'a>(
    places: &Places,
    to: Position,
    rows: impl Iterator<Item = (&'a StoredRow, Option<i64>)>,
) -> Result<Places, ProjectError> {
    let partitions = places.partitions();
    let mut by_partition: Vec<Place> = places.iter().map(|(_, place)| *place).collect();
    for (stored, offset) in rows {
        let partition = partition_of(stored.row.stream_id, partitions);
        let place = usize::try_from(partition).ok().and_then(|index| by_partition.get_mut(index));
        let place = place.ok_or_else(|| ProjectError::Setup("kafka.partitions is below 1".to_owned()))?;
        place.position = stored.row.position;
        place.leaf_hash = Some(stored.leaf_hash);
        place.offset = offset.or(place.offset);
    }
    for place in &mut by_partition {
        place.passed = place.passed.max(to);
    }
    Ok(Places::new(places.log_id(), by_partition))
}
