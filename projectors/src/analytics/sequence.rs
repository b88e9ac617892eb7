//! Deliveries of all partitions, put into the one order of the log. Design J8.
//!
//! Why it is right: what a feed hands out is new and has no gaps within its partition, so when every partition has passed
//! N, every row up to N is here; the log has no gaps either (design L1), which is checked row by row.
//! Bounds: at most [`WAITING_ROWS_MAX`] rows wait for slower partitions. When one partition is that far behind, what is
//! due is read from the log instead, and its late deliveries are dropped here.

use std::collections::{BTreeMap, VecDeque};

use ledger_core::log::Position;

use crate::error::ProjectError;
use crate::source::{Delivery, LogReader, StoredRow, What};

/// The most rows that wait for slower partitions.
const WAITING_ROWS_MAX: usize = 100_000;

/// Rows read from the log at once when a partition is far behind.
const LOG_ROWS_MAX: i64 = 5_000;

/// A row and where its record lies in the topic, a hint for where to read on.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    /// The row.
    pub(super) stored: StoredRow,
    /// The offset in its partition of the topic, where it came from there.
    pub(super) offset: Option<i64>,
}

/// Rows in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    ready_until: Position,
    waiting: BTreeMap<Position, Result<Ready, String>>,
    ready: VecDeque<Ready>,
}

impl Sequence {
    /// Begins after `position`.
    #[must_use]
    pub(super) fn after(position: Position) -> Self {
        Self { ready_until: position, ..Self::default() }
    }

    /// Takes in what a feed handed out; every partition has passed `passed`.
    ///
    /// # Errors
    /// [`ProjectError::Unapplicable`] for a record nobody can read, once it is due (design J4), or a place that is missing.
    pub(super) fn take(&mut self, deliveries: Vec<Delivery>, passed: Position) -> Result<(), ProjectError> {
        for Delivery { position, what, offset, .. } in deliveries {
            let entry = match what {
                What::Row { row, leaf_hash } => {
                    Ok(Ready { stored: StoredRow { row: *row, leaf_hash }, offset })
                }
                What::Unreadable { reason } => Err(reason),
                What::Watermark => continue,
            };
            if position > self.ready_until {
                self.waiting.insert(position, entry);
            }
        }
        while let Some(entry) = self.waiting.first_entry() {
            if *entry.key() > passed {
                break;
            }
            let position = *entry.key();
            match entry.remove() {
                Ok(ready) => self.append(ready)?,
                Err(reason) => return Err(ProjectError::Unapplicable { position, reason }),
            }
        }
        if passed > self.ready_until {
            let reason = "every partition has passed it, and none brought it".to_owned();
            return Err(ProjectError::Unapplicable { position: self.ready_until.saturating_add(1), reason });
        }
        Ok(())
    }

    fn append(&mut self, ready: Ready) -> Result<(), ProjectError> {
        let expected = self.ready_until.saturating_add(1);
        if ready.stored.row.position != expected {
            let reason = format!("the next one is {}", ready.stored.row.position);
            return Err(ProjectError::Unapplicable { position: expected, reason });
        }
        self.ready_until = expected;
        self.ready.push_back(ready);
        Ok(())
    }

    /// When too much waits for a slow partition, takes what is due from the log.
    ///
    /// # Errors
    /// What [`LogReader::read_after`] says.
    pub(super) async fn relieve(&mut self, log: &LogReader) -> Result<(), ProjectError> {
        while self.waiting.len() > WAITING_ROWS_MAX {
            let rows = log.read_after(self.ready_until, LOG_ROWS_MAX).await?;
            if rows.is_empty() {
                break;
            }
            for stored in rows {
                self.append(Ready { stored, offset: None })?;
            }
            self.waiting = self.waiting.split_off(&self.ready_until.saturating_add(1));
        }
        Ok(())
    }

    /// How many rows are ready.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.ready.len()
    }

    /// True when no row is ready.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// Takes the first `count` ready rows (or all there are) for a stretch, fewer when they would not be whole.
    pub(super) fn stretch(&mut self, count: usize) -> Vec<Ready> {
        let mut rows: Vec<Ready> = self.ready.drain(..count.min(self.ready.len())).collect();
        for late in make_whole(&mut rows).into_iter().rev() {
            self.ready.push_front(late);
        }
        rows
    }
}

