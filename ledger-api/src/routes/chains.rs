//! Chains of cross-promotion: drawn up, agreed on, running, over. Rules X1, X2.
//!
//! The name of a chain and what its coupons say go to the vault first (`words.rs`). What the ledger hears of them is the ids.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::category::Confidentiality;
use ledger_core::chain::Chain;
use ledger_core::chain::decide::{ChainCommand, ChangeChain};
use ledger_core::chain::definition::{CouponTemplate, Definition, Reward, Step};
use ledger_core::ids::{ChainId, ReasonId};
use ledger_store::{Command, Idempotency, Outcome, Receipt, Repeat};
use pii_vault::access::{Access, Purpose};

use super::businesses::execute;
use super::redemptions::other_outcome;
use crate::app::find_business;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, ChainWanted, RewardWanted, StepWanted, document};
use crate::json::FieldErrors;
use crate::natural_key::fingerprint;
use crate::problem::ApiError;
use crate::query::{self, Query};
use crate::read;
use crate::shown_chains::{shown, texts_of};
use crate::words::{Texts, Whose};

fn access(call: &Call) -> Result<Access, ApiError> {
    Ok(call.vault_access(call.caller()?.accessor(), Purpose::Chains))
}

/// Draws a chain up. A business draws up what it is part of.
pub(crate) async fn draft(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let key = call.idempotency_key()?;
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, ChainWanted::draft)?;
    let terms = definition_of(&call, &wanted, &mut Texts::unsaid()).await?;
    // All of it but its words, which may name a person.
    let terms = serde_json::to_vec(&terms).unwrap_or_default();
    let idempotency = Idempotency { key, revision: 1, fingerprint: fingerprint(&[&terms]) };
    let mut texts = Texts::of(&idempotency);
    let definition = definition_of(&call, &wanted, &mut texts).await?;
    if call.caller()?.business.is_some_and(|own| !definition.parties().contains(&own)) {
        return Err(ApiError::Forbidden);
    }
    let chain_id = ChainId::of_key(&key);
    let command = ChainCommand::Draft(Box::new(definition));
    let receipt = said(&call, (chain_id, command), idempotency, texts).await?;
    answered(&call, &receipt, StatusCode::CREATED)
}

/// The chain that is asked for, with its businesses found, and its texts by ids.
pub(super) async fn definition_of(
    call: &Call,
    wanted: &ChainWanted,
    texts: &mut Texts,
) -> Result<Definition, ApiError> {
    let ChainWanted { name, kind, steps, audience, limits, from, to, funded_by, holdout_percent } = wanted;
    let (Some(name), Some(kind), Some(steps), Some(funded_by)) = (name, *kind, steps, *funded_by) else {
        return Err(other_outcome());
    };
    Ok(Definition {
        name: texts.id("name", name),
        kind,
        steps: named_steps(call, steps, texts).await?,
        audience: audience.clone().unwrap_or_default(),
        limits: limits.clone().unwrap_or_default(),
        from: from.flatten(),
        to: to.flatten(),
        funded_by,
        holdout_percent: holdout_percent.flatten(),
    })
}

/// Changes a chain; a change to what already is, word for word, writes nothing.
pub(crate) async fn change(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let chain_id = ChainId::from_uuid(call.path_uuid("id")?);
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, ChainWanted::change)?;
    let chain = named(&call, chain_id).await?;
    let idempotency = Call::fresh_key();
    let old = &chain.newest.definition;
    let known = call.app.vault.words().texts(&old.texts().collect::<Vec<_>>(), &access(&call)?).await?;
    let mut texts = Texts::of(&idempotency).with(places(old), &known);
    let ChainWanted { name, kind, steps, audience, limits, from, to, funded_by, holdout_percent } = wanted;
    let name = name.map(|name| texts.id("name", &name));
    let steps = match steps {
        Some(steps) => Some(named_steps(&call, &steps, &mut texts).await?),
        None => None,
    };
    let change = ChangeChain { name, kind, steps, audience, limits, from, to, funded_by, holdout_percent };
    let command = ChainCommand::Change(Box::new(change));
    let receipt = said(&call, (chain_id, command), idempotency, texts).await?;
    answered(&call, &receipt, StatusCode::OK)
}

