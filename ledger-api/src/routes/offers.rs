//! Offers: drawn up, talked about, approved, published, over.
//!
//! What is said in words goes to the vault first, under ids that follow from the request's key and from all else that makes the
//! request this one: a repeat finds them, another request that uses the key does not, what led to nothing leaves none. What
//! the ledger hears of them is the ids.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::category::Confidentiality;
use ledger_core::ids::{BusinessId, OfferId, ReasonId};
use ledger_core::member::event::CouponBenefit;
use ledger_core::offer::Offer;
use ledger_core::offer::decide::{ChangeOffer, OfferCommand};
use ledger_core::offer::definition::{Definition, OfferCoupon, OfferFunder, OfferReward};
use ledger_core::offer::event::OfferEvent;
use ledger_store::log::{StoredRow, read_offer};
use ledger_store::{Command, Idempotency, Outcome, Receipt, Repeat};
use pii_vault::access::{Access, Purpose};

use super::approvals::is_much;
use super::businesses::execute;
use super::redemptions::other_outcome;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, OfferRewardWanted, OfferWanted, document};
use crate::intake;
use crate::json::{FieldErrors, parse};
use crate::natural_key::fingerprint;
use crate::problem::ApiError;
use crate::query::{self, Query};
use crate::read;
use crate::shown_offers::{Viewer, fact_of, said_by, shown, step as shown_step, texts_of};
use crate::words::{Texts, Whose};

fn access(call: &Call) -> Result<Access, ApiError> {
    Ok(call.vault_access(call.caller()?.accessor(), Purpose::Offers))
}

/// Draws an offer up: a business for itself, an admin for a business.
pub(crate) async fn draft(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let key = call.idempotency_key()?;
    let body = call.body(payload, Limit::Document).await?;
    let mut json = parse(&body)?;
    let registry = intake::registry_for(&call, std::slice::from_ref(&json)).await?;
    let business = intake::business_of(&call, &registry, &mut json, "")?;
    let mut errors = FieldErrors::default();
    let wanted = dto::object(json, "", &mut errors, OfferWanted::draft);
    let wanted = wanted.filter(|_| errors.is_empty()).ok_or(ApiError::Validation(errors))?;
    check_funder(&call, wanted.funded_by)?;
    let offer_id = OfferId::of_key(&key);
    // All of it but its words, which may name a person.
    let of = (business.business_id, business.confidentiality);
    let terms = definition_of(&wanted, of, &mut Texts::unsaid()).ok_or_else(other_outcome)?;
    let terms = serde_json::to_vec(&terms).unwrap_or_default();
    let idempotency = Idempotency { key, revision: 1, fingerprint: fingerprint(&[&terms]) };
    let mut texts = Texts::of(&idempotency);
    let definition = definition_of(&wanted, of, &mut texts).ok_or_else(other_outcome)?;
    let command = OfferCommand::Draft(Box::new(definition));
    let receipt = said(&call, (offer_id, command), idempotency, texts).await?;
    answered(&call, &receipt, StatusCode::CREATED)
}

/// What the coalition bears is its own to give.
fn check_funder(call: &Call, funded_by: Option<OfferFunder>) -> Result<(), ApiError> {
    if funded_by == Some(OfferFunder::Coalition) && !call.caller()?.is_admin() {
        return Err(ApiError::Forbidden);
    }
    Ok(())
}

/// The offer that is asked for, with its texts by ids; `None` without what every offer has.
fn definition_of(
    wanted: &OfferWanted,
    (business_id, kind): (BusinessId, Confidentiality),
    texts: &mut Texts,
) -> Option<Definition> {
    Some(Definition {
        business_id,
        title: texts.id("title", wanted.title.as_deref()?),
        text: text_of(wanted, kind, texts).flatten(),
        reward: reward(wanted.reward.as_ref()?, kind, texts),
        audience: wanted.audience.clone().unwrap_or_default(),
        from: wanted.from.flatten(),
        to: wanted.to.flatten(),
        limit: wanted.limit.flatten(),
        budget: wanted.budget.flatten(),
        funded_by: wanted.funded_by.unwrap_or(OfferFunder::Business),
    })
}

