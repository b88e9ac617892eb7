//! Giving answers, and telling an operator why one could not be given.

use super::Pending;
use super::batch::Batch;
use crate::error::{ExecuteError, StoreError};

/// Gives the answers of a batch whose truth is on the disk.
pub(super) fn answer(batch: Batch) {
    for decided in batch.decided {
        // A caller that has gone away finds out by its key.
        let _gone = decided.pending.answer.send(decided.answer);
    }
}

/// Answers that the ledger is unavailable: nothing is known to have been written.
pub(super) fn refuse(pending: impl IntoIterator<Item = Pending>) {
    for pending in pending {
        let _gone = pending.answer.send(Err(ExecuteError::Unavailable));
    }
}

pub(super) fn away(error: &StoreError) {
    metrics::counter!("append_failures_total").increment(1);
    tracing::warn!(error = error as &dyn std::error::Error, "an append failed");
}
