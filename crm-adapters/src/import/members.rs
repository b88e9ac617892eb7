//! The members behind a CSV's households: made up, but the same every time.
//!
//! A household gets the same phone in every run and from every file, so a run after an interruption finds the members
//! of the first one. A member registers on the Moscow day of her first purchase (Rule T5 would refuse earlier ones).

use std::collections::HashMap;

use ledger_core::ids::MemberId;
use ledger_core::time::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A household's member, when she is known.
pub(crate) type Members = HashMap<String, MemberId>;

/// What a first reading of the file tells.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The first purchase of each household, in the file's time.
    pub(crate) first_purchase: HashMap<String, Timestamp>,
    /// The newest purchase.
    pub(crate) newest: Option<Timestamp>,
    /// Lines, bad ones included.
    pub(crate) lines: u64,
}

impl Survey {
    /// Takes one more purchase into account.
    pub(crate) fn add(&mut self, household: &str, at: Timestamp) {
        self.newest = self.newest.max(Some(at));
        match self.first_purchase.get_mut(household) {
            Some(first) => *first = at.min(*first),
            None => {
                self.first_purchase.insert(household.to_owned(), at);
            }
        }
    }
}

/// A made-up phone: a number of the household when it has one, else of its hash. The code 999 is a mobile one.
pub(crate) fn phone(household: &str) -> String {
    let numbered = household.len() <= 7 && household.bytes().all(|byte| byte.is_ascii_digit());
    if numbered && !household.starts_with('0') {
        return format!("+7999{household:0>7}");
    }
    let digest = Sha256::digest(household.as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    format!("+79{:09}", 100_000_000 + number % 800_000_000)
}

/// The body that makes a household's member.
pub(crate) fn registration<'a>(
    household: &str,
    registered_at: Timestamp,
    businesses: impl IntoIterator<Item = &'a String>,
) -> Value {
    let partners = businesses.into_iter().map(|slug| format!("partner:{slug}"));
    let consents: Vec<Value> = std::iter::once("personal_data".to_owned())
        .chain(partners)
        .map(|purpose| json!({"purpose": purpose, "version": "1"}))
        .collect();
    json!({
        "phone": phone(household),
        "first_name": "Покупательница",
        "registered_at": registered_at,
        "consents": consents,
    })
}

/// An idempotency key that is the same for the same body. A digest in hex is 64 characters, the longest key there is.
pub(crate) fn idempotency_key(body: &Value) -> String {
    hex::encode(Sha256::digest(body.to_string().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_s_phone_is_a_mobile_number_and_always_the_same() {
        assert_eq!(phone("900"), "+79990000900");
        assert_eq!(phone("1234567"), "+79991234567");
        for name in ["12345678", "0900", "дом 7", ""] {
            let made = phone(name);
            assert!(made.starts_with("+79") && made.len() == 12 && made == phone(name), "{made}");
            assert!(made[1..].bytes().all(|byte| byte.is_ascii_digit()), "{made}");
        }
        assert_ne!(phone("0900"), phone("900"));
    }

    #[test]
    fn the_survey_keeps_the_first_and_the_newest_purchase() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let mut survey = Survey::default();
        survey.add("1", at("2017-05-02T10:00:00Z"));
        survey.add("1", at("2017-05-01T10:00:00Z"));
        survey.add("2", at("2017-05-03T10:00:00Z"));
        assert_eq!(survey.newest, Some(at("2017-05-03T10:00:00Z")));
        assert_eq!(survey.first_purchase["1"], at("2017-05-01T10:00:00Z"));
    }

    #[test]
    fn another_registration_day_is_another_request() {
        let body = |at: &str| registration("7", at.parse().unwrap(), [&"mindal".to_owned()]);
        let key = idempotency_key(&body("2017-05-01T00:00:00Z"));
        assert_eq!(key, idempotency_key(&body("2017-05-01T00:00:00Z")));
        assert_ne!(key, idempotency_key(&body("2017-05-02T00:00:00Z")));
        assert!(key.len() <= 64 && !key.contains("+7999"), "{key}");
    }
}
