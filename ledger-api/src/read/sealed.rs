//! What was sealed of the log, and proofs from it. Design L8.
//!
//! Nothing is taken from the tables on faith: the newest checkpoint's signature is looked at here, and the leaf and
//! each hash of a proof are held against its root. What does not hold together answers 503 and goes to the log, never out.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ledger_core::ids::MemberId;
use ledger_core::log::{Event, Position};
use ledger_core::time::Timestamp;
use ledger_store::StoreError;
use ledger_store::log::{StoredRow, log_id, read_after};
use ledger_store::seal::{self, Checkpoint, Hash, Inclusion, Roots, SealKey, Tree, WitnessKey, leaf_index};
use sqlx::PgPool;
use tokio::sync::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use crate::app::App;
use crate::dto;
use crate::problem::{ApiError, Cause};

/// How often the seal is looked at while somebody waits for it, by however many.
const LOOK: Duration = Duration::from_millis(100);

/// What requests share of the seal.
pub(crate) struct Sealed {
    /// Whose cosignatures are taken.
    pub(crate) witnesses: Vec<WitnessKey>,
    /// Roots of full tiles of the log's tree.
    roots: Roots,
    /// The newest checkpoint, and when it was looked at, by one of those who wait for all of them.
    seen: Mutex<Option<(Instant, Checkpoint)>>,
}

impl Sealed {
    /// Nothing is known yet.
    pub(crate) fn new(witnesses: Vec<WitnessKey>) -> Self {
        Self { witnesses, roots: Roots::default(), seen: Mutex::default() }
    }

    /// The newest checkpoint as it was at most [`LOOK`] ago; who comes while another looks waits for the answer.
    async fn recent(&self, log: &PgPool) -> Result<Option<Checkpoint>, StoreError> {
        let mut seen = self.seen.lock().await;
        if let Some((_, checkpoint)) = seen.as_ref().filter(|(when, _)| when.elapsed() < LOOK) {
            return Ok(Some(checkpoint.clone()));
        }
        let newest = seal::newest(log).await?;
        *seen = newest.clone().map(|checkpoint| (Instant::now(), checkpoint));
        Ok(newest)
    }
}

/// The newest checkpoint, its tree, and the keys of the log.
pub(crate) struct Newest {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) tree: Tree,
    keys: Vec<SealKey>,
}

/// The newest checkpoint once everything up to `wanted` is sealed; waits for that as reads wait for read models.
///
/// # Errors
/// [`ApiError::NotSealed`] when that takes too long; what the log's database says.
pub(crate) async fn newest(app: &App, wanted: Position) -> Result<Newest, ApiError> {
    let deadline = Instant::now() + app.read_wait;
    let mut newest = seal::newest(&app.log_pool).await?;
    let checkpoint = loop {
        if let Some(checkpoint) = newest.filter(|checkpoint| checkpoint.tree_size >= wanted) {
            break checkpoint;
        }
        if Instant::now() >= deadline {
            return Err(ApiError::NotSealed);
        }
        // What is sealed every second is not looked for more often by many: appends use this pool.
        tokio::time::sleep(LOOK).await;
        let recent = tokio::time::timeout_at(deadline + LOOK, app.sealed.recent(&app.log_pool)).await;
        newest = recent.map_err(|_| ApiError::NotSealed)??;
    };
    let (tree, keys) = verified(app, &checkpoint).await?;
    Ok(Newest { checkpoint, tree, keys })
}

/// The tree that `checkpoint` is signed for, and the keys of the log.
async fn verified(app: &App, checkpoint: &Checkpoint) -> Result<(Tree, Vec<SealKey>), StoreError> {
    let keys = seal::keys(&app.log_pool).await?;
    let origin = seal::origin(log_id(&app.log_pool).await?);
    let named = |what: &str| {
        StoreError::Unproven(format!("the checkpoint of {} events: {what}", checkpoint.tree_size))
    };
    let signed = seal::verify(&checkpoint.signed_note, &origin, &keys, checkpoint.sealed_at);
    let (size, root) = signed.map_err(|not_signed| named(&not_signed.to_string()))?;
    let tree = Tree { size, root };
    if checkpoint.tree() != Some(tree) {
        return Err(named("its note says something else than what stands beside it"));
    }
    Ok((tree, keys))
}

