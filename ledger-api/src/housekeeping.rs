//! What a process does beside requests: new signing keys, old codes and tokens, registrations that a crash cut in half, the
//! seals of the access log.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use ledger_core::ids::MemberId;
use ledger_ops::clock::Clock;
use ledger_ops::settings::Profile;
use ledger_store::StoreError;
use pii_vault::VaultError;
use pii_vault::access::{Access, AccessSeal, Accessor, Purpose};
use uuid::Uuid;

use crate::app::App;
use crate::auth::TokenKeys;
use crate::erasure;
use crate::joining::settle_as_logged;
use crate::problem::{ApiError, Cause};
use crate::read;
use crate::retention;

/// How often signing keys are read again, and registrations finished.
const ROUND: Duration = Duration::from_secs(30);
/// How often the access log is sealed.
const SEALING: Duration = Duration::from_secs(5);
/// After how many rounds what is old is removed: every hour.
const ROUNDS: u32 = 120;
/// Pending members asked for at once.
const PENDING_MAX: u32 = 1_000;

/// Keeps house for ever, from the start on. What fails is done in the next round.
pub(crate) async fn run(app: Arc<App>) {
    let mut round = 0_u32;
    loop {
        if let Ok(keys) = app.vault.signing_keys().list().await {
            match TokenKeys::new(&keys) {
                Ok(keys) => app.tokens.replace(keys),
                Err(_) => tracing::error!("the vault's signing keys cannot be used"),
            }
        }
        let is_hour = round.is_multiple_of(ROUNDS);
        if is_hour && let Err(error) = forget(&app).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "old credentials were not removed");
        }
        if let Err(error) = erasure::go_on(&app).await {
            error.log_cause("housekeeping");
        }
        if is_hour && let Err(error) = erasure::agree(&app).await {
            error.log_cause("housekeeping");
        }
        if let Err(error) = watch_requests(&app, is_hour).await {
            error.log_cause("housekeeping");
        }
        if let Err(error) = finish_registrations(&app, is_hour).await {
            error.log_cause("housekeeping");
        }
        round = round.wrapping_add(1);
        tokio::time::sleep(ROUND).await;
    }
}

/// Tells by metrics how many demands of members wait for an answer, and how many beyond their terms: somebody should be woken.
async fn watch_requests(app: &App, tell: bool) -> Result<(), ApiError> {
    let (open, overdue) = read::requests::waiting(app).await?;
    let count = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    metrics::gauge!("subject_requests", "state" => "open").set(count(open));
    metrics::gauge!("subject_requests", "state" => "overdue").set(count(overdue));
    if tell && overdue > 0 {
        tracing::error!(requests = overdue, "demands of members were not answered in their terms");
    }
    Ok(())
}

async fn forget(app: &App) -> Result<(), VaultError> {
    let now = app.clock.now().to_utc();
    let machine_days_ago = Clock::machine_now().to_utc() - retention::LIMITS.term();
    app.vault.codes().purge(now - retention::CODES.term(), machine_days_ago).await?;
    app.vault.refresh_tokens().purge(now - retention::SESSIONS.term()).await?;
    app.vault.qr_claims().purge(now - retention::SCANS.term()).await?;
    // As long as somebody may ask again for the answer that had it.
    let access = system(app, Purpose::Coupons);
    app.vault.members().purge_codes(now - retention::COUPON_CODES.term(), &access).await?;
    app.vault.erasures().purge(now - retention::PAPERS.term()).await?;
    Ok(())
}

/// The log decides: who is registered there is settled, at whatever age, since that is what her registration would do if it
/// still runs. Who is not after a day never will be, and is removed when `discard` says so. In the `dev` profile the clock
/// jumps, so a registration under way may look a day old: nobody is removed.
async fn finish_registrations(app: &App, discard: bool) -> Result<(), ApiError> {
    let now = app.clock.now().to_utc();
    let members = app.vault.members();
    let access = system(app, Purpose::Recovery);
    let mut after = MemberId::from_uuid(Uuid::nil());
    loop {
        let pending = members.pending_after(after, PENDING_MAX).await?;
        let Some(last) = pending.last() else { return Ok(()) };
        after = *last;
        for member in pending {
            match settle_as_logged(app, member, &access).await {
                Ok(true) => {
                    tracing::info!(member.id = %member, "a registration that had stopped is finished")
                }
                Ok(false) if discard && app.profile == Profile::Production => {
                    members.discard(member, now - TimeDelta::days(1), &access).await?;
                }
                Ok(false) => {}
                // One that cannot be read keeps nobody else waiting.
                Err(error) if !is_away(&error) => error.log_cause("housekeeping"),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Seals the access log for ever, behind those who write it. The hash goes to the log of the service, which is kept elsewhere:
/// whoever changes the database cannot change it there.
pub(crate) async fn seal_accesses(app: Arc<App>) {
    loop {
        match app.vault.access_log().seal(app.clock.now().to_utc()).await {
            Ok(Some(AccessSeal { number, records, hash })) => {
                tracing::info!(seal = number, records, hash = hex::encode(hash), "the access log is sealed");
                metrics::gauge!("vault_access_seal").set(u32::try_from(number).unwrap_or(u32::MAX));
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the access log was not sealed");
            }
        }
        tokio::time::sleep(SEALING).await;
    }
}

fn system(app: &App, purpose: Purpose) -> Access {
    Access { by: Accessor::System, purpose, request_id: None, at: app.clock.now().to_utc() }
}

fn is_away(error: &ApiError) -> bool {
    match error {
        ApiError::Unavailable(Cause::Vault(cause)) => cause.is_retryable(),
        ApiError::Unavailable(Cause::Store(cause)) => matches!(cause, StoreError::Database(_)),
        _ => false,
    }
}
