//! Registration: insert-or-find by phone, confirm, discard.
//!
//! Why it is right: the unique index on the phone's blind index decides who is first; everybody else waits for that
//! transaction and then finds its row. All changes of a member's row start by locking it, so a pending row is never
//! rewritten after it was confirmed.

use chrono::{DateTime, Utc};
use ledger_core::ids::MemberId;
use sqlx::PgConnection;

use super::{Members, ProfileChanges, write_fields};
use crate::access::{self, Access, Action, Outcome};
use crate::cipher::{Field, MemberCipher};
use crate::error::VaultError;
use crate::phone::Phone;

/// Rows that vanish between insert and look are discarded pending ones; twice in a row is all a race can do.
const TRIES_MAX: usize = 3;

/// Whom to register. `fresh_id` is used if nobody has this phone.
#[derive(Debug)]
pub struct Registration {
    /// A fresh id.
    pub fresh_id: MemberId,
    /// The phone that makes her one person.
    pub phone: Phone,
    /// What else is known; an import may know nothing.
    pub profile: ProfileChanges,
}

/// Whom a registration found or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// A new pending row with the fresh id. Append `MemberRegistered`, then confirm.
    Created(MemberId),
    /// An earlier registration of this phone that was never confirmed; its profile is now the one given here. The log
    /// may or may not know this id: append `MemberRegistered` if it does not, then confirm.
    Resumed(MemberId),
    /// A member with this phone. Nothing was changed.
    Existing(MemberId),
}

impl Registered {
    /// The member's id in any case.
    pub fn member_id(self) -> MemberId {
        match self {
            Self::Created(id) | Self::Resumed(id) | Self::Existing(id) => id,
        }
    }
}

/// What [`Members::confirm`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// The row was pending and is active now.
    Now,
    /// It was active already.
    Before,
}

impl Members {
    /// Makes a pending member, or finds the one this phone belongs to. One transaction.
    ///
    /// # Errors
    /// [`VaultError::Keys`], [`VaultError::Unreadable`] (a pending row without its key), `Unavailable`, `Database`.
    pub async fn register(&self, who: &Registration, access: &Access) -> Result<Registered, VaultError> {
        let index = self.index.phone(&who.phone);
        for _ in 0..TRIES_MAX {
            let mut transaction = self.pool.begin().await?;
            let created = sqlx::query_scalar!(
                "INSERT INTO vault.members (member_id, phone_index, state, created_at)
                 VALUES ($1, $2, 'pending', $3) ON CONFLICT (phone_index) DO NOTHING RETURNING member_id",
                who.fresh_id.as_uuid(),
                index.as_bytes(),
                access.at,
            )
            .fetch_optional(&mut *transaction)
            .await?;
            let outcome = if created.is_some() {
                Some(self.fill_new(&mut transaction, who, access).await?)
            } else {
                self.take_existing(&mut transaction, who, index.as_bytes(), access).await?
            };
            if let Some(outcome) = outcome {
                transaction.commit().await?;
                return Ok(outcome);
            }
        }
        Err(VaultError::Unavailable { reason: "registration raced with removals".to_owned() })
    }

    async fn fill_new(
        &self,
        connection: &mut PgConnection,
        who: &Registration,
        access: &Access,
    ) -> Result<Registered, VaultError> {
        let (cipher, wrapped) = self.new_cipher(who.fresh_id).await?;
        sqlx::query!(
            "INSERT INTO vault_keys.member_keys (member_id, kek_id, wrapped, created_at) VALUES ($1, $2, $3, $4)",
            who.fresh_id.as_uuid(),
            wrapped.kek_id,
            wrapped.bytes,
            access.at,
        )
        .execute(&mut *connection)
        .await?;
        write_registration(connection, &cipher, who.fresh_id, who, access).await?;
        Ok(Registered::Created(who.fresh_id))
    }

