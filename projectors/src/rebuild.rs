//! Builds a read model anew beside the live one, then puts it in its place. Design J3.
//!
//! Why it is right:
//! 1. The new tables are filled by the same engine and the same code, from the log itself, in their own schema.
//! 2. The swap holds the live checkpoint's lock, under which no projector commits; in that time the new tables catch up
//!    with it, and both schemas are renamed in that one transaction. Readers see the one or the other.
//! 3. The old checkpoint is marked as retired in the same transaction: a projector that waited for its lock sees that and
//!    begins again, by name, from the checkpoint of the new tables.
//!
//! Bounds: the lock is held for [`CLOSE_ENOUGH`] events or fewer. A broken-off rebuild leaves `<name>_next`, which the next
//! one drops.

use std::sync::Arc;
use std::time::Duration;

use ledger_core::log::Position;
use sqlx::{Connection, PgConnection};
use tokio::time::Instant;

use crate::engine::{Options, Projection, Projector, Run, Target, connect, ensure_shared, load, try_own};
use crate::error::ProjectError;
use crate::source::{LogSource, Places, Source};

/// Deliveries of one transaction: larger than live ones, nobody waits for the rows.
const BATCH_EVENTS_MAX: usize = 20_000;
/// So near to the head, the swap begins.
pub const CLOSE_ENOUGH: Position = 2_000;
const SAY_EVERY: Duration = Duration::from_secs(2);

/// Rebuilds `projection` and puts it in the live one's place.
///
/// # Errors
/// [`ProjectError::Setup`] when another rebuild of it is running; otherwise what stopped it. The live one stays as it is.
pub async fn rebuild(projection: Box<dyn Projection>, options: Options) -> Result<(), ProjectError> {
    let name = projection.name();
    ensure_shared(&options.read).await?;
    let mut keeper = connect(&options.read, name, Target::Live).await?;
    only_one(&mut keeper, name).await?;
    drop_schema(&mut keeper, &Target::Next.schema(name)).await?;
    let log = options.log.clone();
    let open = Arc::new(move || Ok(Box::new(LogSource::new(log.clone())) as Box<dyn Source>));
    let projector = Projector::new(projection, options.clone(), open).into_next();
    let mut run = projector.take_over().await?;
    let began = Instant::now();
    let mut said = began;
    loop {
        let head = options.log.head().await?;
        let passed = run.passed();
        if head.saturating_sub(passed) <= CLOSE_ENOUGH {
            break;
        }
        projector.step(&mut run, BATCH_EVENTS_MAX, Duration::ZERO).await?;
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            say(name, run.passed(), head, began);
        }
    }
    swap(&projector, &mut run, &mut keeper, &options, name).await?;
    say(name, run.passed(), run.passed(), began);
    tracing::info!(projection = name, seconds = began.elapsed().as_secs(), "rebuilt and in place");
    // A reader may still be inside the old tables: they go when it is done.
    drop_schema(&mut keeper, &format!("{name}_old")).await
}

fn say(name: &str, passed: Position, head: Position, began: Instant) {
    let percent = passed.saturating_mul(100).checked_div(head).unwrap_or(100);
    let millis = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX).max(1);
    let per_second = passed.saturating_mul(1000).checked_div(millis).unwrap_or(0);
    tracing::info!(projection = name, passed, head, percent, per_second, "rebuilding");
}

async fn only_one(keeper: &mut PgConnection, name: &str) -> Result<(), ProjectError> {
    if try_own(keeper, &format!("rebuild/{name}")).await? {
        return Ok(());
    }
    Err(ProjectError::Setup(format!("another process is rebuilding {name}")))
}

async fn drop_schema(connection: &mut PgConnection, schema: &str) -> Result<(), ProjectError> {
    // Schema names are this program's own constants.
    let statement = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}

/// Locks the live checkpoint, catches up with it, renames.
async fn swap(
    projector: &Projector,
    run: &mut Run,
    keeper: &mut PgConnection,
    options: &Options,
    name: &str,
) -> Result<(), ProjectError> {
    let mut transaction = keeper.begin().await?;
    let live = format!("{name}.checkpoint");
    let is_there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(&live)
        .fetch_one(&mut *transaction)
        .await?;
    let beginning = Places::beginning(options.log.log_id().await?, options.partitions);
    let goal = if is_there {
        // A live model of another log or shape is no goal; it is replaced all the same.
        load(&mut transaction, &beginning).await.ok().flatten().map_or(0, |places| places.furthest())
    } else {
        0
    };
    let goal = goal.min(options.log.head().await?);
    while run.passed() < goal {
        projector.step(run, BATCH_EVENTS_MAX, Duration::ZERO).await?;
    }
    if is_there {
        sqlx::query("UPDATE checkpoint SET retired = true").execute(&mut *transaction).await?;
        let rename = format!("ALTER SCHEMA {name} RENAME TO {name}_old");
        let drop_older = format!("DROP SCHEMA IF EXISTS {name}_old CASCADE");
        sqlx::raw_sql(sqlx::AssertSqlSafe(drop_older)).execute(&mut *transaction).await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(rename)).execute(&mut *transaction).await?;
    }
    let rename = format!("ALTER SCHEMA {name}_next RENAME TO {name}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(rename)).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}
