//! `cargo xtask demo`: everything on this machine, real purchases in, and what comes out.
//!
//! Servers, databases and processes live in a temporary folder and end with this program, however it ends.

mod chart;
mod numbers;
mod partners;
mod people;
mod service;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use local_stack::{Existing, Installation, Process, ProcessOptions, Stack, StackOptions};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::Failure;
use crate::terminal::{heading, note, say};
use crate::{cargo, doctor};
use service::Service;

const EXTRACT: &str = "tests/data/journey-extract.csv.gz";
const READY_LIMIT: Duration = Duration::from_secs(60);

/// Whether it stays up after the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stay {
    /// Until Ctrl-C.
    UntilInterrupted,
    /// It ends.
    Once,
}

/// Runs the demo.
pub(crate) fn run(stay: Stay, file: Option<PathBuf>) -> Result<(), Failure> {
    doctor::require()?;
    cargo::forget_other_checkouts()?;
    note("building…");
    cargo::build(&["--bin", "ledger-api", "--bin", "projectors", "--bin", "crm-adapters"])?;
    let started = Instant::now();
    let file = file.unwrap_or_else(|| cargo::root().join(EXTRACT));
    if !file.is_file() {
        return Err(Failure::new(format!("{} is not there", file.display())));
    }
    note("starting PostgreSQL, Kafka and ClickHouse…");
    let options = StackOptions { existing: Existing::Use, ..StackOptions::temporary() };
    let stack = Stack::start(&options)?;
    note("migrating, starting ledger-api and projectors…");
    let running = Running::start(&stack)?;
    let service = Service::new(&running.installation);
    let key = partners::register(&service)?;
    import(&running.installation, &file)?;
    note("waiting for read models and analytics…");
    service.settle()?;
    let token = people::show(&service, &file)?;
    numbers::show(&running.installation)?;
    prove(&running.installation)?;
    say(&format!("\n{:.1} s from the start of the servers to here", started.elapsed().as_secs_f64()));
    if stay == Stay::Once {
        return Ok(());
    }
    try_by_hand(&running.installation, &stack, &key, token.as_deref())?;
    // From here on Ctrl-C is waited for; before, it simply ends this program, and everything with it.
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(Failure::at("listening for Ctrl-C"))?;
    signals.forever().next();
    note("stopping…");
    Ok(())
}

/// An installation with its processes, which are dropped before the stack.
struct Running {
    installation: Installation,
    _processes: [Process; 2],
}

impl Running {
    fn start(stack: &Stack) -> Result<Self, Failure> {
        // A server given by the environment may hold the databases of an earlier demo.
        let installation = Installation::new(stack, &format!("demo_{}", std::process::id()))?;
        installation.migrate()?;
        let mut api = installation.start(ProcessOptions::new("ledger-api", "ledger-api", ["serve"]))?;
        let projectors = installation.start(ProcessOptions::new("projectors", "projectors", ["all"]))?;
        api.wait_ready(&format!("{}/health/ready", installation.http_url()), READY_LIMIT)?;
        Ok(Self { installation, _processes: [api, projectors] })
    }
}

fn import(installation: &Installation, file: &PathBuf) -> Result<(), Failure> {
    let mut command = Command::new(cargo::program("crm-adapters")?);
    command.arg("import").arg(file).args(["--shift-to-yesterday", "--base-url", &installation.http_url()]);
    command.args(["--business-map", &partners::map()]).env("OWN_CIRCLE_API_KEY", installation.admin_key());
    cargo::succeed(&mut command)
}

/// `projectors check`: the log, the read models and ClickHouse, compared.
fn prove(installation: &Installation) -> Result<(), Failure> {
    heading("Proof: log = read models = ClickHouse");
    let mut command = Command::new(cargo::program("projectors")?);
    cargo::succeed(command.arg("check").envs(installation.settings()).env("RUST_LOG", "error"))
}

fn try_by_hand(
    installation: &Installation,
    stack: &Stack,
    key: &str,
    token: Option<&str>,
) -> Result<(), Failure> {
    let url = installation.http_url();
    heading("Try it by hand");
    say(&format!("  Swagger UI  {url}/docs"));
    for server in stack.servers() {
        say(&format!("  {:<10}  {}", server.kind().to_string(), server.address()?));
    }
    say(&format!("  logs        {}\n", installation.folder().display()));
    if let Some(token) = token {
        say("  # the top member's balance");
        say(&format!("  curl -s {url}/api/v1/loyalty/balance -H 'Authorization: Bearer {token}'\n"));
    }
    say("  # a purchase at the beauty salon; once more gives the same answer, replayed");
    say(&format!("  curl -s {url}/api/v1/transactions -H 'Authorization: ApiKey {key}' \\"));
    say("       -H 'Content-Type: application/json' \\");
    say(&format!(
        "       -d '{{\"external_id\": \"by-hand-1\", \"member\": {{\"phone\": \"{}\"}}, \"amount\": \"3000.00\", \"occurred_at\": \"'$(date -u +%FT%TZ)'\"}}'\n",
        people::SAMPLE_PHONE
    ));
    say("  # the signed head of the log");
    say(&format!(
        "  curl -s {url}/api/v1/audit/checkpoint -H 'Authorization: ApiKey {}'\n",
        installation.admin_key()
    ));
    say("  # every partner");
    say(&format!(
        "  curl -s {url}/api/v1/admin/businesses -H 'Authorization: ApiKey {}'\n",
        installation.admin_key()
    ));
    say("Ctrl-C ends everything.");
    Ok(())
}
