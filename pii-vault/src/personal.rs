//! The checked types of a profile. None of them shows its value in `Debug`, and none can be serialised or displayed:
//! who needs the value calls `expose`, which is easy to find in a review (compliance D1, P7).

use std::fmt;

use chrono::{Datelike, NaiveDate};
use thiserror::Error;

/// Longest name or city, in characters.
pub const NAME_CHARS_MAX: usize = 100;
/// Longest e-mail address, in bytes (RFC 5321, 4.5.3.1.3 less the angle brackets).
pub const EMAIL_BYTES_MAX: usize = 254;
const EMAIL_LOCAL_BYTES_MAX: usize = 64;
const BIRTH_YEAR_MIN: i32 = 1900;

/// Why a value is not fit for its field. Holds nothing of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PersonalError {
    /// Nothing but spaces, or nothing at all.
    #[error("is empty")]
    Empty,
    /// Longer than the field allows.
    #[error("is longer than {max}")]
    TooLong {
        /// Characters (names, city) or bytes (e-mail).
        max: usize,
    },
    /// NUL, a line break, a direction mark or another invisible character.
    #[error("contains an invisible or control character")]
    Control,
    /// No letter in a name or a city.
    #[error("contains no letter")]
    NoLetter,
    /// Not of the form `name@example.org`.
    #[error("is not an e-mail address")]
    NotAnEmail,
    /// Not a date of the form `YYYY-MM-DD`.
    #[error("is not a date of the form YYYY-MM-DD")]
    NotADate,
    /// A birth date after today.
    #[error("is in the future")]
    InFuture,
    /// A birth date before 1900.
    #[error("is before 1900")]
    TooEarly,
}

impl PersonalError {
    /// Stable word for the reason, for machine-readable details.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong { .. } => "too_long",
            Self::Control => "control_character",
            Self::NoLetter => "no_letter",
            Self::NotAnEmail => "not_an_email",
            Self::NotADate => "not_a_date",
            Self::InFuture => "in_future",
            Self::TooEarly => "too_early",
        }
    }
}

macro_rules! masked_debug {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(***)"))
            }
        }
    )*};
}
masked_debug!(PersonName, City, Email, BirthDate);

/// A first or last name: 1 to 100 characters, trimmed, at least one letter.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonName(String);

impl PersonName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`PersonalError`] `Empty`, `TooLong`, `Control` or `NoLetter`.
    pub fn parse(text: &str) -> Result<Self, PersonalError> {
        words(text).map(Self)
    }

    /// The name.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A city: 1 to 100 characters, trimmed, at least one letter.
#[derive(Clone, PartialEq, Eq)]
pub struct City(String);

impl City {
    /// Reads a city.
    ///
    /// # Errors
    /// [`PersonalError`] `Empty`, `TooLong`, `Control` or `NoLetter`.
    pub fn parse(text: &str) -> Result<Self, PersonalError> {
        words(text).map(Self)
    }

    /// The city.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// An e-mail address that can be written to: one `@`, no spaces, a domain with a dot. Kept as written.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads an address. Whether it exists is only known by writing to it.
    ///
    /// # Errors
    /// [`PersonalError`] `Empty`, `TooLong`, `Control` or `NotAnEmail`.
    pub fn parse(text: &str) -> Result<Self, PersonalError> {
        let text = trimmed(text)?;
        if text.len() > EMAIL_BYTES_MAX {
            return Err(PersonalError::TooLong { max: EMAIL_BYTES_MAX });
        }
        let (local, domain) = text.split_once('@').ok_or(PersonalError::NotAnEmail)?;
        let local_fits = (1..=EMAIL_LOCAL_BYTES_MAX).contains(&local.len())
            && local.split('.').all(|part| !part.is_empty() && part.chars().all(is_atom));
        if local_fits && is_domain(domain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PersonalError::NotAnEmail)
        }
    }

    /// The address.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A date of birth from 1900 to today.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BirthDate(NaiveDate);

impl BirthDate {
    /// Reads `YYYY-MM-DD`; `today` is the business date of the call.
    ///
    /// # Errors
    /// [`PersonalError`] `NotADate`, `InFuture` or `TooEarly`.
    pub fn parse(text: &str, today: NaiveDate) -> Result<Self, PersonalError> {
        // chrono alone would also take "2000-1-2" and "+2000-01-02".
        let in_form = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let date = in_form.then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten();
        let date = date.ok_or(PersonalError::NotADate)?;
        if date > today {
            return Err(PersonalError::InFuture);
        }
        if date.year() < BIRTH_YEAR_MIN { Err(PersonalError::TooEarly) } else { Ok(Self(date)) }
    }

    /// The date.
    pub fn expose(&self) -> NaiveDate {
        self.0
    }

