//! Two cores: one reads, hashes and parses, the other follows the chain and folds.
//!
//! Bounds: [`BATCHES_MAX`] batches of at most [`BATCH_EVENTS`] events or [`BATCH_BYTES`] of lines are under way at a time.

use std::sync::mpsc::sync_channel;
use std::thread;

use super::line::{Checked, check};
use crate::bundle::Lines;
use crate::error::AuditError;

const BATCHES_MAX: usize = 8;
const BATCH_EVENTS: usize = 512;
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Where events come from, in the form of the lines of a bundle.
pub trait Events: Send {
    /// As [`Lines::read`].
    ///
    /// # Errors
    /// [`AuditError`].
    fn read(&mut self, line: &mut Vec<u8>) -> Result<Option<bool>, AuditError>;
}

impl Events for Lines {
    fn read(&mut self, line: &mut Vec<u8>) -> Result<Option<bool>, AuditError> {
        Self::read(self, line)
    }
}

/// Checks every line of `events` on a thread of its own and shows it to `each` on this one, in order.
///
/// # Errors
/// [`AuditError`] of the source.
pub fn run(events: &mut dyn Events, decode: bool, each: &mut dyn FnMut(Checked)) -> Result<(), AuditError> {
    let (sender, receiver) = sync_channel::<Vec<Checked>>(BATCHES_MAX);
    thread::scope(|scope| {
        let reader = scope.spawn(move || -> Result<(), AuditError> {
            let mut line = Vec::new();
            loop {
                let (mut batch, mut bytes) = (Vec::with_capacity(BATCH_EVENTS), 0);
                while batch.len() < BATCH_EVENTS && bytes < BATCH_BYTES {
                    let Some(whole) = events.read(&mut line)? else { break };
                    bytes += line.len();
                    batch.push(check(&line, whole, decode));
                }
                let is_end = batch.is_empty();
                // Nobody listens any more only when the other side has failed.
                if is_end || sender.send(batch).is_err() {
                    return Ok(());
                }
            }
        });
        for batch in receiver {
            batch.into_iter().for_each(&mut *each);
        }
        reader.join().map_err(|_| AuditError::Input("the thread that reads has failed".to_owned()))?
    })
}
