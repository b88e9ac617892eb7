//! What one admin asks for and another approves. Compliance P3.
//!
//! What is carried out is what was asked for, word for word, under the key of the request that asked: however often somebody
//! approves, or the first comes again, it happens once (design L4). Its events say who asked as their actor, `approval` as the
//! way they came in, and the approval's id as what they have in common; who approved is written under that id in the log of
//! what concerns security.
//!
//! It is carried out within 72 hours of the decision and while whoever asked could still ask for it, and that it was is
//! written down (`carried_out`). What the log has stays what it is: its repeat is answered as it was the first time.
//!
//! Words about a member, why she is given something and why she is not, are kept with her key and go with her (`words.rs`).

mod state;

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use chrono::TimeDelta;
use ledger_core::ids::MemberId;
use ledger_core::money::Bonuses;
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;
use pii_vault::VaultError;
use pii_vault::auth::{Approval, ApprovalKind, Asked, Wanted};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::coupon_issue::Issue;
use super::grants::Grant;
use super::policies::Publication;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::intake;
use crate::problem::{ApiError, Cause, Conflict};
use crate::query::{self, Query};
use crate::words::{Saying, Whose};
use state::State;

/// How long somebody may approve, in hours.
const OPEN_HOURS: i64 = 72;

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
    /// The member it is about.
    pub(super) about: Option<MemberId>,
    /// Why, or what she is told of it, in words.
    pub(super) words: Option<&'a str>,
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

/// Whether it is more than one person may give or take by hand, under the policy of now.
///
/// # Errors
/// No policy is in force.
pub(super) fn is_much(call: &Call, amount: Bonuses) -> Result<bool, ApiError> {
    let registry = call.app.ledger.registry();
    let policy = registry.policies.in_force(call.now()).ok_or(Rejection::PolicyMissing)?;
    let limit = policy.parameters.approval_manual_bonus.kopecks();
    Ok(amount.kopecks().unsigned_abs() > limit.unsigned_abs())
}

/// Notes that the log has what the request with this key asked for, if it waited for somebody.
///
/// # Errors
/// What the vault cannot do.
pub(super) async fn carried_out(call: &Call, key: &[u8; 32]) -> Result<(), ApiError> {
    Ok(call.app.vault.approvals().carried_out(key, &call.by()).await?)
}

/// Whether a request with this key was carried out before, whoever had to agree then: its repeat is answered as it was, and asks
/// nobody again because a limit has changed since.
///
/// # Errors
/// What the log's store or the vault cannot do.
pub(super) async fn is_finished(call: &Call, key: &[u8; 32]) -> Result<bool, ApiError> {
    let is_finished = intake::is_known(call, key).await?;
    if is_finished {
        carried_out(call, key).await?;
    }
    Ok(is_finished)
}

