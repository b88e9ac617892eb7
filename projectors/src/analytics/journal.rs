//! The journal of stretches in the read database: a stretch's bounds are fixed before its insert and settled after it.
//!
//! Why it is right: a stretch is inserted only once its bounds are committed here, so that after a crash the same rows are
//! sent under the same token. Stretches join end to end: [`Journal::plan`] refuses one that does not begin where the last
//! one ended, so two sinks at once cannot both go on. Every write says under which epoch it was begun; a rebuild's swap
//! raises the epoch, and the sink that learns so starts anew.
//! Bounds: settled neighbours are joined up to [`STRETCH_EVENTS_MAX`] events, so the journal has a row per that many.

use ledger_core::ids::LogId;
use ledger_core::log::Position;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::checksum::{Checksum, Checksums};
use super::schema::name_of;
use crate::engine::Target;
use crate::error::ProjectError;

/// The most events of one stretch, which is what memory holds of them.
pub(super) const STRETCH_EVENTS_MAX: i64 = 20_000;

/// A stretch (from, to] of the log and what ClickHouse must hold of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// The position before its first.
    pub(super) from: Position,
    /// Its last position.
    pub(super) to: Position,
    /// What its rows hash to.
    pub(super) rows: Checksums,
    /// 1 for the first insert, one more for each refill.
    pub(super) generation: i32,
    /// Whether ClickHouse has answered the insert.
    pub(super) sent: bool,
}

impl Stretch {
    /// The token that makes an insert repeatable. Design J6: `log_id:from-to`; a refill adds its generation, since
    /// deleting rows does not clear tokens.
    #[must_use]
    pub(super) fn token(&self, log_id: LogId) -> String {
        let Self { from, to, generation, .. } = self;
        if *generation == 1 {
            format!("{log_id}:{from}-{to}")
        } else {
            format!("{log_id}:{from}-{to}:{generation}")
        }
    }
}

/// How a write to the journal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Written {
    /// As asked.
    Yes,
    /// Not at all: a rebuild or another sink went on in the meantime. Start anew.
    Moved,
}

/// A handle on the journal of one set of tables.
#[derive(Debug, Clone, Copy)]
pub(super) struct Journal {
    target: Target,
    log_id: LogId,
    epoch: i64,
}

impl Journal {
    /// Opens the journal for the log `log_id`.
    ///
    /// # Errors
    /// [`ProjectError::OtherLog`] when what is there is about another log; [`ProjectError::Database`].
    pub(super) async fn open(
        connection: &mut PgConnection,
        target: Target,
        log_id: LogId,
    ) -> Result<Self, ProjectError> {
        sqlx::query("INSERT INTO ingest_epoch (log_id) VALUES ($1) ON CONFLICT DO NOTHING")
            .bind(log_id.as_uuid())
            .execute(&mut *connection)
            .await?;
        let (found, epoch): (Uuid, i64) =
            sqlx::query_as("SELECT log_id, epoch FROM ingest_epoch").fetch_one(&mut *connection).await?;
        let found = LogId::from_uuid(found);
        if found != log_id && target == Target::Live {
            return Err(ProjectError::OtherLog { expected: log_id, found });
        }
        Ok(Self { target, log_id, epoch })
    }

    /// The log.
    #[must_use]
    pub(super) const fn log_id(&self) -> LogId {
        self.log_id
    }

    /// The set of tables.
    #[must_use]
    pub(super) const fn target(&self) -> Target {
        self.target
    }

