//! Nothing personal on the log, and nothing of a visit to a clinic but that it was paid. `compliance.md` D1, D2, M1.
//!
//! The schema of every event is closed, and what is read of it must be all that is there. Inside, a text is an id, a hash, an
//! amount, a moment or a word of ours; the one thing that anybody may write is a business's name, and that is looked at for
//! phones, addresses and people's names.

use ledger_core::log::{Event, Row};
use serde_json::Value;

use crate::verify::{Findings, What};

/// Names of fields that a clinic must not tell: only an id of something in the vault may stand under one.
const FORBIDDEN: [&str; 16] = [
    "anamnesis",
    "comment",
    "complaint",
    "description",
    "diagnosis",
    "doctor",
    "drug",
    "icd",
    "mkb",
    "note",
    "prescription",
    "procedure",
    "service",
    "specialist",
    "symptom",
    "treatment",
];

/// Names of fields that would hold somebody's data.
const PERSONAL: [&str; 16] = [
    "address",
    "birth_date",
    "card",
    "device_id",
    "email",
    "first_name",
    "full_name",
    "inn",
    "ip",
    "last_name",
    "passport",
    "patronymic",
    "phone",
    "phone_hash",
    "receipt",
    "snils",
];

/// Where anybody's own words may stand: the event type and the field.
const FREE: [(&str, &str); 3] =
    [("BusinessRegistered", "name"), ("BusinessRenamed", "name"), ("BusinessRegistered", "purchase_sources")];

/// Looks at one event.
pub fn scan(row: &Row, event: &Event, findings: &mut Findings) {
    let position = u64::try_from(row.position).ok();
    let mut found = |text: String| findings.add(What::Privacy, position, text);
    // What was written under an older version was lifted, and says otherwise than it stands there.
    let is_newest = row.schema_version == event.schema_version();
    if is_newest && event.payload().ok().as_ref() != Some(&row.payload) {
        found(format!("{} says more, or otherwise, than its schema", row.event_type));
    }
    walk(row, "", &row.payload, &mut found);
    if !is_word(&row.metadata.source) {
        found("the metadata's source is no word of ours".to_owned());
    }
    if !is_hexadecimal(&row.metadata.idempotency_key) {
        found("the metadata's idempotency key is not a hash".to_owned());
    }
}

/// What is wrong is named, never shown: a report goes further than the log.
fn walk(row: &Row, name: &str, value: &Value, found: &mut dyn FnMut(String)) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let is_id = value.as_str().is_some_and(is_uuid);
                if PERSONAL.contains(&name.as_str()) {
                    found(format!("{} has a field `{name}`", row.event_type));
                } else if FORBIDDEN.contains(&name.as_str()) && !is_id && !value.is_null() {
                    found(format!("{} has a field `{name}` that is no id", row.event_type));
                }
                walk(row, name, value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| walk(row, name, value, found)),
        Value::String(text) => {
            let is_free = FREE.contains(&(row.event_type.as_str(), name));
            if let Some(what) = looks_like(text, is_free) {
                found(format!("{} in `{name}` of {}", what, row.event_type));
            }
        }
        Value::Number(number) => {
            if number.as_u64().is_some_and(|number| (70_000_000_000..90_000_000_000).contains(&number)) {
                found(format!("a number like a phone in `{name}` of {}", row.event_type));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// Whether a value may stand in a report: nothing in it but what is ours.
pub(crate) fn is_shown(value: &Value) -> bool {
    match value {
        Value::Object(object) => object.iter().all(|(name, value)| is_word(name) && is_shown(value)),
        Value::Array(values) => values.iter().all(is_shown),
        Value::String(text) => is_ours(text),
        Value::Number(_) | Value::Null | Value::Bool(_) => true,
    }
}

/// What a text looks like, if it is nothing that belongs on the log.
fn looks_like(text: &str, is_free: bool) -> Option<&'static str> {
    if is_ours(text) {
        return None;
    }
    if text.contains('@') {
        return Some("something like an e-mail address");
    }
    if has_phone(text) {
        return Some("something like a phone number");
    }
    if has_disease(text) {
        return Some("something like a code of a disease");
    }
    if text.split_whitespace().any(is_patronymic) {
        return Some("something like a person's name");
    }
    (!is_free).then_some("words where no words belong")
}

/// An id, a hash, an amount, a moment, a day, the version of a text, or a word of ours.
fn is_ours(text: &str) -> bool {
    is_version(text)
        || is_amount(text)
        || is_uuid(text)
        || is_word(text)
        || is_moment(text)
        || is_hexadecimal(text)
}

fn is_word(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_lowercase())
        && text.len() <= 80
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.:-".contains(&byte))
        && !has_phone(text)
}

