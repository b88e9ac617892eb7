//! The HTTP service of the loyalty ledger.
//!
//! | file | what |
//! |---|---|
//! | `operations/table.rs` | every call in one table: address, roles, bodies, answers |
//! | `call.rs`, `edge.rs` | around a handler: credential, envelope, request id, failures |
//! | `problem.rs` | every error and what a client gets for it |
//! | `json/`, `body.rs`, `lines.rs`, `query.rs`, `dto/` | what comes in, read strictly |
//! | `auth/`, `limits.rs` | who may do what, API keys, tokens, sign-ins, limits |
//! | `intake.rs`, `joining.rs`, `words.rs`, `natural_key.rs` | from a document to a command of the ledger |
//! | `erasure/`, `retention.rs`, `report/` | a member is forgotten; how long what is kept; what is known of her, told |
//! | `routes/`, `read/` | handlers, and the read models behind them |
//! | `startup.rs`, `settings.rs`, `migrate.rs`, `housekeeping.rs`, `vault_commands.rs` | the process, and its other commands |

mod app;
mod auth;
mod body;
mod call;
mod chain_stats;
mod coupon_tries;
mod dto;
mod edge;
mod erasure;
mod housekeeping;
#[cfg(test)]
mod http_tests;
mod intake;
mod interval;
mod joining;
mod json;
mod limits;
mod lines;
mod migrate;
mod natural_key;
mod offer_figures;
mod openapi;
mod operations;
mod problem;
mod query;
mod ratio;
mod read;
mod report;
mod retention;
mod routes;
mod routing;
mod security;
mod settings;
mod shown_chains;
mod shown_coupon;
mod shown_offers;
mod shown_once;
mod startup;
mod turns;
mod uplift;
mod vault_commands;
mod win_win;
mod words;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ledger_ops::clock::Clock;
use ledger_ops::telemetry;
use pii_vault::auth::{ApiKeyRole, By};

use settings::Settings;
use startup::StartError;

/// Every request makes and frees many small texts; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The HTTP service of the loyalty ledger.
///
/// Settings come from a file and from the environment, `OWN_CIRCLE__SECTION__KEY`.
#[derive(Debug, Parser)]
#[command(name = "ledger-api", version)]
struct Arguments {
    /// A TOML file with settings.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Serve until told to stop.
    Serve,
    /// Make or update databases, roles and tables (needs `OWN_CIRCLE__ADMIN__URL`).
    Migrate,
    /// Make the first admin's API key and print it, once.
    BootstrapAdmin,
    /// Make an auditor's API key and print it, once: it reads the proofs of the log and nothing of the vault.
    AuditorKey {
        /// What it is called, in 1 to 100 characters
        name: String,
    },
    /// Wrap all keys of the vault with a new key-encryption key, while the service goes on; may be stopped and run again.
    RotateKek {
        /// Make a newer one even if keys are left from the rotation before: where some are opened by no key
        #[arg(long)]
        new: bool,
    },
    /// End an old key-encryption key that wraps nothing any more, so that it may be destroyed.
    RetireKek {
        /// Its id, as `rotate-kek` prints it
        kek: String,
    },
    /// Work the chain of the vault's access log out anew; fails when it is not what was sealed.
    VerifyAccessLog {
        /// A hash the service has logged: it must be part of the chain
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
    },
    /// Print the OpenAPI document.
    Openapi,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not through the log: this line is for the person who started the process.
            let _nobody_reads = writeln!(std::io::stderr(), "ledger-api: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), StartError> {
    if matches!(arguments.command, Command::Openapi) {
        let failed =
            |error: serde_json::Error| StartError::System { what: "openapi", reason: error.to_string() };
        return print(&openapi::json().map_err(failed)?);
    }
    let settings = Settings::read(arguments.config.as_deref())?;
    telemetry::start_logging(settings.log.format);
    let failed =
        |error: std::io::Error| StartError::System { what: "the runtime", reason: error.to_string() };
    // The decider and background work have a thread of their own beside the HTTP workers.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(failed)?;
    let ended = runtime.block_on(async {
        match arguments.command {
            Command::Serve => startup::serve(&settings).await,
            Command::Migrate => migrate::run(&settings).await,
            Command::BootstrapAdmin => {
                let vault = startup::vault(&settings).await?;
                let now = Clock::machine_now().to_utc();
                let issued = vault.api_keys().bootstrap_admin("bootstrap", now).await?;
                print(&format!("{}\n", issued.key.expose()))
            }
            Command::AuditorKey { name } => {
                let vault = startup::vault(&settings).await?;
                let now = Clock::machine_now().to_utc();
                let issued =
                    vault.api_keys().issue(ApiKeyRole::Auditor, &name, None, &By::nobody(now)).await?;
                print(&format!("{}\n", issued.key.expose()))
            }
            Command::RotateKek { new } => vault_commands::rotate_kek(&settings, new).await,
            Command::RetireKek { kek } => vault_commands::retire_kek(&settings, &kek).await,
            Command::VerifyAccessLog { head } => {
                vault_commands::verify_access_log(&settings, head.as_deref()).await
            }
            Command::Openapi => Ok(()),
        }
    });
    // A question to a server that is away must not hold up the end.
    runtime.shutdown_background();
    ended
}

fn print(text: &str) -> Result<(), StartError> {
    let failed =
        |error: std::io::Error| StartError::System { what: "standard output", reason: error.to_string() };
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(failed)
}
