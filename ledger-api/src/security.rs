//! Refusals that may be an attempt, told apart for whoever watches: a log of their own (`target = "security"`) and a count.
//! Battery, "Bad inputs".
//!
//! A line names who tried what, by ids alone; never what was sent.

use actix_web::http::StatusCode;
use metrics::counter;
use uuid::Uuid;

use crate::operations::Operation;
use crate::problem::ApiError;

/// Which kind of attempt a refusal may be.
fn kind_of(error: &ApiError) -> Option<&'static str> {
    match error {
        ApiError::Forbidden => Some("not_allowed"),
        ApiError::FieldNotAllowed(_) => Some("field_not_allowed"),
        // What is another's is as unknown to the caller as what is not there: here, too.
        error if error.status() == StatusCode::NOT_FOUND => Some("not_there_or_not_theirs"),
        _ => None,
    }
}

/// Records `error`, with which `operation` refused the credential `actor`, if it may be an attempt.
pub(crate) fn record(error: &ApiError, operation: Operation, actor: Option<Uuid>) {
    let Some((kind, actor)) = kind_of(error).zip(actor) else { return };
    tracing::warn!(
        target: "security",
        kind,
        operation = operation.name(),
        code = error.code(),
        actor.id = %actor,
        "a credential was refused"
    );
    counter!("security_records_total", "kind" => kind).increment(1);
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
            assert_eq!(kind_of(&error), kind, "{error:?}");
        }
    }
}
