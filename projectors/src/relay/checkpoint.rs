//! What the broker has acknowledged: `ledger.relay_checkpoint`, one row per partition.

use ledger_core::log::Position;
use sqlx::PgConnection;

use super::flight::Landed;
use crate::error::ProjectError;

/// The last acknowledged record of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    /// The last event's position; 0 for none.
    position: Position,
    /// The last record's offset; -1 for none.
    offset: i64,
}

/// What the broker has acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checkpoint {
    lines: Vec<Line>,
    log_position: Position,
}

impl Checkpoint {
    /// Nothing yet.
    pub(super) fn beginning(partitions: i32) -> Self {
        let count = usize::try_from(partitions.max(1)).unwrap_or(1);
        Self { lines: vec![Line { position: 0, offset: -1 }; count], log_position: 0 }
    }

    /// The stored one, or the beginning.
    pub(super) async fn load(connection: &mut PgConnection, partitions: i32) -> Result<Self, ProjectError> {
        let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
            "SELECT last_position, last_offset, log_position FROM ledger.relay_checkpoint ORDER BY partition",
        )
        .fetch_all(connection)
        .await?;
        if rows.is_empty() {
            return Ok(Self::beginning(partitions));
        }
        if i32::try_from(rows.len()).ok() != Some(partitions) {
            return Err(ProjectError::Setup(format!(
                "kafka.partitions is {partitions}, but the relay has worked with {}: the number never changes",
                rows.len()
            )));
        }
        let log_position = rows.iter().map(|(_, _, log_position)| *log_position).min().unwrap_or(0);
        let lines = rows.into_iter().map(|(position, offset, _)| Line { position, offset }).collect();
        Ok(Self { lines, log_position })
    }

    /// Up to where the log is in the topic.
    pub(super) const fn log_position(&self) -> Position {
        self.log_position
    }

    /// The last event of every partition.
    pub(super) fn last_positions(&self) -> impl Iterator<Item = Position> {
        self.lines.iter().map(|line| line.position)
    }

    /// True when a partition that ends at `ends` lacks what was acknowledged.
    pub(super) fn is_beyond(&self, ends: &[i64]) -> bool {
        self.lines.iter().zip(ends).any(|(line, end)| line.offset >= *end)
    }

    /// True when a record landed where another one was acknowledged before: the topic was made anew in between.
    pub(super) fn is_overwritten_by(&self, landed: &[Landed]) -> bool {
        landed
            .iter()
            .any(|record| self.lines.get(record.partition).is_some_and(|line| record.offset <= line.offset))
    }

    /// Moves on over acknowledged records, up to `log_position`.
    pub(super) fn advance(&mut self, log_position: Position, landed: &[Landed]) {
        self.log_position = log_position;
        for record in landed {
            if let Some(line) = self.lines.get_mut(record.partition) {
                line.offset = line.offset.max(record.offset);
                line.position = line.position.max(record.event.unwrap_or(0));
            }
        }
    }

    /// Stores it.
    pub(super) async fn store(&self, connection: &mut PgConnection) -> Result<(), ProjectError> {
        sqlx::query(
            "INSERT INTO ledger.relay_checkpoint AS c (partition, last_position, last_offset, log_position) \
             SELECT (number - 1)::int, position, \"offset\", $3 \
             FROM UNNEST($1::bigint[], $2::bigint[]) WITH ORDINALITY AS b (position, \"offset\", number) \
             ON CONFLICT (partition) DO UPDATE SET last_position = excluded.last_position, \
                last_offset = excluded.last_offset, log_position = excluded.log_position",
        )
        .bind(self.lines.iter().map(|line| line.position).collect::<Vec<i64>>())
        .bind(self.lines.iter().map(|line| line.offset).collect::<Vec<i64>>())
        .bind(self.log_position)
        .execute(connection)
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_shorter_than_the_checkpoint_is_noticed() {
        let mut checkpoint = Checkpoint::beginning(2);
        assert!(!checkpoint.is_beyond(&[0, 0]));
        checkpoint.advance(7, &[Landed { partition: 1, offset: 4, event: Some(7) }]);
        assert!(!checkpoint.is_beyond(&[0, 5]));
        assert!(checkpoint.is_beyond(&[0, 4]));
        assert!(checkpoint.is_overwritten_by(&[Landed { partition: 1, offset: 4, event: Some(8) }]));
        assert!(!checkpoint.is_overwritten_by(&[Landed { partition: 1, offset: 5, event: Some(8) }]));
        assert_eq!(checkpoint.last_positions().collect::<Vec<_>>(), [0, 7]);
    }
}
