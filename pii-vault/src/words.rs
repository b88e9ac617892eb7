//! What partners say in words about what is no member's, such as the name of a chain and what its coupons say. It may name a
//! person all the same, so it is no text for the log; here it is sealed with a key of the installation, bound to its id.
//!
//! A text is kept before it is known whether the request does anything, and two with one key may keep the same one. So it
//! counts who keeps it: it goes with the last of those that did nothing, in whatever order they find that out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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

    /// Keeps texts for one request more; gives the ids that were new. One that is there stays as it is.
    ///
    /// # Errors
    /// [`VaultError`] of the database or the cipher.
    pub async fn keep(
        &self,
        texts: &[(ReasonId, &str)],
        access: &Access,
    ) -> Result<Vec<ReasonId>, VaultError> {
        let (ids, sealed) = self.sealed(texts)?;
        let mut transaction = self.pool.begin().await?;
        let kept: Vec<(Uuid, i32)> = sqlx::query_as(
            "INSERT INTO vault.words AS its (text_id, sealed, written_at)
             SELECT one.text_id, one.sealed, $3 FROM UNNEST($1::uuid[], $2::bytea[]) AS one (text_id, sealed)
             ON CONFLICT (text_id) DO UPDATE SET claims = its.claims + 1 RETURNING text_id, claims",
        )
        .bind(ids)
        .bind(sealed)
        .bind(access.at)
        .fetch_all(&mut *transaction)
        .await?;
        access::record(&mut transaction, access, Action::Write, &[Field::Words], &[(None, Outcome::Done)])
            .await?;
        transaction.commit().await?;
        let new = kept.into_iter().filter(|(_, claims)| *claims == 1);
        Ok(new.map(|(id, _)| ReasonId::from_uuid(id)).collect())
    }

    /// Each id once, in one order for everybody: two that keep the same texts never wait for each other in a circle.
    fn sealed(&self, texts: &[(ReasonId, &str)]) -> Result<(Vec<Uuid>, Vec<Vec<u8>>), VaultError> {
        let texts: BTreeMap<Uuid, &str> = texts.iter().map(|(id, text)| (id.as_uuid(), *text)).collect();
        let seal = |(id, text): (&Uuid, &&str)| {
            cipher::seal(&self.seal, &context(ReasonId::from_uuid(*id)), text.as_bytes())
        };
        let sealed = texts.iter().map(seal).collect::<Result<_, _>>()?;
        Ok((texts.into_keys().collect(), sealed))
    }

    /// One request keeps texts no more, since it did nothing; those that none keeps go.
    ///
    /// # Errors
    /// [`VaultError`] of the database.
    pub async fn forget(&self, texts: &[ReasonId], access: &Access) -> Result<(), VaultError> {
        let ids: BTreeSet<Uuid> = texts.iter().map(ReasonId::as_uuid).collect();
        let ids: Vec<Uuid> = ids.into_iter().collect();
        let mut transaction = self.pool.begin().await?;
        // Locks them, in the order in which they are kept: whoever keeps one at the same time comes before, and is counted,
        // or after, and finds nothing.
        sqlx::query("SELECT FROM vault.words WHERE text_id = ANY($1) ORDER BY text_id FOR UPDATE")
            .bind(&ids)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("UPDATE vault.words SET claims = claims - 1 WHERE text_id = ANY($1)")
            .bind(&ids)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM vault.words WHERE text_id = ANY($1) AND claims = 0")
            .bind(&ids)
            .execute(&mut *transaction)
            .await?;
        access::record(&mut transaction, access, Action::Delete, &[Field::Words], &[(None, Outcome::Done)])
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Puts the words of the request that did something in the place of those that were there.
    ///
    /// # Errors
    /// [`VaultError`] of the database or the cipher.
    pub async fn put(&self, texts: &[(ReasonId, &str)], access: &Access) -> Result<(), VaultError> {
        let (ids, sealed) = self.sealed(texts)?;
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "UPDATE vault.words SET sealed = one.sealed, written_at = $3
             FROM UNNEST($1::uuid[], $2::bytea[]) AS one (text_id, sealed) WHERE vault.words.text_id = one.text_id",
        )
        .bind(ids)
        .bind(sealed)
        .bind(access.at)
        .execute(&mut *transaction)
        .await?;
        access::record(&mut transaction, access, Action::Write, &[Field::Words], &[(None, Outcome::Done)])
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
