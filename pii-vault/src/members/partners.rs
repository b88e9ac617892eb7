//! The `phone_hash` index: which members a business may name by hash.
//!
//! A row per (business, member) says whether she consents; its hash is filled when the business has a key.
//!
//! Why it is right:
//! 1. Making a key and noting a consent of the same business exclude each other by an advisory lock, so a consent that
//!    comes first is indexed by the key, and one that comes later indexes itself.
//! 2. A withdrawal leaves a row without a hash. A list of members that is older than the withdrawal adds only those who
//!    have no row yet, so it never brings her back.
//! 3. Every note says which position of the log it is as of, and an older one changes nothing: notes of calls that race
//!    may come in any order.
//! 4. A new key replaces every hash of the old one in the same transaction.
//!
//! Consents as facts are events of the ledger; callers repeat [`Members::partner_consents`] after each of them.

use chrono::{DateTime, Utc};
use ledger_core::ids::{BusinessId, MemberId};
use ledger_core::log::Position;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Members;
use crate::access::{self, Access, Action, Outcome};
use crate::cipher::{Field, MemberCipher};
use crate::error::VaultError;
use crate::index::PhoneKey;
use crate::keys::{Secret, WrappedKey};
use crate::phone::Phone;
use crate::random;

/// What the ledger now says about a member and a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartnerConsent {
    /// Consent was given: her phone's hash becomes known to look-ups of this business.
    Granted,
    /// Consent was withdrawn: the hash is removed.
    Withdrawn,
}

impl Members {
    /// Makes a new key for a business's `phone_hash` and indexes everybody who consents to it: those noted by
    /// [`Members::partner_consents`] and those in `consenting` not noted yet. An older key of the business stops working.
    ///
    /// # Errors
    /// [`VaultError::Keys`], `Unavailable`, `Database`. Members without an active row are left out.
    pub async fn create_phone_key(
        &self,
        business: BusinessId,
        consenting: &[MemberId],
        access: &Access,
    ) -> Result<PhoneKey, VaultError> {
        let secret = Secret::new(random::bytes::<32>()?.to_vec());
        let wrapped = self.keys.wrap(secret.expose(), &phone_key_context(business)).await?;
        let key = PhoneKey::new(secret);
        let mut transaction = self.pool.begin().await?;
        lock_business(&mut transaction, business).await?;
        sqlx::query!(
            "INSERT INTO vault_keys.phone_keys (business_id, kek_id, wrapped, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (business_id) DO UPDATE
             SET kek_id = EXCLUDED.kek_id, wrapped = EXCLUDED.wrapped, created_at = EXCLUDED.created_at",
            business.as_uuid(),
            wrapped.kek_id,
            wrapped.bytes,
            access.at,
        )
        .execute(&mut *transaction)
        .await?;
        note_older_consents(&mut transaction, business, consenting, access.at).await?;
        self.index_everybody(&mut transaction, business, &key, access).await?;
        transaction.commit().await?;
        Ok(key)
    }

