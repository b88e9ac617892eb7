//! Registration: insert-or-find by phone, settle, withdraw, discard.
//!
//! Why it is right: the unique index on the phone's blind index decides who is first; everybody else waits for that
//! transaction and then finds its row. All changes of a member's row start by locking it.
//!
//! Every try is noted while it is under way, with its profile, sealed, and the key of its command, which the log will have.
//! The member has no profile until she is settled: then she gets that of the try whose key the log names. So it does not
//! matter who takes that last step, or when. A pending row goes only when the last try is withdrawn; so whoever the log
//! takes finds the row there.

use chrono::{DateTime, Utc};
use ledger_core::ids::MemberId;
use sqlx::PgConnection;

use super::{Members, ProfileChanges, sealed};
use crate::access::{self, Access, Action, Outcome};
use crate::cipher::{Field, MemberCipher};
use crate::error::VaultError;
use crate::phone::Phone;

/// Rows that vanish between insert and look are discarded pending ones; twice in a row is all a race can do.
const TRIES_MAX: usize = 3;

/// Whom to register.
#[derive(Debug)]
pub struct Registration {
    /// A fresh id: hers if nobody has this phone, and in any case the name of this try.
    pub fresh_id: MemberId,
    /// The key of the command that the log will have if it takes this try.
    pub key: [u8; 32],
    /// The phone that makes her one person.
    pub phone: Phone,
    /// What else is known; an import may know nothing.
    pub profile: ProfileChanges,
}

