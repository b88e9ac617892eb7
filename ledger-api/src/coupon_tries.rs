//! A purchase that names a coupon's code is a guess until the ledger says otherwise. Rule C2.
//!
//! A place among the wrong guesses is taken first and given back when the guess was right, or was not looked at. Who has no
//! place left learns nothing, not even of a right code. A document that comes again word for word is no guess: it gets its
//! answer without a place; any other word about it is one, and so is a code that is held against a known document.

use ledger_core::ids::{BusinessId, MemberId};
use ledger_core::rejection::Rejection;
use ledger_ops::clock::Clock;
use ledger_ops::settings::Profile;
use ledger_store::{ExecuteError, Idempotency, Receipt};
use metrics::counter;
use pii_vault::auth::TryLimits;
use tokio::sync::Semaphore;

use crate::call::Call;
use crate::problem::{ApiError, Cause};

/// How many times the limits are wider where the clock jumps (the `dev` profile).
const DEV_FACTOR: i32 = 20;

/// Guesses that a process has decided at the same time: fewer than a business has places in a minute, so that right codes
/// that come together, in a batch or from many tills, do not use up the places of wrong ones.
static AT_ONCE: Semaphore = Semaphore::const_new(16);

/// A guess at one business, about one member.
pub(crate) struct Guess {
    /// Where.
    pub(crate) business: BusinessId,
    /// Whose coupons.
    pub(crate) member: MemberId,
}

impl Guess {
    /// Has the guess decided, if there is a place for it.
    pub(crate) async fn of<F>(
        self,
        call: &Call,
        repeat: &Idempotency,
        decide: impl FnOnce() -> F,
    ) -> Result<Receipt, ApiError>
    where
        F: Future<Output = Result<Receipt, ExecuteError>>,
    {
        let Self { business, member } = self;
        if is_replay(call, repeat).await? {
            return Ok(decide().await?);
        }
        let closed = |_| ApiError::Unavailable(Cause::Impossible("a semaphore that nobody closes is closed"));
        let _turn = AT_ONCE.acquire().await.map_err(closed)?;
        let limits = TryLimits::standard(if call.app.profile == Profile::Dev { DEV_FACTOR } else { 1 });
        let tries = call.app.vault.code_tries();
        tries.take(&limits, business, member, Clock::machine_now().to_utc()).await?;
        let result = decide().await;
        if let Err(ExecuteError::Refused(Rejection::CouponNotValid | Rejection::IdempotencyKeyReused)) =
            result
        {
            counter!("coupon_codes_refused_total").increment(1);
        } else {
            tries.give_back(&limits, business, member).await?;
        }
        Ok(result?)
    }
}

/// Whether this very document was answered before.
async fn is_replay(call: &Call, repeat: &Idempotency) -> Result<bool, ApiError> {
    let known = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM ledger.idempotency WHERE key = $1 AND revision = $2 AND fingerprint = $3)",
    );
    let known = known
        .bind(repeat.key.as_slice())
        .bind(i64::from(repeat.revision))
        .bind(repeat.fingerprint.as_slice());
    Ok(known.fetch_one(&call.app.log_pool).await?)
}