fn is_hexadecimal(text: &str) -> bool {
    matches!(text.len(), 2 | 32 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Digits with a point among them, or few: no phone.
fn is_amount(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !whole.is_empty()
        && are_digits(whole)
        && are_digits(part)
        && whole.len() <= if part.is_empty() { 9 } else { 17 }
}

/// `1`, `v2`, `1.0`, `2026-01-15`: the version of a consent's text.
fn is_version(text: &str) -> bool {
    let mut parts = text.strip_prefix('v').unwrap_or(text).split(['.', '-']);
    let is_number = |part: &str, length: usize| {
        (1..=length).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    parts.next().is_some_and(|part| is_number(part, 4))
        && parts.by_ref().take(2).all(|part| is_number(part, 2))
        && parts.next().is_none()
}

/// `2026-01-02`, with `T09:00:00.000000Z` or without.
fn is_moment(text: &str) -> bool {
    let (day, time) = text.split_once('T').map_or((text, None), |(day, time)| (day, Some(time)));
    let mut parts = day.split('-');
    let is_number = |part: Option<&str>, length: usize| {
        part.is_some_and(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let is_day = is_number(parts.next(), 4) && is_number(parts.next(), 2);
    let rest = parts.next();
    is_day
        && (rest.is_none() || is_number(rest, 2))
        && parts.next().is_none()
        && time.is_none_or(|time| {
            time.len() <= 16
                && time.ends_with('Z')
                && time.bytes().all(|byte| b"0123456789:.Z".contains(&byte))
        })
}

/// Ten digits or more, with nothing between them but what people write in phones.
fn has_phone(text: &str) -> bool {
    let mut digits = 0;
    text.chars().any(|letter| {
        digits = match letter {
            _ if letter.is_numeric() => digits + 1,
            ' ' | '-' | '(' | ')' | '+' | '.' | '\u{a0}' => digits,
            _ => 0,
        };
        digits >= 10
    })
}

/// `A12.3`, or `А12.3` as it is typed in Russian.
fn has_disease(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    letters.windows(5).any(|five| {
        five[0].is_uppercase()
            && five[1].is_ascii_digit()
            && five[2].is_ascii_digit()
            && five[3] == '.'
            && five[4].is_ascii_digit()
    })
}

fn is_patronymic(word: &str) -> bool {
    let word = word.trim_matches(|letter: char| !letter.is_alphabetic());
    let ends = ["овна", "евна", "ична", "ович", "евич", "ovna", "evna", "ovich", "evich"];
    word.chars().next().is_some_and(char::is_uppercase) && ends.iter().any(|end| word.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_is_left_in_peace() {
        for text in [
            "0.05",
            "-12.00",
            "100000000.00",
            "mindal",
            "steam-center",
            "partner:mindal",
            "2026-01",
            "2026-01-02",
            "2026-01-10T09:00:00.000001Z",
            "bc5cde73-2104-5e9c-876a-7e337162c824",
            "00",
            "v2",
            "1.0",
            "3d-clinic",
        ] {
            assert_eq!(looks_like(text, false), None, "{text}");
        }
        assert_eq!(looks_like("Салон «Миндаль» № 2", true), None);
    }

    #[test]
    fn what_is_somebodys_is_found() {
        for text in [
            "+79161234567",
            "79161234567",
            "8 (916) 123-45-67",
            "9161234567",
            "anna@example.com",
            "звоните 8 916 123 45 67",
            "J45.0",
            "Анна Петровна",
            "phone-79161234567",
        ] {
            assert!(looks_like(text, true).is_some(), "{text}");
        }
        for text in ["Анна", "Anna Ivanova", "a b", ""] {
            assert!(looks_like(text, false).is_some(), "{text}");
        }
    }
}