/// The newest checkpoint that a witness signed, verified; `None` before the first.
///
/// # Errors
/// What the log's database says.
pub(crate) async fn cosigned(app: &App) -> Result<Option<Checkpoint>, StoreError> {
    let Some(size) = seal::newest_cosigned(&app.log_pool).await? else { return Ok(None) };
    let checkpoint = of_just(app, size).await?;
    if let Some(checkpoint) = &checkpoint {
        verified(app, checkpoint).await?;
    }
    Ok(checkpoint)
}

/// The checkpoint of just `size` events.
///
/// # Errors
/// What the log's database says.
pub(crate) async fn of_just(app: &App, size: Position) -> Result<Option<Checkpoint>, StoreError> {
    Ok(seal::at_least(&app.log_pool, size).await?.filter(|checkpoint| checkpoint.tree_size == size))
}

/// The newest checkpoint for a question about trees of up to `size` events.
///
/// # Errors
/// [`ApiError::NotFound`] when the log is not that long; [`ApiError::NotSealed`] when it is, and not sealed that far yet.
pub(crate) async fn of_size(app: &App, size: Position) -> Result<Newest, ApiError> {
    if size > ledger_store::log::head(&app.log_pool).await? {
        return Err(ApiError::NotFound);
    }
    newest(app, size).await
}

impl Newest {
    /// That the event at `position` is among the first `size`.
    ///
    /// # Errors
    /// [`StoreError::Unproven`] as a failure of ours: what was asked was looked at before, so the row, its leaf hash or the
    /// tree is not what was sealed.
    pub(crate) async fn inclusion(
        &self,
        app: &App,
        position: Position,
        size: Position,
    ) -> Result<dto::InclusionProof, ApiError> {
        let (index, tree_size) = (leaf_index(position).ok_or(ApiError::NotFound)?, count(size)?);
        let row = row(app, position).await?;
        let leaf = leaf_of(&row)?;
        let mut db = app.log_pool.acquire().await.map_err(StoreError::from)?;
        let Inclusion { path, root } =
            self.tree.inclusion(&mut db, &app.sealed.roots, (index, leaf), tree_size).await?;
        drop(db);
        let signed = of_just(app, size).await?;
        Ok(dto::InclusionProof {
            position,
            index,
            tree_size,
            leaf_hash: row.leaf_hash,
            path: texts(&path),
            root: text(&root),
            checkpoint: signed.map(|signed| signed.signed_note),
        })
    }

    /// That the first `from` events were the beginning of the first `to`.
    ///
    /// # Errors
    /// As [`Newest::inclusion`].
    pub(crate) async fn consistency(
        &self,
        app: &App,
        from: Position,
        to: Position,
    ) -> Result<dto::ConsistencyProof, ApiError> {
        let (from, to) = (count(from)?, count(to)?);
        let mut db = app.log_pool.acquire().await.map_err(StoreError::from)?;
        let path = self.tree.consistency(&mut db, &app.sealed.roots, from, to).await?;
        let from_root = self.tree.root_at(&mut db, &app.sealed.roots, from).await?;
        let to_root = self.tree.root_at(&mut db, &app.sealed.roots, to).await?;
        Ok(dto::ConsistencyProof {
            from,
            to,
            from_root: text(&from_root),
            to_root: text(&to_root),
            path: texts(&path),
        })
    }

    /// All that proves `row`.
    ///
    /// # Errors
    /// As [`Newest::inclusion`].
    pub(crate) async fn receipt(
        &self,
        app: &App,
        row: &StoredRow,
    ) -> Result<dto::TransactionReceipt, ApiError> {
        let position = row.row.position;
        let index = leaf_index(position).ok_or(ApiError::NotFound)?;
        let leaf = leaf_of(row)?;
        let mut db = app.log_pool.acquire().await.map_err(StoreError::from)?;
        let proof = self.tree.inclusion(&mut db, &app.sealed.roots, (index, leaf), self.tree.size).await?;
        let path = texts(&proof.path);
        let checkpoint = self.checkpoint.signed_note.clone();
        let lines: String = path.iter().map(|hash| format!("{hash}\n")).collect();
        let proof = format!("c2sp.org/tlog-proof@v1\nindex {index}\n{lines}\n{checkpoint}");
        let keys = self.keys.iter().map(|key| dto::SealKey {
            verifier: key.verifier(),
            valid_from: Timestamp::new(key.valid_from),
            valid_until: key.valid_until.map(Timestamp::new),
        });
        Ok(dto::TransactionReceipt {
            position,
            index,
            tree_size: self.tree.size,
            event: canonical(row)?,
            leaf_hash: row.leaf_hash,
            path,
            checkpoint,
            proof,
            keys: keys.collect(),
        })
    }
}

