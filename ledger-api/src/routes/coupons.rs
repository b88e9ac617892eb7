//! Coupons: shown, made ready with a code, taken away. Rules C. `coupon_issue.rs` gives them.
//!
//! What a coupon says in words goes to the vault first (`words.rs`); its fact names the ids. So does a code: it is reserved
//! before the ledger hears of it, by its keyed hash, and given back when it was not needed.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use chrono::TimeDelta;
use ledger_core::category::Confidentiality;
use ledger_core::ids::{BusinessId, CouponId, MemberId, NaturalKey, ReasonId};
use ledger_core::member::coupon::ActivateCoupon;
use ledger_core::member::event::CouponIssued;
use ledger_core::member::{MemberCommand, MemberOutcome};
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;
use ledger_store::{Command, Idempotency, Outcome, Receipt, Repeat, coupon_issued};
use metrics::counter;
use pii_vault::access::{Access, Purpose};
use pii_vault::members::{CouponWords, draw_code};

use super::businesses::execute;
use super::redemptions::other_outcome;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto;
use crate::natural_key::fingerprint;
use crate::problem::{ApiError, Cause};
use crate::query::{self, Query};
use crate::read::{self, Model, coupons::StoredCoupon};
use crate::words::Reasoned;

/// How often a code is drawn before the draw is taken to be broken: of 31⁶ codes, few are somebody's.
const DRAWS_MAX: u32 = 16;
/// Stands where a clinic's words would.
const NOT_KEPT: &str = "не хранится: медицинская организация";

fn access(call: &Call) -> Result<Access, ApiError> {
    Ok(call.vault_access(call.caller()?.accessor(), Purpose::Coupons))
}

/// The coupon in the address, as it was issued.
async fn named(call: &Call) -> Result<(CouponId, MemberId, CouponIssued), ApiError> {
    let id = CouponId::from_uuid(call.path_uuid("id")?);
    let (member, issued) = coupon_issued(&call.app.log_pool, id).await?.ok_or(ApiError::NotFound)?;
    Ok((id, member, issued))
}

/// Whether the caller may see a coupon of this business.
fn is_own(call: &Call, business: BusinessId) -> Result<bool, ApiError> {
    let caller = call.caller()?;
    Ok(caller.is_admin() || caller.business == Some(business))
}

pub(crate) async fn revoke(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let header = call.idempotency_header()?.to_owned();
    let coupon = call.path_uuid("id")?;
    let body = call.body(payload, Limit::Document).await?;
    let wanted = dto::document(&body, dto::RevokeCoupon::read)?;
    let (coupon_id, member, issued) = named(&call).await?;
    // What an offer gave is hers: who of a business's customers has it would tell whom the offer's audience holds.
    if !is_own(&call, issued.business_id)? || (issued.offer.is_some() && !call.caller()?.is_admin()) {
        return Err(ApiError::NotFound);
    }
    let key = call.idempotency_key_about(coupon, &header)?;
    // A clinic's words are read and not kept (`compliance.md` M1).
    let is_secret = issued.confidentiality == Confidentiality::Medical;
    let text = if is_secret { NOT_KEPT } else { &wanted.reason };
    let reasoned = Reasoned { member, key, text, parts: &[coupon.as_bytes()] };
    let command = |reason_id| MemberCommand::RevokeCoupon { coupon_id, reason_id };
    let receipt = reasoned.execute(&call, command).await?;
    let replayed = receipt.repeat != Repeat::First;
    counter!("coupons_revoked_total").increment(u64::from(!replayed));
    let data = dto::RevokedAnswer { coupon_id: coupon, state: "revoked", replayed };
    call.answer(StatusCode::OK, &data, receipt.position)
}

