//! A member as she was, and as she was known: folded from the log itself. Rule T1.

use std::sync::Arc;

use ledger_core::context::Registry;
use ledger_core::ids::MemberId;
use ledger_core::log::{Position, Row};
use ledger_core::member::MemberState;
use ledger_core::member::hindsight::Hindsight;
use ledger_core::time::Timestamp;
use ledger_store::log::{StoredRow, read_registry, read_stream};

use crate::call::Call;
use crate::problem::{ApiError, Cause};

/// What is seen from a moment.
pub(crate) struct Past {
    /// The moment she is looked at.
    pub(crate) moment: Timestamp,
    /// Her.
    pub(crate) state: MemberState,
    /// Policies and businesses as they were known.
    pub(crate) registry: Arc<Registry>,
    /// Up to where the log was read.
    pub(crate) position: Position,
}

/// Looks at `member` through `hindsight`.
///
/// # Errors
/// [`ApiError::ReadModelBehind`] for a position the log has not reached; what the log's database says.
pub(crate) async fn look(call: &Call, member: MemberId, hindsight: Hindsight) -> Result<Past, ApiError> {
    let position = super::registry(call).await?;
    let rows = read_stream(&call.app.log_pool, member.as_uuid(), 0).await?;
    let rows: Vec<Row> =
        rows.into_iter().map(|stored| stored.row).filter(|row| row.position <= position).collect();
    let unreadable = |error| {
        tracing::error!(%error, "a member's history cannot be looked back on");
        ApiError::HistoryUnreadable
    };
    // A long history takes its time: not that of the calls beside this one.
    let folded = tokio::task::spawn_blocking(move || hindsight.state(&rows)).await;
    let state = folded.map_err(|_| ApiError::Unavailable(Cause::Impossible("a fold that did not end")))?;
    let state = state.map_err(unreadable)?;
    let registry = match hindsight.known_at {
        Some(known_at) => known(read_registry(&call.app.log_pool, position).await?, known_at)?,
        None => call.app.ledger.registry(),
    };
    Ok(Past { moment: hindsight.moment(call.now()), state, registry, position })
}

/// Policies and businesses as the log knew them at `known_at`; before its first fact, that one alone: policy 1 is in force
/// from the beginning of time (Rule P1).
fn known(rows: Vec<StoredRow>, known_at: Timestamp) -> Result<Arc<Registry>, ApiError> {
    let unreadable = || ApiError::Unavailable(Cause::Impossible("a registry that does not hold"));
    let mut registry = Registry::default();
    for StoredRow { row, .. } in rows {
        if row.position == 1 || row.recorded_at <= known_at {
            let event = row.event().map_err(|_| unreadable())?;
            registry.apply(row.stream_id, &event).map_err(|_| unreadable())?;
        }
    }
    Ok(Arc::new(registry))
}
