//! Who acts: businesses with their keys, members with tokens that expire by the scenario's clock.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::error::GoldenError;
use super::service::{Call, Service, text_of};

/// A member's token is used until it has expired, not longer; a little earlier, since its seconds are whole.
const TOKEN_MARGIN_SECONDS: i64 = 1;

/// Credentials by name.
#[derive(Debug)]
pub(crate) struct Actors {
    admin_key: String,
    business_keys: BTreeMap<String, String>,
    members: BTreeMap<String, MemberAccess>,
}

#[derive(Debug)]
struct MemberAccess {
    phone: String,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    access_token: String,
    refresh_token: String,
    expires_at: DateTime<Utc>,
}

impl Actors {
    pub(crate) fn new(admin_key: &str) -> Self {
        Self { admin_key: admin_key.to_owned(), business_keys: BTreeMap::new(), members: BTreeMap::new() }
    }

    pub(crate) fn admin(&self) -> String {
        format!("ApiKey {}", self.admin_key)
    }

    /// The businesses by their short names, with their keys.
    pub(crate) fn businesses(&self) -> impl Iterator<Item = (&str, &str)> {
        self.business_keys.iter().map(|(slug, key)| (slug.as_str(), key.as_str()))
    }

    pub(crate) fn add_business(&mut self, slug: &str, key: String) {
        self.business_keys.insert(slug.to_owned(), key);
    }

    pub(crate) fn add_member(&mut self, name: &str, phone: String) {
        self.members.insert(name.to_owned(), MemberAccess { phone, held: None });
    }

    /// The Authorization header of whoever is called so; `None` for nobody.
    pub(crate) async fn authorization(
        &mut self,
        name: &str,
        now: DateTime<Utc>,
        service: &mut Service,
    ) -> Result<Option<String>, GoldenError> {
        match name {
            "nobody" => return Ok(None),
            "admin" => return Ok(Some(self.admin())),
            _ => {}
        }
        if let Some(key) = self.business_keys.get(name) {
            return Ok(Some(format!("ApiKey {key}")));
        }
        let Some(member) = self.members.get_mut(name) else {
            return Err(GoldenError::UnknownActor(name.to_owned()));
        };
        member.bearer(now, service).await.map(Some)
    }
}

impl MemberAccess {
    async fn bearer(&mut self, now: DateTime<Utc>, service: &mut Service) -> Result<String, GoldenError> {
        let held = match self.held.take() {
            Some(held) if now < held.expires_at => held,
            Some(held) => self.renew(held, now, service).await?,
            None => self.log_in(now, service).await?,
        };
        let header = format!("Bearer {}", held.access_token);
        self.held = Some(held);
        Ok(header)
    }

    /// By the refresh token while it lives: codes are limited per phone by the machine's clock, which a scenario
    /// cannot move. Else by a new code.
    async fn renew(
        &self,
        held: Held,
        now: DateTime<Utc>,
        service: &mut Service,
    ) -> Result<Held, GoldenError> {
        let call = Call::post("/auth/refresh", json!({"refresh_token": held.refresh_token}));
        match service.must(&call).await {
            Ok(data) => Held::from_answer(&data, now),
            Err(GoldenError::Refused { .. }) => self.log_in(now, service).await,
            Err(error) => Err(error),
        }
    }

    async fn log_in(&self, now: DateTime<Utc>, service: &mut Service) -> Result<Held, GoldenError> {
        let sent = service.must(&Call::post("/auth/send-code", json!({"phone": self.phone}))).await?;
        let code_id = text_of("POST /auth/send-code", &sent, "code_id")?;
        let outbox = format!("/dev/outbox?phone={}", self.phone.replace('+', "%2B"));
        let outbox = service.must(&Call::get(outbox)).await?;
        let code = newest_code(&outbox)?;
        let body = json!({"code_id": code_id, "code": code});
        Held::from_answer(&service.must(&Call::post("/auth/verify-code", body)).await?, now)
    }
}

impl Held {
    fn from_answer(data: &Value, now: DateTime<Utc>) -> Result<Self, GoldenError> {
        let doing = "signing in";
        let missing = || GoldenError::Missing {
            doing: doing.to_owned(),
            field: "expires_in".to_owned(),
            body: Value::Null,
        };
        let lives = data.get("expires_in").and_then(Value::as_i64).ok_or_else(missing)?;
        Ok(Self {
            access_token: text_of(doing, data, "access_token")?,
            refresh_token: text_of(doing, data, "refresh_token")?,
            expires_at: now + TimeDelta::seconds(lives - TOKEN_MARGIN_SECONDS),
        })
    }
}

/// The code of the newest message; messages may come in either order.
fn newest_code(outbox: &Value) -> Result<String, GoldenError> {
    let messages = outbox.get("messages").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let coded = messages.iter().filter(|message| message.get("code").is_some_and(Value::is_string));
    let at = |message: &Value| {
        message.get("at").and_then(Value::as_str).and_then(|at| DateTime::parse_from_rfc3339(at).ok())
    };
    let newest = coded.max_by_key(|message| at(message));
    text_of("GET /dev/outbox", newest.unwrap_or(outbox), "code")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_message_with_a_code_is_taken() {
        let outbox = json!({"messages": [
            {"at": "2026-03-02T07:00:00Z", "text": "a", "code": "111111"},
            {"at": "2026-03-02T08:00:00Z", "text": "b", "code": "222222"},
            {"at": "2026-03-02T09:00:00Z", "text": "a gift", "code": null},
        ]});
        assert_eq!(newest_code(&outbox).unwrap(), "222222");
        assert!(newest_code(&json!({"messages": []})).is_err());
    }
}