/// A clinic's words are read and not kept (`compliance.md` M1); its title names the offer to those who work on it alone.
fn text_of(wanted: &OfferWanted, kind: Confidentiality, texts: &mut Texts) -> Option<Option<ReasonId>> {
    let text = wanted.text.as_ref()?;
    let text = text.as_deref().filter(|_| kind == Confidentiality::Ordinary);
    Some(text.map(|text| texts.id("text", text)))
}

fn reward(wanted: &OfferRewardWanted, kind: Confidentiality, texts: &mut Texts) -> OfferReward {
    let mut kept = |what: &str, text: &Option<String>| {
        let text = text.as_deref().filter(|_| kind == Confidentiality::Ordinary)?;
        Some(texts.id(what, text))
    };
    match wanted {
        OfferRewardWanted::Multiplier { value } => OfferReward::Multiplier { value: *value },
        OfferRewardWanted::Coupon { gives, gift, min_bill, life_days, with_bonuses, description } => {
            let (description, gift) = (kept("description", description), kept("gift", gift));
            let (gives, min_bill) = (gives.clone(), *min_bill);
            let (life_days, with_bonuses) = (*life_days, *with_bonuses);
            let coupon = OfferCoupon { gives, min_bill, life_days, with_bonuses, description, gift };
            OfferReward::Coupon { coupon }
        }
    }
}

/// Changes an offer; a change to what already is, word for word, writes nothing.
pub(crate) async fn change(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let offer_id = OfferId::from_uuid(call.path_uuid("id")?);
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, OfferWanted::change)?;
    let offer = named(&call, offer_id).await?;
    check_funder(&call, wanted.funded_by)?;
    let old = &offer.definition;
    let registry = call.app.registry_with(old.business_id).await;
    let kind = registry.businesses.get(old.business_id).ok_or(ApiError::NotFound)?.confidentiality;
    let idempotency = Call::fresh_key();
    let known = call.app.vault.words().texts(&old.texts().collect::<Vec<_>>(), &access(&call)?).await?;
    let mut texts = Texts::of(&idempotency).with(places(old), &known);
    let change = ChangeOffer {
        title: wanted.title.as_deref().map(|title| texts.id("title", title)),
        text: text_of(&wanted, kind, &mut texts),
        reward: wanted.reward.as_ref().map(|wanted| reward(wanted, kind, &mut texts)),
        audience: wanted.audience,
        from: wanted.from,
        to: wanted.to,
        limit: wanted.limit,
        budget: wanted.budget,
        funded_by: wanted.funded_by,
    };
    let command = OfferCommand::Change(Box::new(change));
    let receipt = said(&call, (offer_id, command), idempotency, texts).await?;
    answered(&call, &receipt, StatusCode::OK)
}

/// Where its texts stand in a request.
fn places(Definition { title, text, reward, .. }: &Definition) -> Vec<(String, ReasonId)> {
    let [description, gift] = match reward {
        OfferReward::Coupon { coupon } => [coupon.description, coupon.gift],
        OfferReward::Multiplier { .. } => [None, None],
    };
    let all = [("title", Some(*title)), ("text", *text), ("description", description), ("gift", gift)];
    all.into_iter().filter_map(|(place, id)| Some((place.to_owned(), id?))).collect()
}

/// The offer in the address; another's is as missing.
pub(super) async fn named(call: &Call, id: OfferId) -> Result<Offer, ApiError> {
    let offer = call.app.find(|registry| registry.offers.get(id).cloned()).await;
    let business = call.caller()?.business;
    let is_visible = |offer: &Offer| business.is_none_or(|own| offer.definition.business_id == own);
    offer.filter(is_visible).ok_or(ApiError::NotFound)
}

