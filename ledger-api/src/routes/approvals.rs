//! What one admin asks for and another approves. Compliance P3.
//!
//! What is carried out is what was asked for, word for word, under the key of the request that asked: however often somebody
//! approves, or the first comes again, it happens once (design L4). Its events say who asked as their actor, `approval` as the
//! way they came in, and the approval's id as what they have in common; who approved is written under that id in the log of
//! what concerns security.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use chrono::{DateTime, TimeDelta, Utc};
use ledger_core::time::Timestamp;
use pii_vault::auth::{Approval, ApprovalKind, Asked, Wanted};
use serde_json::json;
use uuid::Uuid;

use super::grants::Grant;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::natural_key::fingerprint;
use crate::problem::{ApiError, Cause, Conflict};
use crate::query::{self, Query};
use ledger_core::rejection::Rejection;

/// How long somebody may approve, in hours.
const OPEN_HOURS: i64 = 72;

/// Where something stands that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Approved,
    Rejected,
    Expired,
}

impl State {
    fn of(approval: &Approval, now: DateTime<Utc>) -> Self {
        match approval.decided {
            Some((_, _, true)) => Self::Approved,
            Some((_, _, false)) => Self::Rejected,
            None if approval.expires_at <= now => Self::Expired,
            None => Self::Open,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

/// What a request that needs a second person has come to.
pub(super) enum Permit {
    /// It waits: this is its answer.
    Waits(Box<dto::ApprovalAsked>),
    /// Somebody approved.
    Given(Box<Approval>),
}

/// Asks for a second person, or finds what became of asking.
///
/// # Errors
/// A key that another request has; one that was rejected, or that nobody approved in time.
pub(super) async fn permit(
    call: &Call,
    kind: ApprovalKind,
    subject: Option<Uuid>,
    (key, fingerprint): ([u8; 32], [u8; 32]),
    inputs: &serde_json::Value,
) -> Result<Permit, ApiError> {
    let now = call.now().to_utc();
    let inputs = inputs.to_string();
    let expires_at = now + TimeDelta::hours(OPEN_HOURS);
    let wanted = Wanted { kind, subject, key, fingerprint, inputs: inputs.as_bytes(), expires_at };
    let asked_by = call.caller()?.credential;
    let (approval, replayed) = match call.app.vault.approvals().ask(&wanted, asked_by, &call.by()).await? {
        Asked::New(approval) => (approval, false),
        Asked::Before(approval) => (approval, true),
        Asked::KeyOfAnother => return Err(Rejection::IdempotencyKeyReused.into()),
    };
    match State::of(&approval, now) {
        State::Open => Ok(Permit::Waits(Box::new(dto::ApprovalAsked {
            outcome: "approval_required",
            approval_id: approval.approval_id,
            expires_at: Timestamp::new(approval.expires_at),
            replayed,
        }))),
        State::Approved => Ok(Permit::Given(Box::new(approval))),
        State::Rejected => Err(ApiError::Conflict(Conflict::ApprovalRejected)),
        State::Expired => Err(ApiError::Conflict(Conflict::ApprovalExpired)),
    }
}

pub(crate) async fn ask(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let key = call.idempotency_key()?;
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, dto::AskApproval::read)?;
    let subject = wanted.member_id.map(|member| member.as_uuid());
    let about = subject.unwrap_or_default();
    let asks = fingerprint(&[wanted.kind.as_str().as_bytes(), about.as_bytes()]);
    let inputs = json!({ "call": wanted.kind.as_str(), "member_id": subject, "reason": wanted.reason });
    match permit(&call, wanted.kind, subject, (key, asks), &inputs).await? {
        Permit::Waits(asked) => call.answer(StatusCode::ACCEPTED, &*asked, None),
        Permit::Given(approval) => call.answer(
            StatusCode::ACCEPTED,
            &dto::ApprovalAsked {
                outcome: State::Approved.as_str(),
                approval_id: approval.approval_id,
                expires_at: Timestamp::new(approval.expires_at),
                replayed: true,
            },
            None,
        ),
    }
}

pub(crate) async fn list(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let page = query.page(&call);
    query.finish()?;
    let now = call.now().to_utc();
    let found = call.app.vault.approvals().before(page.before(), page.limit.saturating_add(1)).await?;
    let (found, next_cursor) = query::paged(&call, found, page.limit, |one| one.number.to_string());
    let items = found.into_iter().map(|approval| shown(approval, now)).collect();
    call.ok(&dto::Approvals { items, next_cursor })
}

fn shown(approval: Approval, now: DateTime<Utc>) -> dto::Approval {
    dto::Approval {
        state: State::of(&approval, now).as_str(),
        approval_id: approval.approval_id,
        kind: approval.kind.as_str(),
        member_id: approval.subject,
        asked: serde_json::from_slice(&approval.inputs).unwrap_or_default(),
        asked_by: approval.asked_by,
        asked_at: Timestamp::new(approval.asked_at),
        expires_at: Timestamp::new(approval.expires_at),
        decided_by: approval.decided.map(|(who, ..)| who),
        decided_at: approval.decided.map(|(_, when, _)| Timestamp::new(when)),
        reason: approval.reason,
    }
}

pub(crate) async fn approve(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let _named = call.idempotency_header()?;
    let approval_id = call.path_uuid("id")?;
    call.no_fields(payload).await?;
    let approval = decide(&call, approval_id, None).await?;
    let (granted, position) = if approval.kind == ApprovalKind::ManualBonus {
        let grant = Grant::asked(&approval.inputs)
            .ok_or(ApiError::Unavailable(Cause::Impossible("an approval that asks for nothing")))?;
        let (granted, position) = grant.carry_out(&call, &approval).await?;
        (Some(granted), position)
    } else {
        (None, None)
    };
    let data = dto::ApprovalDecided { approval_id, state: State::Approved.as_str(), granted };
    call.answer(StatusCode::OK, &data, position)
}

pub(crate) async fn reject(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let _named = call.idempotency_header()?;
    let approval_id = call.path_uuid("id")?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::RejectApproval { reason } = document(&body, dto::RejectApproval::read)?;
    decide(&call, approval_id, Some(&reason)).await?;
    call.ok(&dto::ApprovalDecided { approval_id, state: State::Rejected.as_str(), granted: None })
}

/// Takes the decision, or finds that this caller has taken it before.
async fn decide(call: &Call, approval_id: Uuid, rejected: Option<&str>) -> Result<Approval, ApiError> {
    let decider = call.caller()?.credential;
    let approvals = call.app.vault.approvals();
    let approval = approvals.decide(approval_id, rejected, decider, &call.by()).await?;
    if approval.asked_by == decider {
        // Never the person who asked: an attempt, whatever became of it.
        return Err(ApiError::Forbidden);
    }
    match approval.decided {
        Some((who, _, approved)) if who == decider && approved == rejected.is_none() => Ok(approval),
        Some(_) => Err(ApiError::Conflict(Conflict::ApprovalDecided)),
        None => Err(ApiError::Conflict(Conflict::ApprovalExpired)),
    }
}
