//! Moments and Moscow days. Rules T1 and T2.
//!
//! Nothing here reads a clock: "now" comes in as a [`Timestamp`].

use std::fmt;
use std::str::FromStr;

use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, SecondsFormat, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Europe::Moscow;
use serde::{Deserialize, Serialize};

/// A moment in UTC with microseconds. Rule T1. On the wire RFC 3339 with six digits and `Z`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String", extend("pattern" = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$")))]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(
    /// Since 1970-01-01T00:00:00Z: decisions compare moments all the time.
    i64,
);

/// A text that is not a moment the ledger takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a time in RFC 3339 with a zone, in the years 0001 to 9998")]
pub struct NotATimestamp;

impl Timestamp {
    /// The first moment the ledger takes: 0001-01-01T00:00:00Z.
    pub const FIRST: Self = Self(-62_135_596_800_000_000);

    /// The last moment the ledger takes: 9998-12-31T23:59:59.999999Z. What is later by calculation counts as this one,
    /// so that every moment on the log can be read again.
    pub const LAST: Self = Self(253_370_764_799_999_999);

    /// The beginning of time: the first policy is in force from here. Rule P1.
    pub const BEGINNING: Self = Self(0);

    /// The moment `at`, cut to whole microseconds and to [`Timestamp::FIRST`] and [`Timestamp::LAST`].
    #[must_use]
    pub fn new(at: DateTime<Utc>) -> Self {
        // A leap second (`:60`) has no place of its own in UTC's count, here or in a database.
        Self::within(at.timestamp_micros())
    }

    fn within(micros: i64) -> Self {
        Self(micros.clamp(Self::FIRST.0, Self::LAST.0))
    }

    /// The moment so many microseconds after 1970-01-01T00:00:00Z; `None` before [`Timestamp::FIRST`] or after
    /// [`Timestamp::LAST`].
    #[must_use]
    pub fn from_micros(micros: i64) -> Option<Self> {
        Some(Self(micros)).filter(|at| (Self::FIRST..=Self::LAST).contains(at))
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The moment as a driver's parameter.
    #[must_use]
    pub const fn to_utc(self) -> DateTime<Utc> {
        in_calendar(self.0)
    }

    /// The moment `delta` later (`delta` not negative); [`Timestamp::LAST`] when that is beyond it.
    #[must_use]
    pub fn plus(self, delta: TimeDelta) -> Self {
        delta.num_microseconds().map_or(Self::LAST, |delta| Self::within(self.0.saturating_add(delta)))
    }

    /// The moment `delta` earlier (`delta` not negative); [`Timestamp::FIRST`] when that is before it.
    #[must_use]
    pub fn minus(self, delta: TimeDelta) -> Self {
        delta.num_microseconds().map_or(Self::FIRST, |delta| Self::within(self.0.saturating_sub(delta)))
    }

    /// The time from `earlier` to this moment; negative when this one is earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> TimeDelta {
        TimeDelta::microseconds(self.0.saturating_sub(earlier.0))
    }

    /// The Moscow day this moment falls on. Rule T2.
    #[must_use]
    pub fn moscow_day(self) -> MoscowDay {
        MoscowDay(self.moscow_clock().date())
    }

    /// What a Moscow wall clock shows.
    fn moscow_clock(self) -> NaiveDateTime {
        if self >= STEADY_FROM {
            in_calendar(self.0.saturating_add(STEADY_OFFSET)).naive_utc()
        } else {
            self.to_utc().with_timezone(&Moscow).naive_local()
        }
    }

    /// The same moment of the Moscow calendar `months` earlier; a day the month lacks becomes its last. Rule S1
    /// (29 February → 28).
    #[must_use]
    pub fn months_before(self, months: u32) -> Self {
        self.moscow_clock().checked_sub_months(Months::new(months)).map_or(self, from_moscow)
    }

    /// The moment a Moscow wall clock showed `local`: for zoneless times of imports (Rule T6);
    /// `None` outside the years 0001 to 9998.
    #[must_use]
    pub fn from_moscow_local(local: NaiveDateTime) -> Option<Self> {
        (1..=9998).contains(&local.year()).then(|| from_moscow(local))
    }
}

/// The first moment of 2014-10-27 in Moscow: since the day before its clocks stand at UTC+3, all year. From here on no table
/// of past changes is searched, which decisions would do a dozen times each; a test holds it against the table.
const STEADY_FROM: Timestamp = Timestamp(1_414_357_200_000_000);
/// Three hours.
const STEADY_OFFSET: i64 = 3 * 3_600 * 1_000_000;

/// Microseconds as a time of the calendar, which reaches further than the ledger's.
const fn in_calendar(micros: i64) -> DateTime<Utc> {
    match DateTime::from_timestamp_micros(micros) {
        Some(at) => at,
        None => DateTime::<Utc>::MAX_UTC,
    }
}

/// The moment a Moscow wall clock showed `local`.
fn from_moscow(local: NaiveDateTime) -> Timestamp {
    let steady = Timestamp::within(local.and_utc().timestamp_micros().saturating_sub(STEADY_OFFSET));
    if steady >= STEADY_FROM { steady } else { from_unsteady(local) }
}