/// Whom a registration found or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// A new pending row with the fresh id. Append `MemberRegistered`, then settle.
    Created(MemberId),
    /// Another registration of this phone that is under way, or stopped before its last step. The log may or may not know
    /// this id: append `MemberRegistered` if it does not, then settle.
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
        begin(connection, &cipher, who, who.fresh_id, access).await?;
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
        let outcome = [(Some(member), Outcome::Done)];
        access::record(connection, access, Action::LookUp, &[Field::Phone], &outcome).await?;
        if row.state == "active" {
            return Ok(Some(Registered::Existing(member)));
        }
        let cipher = self.stored_cipher(connection, member).await?;
        let cipher = cipher.ok_or(VaultError::Unreadable { member, field: Field::Phone })?;
        begin(connection, &cipher, who, member, access).await?;
        Ok(Some(Registered::Resumed(member)))
    }

    /// The last step of a registration, after the log has `MemberRegistered` under the key `taken`: the member is active,
    /// with the profile of the try that the log took. Nothing happens to one who was settled before, so it may be repeated,
    /// and by anybody. One transaction.
    ///
    /// # Errors
    /// [`VaultError::UnknownMember`] when there is no such row, [`VaultError::Unreadable`] when no try had that key.
    pub async fn settle(&self, member: MemberId, taken: &[u8], access: &Access) -> Result<(), VaultError> {
        let mut transaction = self.pool.begin().await?;
        let state = sqlx::query_scalar!(
            "SELECT state FROM vault.members WHERE member_id = $1 FOR NO KEY UPDATE",
            member.as_uuid()
        );
        let state = state.fetch_optional(&mut *transaction).await?.ok_or(VaultError::UnknownMember)?;
        if state == "active" {
            return Ok(());
        }
        // Of one request that was sent again, the last: it is the same profile.
        let fields = sqlx::query_scalar!(
            "INSERT INTO vault.member_fields (member_id, field, sealed, updated_at)
             SELECT $1, field, sealed, $3 FROM vault.registration_fields WHERE try_id =
                 (SELECT try_id FROM vault.registrations WHERE member_id = $1 AND command_key = $2
                  ORDER BY begun_at DESC, try_id DESC LIMIT 1)
             RETURNING field",
            member.as_uuid(),
            taken,
            access.at,
        )
        .fetch_all(&mut *transaction)
        .await?;
        if fields.is_empty() {
            return Err(VaultError::Unreadable { member, field: Field::Phone });
        }
        sqlx::query!(
            "UPDATE vault.members SET state = 'active', confirmed_at = $2 WHERE member_id = $1",
            member.as_uuid(),
            access.at,
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!("DELETE FROM vault.registrations WHERE member_id = $1", member.as_uuid())
            .execute(&mut *transaction)
            .await?;
        let fields: Vec<Field> =
            Field::ALL.into_iter().filter(|field| fields.iter().any(|name| name == field.as_str())).collect();
        let outcome = [(Some(member), Outcome::Done)];
        access::record(&mut transaction, access, Action::Write, &fields, &outcome).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Ends a registration that was refused: if it was the last one under way of a member still pending, whom the log does
    /// not know, nothing is left of her. One transaction; may be repeated.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn withdraw(
        &self,
        who: &Registration,
        member: MemberId,
        access: &Access,
    ) -> Result<(), VaultError> {
        let mut transaction = self.pool.begin().await?;
        let is_pending = lock_pending(&mut transaction, member).await?;
        sqlx::query!("DELETE FROM vault.registrations WHERE try_id = $1", who.fresh_id.as_uuid())
            .execute(&mut *transaction)
            .await?;
        if is_pending && !is_under_way(&mut transaction, member, DateTime::<Utc>::UNIX_EPOCH).await? {
            remove(&mut transaction, member, access).await?;
        }
        transaction.commit().await?;
        Ok(())
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

    /// Pending members after `after` in the order of their ids, which is that of time: registrations under way, and those
    /// that a crash cut in half.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn pending_after(&self, after: MemberId, limit: u32) -> Result<Vec<MemberId>, VaultError> {
        let ids = sqlx::query_scalar!(
            "SELECT member_id FROM vault.members WHERE state = 'pending' AND member_id > $1
             ORDER BY member_id LIMIT $2",
            after.as_uuid(),
            i64::from(limit),
        );
        Ok(ids.fetch_all(&self.pool).await?.into_iter().map(MemberId::from_uuid).collect())
    }

    /// Removes a pending member the log does not know, with her key and fields. Left alone are an active one, and one
    /// whom a try begun since `cutoff` may still make a member.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn discard(
        &self,
        member: MemberId,
        cutoff: DateTime<Utc>,
        access: &Access,
    ) -> Result<(), VaultError> {
        let mut transaction = self.pool.begin().await?;
        if lock_pending(&mut transaction, member).await?
            && !is_under_way(&mut transaction, member, cutoff).await?
        {
            remove(&mut transaction, member, access).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// Notes a try as under way, with what it says of her; the member's row is locked or new.
async fn begin(
    connection: &mut PgConnection,
    cipher: &MemberCipher,
    who: &Registration,
    member: MemberId,
    access: &Access,
) -> Result<(), VaultError> {
    sqlx::query!(
        "INSERT INTO vault.registrations (try_id, member_id, command_key, begun_at) VALUES ($1, $2, $3, $4)",
        who.fresh_id.as_uuid(),
        member.as_uuid(),
        &who.key,
        access.at,
    )
    .execute(&mut *connection)
    .await?;
    let mut values = who.profile.values();
    values.push((Field::Phone, who.phone.expose().to_owned()));
    let (names, sealed) = sealed(cipher, &values)?;
    sqlx::query!(
        "INSERT INTO vault.registration_fields (try_id, field, sealed)
         SELECT $1, one.field, one.sealed FROM UNNEST($2::text[], $3::bytea[]) AS one (field, sealed)",
        who.fresh_id.as_uuid(),
        &names as &[&str],
        &sealed as &[Vec<u8>],
    )
    .execute(&mut *connection)
    .await?;
    let fields: Vec<Field> = values.iter().map(|(field, _)| *field).collect();
    access::record(connection, access, Action::Write, &fields, &[(Some(member), Outcome::Done)]).await
}

/// Locks the row of a pending member, so that no try begins while it is looked at; whether there is one.
async fn lock_pending(connection: &mut PgConnection, member: MemberId) -> Result<bool, VaultError> {
    let row = sqlx::query_scalar!(
        "SELECT member_id FROM vault.members WHERE member_id = $1 AND state = 'pending' FOR UPDATE",
        member.as_uuid()
    );
    Ok(row.fetch_optional(connection).await?.is_some())
}

/// Whether a try begun since `since` has not ended.
async fn is_under_way(
    connection: &mut PgConnection,
    member: MemberId,
    since: DateTime<Utc>,
) -> Result<bool, VaultError> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM vault.registrations WHERE member_id = $1 AND begun_at >= $2) AS "found!""#,
        member.as_uuid(),
        since,
    );
    Ok(found.fetch_one(connection).await?)
}

/// Removes a member with her fields and key.
async fn remove(connection: &mut PgConnection, member: MemberId, access: &Access) -> Result<(), VaultError> {
    sqlx::query!("DELETE FROM vault.members WHERE member_id = $1", member.as_uuid())
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM vault_keys.member_keys WHERE member_id = $1", member.as_uuid())
        .execute(&mut *connection)
        .await?;
    let outcome = [(Some(member), Outcome::Done)];
    access::record(connection, access, Action::Delete, &Field::ALL, &outcome).await
}
