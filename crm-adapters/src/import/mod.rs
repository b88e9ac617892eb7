//! `crm-adapters import FILE`: brings a file of purchases in through the administration's import.
//!
//! Shape: a first reading counts lines and finds households ([`members`]), members are made where a file has
//! households, then a second reading goes out line by line ([`send`]).
//!
//! Why it may be interrupted anywhere: making a member repeats under the same idempotency key, a purchase under its
//! natural key; both are harmless, so the import keeps no state of its own.
//!
//! Bounds: one segment of lines and one entry per household are in memory, whatever the file's size. Nothing personal
//! is in messages: of a bad line the number and the reason are told, never its content.

mod arguments;
mod error;
mod file;
mod lines;
mod members;
mod progress;
mod purchase_csv;
mod register;
mod report;
mod send;
mod service;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use chrono::TimeDelta;
use ledger_core::category::Category;
use ledger_core::time::Timestamp;
use serde_json::json;

pub(crate) use arguments::Arguments;
use arguments::OnError;
use error::ImportError;
use file::{BadLine, Purchase, PurchaseFile};
use members::{Members, Survey};
use progress::Progress;
use purchase_csv::Row;
use report::{Report, say};
use send::{Ledger, Outgoing, SEGMENT_LINES};
use service::{Patience, Service};

/// Runs the command.
pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    let started = Instant::now();
    let mut report = match Report::new(arguments.errors.clone()) {
        Ok(report) => report,
        Err(error) => return failed(&error),
    };
    let ended = import(&arguments, &mut report).await;
    let ended = report.finish().and(ended);
    if report.answers() > 0 || ended.is_ok() {
        say(&report.summary(started.elapsed()));
    }
    match ended {
        Ok(()) if report.is_clean() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(1),
        Err(error) => failed(&error),
    }
}

fn failed(error: &ImportError) -> ExitCode {
    say(&format!("crm-adapters: {}", error.chain()));
    ExitCode::from(error.exit_code())
}

async fn import(arguments: &Arguments, report: &mut Report) -> Result<(), ImportError> {
    let service = Service::new(&arguments.base_url, &arguments.key()?)?;
    let file = PurchaseFile::open(&arguments.file, arguments.limit)?;
    let survey = survey(&file)?;
    let shift = shift(arguments, &survey, now())?;
    let mut translation = Translation {
        businesses: arguments.businesses(),
        source_system: &arguments.source_system,
        members: Members::new(),
        shift,
    };
    if file.has_households() {
        let registrations = survey.first_purchase.iter().map(|(household, first)| {
            let day = first.plus(shift).moscow_day().start();
            (household.clone(), members::registration(household, day, translation.businesses.values()))
        });
        let patience = Patience::new(arguments.retry_for());
        translation.members = register::all(&service, registrations.collect(), patience, report).await?;
    }
    let mut progress = Progress::new("purchases", survey.lines);
    let patience = Patience::new(arguments.retry_for());
    let mut ledger = Ledger { service: &service, patience, report, progress: &mut progress };
    let ended = send_all(&file, &translation, arguments.on_error, &mut ledger).await;
    progress.finish();
    ended
}

/// The edge: the one place where the import looks at a clock.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).ok().and_then(Timestamp::from_micros).unwrap_or(Timestamp::BEGINNING)
}

fn survey(file: &PurchaseFile) -> Result<Survey, ImportError> {
    let mut survey = Survey::default();
    for (_, purchase) in file.read()? {
        survey.lines += 1;
        if let Ok(Purchase::Row(row)) = purchase {
            survey.add(&row.household, row.occurred_at);
        }
    }
    Ok(survey)
}

/// Whole days of Moscow, which has no summer time in the years concerned, so a time of day stays what it was.
fn shift(arguments: &Arguments, survey: &Survey, now: Timestamp) -> Result<TimeDelta, ImportError> {
    let wanted = arguments.shift_to_yesterday || arguments.shift_days != 0;
    let Some(newest) = survey.newest.filter(|_| wanted) else {
        if wanted {
            let problem = "only the times of a CSV with purchases can be shifted".to_owned();
            return Err(ImportError::Format { path: arguments.file.clone(), problem });
        }
        return Ok(TimeDelta::zero());
    };
    if !arguments.shift_to_yesterday {
        return Ok(TimeDelta::days(i64::from(arguments.shift_days)));
    }
    let days = now.moscow_day().to_date().signed_duration_since(newest.moscow_day().to_date());
    let days = TimeDelta::days(days.num_days().saturating_sub(1));
    say(&format!("times are shifted by {} days (--shift-days {0} repeats it)", days.num_days()));
    Ok(days)
}

/// How a purchase of the file becomes a line of the contract.
struct Translation<'a> {
    businesses: BTreeMap<Category, String>,
    source_system: &'a str,
    members: Members,
    shift: TimeDelta,
}

impl Translation<'_> {
    fn outgoing(&self, number: u64, purchase: Purchase) -> Result<Outgoing, BadLine> {
        let row = match purchase {
            Purchase::Line { external_id, text } => return Ok(Outgoing { number, external_id, text }),
            Purchase::Row(row) => row,
        };
        let business = self.businesses.get(&row.category).ok_or(BadLine::NoBusiness)?;
        let member = match self.members.get(&row.household) {
            Some(id) => json!({"member_id": id}),
            None => json!({"phone": members::phone(&row.household)}),
        };
        let occurred_at = row.occurred_at.plus(self.shift);
        if occurred_at == row.occurred_at && !self.shift.is_zero() {
            return Err(BadLine::Shift);
        }
        let row = Row { occurred_at, ..row };
        let text = file::import_line(&row, business, self.source_system, &member);
        Ok(Outgoing { number, external_id: row.receipt, text })
    }
}

async fn send_all(
    file: &PurchaseFile,
    translation: &Translation<'_>,
    on_error: OnError,
    ledger: &mut Ledger<'_>,
) -> Result<(), ImportError> {
    let mut segment = Vec::with_capacity(SEGMENT_LINES);
    for (number, purchase) in file.read()? {
        match purchase.and_then(|purchase| translation.outgoing(number, purchase)) {
            Ok(line) => segment.push(line),
            Err(problem) => {
                if on_error == OnError::Stop {
                    // What stands before the bad line still goes in.
                    ledger.send(&segment).await?;
                    ledger.report.bad(number, &problem.to_string())?;
                    return Err(ImportError::Stopped(number));
                }
                ledger.report.bad(number, &problem.to_string())?;
                ledger.progress.advance(1);
            }
        }
        if segment.len() == SEGMENT_LINES {
            ledger.send(&segment).await?;
            segment.clear();
            stop_if_asked(on_error, ledger, number)?;
        }
    }
    ledger.send(&segment).await?;
    Ok(())
}

/// Refusals arrive while later lines are on their way: the segment is finished, the next one is not begun.
fn stop_if_asked(on_error: OnError, ledger: &Ledger<'_>, number: u64) -> Result<(), ImportError> {
    if on_error == OnError::Stop && !ledger.report.is_clean() {
        return Err(ImportError::Stopped(number));
    }
    Ok(())
}
