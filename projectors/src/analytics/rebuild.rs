//! Fills fresh tables from the log beside the live ones, then exchanges them. Design J3, J6.
//!
//! Why it is right: fresh tables have no rows and no tokens, and what they get is a pure function of the log. Each exchange
//! is one step for readers. The journal follows in one transaction that raises the epoch; a sink that is in the middle of
//! an insert then finds its journal moved and begins anew. Whatever it wrote into a table that was exchanged meanwhile is
//! a row the log says too, so it collapses with the same row sent again.
//! A crash between the exchanges leaves tables and journal of different sets: the sink's next audit refills what is
//! missing, and the next rebuild begins from nothing.

use clickhouse::Client;
use sqlx::Connection;

use super::clinics::Clinics;
use super::journal::{Journal, Written};
use super::sender::Sender;
use super::sequence::Ready;
use super::sink::stretch_rows;
use super::warehouse::Warehouse;
use super::{NAME, schema};
use crate::engine::{self, Options, Target};
use crate::error::ProjectError;
use crate::source::Places;

/// Makes ClickHouse's tables anew and puts them in the place of the live ones; `told` hears (done, head) now and then.
/// Answers the position up to which they are complete; a running sink goes on from there by itself.
///
/// # Errors
/// [`ProjectError::Setup`] when another rebuild runs; what a server says. The live tables are untouched then.
pub async fn rebuild(
    options: &Options,
    clickhouse: &Client,
    mut told: impl FnMut(i64, i64),
) -> Result<i64, ProjectError> {
    engine::ensure_shared(&options.read).await?;
    let mut connection = engine::connect(&options.read, NAME, Target::Live).await?;
    if !engine::try_own(&mut connection, "projection/analytics_next").await? {
        return Err(ProjectError::Setup("another rebuild of analytics is running".to_owned()));
    }
    schema::ensure_journal(&mut connection).await?;
    schema::create(clickhouse, Target::Live).await?;
    schema::drop_next(clickhouse).await?;
    schema::create(clickhouse, Target::Next).await?;
    let log_id = options.log.log_id().await?;
    let journal = Journal::open(&mut connection, Target::Next, log_id).await?;
    journal.clear(&mut connection).await?;
    let mut sender = Sender {
        connection,
        journal,
        warehouse: Warehouse::new(clickhouse.clone(), Target::Next),
        log: options.log.clone(),
        clinics: Clinics::default(),
        places: Places::beginning(log_id, options.partitions),
        progress: None,
    };
    fill(&mut sender, &mut told).await?;
    sender.audit().await?;
    schema::exchange(clickhouse).await?;
    let passed = sender.places.passed();
    let mut transaction = sender.connection.begin().await?;
    sender.journal.swap(&mut transaction).await?;
    let beginning = Places::beginning(log_id, options.partitions);
    // Makes the checkpoint's lines anew.
    engine::load(&mut transaction, &beginning).await?;
    engine::store(&mut transaction, &sender.places).await?;
    transaction.commit().await?;
    schema::drop_next(clickhouse).await?;
    Ok(passed)
}

/// So close to the head a rebuild swaps: the live sink sends the rest, while a head that is written to runs away for ever.
const NEAR_ROWS: usize = 1_000;

/// Sends the whole log, up to a head that is near.
async fn fill(sender: &mut Sender, told: &mut impl FnMut(i64, i64)) -> Result<(), ProjectError> {
    loop {
        let passed = sender.places.passed();
        let limit = i64::try_from(stretch_rows()).unwrap_or(i64::MAX);
        let stored = sender.log.read_after(passed, limit).await?;
        let mut rows: Vec<Ready> = stored.into_iter().map(|stored| Ready { stored, offset: None }).collect();
        super::sequence::make_whole(&mut rows);
        if rows.is_empty() {
            return Ok(());
        }
        let near = rows.len() < NEAR_ROWS;
        if sender.send(&rows).await? == Written::Moved {
            return Err(ProjectError::Setup("another rebuild of analytics is running".to_owned()));
        }
        told(sender.places.passed(), sender.log.head().await?);
        if near {
            return Ok(());
        }
    }
}
