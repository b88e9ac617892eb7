//! The schemas of the read database: made where missing, recognised when they are of another version, owned by one.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use uuid::Uuid;

use super::Projection;
use super::owner::advisory_key;
use crate::error::ProjectError;

/// Which schema of a projection is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The one readers see.
    Live,
    /// The one a rebuild fills. Design J3.
    Next,
}

impl Target {
    /// The schema's name.
    #[must_use]
    pub fn schema(self, projection: &str) -> String {
        match self {
            Self::Live => projection.to_owned(),
            Self::Next => format!("{projection}_next"),
        }
    }
}

/// The checkpoint table of every projection.
pub(crate) const CHECKPOINT: &str = include_str!("../../../migrations/read/checkpoint.sql");
const SHARED: &str = include_str!("../../../migrations/read/projectors.sql");

/// Makes the schema `projectors` and its tables where they are missing.
///
/// # Errors
/// [`ProjectError::Database`].
pub async fn ensure_shared(pool: &PgPool) -> Result<(), ProjectError> {
    let mut transaction = pool.begin().await?;
    lock_for_tables(&mut transaction).await?;
    let there: bool = sqlx::query_scalar("SELECT to_regclass('projectors.reactor_status') IS NOT NULL")
        .fetch_one(&mut *transaction)
        .await?;
    if !there {
        sqlx::raw_sql("CREATE SCHEMA IF NOT EXISTS projectors").execute(&mut *transaction).await?;
        sqlx::raw_sql(SHARED).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// A connection that sees the tables of `projection` by their unqualified names, and gives up on a hanging statement.
///
/// # Errors
/// [`ProjectError::Database`].
pub async fn connect(pool: &PgPool, projection: &str, target: Target) -> Result<PgConnection, ProjectError> {
    let options: PgConnectOptions = (*pool.connect_options()).clone();
    let options = options
        .application_name(&format!("projectors/{projection}"))
        .options([("search_path", target.schema(projection).as_str()), ("statement_timeout", "60s")]);
    Ok(options.connect().await?)
}

/// A connection of its own to the read database, for the lock of the role `name`.
///
/// # Errors
/// [`ProjectError::Database`].
pub(crate) async fn connect_to_read(pool: &PgPool, name: &str) -> Result<PgConnection, ProjectError> {
    let options: PgConnectOptions = (*pool.connect_options()).clone();
    let options =
        options.application_name(&format!("projectors/{name}")).options([("statement_timeout", "30s")]);
    Ok(options.connect().await?)
}

/// Makes the schema and the tables of `projection` where they are missing.
///
/// # Errors
/// [`ProjectError::Setup`] when the tables there were made from another text: they need a rebuild.
pub(crate) async fn ensure(
    connection: &mut PgConnection,
    projection: &dyn Projection,
    target: Target,
) -> Result<(), ProjectError> {
    let schema = target.schema(projection.name());
    let version = version(projection);
    let mut transaction = connection.begin().await?;
    lock_for_tables(&mut transaction).await?;
    let found: Option<Option<String>> = sqlx::query_scalar(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = $1",
    )
    .bind(&schema)
    .fetch_optional(&mut *transaction)
    .await?;
    match found {
        Some(Some(found)) if found == version => {}
        Some(_) => {
            let name = projection.name();
            return Err(ProjectError::Setup(format!(
                "schema {schema} was made by another version of this program: run `projectors rebuild {name}`"
            )));
        }
        None => {
            // Schema names are this program's own constants.
            let create =
                format!("CREATE SCHEMA {schema}; COMMENT ON SCHEMA {schema} IS '{version}'; {CHECKPOINT}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut *transaction).await?;
            sqlx::raw_sql(projection.tables()).execute(&mut *transaction).await?;
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// Names the text that the tables are made from.
fn version(projection: &dyn Projection) -> String {
    let text = format!("{CHECKPOINT}{}", projection.tables());
    format!("tables {}", Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()))
}

/// Two processes that start together make tables one after the other.
pub(crate) async fn lock_for_tables(connection: &mut PgConnection) -> Result<(), ProjectError> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(advisory_key("projectors/tables"))
        .execute(connection)
        .await?;
    Ok(())
}