pub(crate) async fn submit(call: Call, payload: Payload) -> Answer {
    go(call, payload, OfferCommand::Submit).await
}

pub(crate) async fn publish(call: Call, payload: Payload) -> Answer {
    go(call, payload, OfferCommand::Publish).await
}

pub(crate) async fn end(call: Call, payload: Payload) -> Answer {
    go(call, payload, OfferCommand::End).await
}

/// The version that the admin saw, if the body says which that was.
pub(crate) async fn approve(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let header = call.idempotency_header()?.to_owned();
    let dto::ApproveOffer { version } = call.perhaps(payload, dto::ApproveOffer::read).await?;
    let seen = version.map(u32::to_be_bytes);
    let said = seen.as_ref().map(<[u8; 4]>::as_slice);
    check_approver(&call).await?;
    step(&call, OfferCommand::Approve { version }, &header, said).await
}

/// Bonuses by hand under another name: where each coupon brings more of the coalition's than one person may give, who drew the
/// offer up or handed it in does not approve it. Decision 21.
async fn check_approver(call: &Call) -> Result<(), ApiError> {
    let offer_id = OfferId::from_uuid(call.path_uuid("id")?);
    let offer = named(call, offer_id).await?;
    let OfferReward::Coupon { coupon } = &offer.definition.reward else { return Ok(()) };
    let CouponBenefit::Bonus { value } = coupon.gives else { return Ok(()) };
    if offer.definition.funded_by != OfferFunder::Coalition || !is_much(call, value)? {
        return Ok(());
    }
    let own = call.caller()?.actor();
    let rows = read_offer(&call.app.log_pool, offer_id, 0, i64::MAX).await?;
    let is_drawn_up = |stored: &StoredRow| {
        stored.row.metadata.actor == own
            && matches!(fact_of(stored), Some(OfferEvent::OfferDrafted(_) | OfferEvent::OfferSubmitted(_)))
    };
    if rows.iter().any(is_drawn_up) { Err(ApiError::Forbidden) } else { Ok(()) }
}

/// One step of an offer's way, which needs no words.
async fn go(call: Call, payload: Payload, command: OfferCommand) -> Answer {
    query::none(&call)?;
    let header = call.idempotency_header()?.to_owned();
    call.no_fields(payload).await?;
    step(&call, command, &header, None).await
}

/// Executes it; `said` is what the body says besides.
async fn step(call: &Call, command: OfferCommand, header: &str, said: Option<&[u8]>) -> Answer {
    let offer_id = OfferId::from_uuid(call.path_uuid("id")?);
    named(call, offer_id).await?;
    let idempotency = call.idempotency_about(offer_id.as_uuid(), header, said)?;
    let receipt = execute(call, Command::Offer { offer_id, command }, idempotency).await?;
    answered(call, &receipt, StatusCode::OK)
}

pub(crate) async fn reject(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let header = call.idempotency_header()?.to_owned();
    let offer_id = OfferId::from_uuid(call.path_uuid("id")?);
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, dto::RejectOffer::read)?;
    in_words(&call, offer_id, &header, (&wanted.reason, OfferCommand::Reject), StatusCode::OK).await
}

/// The owner or an admin says something to the other.
pub(crate) async fn comment(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let header = call.idempotency_header()?.to_owned();
    let offer_id = OfferId::from_uuid(call.path_uuid("id")?);
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, dto::CommentOnOffer::read)?;
    in_words(&call, offer_id, &header, (&wanted.text, OfferCommand::Comment), StatusCode::CREATED).await
}

/// A command that is a text of its own.
async fn in_words(
    call: &Call,
    offer_id: OfferId,
    header: &str,
    (text, command): (&str, fn(ReasonId) -> OfferCommand),
    first: StatusCode,
) -> Answer {
    named(call, offer_id).await?;
    let idempotency = call.idempotency_about(offer_id.as_uuid(), header, None)?;
    let mut texts = Texts::of(&idempotency);
    let command = command(texts.id("said", text));
    let receipt = said(call, (offer_id, command), idempotency, texts).await?;
    answered(call, &receipt, first)
}

