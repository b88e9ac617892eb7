//! How far a projection is in each partition, and what that says about the next delivery. Design J1, J8.

use ledger_core::ids::LogId;
use ledger_core::log::{LeafHash, Position};

use super::{Delivery, What};
use crate::error::ProjectError;

/// How far a projection is in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The last event applied; 0 before the first.
    pub position: Position,
    /// Its leaf hash; `None` before the first.
    pub leaf_hash: Option<LeafHash>,
    /// The partition is complete up to here, by events and watermarks: never below `position`.
    pub passed: Position,
    /// The offset of the last record taken from the topic: a hint for where to read on, never trusted.
    pub offset: Option<i64>,
}

/// What to do with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next one.
    Apply,
    /// It was applied before.
    Seen,
    /// Events before it, up to and including its `prev`, are missing.
    Gap,
}

impl Place {
    /// Judges `delivery` by this place.
    ///
    /// # Errors
    /// [`ProjectError::Fork`] when it belongs to another history.
    pub fn judge(&self, delivery: &Delivery) -> Result<Verdict, ProjectError> {
        if delivery.prev > self.position {
            return Ok(Verdict::Gap);
        }
        if matches!(delivery.what, What::Watermark) {
            if delivery.prev < self.position && delivery.position >= self.position {
                return Err(fork(delivery, format!("it leaves out {}", self.position)));
            }
            return Ok(if delivery.position > self.passed { Verdict::Apply } else { Verdict::Seen });
        }
        if delivery.position > self.position {
            if delivery.prev < self.position {
                return Err(fork(delivery, format!("it follows {}, not {}", delivery.prev, self.position)));
            }
            if delivery.position <= self.passed {
                return Err(fork(delivery, format!("the partition was complete up to {}", self.passed)));
            }
            return Ok(Verdict::Apply);
        }
        match &delivery.what {
            What::Row { leaf_hash, .. }
                if delivery.position == self.position
                    && self.leaf_hash.is_some_and(|own| own != *leaf_hash) =>
            {
                Err(fork(delivery, "the same position has another leaf hash".to_owned()))
            }
            What::Row { .. } | What::Watermark | What::Unreadable { .. } => Ok(Verdict::Seen),
        }
    }

    /// Moves on over an applied delivery.
    pub fn advance(&mut self, delivery: &Delivery) {
        if let What::Row { leaf_hash, .. } = &delivery.what {
            self.position = delivery.position;
            self.leaf_hash = Some(*leaf_hash);
        }
        self.passed = self.passed.max(delivery.position);
        self.offset = delivery.offset.or(self.offset);
    }
}

fn fork(delivery: &Delivery, reason: String) -> ProjectError {
    ProjectError::Fork { partition: delivery.partition, position: delivery.position, reason }
}

/// How far a projection is, in every partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    log_id: LogId,
    by_partition: Vec<Place>,
}

impl Places {
    /// Before the first event of the log `log_id`, which is spread over `partitions`.
    #[must_use]
    pub fn beginning(log_id: LogId, partitions: i32) -> Self {
        let count = usize::try_from(partitions.max(1)).unwrap_or(1);
        Self { log_id, by_partition: vec![Place::default(); count] }
    }

    /// These places, by partition from 0.
    #[must_use]
    pub const fn new(log_id: LogId, by_partition: Vec<Place>) -> Self {
        Self { log_id, by_partition }
    }

    /// Complete up to `position` in every partition, without a hash or offset to compare: for a sink that knows only
    /// one number. `last` gives the last event's position of each partition at or below `position`.
    #[must_use]
    pub fn at(log_id: LogId, position: Position, last: &[Position]) -> Self {
        let place =
            |last: &Position| Place { position: *last, leaf_hash: None, passed: position, offset: None };
        Self { log_id, by_partition: last.iter().map(place).collect() }
    }

    /// The log they are about.
    #[must_use]
    pub const fn log_id(&self) -> LogId {
        self.log_id
    }

    /// The number of partitions.
    #[must_use]
    pub fn partitions(&self) -> i32 {
        i32::try_from(self.by_partition.len()).unwrap_or(i32::MAX)
    }

    /// The place in `partition`; `None` when there is no such partition.
    #[must_use]
    pub fn get(&self, partition: i32) -> Option<&Place> {
        usize::try_from(partition).ok().and_then(|index| self.by_partition.get(index))
    }

    /// The place in `partition`, to move on.
    ///
    /// # Errors
    /// [`ProjectError::Setup`] when there is no such partition.
    pub fn get_mut(&mut self, partition: i32) -> Result<&mut Place, ProjectError> {
        let count = self.by_partition.len();
        usize::try_from(partition).ok().and_then(|index| self.by_partition.get_mut(index)).ok_or_else(|| {
            ProjectError::Setup(format!("partition {partition} came in, but kafka.partitions is {count}"))
        })
    }

    /// Every place with its partition.
    pub fn iter(&self) -> impl Iterator<Item = (i32, &Place)> {
        (0_i32..).zip(&self.by_partition)
    }

    /// Every partition is complete up to here: "passed N" of design J8.
    #[must_use]
    pub fn passed(&self) -> Position {
        self.by_partition.iter().map(|place| place.passed).min().unwrap_or(0)
    }

    /// Every partition but this one is complete up to here.
    #[must_use]
    pub fn passed_but(&self, partition: i32) -> Position {
        let others = self.iter().filter(|(other, _)| *other != partition);
        others.map(|(_, place)| place.passed).min().unwrap_or(Position::MAX)
    }

    /// The newest event applied in any partition.
    #[must_use]
    pub fn newest(&self) -> Position {
        self.by_partition.iter().map(|place| place.position).max().unwrap_or(0)
    }

    /// The furthest any partition has passed.
    #[must_use]
    pub fn furthest(&self) -> Position {
        self.by_partition.iter().map(|place| place.passed).max().unwrap_or(0)
    }
}