    async fn take_existing(
        &self,
        connection: &mut PgConnection,
        who: &Registration,
        index: &[u8],
        access: &Access,
    ) -> Result<Option<Registered>, VaultError> {
        let row = sqlx::query!(
            "SELECT member_id, state FROM vault.members WHERE phone_index = $1 FOR NO KEY UPDATE",
            index
        )
        .fetch_optional(&mut *connection)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let member = MemberId::from_uuid(row.member_id);
        if row.state == "active" {
            let outcome = [(Some(member), Outcome::Done)];
            access::record(connection, access, Action::LookUp, &[Field::Phone], &outcome).await?;
            return Ok(Some(Registered::Existing(member)));
        }
        let cipher = self.stored_cipher(connection, member).await?;
        let cipher = cipher.ok_or(VaultError::Unreadable { member, field: Field::Phone })?;
        sqlx::query!("DELETE FROM vault.member_fields WHERE member_id = $1", row.member_id)
            .execute(&mut *connection)
            .await?;
        write_registration(connection, &cipher, member, who, access).await?;
        Ok(Some(Registered::Resumed(member)))
    }

    /// Makes a pending member active, after the log has `MemberRegistered`. May be repeated.
    ///
    /// # Errors
    /// [`VaultError::UnknownMember`] when there is no such row.
    pub async fn confirm(&self, member: MemberId, at: DateTime<Utc>) -> Result<Confirmed, VaultError> {
        let changed = sqlx::query!(
            "UPDATE vault.members SET state = 'active', confirmed_at = $2 WHERE member_id = $1 AND state = 'pending'",
            member.as_uuid(),
            at,
        )
        .execute(&self.pool)
        .await?;
        if changed.rows_affected() == 1 {
            return Ok(Confirmed::Now);
        }
        if self.is_active(member).await? { Ok(Confirmed::Before) } else { Err(VaultError::UnknownMember) }
    }

    /// Whether the vault holds an active member of this id. Reads no personal data.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn is_active(&self, member: MemberId) -> Result<bool, VaultError> {
        let found = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM vault.members WHERE member_id = $1 AND state = 'active') AS "found!""#,
            member.as_uuid()
        );
        Ok(found.fetch_one(&self.pool).await?)
    }

    /// Pending members made before `cutoff`, oldest first: registrations that a crash cut in half.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn pending_since(
        &self,
        cutoff: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<MemberId>, VaultError> {
        let ids = sqlx::query_scalar!(
            "SELECT member_id FROM vault.members WHERE state = 'pending' AND created_at < $1
             ORDER BY created_at, member_id LIMIT $2",
            cutoff,
            i64::from(limit),
        );
        Ok(ids.fetch_all(&self.pool).await?.into_iter().map(MemberId::from_uuid).collect())
    }

    /// Removes a pending member the log does not know, with her key and fields. An active one is left alone.
    /// Call it only when no registration of hers can still be under way.
    ///
    /// # Errors
    /// [`VaultError::UnknownMember`] when there is no such pending row.
    pub async fn discard(&self, member: MemberId, access: &Access) -> Result<(), VaultError> {
        let mut transaction = self.pool.begin().await?;
        let removed = sqlx::query!(
            "DELETE FROM vault.members WHERE member_id = $1 AND state = 'pending'",
            member.as_uuid()
        )
        .execute(&mut *transaction)
        .await?;
        if removed.rows_affected() == 0 {
            return Err(VaultError::UnknownMember);
        }
        sqlx::query!("DELETE FROM vault_keys.member_keys WHERE member_id = $1", member.as_uuid())
            .execute(&mut *transaction)
            .await?;
        let outcome = [(Some(member), Outcome::Done)];
        access::record(&mut transaction, access, Action::Delete, &Field::ALL, &outcome).await?;
        transaction.commit().await?;
        Ok(())
    }
}

async fn write_registration(
    connection: &mut PgConnection,
    cipher: &MemberCipher,
    member: MemberId,
    who: &Registration,
    access: &Access,
) -> Result<(), VaultError> {
    let mut values = who.profile.values();
    values.push((Field::Phone, who.phone.expose().to_owned()));
    write_fields(connection, cipher, member, &values, access.at).await?;
    let fields: Vec<Field> = values.iter().map(|(field, _)| *field).collect();
    access::record(connection, access, Action::Write, &fields, &[(Some(member), Outcome::Done)]).await
}
