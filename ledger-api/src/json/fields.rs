//! Reading the fields of a document, all mistakes at once, each under its path, none with its value.
//!
//! A reader takes each field by name and at the end refuses what nobody took. A field that is absent, `null`, of the
//! wrong type or out of its range leaves one message under its path; the caller gets `None` and goes on reading.

use std::collections::BTreeMap;
use std::str::FromStr;

use ledger_core::money::{AmountError, REQUEST_KOPECKS_MAX, Roubles};
use ledger_core::time::Timestamp;
use uuid::Uuid;

use super::parse::Json;

/// Messages by field path: the `details` of a VALIDATION_ERROR.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub(crate) struct FieldErrors(BTreeMap<String, Vec<String>>);

impl FieldErrors {
    /// One message under one path.
    pub(crate) fn one(path: &str, message: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.add(path, message);
        errors
    }

    /// Adds a message.
    pub(crate) fn add(&mut self, path: &str, message: impl Into<String>) {
        self.0.entry(path.to_owned()).or_default().push(message.into());
    }

    /// True while nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The longest unknown field's name that is repeated in an answer.
const SHOWN_NAME_BYTES_MAX: usize = 40;

/// One object's fields while they are taken.
pub(crate) struct Fields<'a, 'e> {
    prefix: String,
    fields: Vec<(std::borrow::Cow<'a, str>, Option<Json<'a>>)>,
    errors: &'e mut FieldErrors,
}

impl<'a, 'e> Fields<'a, 'e> {
    /// The fields of an object; anything else is an error under `path` (`body` for the document itself).
    pub(crate) fn of(json: Json<'a>, path: &str, errors: &'e mut FieldErrors) -> Option<Self> {
        let Json::Map(fields) = json else {
            errors.add(if path.is_empty() { "body" } else { path }, "must be an object");
            return None;
        };
        let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
        let fields = fields.into_iter().map(|(name, value)| (name, Some(value))).collect();
        Some(Self { prefix, fields, errors })
    }

    fn path(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Notes what is wrong with a field.
    pub(crate) fn wrong(&mut self, name: &str, message: impl Into<String>) {
        let path = self.path(name);
        self.errors.add(&path, message);
    }

    /// The names of all fields still there.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name.as_ref())
    }

    /// The errors noted so far, for readers of values.
    pub(crate) fn errors(&mut self) -> &mut FieldErrors {
        self.errors
    }

    /// A field that must be there, as it is.
    pub(crate) fn json(&mut self, name: &str) -> Option<Json<'a>> {
        match self.maybe_json(name) {
            Some(Json::Null) => {
                self.wrong(name, "must not be null");
                None
            }
            Some(value) => Some(value),
            None => {
                self.wrong(name, "is required");
                None
            }
        }
    }

    /// A field that may be absent, as it is.
    pub(crate) fn maybe_json(&mut self, name: &str) -> Option<Json<'a>> {
        #[cfg(test)]
        asked::note(self.path(name));
        self.fields.iter_mut().find(|(field, _)| field == name).and_then(|(_, value)| value.take())
    }

    /// The object in a field that must be there.
    pub(crate) fn object(&mut self, name: &str) -> Option<Fields<'a, '_>> {
        let json = self.json(name)?;
        let path = self.path(name);
        Fields::of(json, &path, self.errors)
    }

    fn read<T>(
        &mut self,
        name: &str,
        json: Json<'a>,
        read: impl FnOnce(Json<'a>) -> Result<T, String>,
    ) -> Option<T> {
        match read(json) {
            Ok(value) => Some(value),
            Err(message) => {
                self.wrong(name, message);
                None
            }
        }
    }

    /// A field that must be there, read by `read`.
    pub(crate) fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Json<'a>) -> Result<T, String>,
    ) -> Option<T> {
        let json = self.json(name)?;
        self.read(name, json, read)
    }

    /// A field that may be absent, read by `read`; `null` is refused.
    pub(crate) fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Json<'a>) -> Result<T, String>,
    ) -> Option<T> {
        match self.maybe_json(name)? {
            Json::Null => {
                self.wrong(name, "must not be null");
                None
            }
            json => self.read(name, json, read),
        }
    }

    /// A field of a change that may be absent, read by `read`; `null` takes the value away (RFC 7396).
    pub(crate) fn nullable<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Json<'a>) -> Result<T, String>,
    ) -> Option<Option<T>> {
        match self.maybe_json(name)? {
            Json::Null => Some(None),
            json => self.read(name, json, read).map(Some),
        }
    }

    /// Refuses every field nobody took.
    pub(crate) fn finish(self) {
        let Self { prefix, fields, errors } = self;
        for (name, _) in fields.iter().filter(|(_, value)| value.is_some()) {
            let shown = name.len() <= SHOWN_NAME_BYTES_MAX
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            let name = if shown { name.as_ref() } else { "(unnamed)" };
            errors.add(&format!("{prefix}{name}"), "is not a field of this request");
        }
    }
}

