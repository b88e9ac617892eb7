//! What one admin asks for and another approves. Compliance P3.
//!
//! What is carried out is what was asked for, word for word, under the key of the request that asked: however often somebody
//! approves, or the first comes again, it happens once (design L4). Its events say who asked as their actor, `approval` as the
//! way they came in, and the approval's id as what they have in common; who approved is written under that id in the log of
//! what concerns security.
//!
//! Words about a member, why she is given something and why she is not, are kept with her key and go with her (`words.rs`).

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use chrono::{DateTime, TimeDelta, Utc};
use ledger_core::ids::MemberId;
use ledger_core::time::Timestamp;
use pii_vault::auth::{Approval, ApprovalKind, Asked, Wanted};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::grants::Grant;
use super::policies::Publication;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::problem::{ApiError, Cause, Conflict};
use crate::query::{self, Query};
use crate::words::{Saying, Whose};
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

/// A request that needs a second person.
pub(super) struct Ask<'a, I> {
    /// Of which kind.
    pub(super) kind: ApprovalKind,
    /// The member it is about, and why.
    pub(super) about: Option<(MemberId, &'a str)>,
    /// The request's key.
    pub(super) key: [u8; 32],
    /// What makes the request this one.
    pub(super) fingerprint: [u8; 32],
    /// What is to be carried out, without words.
    pub(super) inputs: &'a I,
}

/// Why a member's approval is asked for.
fn reason_to_ask(member: MemberId, key: &[u8; 32]) -> Saying {
    Saying::of(Whose::Hers(member), key, "asked")
}

/// Why somebody refuses an approval.
fn reason_to_reject(approval: &Approval, decider: Uuid) -> Saying {
    let whose = approval.subject.map_or(Whose::Partners, |member| Whose::Hers(MemberId::from_uuid(member)));
    Saying::of(whose, &approval.key, &format!("rejected by {decider}"))
}

/// Why what was approved was asked for: the words that were shown to whoever approved.
///
/// # Errors
/// The member is not found when the words went with her.
pub(super) async fn approved_reason(call: &Call, approval: &Approval) -> Result<String, ApiError> {
    let member = approval.subject.map(MemberId::from_uuid).ok_or(Rejection::MemberNotFound)?;
    let text = reason_to_ask(member, &approval.key).text(call).await?;
    Ok(text.ok_or(Rejection::MemberNotFound)?)
}

/// What waited, as it was asked for.
///
/// # Errors
/// What was never written here.
pub(super) fn waited<I: DeserializeOwned>(approval: &Approval) -> Result<I, ApiError> {
    let nothing = Cause::Impossible("an approval that asks for nothing");
    serde_json::from_slice(&approval.inputs).map_err(|_| ApiError::Unavailable(nothing))
}

