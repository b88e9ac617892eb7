//! Why staff blocked a member, gave her bonuses or took them: their own words, which may name a person. The log names the
//! text by a random-looking id and holds nothing of it; here it is sealed with the member's key, and goes with her.

use chrono::{DateTime, Utc};
use ledger_core::ids::{MemberId, ReasonId};
use uuid::Uuid;

use super::Members;
use super::profile::lock_active;
use crate::access::{self, Access, Action, Outcome};
use crate::cipher::{Field, MemberCipher};
use crate::error::VaultError;

/// A text about a member, by staff or on a coupon of hers.
#[derive(Clone, PartialEq, Eq)]
pub struct Remark {
    /// By which the log names it.
    pub reason_id: ReasonId,
    /// When it was written.
    pub written_at: DateTime<Utc>,
    /// The words.
    pub text: String,
}

impl Members {
    /// Every text about a member, the oldest first.
    ///
    /// # Errors
    /// [`VaultError::Unreadable`] when one does not open with her key; [`VaultError::Keys`] when that cannot be had.
    pub async fn remarks(&self, member: MemberId, access: &Access) -> Result<Vec<Remark>, VaultError> {
        let mut transaction = self.pool.begin().await?;
        let sealed: Vec<(Uuid, DateTime<Utc>, Vec<u8>)> = sqlx::query_as(
            "SELECT reason_id, written_at, sealed FROM vault.reasons WHERE member_id = $1
             ORDER BY written_at, reason_id",
        )
        .bind(member.as_uuid())
        .fetch_all(&mut *transaction)
        .await?;
        let cipher = match sealed.as_slice() {
            [] => Ok(None),
            _ => self.tried_cipher(&mut transaction, member).await?,
        };
        let remarks = cipher.map_err(VaultError::from).and_then(|cipher| {
            let open = |(id, written_at, sealed): &(Uuid, DateTime<Utc>, Vec<u8>)| {
                let (reason_id, written_at) = (ReasonId::from_uuid(*id), *written_at);
                opened(member, cipher.as_ref(), sealed).map(|text| Remark { reason_id, written_at, text })
            };
            sealed.iter().map(open).collect::<Result<Vec<_>, VaultError>>()
        });
        let outcome = match &remarks {
            Ok(remarks) if remarks.is_empty() => Outcome::NotFound,
            Ok(_) => Outcome::Done,
            Err(_) => Outcome::Failed,
        };
        access::record(&mut transaction, access, Action::Read, &[Field::Reason], &[(Some(member), outcome)])
            .await?;
        transaction.commit().await?;
        remarks
    }

    /// Keeps a reason about an active member for one request more; false when this id has one already, which stays.
    ///
    /// # Errors
    /// [`VaultError::UnknownMember`]; [`VaultError::Unreadable`] when her key is gone.
    pub async fn keep_reason(
        &self,
        member: MemberId,
        reason: ReasonId,
        text: &str,
        access: &Access,
    ) -> Result<bool, VaultError> {
        let mut transaction = self.pool.begin().await?;
        let kept = if lock_active(&mut transaction, member).await? {
            let cipher = self.stored_cipher(&mut transaction, member).await?;
            let cipher = cipher.ok_or(VaultError::Unreadable { member, field: Field::Reason })?;
            let sealed = cipher.seal(Field::Reason, text.as_bytes())?;
            let claims = sqlx::query_scalar!(
                "INSERT INTO vault.reasons AS its (reason_id, member_id, sealed, written_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (reason_id) DO UPDATE SET claims = its.claims + 1 RETURNING claims",
                reason.as_uuid(),
                member.as_uuid(),
                &sealed,
                access.at,
            );
            Some(claims.fetch_one(&mut *transaction).await? == 1)
        } else {
            None
        };
        let outcome = if kept.is_some() { Outcome::Done } else { Outcome::NotFound };
        access::record(&mut transaction, access, Action::Write, &[Field::Reason], &[(Some(member), outcome)])
            .await?;
        transaction.commit().await?;
        kept.ok_or(VaultError::UnknownMember)
    }

