//! What ClickHouse holds: the questions are `ledger_warehouse`'s, which an audit asks, too.

use std::collections::{BTreeMap, HashMap};

use clickhouse::Client;
use ledger_core::log::Position;
use ledger_warehouse::{Held, Purchases, facts, held};
use uuid::Uuid;

use crate::analytics::clickhouse_failed;
use crate::error::ProjectError;

/// Purchases by member and business.
pub(super) type Facts = HashMap<Uuid, BTreeMap<Uuid, Purchases>>;

/// Asks ClickHouse what it holds up to `until`.
///
/// # Errors
/// [`ProjectError::Sink`] when it is away.
pub(super) async fn asked(client: &Client, until: Position) -> Result<(Facts, Held), ProjectError> {
    let failed = || clickhouse_failed("asking what it holds");
    let mut all = Facts::new();
    let each = |member, business, sums| {
        all.entry(member).or_default().insert(business, sums);
    };
    facts(client, until, each).await.map_err(failed())?;
    let held = held(client, until).await.map_err(failed())?;
    Ok((all, held))
}
