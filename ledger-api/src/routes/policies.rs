//! Policies. Rules P1–P3. One that raises `approval.manual_bonus` needs a second person, as what it would allow does.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::log::Position;
use ledger_core::policy::{Policy, decide};
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;
use ledger_store::{Command, Idempotency, Outcome, Repeat};
use pii_vault::auth::{Approval, ApprovalKind};
use serde::{Deserialize, Serialize};

use super::approvals::{Ask, Permit, carried_out, is_finished, permit, waited};
use super::businesses::execute_as;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::natural_key::fingerprint;
use crate::problem::{ApiError, Cause};
use crate::query::{self, Query};
use crate::read;
use crate::words::Acting;

/// The most that one person may give by hand, among the parameters.
const MANUAL_BONUS_LIMIT: &str = "approval.manual_bonus";

/// What was published, and where the log says so.
type Published = (dto::PolicyPublished, Option<Position>);

/// What is published: as it is carried out, and as it waits for a second person.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Publication {
    effective_from: Option<Timestamp>,
    parameters: BTreeMap<String, serde_json::Value>,
}

pub(crate) async fn publish(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let key = call.idempotency_key()?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::PublishPolicy { effective_from, parameters } = document(&body, dto::PublishPolicy::read)?;
    let publication = Publication { effective_from, parameters };
    let (published, position) = if publication.needs_approval(&call)? && !is_finished(&call, &key).await? {
        let fingerprint = publication.fingerprint();
        let kind = ApprovalKind::BonusLimit;
        let ask = Ask { kind, about: None, words: None, key, fingerprint, inputs: &publication };
        match permit(&call, ask).await? {
            Permit::Waits(asked) => return call.answer(StatusCode::ACCEPTED, &*asked, None),
            Permit::Given(approval) => Publication::carry_out(&call, &approval).await?,
        }
    } else {
        publication.execute(&call, key, Acting::of(&call)?).await?
    };
    let status = if published.replayed { StatusCode::OK } else { StatusCode::CREATED };
    call.answer(status, &published, position)
}

impl Publication {
    /// Whether it lets one person give more by hand than any policy does that it replaces, now or later: else whoever may publish
    /// would need nobody.
    fn needs_approval(&self, call: &Call) -> Result<bool, ApiError> {
        let Some(wanted) = self.parameters.get(MANUAL_BONUS_LIMIT) else { return Ok(false) };
        let registry = call.app.ledger.registry();
        let (now, policies) = (call.now(), &registry.policies);
        let policy = policies.in_force(now).ok_or(Rejection::PolicyMissing)?;
        let from = self.effective_from.unwrap_or(now);
        let replaced =
            policies.in_force(from).into_iter().chain(policies.iter().filter(|one| one.effective_from > now));
        let limit = |policy: &Policy| policy.parameters.approval_manual_bonus;
        let least = replaced.map(limit).fold(limit(policy), Ord::min);
        let mut changed = policy.parameters.clone();
        // What cannot be is refused by the rules, with its reasons.
        let is_value = changed.set(MANUAL_BONUS_LIMIT, wanted).is_ok();
        Ok(is_value && changed.approval_manual_bonus > least)
    }

    fn fingerprint(&self) -> [u8; 32] {
        let changes = serde_json::to_vec(&self.parameters).unwrap_or_default();
        let from = self.effective_from.map(|at| at.micros().to_be_bytes());
        fingerprint(&[from.as_ref().map_or(&[], <[u8; 8]>::as_slice), &changes])
    }

    /// Carries out what somebody else has approved, on behalf of whoever asked.
    pub(super) async fn carry_out(call: &Call, approval: &Approval) -> Result<Published, ApiError> {
        let publication: Self = waited(approval)?;
        let published = publication.execute(call, approval.key, Acting::approved(approval)).await?;
        carried_out(call, &approval.key).await?;
        Ok(published)
    }

    async fn execute(self, call: &Call, key: [u8; 32], acting: Acting) -> Result<Published, ApiError> {
        let idempotency = Idempotency { key, revision: 1, fingerprint: self.fingerprint() };
        let Self { effective_from, parameters: changes } = self;
        let command = Command::PublishPolicy(decide::PublishPolicy { effective_from, changes });
        let receipt = execute_as(call, acting, command, idempotency).await?;
        let Outcome::PolicyPublished { version, effective_from } = receipt.outcome else {
            return Err(ApiError::Unavailable(Cause::Impossible(
                "a policy was answered with another outcome",
            )));
        };
        let replayed = receipt.repeat != Repeat::First;
        Ok((dto::PolicyPublished { version, effective_from, replayed }, receipt.position))
    }
}

pub(crate) async fn list(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let page = query.page(&call);
    query.finish()?;
    let position = read::registry(&call).await?;
    let registry = call.app.ledger.registry();
    let before = page.after.as_deref().and_then(|version| version.parse::<u32>().ok());
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX).saturating_add(1);
    let mut policies: Vec<_> = registry.policies.iter().collect();
    policies.reverse();
    let rest = policies.into_iter().filter(|policy| before.is_none_or(|before| policy.version < before));
    let items: Vec<_> = rest
        .take(limit)
        .map(|policy| dto::Policy {
            version: policy.version,
            effective_from: policy.effective_from,
            parameters: policy.parameters.clone(),
        })
        .collect();
    let (items, next_cursor) = query::paged(&call, items, page.limit, |policy| policy.version.to_string());
    call.read(&dto::Policies { items, next_cursor }, position)
}