/// Takes off the end of `rows` what cannot end a stretch: a purchase whose accrual is yet to come.
pub(super) fn make_whole(rows: &mut Vec<Ready>) -> Vec<Ready> {
    let is_open = |ready: &Ready| ready.stored.row.event_type == "PurchaseRecorded";
    let whole = rows.len().saturating_sub(usize::from(rows.last().is_some_and(is_open)));
    rows.split_off(whole)
}

#[cfg(test)]
mod tests {
    use ledger_core::ids::EventId;
    use ledger_core::log::{LeafHash, Row, StreamType};
    use ledger_core::time::Timestamp;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn delivery(partition: i32, position: Position, event_type: &str) -> Delivery {
        let metadata = json!({
            "correlation_id": Uuid::nil(), "actor": { "kind": "system", "id": Uuid::nil() },
            "source": "test", "policy_version": 1, "rules_revision": 1, "idempotency_key": "00"
        });
        let row = Row {
            position,
            event_id: EventId::from_uuid(Uuid::nil()),
            stream_type: StreamType::Member,
            stream_id: Uuid::nil(),
            stream_version: 1,
            event_type: event_type.to_owned(),
            schema_version: 1,
            occurred_at: Timestamp::BEGINNING,
            recorded_at: Timestamp::BEGINNING,
            payload: json!({}),
            metadata: serde_json::from_value(metadata).expect("metadata"),
        };
        let leaf_hash = LeafHash::from_slice(&[0; 32]).expect("a hash");
        Delivery {
            partition,
            position,
            prev: 0,
            offset: None,
            what: What::Row { row: Box::new(row), leaf_hash },
        }
    }

    fn positions(rows: &[Ready]) -> Vec<Position> {
        rows.iter().map(|ready| ready.stored.row.position).collect()
    }

    #[test]
    fn design_j8_rows_come_in_the_order_of_the_log_once_every_partition_has_passed_them() {
        let mut sequence = Sequence::after(10);
        let first = [(0, 11), (0, 14), (1, 12)].map(|(part, at)| delivery(part, at, "MemberRegistered"));
        sequence.take(first.into(), 12).expect("in order");
        assert_eq!(positions(&sequence.stretch(100)), [11, 12]);
        // 13 belongs to the slow partition; what was handed out before comes again and is dropped.
        let second = [(2, 13), (0, 11)].map(|(part, at)| delivery(part, at, "MemberRegistered"));
        sequence.take(second.into(), 14).expect("in order");
        assert_eq!(positions(&sequence.stretch(1)), [13]);
        assert_eq!(positions(&sequence.stretch(100)), [14]);
    }

    #[test]
    fn a_stretch_never_ends_between_a_purchase_and_its_accrual() {
        let mut sequence = Sequence::after(0);
        let rows = [(1, "MemberRegistered"), (2, "PurchaseRecorded"), (3, "BonusAccrued")];
        sequence.take(rows.map(|(at, kind)| delivery(0, at, kind)).into(), 3).expect("in order");
        assert_eq!(positions(&sequence.stretch(2)), [1]);
        assert_eq!(positions(&sequence.stretch(2)), [2, 3]);
    }

    #[test]
    fn design_j4_a_place_nobody_brought_and_a_record_nobody_can_read_stop_the_sink() {
        let mut missing = Sequence::after(0);
        let rows = vec![delivery(0, 2, "MemberRegistered")];
        assert!(matches!(missing.take(rows, 2), Err(ProjectError::Unapplicable { position: 1, .. })));

        let mut unreadable = Sequence::after(0);
        let what = What::Unreadable { reason: "no JSON".to_owned() };
        let rows = vec![Delivery { partition: 0, position: 1, prev: 0, offset: None, what }];
        assert!(matches!(unreadable.take(rows, 1), Err(ProjectError::Unapplicable { position: 1, .. })));
    }
}