/// Up to `limit` events from `from` on, as they are hashed.
///
/// # Errors
/// What the log's database says.
pub(crate) async fn events(app: &App, from: Position, limit: i64) -> Result<dto::AuditEvents, ApiError> {
    let rows = read_after(&app.log_pool, from.saturating_sub(1), limit).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|count| count == limit);
    let next_from = rows.last().filter(|_| full).map(|last| last.row.position.saturating_add(1));
    let item = |row: &StoredRow| {
        let event = canonical(row)?;
        Ok(dto::AuditEvent { position: row.row.position, event, leaf_hash: row.leaf_hash })
    };
    Ok(dto::AuditEvents { items: rows.iter().map(item).collect::<Result<_, ApiError>>()?, next_from })
}

/// The row at `position`.
///
/// # Errors
/// [`ApiError::NotFound`]; what the log's database says.
pub(crate) async fn row(app: &App, position: Position) -> Result<StoredRow, ApiError> {
    let rows = read_after(&app.log_pool, position.saturating_sub(1), 1).await?;
    rows.into_iter().find(|row| row.row.position == position).ok_or(ApiError::NotFound)
}

/// The first row of those at `places` that is on a stream of one of `accounts`: the log itself says whose it is. What moved
/// from one account to another is nobody's to show: it says all that the other had, and a merge may have been a mistake.
///
/// # Errors
/// [`ApiError::NotFound`]; what the log's database says.
pub(crate) async fn row_of(
    app: &App,
    accounts: &[MemberId],
    places: &[Position],
) -> Result<StoredRow, ApiError> {
    for place in places {
        let found = row(app, *place).await?;
        if accounts.iter().any(|account| account.as_uuid() == found.row.stream_id) {
            let moves_an_estate = match found.row.event() {
                Ok(Event::Member(event)) => event.estate().is_some(),
                Ok(_) => false,
                Err(source) => return Err(StoreError::Unreadable { position: *place, source }.into()),
            };
            return if moves_an_estate { Err(ApiError::NotFound) } else { Ok(found) };
        }
    }
    Err(ApiError::NotFound)
}

/// Where the purchase with this id was recorded, and where it was last revised, if it is now of one of `accounts`: a
/// revision may have made it hers (Rule D3), and then its first fact is on another's stream.
///
/// # Errors
/// What the read models' database says.
pub(crate) async fn purchase_of(
    app: &App,
    accounts: &[MemberId],
    id: Uuid,
) -> Result<Vec<Position>, ApiError> {
    let accounts: Vec<Uuid> = accounts.iter().map(|account| account.as_uuid()).collect();
    let query =
        "SELECT position, edited FROM directory.purchases WHERE purchase_id = $1 AND member_id = ANY($2)";
    let places: Option<(Position, Position)> =
        sqlx::query_as(query).bind(id).bind(accounts).fetch_optional(&app.read_pool).await?;
    // 0 when it was never revised.
    let places = places.into_iter().flat_map(|(first, revised)| [first, revised]);
    Ok(places.filter(|place| *place > 0).collect())
}

/// The leaf of `row`, hashed anew: what stands beside it is not taken on faith.
fn leaf_of(row: &StoredRow) -> Result<Hash, ApiError> {
    let leaf = row.row.leaf_hash().map_err(StoreError::from)?;
    if leaf != row.leaf_hash {
        let position = row.row.position;
        let what = format!("position {position} is not what its leaf hash says");
        return Err(StoreError::Unproven(what).into());
    }
    Ok(Hash(*leaf.as_bytes()))
}

fn canonical(row: &StoredRow) -> Result<String, ApiError> {
    let bytes = row.row.canonical_json().map_err(StoreError::from)?;
    String::from_utf8(bytes).map_err(|_| ApiError::Unavailable(Cause::Impossible("canonical JSON is UTF-8")))
}

fn count(size: Position) -> Result<u64, ApiError> {
    u64::try_from(size).map_err(|_| ApiError::NotFound)
}

fn text(hash: &Hash) -> String {
    BASE64_STANDARD.encode(hash.0)
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(text).collect()
}
