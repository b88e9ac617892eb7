//! How often a wrong coupon code may be tried. Rule C2.
//!
//! Why it is right: a place is taken *before* the code is tried, and given back when it was not a wrong one, so no number of
//! tries at once gets past a window. Windows are short, so that whoever fills one on purpose closes a till for a minute at
//! most. They are counted in the database, by all processes together, on the machine's clock; see `send_limits.rs`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ledger_core::ids::{BusinessId, MemberId};
use sqlx::PgPool;

use super::send_limits::{Window, take_one};
use crate::error::VaultError;
use crate::index::{BlindIndex, BlindIndexer};

/// The limits of wrong codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryLimits {
    /// At one business in all.
    pub per_business: Window,
    /// For one member at one business: another business's mistakes are not hers.
    pub per_member: [Window; 2],
}

impl TryLimits {
    /// 60 a minute at a business; 5 a minute and 20 an hour for a member there. `factor` times as many where the
    /// installation's clock jumps.
    pub const fn standard(factor: i32) -> Self {
        const fn window(seconds: i32, hits_max: i32, factor: i32) -> Window {
            Window { seconds, hits_max: hits_max.saturating_mul(factor) }
        }
        Self {
            per_business: window(60, 60, factor),
            per_member: [window(60, 5, factor), window(3_600, 20, factor)],
        }
    }
}

/// Tries of coupon codes. Cheap to clone.
#[derive(Clone)]
pub struct CodeTries {
    pool: PgPool,
    index: Arc<BlindIndexer>,
}

impl CodeTries {
    pub(crate) fn new(pool: PgPool, index: Arc<BlindIndexer>) -> Self {
        Self { pool, index }
    }

    fn windows(
        &self,
        limits: &TryLimits,
        business: BusinessId,
        member: MemberId,
    ) -> [(BlindIndex, Window); 3] {
        let (at, hers) = (self.index.tries_at(business), self.index.tries_of(business, member));
        let [short, long] = limits.per_member;
        [(at, limits.per_business), (hers, short), (hers, long)]
    }

    /// Takes a place in every window, or none.
    ///
    /// # Errors
    /// [`VaultError::SendLimit`] when one is full.
    pub async fn take(
        &self,
        limits: &TryLimits,
        business: BusinessId,
        member: MemberId,
        machine_now: DateTime<Utc>,
    ) -> Result<(), VaultError> {
        let mut transaction = self.pool.begin().await?;
        for (subject, window) in self.windows(limits, business, member) {
            take_one(&mut transaction, &subject, window, machine_now).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Gives the places of a try back that was not wrong.
    ///
    /// # Errors
    /// [`VaultError`] of the database.
    pub async fn give_back(
        &self,
        limits: &TryLimits,
        business: BusinessId,
        member: MemberId,
    ) -> Result<(), VaultError> {
        let mut transaction = self.pool.begin().await?;
        for (subject, window) in self.windows(limits, business, member) {
            // A window of nothing is none: it opens with its next hit.
            sqlx::query(
                "WITH gone AS (DELETE FROM auth.send_windows
                               WHERE subject = $1 AND window_seconds = $2 AND used = 1 RETURNING used)
                 UPDATE auth.send_windows SET used = used - 1
                 WHERE subject = $1 AND window_seconds = $2 AND used > 1 AND NOT EXISTS (SELECT FROM gone)",
            )
            .bind(subject.as_bytes())
            .bind(window.seconds)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