/// Keeps what is said, and has the ledger decide.
async fn said(
    call: &Call,
    (offer_id, command): (OfferId, OfferCommand),
    idempotency: Idempotency,
    texts: Texts,
) -> Result<Receipt, ApiError> {
    let run = execute(call, Command::Offer { offer_id, command }, idempotency);
    texts.around(call, (Whose::Partners, Purpose::Offers), run).await
}

fn answered(call: &Call, receipt: &Receipt, first: StatusCode) -> Answer {
    let Outcome::Offer { offer_id, version, state } = receipt.outcome else { return Err(other_outcome()) };
    let replayed = receipt.repeat != Repeat::First;
    let status = if replayed { StatusCode::OK } else { first };
    let (offer_id, state) = (offer_id.as_uuid(), state.as_str());
    call.answer(status, &dto::OfferAnswer { offer_id, version, state, replayed }, receipt.position)
}

/// The caller's own offers, the last drawn up first; all of them for an admin.
pub(crate) async fn list(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let page = query.page(&call);
    query.finish()?;
    let position = read::registry(&call).await?;
    let registry = call.app.ledger.registry();
    let caller = call.caller()?;
    let is_own = |offer: &&Offer| caller.business.is_none_or(|own| offer.definition.business_id == own);
    let offers: Vec<&Offer> =
        registry.offers.before(page.before_number()).filter(is_own).take(page.looked_for()).collect();
    let (offers, next_cursor) = query::paged(&call, offers, page.limit, |offer| offer.number.to_string());
    let ids: Vec<ReasonId> = offers.iter().flat_map(|offer| texts_of(offer)).collect();
    let texts = call.app.vault.words().texts(&ids, &access(&call)?).await?;
    let viewer = |offer: &Offer| Viewer::of(caller.is_admin(), offer, &registry.businesses);
    let items = offers.iter().map(|offer| shown(offer, &texts, viewer(offer))).collect();
    call.read(&dto::Offers { items, next_cursor }, position)
}

pub(crate) async fn one(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let offer_id = OfferId::from_uuid(call.path_uuid("id")?);
    let position = read::registry(&call).await?;
    let offer = named(&call, offer_id).await?;
    let texts = call.app.vault.words().texts(&texts_of(&offer), &access(&call)?).await?;
    let viewer = Viewer::of(call.caller()?.is_admin(), &offer, &call.app.ledger.registry().businesses);
    call.read(&shown(&offer, &texts, viewer), position)
}

/// What was done with an offer and said about it, from its beginning; without the coupons that it gave.
pub(crate) async fn history(call: Call, _: Payload) -> Answer {
    let offer_id = OfferId::from_uuid(call.path_uuid("id")?);
    let mut query = Query::of(&call.http)?;
    let page = query.page(&call);
    query.finish()?;
    let position = read::registry(&call).await?;
    named(&call, offer_id).await?;
    let after = page.after.as_deref().and_then(|version| version.parse::<i32>().ok()).unwrap_or(0);
    let rows = read_offer(&call.app.log_pool, offer_id, after, page.limit.saturating_add(1)).await?;
    let (rows, next_cursor) =
        query::paged(&call, rows, page.limit, |stored| stored.row.stream_version.to_string());
    let facts: Vec<_> = rows.iter().filter_map(|stored| Some((stored, fact_of(stored)?))).collect();
    let ids: Vec<ReasonId> = facts.iter().filter_map(|(_, fact)| said_by(fact)).collect();
    let texts = call.app.vault.words().texts(&ids, &access(&call)?).await?;
    let items = facts.iter().filter_map(|(stored, fact)| shown_step(stored, fact, &texts)).collect();
    call.read(&dto::OfferHistory { items, next_cursor }, position)
}
