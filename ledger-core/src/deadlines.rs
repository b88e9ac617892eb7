//! By when a request of a person must be answered: one function over the Russian production calendar (`compliance.md`, sections 5, 6).
//!
//! The calendar is data, a file for each year with its source (`calendar/`). A year that is not there is an error, never taken
//! for one of plain weeks: a term that reaches into the next year is known when its calendar is.

use chrono::{Datelike, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};

use crate::time::{MoscowDay, Timestamp};

/// The years there are.
const YEARS: [(i32, &str); 2] =
    [(2025, include_str!("../calendar/2025.txt")), (2026, include_str!("../calendar/2026.txt"))];

/// What a person asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// What is known of her. S2; ст. 20 ч. 1.
    Access,
    /// That something be put right. S4; ст. 20 ч. 3, ст. 21 ч. 2.
    Correction,
    /// That nothing be done with it while it is looked into. S5; ст. 21 ч. 1.
    Block,
    /// That her data be destroyed, her consent being withdrawn. Ст. 21 ч. 5.
    Erasure,
    /// That processing stop. Ст. 21 ч. 5.1.
    Stop,
    /// That a person look at what a rule decided. C8; ст. 16 ч. 4.
    Objection,
}

/// How long the law gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// To the end of the day on which it came.
    AtOnce,
    /// So many working days.
    WorkingDays(u32),
    /// So many days; if the last one is not worked, to the next that is.
    Days(u32),
}

impl Asked {
    /// The law's term.
    #[must_use]
    pub const fn term(self) -> Term {
        match self {
            Self::Access | Self::Stop => Term::WorkingDays(10),
            Self::Correction => Term::WorkingDays(7),
            Self::Block => Term::AtOnce,
            Self::Erasure | Self::Objection => Term::Days(30),
        }
    }

    /// By how many working days a reasoned notice, sent before the term ends, makes it longer.
    #[must_use]
    pub const fn extension(self) -> Option<u32> {
        match self {
            Self::Access | Self::Stop => Some(5),
            Self::Correction | Self::Block | Self::Erasure | Self::Objection => None,
        }
    }
}

/// How the end of a term was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reckoned {
    /// By the production calendar.
    ByCalendar,
    /// In days of any kind, since a year's calendar is not there: under any calendar the law's term is not sooner.
    Sooner,
}

/// The production calendar of a year is not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the production calendar of {0} is not there: add ledger-core/calendar/{0}.txt")]
pub struct UnknownYear(pub i32);

/// The last moment at which a request that came at `received` is answered in time. The day it came on does not count, and days
/// are Moscow's (Rule T2).
///
/// # Errors
/// [`UnknownYear`] when the term reaches into a year without a calendar.
pub fn due(received: Timestamp, term: Term) -> Result<Timestamp, UnknownYear> {
    let came = received.moscow_day();
    let last = match term {
        Term::AtOnce => came,
        Term::WorkingDays(days) => nth_worked(came, days)?,
        Term::Days(days) => match came.plus_days(days) {
            last if is_worked(last)? => last,
            last => nth_worked(last, 1)?,
        },
    };
    Ok(last.end())
}

/// The same, or where a year's calendar is not there a moment that is sooner under any: nobody's demand waits for a file. Who asks
/// sees which it is, and somebody should be told.
#[must_use]
pub fn due_or_sooner(received: Timestamp, term: Term) -> (Timestamp, Reckoned) {
    if let Ok(due) = due(received, term) {
        return (due, Reckoned::ByCalendar);
    }
    let came = received.moscow_day();
    let last = match term {
        Term::AtOnce => came,
        Term::WorkingDays(days) | Term::Days(days) => came.plus_days(days),
    };
    (last.end(), Reckoned::Sooner)
}

/// The `days`-th day after `from` that is worked.
fn nth_worked(from: MoscowDay, days: u32) -> Result<MoscowDay, UnknownYear> {
    let (mut day, mut left) = (from, days);
    while left > 0 {
        day = day.plus_days(1);
        if is_worked(day)? {
            left = left.saturating_sub(1);
        }
    }
    Ok(day)
}

/// Whether a day is worked in a five-day week.
///
/// # Errors
/// [`UnknownYear`].
pub fn is_worked(day: MoscowDay) -> Result<bool, UnknownYear> {
    let date = day.to_date();
    let year = date.year();
    let (_, calendar) = YEARS.iter().find(|(known, _)| *known == year).ok_or(UnknownYear(year))?;
    let is_weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
    let exceptions = if is_weekend { "work" } else { "off" };
    let is_exception = dates(calendar, exceptions).any(|exception| is_day(date, exception));
    Ok(is_weekend == is_exception)
}

