//! HTTP as a scenario uses it: calls, answers, and the position a later read must have seen.

use std::time::{Duration, Instant};

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::error::GoldenError;
use super::expect::part;

/// Longer than the 30 s after which a settle gives up.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// How long a read may answer that its read model is behind before that is the answer.
const BEHIND_LIMIT: Duration = Duration::from_secs(20);
const BEHIND_PAUSE: Duration = Duration::from_millis(100);
const BEHIND: &str = "READ_MODEL_BEHIND";

/// A call ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// With the leading slash, without `/api/v1`.
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// The whole body; lines of NDJSON as a list in `data`; text that is not JSON as a text in `data`.
    pub(crate) body: Value,
}

impl Answer {
    /// `data` of the envelope, or the whole body where there is no envelope.
    pub(crate) fn data(&self) -> Option<&Value> {
        match self.body.get("data") {
            Some(data) => Some(data),
            None if self.body.get("success").is_none() => Some(&self.body),
            None => None,
        }
    }

    pub(crate) fn error_code(&self) -> Option<&Value> {
        part(&self.body, "error.code")
    }

    pub(crate) fn error_details(&self) -> Option<&Value> {
        part(&self.body, "error.details")
    }
}

/// One installation as its clients see it.
#[derive(Debug)]
pub(crate) struct Service {
    client: Client,
    base: String,
    /// The newest position any write answered.
    position: Option<u64>,
}

impl Service {
    pub(crate) fn new(base_url: &str) -> Result<Self, GoldenError> {
        let doing = || "preparing the HTTP client".to_owned();
        let client = Client::builder()
            .timeout(ANSWER_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|source| GoldenError::Http { doing: doing(), source })?;
        Ok(Self { client, base: base_url.trim_end_matches('/').to_owned(), position: None })
    }

    /// Sends a call. A read that follows a write waits for it, and is repeated while its read model is behind.
    pub(crate) async fn send(&mut self, call: &Call) -> Result<Answer, GoldenError> {
        let started = Instant::now();
        loop {
            let answer = self.send_once(call).await?;
            let behind = answer.error_code().is_some_and(|code| code == BEHIND);
            if behind && started.elapsed() < BEHIND_LIMIT {
                tokio::time::sleep(BEHIND_PAUSE).await;
                continue;
            }
            self.note_position(&answer);
            return Ok(answer);
        }
    }

    async fn send_once(&self, call: &Call) -> Result<Answer, GoldenError> {
        let doing = || format!("{} {}", call.method, call.path);
        let failed = |source| GoldenError::Http { doing: doing(), source };
        let outside = ["/.well-known", "/docs", "/health", "/metrics", "/api/"];
        let prefix = if outside.iter().any(|place| call.path.starts_with(place)) { "" } else { "/api/v1" };
        let url = format!("{}{prefix}{}", self.base, call.path);
        let mut request = self.client.request(call.method.clone(), url);
        if let Some(authorization) = &call.authorization {
            request = request.header("Authorization", authorization);
        }
        if let Some(position) = self.position.filter(|_| call.method == Method::GET) {
            request = request.header("X-Min-Position", position);
        }
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        request = match (&call.body, call.path.as_str()) {
            (Some(Value::Array(lines)), "/admin/import") => {
                let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
                request.header("Content-Type", "application/x-ndjson").body(text)
            }
            (Some(body), _) => request.json(body),
            (None, _) => request,
        };
        read(request.send().await.map_err(failed)?).await.map_err(failed)
    }

    fn note_position(&mut self, answer: &Answer) {
        let places = ["meta.position", "data.position"];
        let single = places.iter().filter_map(|place| part(&answer.body, place)?.as_u64());
        let items = answer.data().and_then(Value::as_array).into_iter().flatten();
        let newest = single.chain(items.filter_map(|item| item.get("position")?.as_u64())).max();
        self.position = self.position.max(newest);
    }

    /// A call the runner makes by itself: it must succeed; its `data` comes back.
    pub(crate) async fn must(&mut self, call: &Call) -> Result<Value, GoldenError> {
        let answer = self.send(call).await?;
        if !answer.status.is_success() {
            let doing = format!("{} {}", call.method, call.path);
            return Err(GoldenError::Refused { doing, status: answer.status.as_u16(), body: answer.body });
        }
        Ok(answer.data().cloned().unwrap_or(Value::Null))
    }
}

impl Call {
    pub(crate) fn post(path: &str, body: Value) -> Self {
        let path = path.to_owned();
        Self { method: Method::POST, path, authorization: None, headers: Vec::new(), body: Some(body) }
    }

    pub(crate) fn get(path: String) -> Self {
        Self { method: Method::GET, path, authorization: None, headers: Vec::new(), body: None }
    }

    pub(crate) fn by(self, authorization: &str) -> Self {
        Self { authorization: Some(authorization.to_owned()), ..self }
    }

    pub(crate) fn with_key(mut self, key: &str) -> Self {
        self.headers.push(("Idempotency-Key".to_owned(), key.to_owned()));
        self
    }
}

async fn read(response: Response) -> Result<Answer, reqwest::Error> {
    let status = response.status();
    let lines = response
        .headers()
        .get("Content-Type")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("ndjson"));
    let text = response.text().await?;
    let parsed = if lines {
        text.lines()
            .map(serde_json::from_str)
            .collect::<Result<Vec<Value>, _>>()
            .map(|data| json!({"data": data}))
    } else {
        serde_json::from_str(&text)
    };
    let empty = || if text.is_empty() { Value::Object(Map::new()) } else { json!({"data": text}) };
    Ok(Answer { status, body: parsed.unwrap_or_else(|_| empty()) })
}

/// A text field of an answer's data.
pub(crate) fn text_of(doing: &str, data: &Value, field: &str) -> Result<String, GoldenError> {
    let missing =
        || GoldenError::Missing { doing: doing.to_owned(), field: field.to_owned(), body: data.clone() };
    part(data, field).and_then(Value::as_str).map(str::to_owned).ok_or_else(missing)
}
