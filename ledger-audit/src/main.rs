//! The program `ledger-audit`: see `ledger-audit --help`.

use std::process::ExitCode;

use clap::Parser;
use ledger_audit::cli::{Cli, run};

/// A replay makes and frees many small texts; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run(Cli::parse())
}