    /// One request keeps the reason no more, since it did nothing; it goes when none keeps it.
    ///
    /// # Errors
    /// [`VaultError`] of the database.
    pub async fn forget_reason(
        &self,
        member: MemberId,
        reason: ReasonId,
        access: &Access,
    ) -> Result<(), VaultError> {
        let mut transaction = self.pool.begin().await?;
        // Locks it: whoever keeps it at the same time comes before, and is counted, or after, and finds nothing.
        sqlx::query!(
            "UPDATE vault.reasons SET claims = claims - 1 WHERE reason_id = $1 AND member_id = $2",
            reason.as_uuid(),
            member.as_uuid(),
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!(
            "DELETE FROM vault.reasons WHERE reason_id = $1 AND member_id = $2 AND claims = 0",
            reason.as_uuid(),
            member.as_uuid(),
        )
        .execute(&mut *transaction)
        .await?;
        let outcome = [(Some(member), Outcome::Done)];
        access::record(&mut transaction, access, Action::Delete, &[Field::Reason], &outcome).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Puts the words of the request that did something in the place of those that were there.
    ///
    /// # Errors
    /// [`VaultError::Unreadable`] when her key is gone.
    pub async fn put_reason(
        &self,
        member: MemberId,
        reason: ReasonId,
        text: &str,
        access: &Access,
    ) -> Result<(), VaultError> {
        let mut transaction = self.pool.begin().await?;
        let cipher = self.stored_cipher(&mut transaction, member).await?;
        let cipher = cipher.ok_or(VaultError::Unreadable { member, field: Field::Reason })?;
        let sealed = cipher.seal(Field::Reason, text.as_bytes())?;
        sqlx::query!(
            "UPDATE vault.reasons SET sealed = $3, written_at = $4 WHERE reason_id = $1 AND member_id = $2",
            reason.as_uuid(),
            member.as_uuid(),
            &sealed,
            access.at,
        )
        .execute(&mut *transaction)
        .await?;
        let outcome = [(Some(member), Outcome::Done)];
        access::record(&mut transaction, access, Action::Write, &[Field::Reason], &outcome).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The text of a reason; `None` when there is none of this id about her.
    ///
    /// # Errors
    /// [`VaultError::Unreadable`] when it does not open with her key; [`VaultError::Keys`] when that cannot be had.
    pub async fn reason(
        &self,
        member: MemberId,
        reason: ReasonId,
        access: &Access,
    ) -> Result<Option<String>, VaultError> {
        let mut transaction = self.pool.begin().await?;
        let sealed = sqlx::query_scalar!(
            "SELECT sealed FROM vault.reasons WHERE reason_id = $1 AND member_id = $2",
            reason.as_uuid(),
            member.as_uuid(),
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let text = match &sealed {
            None => Ok(None),
            Some(sealed) => {
                let cipher = self.tried_cipher(&mut transaction, member).await?;
                let text = cipher.map_err(VaultError::from);
                text.and_then(|cipher| opened(member, cipher.as_ref(), sealed)).map(Some)
            }
        };
        let outcome = match &text {
            Ok(Some(_)) => Outcome::Done,
            Ok(None) => Outcome::NotFound,
            Err(_) => Outcome::Failed,
        };
        access::record(&mut transaction, access, Action::Read, &[Field::Reason], &[(Some(member), outcome)])
            .await?;
        transaction.commit().await?;
        text
    }
}

/// A text; without her key there is none.
fn opened(member: MemberId, cipher: Option<&MemberCipher>, sealed: &[u8]) -> Result<String, VaultError> {
    let plain = cipher.and_then(|cipher| cipher.open(Field::Reason, sealed).ok());
    let text = plain.and_then(|plain| String::from_utf8(plain).ok());
    text.ok_or(VaultError::Unreadable { member, field: Field::Reason })
}