/// A code for her own coupon: a fresh one, or the one that is still good.
pub(crate) async fn activate(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let header = call.idempotency_header()?.to_owned();
    let coupon = call.path_uuid("id")?;
    call.no_fields(payload).await?;
    let member = call.member()?;
    // The code is sealed for the account that was given the coupon, which may be one with hers.
    let (coupon_id, owner, _) = named(&call).await?;
    if call.survivor(owner) != member {
        return Err(ApiError::NotFound);
    }
    let key = call.idempotency_key_about(coupon, &header)?;
    let reserved_until = reserved_until(&call)?;
    let (drawn, hash) = reserve(&call, owner, reserved_until).await?;
    let activate = ActivateCoupon { coupon_id, code: hash, reserved_until };
    let command = Command::Member { member_id: member, command: MemberCommand::ActivateCoupon(activate) };
    let fingerprint = fingerprint(&[coupon.as_bytes()]);
    let result = execute(&call, command, Idempotency { key, revision: 1, fingerprint }).await;
    let (access, members) = (access(&call)?, call.app.vault.members());
    let given = match &result {
        Ok(Receipt {
            outcome: Outcome::Member(MemberOutcome::CouponActivated { code, valid_until, .. }),
            ..
        }) => Some((*code, *valid_until)),
        Ok(_) => return Err(other_outcome()),
        Err(_) => None,
    };
    // What may be on the log all the same stays reserved.
    let is_refused = matches!(result, Err(ApiError::Rejected(_)));
    if is_refused || given.is_some_and(|(code, _)| code != hash) {
        members.forget_code(owner, hash.as_bytes(), &access).await?;
    }
    let receipt = result?;
    let (code, valid_until) = given.ok_or_else(other_outcome)?;
    let activation_code = if code == hash {
        drawn
    } else {
        let words = members.coupon_words(owner, &[], &[*code.as_bytes()], &access).await?;
        words.codes.get(code.as_bytes()).cloned().ok_or(ApiError::NotFound)?
    };
    let replayed = receipt.repeat != Repeat::First;
    let data = dto::ActivationAnswer { activation_code, valid_until, replayed };
    call.answer(StatusCode::OK, &data, receipt.position)
}

/// Until when a code drawn now is nobody else's: a day longer than the policy lets it live.
fn reserved_until(call: &Call) -> Result<Timestamp, ApiError> {
    let (now, registry) = (call.now(), call.app.ledger.registry());
    let policy = registry.policies.in_force(now).ok_or(Rejection::PolicyMissing)?;
    Ok(now.plus(TimeDelta::days(i64::from(policy.parameters.coupon_activation_days).saturating_add(1))))
}

/// Draws codes until one is nobody's, and makes it hers.
async fn reserve(call: &Call, member: MemberId, until: Timestamp) -> Result<(String, NaturalKey), ApiError> {
    let access = access(call)?;
    for _ in 0..DRAWS_MAX {
        let code = draw_code()?;
        let hash = call.app.keyed.coupon_code(&code);
        let kept =
            call.app.vault.members().keep_code(member, hash.as_bytes(), &code, until.to_utc(), &access);
        if kept.await? {
            return Ok((code, hash));
        }
    }
    Err(ApiError::Unavailable(Cause::Impossible("no code is nobody's")))
}

/// The words of some coupons of one member, and those of their codes that are good.
async fn words(
    call: &Call,
    member: MemberId,
    coupons: &[StoredCoupon],
    codes: &[[u8; 32]],
) -> Result<CouponWords, ApiError> {
    let with_words = coupons.iter().filter(|coupon| !coupon.medical);
    let texts: Vec<ReasonId> = with_words.flat_map(StoredCoupon::own_texts).collect();
    Ok(call.app.vault.members().coupon_words(member, &texts, codes, &access(call)?).await?)
}

/// The same of all accounts of hers: each keeps what was said of it.
async fn words_of_all(
    call: &Call,
    accounts: Vec<MemberId>,
    coupons: &[StoredCoupon],
    codes: &[[u8; 32]],
) -> Result<CouponWords, ApiError> {
    let mut all = CouponWords::default();
    for account in accounts {
        let its = words(call, account, coupons, codes).await?;
        all.texts.extend(its.texts);
        all.codes.extend(its.codes);
    }
    Ok(all)
}