    /// Full years on a day, for the age gate (compliance C9).
    pub fn full_years_on(&self, day: NaiveDate) -> Option<u32> {
        day.years_since(self.0)
    }

    pub(crate) fn to_stored(self) -> String {
        self.0.format("%Y-%m-%d").to_string()
    }

    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Self)
    }
}

fn trimmed(text: &str) -> Result<&str, PersonalError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(PersonalError::Empty);
    }
    if text.chars().any(is_invisible) { Err(PersonalError::Control) } else { Ok(text) }
}

fn words(text: &str) -> Result<String, PersonalError> {
    let text = trimmed(text)?;
    if text.chars().count() > NAME_CHARS_MAX {
        return Err(PersonalError::TooLong { max: NAME_CHARS_MAX });
    }
    if text.chars().any(char::is_alphabetic) { Ok(text.to_owned()) } else { Err(PersonalError::NoLetter) }
}

/// Control characters, and those that reorder or hide their neighbours on a screen.
fn is_invisible(c: char) -> bool {
    let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || reorders || matches!(c, '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn is_atom(c: char) -> bool {
    c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.contains('.') && domain.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_trimmed_and_may_be_of_any_script() {
        for name in ["Анна", " Anna ", "O’Neil", "Мария-Луиза", "Ян", "李"] {
            assert_eq!(PersonName::parse(name).unwrap().expose(), name.trim());
        }
        assert_eq!(City::parse(" Нижний Новгород").unwrap().expose(), "Нижний Новгород");
    }

    #[test]
    fn what_is_no_name_is_refused_with_its_reason() {
        for (name, reason) in [
            ("", PersonalError::Empty),
            (" \u{a0} ", PersonalError::Empty),
            ("Анна\0", PersonalError::Control),
            ("Ан\nна", PersonalError::Control),
            ("\u{202e}annA", PersonalError::Control),
            ("123", PersonalError::NoLetter),
        ] {
            assert_eq!(PersonName::parse(name).unwrap_err(), reason, "{name:?}");
        }
        assert!(PersonName::parse(&"я".repeat(100)).is_ok());
        assert_eq!(PersonName::parse(&"я".repeat(101)).unwrap_err(), PersonalError::TooLong { max: 100 });
    }

    #[test]
    fn addresses_are_told_from_other_text() {
        for good in ["a@example.org", "анна@почта.рф", "a.b+c@sub.example.org", " a@b.co "] {
            assert_eq!(Email::parse(good).unwrap().expose(), good.trim());
        }
        for bad in
            ["a", "@b.co", "a@", "a@b", "a@@b.co", "a b@c.de", "a@b..co", ".a@b.co", "a@-b.co", "a<b@c.de"]
        {
            assert_eq!(Email::parse(bad).unwrap_err(), PersonalError::NotAnEmail, "{bad:?}");
        }
        assert_eq!(Email::parse("a@b.co\0").unwrap_err(), PersonalError::Control);
        let long = format!("a@{}.org", "b".repeat(250));
        assert_eq!(Email::parse(&long).unwrap_err(), PersonalError::TooLong { max: 254 });
    }

    #[test]
    fn birth_dates_lie_between_1900_and_today() {
        let today = day("2025-06-01");
        assert_eq!(BirthDate::parse("2025-06-01", today).unwrap().expose(), today);
        assert_eq!(BirthDate::parse("1900-01-01", today).unwrap().expose(), day("1900-01-01"));
        for (text, reason) in [
            ("2025-06-02", PersonalError::InFuture),
            ("9999-12-31", PersonalError::InFuture),
            ("1899-12-31", PersonalError::TooEarly),
            ("2001-02-29", PersonalError::NotADate),
            ("01.02.2000", PersonalError::NotADate),
            ("2000-1-2", PersonalError::NotADate),
            ("", PersonalError::NotADate),
            ("２０００-01-02", PersonalError::NotADate),
        ] {
            assert_eq!(BirthDate::parse(text, today).unwrap_err(), reason, "{text:?}");
        }
    }

    #[test]
    fn age_is_counted_in_full_years() {
        let born = BirthDate::parse("2008-02-29", day("2025-01-01")).unwrap();
        assert_eq!(born.full_years_on(day("2022-02-28")), Some(13));
        assert_eq!(born.full_years_on(day("2022-03-01")), Some(14));
    }

    #[test]
    fn debug_output_shows_no_value() {
        let name = PersonName::parse("Анна").unwrap();
        let email = Email::parse("anna@example.org").unwrap();
        let born = BirthDate::parse("2001-02-03", day("2025-01-01")).unwrap();
        let shown = format!("{name:?} {email:?} {born:?} {:?}", City::parse("Казань").unwrap());
        assert_eq!(shown, "PersonName(***) Email(***) BirthDate(***) City(***)");
    }
}
