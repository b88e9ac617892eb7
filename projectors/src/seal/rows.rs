//! The log's rows as leaves: each is hashed anew from what it says. Design L7.

use futures::{StreamExt, TryStreamExt, stream};
use ledger_core::log::{LeafHash, Position};

use crate::error::ProjectError;
use crate::source::LogReader;

/// Rows read together.
const PAGE_ROWS: i64 = 2_000;
/// Pages that are read and hashed at the same time.
const PAGES: usize = 3;

/// The leaves after position `after`, up to and with `until`, which is no further than the head.
///
/// # Errors
/// [`ProjectError::Unsealable`] naming the first row that is missing, cannot be read, or is not what its leaf hash says;
/// [`ProjectError::Database`].
pub(super) async fn leaves(
    log: &LogReader,
    after: Position,
    until: Position,
) -> Result<Vec<LeafHash>, ProjectError> {
    let starts = std::iter::successors(Some(after), |start| Some(start.saturating_add(PAGE_ROWS)));
    let pages = starts.take_while(|start| *start < until).map(|start| {
        let (log, rows) = (log.clone(), until.saturating_sub(start).min(PAGE_ROWS));
        tokio::spawn(async move { page(&log, start, rows).await })
    });
    let ended = |error| ProjectError::Setup(format!("reading the log ended unexpectedly: {error}"));
    let pages: Vec<Vec<LeafHash>> =
        stream::iter(pages).buffered(PAGES).map(|page| page.map_err(ended)?).try_collect().await?;
    Ok(pages.concat())
}

/// The leaves of the `rows` rows after `after`.
async fn page(log: &LogReader, after: Position, rows: i64) -> Result<Vec<LeafHash>, ProjectError> {
    let read = match log.read_after(after, rows).await {
        Ok(read) => read,
        Err(ProjectError::Unapplicable { position, reason }) => {
            return Err(ProjectError::Unsealable { position, reason });
        }
        Err(error) if error.is_retryable() => return Err(error),
        Err(_) if rows > 1 => return one_by_one(log, after, rows).await,
        // A driver's text may quote the row.
        Err(_) => {
            let position = after.saturating_add(1);
            return Err(ProjectError::Unsealable { position, reason: "it cannot be read".to_owned() });
        }
    };
    let mut leaves = Vec::with_capacity(read.len());
    let mut position = after;
    for stored in &read {
        position = position.saturating_add(1);
        let unsealable = |reason: &str| ProjectError::Unsealable { position, reason: reason.to_owned() };
        let hash = stored.row.leaf_hash().map_err(|error| unsealable(&error.to_string()))?;
        if hash != stored.leaf_hash {
            return Err(unsealable("its leaf hash is not the hash of what it says"));
        }
        leaves.push(hash);
    }
    if i64::try_from(leaves.len()).is_ok_and(|count| count < rows) {
        let position = position.saturating_add(1);
        return Err(ProjectError::Unsealable { position, reason: "it is missing".to_owned() });
    }
    Ok(leaves)
}

/// The same, to find the row that cannot be read.
async fn one_by_one(log: &LogReader, after: Position, rows: i64) -> Result<Vec<LeafHash>, ProjectError> {
    let mut leaves = Vec::new();
    for start in after..after.saturating_add(rows) {
        leaves.extend(Box::pin(page(log, start, 1)).await?);
    }
    Ok(leaves)
}