/// Which fields the readers of this thread asked for: the test of the OpenAPI document compares them with its own.
#[cfg(test)]
pub(crate) mod asked {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local! {
        static ASKED: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub(super) fn note(path: String) {
        ASKED.with_borrow_mut(|asked| asked.insert(path));
    }

    /// Since the last time.
    pub(crate) fn take() -> BTreeSet<String> {
        ASKED.take()
    }
}

/// Any text of 1 to `chars_max` characters without control characters.
pub(crate) fn text(chars_max: usize) -> impl Fn(Json<'_>) -> Result<String, String> {
    move |json| {
        let Json::Text(text) = json else { return Err("must be a text".to_owned()) };
        if text.trim().is_empty() {
            return Err("must not be empty".to_owned());
        }
        if text.chars().count() > chars_max {
            return Err(format!("must have at most {chars_max} characters"));
        }
        if text.chars().any(char::is_control) {
            return Err("must not have control characters".to_owned());
        }
        Ok(text.into_owned())
    }
}

/// A text of a closed or checked form.
pub(crate) fn parsed<T: FromStr<Err: std::fmt::Display>>(json: Json<'_>) -> Result<T, String> {
    match json {
        Json::Text(text) if text.is_empty() => Err("must not be empty".to_owned()),
        Json::Text(text) => text.parse().map_err(|error: T::Err| error.to_string()),
        _ => Err("must be a text".to_owned()),
    }
}

/// A UUID in its hyphenated form.
pub(crate) fn uuid(json: Json<'_>) -> Result<Uuid, String> {
    let Json::Text(text) = json else { return Err("must be a text".to_owned()) };
    read_uuid(&text).ok_or_else(|| "must be a UUID".to_owned())
}

/// A UUID in its hyphenated form; the other spellings of the format are not taken.
pub(crate) fn read_uuid(text: &str) -> Option<Uuid> {
    if text.len() == 36 { Uuid::try_parse(text).ok() } else { None }
}

/// An exact amount, as a text or as a JSON number's own digits; above zero, at most 100 million.
pub(crate) fn money(json: Json<'_>) -> Result<Roubles, String> {
    let amount = exact(json)?;
    if amount.is_positive() { Ok(amount) } else { Err("must be above zero".to_owned()) }
}

/// The same, up or down, but not nothing.
pub(crate) fn signed_money(json: Json<'_>) -> Result<Roubles, String> {
    let amount = exact(json)?;
    if amount.is_zero() { Err("must not be zero".to_owned()) } else { Ok(amount) }
}

fn exact(json: Json<'_>) -> Result<Roubles, String> {
    let read = |text: &str| text.parse::<Roubles>().map_err(|error: AmountError| error.to_string());
    let amount = match json {
        Json::Text(text) => read(&text)?,
        Json::Number(digits) => read(digits)?,
        _ => return Err("must be an amount such as \"3000.00\"".to_owned()),
    };
    if amount.kopecks().unsigned_abs() > REQUEST_KOPECKS_MAX.unsigned_abs() {
        return Err("is too large".to_owned());
    }
    Ok(amount)
}

/// A moment in RFC 3339 with a zone.
pub(crate) fn moment(json: Json<'_>) -> Result<Timestamp, String> {
    // The parser takes a blank for the `T` and any case; the wire form has one spelling.
    match json {
        Json::Text(text) if text.len() <= 40 && text.as_bytes().get(10) == Some(&b'T') => {
            text.parse().map_err(|error: ledger_core::time::NotATimestamp| error.to_string())
        }
        Json::Text(_) => Err(ledger_core::time::NotATimestamp.to_string()),
        _ => Err("must be a text".to_owned()),
    }
}

/// A whole number from `min` to `max`, written without point or exponent.
pub(crate) fn integer(min: u32, max: u32) -> impl Fn(Json<'_>) -> Result<u32, String> {
    move |json| {
        let wrong = || format!("must be an integer from {min} to {max}");
        let Json::Number(digits) = json else { return Err(wrong()) };
        let number: u32 = digits.parse().map_err(|_| wrong())?;
        if (min..=max).contains(&number) { Ok(number) } else { Err(wrong()) }
    }
}

/// `true` or `false`.
pub(crate) fn flag(json: Json<'_>) -> Result<bool, String> {
    if let Json::Flag(flag) = json { Ok(flag) } else { Err("must be true or false".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn errors_of(body: &str, read: impl FnOnce(&mut Fields<'_, '_>)) -> serde_json::Value {
        let mut errors = FieldErrors::default();
        let mut fields =
            Fields::of(parse(body.as_bytes()).expect("json"), "", &mut errors).expect("an object");
        read(&mut fields);
        fields.finish();
        serde_json::to_value(errors).expect("json")
    }

    #[test]
    fn all_mistakes_are_named_at_once_and_no_value_is_shown() {
        let body =
            r#"{"amount": "12.345", "when": null, "member": {"id": 7}, "secret_thing": 1, "К35.8": 2}"#;
        let errors = errors_of(body, |fields| {
            fields.required("amount", money);
            fields.required("when", moment);
            fields.required("external_id", text(10));
            if let Some(mut member) = fields.object("member") {
                member.required("id", uuid);
                member.finish();
            }
        });
        assert_eq!(
            errors,
            serde_json::json!({
                "amount": ["must have at most two decimals"],
                "when": ["must not be null"],
                "external_id": ["is required"],
                "member.id": ["must be a text"],
                "secret_thing": ["is not a field of this request"],
                "(unnamed)": ["is not a field of this request"],
            })
        );
    }

    #[test]
    fn money_is_exact_and_in_range() {
        let read = |text: &str| money(parse(text.as_bytes()).expect("json")).map(|amount| amount.kopecks());
        for (text, kopecks) in
            [("\"3000.00\"", 300_000), ("3000.1", 300_010), ("0.01", 1), ("100000000", 10_000_000_000)]
        {
            assert_eq!(read(text), Ok(kopecks), "{text}");
        }
        for text in [
            "0",
            "-1",
            "\"-0.01\"",
            "1e3",
            "1e400",
            "\"NaN\"",
            "\"１００\"",
            "1.001",
            "\"\"",
            "\" 1\"",
            "100000000.01",
            "true",
            "[1]",
            "99999999999999999999999999",
            "\"1,5\"",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_moment_needs_a_zone_and_a_calendar_day() {
        let read = |text: &str| moment(Json::Text(text.into()));
        assert!(read("2026-03-02T10:00:00+03:00").is_ok());
        for text in [
            "2026-03-02T10:00:00",
            "2026-03-02 10:00:00Z",
            "2026-02-30T10:00:00Z",
            "9999-01-01T00:00:00Z",
            "",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_integer_is_written_plainly() {
        let read = |text: &str| integer(1, 9)(parse(text.as_bytes()).expect("json"));
        assert_eq!(read("9"), Ok(9));
        for text in ["0", "10", "1.0", "1e0", "-1", "\"1\"", "null"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
