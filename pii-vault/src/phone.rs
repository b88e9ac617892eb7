//! Phone numbers in E.164, read from any form people write them in.
//!
//! A Russian number is the same person in every form, so one form is kept: `+7` and ten digits. With `+` any country's
//! number of 8 to 15 digits is kept as it is. Without `+` only what cannot be anything else is read as Russian:
//! eleven digits from 7 or 8, or ten digits from 9 (mobile), 3 or 4 (area codes). `+8` and ten digits from 9 is the
//! trunk prefix written with a plus, as country code 89 is not assigned: it is the same Russian number.
//! Digits of other scripts are refused instead of translated: nobody types them, but attacks do.

use std::fmt;

use thiserror::Error;

/// Longest text looked at, in characters: twice the longest number with all its decoration.
const INPUT_CHARS_MAX: usize = 40;
/// E.164 allows 15 digits; 8 is the shortest international number in use.
const DIGITS_MAX: usize = 15;
const DIGITS_MIN: usize = 8;

/// A phone number in E.164: `+` and 8 to 15 digits. Shows nothing of itself and cannot be serialised.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Phone(String);

/// Why a text is not a phone number. Holds nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PhoneError {
    /// Nothing but spaces, or nothing at all.
    #[error("is empty")]
    Empty,
    /// More digits (or characters) than any number has.
    #[error("is too long for a phone number")]
    TooLong,
    /// Fewer digits than a number has.
    #[error("is too short for a phone number")]
    TooShort,
    /// A letter.
    #[error("contains a letter")]
    Letter,
    /// A digit that is not one of 0 to 9, such as a full-width one.
    #[error("contains a digit that is not 0 to 9")]
    ForeignDigit,
    /// NUL, a line break or another control character.
    #[error("contains a control character")]
    Control,
    /// A plus that is not in front.
    #[error("contains a plus that is not in front")]
    MisplacedPlus,
    /// A character that no phone number contains.
    #[error("contains a character that does not belong to a phone number")]
    Symbol,
    /// The country cannot be told: write it with + and the country code.
    #[error("needs + and a country code")]
    NoCountry,
}

impl PhoneError {
    /// Stable word for the reason, for machine-readable details.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::TooShort => "too_short",
            Self::Letter => "letter",
            Self::ForeignDigit => "foreign_digit",
            Self::Control => "control_character",
            Self::MisplacedPlus => "misplaced_plus",
            Self::Symbol => "symbol",
            Self::NoCountry => "no_country_code",
        }
    }
}

impl Phone {
    /// Reads a number as people write it.
    ///
    /// # Errors
    /// [`PhoneError`] with the first reason found.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        let Spelled { international, digits } = spell(text)?;
        if digits.len() < DIGITS_MIN {
            return Err(PhoneError::TooShort);
        }
        if digits.len() > DIGITS_MAX {
            return Err(PhoneError::TooLong);
        }
        if international { with_country(&digits) } else { without_country(&digits) }
    }

    /// The number in E.164, for the one who seals, indexes or sends to it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn russian(national: &str) -> Self {
        Self(format!("+7{national}"))
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(***)")
    }
}

/// A number stripped of its decoration.
struct Spelled {
    international: bool,
    digits: String,
}

fn spell(text: &str) -> Result<Spelled, PhoneError> {
    if text.chars().count() > INPUT_CHARS_MAX {
        return Err(PhoneError::TooLong);
    }
    let mut spelled = Spelled { international: false, digits: String::new() };
    let mut anything = false;
    for character in text.chars() {
        anything |= !is_space(character);
        match character {
            '0'..='9' => spelled.digits.push(character),
            '+' if spelled.digits.is_empty() && !spelled.international => spelled.international = true,
            '+' => return Err(PhoneError::MisplacedPlus),
            c if is_space(c) || is_decoration(c) => {}
            c if c.is_control() => return Err(PhoneError::Control),
            c if c.is_numeric() => return Err(PhoneError::ForeignDigit),
            c if c.is_alphabetic() => return Err(PhoneError::Letter),
            _ => return Err(PhoneError::Symbol),
        }
    }
    if anything { Ok(spelled) } else { Err(PhoneError::Empty) }
}

/// Space, no-break space, thin and narrow no-break space.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}')
}

/// Brackets, dots and the dashes that text processors put in place of a hyphen.
fn is_decoration(character: char) -> bool {
    matches!(character, '(' | ')' | '.' | '-' | '\u{2010}'..='\u{2014}' | '\u{2212}')
}

fn with_country(digits: &str) -> Result<Phone, PhoneError> {
    if let Some(national) = digits.strip_prefix('7') {
        return match national.len() {
            10 => Ok(Phone::russian(national)),
            0..=9 => Err(PhoneError::TooShort),
            _ => Err(PhoneError::TooLong),
        };
    }
    match digits.strip_prefix('8') {
        Some(national) if national.len() == 10 && national.starts_with('9') => Ok(Phone::russian(national)),
        // No country code starts with 0.
        _ if digits.starts_with('0') => Err(PhoneError::NoCountry),
        _ => Ok(Phone(format!("+{digits}"))),
    }
}

