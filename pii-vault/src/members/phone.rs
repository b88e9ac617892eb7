//! Another phone for a member.
//!
//! Why it is right: the unique index on the phone's blind index decides whose a phone is, as it does for registrations. The old
//! phone's hashes go in the same transaction, so no partner finds her by a number that may soon be somebody else's;
//! [`Members::index_anew`] makes those of the new one, under the locks that keep partners' keys in step.

use ledger_core::ids::MemberId;

use super::{Members, profile, write_fields};
use crate::access::{self, Access, Action, Outcome};
use crate::auth;
use crate::cipher::Field;
use crate::error::VaultError;
use crate::phone::Phone;

/// The constraint that says whose a phone is.
const ONE_OWNER: &str = "members_phone_index_key";

impl Members {
    /// Makes `phone` the one that finds her. One transaction; may be repeated.
    ///
    /// # Errors
    /// [`VaultError::PhoneTaken`] when it is another's, or another registers with it just now;
    /// [`VaultError::UnknownMember`] when she has no active row.
    pub async fn change_phone(
        &self,
        member: MemberId,
        phone: &Phone,
        access: &Access,
    ) -> Result<(), VaultError> {
        let index = self.index.phone(phone);
        let mut transaction = self.pool.begin().await?;
        if !profile::lock_active(&mut transaction, member).await? {
            return Err(VaultError::UnknownMember);
        }
        let cipher = self.stored_cipher(&mut transaction, member).await?;
        let cipher = cipher.ok_or(VaultError::Unreadable { member, field: Field::Phone })?;
        let old = sqlx::query_scalar!(
            "SELECT phone_index FROM vault.members WHERE member_id = $1 AND phone_index <> $2",
            member.as_uuid(),
            index.as_bytes(),
        )
        .fetch_all(&mut *transaction)
        .await?;
        let changed = sqlx::query!(
            "UPDATE vault.members SET phone_index = $2 WHERE member_id = $1",
            member.as_uuid(),
            index.as_bytes(),
        )
        .execute(&mut *transaction)
        .await;
        changed.map_err(|error| match error.as_database_error().and_then(|cause| cause.constraint()) {
            Some(ONE_OWNER) => VaultError::PhoneTaken,
            _ => VaultError::from(error),
        })?;
        // Her erasure would not find by her new phone what was sent to the old one.
        auth::forget_phones(&mut transaction, &old).await?;
        let values = [(Field::Phone, phone.expose().to_owned())];
        write_fields(&mut transaction, &cipher, member, &values, access.at).await?;
        sqlx::query!(
            "UPDATE vault.partner_members SET phone_hash = NULL WHERE member_id = $1 AND phone_hash IS NOT NULL",
            member.as_uuid()
        )
        .execute(&mut *transaction)
        .await?;
        let outcome = [(Some(member), Outcome::Done)];
        access::record(&mut transaction, access, Action::Write, &[Field::Phone], &outcome).await?;
        transaction.commit().await?;
        Ok(())
    }
}
