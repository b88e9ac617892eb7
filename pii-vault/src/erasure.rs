//! The vault's part of forgetting a member: a plan that survives a crash at each step, and the destruction itself.
//!
//! 1. [`Erasures::begin`]: the plan is written, and no credential of hers is good any more.
//! 2. The log is told (the caller's part, under a key that follows from the act's number).
//! 3. [`Erasures::destroy`]: one transaction destroys every row about her, her key, and what only her phone's index finds.
//!
//! Who was begun and not destroyed is listed by [`Erasures::under_way`], and may be taken from step 2 on by anybody, as often as
//! it takes. Whoever writes for a member locks her row first and finds none: nothing comes back. What a restored backup brings
//! is found by [`Erasures::still_here`] and destroyed again, before anybody is answered. The access log stays, for its own term.

mod remove;

use chrono::{DateTime, Utc};
use ledger_core::ids::{ActId, MemberId};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::access::Access;
use crate::error::VaultError;
use remove::{remove, shut};

/// What is to be done, and why. The words are those of `MemberErased`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The number of the act.
    pub act_id: ActId,
    /// Who is forgotten: the account she asked as, or was named by. The log says which accounts are one with it.
    pub member_id: MemberId,
    /// `herself` or `admin`.
    pub demanded_by: String,
    /// Why: `consent_withdrawn` and so on.
    pub ground: String,
    /// Whose credential asked.
    pub asked_by: Uuid,
    /// When it was asked.
    pub begun_at: DateTime<Utc>,
}

/// An erasure and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// What was asked.
    pub plan: Plan,
    /// Where on the log it is, once everything was destroyed.
    pub position: Option<i64>,
    /// When everything was.
    pub destroyed_at: Option<DateTime<Utc>>,
    /// The extract of the log.
    pub extract: Option<String>,
    /// The act.
    pub act: Option<String>,
}

/// What is kept of a destruction for three years.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Papers {
    /// The extract of the log.
    pub extract: String,
    /// Its SHA-256.
    pub extract_hash: [u8; 32],
    /// The act.
    pub act: String,
}

/// Plans and destruction. Cheap to clone.
#[derive(Clone)]
pub struct Erasures {
    pool: PgPool,
}

macro_rules! erasure {
    ($row:expr) => {
        Erasure {
            plan: Plan {
                act_id: ActId::from_uuid($row.act_id),
                member_id: MemberId::from_uuid($row.member_id),
                demanded_by: $row.demanded_by,
                ground: $row.ground,
                asked_by: $row.asked_by,
                begun_at: $row.begun_at,
            },
            position: $row.position,
            destroyed_at: $row.destroyed_at,
            extract: $row.extract,
            act: $row.act,
        }
    };
}

impl Erasures {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Writes the plan, or finds the one that was made for her before, and ends her sign-ins and those of `accounts` (she among
    /// them).
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn begin(&self, plan: &Plan, accounts: &[MemberId]) -> Result<Erasure, VaultError> {
        let mut transaction = self.pool.begin().await?;
        insert(&mut transaction, plan).await?;
        let act: Uuid = sqlx::query_scalar(
            "SELECT act_id FROM vault.erasures WHERE member_id = $1 OR act_id = $2 ORDER BY act_id = $2 DESC LIMIT 1",
        )
        .bind(plan.member_id.as_uuid())
        .bind(plan.act_id.as_uuid())
        .fetch_one(&mut *transaction)
        .await?;
        let corrupt = VaultError::CorruptRow { table: "vault.erasures" };
        let begun = stored(&mut transaction, ActId::from_uuid(act)).await?.ok_or(corrupt)?;
        // A number that came again for somebody else shuts nobody out.
        if accounts.contains(&begun.plan.member_id) {
            shut(&mut transaction, begun.plan.act_id, accounts, plan.begun_at).await?;
        }
        transaction.commit().await?;
        Ok(begun)
    }

    /// Takes a plan back that the log refused. One that was carried out stays.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn abandon(&self, act: ActId) -> Result<(), VaultError> {
        sqlx::query!("DELETE FROM vault.erasures WHERE act_id = $1 AND destroyed_at IS NULL", act.as_uuid())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Plans that were not carried out to the end, the oldest first.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn under_way(&self) -> Result<Vec<Erasure>, VaultError> {
        let rows = sqlx::query!(
            "SELECT act_id, member_id, demanded_by, ground, asked_by, begun_at, position, destroyed_at, extract, act
             FROM vault.erasures WHERE destroyed_at IS NULL ORDER BY begun_at, act_id LIMIT 1000",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| erasure!(row)).collect())
    }

    /// Erasures in the order in which they were asked for, after one of them, `limit` at most.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn after(
        &self,
        after: Option<(DateTime<Utc>, ActId)>,
        limit: i64,
    ) -> Result<Vec<Erasure>, VaultError> {
        let (at, act) = after.map_or((None, None), |(at, act)| (Some(at), Some(act.as_uuid())));
        let rows = sqlx::query!(
            "SELECT act_id, member_id, demanded_by, ground, asked_by, begun_at, position, destroyed_at, extract, act
             FROM vault.erasures WHERE $1::timestamptz IS NULL OR (begun_at, act_id) > ($1, $2::uuid)
             ORDER BY begun_at, act_id LIMIT $3",
            at,
            act,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| erasure!(row)).collect())
    }

