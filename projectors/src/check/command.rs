//! The command `projectors check`: progress on standard error, the report on standard output, the verdict as exit code.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::process::ExitCode;
use std::time::Duration;

use clickhouse::Client;
use tokio::time::Instant;

use super::{Report, check};
use crate::engine::Options;
use crate::error::ProjectError;

/// How often progress is shown.
const SHOW: Duration = Duration::from_millis(100);

/// In which form the report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A table for people.
    Table,
    /// One JSON object.
    Json,
}

/// Checks and prints; exit code 0 when all is equal, 1 when it is not. That it cannot be decided (exit code 2) is an error.
///
/// # Errors
/// As [`check`].
pub async fn run(
    options: &Options,
    client: &Client,
    wait: Duration,
    form: Form,
) -> Result<ExitCode, ProjectError> {
    let shows = form == Form::Table && stderr().is_terminal();
    let mut shown = Instant::now();
    let mut told = move |done: i64, all: i64| {
        if shows && (shown.elapsed() >= SHOW || done == all) {
            shown = Instant::now();
            // A terminal that is gone takes no progress, and the check goes on.
            let _ = write!(stderr(), "\rfolding the log: {done} of {all} events\x1b[K");
        }
    };
    let checked = check(options, client, wait, &mut told).await;
    if shows {
        let _ = write!(stderr(), "\r\x1b[K");
    }
    let report = checked?;
    print(&report, form)?;
    Ok(if report.equal { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn print(report: &Report, form: Form) -> Result<(), ProjectError> {
    let text = match form {
        Form::Table => report.table(),
        Form::Json => {
            let json = serde_json::to_string(report);
            json.map_err(|error| ProjectError::Setup(format!("the report: {error}")))? + "\n"
        }
    };
    let written = stdout().write_all(text.as_bytes());
    written.map_err(|error| ProjectError::Setup(format!("standard output: {error}")))
}
