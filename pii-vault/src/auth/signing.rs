//! RSA keys that sign tokens (RS256), stored wrapped; every process of an installation uses the same ones.
//!
//! Why it is right: whoever starts first makes the key under an advisory lock; the others wait for that transaction and
//! read its row. The id is bound to the wrapped form, so rows cannot be exchanged.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::error::VaultError;
use crate::keys::{KeyError, KeyProvider, Secret, WrappedKey};
use crate::random;

/// A key pair that signs tokens. Shows nothing of its private half.
#[derive(Clone)]
pub struct SigningKey {
    /// `kid` of the tokens it signs and of its entry in the JWKS.
    pub key_id: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when it signs nothing new; tokens it signed may still be valid.
    pub retired_at: Option<DateTime<Utc>>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    pkcs8: Secret,
}

impl SigningKey {
    /// The private key as PKCS#8 PEM, for the one who signs.
    pub fn expose_pem(&self) -> Secret {
        let text = STANDARD.encode(self.pkcs8.expose());
        let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
        for (place, digit) in text.chars().enumerate() {
            if place > 0 && place % 64 == 0 {
                pem.push('\n');
            }
            pem.push(digit);
        }
        pem.push_str("\n-----END PRIVATE KEY-----\n");
        Secret::new(pem.into_bytes())
    }

    /// JWK `n`: the modulus, big-endian, base64url without padding.
    pub fn jwk_n(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.modulus)
    }

    /// JWK `e`: the public exponent, big-endian, base64url without padding.
    pub fn jwk_e(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.exponent)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// Signing keys of an installation. Cheap to clone.
#[derive(Clone)]
pub struct SigningKeys {
    pool: PgPool,
    keys: Arc<dyn KeyProvider>,
}

impl SigningKeys {
    pub(crate) fn new(pool: PgPool, keys: Arc<dyn KeyProvider>) -> Self {
        Self { pool, keys }
    }

    /// All keys, the newest first; makes the first one if none signs yet. The first of the list signs, all verify.
    ///
    /// # Errors
    /// [`VaultError::Keys`], [`VaultError::CorruptRow`], `Unavailable`, `Database`.
    pub async fn ensure(&self, now: DateTime<Utc>) -> Result<Vec<SigningKey>, VaultError> {
        let there = self.list().await?;
        if there.iter().any(|key| key.retired_at.is_none()) {
            return Ok(there);
        }
        let mut transaction = self.pool.begin().await?;
        sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('auth.signing_keys', 0))")
            .execute(&mut *transaction)
            .await?;
        let made_by_another = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM auth.signing_keys WHERE retired_at IS NULL) AS "exists!""#
        )
        .fetch_one(&mut *transaction)
        .await?;
        if !made_by_another {
            self.make(&mut transaction, now).await?;
        }
        transaction.commit().await?;
        self.list().await
    }

    /// All keys: those that sign before retired ones, the newest first.
    ///
    /// # Errors
    /// As [`SigningKeys::ensure`].
    pub async fn list(&self) -> Result<Vec<SigningKey>, VaultError> {
        let rows = sqlx::query!(
            "SELECT key_id, kek_id, wrapped, modulus, exponent, created_at, retired_at FROM auth.signing_keys
             ORDER BY retired_at IS NOT NULL, created_at DESC, key_id"
        )
        .fetch_all(&self.pool)
        .await?;
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows {
            let wrapped = WrappedKey { kek_id: row.kek_id, bytes: row.wrapped };
            let pkcs8 = self.keys.unwrap(&wrapped, &context(&row.key_id)).await?;
            keys.push(SigningKey {
                key_id: row.key_id,
                created_at: row.created_at,
                retired_at: row.retired_at,
                modulus: row.modulus,
                exponent: row.exponent,
                pkcs8,
            });
        }
        Ok(keys)
    }

    async fn make(&self, connection: &mut PgConnection, now: DateTime<Utc>) -> Result<(), VaultError> {
        // Finding primes takes a noticeable part of a second: not on a thread that serves requests.
        let pair = tokio::task::spawn_blocking(|| KeyPair::generate(KeySize::Rsa2048)).await;
        let pair = pair.ok().and_then(Result::ok).ok_or(KeyError::NoRandomness)?;
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::NoRandomness)?;
        let key_id = random::uuid()?.simple().to_string();
        let wrapped = self.keys.wrap(pkcs8.as_ref(), &context(&key_id)).await?;
        sqlx::query!(
            "INSERT INTO auth.signing_keys (key_id, kek_id, wrapped, modulus, exponent, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            key_id,
            wrapped.kek_id,
            wrapped.bytes,
            pair.public_key().modulus().big_endian_without_leading_zero(),
            pair.public_key().exponent().big_endian_without_leading_zero(),
            now,
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// What binds a signing key to its id.
pub(crate) fn context(key_id: &str) -> Vec<u8> {
    [b"signing-key\0", key_id.as_bytes()].concat()
}