    /// Every stretch, in order.
    ///
    /// # Errors
    /// [`ProjectError::Database`]; [`ProjectError::Setup`] when they do not join end to end.
    pub(super) async fn stretches(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<Stretch>, ProjectError> {
        let read: Vec<Columns> = sqlx::query_as(
            "SELECT from_position, to_position, row_counts, row_checksums, generation, sent \
             FROM ingest_batches WHERE target = $1 ORDER BY from_position",
        )
        .bind(name_of(self.target))
        .fetch_all(&mut *connection)
        .await?;
        let stretches: Vec<Stretch> =
            read.into_iter().map(Stretch::try_from).collect::<Result<_, ProjectError>>()?;
        let mut end = 0;
        for stretch in &stretches {
            if stretch.from != end {
                let what = format!("the journal of analytics has a hole after position {end}");
                return Err(ProjectError::Setup(format!("{what}: run `projectors rebuild analytics`")));
            }
            end = stretch.to;
        }
        Ok(stretches)
    }

    /// Fixes a stretch before its insert.
    ///
    /// # Errors
    /// [`ProjectError::Database`].
    pub(super) async fn plan(
        &self,
        connection: &mut PgConnection,
        stretch: &Stretch,
    ) -> Result<Written, ProjectError> {
        let planned = sqlx::query(
            "WITH still AS (SELECT epoch FROM ingest_epoch WHERE epoch = $7 FOR SHARE) \
             INSERT INTO ingest_batches (target, from_position, to_position, generation, row_counts, row_checksums, sent) \
             SELECT $1, $2, $3, $4, $5, $6, false FROM still \
             WHERE (SELECT COALESCE(MAX(to_position), 0) FROM ingest_batches WHERE target = $1) = $2 \
             ON CONFLICT DO NOTHING",
        )
        .bind(name_of(self.target))
        .bind(stretch.from)
        .bind(stretch.to)
        .bind(stretch.generation)
        .bind(counts(&stretch.rows))
        .bind(sums(&stretch.rows))
        .bind(self.epoch)
        .execute(&mut *connection)
        .await?;
        Ok(written(planned.rows_affected()))
    }

    /// Settles a stretch after its insert; all up to its end are then complete.
    ///
    /// # Errors
    /// [`ProjectError::Database`].
    pub(super) async fn settle(
        &self,
        connection: &mut PgConnection,
        stretch: &Stretch,
    ) -> Result<Written, ProjectError> {
        let statement = "WITH still AS (SELECT epoch FROM ingest_epoch WHERE epoch = $5 FOR SHARE) \
             UPDATE ingest_batches SET sent = true FROM still \
             WHERE target = $1 AND from_position = $2 AND to_position = $3 AND generation = $4";
        self.change(connection, stretch, statement).await
    }

    /// Begins the refill of a stretch: a higher generation, not sent.
    ///
    /// # Errors
    /// [`ProjectError::Database`].
    pub(super) async fn begin_refill(
        &self,
        connection: &mut PgConnection,
        stretch: &Stretch,
    ) -> Result<Written, ProjectError> {
        let statement = "WITH still AS (SELECT epoch FROM ingest_epoch WHERE epoch = $5 FOR SHARE) \
             UPDATE ingest_batches SET sent = false, generation = $4 FROM still \
             WHERE target = $1 AND from_position = $2 AND to_position = $3 AND generation < $4";
        self.change(connection, stretch, statement).await
    }

    async fn change(
        &self,
        connection: &mut PgConnection,
        stretch: &Stretch,
        statement: &'static str,
    ) -> Result<Written, ProjectError> {
        let changed = sqlx::query(statement)
            .bind(name_of(self.target))
            .bind(stretch.from)
            .bind(stretch.to)
            .bind(stretch.generation)
            .bind(self.epoch)
            .execute(&mut *connection)
            .await?;
        Ok(written(changed.rows_affected()))
    }

    /// Whether the tables are still those this journal was opened for.
    ///
    /// # Errors
    /// [`ProjectError::Database`].
    pub(super) async fn is_current(&self, connection: &mut PgConnection) -> Result<bool, ProjectError> {
        let epoch: i64 =
            sqlx::query_scalar("SELECT epoch FROM ingest_epoch").fetch_one(&mut *connection).await?;
        Ok(epoch == self.epoch)
    }

    /// Joins settled neighbours of `stretches` (all of this journal, in order) up to [`STRETCH_EVENTS_MAX`] events.
    ///
    /// The joined stretch has a generation above those of its parts, so that its token is new.
    ///
    /// # Errors
    /// [`ProjectError::Database`].
    pub(super) async fn join_settled(
        &self,
        connection: &mut PgConnection,
        stretches: &[Stretch],
    ) -> Result<(), ProjectError> {
        for (joined, parts) in joinable(stretches) {
            let mut transaction = connection.begin().await?;
            let removed = sqlx::query(
                "WITH still AS (SELECT epoch FROM ingest_epoch WHERE epoch = $4 FOR SHARE) \
                 DELETE FROM ingest_batches USING still \
                 WHERE target = $1 AND from_position >= $2 AND to_position <= $3 AND sent",
            )
            .bind(name_of(self.target))
            .bind(joined.from)
            .bind(joined.to)
            .bind(self.epoch)
            .execute(&mut *transaction)
            .await?;
            if removed.rows_affected() != parts {
                transaction.rollback().await?;
                continue;
            }
            sqlx::query(
                "INSERT INTO ingest_batches (target, from_position, to_position, generation, row_counts, row_checksums, \
                 sent) VALUES ($1, $2, $3, $4, $5, $6, true)",
            )
            .bind(name_of(self.target))
            .bind(joined.from)
            .bind(joined.to)
            .bind(joined.generation)
            .bind(counts(&joined.rows))
            .bind(sums(&joined.rows))
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Forgets every stretch of this set of tables: they are empty.
    ///
    /// # Errors
    /// [`ProjectError::Database`].
    pub(super) async fn clear(&self, connection: &mut PgConnection) -> Result<(), ProjectError> {
        sqlx::query("DELETE FROM ingest_batches WHERE target = $1")
            .bind(name_of(self.target))
            .execute(&mut *connection)
            .await?;
        Ok(())
    }

    /// Makes the journal of the next set that of the live one, inside the transaction on `connection`. The checkpoint is
    /// emptied with it: it may be about another log.
    ///
    /// # Errors
    /// [`ProjectError::Database`].
    pub(super) async fn swap(&self, connection: &mut PgConnection) -> Result<(), ProjectError> {
        sqlx::query("UPDATE ingest_epoch SET epoch = epoch + 1, log_id = $1")
            .bind(self.log_id.as_uuid())
            .execute(&mut *connection)
            .await?;
        sqlx::query("DELETE FROM checkpoint").execute(&mut *connection).await?;
        sqlx::query("DELETE FROM ingest_batches WHERE target = 'live'").execute(&mut *connection).await?;
        sqlx::query("UPDATE ingest_batches SET target = 'live' WHERE target = 'next'")
            .execute(&mut *connection)
            .await?;
        Ok(())
    }
}

/// Runs of at least two settled neighbours that fit into one stretch, each with the number of its parts.
fn joinable(stretches: &[Stretch]) -> Vec<(Stretch, u64)> {
    let mut runs: Vec<(Stretch, u64)> = Vec::new();
    let mut open = false;
    for stretch in stretches {
        match runs.last_mut() {
            Some((run, parts))
                if open && stretch.sent && stretch.to.saturating_sub(run.from) <= STRETCH_EVENTS_MAX =>
            {
                run.to = stretch.to;
                run.rows = run.rows.and(stretch.rows);
                run.generation = run.generation.max(stretch.generation.saturating_add(1)).max(2);
                *parts = parts.saturating_add(1);
            }
            Some(_) | None => {
                open = stretch.sent;
                runs.push((*stretch, 1));
            }
        }
    }
    runs.retain(|(_, parts)| *parts > 1);
    runs
}

const fn written(rows: u64) -> Written {
    if rows == 1 { Written::Yes } else { Written::Moved }
}

/// PostgreSQL knows signed numbers alone.
fn counts(rows: &Checksums) -> Vec<i64> {
    rows.0.iter().map(|one| one.rows.cast_signed()).collect()
}

fn sums(rows: &Checksums) -> Vec<i64> {
    rows.0.iter().map(|one| one.sum.cast_signed()).collect()
}

#[derive(sqlx::FromRow)]
struct Columns {
    from_position: i64,
    to_position: i64,
    row_counts: Vec<i64>,
    row_checksums: Vec<i64>,
    generation: i32,
    sent: bool,
}

impl TryFrom<Columns> for Stretch {
    type Error = ProjectError;

    fn try_from(columns: Columns) -> Result<Self, ProjectError> {
        let pairs = columns.row_counts.iter().zip(&columns.row_checksums);
        let checksums =
            pairs.map(|(rows, sum)| Checksum { rows: rows.cast_unsigned(), sum: sum.cast_unsigned() });
        let checksums: Vec<Checksum> = checksums.collect();
        let rows = checksums.try_into().map_err(|_| {
            let what = "the journal of analytics is about other tables";
            ProjectError::Setup(format!("{what}: run `projectors rebuild analytics`"))
        })?;
        Ok(Self {
            from: columns.from_position,
            to: columns.to_position,
            rows: Checksums(rows),
            generation: columns.generation,
            sent: columns.sent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::checksum::AUDITED;
    use super::*;

    fn stretch(from: Position, to: Position, sent: bool) -> Stretch {
        let one = Checksum { rows: 1, sum: 7 };
        let rows = Checksums([one; AUDITED.len()]);
        Stretch { from, to, rows, generation: 1, sent }
    }

    #[test]
    fn settled_neighbours_join_under_a_new_token_and_never_grow_past_the_bound() {
        let log_id = LogId::from_uuid(Uuid::nil());
        let parts = [
            stretch(0, 15_000, true),
            stretch(15_000, 15_010, true),
            stretch(15_010, 25_000, true),
            stretch(25_000, 25_001, true),
            stretch(25_001, 25_002, false),
            stretch(25_002, 25_003, true),
        ];
        let runs = joinable(&parts);
        let bounds: Vec<_> = runs.iter().map(|(run, parts)| (run.from, run.to, *parts)).collect();
        assert_eq!(bounds, [(0, 15_010, 2), (15_010, 25_001, 2)]);
        assert_eq!(runs[0].0.rows, Checksums([Checksum { rows: 2, sum: 14 }; AUDITED.len()]));
        assert_ne!(runs[0].0.token(log_id), Stretch { generation: 1, ..runs[0].0 }.token(log_id));
    }
}
