//! Where projections get their records from: Kafka, or the log itself, behind one trait. Design J1, J2, J8.
//!
//! A [`Source`] hands out [`Delivery`]s at least once and, within a partition, in order; it may repeat or miss. A
//! [`Feed`] stands between a source and a projection: it judges every delivery by the projection's own [`Places`], drops
//! what was seen, refills a gap from the log, and stops at a fork. What a feed hands out can be applied as it comes.

mod envelope;
mod feed;
mod kafka;
mod log;
mod log_reader;
mod place;

pub use envelope::{Envelope, WATERMARK, Watermark};
pub use feed::Feed;
pub use kafka::{KafkaSource, consumer_settings};
pub use log::LogSource;
pub(crate) use log_reader::failure;
pub use log_reader::{LogReader, StoredRow};
pub use place::{Place, Places, Verdict};

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use ledger_core::log::{LeafHash, Position, Row};

use crate::error::ProjectError;

/// One record of one partition.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The partition, from 0.
    pub partition: i32,
    /// The event's place on the log; for a watermark, the place up to which this partition is complete.
    pub position: Position,
    /// The place of the event before it in this partition; 0 when there is none.
    pub prev: Position,
    /// Its offset in the topic; `None` when it comes from the log itself.
    pub offset: Option<i64>,
    /// What it is.
    pub what: What,
}

/// What a delivery carries.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// An event.
    Row {
        /// The row of the log.
        row: Box<Row>,
        /// Its leaf hash. Design L7.
        leaf_hash: LeafHash,
    },
    /// Nothing but the word that the partition is complete up to `position`. Design J8.
    Watermark,
    /// A record that is no event and no watermark this program can read: the projection stops here (design J4).
    Unreadable {
        /// Why, without its content.
        reason: String,
    },
}

/// Opens a source anew, for every start of a feed and whenever one stands still.
pub type OpenSource = Arc<dyn Fn() -> Result<Box<dyn Source>, ProjectError> + Send + Sync>;

/// Gives deliveries of all partitions.
pub trait Source: Send {
    /// Begins, or begins again, behind `places`. What was seen may come once more.
    fn start<'a>(&'a mut self, places: &'a Places) -> BoxFuture<'a, Result<(), ProjectError>>;

    /// The next deliveries: at most `max`, in order within each partition. Returns as soon as there is one, and empty
    /// after `wait` without any.
    fn next(&mut self, max: usize, wait: Duration) -> BoxFuture<'_, Result<Vec<Delivery>, ProjectError>>;
}
