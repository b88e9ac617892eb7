//! What a coupon says in words, and the codes of coupons: sealed with the member's key, so they go with her. Rule C2.
//!
//! Why a code is one member's alone: its keyed hash is a primary key, so of two processes that draw the same code at once one
//! is told to draw again. It is given back when nothing came of it, else kept past its life ([`Members::purge_codes`]).

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use ledger_core::ids::{MemberId, ReasonId};
use uuid::Uuid;

use super::Members;
use super::profile::lock_active;
use crate::access::{self, Access, Action, Outcome};
use crate::cipher::{Field, MemberCipher};
use crate::error::VaultError;
use crate::random;

/// Digits and capitals that nobody takes for one another: no `0`, `O`, `1`, `I`, `L`.
const ALPHABET: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
/// How many characters a code has.
const CODE_CHARS: usize = 6;

/// What is written about some coupons of one member.
#[derive(Debug, Default)]
pub struct CouponWords {
    /// Texts by their ids.
    pub texts: HashMap<ReasonId, String>,
    /// Codes by their keyed hashes.
    pub codes: HashMap<[u8; 32], String>,
}

/// A fresh code, every one equally likely.
///
/// # Errors
/// [`VaultError::Keys`] without randomness.
pub fn draw_code() -> Result<String, VaultError> {
    let limit = u32::try_from(ALPHABET.len()).unwrap_or(u32::MAX);
    let mut code = String::with_capacity(CODE_CHARS);
    for _ in 0..CODE_CHARS {
        let drawn = usize::try_from(random::below(limit)?).unwrap_or_default();
        code.extend(ALPHABET.get(drawn).map(|letter| char::from(*letter)));
    }
    Ok(code)
}

impl Members {
    /// Keeps a code for an active member; false when it is somebody's already.
    ///
    /// # Errors
    /// [`VaultError::UnknownMember`]; [`VaultError::Unreadable`] when her key is gone.
    pub async fn keep_code(
        &self,
        member: MemberId,
        hash: &[u8; 32],
        code: &str,
        good_until: DateTime<Utc>,
        access: &Access,
    ) -> Result<bool, VaultError> {
        let mut transaction = self.pool.begin().await?;
        if !lock_active(&mut transaction, member).await? {
            return Err(VaultError::UnknownMember);
        }
        let cipher = self.stored_cipher(&mut transaction, member).await?;
        let cipher = cipher.ok_or(VaultError::Unreadable { member, field: Field::CouponCode })?;
        let sealed = cipher.seal(Field::CouponCode, code.as_bytes())?;
        let kept = sqlx::query(
            "INSERT INTO vault.coupon_codes (code_hash, member_id, sealed, good_until) VALUES ($1, $2, $3, $4)
             ON CONFLICT (code_hash) DO NOTHING",
        )
        .bind(hash.as_slice())
        .bind(member.as_uuid())
        .bind(sealed)
        .bind(good_until)
        .execute(&mut *transaction)
        .await?;
        let done = [(Some(member), Outcome::Done)];
        access::record(&mut transaction, access, Action::Write, &[Field::CouponCode], &done).await?;
        transaction.commit().await?;
        Ok(kept.rows_affected() == 1)
    }

    /// Gives a code back that nothing came of.
    ///
    /// # Errors
    /// [`VaultError`] of the database.
    pub async fn forget_code(
        &self,
        member: MemberId,
        hash: &[u8; 32],
        access: &Access,
    ) -> Result<(), VaultError> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("DELETE FROM vault.coupon_codes WHERE code_hash = $1 AND member_id = $2")
            .bind(hash.as_slice())
            .bind(member.as_uuid())
            .execute(&mut *transaction)
            .await?;
        let done = [(Some(member), Outcome::Done)];
        access::record(&mut transaction, access, Action::Delete, &[Field::CouponCode], &done).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Forgets codes that ended before `cutoff`; gives their number.
    ///
    /// # Errors
    /// [`VaultError`] of the database.
    pub async fn purge_codes(&self, cutoff: DateTime<Utc>, access: &Access) -> Result<u64, VaultError> {
        let mut transaction = self.pool.begin().await?;
        let removed: Vec<Uuid> =
            sqlx::query_scalar("DELETE FROM vault.coupon_codes WHERE good_until < $1 RETURNING member_id")
                .bind(cutoff)
                .fetch_all(&mut *transaction)
                .await?;
        let done: Vec<_> =
            removed.iter().map(|member| (Some(MemberId::from_uuid(*member)), Outcome::Done)).collect();
        access::record(&mut transaction, access, Action::Delete, &[Field::CouponCode], &done).await?;
        transaction.commit().await?;
        Ok(u64::try_from(done.len()).unwrap_or(u64::MAX))
    }

