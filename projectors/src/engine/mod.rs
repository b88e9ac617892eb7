//! Keeps a read model in PostgreSQL: rows and checkpoint in one transaction, one owner, retries, stops. Design J1, J4.
//!
//! A read model is a schema of the read database with the tables of `migrations/read/<name>.sql` and a `checkpoint`
//! table. One connection does everything for it: it holds the owner's advisory lock, so that whoever lost the connection
//! (and with it the lock) cannot commit any more. What a read model holds is said in its own folder.

mod checkpoint;
mod decode;
mod owner;
mod progress;
mod retry;
mod runner;
mod schema;

pub use checkpoint::{load, store};
pub use decode::{Decoded, Fact, decode};
pub(crate) use owner::{advisory_key, own, try_own};
pub use progress::{Progress, State};
pub(crate) use retry::follow_on;
pub(crate) use runner::Run;
pub use runner::{BATCH_EVENTS_MAX, Options, Projector};
pub(crate) use schema::{CHECKPOINT, connect_to_read, lock_for_tables};
pub use schema::{Target, connect, ensure_shared};

use std::convert::Infallible;

use futures::future::BoxFuture;
use sqlx::{PgConnection, PgPool};

use crate::error::ProjectError;

/// A read model: what its tables are and how events change them.
///
/// Safe to replay: nothing but the tables is touched, so a rebuild takes it as it is. (The reactor of chains, `react`, is
/// driven as one, too; what it does is done once by its commands' keys, and no rebuild knows it.)
pub trait Projection: Send + Sync {
    /// Its name; that of its schema too.
    fn name(&self) -> &'static str;

    /// Its tables, with unqualified names.
    fn tables(&self) -> &'static str;

    /// Applies the events of one batch, in order within each stream, inside the transaction on `connection`. One that moves
    /// what an account has to another, or back, is a batch of its own.
    ///
    /// # Errors
    /// [`ProjectError::Unapplicable`] for history that cannot hold, otherwise [`ProjectError::Database`].
    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        events: &'a [Decoded],
    ) -> BoxFuture<'a, Result<(), ProjectError>>;

    /// What goes on beside it while it follows the log; it ends with it. Nothing, unless said otherwise.
    fn beside(&self, _read: &PgPool) -> Option<BoxFuture<'static, Infallible>> {
        None
    }
}