/// What describes a coupon, and what a gift is: its own words, or those of the chain or offer that gave it, which many share.
fn said(words: &mut CouponWords, coupon: &StoredCoupon) -> (Option<String>, Option<String>) {
    let [description, gift] = coupon.named_texts().map(|id| id.and_then(|id| words.texts.get(&id)).cloned());
    let (id, texts) = (coupon.id(), &mut words.texts);
    (texts.remove(&id.description()).or(description), texts.remove(&id.gift()).or(gift))
}

/// The words of the chains and offers that gave these coupons; one given by hand has none there.
async fn words_of_promotions(
    call: &Call,
    coupons: &[StoredCoupon],
) -> Result<HashMap<ReasonId, String>, ApiError> {
    let ids: Vec<ReasonId> = coupons.iter().flat_map(StoredCoupon::named_texts).flatten().collect();
    Ok(call.app.vault.words().texts(&ids, &access(call)?).await?)
}

/// A coupon of the caller's own business; another's is as missing, and so is one that an offer gave until it was used: its id
/// follows from offer and member, so a business could ask who of its customers is of an audience.
pub(crate) async fn one(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let id = CouponId::from_uuid(call.path_uuid("id")?);
    let position = read::wait(&call, Model::Directory, None).await?;
    let found = read::coupons::one(&call.app, id).await?.ok_or(ApiError::NotFound)?;
    let is_hidden = found.is_of_offer() && found.purchase_id.is_none() && !call.caller()?.is_admin();
    if is_hidden || !is_own(&call, BusinessId::from_uuid(found.business_id))? {
        return Err(ApiError::NotFound);
    }
    let member = call.survivor(found.member());
    read::statuses::must_be_used(&call, member).await?;
    let accounts = call.accounts(member);
    let mut words = words_of_all(&call, accounts, std::slice::from_ref(&found), &[]).await?;
    words.texts.extend(words_of_promotions(&call, std::slice::from_ref(&found)).await?);
    let said = said(&mut words, &found);
    let (discount, bonuses) = found.gave();
    let funded_by = if found.by_coalition { "coalition" } else { "business" };
    let (member_id, transaction_id) = (member.as_uuid(), found.purchase_id);
    let business_id = Some(found.business_id);
    let terms = found.terms(call.now(), business_id, said);
    let data = dto::Coupon { terms, member_id, funded_by, transaction_id, discount, bonuses };
    call.read(&data, position)
}

/// Her coupons that can still be used. A medical business has no name here (`compliance.md` M5).
pub(crate) async fn own(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let page = query.page(&call);
    query.finish()?;
    let member = call.member()?;
    let position = read::wait(&call, Model::Directory, Some(member)).await?;
    let now = call.now();
    let accounts = call.accounts(member);
    let found = read::coupons::open(&call.app, &accounts, now, &page).await?;
    let (found, next_cursor) = query::paged(&call, found, page.limit, |coupon| coupon.position.to_string());
    let codes: Vec<[u8; 32]> = found.iter().filter_map(|coupon| Some(coupon.code(now)?.0)).collect();
    let mut words = words_of_all(&call, accounts, &found, &codes).await?;
    words.texts.extend(words_of_promotions(&call, &found).await?);
    let registry = call.app.ledger.registry();
    let mut items = Vec::with_capacity(found.len());
    for coupon in found {
        let business_id = Some(coupon.business_id).filter(|_| !coupon.medical);
        let business = business_id.and_then(|id| registry.businesses.get(BusinessId::from_uuid(id)));
        let code = coupon.code(now);
        let (description, gift) = said(&mut words, &coupon);
        let neutral = || coupon.medical.then(|| "Купон партнёра программы".to_owned());
        let description = description.or_else(neutral);
        items.push(dto::OwnCoupon {
            business_name: business.map(|business| business.name.clone()),
            activation_code: code.and_then(|(hash, _)| words.codes.get(&hash).cloned()),
            valid_until: code.map(|(_, until)| until),
            terms: coupon.terms(now, business_id, (description, gift)),
        });
    }
    call.read(&dto::OwnCoupons { items, next_cursor }, position)
}
