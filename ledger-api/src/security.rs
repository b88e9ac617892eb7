//! Refusals that may be an attempt, told apart for whoever watches: a log of their own (`target = "security"`), a count, and an
//! entry in the vault's log of what concerns security. Battery, "Bad inputs".
//!
//! An entry names who tried what, by ids alone; never what was sent. Entries about refusals are written behind the answer, in
//! the order of their coming: a flood of them takes no time from anybody, and what does not fit is counted. Changes of rights
//! are not written here but in their own transaction (`pii_vault::auth`).

use actix_web::http::StatusCode;
use metrics::counter;
use pii_vault::Vault;
use pii_vault::auth::{By, SecurityEvent, SecurityKind};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::operations::Operation;
use crate::problem::ApiError;

/// Entries that wait for the vault.
const WAITING_MAX: usize = 10_000;
/// Entries written at once.
const TOGETHER_MAX: usize = 256;
/// How long to wait before the vault is tried again.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);

/// Which kind of attempt a refusal may be.
fn kind_of(error: &ApiError) -> Option<SecurityKind> {
    match error {
        ApiError::Forbidden => Some(SecurityKind::NotAllowed),
        ApiError::FieldNotAllowed(_) => Some(SecurityKind::FieldNotAllowed),
        // What is another's is as unknown to the caller as what is not there: here, too.
        error if error.status() == StatusCode::NOT_FOUND => Some(SecurityKind::NotThereOrNotTheirs),
        _ => None,
    }
}

/// Takes refusals down.
pub(crate) struct Recorder {
    waiting: Sender<SecurityEvent>,
}

impl Recorder {
    /// A recorder, and what it takes down.
    pub(crate) fn new() -> (Self, Receiver<SecurityEvent>) {
        let (waiting, taken) = channel(WAITING_MAX);
        (Self { waiting }, taken)
    }

    /// Records `error`, with which `operation` refused a credential, if it may be an attempt.
    pub(crate) fn record(&self, error: &ApiError, operation: Operation, by: By) {
        let Some((kind, actor)) = kind_of(error).zip(by.actor) else { return };
        let code = error.code();
        tracing::warn!(
            target: "security",
            kind = kind.as_str(),
            operation = operation.name(),
            code,
            actor.id = %actor,
            "a credential was refused"
        );
        counter!("security_records_total", "kind" => kind.as_str()).increment(1);
        let event = SecurityEvent::new(kind, by, None);
        let event = SecurityEvent { operation: Some(operation.name()), code: Some(code), ..event };
        if self.waiting.try_send(event).is_err() {
            counter!("security_records_lost_total").increment(1);
        }
    }
}

/// Writes what was taken down, for ever.
pub(crate) async fn write(mut taken: Receiver<SecurityEvent>, vault: Vault) {
    let mut together = Vec::with_capacity(TOGETHER_MAX);
    while taken.recv_many(&mut together, TOGETHER_MAX).await > 0 {
        while vault.security_log().write(&together).await.is_err() {
            tokio::time::sleep(PATIENCE).await;
        }
        together.clear();
    }
}

#[cfg(test)]
mod tests {
    use ledger_core::rejection::Rejection;

    use super::*;

    #[test]
    fn battery_what_may_be_an_attempt_is_recorded() {
        for (error, kind) in [
            (ApiError::Forbidden, Some("not_allowed")),
            (ApiError::FieldNotAllowed(vec!["description"]), Some("field_not_allowed")),
            (ApiError::NotFound, Some("not_there_or_not_theirs")),
            (ApiError::Rejected(Rejection::HoldNotFound), Some("not_there_or_not_theirs")),
            (ApiError::Rejected(Rejection::CouponNotValid), Some("not_there_or_not_theirs")),
            (ApiError::Rejected(Rejection::MemberBlocked), None),
            (ApiError::Unauthenticated, None),
        ] {
            assert_eq!(kind_of(&error).map(SecurityKind::as_str), kind, "{error:?}");
        }
    }
}
