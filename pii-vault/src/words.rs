//! What partners say in words about what is no member's, such as the name of a chain and what its coupons say. It may name a
//! person all the same, so it is no text for the log; here it is sealed with a key of the installation, bound to its id.

use std::collections::HashMap;

use ledger_core::ids::ReasonId;
use sqlx::PgPool;
use uuid::Uuid;

use crate::access::{self, Access, Action, Outcome};
use crate::cipher::{self, Field};
use crate::error::VaultError;
use crate::keys::{KeyError, Secret};

const TABLE: &str = "vault.words";

/// Texts by their ids. Cheap to clone.
#[derive(Clone)]
pub struct Words {
    pool: PgPool,
    seal: [u8; 32],
}

impl Words {
    pub(crate) fn new(pool: PgPool, seal: &Secret) -> Result<Self, KeyError> {
        let seal = seal.expose().try_into().map_err(|_| KeyError::NotOurs)?;
        Ok(Self { pool, seal })
    }

    /// Keeps texts; gives the ids that were new. One that is there stays as it is.
    ///
    /// # Errors
    /// [`VaultError`] of the database or the cipher.
    pub async fn keep(
        &self,
        texts: &[(ReasonId, &str)],
        access: &Access,
    ) -> Result<Vec<ReasonId>, VaultError> {
        let ids: Vec<Uuid> = texts.iter().map(|(id, _)| id.as_uuid()).collect();
        let seal = |(id, text): &(ReasonId, &str)| cipher::seal(&self.seal, &context(*id), text.as_bytes());
        let sealed: Vec<Vec<u8>> = texts.iter().map(seal).collect::<Result<_, _>>()?;
        let mut transaction = self.pool.begin().await?;
        let new: Vec<Uuid> = sqlx::query_scalar(
            "INSERT INTO vault.words (text_id, sealed, written_at)
             SELECT one.text_id, one.sealed, $3 FROM UNNEST($1::uuid[], $2::bytea[]) AS one (text_id, sealed)
             ON CONFLICT (text_id) DO NOTHING RETURNING text_id",
        )
        .bind(ids)
        .bind(sealed)
        .bind(access.at)
        .fetch_all(&mut *transaction)
        .await?;
        access::record(&mut transaction, access, Action::Write, &[Field::Words], &[(None, Outcome::Done)])
            .await?;
        transaction.commit().await?;
        Ok(new.into_iter().map(ReasonId::from_uuid).collect())
    }

    /// Removes texts of what was not done.
    ///
    /// # Errors
    /// [`VaultError`] of the database.
    pub async fn forget(&self, texts: &[ReasonId], access: &Access) -> Result<(), VaultError> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("DELETE FROM vault.words WHERE text_id = ANY($1)")
            .bind(texts.iter().map(ReasonId::as_uuid).collect::<Vec<Uuid>>())
            .execute(&mut *transaction)
            .await?;
        access::record(&mut transaction, access, Action::Delete, &[Field::Words], &[(None, Outcome::Done)])
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The texts that are there.
    ///
    /// # Errors
    /// [`VaultError::CorruptRow`] when one does not open.
    pub async fn texts(
        &self,
        texts: &[ReasonId],
        access: &Access,
    ) -> Result<HashMap<ReasonId, String>, VaultError> {
        if texts.is_empty() {
            return Ok(HashMap::new());
        }
        let mut transaction = self.pool.begin().await?;
        let rows: Vec<(Uuid, Vec<u8>)> =
            sqlx::query_as("SELECT text_id, sealed FROM vault.words WHERE text_id = ANY($1)")
                .bind(texts.iter().map(ReasonId::as_uuid).collect::<Vec<Uuid>>())
                .fetch_all(&mut *transaction)
                .await?;
        let open = |(id, sealed): (Uuid, Vec<u8>)| {
            let id = ReasonId::from_uuid(id);
            let plain = cipher::open(&self.seal, &context(id), &sealed).ok();
            let text = plain.and_then(|plain| String::from_utf8(plain).ok());
            Ok((id, text.ok_or(VaultError::CorruptRow { table: TABLE })?))
        };
        let opened = rows.into_iter().map(open).collect::<Result<HashMap<_, _>, VaultError>>()?;
        access::record(&mut transaction, access, Action::Read, &[Field::Words], &[(None, Outcome::Done)])
            .await?;
        transaction.commit().await?;
        Ok(opened)
    }
}

fn context(id: ReasonId) -> Vec<u8> {
    [b"words\0".as_slice(), id.as_uuid().as_bytes()].concat()
}
