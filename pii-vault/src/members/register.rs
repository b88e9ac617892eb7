//! Registration: insert-or-find by phone, confirm, discard.
//!
//! Why it is right: the unique index on the phone's blind index decides who is first; everybody else waits for that
//! transaction and then finds its row. All changes of a member's row start by locking it.
//!
//! Every try is noted while it is under way. It writes a profile only into the row it makes itself, or when the log has
//! taken it; so whoever is refused has overwritten nobody. A pending row goes only when the last try is withdrawn; so
//! whoever the log takes finds the row there.

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

/// Whom to register.
#[derive(Debug)]
pub struct Registration {
    /// A fresh id: hers if nobody has this phone, and in any case the name of this try.
    pub fresh_id: MemberId,
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
        begin(connection, who, who.fresh_id, access.at).await?;
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
        let outcome = [(Some(member), Outcome::Done)];
        access::record(connection, access, Action::LookUp, &[Field::Phone], &outcome).await?;
        if row.state == "active" {
            return Ok(Some(Registered::Existing(member)));
        }
        begin(connection, who, member, access.at).await?;
        Ok(Some(Registered::Resumed(member)))
    }

    /// The last step of the registration that the log took: the member is active, with the profile that it gave. Nothing
    /// happens to one who was settled before, so it may be repeated. One transaction.
    ///
    /// # Errors
    /// [`VaultError::UnknownMember`] when there is no such row, [`VaultError::Unreadable`] for one without its key.
    pub async fn settle(
        &self,
        who: &Registration,
        registered: Registered,
        access: &Access,
    ) -> Result<(), VaultError> {
        let member = registered.member_id();
        if matches!(registered, Registered::Existing(_)) {
            return Ok(());
        }
        let mut transaction = self.pool.begin().await?;
        let confirmed = confirm(&mut transaction, member, access.at).await?;
        let under_way = sqlx::query_scalar!(
            "DELETE FROM vault.registrations WHERE member_id = $1 RETURNING try_id",
            member.as_uuid()
        )
        .fetch_all(&mut *transaction)
        .await?;
        // Another try may have confirmed her on the log's word; until this one is settled, it is for this one to say.
        let unsettled = confirmed == Confirmed::Now || under_way.contains(&who.fresh_id.as_uuid());
        if unsettled && matches!(registered, Registered::Resumed(_)) {
            let cipher = self.stored_cipher(&mut transaction, member).await?;
            let cipher = cipher.ok_or(VaultError::Unreadable { member, field: Field::Phone })?;
            sqlx::query!("DELETE FROM vault.member_fields WHERE member_id = $1", member.as_uuid())
                .execute(&mut *transaction)
                .await?;
            write_registration(&mut transaction, &cipher, member, who, access).await?;
        }
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

    /// Makes a pending member active, after the log has `MemberRegistered`. May be repeated.
    ///
    /// # Errors
    /// [`VaultError::UnknownMember`] when there is no such row.
    pub async fn confirm(&self, member: MemberId, at: DateTime<Utc>) -> Result<Confirmed, VaultError> {
        confirm(&mut *self.pool.acquire().await?, member, at).await
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

    /// Forgets tries begun before `cutoff`: a crash ended them.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn forget_registrations(&self, cutoff: DateTime<Utc>) -> Result<(), VaultError> {
        sqlx::query!("DELETE FROM vault.registrations WHERE begun_at < $1", cutoff)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// Notes a try as under way; the member's row is locked or new.
async fn begin(
    connection: &mut PgConnection,
    who: &Registration,
    member: MemberId,
    at: DateTime<Utc>,
) -> Result<(), VaultError> {
    sqlx::query!(
        "INSERT INTO vault.registrations (try_id, member_id, begun_at) VALUES ($1, $2, $3)",
        who.fresh_id.as_uuid(),
        member.as_uuid(),
        at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Locks the row, and makes it active if it is pending.
async fn confirm(
    connection: &mut PgConnection,
    member: MemberId,
    at: DateTime<Utc>,
) -> Result<Confirmed, VaultError> {
    let state = sqlx::query_scalar!(
        "SELECT state FROM vault.members WHERE member_id = $1 FOR NO KEY UPDATE",
        member.as_uuid()
    );
    let state = state.fetch_optional(&mut *connection).await?.ok_or(VaultError::UnknownMember)?;
    if state == "active" {
        return Ok(Confirmed::Before);
    }
    sqlx::query!(
        "UPDATE vault.members SET state = 'active', confirmed_at = $2 WHERE member_id = $1 AND state = 'pending'",
        member.as_uuid(),
        at,
    )
    .execute(connection)
    .await?;
    Ok(Confirmed::Now)
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
