//! Folds the log into what each member has: posted balances, live lots, open holds. Rules B5, B6, R1, F3, M1.
//!
//! Why it is right:
//! 1. Posted balances are sums of `ledger_core::postings`, the same function the audit sums over the whole log.
//! 2. A lot is inserted, changed or deleted once per batch, by what all its events together do to it. The number of rows
//!    touched is compared with the number meant, and no amount may fall below nothing: history that cannot hold stops the
//!    projection (design J4).
//! 3. A lot that is opened and used up in one batch is never written.
//!
//! Bounds: some statements per table, whatever the size of the batch. No balance column is indexed.

mod changes;
mod sql;

use futures::future::BoxFuture;
use sqlx::PgConnection;

use crate::engine::{Decoded, Projection};
use crate::error::ProjectError;
use changes::Changes;

/// The read model `balances`.
pub struct Balances;

impl Projection for Balances {
    fn name(&self) -> &'static str {
        "balances"
    }

    fn tables(&self) -> &'static str {
        include_str!("../../../migrations/read/balances.sql")
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        events: &'a [Decoded],
    ) -> BoxFuture<'a, Result<(), ProjectError>> {
        Box::pin(async move {
            let changes = Changes::of(events)?;
            sql::write_members(connection, &changes.members).await?;
            sql::write_lots(connection, &changes.lots, changes.newest).await?;
            sql::write_holds(connection, &changes.holds, changes.newest).await
        })
    }
}
