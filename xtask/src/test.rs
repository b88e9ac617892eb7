//! `cargo xtask test`: everything CI runs, step by step, all of them even after a failure.

use std::process::ExitCode;
use std::time::Instant;

use crate::drift::Mode;
use crate::failure::Failure;
use crate::terminal::{note, say};
use crate::{cargo, deny, doctor, drift};

/// How a step ended, if it did not fail.
#[derive(Debug)]
pub(crate) enum Done {
    /// All of it.
    Passed,
    /// Passed but for a part that could not be checked here, and why.
    PassedWithout(String),
}

type Step = (&'static str, fn() -> Result<Done, Failure>);

const STEPS: [Step; 9] = [
    ("format", format),
    ("clippy", clippy),
    ("dependencies", deny::check),
    ("build", build),
    ("schemas", schemas),
    ("queries", queries),
    ("tests", tests),
    ("documentation", documentation),
    ("golden scenarios", golden),
];

/// Runs the steps and counts them.
pub(crate) fn run() -> Result<ExitCode, Failure> {
    doctor::require()?;
    cargo::forget_other_checkouts()?;
    let mut lines = Vec::new();
    let (mut passed, mut failed) = (0_u32, 0_u32);
    for (name, step) in STEPS {
        note(&format!("── {name}"));
        let started = Instant::now();
        let ended = step();
        let took = format!("{} s", started.elapsed().as_secs());
        lines.push(match ended {
            Ok(Done::Passed) => {
                passed += 1;
                format!("passed   {name} ({took})")
            }
            Ok(Done::PassedWithout(part)) => {
                passed += 1;
                format!("passed   {name} ({took}); not checked: {part}")
            }
            Err(failure) => {
                failed += 1;
                note(&format!("{name}: {failure}"));
                format!("FAILED   {name} ({took}): {failure}")
            }
        });
    }
    say("");
    for line in lines {
        say(&line);
    }
    say(&format!("{passed} passed, {failed} failed"));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn passed(result: Result<(), Failure>) -> Result<Done, Failure> {
    result.map(|()| Done::Passed)
}

fn format() -> Result<Done, Failure> {
    passed(cargo::run("cargo", ["fmt", "--all", "--check"]))
}

fn clippy() -> Result<Done, Failure> {
    let arguments = ["clippy", "--quiet", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    passed(cargo::run("cargo", arguments))
}

fn build() -> Result<Done, Failure> {
    passed(cargo::build(&["--workspace", "--bins"]))
}

fn schemas() -> Result<Done, Failure> {
    drift::schemas(Mode::Check)?;
    // The tests that need the feature, on the build that the drift check has just made.
    let tests = ["test", "--quiet", "--locked", "--features", "ledger-core/schema", "--test", "schemas"];
    passed(cargo::run("cargo", tests))
}

fn queries() -> Result<Done, Failure> {
    passed(drift::queries(Mode::Check))
}

fn tests() -> Result<Done, Failure> {
    // A test binary that fails does not hide the others.
    passed(cargo::run("cargo", ["test", "--locked", "--workspace", "--all-targets", "--no-fail-fast"]))
}

fn documentation() -> Result<Done, Failure> {
    passed(cargo::run("cargo", ["test", "--quiet", "--locked", "--workspace", "--doc"]))
}

fn golden() -> Result<Done, Failure> {
    let program = cargo::program("golden")?.display().to_string();
    passed(cargo::run(&program, ["tests/golden"]))
}