/// Asks for a second person, or finds what became of asking.
///
/// # Errors
/// A member whom nobody knows; a key that another request has; one that was rejected, that nobody approved in time, or that lapsed.
pub(super) async fn permit<I: Serialize>(call: &Call, ask: Ask<'_, I>) -> Result<Permit, ApiError> {
    let now = call.now().to_utc();
    let Ask { kind, about, words, key, fingerprint, inputs } = ask;
    let unwritten = Cause::Impossible("what is asked for cannot be written");
    let inputs = serde_json::to_vec(inputs).map_err(|_| ApiError::Unavailable(unwritten))?;
    let expires_at = now + TimeDelta::hours(OPEN_HOURS);
    let subject = about.map(|member| member.as_uuid());
    let wanted = Wanted { kind, subject, key, fingerprint, inputs: &inputs, expires_at };
    let asked_by = call.caller()?.credential;
    // The words first: nothing waits without them.
    let saying = about.zip(words).map(|(member, text)| (reason_to_ask(member, &key), text));
    if let Some((saying, text)) = &saying {
        saying.keep(call, text).await?;
    }
    let asked = match call.app.vault.approvals().ask(&wanted, asked_by, &call.by()).await {
        Err(VaultError::UnknownMember) => return Err(Rejection::MemberNotFound.into()),
        asked => asked?,
    };
    if let (Some((saying, _)), Asked::Before(_) | Asked::KeyOfAnother) = (&saying, &asked) {
        saying.let_go(call).await?;
    }
    let (approval, replayed) = match asked {
        Asked::New(approval) => (approval, false),
        Asked::Before(approval) => (approval, true),
        Asked::KeyOfAnother => return Err(Rejection::IdempotencyKeyReused.into()),
    };
    match State::now(call, &approval).await? {
        State::Open => Ok(Permit::Waits(Box::new(dto::ApprovalAsked {
            outcome: "approval_required",
            approval_id: approval.approval_id,
            expires_at: Timestamp::new(approval.expires_at),
            replayed,
        }))),
        State::Approved | State::CarriedOut => Ok(Permit::Given(Box::new(approval))),
        State::Rejected => Err(ApiError::Conflict(Conflict::ApprovalRejected)),
        State::Expired => Err(ApiError::Conflict(Conflict::ApprovalExpired)),
        State::Lapsed => Err(ApiError::Conflict(Conflict::ApprovalLapsed)),
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
    let state = State::now(call, &approval).await?;
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
        carried_out_at: approval.carried_out_at.map(Timestamp::new),
        reason,
    })
}

pub(crate) async fn approve(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let _named = call.idempotency_header()?;
    let approval_id = call.path_uuid("id")?;
    call.no_fields(payload).await?;
    to_decide_on(&call, approval_id).await?;
    let approval = decide(&call, approval_id, true).await?;
    let mut data = dto::ApprovalDecided::new(approval_id, State::Approved.as_str());
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
        ApprovalKind::CoalitionCoupon => {
            let (issued, position) = Issue::carry_out(&call, &approval).await?;
            data.issued = Some(issued);
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
    let approval = to_decide_on(&call, approval_id).await?;
    let saying = reason_to_reject(&approval, call.caller()?.credential);
    saying.keep(&call, &reason).await?;
    let decided = decide(&call, approval_id, false).await;
    if decided.is_err() {
        saying.let_go(&call).await?;
    }
    decided?;
    call.ok(&dto::ApprovalDecided::new(approval_id, State::Rejected.as_str()))
}

/// What the caller wants to decide on, if that can still mean anything: nobody's decision is taken down about what has lapsed.
async fn to_decide_on(call: &Call, approval_id: Uuid) -> Result<Approval, ApiError> {
    let approval = call.app.vault.approvals().one(approval_id).await?;
    let approval = approval.ok_or(VaultError::ApprovalUnknown)?;
    if approval.asked_by == call.caller()?.credential {
        // Never the person who asked: an attempt, whatever became of it.
        return Err(ApiError::Forbidden);
    }
    match State::now(call, &approval).await? {
        State::Lapsed => Err(ApiError::Conflict(Conflict::ApprovalLapsed)),
        _ => Ok(approval),
    }
}

/// Takes the decision, or finds that this caller has taken it before.
async fn decide(call: &Call, approval_id: Uuid, approves: bool) -> Result<Approval, ApiError> {
    let decider = call.caller()?.credential;
    let approvals = call.app.vault.approvals();
    let approval = approvals.decide(approval_id, approves, decider, &call.by()).await?;
    match approval.decided {
        Some((who, _, approved)) if who == decider && approved == approves => Ok(approval),
        Some(_) => Err(ApiError::Conflict(Conflict::ApprovalDecided)),
        None if approval.ended_at.is_some() => Err(ApiError::Conflict(Conflict::ApprovalLapsed)),
        None if approval.expires_at <= call.now().to_utc() => {
            Err(ApiError::Conflict(Conflict::ApprovalExpired))
        }
        // A credential that is younger than the request.
        None => Err(ApiError::Forbidden),
    }
}