    /// One erasure.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn one(&self, act: ActId) -> Result<Option<Erasure>, VaultError> {
        let mut connection = self.pool.acquire().await?;
        stored(&mut connection, act).await
    }

    /// Destroys every row about the plan's member and `accounts` (she among them), and their keys, and keeps the papers; all in
    /// one transaction. May be repeated: what is destroyed once stays so, and the first papers stay.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn destroy(
        &self,
        plan: &Plan,
        accounts: &[MemberId],
        (position, papers): (i64, Option<&Papers>),
        access: &Access,
    ) -> Result<Erasure, VaultError> {
        let mut transaction = self.pool.begin().await?;
        // The plan may be gone with a backup that was brought back, or be another one that was made then: the log says which.
        let ids: Vec<Uuid> = accounts.iter().map(MemberId::as_uuid).collect();
        sqlx::query(
            "DELETE FROM vault.erasures
             WHERE act_id <> $2 AND (member_id = $1 OR (member_id = ANY($3) AND destroyed_at IS NULL))",
        )
        .bind(plan.member_id.as_uuid())
        .bind(plan.act_id.as_uuid())
        .bind(&ids)
        .execute(&mut *transaction)
        .await?;
        insert(&mut transaction, plan).await?;
        // Whoever parted from her between the plan and the log is not the one who is forgotten.
        sqlx::query("DELETE FROM vault.erased_members WHERE act_id = $1 AND member_id <> ALL($2)")
            .bind(plan.act_id.as_uuid())
            .bind(&ids)
            .execute(&mut *transaction)
            .await?;
        shut(&mut transaction, plan.act_id, accounts, access.at).await?;
        remove(&mut transaction, accounts, access).await?;
        let row = sqlx::query!(
            "UPDATE vault.erasures SET position = COALESCE(position, $2), destroyed_at = COALESCE(destroyed_at, $3),
                    extract = COALESCE(extract, $4), extract_hash = COALESCE(extract_hash, $5), act = COALESCE(act, $6)
             WHERE act_id = $1
             RETURNING act_id, member_id, demanded_by, ground, asked_by, begun_at, position, destroyed_at, extract, act",
            plan.act_id.as_uuid(),
            position,
            access.at,
            papers.map(|papers| papers.extract.as_str()),
            papers.map(|papers| &papers.extract_hash[..]),
            papers.map(|papers| papers.act.as_str()),
        )
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(erasure!(row))
    }

    /// Keeps papers that could not be written when the data were destroyed; the first ones stay.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn keep_papers(&self, act_id: ActId, papers: &Papers) -> Result<(), VaultError> {
        sqlx::query!(
            "UPDATE vault.erasures SET extract = $2, extract_hash = $3, act = $4 WHERE act_id = $1 AND act IS NULL",
            act_id.as_uuid(),
            papers.extract,
            &papers.extract_hash[..],
            papers.act,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Those of `acts` that the vault does not know to be carried out.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn not_done(&self, acts: &[ActId]) -> Result<Vec<ActId>, VaultError> {
        let ids: Vec<Uuid> = acts.iter().map(ActId::as_uuid).collect();
        let found = sqlx::query_scalar!(
            r#"SELECT one.id AS "id!" FROM UNNEST($1::uuid[]) AS one (id) WHERE NOT EXISTS (
                   SELECT FROM vault.erasures WHERE act_id = one.id AND destroyed_at IS NOT NULL)"#,
            &ids,
        );
        Ok(found.fetch_all(&self.pool).await?.into_iter().map(ActId::from_uuid).collect())
    }

    /// Those of `members` of whom the vault has anything.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn still_here(&self, members: &[MemberId]) -> Result<Vec<MemberId>, VaultError> {
        let ids: Vec<Uuid> = members.iter().map(MemberId::as_uuid).collect();
        let found = sqlx::query_scalar!(
            r#"SELECT one.id AS "id!" FROM UNNEST($1::uuid[]) AS one (id)
               WHERE EXISTS (SELECT FROM vault.members WHERE member_id = one.id)
                  OR EXISTS (SELECT FROM vault_keys.member_keys WHERE member_id = one.id)
                  OR EXISTS (SELECT FROM auth.refresh_families WHERE member_id = one.id AND kind = 'member')"#,
            &ids,
        );
        Ok(found.fetch_all(&self.pool).await?.into_iter().map(MemberId::from_uuid).collect())
    }

    /// Whose credentials are good no longer: of every plan that is open, and of those since `since`.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn gone_since(&self, since: DateTime<Utc>) -> Result<Vec<MemberId>, VaultError> {
        let gone: Vec<Uuid> = sqlx::query_scalar(
            "SELECT member_id FROM vault.erased_members WHERE since >= $1
             UNION SELECT member_id FROM vault.erased_members WHERE act_id IN (SELECT act_id FROM vault.erasures WHERE destroyed_at IS NULL)",
        )
        .bind(since)
        .fetch_all(&self.pool)
        .await?;
        Ok(gone.into_iter().map(MemberId::from_uuid).collect())
    }

    /// Destroys plans and papers of destructions before `cutoff`: their term is over. How many there were.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn purge(&self, cutoff: DateTime<Utc>) -> Result<u64, VaultError> {
        let over = sqlx::query!("DELETE FROM vault.erasures WHERE destroyed_at < $1", cutoff);
        Ok(over.execute(&self.pool).await?.rows_affected())
    }
}

async fn insert(connection: &mut PgConnection, plan: &Plan) -> Result<(), VaultError> {
    sqlx::query!(
        "INSERT INTO vault.erasures (act_id, member_id, demanded_by, ground, asked_by, begun_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        plan.act_id.as_uuid(),
        plan.member_id.as_uuid(),
        plan.demanded_by,
        plan.ground,
        plan.asked_by,
        plan.begun_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn stored(connection: &mut PgConnection, act: ActId) -> Result<Option<Erasure>, VaultError> {
    let row = sqlx::query!(
        "SELECT act_id, member_id, demanded_by, ground, asked_by, begun_at, position, destroyed_at, extract, act
             FROM vault.erasures WHERE act_id = $1",
        act.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| erasure!(row)))
}
