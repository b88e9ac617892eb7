//! The reactors on the clock: what is due for a member, the daily review of statuses, and the coupons of offers. Design J5;
//! Rules B5, B8, S2, S3.
//!
#![doc = include_str!("settle.md")]
//!
//! Why it is right:
//! 1. A reactor decides nothing: it names members, and the command path decides on the log. A read model that is behind
//!    makes it look again, never wrong.
//! 2. The key of a command follows from what caused it (UUIDv5 of the lots that are due, or of member and day), so a
//!    crash or a second scheduler repeats a command and writes nothing twice.
//! 3. One process leads, by advisory lock.
//!
//! Bounds: [`MEMBERS_MAX`] members are looked up, and [`COMMANDS_AT_ONCE`] commands are on their way, at a time; of a day's
//! review and ranking, the ids of all whom it is about are in memory.

mod command;
mod due;
mod offers;
mod review;
mod status;
mod top;

use std::time::Duration;

use ledger_core::log::Position;
use ledger_ops::clock::Clock;
use ledger_ops::settings::Profile;
use ledger_store::published::Published;
use ledger_store::start::check_durable;
use ledger_store::{Ledger, LedgerOptions};
use sqlx::{Connection, PgConnection, PgPool};
use tokio::time::Instant;

use crate::engine::{Options, connect_to_read, ensure_shared, own};
use crate::error::ProjectError;
use crate::source::failure;
pub(crate) use command::request;
use due::Due;
use offers::Offers;
use review::Review;

/// Members looked up at once.
pub const MEMBERS_MAX: i64 = 500;
/// Commands on their way at once: half of what the ledger decides and commits together.
pub const COMMANDS_AT_ONCE: usize = 256;
const TICK_DEV: Duration = Duration::from_millis(25);
const TICK: Duration = Duration::from_secs(1);
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How long a read model may take to see what a reactor led to, before the reactor looks again all the same.
const SEES: Duration = Duration::from_secs(2);

/// The reactors of one installation.
pub struct Schedule {
    options: Options,
    clock: Clock,
    published: Published,
    tick: Duration,
}

/// What a reactor works with.
struct Hands<'a> {
    ledger: &'a Ledger,
    options: &'a Options,
    clock: &'a Clock,
}

/// How a look at the clock ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Nothing was left to do.
    Done,
    /// Something was done, or cannot be seen yet: look again at once.
    Again,
}

impl Schedule {
    /// The reactors on the log and read models of `options`, by `clock`; none of `published` may be ahead of the log.
    #[must_use]
    pub const fn new(options: Options, clock: Clock, published: Published, profile: Profile) -> Self {
        let tick = match profile {
            Profile::Dev => TICK_DEV,
            Profile::Production => TICK,
        };
        Self { options, clock, published, tick }
    }

    /// Works until the task is dropped; returns only for what trying again cannot help.
    pub async fn run(&self) -> ProjectError {
        let mut backoff = BACKOFF_MIN;
        loop {
            let began = Instant::now();
            let error = match self.lead().await {
                Ok(never) => match never {},
                Err(error) => error,
            };
            if !error.is_retryable() {
                return error;
            }
            tracing::warn!(%error, "the schedule tries again");
            if began.elapsed() > BACKOFF_MAX {
                backoff = BACKOFF_MIN;
            }
            tokio::time::sleep(backoff).await;
            backoff = backoff.saturating_mul(2).min(BACKOFF_MAX);
        }
    }

    async fn lead(&self) -> Result<std::convert::Infallible, ProjectError> {
        ensure_shared(&self.options.read).await?;
        let mut connection = self.take_over().await?;
        let log = self.options.log.pool().clone();
        // It appends: what the service refuses at its start, it refuses too (design L9).
        check_durable(&log).await.map_err(failure)?;
        let mut published = self.published.clone();
        published.ask().await.map_err(failure)?;
        let ledger =
            Ledger::open(log, LedgerOptions::default(), self.clock.clone()).await.map_err(failure)?;
        let hands = Hands { ledger: &ledger, options: &self.options, clock: &self.clock };
        let mut due = Due::default();
        let mut review = Review::load(&self.options.read).await?;
        tracing::info!("the schedule is at work");
        let work = async {
            loop {
                let looks = [due.look(&hands).await?, review.look(&hands).await?];
                // Also finds out whether the connection, and with it the lead, is still there.
                connection.ping().await?;
                if !looks.contains(&Look::Again) {
                    tokio::time::sleep(self.tick).await;
                }
            }
        };
        // An audience may be large: it keeps nobody waiting for what is due.
        let offers = Offers::default().work(&hands, self.tick);
        tokio::select! {
            never = work => never,
            never = offers => never,
            refused = published.watch() => Err(failure(refused)),
        }
    }

    /// Waits until no other process leads.
    async fn take_over(&self) -> Result<PgConnection, ProjectError> {
        let mut connection = connect_to_read(&self.options.read, "schedule").await?;
        own(&mut connection, "schedule").await?;
        Ok(connection)
    }
}

/// How far the read model `name` is; 0 before its first run.
async fn passed(read: &PgPool, name: &str) -> Result<Position, ProjectError> {
    let passed = sqlx::query_scalar("SELECT passed FROM projectors.progress WHERE name = $1");
    Ok(passed.bind(name).fetch_optional(read).await?.unwrap_or(0))
}

/// Waits, but not for ever, until the read model `name` has passed `position`; true when it has.
async fn wait_until_passed(read: &PgPool, name: &str, position: Position) -> Result<bool, ProjectError> {
    let until = Instant::now() + SEES;
    loop {
        if passed(read, name).await? >= position {
            return Ok(true);
        }
        if Instant::now() > until {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// True once the tables of the read model `name` are there: before its projector's first run they are not.
async fn is_made(read: &PgPool, table: &str) -> Result<bool, ProjectError> {
    let there = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL");
    Ok(there.bind(table).fetch_one(read).await?)
}
