//! Policies. Rules P1–P3.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::policy::decide;
use ledger_store::{Command, Idempotency, Outcome, Repeat};

use super::businesses::execute;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::natural_key::fingerprint;
use crate::problem::{ApiError, Cause};
use crate::query::{self, Query};
use crate::read;

pub(crate) async fn publish(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let key = call.idempotency_key()?;
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, dto::PublishPolicy::read)?;
    let changes = serde_json::to_vec(&wanted.parameters).unwrap_or_default();
    let from = wanted.effective_from.map(|at| at.micros().to_be_bytes());
    let fingerprint = fingerprint(&[from.as_ref().map_or(&[], <[u8; 8]>::as_slice), &changes]);
    let command = Command::PublishPolicy(decide::PublishPolicy {
        effective_from: wanted.effective_from,
        changes: wanted.parameters,
    });
    let receipt = execute(&call, command, Idempotency { key, revision: 1, fingerprint }).await?;
    let Outcome::PolicyPublished { version, effective_from } = receipt.outcome else {
        return Err(ApiError::Unavailable(Cause::Impossible("a policy was answered with another outcome")));
    };
    let replayed = receipt.repeat != Repeat::First;
    let status = if replayed { StatusCode::OK } else { StatusCode::CREATED };
    call.answer(status, &dto::PolicyPublished { version, effective_from, replayed }, receipt.position)
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
