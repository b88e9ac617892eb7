//! Checkpoints in the database, and what may be built upon: the newest one, when it is signed and the tree is its own.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use tlog_tiles::tlog::Hash;

use super::frontier::Frontier;
use super::tree::{Roots, Tree, edge};
use super::{keys, note};
use crate::error::StoreError;
use crate::log;

/// A checkpoint as it is stored. Its columns beside the note are for looking it up; what counts is the note.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Checkpoint {
    /// The number of leaves, which is the position of the last.
    pub tree_size: i64,
    /// The root of the tree.
    pub root: Vec<u8>,
    /// The number of the key, as in the signature line.
    pub key_id: Vec<u8>,
    /// The signed note.
    pub signed_note: String,
    /// When it was signed.
    pub sealed_at: DateTime<Utc>,
}

impl Checkpoint {
    /// The tree that it speaks of. What the columns say; the signature is looked at by [`sealed`].
    #[must_use]
    pub fn tree(&self) -> Option<Tree> {
        let root = <[u8; 32]>::try_from(self.root.as_slice()).ok()?;
        Some(Tree { size: u64::try_from(self.tree_size).ok()?, root: Hash(root) })
    }

    /// Stores it, for ever.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when one that large is stored already.
    pub async fn store(&self, db: impl PgExecutor<'_>) -> Result<(), StoreError> {
        let insert = "INSERT INTO ledger.checkpoint (tree_size, root, key_id, signed_note, sealed_at) \
                      VALUES ($1, $2, $3, $4, $5)";
        sqlx::query(insert)
            .bind(self.tree_size)
            .bind(&self.root)
            .bind(&self.key_id)
            .bind(&self.signed_note)
            .bind(self.sealed_at)
            .execute(db)
            .await?;
        Ok(())
    }
}

/// The newest checkpoint; `None` before the first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn newest(db: impl PgExecutor<'_>) -> Result<Option<Checkpoint>, StoreError> {
    let select = "SELECT tree_size, root, key_id, signed_note, sealed_at FROM ledger.checkpoint \
                  ORDER BY tree_size DESC LIMIT 1";
    Ok(sqlx::query_as(select).fetch_optional(db).await?)
}

/// The smallest checkpoint of at least `tree_size` leaves; `None` before there is one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn at_least(db: impl PgExecutor<'_>, tree_size: i64) -> Result<Option<Checkpoint>, StoreError> {
    let select = "SELECT tree_size, root, key_id, signed_note, sealed_at FROM ledger.checkpoint \
                  WHERE tree_size >= $1 ORDER BY tree_size LIMIT 1";
    Ok(sqlx::query_as(select).bind(tree_size).fetch_optional(db).await?)
}

/// What is sealed, when it holds together.
#[derive(Debug)]
pub struct Sealed {
    /// The newest checkpoint; `None` before the first.
    pub newest: Option<Checkpoint>,
    /// The right edge of its tree.
    pub edge: Frontier,
}

/// The newest checkpoint and the edge of its tree, after both were looked at: the note is of this log, signed with the
/// key that was in force, and says what stands beside it; the log is as long as that, and the tree as it is stored has
/// this root. Reads tiles and the last 255 leaf hashes, however long the log is. Design L9.
///
/// # Errors
/// [`StoreError::Refused`] when one of these is not so; [`StoreError::Database`].
pub async fn sealed(db: &mut PgConnection, roots: &Roots) -> Result<Sealed, StoreError> {
    let Some(newest) = newest(&mut *db).await? else {
        return Ok(Sealed { newest: None, edge: Frontier::default() });
    };
    let size = newest.tree_size;
    let refused = |what: String| StoreError::Refused(format!("the checkpoint of {size} events: {what}"));
    let origin = note::origin(log::log_id(&mut *db).await?);
    let keys = keys::keys(&mut *db).await?;
    let (signed_size, signed_root) = note::verify(&newest.signed_note, &origin, &keys, newest.sealed_at)
        .map_err(|not_signed| refused(not_signed.to_string()))?;
    let signed = Tree { size: signed_size, root: signed_root };
    if newest.tree() != Some(signed) {
        return Err(refused("its note says something else than what stands beside it".to_owned()));
    }
    let head = log::head(&mut *db).await?;
    if size > head {
        return Err(refused(format!(
            "the log ends at position {head}, behind it: is this a restored backup?"
        )));
    }
    match edge(db, roots, signed).await {
        Ok(edge) => Ok(Sealed { newest: Some(newest), edge }),
        Err(StoreError::Unproven(what)) => Err(refused(what)),
        Err(error) => Err(error),
    }
}
