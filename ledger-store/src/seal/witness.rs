//! What witnesses say of checkpoints. C2SP tlog-cosignature.
//!
//! A witness signs what it saw after a proof that the log only grew to it. Lines of witnesses that an installation knows are
//! kept beside the checkpoint, for ever, and are shown with it; the log's own signature does not depend on them.

use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use ed25519_dalek::{Signature as Ed25519, VerifyingKey};
use signed_note::{Note, Signature, is_key_name_valid, key_id};
use sqlx::{PgExecutor, Row};

use super::checkpoint::Checkpoint;
use crate::error::StoreError;

/// A witness's Ed25519 key, as signed notes count algorithms.
const COSIGNATURE_V1: u8 = 4;

/// The longest name of a witness, in characters: the table of cosignatures takes no longer one.
const NAME_MAX: usize = 255;

/// The key of a witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    id: u32,
    key: VerifyingKey,
}

/// A text that is no key of a witness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a witness's key, `name+id+base64` as `ledger-audit witness-key` prints it")]
pub struct NoWitnessKey;

impl FromStr for WitnessKey {
    type Err = NoWitnessKey;

    fn from_str(line: &str) -> Result<Self, NoWitnessKey> {
        let mut parts = line.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoWitnessKey);
        };
        let encoded = BASE64_STANDARD.decode(encoded).map_err(|_| NoWitnessKey)?;
        let Some((&COSIGNATURE_V1, bytes)) = encoded.split_first() else { return Err(NoWitnessKey) };
        let bytes = bytes.try_into().map_err(|_| NoWitnessKey)?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| NoWitnessKey)?;
        let own = Self { name: name.to_owned(), id: key_id(name, &encoded), key };
        let is_name = is_key_name_valid(name) && name.chars().count() <= NAME_MAX;
        let is_it = is_name && format!("{:08x}", own.id) == id;
        is_it.then_some(own).ok_or(NoWitnessKey)
    }
}

/// A line that a witness of this installation signed, and of which checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// The checkpoint's number of leaves.
    pub tree_size: i64,
    /// Who signed.
    pub witness: String,
    /// The number of the key.
    pub key_id: u32,
    /// When, by the witness's clock.
    pub at: DateTime<Utc>,
    /// The line of the signed note, without its end.
    pub line: String,
}

impl Cosignature {
    /// What `line` says, if it is a signature of one of `witnesses` under what `checkpoint` says.
    #[must_use]
    pub fn of(line: &str, checkpoint: &Checkpoint, witnesses: &[WitnessKey]) -> Option<Self> {
        let signature = Signature::from_bytes(line.as_bytes()).ok()?;
        let note = Note::from_bytes(checkpoint.signed_note.as_bytes()).ok()?;
        let is_by = |key: &&WitnessKey| key.name == signature.name() && key.id == signature.id();
        let witness = witnesses.iter().find(is_by)?;
        let (seconds, signed) = signature.signature().split_first_chunk::<8>()?;
        let seconds = i64::from_be_bytes(*seconds);
        let mut text = format!("cosignature/v1\ntime {seconds}\n").into_bytes();
        text.extend(note.text());
        witness.key.verify_strict(&text, &Ed25519::from_slice(signed).ok()?).ok()?;
        Some(Self {
            tree_size: checkpoint.tree_size,
            witness: witness.name.clone(),
            key_id: witness.id,
            at: DateTime::from_timestamp(seconds, 0)?,
            line: String::from_utf8(signature.to_bytes()).ok()?.trim_end().to_owned(),
        })
    }

    /// Keeps it, for ever; false when that witness's line for this checkpoint is kept already, whatever its time.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn keep(&self, db: impl PgExecutor<'_>) -> Result<bool, StoreError> {
        let insert = "INSERT INTO ledger.cosignature (tree_size, witness, key_id, line, cosigned_at) \
                      VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        let kept = sqlx::query(insert)
            .bind(self.tree_size)
            .bind(&self.witness)
            .bind(self.key_id.to_be_bytes().as_slice())
            .bind(&self.line)
            .bind(self.at)
            .execute(db)
            .await?;
        Ok(kept.rows_affected() > 0)
    }
}

/// The lines kept for the checkpoint of `tree_size` leaves, by name.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn cosignatures(db: impl PgExecutor<'_>, tree_size: i64) -> Result<Vec<String>, StoreError> {
    let select = "SELECT line FROM ledger.cosignature WHERE tree_size = $1 ORDER BY witness, key_id";
    let rows = sqlx::query(select).bind(tree_size).fetch_all(db).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The size of the newest checkpoint that a witness signed; `None` before the first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn newest_cosigned(db: impl PgExecutor<'_>) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar("SELECT max(tree_size) FROM ledger.cosignature").fetch_one(db).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Go's `golang.org/x/mod/sumdb/note` keys' form: name, number, algorithm 4 and 32 bytes.
    const NEUMANN: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn a_log_s_key_is_no_witness_s_and_a_number_belongs_to_its_bytes() {
        let (name, _) = NEUMANN.split_once('+').expect("a name");
        let mut bytes = BASE64_STANDARD.decode(NEUMANN.rsplit('+').next().expect("a key")).expect("base64");
        assert_eq!(NEUMANN.parse::<WitnessKey>(), Err(NoWitnessKey), "algorithm 1");
        bytes[0] = COSIGNATURE_V1;
        let encoded = BASE64_STANDARD.encode(&bytes);
        let line = |name: &str| format!("{name}+{:08x}+{encoded}", key_id(name, &bytes));
        assert_eq!(line(name).parse::<WitnessKey>().expect("a key").name, name);
        assert!(line(&"w".repeat(NAME_MAX)).parse::<WitnessKey>().is_ok());
        for wrong in [
            format!("{name}+c74f20a3+{encoded}"),
            format!("other+{:08x}+{encoded}", key_id(name, &bytes)),
            line("two words"),
            line(&"w".repeat(NAME_MAX + 1)),
            format!("{}x", line(name)),
            String::new(),
            "a+b".to_owned(),
        ] {
            assert_eq!(wrong.parse::<WitnessKey>(), Err(NoWitnessKey), "{wrong}");
        }
    }
}