/// Where its texts stand in a request.
fn places(definition: &Definition) -> Vec<(String, ReasonId)> {
    let mut places = vec![("name".to_owned(), definition.name)];
    for (place, step) in definition.steps.iter().enumerate() {
        let Reward::Coupon { coupon } = &step.reward else { continue };
        let texts = [("description", coupon.description), ("gift", coupon.gift)];
        let said = texts.into_iter().filter_map(|(what, id)| Some((format!("steps/{place}/{what}"), id?)));
        places.extend(said);
    }
    places
}

/// Keeps what is said, and has the ledger decide.
async fn said(
    call: &Call,
    (chain_id, command): (ChainId, ChainCommand),
    idempotency: Idempotency,
    texts: Texts,
) -> Result<Receipt, ApiError> {
    let run = execute(call, Command::Chain { chain_id, command }, idempotency);
    texts.around(call, (Whose::Partners, Purpose::Chains), run).await
}

/// The steps with their businesses found, and their texts by ids.
async fn named_steps(call: &Call, steps: &[StepWanted], texts: &mut Texts) -> Result<Vec<Step>, ApiError> {
    let names = || steps.iter().flat_map(|step| [&step.from, &step.to]);
    let mut registry = call.app.ledger.registry();
    if names().any(|name| find_business(&registry, name).is_none()) {
        // Another process may have registered it a moment ago.
        call.app.ledger.refresh().await;
        registry = call.app.ledger.registry();
    }
    let (mut named, mut errors) = (Vec::with_capacity(steps.len()), FieldErrors::default());
    for (place, step) in steps.iter().enumerate() {
        let [from, to] = [("from", &step.from), ("to", &step.to)].map(|(field, name)| {
            let found = find_business(&registry, name);
            if found.is_none() {
                errors.add(&format!("steps[{place}].{field}"), "there is no such business");
            }
            found
        });
        let (Some(from), Some(to)) = (from, to) else { continue };
        let at = (place, to.confidentiality);
        named.push(Step {
            from: from.business_id,
            to: to.business_id,
            window_days: step.window_days,
            min_amount: step.min_amount,
            reward: reward(&step.reward, at, texts),
        });
    }
    if errors.is_empty() { Ok(named) } else { Err(ApiError::Validation(errors)) }
}

/// A clinic's words are read and not kept (`compliance.md` M1).
fn reward(wanted: &RewardWanted, (place, target): (usize, Confidentiality), texts: &mut Texts) -> Reward {
    let mut kept = |what: &str, text: &Option<String>| {
        let text = text.as_deref().filter(|_| target == Confidentiality::Ordinary)?;
        Some(texts.id(&format!("steps/{place}/{what}"), text))
    };
    match wanted {
        RewardWanted::CrossBonus { rate } => Reward::CrossBonus { rate: *rate },
        RewardWanted::Coupon { gives, gift, min_bill, life_days, description } => {
            let (description, gift) = (kept("description", description), kept("gift", gift));
            let (gives, min_bill, life_days) = (gives.clone(), *min_bill, *life_days);
            Reward::Coupon { coupon: CouponTemplate { gives, min_bill, life_days, description, gift } }
        }
    }
}

/// The chain in the address; another's is as missing.
pub(super) async fn named(call: &Call, id: ChainId) -> Result<Chain, ApiError> {
    let chain = call.app.find(|registry| registry.chains.get(id).cloned()).await;
    let business = call.caller()?.business;
    let is_visible = |chain: &Chain| business.is_none_or(|own| chain.involves(own));
    chain.filter(is_visible).ok_or(ApiError::NotFound)
}

pub(crate) async fn submit(call: Call, payload: Payload) -> Answer {
    go(call, payload, ChainCommand::Submit).await
}