/// A wall clock reading that never was (a clock put forward) is read as the moment the clock jumped over it by going on
/// with the offset before; one that was twice is the first of the two.
fn from_unsteady(local: NaiveDateTime) -> Timestamp {
    let moment = Moscow
        .from_local_datetime(&local)
        .earliest()
        .or_else(|| {
            let before = local.checked_sub_signed(TimeDelta::hours(3))?;
            let offset = Moscow.from_local_datetime(&before).earliest()?;
            offset.checked_add_signed(TimeDelta::hours(3))
        })
        .map_or_else(|| local.and_utc(), |moment| moment.with_timezone(&Utc));
    Timestamp::new(moment)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_utc().to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Self, NotATimestamp> {
        let at = DateTime::parse_from_rfc3339(text).map_err(|_| NotATimestamp)?.with_timezone(&Utc);
        if (1..=9998).contains(&at.year()) { Ok(Self::new(at)) } else { Err(NotATimestamp) }
    }
}

impl TryFrom<String> for Timestamp {
    type Error = NotATimestamp;

    fn try_from(text: String) -> Result<Self, NotATimestamp> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(at: Timestamp) -> Self {
        at.to_string()
    }
}

/// A calendar day in Europe/Moscow. Rule T2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String", extend("pattern" = r"^\+?[0-9]{4,6}-[0-9]{2}-[0-9]{2}$")))]
#[serde(transparent)]
pub struct MoscowDay(NaiveDate);

impl MoscowDay {
    /// The day with this date.
    #[must_use]
    pub const fn from_date(date: NaiveDate) -> Self {
        Self(date)
    }

    /// The date.
    #[must_use]
    pub const fn to_date(self) -> NaiveDate {
        self.0
    }

    /// The day `days` later; the last day of the calendar when there is none.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Self {
        Self(self.0.checked_add_days(Days::new(u64::from(days))).unwrap_or(NaiveDate::MAX))
    }

    /// The first moment of the day.
    #[must_use]
    pub fn start(self) -> Timestamp {
        from_moscow(self.0.and_time(chrono::NaiveTime::MIN))
    }

    /// The last microsecond of the day: what lives to the end of a day lives to here. Rule B5.
    #[must_use]
    pub fn end(self) -> Timestamp {
        self.plus_days(1).start().minus(TimeDelta::microseconds(1))
    }
}

impl fmt::Display for MoscowDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn rule_t1_times_are_utc_with_microseconds() {
        assert_eq!(at("2026-03-02T10:00:00.1234567+03:00").to_string(), "2026-03-02T07:00:00.123456Z");
        assert_eq!(
            at("2026-03-02T10:00:60Z"),
            at("2026-03-02T10:01:00Z"),
            "a leap second is the next one's first"
        );
        for wrong in ["2026-03-02T10:00:00", "9999-12-31T23:59:59Z", "2026-02-30T00:00:00Z", "soon", ""] {
            assert_eq!(wrong.parse::<Timestamp>(), Err(NotATimestamp), "{wrong}");
        }
    }

    #[test]
    fn rule_t1_what_lies_beyond_the_calendar_is_its_last_moment() {
        assert_eq!(Timestamp::FIRST.to_string(), "0001-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::LAST.to_string(), "9998-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp::LAST.plus(TimeDelta::days(1)), Timestamp::LAST);
        assert_eq!(at("2026-03-02T10:00:00Z").plus(TimeDelta::days(4_294_967_295)), Timestamp::LAST);
        assert_eq!(at("2026-03-02T10:00:00Z").minus(TimeDelta::days(4_294_967_295)), Timestamp::FIRST);
        assert_eq!(
            Timestamp::LAST.moscow_day().plus_days(90).end(),
            Timestamp::LAST.minus(TimeDelta::microseconds(1))
        );
        for moment in [Timestamp::FIRST, Timestamp::LAST] {
            assert_eq!(moment.to_string().parse::<Timestamp>(), Ok(moment));
            assert_eq!(Timestamp::from_micros(moment.micros()), Some(moment));
        }
        assert_eq!(Timestamp::from_micros(Timestamp::LAST.micros() + 1), None);
        assert_eq!(Timestamp::from_micros(i64::MAX), None);
    }

    #[test]
    fn rule_t2_a_day_is_a_moscow_day() {
        let late = at("2026-03-02T21:30:00Z");
        assert_eq!(late.moscow_day().to_string(), "2026-03-03");
        assert_eq!(late.moscow_day().start(), at("2026-03-02T21:00:00Z"));
        assert_eq!(late.moscow_day().end(), at("2026-03-03T20:59:59.999999Z"));
    }

    #[test]
    fn rule_s1_a_year_before_29_february_is_28_february() {
        assert_eq!(at("2028-02-29T12:00:00+03:00").months_before(12), at("2027-02-28T12:00:00+03:00"));
    }

    #[test]
    fn rule_t2_since_2014_the_clock_stands_as_the_table_of_the_zone_says() {
        let days = (0..).map(|day| at("2014-10-20T20:59:59.999999Z").plus(TimeDelta::days(day)));
        for end in days.take_while(|day| *day < at("2150-01-01T00:00:00Z")) {
            for moment in [end, end.plus(TimeDelta::microseconds(1)), end.plus(TimeDelta::hours(5))] {
                let of_table = moment.to_utc().with_timezone(&Moscow).naive_local();
                assert_eq!(moment.moscow_clock(), of_table, "{moment}");
                assert_eq!(from_moscow(of_table), from_unsteady(of_table), "{moment}");
            }
        }
        assert_eq!(STEADY_FROM.to_string(), "2014-10-26T21:00:00.000000Z");
    }

    #[test]
    fn rule_t2_days_of_summer_time_years_have_their_own_length() {
        // Moscow put its clocks forward on 2010-03-28: that day has 23 hours.
        let day = at("2010-03-28T12:00:00Z").moscow_day();
        assert_eq!(day.end().since(day.start()), TimeDelta::hours(23) - TimeDelta::microseconds(1));
    }
}
