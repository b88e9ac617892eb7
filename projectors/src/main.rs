//! The program `projectors`: see `projectors --help`.

use std::process::ExitCode;

use clap::Parser;
use ledger_ops::telemetry::{LogFormat, start_logging};
use projectors::cli::{Cli, Role};

/// Every request makes and frees many small texts; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // `check` says 1 for "differs", so that it could not decide is another code.
    let failure = if matches!(cli.role, Role::Check { .. }) { ExitCode::from(2) } else { ExitCode::FAILURE };
    start_logging(LogFormat::Text);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the runtime does not start");
            return failure;
        }
    };
    let ended = runtime.block_on(projectors::roles::run(cli));
    // What still runs in the background must not hold up the end.
    runtime.shutdown_background();
    match ended {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error}");
            failure
        }
    }
}
