//! The log against what else there is of it: the tiles of its tree, what stands beside cosignatures, the balances of the read models.

use std::collections::HashMap;

use futures::TryStreamExt;
use sqlx::Connection;
use uuid::Uuid;

use super::{SNAPSHOT, block_on, connect, failed};
use crate::error::AuditError;
use crate::note::Signature;
use crate::replay::Sums;

/// How many differences are told.
const TOLD_MAX: i64 = 20;

/// Leaf hashes that stand otherwise in the sealed tiles: who hashed a row anew left its tile behind.
const TILES: &str = "SELECT e.position FROM ledger.tile t \
     CROSS JOIN LATERAL generate_series(0, 255) AS place (i) \
     JOIN ledger.events e ON e.position = t.index * 256 + place.i + 1 \
     WHERE t.level = 0 AND substring(t.hashes FROM place.i * 32 + 1 FOR 32) <> e.leaf_hash \
     ORDER BY e.position LIMIT $1";

/// The positions whose leaf hash is another than the sealed tile's, in the database at `address`.
///
/// # Errors
/// [`AuditError`] when the database is away.
pub fn tiles(address: &str) -> Result<Vec<u64>, AuditError> {
    block_on(async {
        let mut connection = connect(address).await?;
        let found: Vec<i64> =
            sqlx::query_scalar(TILES).bind(TOLD_MAX).fetch_all(&mut connection).await.map_err(failed)?;
        connection.close().await.map_err(failed)?;
        Ok(found.into_iter().filter_map(|position| u64::try_from(position).ok()).collect())
    })
}

/// How many cosignatures that are not what they should be are told.
const COSIGNATURES_TOLD_MAX: usize = 20;

/// The lines of witnesses, with what their columns say of them and whether their checkpoint is there.
const COSIGNATURES: &str = "SELECT said.tree_size, said.witness, encode(said.key_id, 'hex'), said.line, \
     extract(epoch FROM said.cosigned_at)::text, checkpoint.tree_size IS NOT NULL FROM ledger.cosignature said \
     LEFT JOIN ledger.checkpoint checkpoint ON checkpoint.tree_size = said.tree_size \
     ORDER BY said.tree_size, said.witness, said.key_id";

type Line = (i64, String, String, String, String, bool);

/// Cosignatures in the database at `address` that are not what stands beside them. Whether they are of their checkpoints is for
/// the audit, which has the witnesses' keys.
///
/// # Errors
/// [`AuditError`] when the database is away.
pub fn cosignatures(address: &str) -> Result<Vec<String>, AuditError> {
    block_on(async {
        let mut connection = connect(address).await?;
        let mut differences = Vec::new();
        let mut lines = sqlx::query_as::<_, Line>(COSIGNATURES).fetch(&mut connection);
        while let Some((size, witness, key_id, line, at, is_there)) =
            lines.try_next().await.map_err(failed)?
            && differences.len() < COSIGNATURES_TOLD_MAX
        {
            let signature = Signature::parse(&line);
            let is_its = signature.is_some_and(|line| {
                // The column holds whole seconds of a moment, which the database writes with six digits.
                let said = line.seen_at().map(|seconds| format!("{seconds}.000000"));
                line.name == witness && hex::encode(line.key_id) == key_id && said == Some(at)
            });
            if !(is_its && is_there) {
                differences.push(format!(
                    "the cosignature of `{witness}` kept for the checkpoint of {size} is another's, of another moment, or of no checkpoint"
                ));
            }
        }
        Ok(differences)
    })
}

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// Every member was compared; what differs.
    Done {
        /// How many members.
        members: usize,
        /// The differences.
        differences: Vec<String>,
    },
    /// The read models are at another position than the log that was audited.
    Elsewhere {
        /// The least that one has passed.
        passed: i64,
    },
}

const PASSED: &str = "SELECT COALESCE(min(passed), 0), COALESCE(max(position), 0) \
     FROM (SELECT passed FROM balances.checkpoint) AS passed, \
          (SELECT max(position) AS position FROM balances.member_balances) AS newest";
const BALANCES: &str = "SELECT member_id, available_kopecks, pending_kopecks, held_kopecks, debt_kopecks FROM balances.member_balances";

type Row = (Uuid, i64, i64, i64, i64);

/// Compares every member's `sums` with the read models at `address`, which must be at position `head`.
///
/// # Errors
/// [`AuditError`] when the database is away.
pub fn balances(address: &str, head: u64, mut sums: HashMap<Uuid, Sums>) -> Result<Compared, AuditError> {
    block_on(async {
        let mut connection = connect(address).await?;
        let mut snapshot = connection.begin().await.map_err(failed)?;
        sqlx::query(SNAPSHOT).execute(&mut *snapshot).await.map_err(failed)?;
        let (passed, newest): (i64, i64) =
            sqlx::query_as(PASSED).fetch_one(&mut *snapshot).await.map_err(failed)?;
        let head = i64::try_from(head).unwrap_or(i64::MAX);
        if passed < head || newest > head {
            return Ok(Compared::Elsewhere { passed: passed.max(newest) });
        }
        let (mut members, mut differences) = (0, Vec::new());
        let mut rows = sqlx::query_as::<_, Row>(BALANCES).fetch(&mut *snapshot);
        while let Some((member, available, pending, held, debt)) = rows.try_next().await.map_err(failed)? {
            let there = Sums { available, pending, held, debt };
            let log = sums.remove(&member).unwrap_or_default();
            if log != there {
                differences.push(format!("member {member}: the log says {log:?}, the read models {there:?}"));
            }
            members += 1;
        }
        // Who has nothing there must have nothing.
        for (member, log) in sums.into_iter().filter(|(_, sums)| *sums != Sums::default()) {
            differences.push(format!("member {member}: the log says {log:?}, the read models nothing"));
        }
        differences.sort_unstable();
        Ok(Compared::Done { members, differences })
    })
}