/// The dates of one kind of lines.
fn dates<'a>(calendar: &'a str, kind: &'a str) -> impl Iterator<Item = &'a str> {
    calendar.lines().filter_map(move |line| line.strip_prefix(kind)).flat_map(str::split_whitespace)
}

fn is_day(date: NaiveDate, month_and_day: &str) -> bool {
    let (month, day) = month_and_day.split_once('-').unwrap_or_default();
    month.parse() == Ok(date.month()) && day.parse() == Ok(date.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn day(text: &str) -> MoscowDay {
        MoscowDay::from_date(text.parse().expect("a date"))
    }

    fn due_day(received: &str, asked: Asked) -> Result<String, UnknownYear> {
        due(at(received), asked.term()).map(|due| due.moscow_day().to_string())
    }

    #[test]
    fn every_line_of_every_calendar_is_a_day_of_its_kind() {
        for (year, calendar) in YEARS {
            assert!(calendar.starts_with("# Source: "), "{year}");
            for line in calendar.lines().filter(|line| !line.starts_with('#')) {
                let (kind, days) = line.split_once(' ').expect("a kind");
                for text in days.split_whitespace() {
                    let date: NaiveDate = format!("{year}-{text}").parse().expect("a date");
                    let is_weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
                    assert_eq!(kind, if is_weekend { "work" } else { "off" }, "{date}");
                }
            }
        }
    }

    /// Working days of a year as the production calendar has them.
    #[test]
    fn the_years_have_as_many_working_days_as_the_law_says() {
        for (year, expected) in [(2025, 247), (2026, 247)] {
            let first = day(&format!("{year}-01-01"));
            let days = (0..365).map(|number| first.plus_days(number));
            let worked = days.filter(|day| is_worked(*day).expect("a known year")).count();
            assert_eq!(worked, expected, "{year}");
        }
    }

    #[test]
    fn compliance_s2_terms_count_working_days_from_the_next_day() {
        // A Monday without holidays after it: ten working days are two weeks.
        assert_eq!(due_day("2026-03-16T12:00:00+03:00", Asked::Access), Ok("2026-03-30".to_owned()));
        // Over the holidays of May: the 1st and the 11th are not worked.
        assert_eq!(due_day("2026-04-30T12:00:00+03:00", Asked::Correction), Ok("2026-05-13".to_owned()));
        // A Saturday that is worked counts.
        assert_eq!(due_day("2025-10-31T12:00:00+03:00", Asked::Correction), Ok("2025-11-12".to_owned()));
        // Late in the evening in UTC is the next day in Moscow.
        assert_eq!(due_day("2026-03-15T22:00:00Z", Asked::Access), Ok("2026-03-30".to_owned()));
        assert_eq!(due_day("2026-03-16T12:00:00+03:00", Asked::Block), Ok("2026-03-16".to_owned()));
    }

    #[test]
    fn a_term_of_days_that_ends_on_a_day_off_ends_on_the_next_that_is_worked() {
        assert_eq!(due_day("2026-03-02T12:00:00+03:00", Asked::Erasure), Ok("2026-04-01".to_owned()));
        assert_eq!(due_day("2026-04-09T12:00:00+03:00", Asked::Erasure), Ok("2026-05-12".to_owned()));
    }

    #[test]
    fn where_a_calendar_is_not_there_the_term_is_sooner_under_any() {
        let day = |received: &str, asked: Asked| {
            let (due, reckoned) = due_or_sooner(at(received), asked.term());
            (due.moscow_day().to_string(), reckoned)
        };
        let known = day("2026-03-16T12:00:00+03:00", Asked::Access);
        assert_eq!(known, ("2026-03-30".to_owned(), Reckoned::ByCalendar));
        let over_the_year = day("2026-12-25T12:00:00+03:00", Asked::Access);
        assert_eq!(over_the_year, ("2027-01-04".to_owned(), Reckoned::Sooner));
        let far = day("2031-05-01T12:00:00+03:00", Asked::Erasure);
        assert_eq!(far, ("2031-05-31".to_owned(), Reckoned::Sooner));
    }

    #[test]
    fn a_year_without_a_calendar_is_an_error() {
        assert_eq!(due_day("2026-12-25T12:00:00+03:00", Asked::Access), Err(UnknownYear(2027)));
        assert_eq!(due_day("2024-12-25T12:00:00+03:00", Asked::Access), Err(UnknownYear(2024)));
        assert!(due_day("2026-12-16T12:00:00+03:00", Asked::Access).is_ok());
        assert_eq!(due(at("2026-12-30T12:00:00+03:00"), Term::Days(30)), Err(UnknownYear(2027)));
    }
}