fn without_country(digits: &str) -> Result<Phone, PhoneError> {
    match (digits.len(), digits.as_bytes().first()) {
        (11, Some(b'7' | b'8')) => digits.get(1..).map(Phone::russian).ok_or(PhoneError::TooShort),
        (10, Some(b'9' | b'3' | b'4')) => Ok(Phone::russian(digits)),
        (0..=10, Some(b'7' | b'8')) | (0..=9, _) => Err(PhoneError::TooShort),
        (12.., Some(b'7' | b'8')) => Err(PhoneError::TooLong),
        _ => Err(PhoneError::NoCountry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, PhoneError> {
        Phone::parse(text).map(|phone| phone.expose().to_owned())
    }

    #[test]
    fn every_common_russian_form_is_one_number() {
        for form in [
            "8 (900) 123-45-67",
            "+7 900 1234567",
            "9001234567",
            "7-900-123-45-67",
            "89001234567",
            "79001234567",
            "+79001234567",
            "  +7 (900) 123 45 67 ",
            "+7\u{a0}900\u{a0}123\u{2011}45\u{2011}67",
            "8.900.123.45.67",
            "8–900–123—45—67",
            "+7\u{202f}900\u{2009}123\u{2212}45\u{2010}67",
            "(+7) 900 123-45-67",
            "(900) 123-45-67",
            "8(900)1234567",
            "+8 (900) 123-45-67",
            "+ 7 900 123 45 67",
        ] {
            assert_eq!(read(form).as_deref(), Ok("+79001234567"), "{form:?}");
        }
        assert_eq!(read("495 123-45-67").as_deref(), Ok("+74951234567"));
        assert_eq!(read("8 (812) 123-45-67").as_deref(), Ok("+78121234567"));
    }

    #[test]
    fn foreign_numbers_with_plus_are_kept() {
        for (form, kept) in [
            ("+1 (212) 555-01-23", "+12125550123"),
            ("+44 20 7946 0958", "+442079460958"),
            ("+375 29 123-45-67", "+375291234567"),
            ("+86 138 0013 8000", "+8613800138000"),
            ("+82 10 1234 5678", "+821012345678"),
            ("+123456789012345", "+123456789012345"),
        ] {
            assert_eq!(read(form).as_deref(), Ok(kept), "{form:?}");
        }
    }

    #[test]
    fn what_is_not_a_number_is_refused_with_its_reason() {
        for (form, reason) in [
            ("", PhoneError::Empty),
            ("   \u{a0}", PhoneError::Empty),
            ("+", PhoneError::TooShort),
            ("-", PhoneError::TooShort),
            ("900123456", PhoneError::TooShort),
            ("+49 12345", PhoneError::TooShort),
            ("8900123456", PhoneError::TooShort),
            ("+7900123456", PhoneError::TooShort),
            ("+790012345678", PhoneError::TooLong),
            ("890012345678", PhoneError::TooLong),
            ("+1234567890123456", PhoneError::TooLong),
            ("2125550123", PhoneError::NoCountry),
            ("375291234567", PhoneError::NoCountry),
            ("+0123456789", PhoneError::NoCountry),
            ("8 900 CALL NOW", PhoneError::Letter),
            ("8 900 123 45 67 доб. 1", PhoneError::Letter),
            ("８９００１２３４５６７", PhoneError::ForeignDigit),
            ("8900123456٧", PhoneError::ForeignDigit),
            ("8900123456½", PhoneError::ForeignDigit),
            ("89001234567\0", PhoneError::Control),
            ("8900\n1234567", PhoneError::Control),
            ("8900\t1234567", PhoneError::Control),
            ("8+9001234567", PhoneError::MisplacedPlus),
            ("++79001234567", PhoneError::MisplacedPlus),
            ("8900123456/7", PhoneError::Symbol),
            ("8900123456;", PhoneError::Symbol),
            ("\u{202e}89001234567", PhoneError::Symbol),
            ("📱89001234567", PhoneError::Symbol),
        ] {
            assert_eq!(read(form), Err(reason), "{form:?}");
        }
        assert_eq!(read(&"9".repeat(1_000_000)), Err(PhoneError::TooLong));
    }

    #[test]
    fn a_read_number_reads_as_itself() {
        for form in ["8 900 123 45 67", "+44 20 7946 0958", "+86 138 0013 8000"] {
            let once = read(form).unwrap();
            assert_eq!(read(&once), Ok(once.clone()));
        }
    }

    #[test]
    fn debug_output_shows_no_digit() {
        let shown = format!("{:?} {:?}", Phone::parse("+79001234567").unwrap(), Phone::parse("8 900"));
        assert!(!shown.chars().any(|c| c.is_ascii_digit()), "{shown}");
    }
}
