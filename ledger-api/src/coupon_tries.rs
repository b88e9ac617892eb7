//! A purchase that names a coupon's code is a guess until the ledger says otherwise. Rule C2.
//!
//! A place among the wrong guesses is taken first and given back when the guess was right, or was not looked at. Who has no
//! place left learns nothing, not even of a right code; a document that was recorded before gets its answer all the same.

use ledger_core::ids::{BusinessId, MemberId, NaturalKey};
use ledger_core::rejection::Rejection;
use ledger_ops::clock::Clock;
use ledger_ops::settings::Profile;
use ledger_store::{ExecuteError, Receipt};
use metrics::counter;
use pii_vault::VaultError;
use pii_vault::auth::TryLimits;

use crate::call::Call;
use crate::intake::is_known;
use crate::problem::ApiError;

/// How many times the limits are wider where the clock jumps (the `dev` profile).
const DEV_FACTOR: i32 = 20;

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
        key: &NaturalKey,
        decide: impl FnOnce() -> F,
    ) -> Result<Receipt, ApiError>
    where
        F: Future<Output = Result<Receipt, ExecuteError>>,
    {
        let Self { business, member } = self;
        let limits = TryLimits::standard(if call.app.profile == Profile::Dev { DEV_FACTOR } else { 1 });
        let tries = call.app.vault.code_tries();
        match tries.take(&limits, business, member, Clock::machine_now().to_utc()).await {
            Ok(()) => {}
            Err(VaultError::SendLimit { .. }) if is_known(call, key.as_bytes()).await? => {
                return Ok(decide().await?);
            }
            Err(other) => return Err(other.into()),
        }
        let result = decide().await;
        if matches!(result, Err(ExecuteError::Refused(Rejection::CouponNotValid))) {
            counter!("coupon_codes_refused_total").increment(1);
        } else {
            tries.give_back(&limits, business, member).await?;
        }
        Ok(result?)
    }
}
