//! Makes the members behind a file's households, several at a time.

use futures::{StreamExt, TryStreamExt};
use ledger_core::ids::MemberId;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::Mutex;

use super::error::ImportError;
use super::members::{Members, idempotency_key};
use super::progress::Progress;
use super::report::Report;
use super::service::{Failure, Patience, Service, succeeded};

/// Requests at the same time: the service commits them together.
const PARALLEL: usize = 32;

#[derive(Deserialize)]
struct Answer {
    data: Made,
}

#[derive(Deserialize)]
struct Made {
    member_id: MemberId,
    #[serde(default)]
    replayed: Option<bool>,
}

/// What became of one household.
struct Registered {
    household: String,
    /// `None` when there is a member with this phone who was made otherwise: her purchases go by phone.
    member: Option<Made>,
}

/// Makes all that are not there.
pub(crate) async fn all(
    service: &Service,
    registrations: Vec<(String, Value)>,
    patience: Patience,
    report: &mut Report,
) -> Result<Members, ImportError> {
    let mut progress = Progress::new("members  ", u64::try_from(registrations.len()).unwrap_or(u64::MAX));
    let patience = Mutex::new(patience);
    let mut members = Members::with_capacity(registrations.len());
    let answers = futures::stream::iter(registrations)
        .map(|(household, body)| one(service, household, body, &patience))
        .buffer_unordered(PARALLEL);
    let mut answers = std::pin::pin!(answers);
    while let Some(registered) = answers.try_next().await? {
        if let Some(made) = registered.member {
            if made.replayed != Some(true) {
                report.member_made();
            }
            members.insert(registered.household, made.member_id);
        }
        progress.advance(1);
    }
    progress.finish();
    Ok(members)
}

async fn one(
    service: &Service,
    household: String,
    body: Value,
    patience: &Mutex<Patience>,
) -> Result<Registered, ImportError> {
    loop {
        match attempt(service, &body).await {
            Ok(made) => {
                patience.lock().await.progress();
                return Ok(Registered { household, member: Some(made) });
            }
            Err(Failure::Final(ImportError::Refused { status: StatusCode::CONFLICT, .. })) => {
                return Ok(Registered { household, member: None });
            }
            // One pauses for all: the others wait for the lock.
            Err(failure) => patience.lock().await.wait(failure).await?,
        }
    }
}

async fn attempt(service: &Service, body: &Value) -> Result<Made, Failure> {
    let request = service.post("/admin/members").header("Idempotency-Key", idempotency_key(body));
    let response = request.json(body).timeout(Duration::from_secs(60)).send().await?;
    let response = succeeded("making a member", response).await?;
    let answer: Answer = response.json().await?;
    Ok(answer.data)
}