/// The owner's: a business's own key. To the version that she saw, if she says which that was.
pub(crate) async fn consent(call: Call, payload: Payload) -> Answer {
    let of = call.caller()?.business.ok_or(ApiError::Forbidden)?;
    query::none(&call)?;
    let header = call.idempotency_header()?.to_owned();
    let dto::ConsentToChain { version } = call.perhaps(payload, dto::ConsentToChain::read).await?;
    let seen = version.map(u32::to_be_bytes);
    step(&call, ChainCommand::Consent { of, version }, &header, seen.as_ref().map(<[u8; 4]>::as_slice)).await
}

pub(crate) async fn approve(call: Call, payload: Payload) -> Answer {
    go(call, payload, ChainCommand::Approve).await
}

pub(crate) async fn activate(call: Call, payload: Payload) -> Answer {
    go(call, payload, ChainCommand::Activate).await
}

pub(crate) async fn pause(call: Call, payload: Payload) -> Answer {
    go(call, payload, ChainCommand::Pause).await
}

pub(crate) async fn end(call: Call, payload: Payload) -> Answer {
    go(call, payload, ChainCommand::End).await
}

/// One step of a chain's way, which needs no words.
async fn go(call: Call, payload: Payload, command: ChainCommand) -> Answer {
    query::none(&call)?;
    let header = call.idempotency_header()?.to_owned();
    call.no_fields(payload).await?;
    step(&call, command, &header, None).await
}

/// Executes it; `said` is what the body says besides.
async fn step(call: &Call, command: ChainCommand, header: &str, said: Option<&[u8]>) -> Answer {
    let chain_id = ChainId::from_uuid(call.path_uuid("id")?);
    named(call, chain_id).await?;
    let idempotency = call.idempotency_about(chain_id.as_uuid(), header, said)?;
    let receipt = execute(call, Command::Chain { chain_id, command }, idempotency).await?;
    answered(call, &receipt, StatusCode::OK)
}

pub(crate) async fn reject(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let header = call.idempotency_header()?.to_owned();
    let chain_id = ChainId::from_uuid(call.path_uuid("id")?);
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, dto::RejectChain::read)?;
    named(&call, chain_id).await?;
    let idempotency = call.idempotency_about(chain_id.as_uuid(), &header, None)?;
    let mut texts = Texts::of(&idempotency);
    let command = ChainCommand::Reject(texts.id("reason", &wanted.reason));
    let receipt = said(&call, (chain_id, command), idempotency, texts).await?;
    answered(&call, &receipt, StatusCode::OK)
}

fn answered(call: &Call, receipt: &Receipt, first: StatusCode) -> Answer {
    let Outcome::Chain { chain_id, version, state } = receipt.outcome else { return Err(other_outcome()) };
    let replayed = receipt.repeat != Repeat::First;
    let status = if replayed { StatusCode::OK } else { first };
    let standing = dto::ChainStanding { version, state: state.as_str() };
    call.answer(
        status,
        &dto::ChainAnswer { chain_id: chain_id.as_uuid(), standing, replayed },
        receipt.position,
    )
}

/// The caller's own chains, the last drawn up first; all of them for an admin.
pub(crate) async fn list(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let page = query.page(&call);
    query.finish()?;
    let position = read::registry(&call).await?;
    let registry = call.app.ledger.registry();
    let business = call.caller()?.business;
    let chains = registry
        .chains
        .before(page.before_number())
        .filter(|chain| business.is_none_or(|own| chain.involves(own)));
    let chains: Vec<&Chain> = chains.take(page.looked_for()).collect();
    let (chains, next_cursor) = query::paged(&call, chains, page.limit, |chain| chain.number.to_string());
    let ids: Vec<ReasonId> = chains.iter().flat_map(|chain| texts_of(chain)).collect();
    let texts = call.app.vault.words().texts(&ids, &access(&call)?).await?;
    let items = chains.iter().map(|chain| shown(chain, &texts, business)).collect();
    call.read(&dto::Chains { items, next_cursor }, position)
}

pub(crate) async fn one(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let chain_id = ChainId::from_uuid(call.path_uuid("id")?);
    let position = read::registry(&call).await?;
    let chain = named(&call, chain_id).await?;
    let texts = call.app.vault.words().texts(&texts_of(&chain), &access(&call)?).await?;
    call.read(&shown(&chain, &texts, call.caller()?.business), position)
}
