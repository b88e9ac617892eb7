//! Moments and days. Rules T1, T2.
//!
//! Of the domain's time this takes the word for a moment alone and none of what is counted with it. All that the model is
//! asked about is after 2014: since then Moscow's clocks stand at UTC+3, all year.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use ledger_core::time::Timestamp;

/// How far Moscow's clocks are ahead of UTC.
const AHEAD: TimeDelta = TimeDelta::hours(3);

/// What a clock in Moscow shows.
fn clock(at: Timestamp) -> NaiveDateTime {
    at.to_utc().naive_utc() + AHEAD
}

/// When a clock in Moscow shows it.
fn when(clock: NaiveDateTime) -> Timestamp {
    Timestamp::new((clock - AHEAD).and_utc())
}

/// The Moscow day of a moment. Rule T2.
#[must_use]
pub fn day(at: Timestamp) -> NaiveDate {
    clock(at).date()
}

/// The day so many days after the one of a moment.
#[must_use]
pub fn days_after(at: Timestamp, days: u32) -> NaiveDate {
    day(at) + Days::new(u64::from(days))
}

/// The last microsecond of a day. Rule B5.
#[must_use]
pub fn end_of(day: NaiveDate) -> Timestamp {
    let first_of_next = (day + Days::new(1)).and_time(NaiveTime::MIN);
    when(first_of_next - TimeDelta::microseconds(1))
}

/// What a clock in Moscow showed so many months earlier; on the last day of a month that lacks the day. Rule S1.
///
/// # Panics
/// Before the years that can be written.
#[must_use]
pub fn months_before(at: Timestamp, months: u32) -> Timestamp {
    let now = clock(at);
    let (mut year, mut month) = (now.year(), now.month());
    for _ in 0..months {
        (year, month) = if month == 1 { (year - 1, 12) } else { (year, month - 1) };
    }
    let day = (1..=now.day()).rev().find_map(|day| NaiveDate::from_ymd_opt(year, month, day));
    when(day.expect("every month has a first").and_time(now.time()))
}

/// The moment so much later.
#[must_use]
pub fn later(at: Timestamp, by: TimeDelta) -> Timestamp {
    Timestamp::new(at.to_utc() + by)
}

/// The moment so much earlier.
#[must_use]
pub fn earlier(at: Timestamp, by: TimeDelta) -> Timestamp {
    Timestamp::new(at.to_utc() - by)
}

/// The time from one moment to another; negative when that is the earlier one.
#[must_use]
pub fn between(from: Timestamp, to: Timestamp) -> TimeDelta {
    to.to_utc() - from.to_utc()
}
