//! Members' personal data: registration, look-up, profile, and the `phone_hash` index of partners.
//!
//! A member comes into being in two databases, so in two steps that survive a crash between them:
//! [`Members::register`] makes (or finds again by phone) a *pending* row with the member's id, the caller appends
//! `MemberRegistered` to the log, then [`Members::settle`] makes the row *active*. Whoever retries finds the same
//! pending id and carries on; whoever looks up a purchase's member sees active rows alone. A crash after the append
//! leaves a pending row whose id the log knows: [`Members::pending_after`] lists them, for `settle` or `discard`.
//! Of several registrations of one phone at once the log takes one: whoever settles names it, and the profile is the one it
//! gave; each of the others ends with [`Members::withdraw`], which leaves no trace of it.

mod coupons;
mod look_up;
mod partners;
mod phone;
mod profile;
mod reasons;
mod register;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ledger_core::ids::MemberId;
use sqlx::{PgConnection, PgPool};

use crate::cipher::{self, Field, MemberCipher};
use crate::error::VaultError;
use crate::index::{BlindIndex, BlindIndexer};
use crate::keys::{KeyError, KeyProvider, Secret, WrappedKey};
use crate::phone::Phone;

pub use coupons::{CouponWords, draw_code};
pub use look_up::{LOOK_UPS_MAX, LookUp};
pub use partners::PartnerConsent;
pub(crate) use partners::phone_key_context;
pub use profile::{FieldChange, Profile, ProfileChanges};
pub use reasons::Remark;
pub use register::{Registered, Registration};

/// Members' personal data. Cheap to clone.
#[derive(Clone)]
pub struct Members {
    pool: PgPool,
    keys: Arc<dyn KeyProvider>,
    index: Arc<BlindIndexer>,
    look_ups: look_up::Batcher,
}

impl Members {
    pub(crate) fn new(pool: PgPool, keys: Arc<dyn KeyProvider>, index: Arc<BlindIndexer>) -> Self {
        let look_ups = look_up::Batcher::start(pool.clone());
        Self { pool, keys, index, look_ups }
    }

    /// The blind index of a phone, for [`LookUp::Phone`].
    pub fn index_of(&self, phone: &Phone) -> BlindIndex {
        self.index.phone(phone)
    }

    /// A fresh data key: the cipher, and its wrapped form for storage.
    async fn new_cipher(&self, member: MemberId) -> Result<(MemberCipher, WrappedKey), VaultError> {
        let (cipher, key) = MemberCipher::generate(member)?;
        let wrapped = self.keys.wrap(key.expose(), &cipher::member_key_context(member)).await?;
        Ok((cipher, wrapped))
    }

    async fn unwrap_cipher(&self, member: MemberId, wrapped: &WrappedKey) -> Result<MemberCipher, KeyError> {
        let key: Secret = self.keys.unwrap(wrapped, &cipher::member_key_context(member)).await?;
        MemberCipher::new(member, &key)
    }

    /// The member's cipher; `None` when her key has been destroyed.
    async fn stored_cipher(
        &self,
        connection: &mut PgConnection,
        member: MemberId,
    ) -> Result<Option<MemberCipher>, VaultError> {
        Ok(self.tried_cipher(connection, member).await??)
    }

    /// The same for who reads: that a key was not unwrapped is told apart from what ends the transaction, so that the access is
    /// logged as one that failed (compliance P2).
    async fn tried_cipher(
        &self,
        connection: &mut PgConnection,
        member: MemberId,
    ) -> Result<Result<Option<MemberCipher>, KeyError>, VaultError> {
        let row = sqlx::query!(
            "SELECT kek_id, wrapped FROM vault_keys.member_keys WHERE member_id = $1",
            member.as_uuid()
        )
        .fetch_optional(connection)
        .await?;
        match row {
            Some(row) => {
                let wrapped = WrappedKey { kek_id: row.kek_id, bytes: row.wrapped };
                Ok(self.unwrap_cipher(member, &wrapped).await.map(Some))
            }
            None => Ok(Ok(None)),
        }
    }
}

/// Seals and stores fields, replacing what was there.
async fn write_fields(
    connection: &mut PgConnection,
    cipher: &MemberCipher,
    member: MemberId,
    values: &[(Field, String)],
    at: DateTime<Utc>,
) -> Result<(), VaultError> {
    let (names, sealed) = sealed(cipher, values)?;
    sqlx::query!(
        "INSERT INTO vault.member_fields (member_id, field, sealed, updated_at)
         SELECT $1, one.field, one.sealed, $2 FROM UNNEST($3::text[], $4::bytea[]) AS one (field, sealed)
         ON CONFLICT (member_id, field) DO UPDATE SET sealed = EXCLUDED.sealed, updated_at = EXCLUDED.updated_at",
        member.as_uuid(),
        at,
        &names as &[&str],
        &sealed as &[Vec<u8>],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Values as they are stored: their fields' names, and each sealed.
fn sealed(
    cipher: &MemberCipher,
    values: &[(Field, String)],
) -> Result<(Vec<&'static str>, Vec<Vec<u8>>), VaultError> {
    let mut names = Vec::with_capacity(values.len());
    let mut sealed = Vec::with_capacity(values.len());
    for (field, value) in values {
        names.push(field.as_str());
        sealed.push(cipher.seal(*field, value.as_bytes())?);
    }
    Ok((names, sealed))
}
