//! The demo's HTTP client.

use std::thread;
use std::time::{Duration, Instant};

use local_stack::Installation;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::{Request, Response};

use crate::failure::Failure;

const CALL_LIMIT: Duration = Duration::from_secs(60);
const SETTLE_LIMIT: Duration = Duration::from_secs(600);

/// The installation's HTTP contract, seen by an administrator and by members.
pub(crate) struct Service {
    agent: Agent,
    url: String,
    admin: String,
}

impl Service {
    pub(crate) fn new(installation: &Installation) -> Self {
        let url = format!("{}/api/v1", installation.http_url());
        Self { agent: agent(), url, admin: format!("ApiKey {}", installation.admin_key()) }
    }

    /// A write by the administrator; its data.
    pub(crate) fn admin_post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let key = format!("demo-{path}-{}", body["slug"].as_str().unwrap_or_default());
        let request = Request::post(format!("{}{path}", self.url))
            .header("Authorization", &self.admin)
            .header("Idempotency-Key", key.replace('/', "-"))
            .header("Content-Type", "application/json");
        self.send(path, request.body(body.to_string()))
    }

    /// A call without credentials; its data.
    pub(crate) fn open_post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = Request::post(format!("{}{path}", self.url)).header("Content-Type", "application/json");
        self.send(path, request.body(body.to_string()))
    }

    /// A read, by a member if she has a token; its data.
    pub(crate) fn get(&self, path: &str, token: Option<&str>) -> Result<Value, Failure> {
        let mut request = Request::get(format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        self.send(path, request.body(String::new()))
    }

    /// Waits until read models, analytics and due work have caught up.
    pub(crate) fn settle(&self) -> Result<(), Failure> {
        let started = Instant::now();
        loop {
            match self.open_post("/dev/settle", &json!({})) {
                Ok(_) => return Ok(()),
                Err(failure) if started.elapsed() > SETTLE_LIMIT => return Err(failure),
                Err(_) => thread::sleep(Duration::from_millis(200)),
            }
        }
    }

    fn send(
        &self,
        path: &str,
        request: Result<Request<String>, ureq::http::Error>,
    ) -> Result<Value, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::new(format!("{path}: {error}"));
        let request = request.map_err(|error| failed(&error))?;
        let mut response: Response<ureq::Body> = self.agent.run(request).map_err(|error| failed(&error))?;
        let status = response.status();
        let body: Value = response.body_mut().read_json().map_err(|error| failed(&error))?;
        if status.is_success() {
            Ok(body["data"].clone())
        } else {
            Err(failed(&format!("{status} {}", body["error"])))
        }
    }
}

/// Answers of any status are answers.
pub(crate) fn agent() -> Agent {
    Agent::config_builder().http_status_as_error(false).timeout_global(Some(CALL_LIMIT)).build().into()
}
