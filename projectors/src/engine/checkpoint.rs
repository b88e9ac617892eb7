//! The checkpoint of a PostgreSQL read model, locked while a batch is applied. Design J1.

use ledger_core::ids::LogId;
use ledger_core::log::LeafHash;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::ProjectError;
use crate::source::{Place, Places};

#[derive(sqlx::FromRow)]
struct Line {
    log_id: Uuid,
    position: i64,
    leaf_hash: Option<Vec<u8>>,
    passed: i64,
    offset: Option<i64>,
    retired: bool,
}

const SELECT: &str = "SELECT log_id, position, leaf_hash, passed, \"offset\", retired FROM checkpoint \
     ORDER BY partition FOR UPDATE";

/// The places of the read model on `connection`, locked until its transaction ends; makes those of `beginning` when there
/// are none yet. `None` when a rebuild retired these tables while we waited for the lock: begin anew.
///
/// # Errors
/// [`ProjectError::Setup`] when the number of partitions changed; otherwise [`ProjectError::Database`].
pub async fn load(connection: &mut PgConnection, beginning: &Places) -> Result<Option<Places>, ProjectError> {
    let mut lines: Vec<Line> = sqlx::query_as(SELECT).fetch_all(&mut *connection).await?;
    if lines.is_empty() {
        sqlx::query(
            "INSERT INTO checkpoint (partition, log_id, position, passed) \
             SELECT partition, $1, 0, 0 FROM generate_series(0, $2 - 1) AS partition",
        )
        .bind(beginning.log_id().as_uuid())
        .bind(beginning.partitions())
        .execute(&mut *connection)
        .await?;
        lines = sqlx::query_as(SELECT).fetch_all(&mut *connection).await?;
    }
    if lines.iter().any(|line| line.retired) {
        return Ok(None);
    }
    let log_id = lines.first().map_or(beginning.log_id(), |line| LogId::from_uuid(line.log_id));
    let place = |line: Line| Place {
        position: line.position,
        leaf_hash: line.leaf_hash.and_then(|bytes| LeafHash::from_slice(&bytes).ok()),
        passed: line.passed,
        offset: line.offset,
    };
    let places = Places::new(log_id, lines.into_iter().map(place).collect());
    if places.partitions() != beginning.partitions() {
        return Err(ProjectError::Setup(format!(
            "kafka.partitions is {}, but this read model was made with {}: the number never changes",
            beginning.partitions(),
            places.partitions()
        )));
    }
    Ok(Some(places))
}

/// Stores `places`.
///
/// # Errors
/// [`ProjectError::Database`].
pub async fn store(connection: &mut PgConnection, places: &Places) -> Result<(), ProjectError> {
    let partitions: Vec<i32> = places.iter().map(|(partition, _)| partition).collect();
    let column = |of: fn(&Place) -> i64| places.iter().map(|(_, place)| of(place)).collect::<Vec<i64>>();
    let hashes: Vec<Option<&[u8]>> = places
        .iter()
        .map(|(_, place)| place.leaf_hash.as_ref().map(|hash| hash.as_bytes().as_slice()))
        .collect();
    let offsets: Vec<Option<i64>> = places.iter().map(|(_, place)| place.offset).collect();
    sqlx::query(
        "UPDATE checkpoint SET position = b.position, leaf_hash = b.leaf_hash, passed = b.passed, \"offset\" = b.at \
         FROM UNNEST($1::int[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[]) \
              AS b (partition, position, leaf_hash, passed, at) \
         WHERE checkpoint.partition = b.partition \
           AND (checkpoint.passed, checkpoint.\"offset\") IS DISTINCT FROM (b.passed, b.at)",
    )
    .bind(partitions)
    .bind(column(|place| place.position))
    .bind(hashes)
    .bind(column(|place| place.passed))
    .bind(offsets)
    .execute(connection)
    .await?;
    Ok(())
}
