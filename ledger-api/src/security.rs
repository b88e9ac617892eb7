//! Refusals that may be an attempt, told apart for whoever watches: a log of their own (`target = "security"`), a count, and an
//! entry in the vault's log of what concerns security. Battery, "Bad inputs".
//!
//! An entry names who tried what, by ids alone; never what was sent. Entries about refusals are written behind the answer, in
//! the order of their coming: a flood of them takes no time from anybody, and what does not fit is counted. Nor does it fill
//! the log: of one credential and kind sixty a minute are written down, the rest is counted, and who has no credential makes
//! no entry here at all. Changes of rights are not written here but in their own transaction (`pii_vault::auth`).

use actix_web::http::StatusCode;
use metrics::counter;
use pii_vault::Vault;
use pii_vault::auth::{By, SecurityEvent, SecurityKind};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::limits::EntryLimits;
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
    entries: EntryLimits,
}

impl Recorder {
    /// A recorder, and what it takes down.
    pub(crate) fn new() -> (Self, Receiver<SecurityEvent>) {
        let (waiting, taken) = channel(WAITING_MAX);
        (Self { waiting, entries: EntryLimits::new() }, taken)
    }

    /// Records `error`, with which `operation` refused a credential, if it may be an attempt.
    pub(crate) fn record(&self, error: &ApiError, operation: Operation, by: By) {
        let Some((kind, actor)) = kind_of(error).zip(by.actor) else { return };
        counter!("security_records_total", "kind" => kind.as_str()).increment(1);
        if self.entries.take(Some((actor, kind))).is_err() {
            counter!("security_records_thinned_total").increment(1);
            return;
        }
        let code = error.code();
        tracing::warn!(
            target: "security",
            kind = kind.as_str(),
            operation = operation.name(),
            code,
            actor.id = %actor,
            "a credential was refused"
        );
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
    use chrono::DateTime;
    use ledger_core::rejection::Rejection;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_flood_of_refusals_does_not_fill_the_log() {
        let (recorder, mut taken) = Recorder::new();
        let refuse = |actor: Option<u128>, error: &ApiError| {
            let by = By { actor: actor.map(Uuid::from_u128), ..By::nobody(DateTime::UNIX_EPOCH) };
            recorder.record(error, Operation::OneCoupon, by);
        };
        for _ in 0..1_000 {
            refuse(Some(1), &ApiError::NotFound);
            refuse(None, &ApiError::NotFound);
        }
        refuse(Some(1), &ApiError::Forbidden);
        refuse(Some(2), &ApiError::NotFound);
        let mut written = Vec::new();
        while let Ok(event) = taken.try_recv() {
            written.push((event.by.actor.map(|actor| actor.as_u128()), event.kind));
        }
        let of = |actor, kind| written.iter().filter(|one| **one == (Some(actor), kind)).count();
        // A place comes back each second: the test may take one or two.
        assert!((60..70).contains(&of(1, SecurityKind::NotThereOrNotTheirs)), "{}", written.len());
        assert_eq!(of(1, SecurityKind::NotAllowed), 1, "another kind has places of its own");
        assert_eq!(of(2, SecurityKind::NotThereOrNotTheirs), 1, "and so has another credential");
        assert!(written.iter().all(|(actor, _)| actor.is_some()), "nobody makes no entry");
    }

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
