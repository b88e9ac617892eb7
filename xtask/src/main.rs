//! The project's own commands: `cargo xtask demo`, `cargo xtask test` and what they are made of.
//!
//! Light on purpose: it compiles in seconds on a fresh checkout, says what is missing, and leaves the heavy work to the
//! programs it builds and starts.

mod cargo;
mod demo;
mod deny;
mod doctor;
mod drift;
mod failure;
mod terminal;
mod test;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything on this machine, import real purchases and show what comes out; stays until Ctrl-C.
    Demo {
        /// End after the numbers, with nothing left running.
        #[arg(long)]
        once: bool,
        /// Import this purchase CSV instead of the extract that comes with the project.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Run everything CI runs; the last line counts.
    Test,
    /// Play golden scenarios: all below the folders, each on an empty installation of its own.
    Golden {
        /// Folders, files, and options of the runner (see `cargo xtask golden -- --help`).
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "DIR")]
        arguments: Vec<OsString>,
    },
    /// Measure under load, beside baselines on the same servers (see `cargo xtask bench -- --help`).
    Bench {
        /// Passed on.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Import a purchase file into a running installation (see `cargo xtask import -- --help`).
    Import {
        /// Passed on.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// The local servers: `cargo xtask stack up`.
    Stack {
        /// Passed on.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Rewrite the offline data of SQL queries (.sqlx) from the migrations.
    SqlxPrepare {
        /// Write nothing; fail if they differ.
        #[arg(long)]
        check: bool,
    },
    /// Rewrite `schemas/`: JSON Schemas of the events, and the OpenAPI document.
    Schemas {
        /// Write nothing; fail if they differ.
        #[arg(long)]
        check: bool,
    },
    /// Say what this machine lacks, and how to get it.
    Doctor,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(failure) => {
            terminal::note(&format!("xtask: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Demo { once, file } => {
            let stay = if once { demo::Stay::Once } else { demo::Stay::UntilInterrupted };
            demo::run(stay, file).map(|()| ExitCode::SUCCESS)
        }
        Command::Test => test::run(),
        Command::Golden { arguments } => {
            cargo::build(&["--bin", "ledger-api", "--bin", "projectors", "--bin", "golden"])?;
            cargo::exec("golden", &arguments)
        }
        Command::Bench { arguments } => {
            cargo::run(
                "cargo",
                ["build", "--release", "--bin", "ledger-api", "--bin", "projectors", "--bin", "bench"],
            )?;
            cargo::exec_release("bench", &arguments)
        }
        Command::Import { arguments } => {
            cargo::build(&["--bin", "crm-adapters"])?;
            let all: Vec<OsString> = std::iter::once("import".into()).chain(arguments).collect();
            cargo::exec("crm-adapters", &all)
        }
        Command::Stack { arguments } => {
            cargo::build(&["--bin", "local-stack"])?;
            cargo::exec("local-stack", &arguments)
        }
        Command::SqlxPrepare { check } => drift::queries(drift::Mode::of(check)).map(|()| ExitCode::SUCCESS),
        Command::Schemas { check } => drift::schemas(drift::Mode::of(check)).map(|()| ExitCode::SUCCESS),
        Command::Doctor => doctor::run().map(|()| ExitCode::SUCCESS),
    }
}
