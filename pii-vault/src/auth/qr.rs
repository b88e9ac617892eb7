//! Single use of QR tokens.
//!
//! A token is claimed *for* a request, named by its claimant (the HMAC of the purchase's natural key): when the request
//! is cut off and comes again it finds its own claim and goes on, while any other request is refused.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::error::VaultError;

/// What came of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QrClaim {
    /// The token is this request's, now or since an earlier try of the same request.
    Granted,
    /// Another request used the token.
    UsedByOther,
}

/// Claims of QR tokens. Cheap to clone.
#[derive(Clone)]
pub struct QrClaims {
    pool: PgPool,
}

impl QrClaims {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Claims the token `jti` for `claimant` (1 to 64 bytes naming the request). One statement: of several requests at
    /// once one gets it. `expires_at` is the token's own expiry, which the caller has checked.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn claim(
        &self,
        jti: Uuid,
        claimant: &[u8],
        expires_at: DateTime<Utc>,
    ) -> Result<QrClaim, VaultError> {
        let granted = sqlx::query_scalar!(
            "INSERT INTO auth.qr_used AS old (jti, claimant, expires_at) VALUES ($1, $2, $3)
             ON CONFLICT (jti) DO UPDATE SET claimant = old.claimant WHERE old.claimant = EXCLUDED.claimant
             RETURNING jti",
            jti,
            claimant,
            expires_at,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(if granted.is_some() { QrClaim::Granted } else { QrClaim::UsedByOther })
    }

    /// Forgets claims of tokens that expired before `cutoff`; gives their number.
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn purge(&self, cutoff: DateTime<Utc>) -> Result<u64, VaultError> {
        let removed = sqlx::query!("DELETE FROM auth.qr_used WHERE expires_at < $1", cutoff);
        Ok(removed.execute(&self.pool).await?.rows_affected())
    }
}
