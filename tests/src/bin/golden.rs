//! `golden DIR…`: plays golden scenarios, each on an empty installation of its own, or one on an existing installation.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use local_stack::{Stack, StackOptions};
use system_tests::golden::{Fresh, GoldenError, Scenario, Target, files_below, run};

/// Play golden scenarios: YAML files that speak the public HTTP contract.
///
/// Each file below the folders gets an empty installation of its own on real servers. Exit code 1 if any fails.
#[derive(Debug, Parser)]
#[command(name = "golden", version)]
struct Arguments {
    /// Folders or files.
    #[arg(required = true, value_name = "DIR")]
    places: Vec<PathBuf>,
    /// Play one file on this fresh installation in the dev profile instead; its admin key is taken from
    /// OWN_CIRCLE__DEV__ADMIN_KEY.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match play_all(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("golden: {error}"));
            ExitCode::from(2)
        }
    }
}

/// Whether all passed.
async fn play_all(arguments: &Arguments) -> Result<bool, String> {
    let files = files_below(&arguments.places).map_err(|error| error.report().replace('\n', ": "))?;
    if files.is_empty() {
        return Err("there is no scenario (*.yaml) at or below the places named".to_owned());
    }
    let existing = match &arguments.base_url {
        Some(_) if files.len() > 1 => {
            return Err("--base-url takes one file: a scenario needs a fresh installation".to_owned());
        }
        Some(base_url) => {
            let missing = |_| "--base-url needs the admin key in OWN_CIRCLE__DEV__ADMIN_KEY".to_owned();
            let admin_key = std::env::var("OWN_CIRCLE__DEV__ADMIN_KEY").map_err(missing)?;
            Some(Target { base_url: base_url.clone(), admin_key })
        }
        None => None,
    };
    let stack = match existing {
        Some(_) => None,
        None => Some(Stack::start(&StackOptions::temporary()).map_err(|error| error.to_string())?),
    };
    let (mut passed, mut failed) = (0_u32, 0_u32);
    for (index, file) in files.iter().enumerate() {
        let started = Instant::now();
        let played = match (&existing, &stack) {
            (Some(target), _) => on_existing(file, target).await,
            (None, Some(stack)) => on_fresh(file, stack, index).await,
            (None, None) => return Err("there is no stack".to_owned()),
        };
        let took = format!("{:.1} s", started.elapsed().as_secs_f64());
        match played {
            Ok(scenario) => {
                passed += 1;
                say(&format!(
                    "ok    {}: {} [{}] {took}",
                    file.display(),
                    scenario.name,
                    scenario.rules.join(" ")
                ));
            }
            Err(error) => {
                failed += 1;
                say(&format!(
                    "FAIL  {} {took}\n      {}",
                    file.display(),
                    error.report().replace('\n', "\n      ")
                ));
            }
        }
    }
    say(&format!("golden: {passed} passed, {failed} failed"));
    Ok(failed == 0)
}

async fn on_existing(file: &Path, target: &Target) -> Result<Scenario, GoldenError> {
    let scenario = Scenario::read(file)?;
    run(&scenario, target).await?;
    Ok(scenario)
}

async fn on_fresh(file: &Path, stack: &Stack, index: usize) -> Result<Scenario, GoldenError> {
    let scenario = Scenario::read(file)?;
    let fresh = tokio::task::block_in_place(|| Fresh::start(stack, &format!("golden_{index}")))?;
    run(&scenario, fresh.target()).await?;
    Ok(scenario)
}

fn say(line: &str) {
    // A closed terminal is no reason to stop.
    let _ = writeln!(io::stdout(), "{line}");
}
