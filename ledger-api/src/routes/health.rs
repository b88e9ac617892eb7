//! For operators and machines: is it alive, is it ready, what has it counted, what does it speak.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Payload;
use futures::future::join3;
use serde_json::json;

use crate::call::{Answer, Call};
use crate::dto;
use crate::openapi;
use crate::problem::{ApiError, Cause};

/// How long a dependency may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) async fn live(call: Call, _: Payload) -> Answer {
    call.ok(&dto::Health { status: "ok" })
}

/// Names what is missing.
pub(crate) async fn ready(call: Call, _: Payload) -> Answer {
    let ping = |pool| async move { sqlx::query("SELECT 1").execute(pool).await.is_ok() };
    let keys = call.app.vault.api_keys();
    let (ledger, read, vault) = join3(
        tokio::time::timeout(PATIENCE, ping(&call.app.log_pool)),
        tokio::time::timeout(PATIENCE, ping(&call.app.read_pool)),
        tokio::time::timeout(PATIENCE, async { keys.version().await.is_ok() }),
    )
    .await;
    let answers = [("ledger database", ledger), ("read database", read), ("vault database", vault)];
    let missing = answers.into_iter().filter(|(_, answer)| !matches!(answer, Ok(true)));
    let missing: Vec<&str> = missing.map(|(name, _)| name).collect();
    if missing.is_empty() {
        call.ok(&dto::Health { status: "ok" })
    } else {
        Err(ApiError::NotReady(json!({ "missing": missing })))
    }
}

pub(crate) async fn metrics(call: Call, _: Payload) -> Answer {
    let handle = call.app.metrics.as_ref();
    let handle = handle.ok_or(ApiError::Unavailable(Cause::Impossible("no metrics are collected")))?;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(handle.render()))
}

pub(crate) async fn openapi(_: Call, _: Payload) -> Answer {
    let document =
        openapi::json().map_err(|_| ApiError::Unavailable(Cause::Impossible("no OpenAPI document")))?;
    Ok(HttpResponse::Ok().content_type("application/json").body(document))
}