    /// Notes what stood at `as_of` of one member's consents to partners, and keeps the hashes in step. One transaction;
    /// may be repeated, and come after a later one. Name each business once.
    ///
    /// # Errors
    /// [`VaultError::UnknownMember`] when she has no active row.
    pub async fn partner_consents(
        &self,
        member: MemberId,
        consents: &[(BusinessId, PartnerConsent)],
        as_of: Position,
        access: &Access,
    ) -> Result<(), VaultError> {
        let mut transaction = self.pool.begin().await?;
        let businesses: Vec<Uuid> = consents.iter().map(|(business, _)| business.as_uuid()).collect();
        share_businesses(&mut transaction, &businesses).await?;
        if !super::profile::lock_active(&mut transaction, member).await? {
            return Err(VaultError::UnknownMember);
        }
        note(&mut transaction, member, consents, as_of, access.at).await?;
        let granted = consents.iter().filter(|(_, consent)| *consent == PartnerConsent::Granted);
        let granted: Vec<Uuid> = granted.map(|(business, _)| business.as_uuid()).collect();
        self.index_one(&mut transaction, member, &granted, access).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Makes the hashes of a member whose phone changed anew, for every business she consents to. One transaction; may be
    /// repeated.
    ///
    /// # Errors
    /// [`VaultError::UnknownMember`] when she has no active row.
    pub async fn index_anew(&self, member: MemberId, access: &Access) -> Result<(), VaultError> {
        let mut transaction = self.pool.begin().await?;
        // A consent that comes after this list is indexed by its own note, which reads the phone after this.
        let granted = sqlx::query_scalar!(
            "SELECT business_id FROM vault.partner_members WHERE member_id = $1 AND granted",
            member.as_uuid()
        )
        .fetch_all(&mut *transaction)
        .await?;
        share_businesses(&mut transaction, &granted).await?;
        if !super::profile::lock_active(&mut transaction, member).await? {
            return Err(VaultError::UnknownMember);
        }
        self.index_one(&mut transaction, member, &granted, access).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Her hashes at those of the businesses that have a key; their keys are kept as they are, and her row is locked.
    async fn index_one(
        &self,
        connection: &mut PgConnection,
        member: MemberId,
        businesses: &[Uuid],
        access: &Access,
    ) -> Result<(), VaultError> {
        for (business, key) in self.stored_phone_keys(&mut *connection, businesses).await? {
            self.index_members(&mut *connection, business, &[member.as_uuid()], &key, access).await?;
        }
        Ok(())
    }

    async fn stored_phone_keys(
        &self,
        connection: &mut PgConnection,
        businesses: &[Uuid],
    ) -> Result<Vec<(BusinessId, PhoneKey)>, VaultError> {
        let rows = sqlx::query!(
            "SELECT business_id, kek_id, wrapped FROM vault_keys.phone_keys WHERE business_id = ANY($1)",
            businesses
        )
        .fetch_all(connection)
        .await?;
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows {
            let business = BusinessId::from_uuid(row.business_id);
            let wrapped = WrappedKey { kek_id: row.kek_id, bytes: row.wrapped };
            let secret = self.keys.unwrap(&wrapped, &phone_key_context(business)).await?;
            keys.push((business, PhoneKey::new(secret)));
        }
        Ok(keys)
    }

    async fn index_everybody(
        &self,
        connection: &mut PgConnection,
        business: BusinessId,
        key: &PhoneKey,
        access: &Access,
    ) -> Result<(), VaultError> {
        // The old key's hashes go first: none of them may survive, whoever can or cannot be hashed anew.
        sqlx::query!(
            "UPDATE vault.partner_members SET phone_hash = NULL WHERE business_id = $1 AND phone_hash IS NOT NULL",
            business.as_uuid()
        )
        .execute(&mut *connection)
        .await?;
        let people = sqlx::query_scalar!(
            "SELECT member_id FROM vault.partner_members WHERE business_id = $1 AND granted",
            business.as_uuid()
        )
        .fetch_all(&mut *connection)
        .await?;
        for people in people.chunks(super::LOOK_UPS_MAX) {
            self.index_members(connection, business, people, key, access).await?;
        }
        Ok(())
    }

    /// Opens the phones of these members and stores their hashes, logging one read for each.
    async fn index_members(
        &self,
        connection: &mut PgConnection,
        business: BusinessId,
        people: &[Uuid],
        key: &PhoneKey,
        access: &Access,
    ) -> Result<(), VaultError> {
        let rows = sqlx::query!(
            "SELECT member_id, one.sealed, key.kek_id, key.wrapped
             FROM vault.member_fields AS one JOIN vault_keys.member_keys AS key USING (member_id)
             WHERE one.field = 'phone' AND member_id = ANY($1)",
            people
        )
        .fetch_all(&mut *connection)
        .await?;
        let (mut ids, mut hashes, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            let member = MemberId::from_uuid(row.member_id);
            let wrapped = WrappedKey { kek_id: row.kek_id, bytes: row.wrapped };
            let cipher = self.unwrap_cipher(member, &wrapped).await?;
            let phone = open_phone(&cipher, &row.sealed).ok_or(unreadable(member))?;
            ids.push(row.member_id);
            hashes.push(key.hash(&phone).as_bytes().to_vec());
            outcomes.push((Some(member), Outcome::Done));
        }
        sqlx::query!(
            "UPDATE vault.partner_members AS partner SET phone_hash = one.phone_hash
             FROM UNNEST($2::uuid[], $3::bytea[]) AS one (member_id, phone_hash)
             WHERE partner.business_id = $1 AND partner.member_id = one.member_id AND partner.granted",
            business.as_uuid(),
            &ids,
            &hashes,
        )
        .execute(&mut *connection)
        .await?;
        access::record(connection, access, Action::Read, &[Field::Phone], &outcomes).await
    }
}

fn unreadable(member: MemberId) -> VaultError {
    VaultError::Unreadable { member, field: Field::Phone }
}

fn open_phone(cipher: &MemberCipher, sealed: &[u8]) -> Option<Phone> {
    let plain = String::from_utf8(cipher.open(Field::Phone, sealed).ok()?).ok()?;
    Phone::parse(&plain).ok()
}

/// What binds the key shared with a business to it.
pub(crate) fn phone_key_context(business: BusinessId) -> Vec<u8> {
    [b"phone-key\0".as_slice(), business.as_uuid().as_bytes()].concat()
}

fn lock_name(business: BusinessId) -> String {
    format!("phone-key:{business}")
}

/// Keeps everybody's consents to this business out while its key is made.
async fn lock_business(connection: &mut PgConnection, business: BusinessId) -> Result<(), VaultError> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", lock_name(business))
        .execute(connection)
        .await?;
    Ok(())
}

/// Keeps new keys of these businesses out while consents are noted; members do not wait for one another. A key holds
/// one such lock alone, so no order of taking them can lock two calls against each other.
async fn share_businesses(connection: &mut PgConnection, businesses: &[Uuid]) -> Result<(), VaultError> {
    let names: Vec<String> = businesses.iter().map(|id| lock_name(BusinessId::from_uuid(*id))).collect();
    sqlx::query!(
        "SELECT pg_advisory_xact_lock_shared(hashtextextended(name, 0)) FROM UNNEST($1::text[]) AS one (name)",
        &names
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn note(
    connection: &mut PgConnection,
    member: MemberId,
    consents: &[(BusinessId, PartnerConsent)],
    as_of: Position,
    at: DateTime<Utc>,
) -> Result<(), VaultError> {
    let (businesses, granted): (Vec<Uuid>, Vec<bool>) = consents
        .iter()
        .map(|(business, consent)| (business.as_uuid(), *consent == PartnerConsent::Granted))
        .unzip();
    sqlx::query!(
        "INSERT INTO vault.partner_members (business_id, member_id, granted, changed_at, as_of)
         SELECT one.business_id, $1, one.granted, $2, $5
         FROM UNNEST($3::uuid[], $4::bool[]) AS one (business_id, granted)
         ON CONFLICT (business_id, member_id) DO UPDATE
         SET granted = EXCLUDED.granted, changed_at = EXCLUDED.changed_at, as_of = EXCLUDED.as_of,
             phone_hash = CASE WHEN EXCLUDED.granted THEN partner_members.phone_hash END
         WHERE partner_members.as_of <= EXCLUDED.as_of",
        member.as_uuid(),
        at,
        &businesses,
        &granted,
        as_of,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds those of an older list who have no row; a row of theirs is newer than the list.
async fn note_older_consents(
    connection: &mut PgConnection,
    business: BusinessId,
    consenting: &[MemberId],
    at: DateTime<Utc>,
) -> Result<(), VaultError> {
    let people: Vec<Uuid> = consenting.iter().map(|member| member.as_uuid()).collect();
    sqlx::query!(
        "INSERT INTO vault.partner_members (business_id, member_id, granted, changed_at, as_of)
         SELECT $1, member_id, true, $3, 0 FROM vault.members WHERE member_id = ANY($2) AND state = 'active'
         ON CONFLICT (business_id, member_id) DO NOTHING",
        business.as_uuid(),
        &people,
        at,
    )
    .execute(connection)
    .await?;
    Ok(())
}