/// Asks for a second person, or finds what became of asking.
///
/// # Errors
/// A member whom nobody knows; a key that another request has; one that was rejected, or that nobody approved in time.
pub(super) async fn permit<I: Serialize>(call: &Call, ask: Ask<'_, I>) -> Result<Permit, ApiError> {
    let now = call.now().to_utc();
    let Ask { kind, about, key, fingerprint, inputs } = ask;
    let unwritten = Cause::Impossible("what is asked for cannot be written");
    let inputs = serde_json::to_vec(inputs).map_err(|_| ApiError::Unavailable(unwritten))?;
    let expires_at = now + TimeDelta::hours(OPEN_HOURS);
    let subject = about.map(|(member, _)| member.as_uuid());
    let wanted = Wanted { kind, subject, key, fingerprint, inputs: &inputs, expires_at };
    let asked_by = call.caller()?.credential;
    // The words first: nothing waits without them.
    let saying = about.map(|(member, text)| (reason_to_ask(member, &key), text));
    if let Some((saying, text)) = &saying {
        saying.keep(call, text).await?;
    }
    let asked = call.app.vault.approvals().ask(&wanted, asked_by, &call.by()).await?;
    if let (Some((saying, _)), Asked::Before(_) | Asked::KeyOfAnother) = (&saying, &asked) {
        saying.let_go(call).await?;
    }
    let (approval, replayed) = match asked {
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

pub(crate) async fn list(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let page = query.page(&call);
    query.finish()?;
    let found = call.app.vault.approvals().before(page.before(), page.limit.saturating_add(1)).await?;
    let (found, next_cursor) = query::paged(&call, found, page.limit, |one| one.number.to_string());
    let mut items = Vec::with_capacity(found.len());
    for approval in found {
        items.push(shown(&call, approval).await?);
    }
    call.ok(&dto::Approvals { items, next_cursor })
}

async fn shown(call: &Call, approval: Approval) -> Result<dto::Approval, ApiError> {
    let state = State::of(&approval, call.now().to_utc());
    let asked_because = match approval.subject.map(MemberId::from_uuid) {
        Some(member) => reason_to_ask(member, &approval.key).text(call).await?,
        None => None,
    };
    let reason = match approval.decided {
        Some((who, _, false)) => reason_to_reject(&approval, who).text(call).await?,
        _ => None,
    };
    Ok(dto::Approval {
        state: state.as_str(),
        approval_id: approval.approval_id,
        kind: approval.kind.as_str(),
        member_id: approval.subject,
        asked: serde_json::from_slice(&approval.inputs).unwrap_or_default(),
        asked_because,
        asked_by: approval.asked_by,
        asked_at: Timestamp::new(approval.asked_at),
        expires_at: Timestamp::new(approval.expires_at),
        decided_by: approval.decided.map(|(who, ..)| who),
        decided_at: approval.decided.map(|(_, when, _)| Timestamp::new(when)),
        reason,
    })
}

pub(crate) async fn approve(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let _named = call.idempotency_header()?;
    let approval_id = call.path_uuid("id")?;
    call.no_fields(payload).await?;
    let approval = decide(&call, approval_id, true).await?;
    let mut data =
        dto::ApprovalDecided { approval_id, state: State::Approved.as_str(), granted: None, published: None };
    let position = match approval.kind {
        ApprovalKind::ManualBonus => {
            let (granted, position) = Grant::carry_out(&call, &approval).await?;
            data.granted = Some(granted);
            position
        }
        ApprovalKind::BonusLimit => {
            let (published, position) = Publication::carry_out(&call, &approval).await?;
            data.published = Some(published);
            position
        }
    };
    call.answer(StatusCode::OK, &data, position)
}

pub(crate) async fn reject(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let _named = call.idempotency_header()?;
    let approval_id = call.path_uuid("id")?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::RejectApproval { reason } = document(&body, dto::RejectApproval::read)?;
    let approval = call.app.vault.approvals().one(approval_id).await?;
    let approval = approval.ok_or(pii_vault::VaultError::ApprovalUnknown)?;
    let saying = reason_to_reject(&approval, call.caller()?.credential);
    saying.keep(&call, &reason).await?;
    let decided = decide(&call, approval_id, false).await;
    if decided.is_err() {
        saying.let_go(&call).await?;
    }
    decided?;
    let state = State::Rejected.as_str();
    call.ok(&dto::ApprovalDecided { approval_id, state, granted: None, published: None })
}

/// Takes the decision, or finds that this caller has taken it before.
async fn decide(call: &Call, approval_id: Uuid, approves: bool) -> Result<Approval, ApiError> {
    let decider = call.caller()?.credential;
    let approvals = call.app.vault.approvals();
    let approval = approvals.decide(approval_id, approves, decider, &call.by()).await?;
    if approval.asked_by == decider {
        // Never the person who asked: an attempt, whatever became of it.
        return Err(ApiError::Forbidden);
    }
    match approval.decided {
        Some((who, _, approved)) if who == decider && approved == approves => Ok(approval),
        Some(_) => Err(ApiError::Conflict(Conflict::ApprovalDecided)),
        None if approval.expires_at <= call.now().to_utc() => {
            Err(ApiError::Conflict(Conflict::ApprovalExpired))
        }
        // A credential that is younger than the request.
        None => Err(ApiError::Forbidden),
    }
}
