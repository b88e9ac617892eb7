//! Every error with its status and code.

use ledger_core::chain::ChainState;
use ledger_core::money::{Bonuses, Roubles};
use ledger_core::offer::OfferState;
use ledger_core::rejection::MergeObstacle;
use ledger_core::time::Timestamp;

use super::*;

fn over(amount: Bonuses, minimum: Roubles) -> Rejection {
    Rejection::OverRedeemLimit { asked: amount, limit: amount, minimum }
}

fn short(amount: Bonuses) -> Rejection {
    Rejection::InsufficientBonuses { asked: amount, available: amount }
}

#[test]
fn every_error_has_its_status_and_code() {
    let (at, bon, rub) = (Timestamp::BEGINNING, Bonuses::ZERO, Roubles::ZERO);
    let fields = || FieldErrors::one("amount", "is required");
    for (error, status, code) in [
        (ApiError::Validation(fields()), 400, "VALIDATION_ERROR"),
        (ApiError::Unauthenticated, 401, "UNAUTHENTICATED"),
        (ApiError::Forbidden, 403, "FORBIDDEN"),
        (ApiError::NotFound, 404, "NOT_FOUND"),
        (ApiError::MemberNotFound, 404, "MEMBER_NOT_FOUND"),
        (ApiError::MethodNotAllowed(vec![Method::GET]), 405, "METHOD_NOT_ALLOWED"),
        (ApiError::Conflict(Conflict::MemberExists), 409, "MEMBER_EXISTS"),
        (ApiError::Conflict(Conflict::QrUsed), 409, "QR_USED"),
        (ApiError::Conflict(Conflict::PhoneTaken), 409, "PHONE_TAKEN"),
        (ApiError::Conflict(Conflict::ApprovalLapsed), 409, "APPROVAL_LAPSED"),
        (ApiError::TooLarge(9), 413, "PAYLOAD_TOO_LARGE"),
        (ApiError::UnsupportedMediaType, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (ApiError::FieldNotAllowed(vec!["description"]), 422, "FIELD_NOT_ALLOWED"),
        (ApiError::NotSorted, 422, "NOT_SORTED"),
        (ApiError::QrInvalid, 401, "QR_INVALID"),
        (ApiError::QrExpired, 410, "QR_EXPIRED"),
        (ApiError::RateLimited(7), 429, "RATE_LIMITED"),
        (ApiError::ReadModelBehind, 503, "READ_MODEL_BEHIND"),
        (ApiError::NotSealed, 503, "NOT_SEALED"),
        (ApiError::NotSettled(json!({})), 503, "NOT_SETTLED"),
        (ApiError::NotReady(json!({})), 503, "NOT_READY"),
        (ApiError::Unavailable(Cause::Impossible("x")), 503, "UNAVAILABLE"),
        (ApiError::from(ExecuteError::Unavailable), 503, "UNAVAILABLE"),
        (ApiError::from(ExecuteError::Corrupt), 503, "HISTORY_UNREADABLE"),
        (ApiError::from(NotJson::Syntax), 400, "VALIDATION_ERROR"),
        (Rejection::PolicyParameters { wrong: [].into() }.into(), 400, "VALIDATION_ERROR"),
        (Rejection::MemberNotFound.into(), 404, "MEMBER_NOT_FOUND"),
        (Rejection::BusinessNotFound.into(), 422, "BUSINESS_NOT_FOUND"),
        (Rejection::PolicyMissing.into(), 422, "POLICY_MISSING"),
        (Rejection::HoldNotFound.into(), 404, "HOLD_NOT_FOUND"),
        (Rejection::PurchaseNotFound.into(), 404, "NOT_FOUND"),
        (Rejection::HoldAlreadyClosed.into(), 409, "HOLD_ALREADY_CLOSED"),
        (Rejection::QuarantineClosed.into(), 409, "QUARANTINE_CLOSED"),
        (Rejection::HoldLapsed.into(), 422, "HOLD_LAPSED"),
        (Rejection::WrongBusiness.into(), 422, "WRONG_BUSINESS"),
        (over(bon, rub).into(), 422, "OVER_REDEEM_LIMIT"),
        (short(bon).into(), 422, "INSUFFICIENT_BONUSES"),
        (Rejection::RefundExceedsPurchase { asked: rub, left: rub }.into(), 422, "REFUND_EXCEEDS_PURCHASE"),
        (Rejection::TooManyWaiting.into(), 422, "TOO_MANY_WAITING"),
        (Rejection::CouponNotValid.into(), 404, "COUPON_NOT_VALID"),
        (Rejection::IdempotencyKeyReused.into(), 422, "IDEMPOTENCY_KEY_REUSED"),
        (Rejection::MemberChangeWithRedemption.into(), 422, "MEMBER_CHANGE_WITH_REDEMPTION"),
        (Rejection::MemberExists.into(), 409, "MEMBER_EXISTS"),
        (Rejection::SlugTaken.into(), 409, "SLUG_TAKEN"),
        (Rejection::MergeNotPossible { because: MergeObstacle::Debt }.into(), 409, "MERGE_NOT_POSSIBLE"),
        (Rejection::ConsentRequired.into(), 422, "CONSENT_REQUIRED"),
        (
            Rejection::OccurredInFuture { occurred_at: at, now: at, limit_minutes: 5 }.into(),
            422,
            "OCCURRED_IN_FUTURE",
        ),
        (Rejection::PolicyInThePast { effective_from: at, now: at }.into(), 422, "POLICY_IN_THE_PAST"),
        (Rejection::PeriodInThePast { from: at, now: at }.into(), 422, "PERIOD_IN_THE_PAST"),
        (Rejection::ProcessingBlocked.into(), 423, "PROCESSING_BLOCKED"),
        (Rejection::MemberBlocked.into(), 422, "MEMBER_BLOCKED"),
        (Rejection::PremiumOverlaps { from: at, to: at }.into(), 422, "PREMIUM_OVERLAPS"),
        (Rejection::PremiumNotActive.into(), 422, "PREMIUM_NOT_ACTIVE"),
        (Rejection::PeriodReversed.into(), 422, "PERIOD_REVERSED"),
        (Rejection::AmountOutOfRange.into(), 422, "AMOUNT_OUT_OF_RANGE"),
    ] {
        assert_eq!((error.status().as_u16(), error.code()), (status, code), "{error:?}");
        let waits = matches!(status, 429 | 503);
        assert_eq!(error.retry_after_s().is_some(), waits, "{error:?}");
    }
}

#[test]
fn every_refusal_about_a_chain_has_its_status_and_code() {
    for (refusal, status, code) in [
        (Rejection::ChainDefinition { wrong: [].into() }, 400, "VALIDATION_ERROR"),
        (Rejection::ChainNotFound, 404, "NOT_FOUND"),
        (Rejection::ChainState { state: ChainState::Draft }, 409, "CHAIN_STATE"),
        (Rejection::ChainVersion { newest: 2 }, 409, "CHAIN_VERSION"),
        (Rejection::ChainConsentMissing { of: Vec::new() }, 422, "CHAIN_CONSENT_MISSING"),
        (Rejection::TooManyChains, 422, "TOO_MANY_CHAINS"),
    ] {
        let error = ApiError::from(refusal);
        assert_eq!((error.status().as_u16(), error.code()), (status, code), "{error:?}");
    }
}

#[test]
fn every_refusal_about_a_demand_has_its_status_and_code() {
    for (refusal, status, code) in [
        (Rejection::RequestClosed, 409, "REQUEST_CLOSED"),
        (Rejection::RequestNotDone, 409, "REQUEST_NOT_DONE"),
        (Rejection::RequestNotExtendable { due_at: Timestamp::BEGINNING }, 422, "REQUEST_NOT_EXTENDABLE"),
        (Rejection::TooManyOpenRequests, 422, "TOO_MANY_OPEN_REQUESTS"),
    ] {
        let error = ApiError::from(refusal);
        assert_eq!((error.status().as_u16(), error.code()), (status, code), "{error:?}");
    }
}

#[test]
fn every_refusal_about_an_offer_has_its_status_and_code() {
    let at = Timestamp::BEGINNING;
    for (refusal, status, code) in [
        (Rejection::OfferDefinition { wrong: [].into() }, 400, "VALIDATION_ERROR"),
        (Rejection::OfferNotFound, 404, "NOT_FOUND"),
        (Rejection::OfferState { state: OfferState::Draft }, 409, "OFFER_STATE"),
        (Rejection::OfferVersion { newest: 2 }, 409, "OFFER_VERSION"),
        (Rejection::OfferOver { to: at, now: at }, 422, "OFFER_OVER"),
        (Rejection::TooManyOffers, 422, "TOO_MANY_OFFERS"),
        (Rejection::TooManyComments, 422, "TOO_MANY_COMMENTS"),
    ] {
        let error = ApiError::from(refusal);
        assert_eq!((error.status().as_u16(), error.code()), (status, code), "{error:?}");
    }
}

#[test]
fn codes_and_tokens_of_every_kind_of_wrong_answer_alike() {
    for error in [
        VaultError::CodeUnknown,
        VaultError::CodeWrong { tries_left: 3 },
        VaultError::CodeExpired,
        VaultError::CodeUsed,
        VaultError::RefreshInvalid,
        VaultError::RefreshExpired,
        VaultError::RefreshReused,
    ] {
        let answer = ApiError::from(error);
        assert!(matches!(answer, ApiError::Unauthenticated), "{answer:?}");
    }
}

#[test]
fn what_forgetting_a_member_may_answer_has_its_status_and_code() {
    for (error, status, code) in [
        (Rejection::MemberErased.into(), 410, "GONE"),
        (ApiError::OperatorUnknown, 409, "OPERATOR_UNKNOWN"),
        (ApiError::ConfirmationRequired, 422, "CONFIRMATION_REQUIRED"),
    ] {
        assert_eq!((error.status().as_u16(), error.code()), (status, code));
    }
}

#[test]
fn compliance_c3_a_consent_to_an_unknown_text_has_a_code_of_its_own() {
    let error = ApiError::ConsentTextUnknown;
    assert_eq!((error.status().as_u16(), error.code()), (422, "CONSENT_TEXT_UNKNOWN"));
}

/// Battery P6: a key service that is away, refuses or babbles, and keys that are gone.
#[test]
fn whatever_happens_to_keys_is_503_and_names_none() {
    use pii_vault::keys::KeyError;
    for error in [
        KeyError::Unavailable,
        KeyError::Refused { status: 403 },
        KeyError::Unintelligible,
        KeyError::NotOurs,
        KeyError::UnknownKek { kek_id: "0001".to_owned() },
        KeyError::Missing { file: "kek-0001.key".to_owned() },
    ] {
        let error = ApiError::from(VaultError::from(error));
        assert_eq!((error.status().as_u16(), error.code()), (503, "UNAVAILABLE"));
        assert!(!error.message().contains("kek"), "{}", error.message());
    }
}
