//! The benchmark: load over HTTP against ledger-api with durable commits, beside baselines on the same PostgreSQL in the
//! same run. Prints ratios, because the machine's speed drifts. See PERFORMANCE.md for what the figures mean.

mod baseline;
mod chains;
mod error;
mod http;
mod large;
mod load;
mod machine;
mod report;
mod seed;
mod setup;

use std::time::Duration;

use clap::Parser;

use crate::error::BenchError;
use crate::load::Target;
use crate::setup::Bench;

/// Measures ledger-api under load against real servers, beside plain PostgreSQL in the same run.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Options {
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// Members that buy.
    #[arg(long, default_value_t = 10_000)]
    members: usize,
    /// Connections to measure at.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    connections: Vec<usize>,
    /// Rounds; baseline and load take turns in each.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Leave out the relay, the projectors and their servers.
    #[arg(long)]
    api_only: bool,
    /// Measure on a large log instead: seed it with so many more members, then each part that follows the log alone, the
    /// daily review, and the service before and after.
    #[arg(long, value_name = "MEMBERS", conflicts_with_all = ["api_only", "rounds", "connections"])]
    large: Option<u64>,
    /// Measure the reactor of chains instead, with so many chains at work.
    #[arg(long, value_name = "CHAINS", conflicts_with_all = ["api_only", "rounds", "connections", "large"])]
    chains: Option<usize>,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match run(Options::parse()).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            report::line(&format!("bench: {}", error::chain(&error)));
            std::process::ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), BenchError> {
    let limit = Duration::from_secs(options.seconds);
    let mut bench = Bench::start(options.members, options.api_only).await?;
    report::machine(&bench).await?;
    if let Some(members) = options.large {
        large::measure(&mut bench, members, limit).await?;
        bench.stop();
        return Ok(());
    }
    if let Some(chains) = options.chains {
        chains::measure(&bench, chains).await?;
        bench.stop();
        return Ok(());
    }
    for round in 1..=options.rounds {
        report::round(round, options.rounds);
        for &connections in &options.connections {
            let insert = baseline::single_rows(&bench.baseline_url, connections, limit).await?;
            let load = load::measure(&bench, Target::Members, connections, limit).await?;
            report::against(connections, &insert, &load);
        }
        let distinct = load::measure(&bench, Target::Members, 16, limit).await?;
        let hot = load::measure(&bench, Target::OneMember, 16, limit).await?;
        report::hot(&distinct, &hot);
        let unnest = baseline::unnest(&bench.baseline_url, 4, limit).await?;
        let batches = load::measure(&bench, Target::Batches, 4, limit).await?;
        report::batches(&unnest, &batches);
    }
    if !options.api_only {
        report::drain(&bench, &bench.drain().await?);
    }
    bench.stop();
    Ok(())
}
