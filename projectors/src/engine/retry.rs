//! Following the log for ever: what may pass is tried again, what cannot is told and stops. Design J4.

use std::convert::Infallible;
use std::time::Duration;

use sqlx::PgPool;
use tokio::time::Instant;

use super::{Progress, State, schema};
use crate::error::ProjectError;

const BACKOFF_MIN: Duration = Duration::from_millis(50);
/// The longest wait between two attempts when a server is away.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Runs `follow` until it fails with what trying again cannot help. `projectors.progress` of `name` says why it waits, or
/// why it stopped.
pub(crate) async fn follow_on<F>(read: &PgPool, name: &str, follow: impl Fn() -> F) -> ProjectError
where
    F: Future<Output = Result<Infallible, ProjectError>>,
{
    let mut backoff = BACKOFF_MIN;
    loop {
        let began = Instant::now();
        let Err(error) = follow().await;
        if !error.is_retryable() {
            tracing::error!(projection = name, %error, "the projection stopped");
            report(read, name, State::Stopped, &error).await;
            return error;
        }
        tracing::warn!(projection = name, %error, "trying again");
        report(read, name, State::Waiting, &error).await;
        if began.elapsed() > BACKOFF_MAX {
            backoff = BACKOFF_MIN;
        }
        tokio::time::sleep(backoff).await;
        backoff = backoff.saturating_mul(2).min(BACKOFF_MAX);
    }
}

async fn report(read: &PgPool, name: &str, state: State, error: &ProjectError) {
    let told = async {
        schema::ensure_shared(read).await?;
        Progress::open(read.clone(), name).await?.state(state, Some(error)).await
    };
    if let Err(error) = told.await {
        tracing::warn!(projection = name, %error, "the state could not be written");
    }
}
