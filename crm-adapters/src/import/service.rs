//! The ledger's HTTP service as the import sees it: failures worth another try, and answers.
//!
//! What may pass (no connection, a connection that broke, 429, 502, 503, 504) is [`Failure::Passing`]; everything else
//! ends the import.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

use super::error::{ImportError, chain};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Longer than any one answer of a healthy service takes to go on.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Why a request did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// May go away by itself.
    Passing(String),
    /// Will not.
    Final(ImportError),
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        Self::Passing(chain(&error.without_url()))
    }
}

/// The failure envelope of the contract.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope {
    pub(crate) error: Problem,
}

/// The part of it that is shown.
#[derive(Debug, Deserialize)]
pub(crate) struct Problem {
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) details: Value,
}

/// The service at one address with one key.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    client: Client,
    base: String,
    key: String,
}

impl Service {
    pub(crate) fn new(base_url: &str, key: &str) -> Result<Self, ImportError> {
        let base = base_url.trim_end_matches('/');
        if base.starts_with("https://") {
            let reason = "https is not built in; use the service's own address inside the network";
            return Err(ImportError::Address(reason));
        }
        if !base.starts_with("http://") || reqwest::Url::parse(base).is_err() {
            return Err(ImportError::Address("must look like http://host:port"));
        }
        let client = Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .read_timeout(SILENCE_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(ImportError::Client)?;
        Ok(Self { client, base: base.to_owned(), key: format!("ApiKey {key}") })
    }

    /// A POST below `/api/v1` with the key.
    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v1{path}", self.base);
        self.client.post(url).header(header::AUTHORIZATION, &self.key)
    }
}

/// The answer if it is a success; else what its envelope says.
pub(crate) async fn succeeded(doing: &'static str, response: Response) -> Result<Response, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let passing = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    let problem = response.json::<Envelope>().await.map(|envelope| envelope.error);
    let problem = problem.unwrap_or_else(|_| Problem {
        code: "without a reason".to_owned(),
        message: String::new(),
        details: Value::Null,
    });
    if passing.contains(&status) {
        return Err(Failure::Passing(format!("{doing}: {status} {}", problem.code)));
    }
    let message = match &problem.details {
        Value::Null => problem.message,
        details => format!("{} {details}", problem.message),
    };
    Err(Failure::Final(ImportError::Refused { doing, status, code: problem.code, message }))
}

/// Patience: pauses that grow, for a limited time without progress.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Duration,
    last_progress: Instant,
    pause: Duration,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, last_progress: Instant::now(), pause: PAUSE_FIRST }
    }

    /// Something went well: the time and the pauses begin anew.
    pub(crate) fn progress(&mut self) {
        self.last_progress = Instant::now();
        self.pause = PAUSE_FIRST;
    }

    /// Pauses before another try.
    ///
    /// # Errors
    /// The failure itself if it is final; `Unreachable` when patience is over.
    pub(crate) async fn wait(&mut self, failure: Failure) -> Result<(), ImportError> {
        let last = match failure {
            Failure::Final(error) => return Err(error),
            Failure::Passing(last) => last,
        };
        let waited = self.last_progress.elapsed();
        if waited >= self.limit {
            return Err(ImportError::Unreachable { waited_s: waited.as_secs(), last });
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Ok(())
    }
}

/// Creates or truncates a file that is written to later, so that a wrong path is told at once.
pub(crate) fn create(path: &Path) -> Result<std::fs::File, ImportError> {
    std::fs::File::create(path).map_err(|source| ImportError::File { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_checked_before_anything_is_sent() {
        for bad in ["https://host", "host:80", "ftp://host", "http://", ""] {
            assert!(matches!(Service::new(bad, "key"), Err(ImportError::Address(_))), "{bad}");
        }
        assert_eq!(Service::new("http://127.0.0.1:8080/", "key").unwrap().base, "http://127.0.0.1:8080");
    }

    #[tokio::test]
    async fn patience_ends_with_what_happened_last() {
        let mut patience = Patience::new(Duration::ZERO);
        let error = patience.wait(Failure::Passing("connection refused".to_owned())).await.unwrap_err();
        assert!(error.to_string().ends_with("connection refused"), "{error}");
        let error = patience.wait(Failure::Final(ImportError::NoKey)).await.unwrap_err();
        assert!(matches!(error, ImportError::NoKey));
    }
}
