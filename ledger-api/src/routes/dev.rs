//! The `dev` profile's own calls; they exist in no other.

use std::time::Duration;

use actix_web::web::Payload;
use ledger_core::log::Position;
use ledger_core::time::Timestamp;
use ledger_store::{dev_clock, log};
use pii_vault::phone::Phone;
use serde_json::json;
use tokio::time::Instant;

use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::problem::ApiError;
use crate::query::{self, Query};

/// How long settling may take.
const SETTLE_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

pub(crate) async fn outbox(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let phone = match query.take("phone").map(|text| Phone::parse(&text)) {
        Some(Ok(phone)) => Some(phone),
        Some(Err(error)) => {
            query.wrong("phone", &error.to_string());
            None
        }
        None => {
            query.wrong("phone", "is required");
            None
        }
    };
    query.finish()?;
    let phone = phone.ok_or_else(|| ApiError::field("phone", "is required"))?;
    let messages = call.app.vault.dev_outbox().messages(&phone).await?;
    let messages = messages.into_iter().map(|message| dto::OutboxMessage {
        at: Timestamp::new(message.at),
        text: message.text,
        code: message.code.expose().to_owned(),
    });
    call.ok(&dto::Outbox { messages: messages.collect() })
}

pub(crate) async fn clock(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::SetClock { now } = document(&body, dto::SetClock::read)?;
    dev_clock::set(&call.app.log_pool, &call.app.clock, now).await?;
    call.ok(&dto::ClockSet { now })
}

/// Answers when, at one look, every read model has passed the end of the log and every reactor has nothing due: what a
/// reactor appends meanwhile moves the end of the log, and the look is repeated.
pub(crate) async fn settle(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let deadline = Instant::now() + SETTLE_MAX;
    // What is due now must have run; a clock that goes on makes later work, which is not waited for.
    let now = call.now();
    loop {
        let head = log::head(&call.app.log_pool).await?;
        let behind = behind(&call, head, now).await;
        match behind {
            Ok(behind) if behind.is_empty() && log::head(&call.app.log_pool).await? == head => {
                return call.ok(&dto::Settled { position: head });
            }
            Ok(behind) if Instant::now() >= deadline => {
                return Err(ApiError::NotSettled(json!({ "head": head, "behind": behind })));
            }
            // The read database may not have its tables yet.
            Err(error) if Instant::now() >= deadline => return Err(error.into()),
            Ok(_) | Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}

/// What has not passed `head` or has work due at `now`: every projection that must be there or ever ran, every reactor.
async fn behind(call: &Call, head: Position, now: Timestamp) -> Result<Vec<serde_json::Value>, sqlx::Error> {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT name, COALESCE(state, 'not started'), COALESCE(passed, 0)
         FROM UNNEST($3::text[]) AS wanted (name) FULL JOIN projectors.progress USING (name)
         WHERE passed IS NULL OR passed < $1
         UNION ALL
         SELECT name, 'reactor', COALESCE(log_position, 0)
         FROM UNNEST(ARRAY['due', 'review', 'offers']) AS wanted (name) FULL JOIN projectors.reactor_status USING (name)
         WHERE log_position IS NULL OR log_position < $1 OR done_through < $2",
    )
    .bind(head)
    .bind(now.to_utc())
    .bind(call.app.projections)
    .fetch_all(&call.app.read_pool)
    .await?;
    let shown = |(name, state, at)| json!({ "name": name, "state": state, "position": at });
    Ok(rows.into_iter().map(shown).collect())
}
