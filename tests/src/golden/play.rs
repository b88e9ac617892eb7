//! Plays a scenario's steps and compares the answers.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use super::actor::Actors;
use super::error::GoldenError;
use super::expect::{Mismatch, compare, part};
use super::names::Names;
use super::prepare::{prepare, set_clock};
use super::scenario::{Expect, Scenario, Step};
use super::service::{Answer, Call, Service};

/// Where an empty installation answers.
#[derive(Debug, Clone)]
pub struct Target {
    /// `http://host:port`
    pub base_url: String,
    /// The development superadmin's API key.
    pub admin_key: String,
}

/// Plays a scenario on an installation that is empty.
///
/// # Errors
/// The first step that fails, or what kept the scenario from being played.
pub async fn run(scenario: &Scenario, target: &Target) -> Result<(), GoldenError> {
    let mut play = Play {
        service: Service::new(&target.base_url)?,
        actors: Actors::new(&target.admin_key),
        names: Names::default(),
        clock: None,
    };
    if let Some(clock) = &scenario.given.clock {
        play.move_clock(clock).await?;
    }
    prepare(&scenario.given, &mut play.service, &mut play.actors, &mut play.names).await?;
    // An installation that was started a moment ago may not have its read models yet.
    play.service.must(&Call::post("/dev/settle", json!({}))).await?;
    for (index, step) in scenario.steps.iter().enumerate() {
        play.step(index, step).await.map_err(|source| GoldenError::Step {
            number: index + 1,
            what: step.title(),
            source: Box::new(source),
        })?;
    }
    Ok(())
}

struct Play {
    service: Service,
    actors: Actors,
    names: Names,
    /// `None`: the installation keeps real time.
    clock: Option<DateTime<Utc>>,
}

impl Play {
    fn now(&self) -> DateTime<Utc> {
        self.clock.unwrap_or_else(|| std::time::SystemTime::now().into())
    }

    async fn move_clock(&mut self, to: &str) -> Result<(), GoldenError> {
        let to = DateTime::parse_from_rfc3339(to).map_err(|_| GoldenError::Time(to.to_owned()))?.to_utc();
        set_clock(&mut self.service, to).await?;
        self.clock = Some(to);
        Ok(())
    }

    async fn step(&mut self, index: usize, step: &Step) -> Result<(), GoldenError> {
        if let Some(at) = &step.at {
            self.move_clock(at).await?;
        }
        if step.settle {
            self.service.must(&Call::post("/dev/settle", json!({}))).await?;
        }
        let Some(call) = &step.call else { return Ok(()) };
        self.names.set("now", json!(self.now()));
        let call = self.call(index, call, step).await?;
        let answer = self.service.send(&call).await?;
        self.check(step.expect.as_ref(), &answer)?;
        for (name, path) in &step.save {
            let saved = answer.data().and_then(|data| part(data, path));
            let missing = || GoldenError::Missing {
                doing: format!("saving ${name}"),
                field: path.clone(),
                body: answer.body.clone(),
            };
            self.names.set(name, saved.cloned().ok_or_else(missing)?);
        }
        Ok(())
    }

    async fn call(&mut self, index: usize, call: &str, step: &Step) -> Result<Call, GoldenError> {
        let bad = || GoldenError::Call(call.to_owned());
        let (method, path) = call.split_once(' ').ok_or_else(bad)?;
        let method = Method::from_str(method).map_err(|_| bad())?;
        let path = self.names.fill_text(path.trim())?;
        if !path.starts_with('/') {
            return Err(bad());
        }
        let actor = step.actor.as_deref().unwrap_or("nobody");
        let authorization = self.actors.authorization(actor, self.now(), &mut self.service).await?;
        let mut headers = Vec::new();
        for (name, value) in &step.headers {
            // A header that is null is left out, the made one as well.
            match self.names.fill(value)? {
                Value::Null => {}
                Value::String(text) => headers.push((name.clone(), text)),
                other => headers.push((name.clone(), other.to_string())),
            }
        }
        let named = step.headers.keys().any(|name| name.eq_ignore_ascii_case("Idempotency-Key"));
        if method != Method::GET && !named {
            headers.push(("Idempotency-Key".to_owned(), format!("step-{}", index + 1)));
        }
        let body = step.body.as_ref().map(|body| self.names.fill(body)).transpose()?;
        Ok(Call { method, path, authorization, headers, body })
    }

    fn check(&self, expect: Option<&Expect>, answer: &Answer) -> Result<(), GoldenError> {
        let mut mismatches = Vec::new();
        let status = answer.status.as_u16();
        match expect.and_then(|expect| expect.status) {
            Some(wanted) if wanted != status => {
                mismatches.push(Mismatch::new("status", wanted, format!("{status}: {}", answer.body)));
            }
            None if expect.is_none_or(|expect| expect.error.is_none()) && !answer.status.is_success() => {
                mismatches.push(Mismatch::new("status", "a success", format!("{status}: {}", answer.body)));
            }
            _ => {}
        }
        if let Some(code) = expect.and_then(|expect| expect.error.as_ref()) {
            compare("error", &json!(code), answer.error_code(), &mut mismatches);
        }
        if let Some(details) = expect.and_then(|expect| expect.details.as_ref()) {
            compare("error.details", &self.names.fill(details)?, answer.error_details(), &mut mismatches);
        }
        if let Some(data) = expect.and_then(|expect| expect.data.as_ref()) {
            compare("data", &self.names.fill(data)?, answer.data(), &mut mismatches);
        }
        if mismatches.is_empty() { Ok(()) } else { Err(GoldenError::Unexpected { mismatches }) }
    }
}