    /// The texts and codes of some coupons of hers, as far as they are there.
    ///
    /// # Errors
    /// [`VaultError::Unreadable`] when one does not open with her key; [`VaultError::Keys`] when that cannot be had.
    pub async fn coupon_words(
        &self,
        member: MemberId,
        texts: &[ReasonId],
        codes: &[[u8; 32]],
        access: &Access,
    ) -> Result<CouponWords, VaultError> {
        if texts.is_empty() && codes.is_empty() {
            return Ok(CouponWords::default());
        }
        let mut transaction = self.pool.begin().await?;
        let sealed: Vec<(Uuid, Vec<u8>)> = sqlx::query_as(
            "SELECT reason_id, sealed FROM vault.reasons WHERE member_id = $1 AND reason_id = ANY($2)",
        )
        .bind(member.as_uuid())
        .bind(texts.iter().map(ReasonId::as_uuid).collect::<Vec<Uuid>>())
        .fetch_all(&mut *transaction)
        .await?;
        let sealed_codes: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT code_hash, sealed FROM vault.coupon_codes WHERE member_id = $1 AND code_hash = ANY($2)",
        )
        .bind(member.as_uuid())
        .bind(codes.iter().map(|hash| hash.to_vec()).collect::<Vec<Vec<u8>>>())
        .fetch_all(&mut *transaction)
        .await?;
        let cipher = self.tried_cipher(&mut transaction, member).await?.map_err(VaultError::from);
        let words = cipher.and_then(|cipher| opened(member, cipher.as_ref(), &sealed, &sealed_codes));
        let outcome = if words.is_ok() { Outcome::Done } else { Outcome::Failed };
        let fields = [Field::Reason, Field::CouponCode];
        access::record(&mut transaction, access, Action::Read, &fields, &[(Some(member), outcome)]).await?;
        transaction.commit().await?;
        words
    }
}

fn opened(
    member: MemberId,
    cipher: Option<&MemberCipher>,
    sealed: &[(Uuid, Vec<u8>)],
    sealed_codes: &[(Vec<u8>, Vec<u8>)],
) -> Result<CouponWords, VaultError> {
    let open = |field: Field, sealed: &[u8]| {
        let plain = cipher.and_then(|cipher| cipher.open(field, sealed).ok());
        let text = plain.and_then(|plain| String::from_utf8(plain).ok());
        text.ok_or(VaultError::Unreadable { member, field })
    };
    let mut words = CouponWords::default();
    for (id, sealed) in sealed {
        words.texts.insert(ReasonId::from_uuid(*id), open(Field::Reason, sealed)?);
    }
    for (hash, sealed) in sealed_codes {
        let hash = <[u8; 32]>::try_from(hash.as_slice());
        let hash = hash.map_err(|_| VaultError::CorruptRow { table: "vault.coupon_codes" })?;
        words.codes.insert(hash, open(Field::CouponCode, sealed)?);
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_c2_a_code_has_six_characters_that_nobody_takes_for_one_another() {
        for _ in 0..1_000 {
            let code = draw_code().expect("randomness");
            assert_eq!(code.len(), CODE_CHARS, "{code}");
            assert!(code.bytes().all(|letter| ALPHABET.contains(&letter)), "{code}");
        }
        assert!(b"0O1IL".iter().all(|letter| !ALPHABET.contains(letter)));
    }
}
