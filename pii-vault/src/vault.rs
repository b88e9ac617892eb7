//! The door of the crate: one object per process, holding the pool and the installation's secrets.

use std::sync::Arc;

use sqlx::PgPool;

use crate::access::AccessLog;
use crate::auth::{
    ApiKeys, Approvals, CodeTries, Codes, DevOutbox, QrClaims, RefreshTokens, SecurityLog, SigningKeys, Staff,
};
use crate::erasure::Erasures;
use crate::error::VaultError;
use crate::index::BlindIndexer;
use crate::keys::{KeyProvider, SecretName};
use crate::members::Members;
use crate::rotation::KeyRotation;
use crate::words::Words;

/// Everything a service does with personal data and credentials. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    members: Members,
    codes: Codes,
    code_tries: CodeTries,
    outbox: DevOutbox,
    refresh_tokens: RefreshTokens,
    api_keys: ApiKeys,
    qr_claims: QrClaims,
    signing_keys: SigningKeys,
    staff: Staff,
    approvals: Approvals,
    security_log: SecurityLog,
    words: Words,
    erasures: Erasures,
    access_log: AccessLog,
    key_rotation: KeyRotation,
}

impl Vault {
    /// Fetches the named secrets and starts the task that answers look-ups in batches, so it must be called within a
    /// tokio runtime that lives as long as the vault is used. Whoever writes calls [`AccessLog::open`] first.
    ///
    /// # Errors
    /// [`VaultError::Keys`] when a secret cannot be had.
    pub async fn open(pool: PgPool, keys: Arc<dyn KeyProvider>) -> Result<Self, VaultError> {
        let index = Arc::new(BlindIndexer::new(&keys.secret(SecretName::BlindIndex).await?));
        let seal = keys.secret(SecretName::CodeSeal).await?;
        let mac = keys.secret(SecretName::CodeMac).await?;
        Ok(Self {
            members: Members::new(pool.clone(), Arc::clone(&keys), Arc::clone(&index)),
            code_tries: CodeTries::new(pool.clone(), Arc::clone(&index)),
            codes: Codes::new(pool.clone(), Arc::clone(&index), &mac, &seal)?,
            outbox: DevOutbox::new(pool.clone(), Arc::clone(&index), &seal)?,
            staff: Staff::new(pool.clone(), index, &seal)?,
            approvals: Approvals::new(pool.clone(), &seal)?,
            security_log: SecurityLog::new(pool.clone()),
            words: Words::new(pool.clone(), &seal)?,
            refresh_tokens: RefreshTokens::new(pool.clone()),
            api_keys: ApiKeys::new(pool.clone()),
            qr_claims: QrClaims::new(pool.clone()),
            erasures: Erasures::new(pool.clone()),
            access_log: AccessLog::new(pool.clone()),
            key_rotation: KeyRotation::new(pool.clone(), Arc::clone(&keys)),
            signing_keys: SigningKeys::new(pool, keys),
        })
    }

    /// Members' personal data and consents to partners as far as `phone_hash` needs them.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// What partners say in words about what is no member's.
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// Who is, or was, forgotten.
    pub fn erasures(&self) -> &Erasures {
        &self.erasures
    }

    /// Who did what to whose data.
    pub fn access_log(&self) -> &AccessLog {
        &self.access_log
    }

    /// Another key-encryption key.
    pub fn key_rotation(&self) -> &KeyRotation {
        &self.key_rotation
    }

    /// Confirming codes.
    pub fn codes(&self) -> &Codes {
        &self.codes
    }

    /// Tries of coupon codes.
    pub fn code_tries(&self) -> &CodeTries {
        &self.code_tries
    }

    /// What would have been sent by SMS; for the `dev` profile alone.
    pub fn dev_outbox(&self) -> &DevOutbox {
        &self.outbox
    }

    /// Accounts of staff.
    pub fn staff(&self) -> &Staff {
        &self.staff
    }

    /// What waits for a second person.
    pub fn approvals(&self) -> &Approvals {
        &self.approvals
    }

    /// What concerns security.
    pub fn security_log(&self) -> &SecurityLog {
        &self.security_log
    }

    /// Refresh tokens of members and staff.
    pub fn refresh_tokens(&self) -> &RefreshTokens {
        &self.refresh_tokens
    }

    /// API keys of partners and administrators.
    pub fn api_keys(&self) -> &ApiKeys {
        &self.api_keys
    }

    /// Single use of QR tokens.
    pub fn qr_claims(&self) -> &QrClaims {
        &self.qr_claims
    }

    /// Keys that sign access and QR tokens.
    pub fn signing_keys(&self) -> &SigningKeys {
        &self.signing_keys
    }
}
