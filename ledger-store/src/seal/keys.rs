//! The keys that checkpoints are signed with: their public halves, and when each is in force.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use signed_note::key_id;
use sqlx::PgExecutor;

use crate::error::StoreError;

/// Ed25519, as signed notes count algorithms.
const ED25519: u8 = 1;

/// A key's public half. Of several that are in force at a moment the one that began last signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealKey {
    /// Its name, the origin of the log.
    pub name: String,
    /// An Ed25519 public key.
    pub public_key: [u8; 32],
    /// From when it signs.
    pub valid_from: DateTime<Utc>,
    /// Until when, that moment not included; `None`: until another one signs.
    pub valid_until: Option<DateTime<Utc>>,
}

impl SealKey {
    /// Its number in signature lines, which follows from its name and itself.
    #[must_use]
    pub fn id(&self) -> u32 {
        key_id(&self.name, &self.encoded())
    }

    /// `name+hash+base64`, as verifiers of signed notes take it.
    #[must_use]
    pub fn verifier(&self) -> String {
        format!("{}+{:08x}+{}", self.name, self.id(), BASE64_STANDARD.encode(self.encoded()))
    }

    fn encoded(&self) -> [u8; 33] {
        let mut bytes = [ED25519; 33];
        let (_, key) = bytes.split_at_mut(1);
        key.copy_from_slice(&self.public_key);
        bytes
    }

    fn is_in_force(&self, at: DateTime<Utc>) -> bool {
        self.valid_from <= at && self.valid_until.is_none_or(|until| at < until)
    }

    /// The key of `keys` that signs at the moment `at`.
    #[must_use]
    pub fn signing(keys: &[Self], at: DateTime<Utc>) -> Option<&Self> {
        keys.iter().filter(|key| key.is_in_force(at)).max_by_key(|key| key.valid_from)
    }

    /// Lists the key, for ever.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when another key begins at the same moment.
    pub async fn list(&self, db: impl PgExecutor<'_>) -> Result<(), StoreError> {
        let insert = "INSERT INTO ledger.seal_key (key_name, key_id, public_key, valid_from, valid_until) \
                      VALUES ($1, $2, $3, $4, $5)";
        sqlx::query(insert)
            .bind(&self.name)
            .bind(self.id().to_be_bytes().as_slice())
            .bind(self.public_key.as_slice())
            .bind(self.valid_from)
            .bind(self.valid_until)
            .execute(db)
            .await?;
        Ok(())
    }
}

type Columns = (String, Vec<u8>, Vec<u8>, DateTime<Utc>, Option<DateTime<Utc>>);

/// Every key that is or was, oldest first.
///
/// # Errors
/// [`StoreError::Database`]; [`StoreError::Refused`] for a key that is not what its number says.
pub async fn keys(db: impl PgExecutor<'_>) -> Result<Vec<SealKey>, StoreError> {
    let select = "SELECT key_name, key_id, public_key, valid_from, valid_until FROM ledger.seal_key ORDER BY valid_from";
    let rows: Vec<Columns> = sqlx::query_as(select).fetch_all(db).await?;
    rows.into_iter().map(listed).collect()
}

fn listed((name, id, public_key, valid_from, valid_until): Columns) -> Result<SealKey, StoreError> {
    let wrong =
        || StoreError::Refused(format!("the listed key {} is not the one of that number", hex::encode(&id)));
    let public_key = public_key.try_into().map_err(|_| wrong())?;
    let key = SealKey { name, public_key, valid_from, valid_until };
    if key.id().to_be_bytes().as_slice() == id.as_slice() { Ok(key) } else { Err(wrong()) }
}
