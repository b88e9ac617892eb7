//! The access log as auditors read it, and the chain over it.

use chrono::{DateTime, Utc};
use ledger_core::ids::MemberId;
use sqlx::PgPool;
use uuid::Uuid;

use super::seal::{self, AccessCheck, AccessSeal, SEAL_BYTES};
use crate::error::VaultError;

/// Who touched whose data, which fields, why, and how it ended. Never a value.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AccessRecord {
    /// Its number; they grow, with gaps.
    pub access_id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// On whose behalf: `member`, `code_holder`, `business`, `admin` or `system`.
    pub actor_kind: String,
    /// That one's id; empty for the system.
    pub actor_id: String,
    /// Which of a business's staff it was; `None` for its keys, and for everybody else.
    pub staff_id: Option<Uuid>,
    /// Whose data; `None` when nobody was found, or the data is no member's.
    pub member_id: Option<Uuid>,
    /// `look_up`, `read`, `write` or `delete`.
    pub action: String,
    /// Which fields.
    pub fields: Vec<String>,
    /// Why.
    pub purpose: String,
    /// `done`, `not_found` or `failed`.
    pub result: String,
    /// The request it belongs to.
    pub request_id: Option<Uuid>,
}

/// Which records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessQuestion {
    /// About this member alone.
    pub member: Option<MemberId>,
    /// From then on.
    pub from: Option<DateTime<Utc>>,
    /// Before then.
    pub to: Option<DateTime<Utc>>,
    /// Before this record: the last one of the page before.
    pub before: i64,
    /// How many at most.
    pub limit: i64,
}

/// The access log. Cheap to clone.
#[derive(Clone)]
pub struct AccessLog {
    pool: PgPool,
}

impl AccessLog {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// A page of records, the newest first.
    ///
    /// # Errors
    /// [`VaultError`] of the database.
    pub async fn page(&self, asked: AccessQuestion) -> Result<Vec<AccessRecord>, VaultError> {
        let rows = sqlx::query_as(
            "SELECT access_id, at, actor_kind, actor_id, staff_id, member_id, action, fields, purpose, result, request_id
             FROM vault.access_log
             WHERE ($1::uuid IS NULL OR member_id = $1) AND ($2::timestamptz IS NULL OR at >= $2)
               AND ($3::timestamptz IS NULL OR at < $3) AND access_id < $4
             ORDER BY access_id DESC LIMIT $5",
        )
        .bind(asked.member.map(|member| member.as_uuid()))
        .bind(asked.from)
        .bind(asked.to)
        .bind(asked.before)
        .bind(asked.limit)
        // The plan depends on which of them are given.
        .persistent(false);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// To be called before the first record is written after a start: a restored dump is noticed here.
    ///
    /// # Errors
    /// [`VaultError`] of the database.
    pub async fn open(&self) -> Result<(), VaultError> {
        seal::notice_restore(&self.pool).await
    }

    /// Seals what is complete; `None` when nothing is, or another process seals just now.
    ///
    /// # Errors
    /// [`VaultError`] of the database.
    pub async fn seal(&self, at: DateTime<Utc>) -> Result<Option<AccessSeal>, VaultError> {
        seal::seal(&self.pool, at).await
    }

    /// Checks the whole chain; with `wanted`, also that this hash, known from elsewhere, is part of it.
    ///
    /// # Errors
    /// [`VaultError`] of the database.
    pub async fn check(&self, wanted: Option<[u8; SEAL_BYTES]>) -> Result<AccessCheck, VaultError> {
        seal::check(&self.pool, wanted).await
    }
}
