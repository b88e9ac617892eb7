//! One caller over HTTP.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Method};
use serde_json::Value;

/// Longer than any answer takes that is not lost.
const PATIENCE: Duration = Duration::from_secs(40);

/// A caller with a credential, or without.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    credential: Option<String>,
}

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as it is.
    pub text: String,
    /// The body as JSON; null when it is none.
    pub body: Value,
}

impl Answer {
    /// What a successful answer holds.
    ///
    /// # Panics
    /// For any other status.
    #[must_use]
    pub fn data(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.body["success"], Value::Bool(true), "{}", self.text);
        self.body["data"].clone()
    }

    /// The code of a failure; empty for a success.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    /// Where on the log a write landed.
    #[must_use]
    pub fn position(&self) -> Option<i64> {
        self.body["meta"]["position"].as_i64()
    }

    /// A header's text; empty when it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Client {
    /// Somebody without a credential.
    #[must_use]
    pub fn nobody(base: &str) -> Self {
        let http = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().expect("a client");
        Self { http, base: base.to_owned(), credential: None }
    }

    /// The same with another credential, such as `ApiKey …`.
    #[must_use]
    pub fn with(&self, credential: impl Into<String>) -> Self {
        Self { credential: Some(credential.into()), ..self.clone() }
    }

    /// The same towards another process.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// Sends anything.
    ///
    /// # Errors
    /// When no whole answer came: whether the request took effect is not known.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Result<Answer, reqwest::Error> {
        let method: Method = method.parse().expect("a method");
        let mut request = self.http.request(method, self.address(path)).body(body);
        if let Some(credential) = &self.credential {
            request = request.header("Authorization", credential);
        }
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a header's name");
            request =
                request.header(name, HeaderValue::from_bytes(value.as_bytes()).expect("a header's value"));
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, headers, text, body })
    }

    /// The answer while it still streams.
    ///
    /// # Errors
    /// When none began.
    pub async fn stream(
        &self,
        path: &str,
        kind: &str,
        body: String,
    ) -> Result<reqwest::Response, reqwest::Error> {
        let request = self.http.post(self.address(path)).header("Content-Type", kind).body(body);
        request.header("Authorization", self.credential.as_deref().unwrap_or_default()).send().await
    }

    fn address(&self, path: &str) -> String {
        let prefix = ["/health", "/metrics", "/docs", "/.well-known", "/api/"];
        let own = prefix.iter().any(|start| path.starts_with(start));
        format!("{}{}{path}", self.base, if own { "" } else { "/api/v1" })
    }

    /// Sends JSON with an `Idempotency-Key` of its own.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn try_call(&self, method: &str, path: &str, body: &Value) -> Result<Answer, reqwest::Error> {
        let key = uuid::Uuid::new_v4().to_string();
        self.try_call_with(method, path, body, &[("Idempotency-Key", &key)]).await
    }

    /// Sends JSON with these headers.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn try_call_with(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Result<Answer, reqwest::Error> {
        let headers: Vec<_> = [("Content-Type", "application/json")].iter().chain(headers).copied().collect();
        self.send(method, path, &headers, body.to_string()).await
    }

    /// POST, when the service is there.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.try_call("POST", path, body).await.expect("an answer")
    }

    /// PUT, when the service is there.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.try_call("PUT", path, body).await.expect("an answer")
    }

    /// PATCH, when the service is there.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.try_call("PATCH", path, body).await.expect("an answer")
    }

    /// GET, when the service is there.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await.expect("an answer")
    }

    /// GET of data that has passed `position`. Design J7.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn get_after(&self, path: &str, position: i64) -> Answer {
        self.send("GET", path, &[("X-Min-Position", &position.to_string())], "").await.expect("an answer")
    }
}
