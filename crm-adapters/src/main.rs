//! Programs that bring partners' data to the ledger. They speak HTTP like any other client and know nothing of the
//! ledger's databases.
//!
//! `crm-adapters import FILE` sends a file of purchases through the administration's import: see [`import`].

mod import;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Brings partners' data to Own Circle over its HTTP contract.
#[derive(Debug, Parser)]
#[command(name = "crm-adapters", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(import::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Import(arguments) => import::run(arguments).await,
    }
}
