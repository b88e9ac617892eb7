//! The SMS that would have been sent, for the `dev` profile: whoever serves `GET /dev/outbox` reads them here. Text and
//! code are sealed all the same, so that a scan of the database finds nothing in the clear.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::codes::OtpCode;
use crate::cipher;
use crate::error::VaultError;
use crate::index::BlindIndexer;
use crate::keys::{KeyError, Secret};
use crate::phone::Phone;
use crate::random;

/// Newest messages kept in sight of one question.
const MESSAGES_MAX: i64 = 100;
const TABLE: &str = "auth.dev_outbox";

/// A message as it would have been sent.
#[derive(Clone, PartialEq, Eq)]
pub struct OutboxMessage {
    /// When, on the installation's clock.
    pub at: DateTime<Utc>,
    /// The whole text.
    pub text: String,
    /// The code in it.
    pub code: OtpCode,
}

impl std::fmt::Debug for OutboxMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutboxMessage").field("at", &self.at).finish_non_exhaustive()
    }
}

/// Messages of the `dev` profile. Cheap to clone.
#[derive(Clone)]
pub struct DevOutbox {
    pool: PgPool,
    index: Arc<BlindIndexer>,
    seal: [u8; 32],
}

impl DevOutbox {
    pub(crate) fn new(pool: PgPool, index: Arc<BlindIndexer>, seal: &Secret) -> Result<Self, KeyError> {
        let seal = seal.expose().try_into().map_err(|_| KeyError::NotOurs)?;
        Ok(Self { pool, index, seal })
    }

    /// Keeps a message instead of sending it.
    ///
    /// # Errors
    /// `Unavailable`, `Database`, [`VaultError::Keys`].
    pub async fn put(&self, phone: &Phone, message: &OutboxMessage) -> Result<(), VaultError> {
        let message_id = random::uuid()?;
        let plain = format!("{}{}", message.code.expose(), message.text);
        let sealed = cipher::seal(&self.seal, &context(message_id), plain.as_bytes())?;
        let index = self.index.phone(phone);
        sqlx::query!(
            "INSERT INTO auth.dev_outbox (message_id, phone_index, at, sealed) VALUES ($1, $2, $3, $4)",
            message_id,
            index.as_bytes(),
            message.at,
            sealed,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The newest 100 messages to a phone, newest last.
    ///
    /// # Errors
    /// `Unavailable`, `Database`, [`VaultError::CorruptRow`].
    pub async fn messages(&self, phone: &Phone) -> Result<Vec<OutboxMessage>, VaultError> {
        let index = self.index.phone(phone);
        let rows = sqlx::query!(
            "SELECT message_id, at, sealed FROM auth.dev_outbox WHERE phone_index = $1
             ORDER BY position DESC LIMIT $2",
            index.as_bytes(),
            MESSAGES_MAX,
        )
        .fetch_all(&self.pool)
        .await?;
        let corrupt = || VaultError::CorruptRow { table: TABLE };
        let open = |message_id, at, sealed: &[u8]| {
            let plain = cipher::open(&self.seal, &context(message_id), sealed).map_err(|_| corrupt())?;
            let plain = String::from_utf8(plain).map_err(|_| corrupt())?;
            let (code, text) = plain.split_at_checked(6).ok_or_else(corrupt)?;
            let code = OtpCode::parse(code).ok_or_else(corrupt)?;
            Ok(OutboxMessage { at, text: text.to_owned(), code })
        };
        rows.iter().rev().map(|row| open(row.message_id, row.at, &row.sealed)).collect()
    }
}

fn context(message_id: uuid::Uuid) -> Vec<u8> {
    [b"dev-outbox\0".as_slice(), message_id.as_bytes()].concat()
}
