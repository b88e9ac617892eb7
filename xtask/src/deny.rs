//! `cargo deny`: licences, bans, sources and advisories by `deny.toml`.
//!
//! The pinned version is installed once into the cache outside the checkout when the tool is not there. The advisory database comes from the network: when it cannot be fetched, that part is
//! said to be unchecked; everything else is still checked.

use std::path::PathBuf;
use std::process::Stdio;

use crate::cargo;
use crate::doctor::{cache, find};
use crate::failure::Failure;
use crate::terminal::note;
use crate::test::Done;

const VERSION: &str = "0.20.2";

/// The step.
pub(crate) fn check() -> Result<Done, Failure> {
    let program = tool()?.display().to_string();
    cargo::run(&program, ["--log-level", "error", "check", "bans", "licenses", "sources"])?;
    let mut advisories = cargo::command(&program, ["--log-level", "error", "check", "advisories"]);
    let output = advisories.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    let output = output.map_err(Failure::at("cargo deny check advisories"))?;
    if output.status.success() {
        return Ok(Done::Passed);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains("failed to fetch advisory database") {
        return Ok(Done::PassedWithout("advisories: their database cannot be fetched from here".to_owned()));
    }
    note(said.trim_end());
    Err(Failure::new("`cargo deny check advisories` failed"))
}

/// The tool, installed first where it is missing.
fn tool() -> Result<PathBuf, Failure> {
    let root = cache().join("tools");
    let own = root.join("bin").join("cargo-deny");
    if let Some(found) = find("cargo-deny").or_else(|| own.is_file().then(|| own.clone())) {
        return Ok(found);
    }
    note(&format!("installing cargo-deny {VERSION} into {}", root.display()));
    let mut install = cargo::command("cargo", ["install", "--quiet", "--locked", "--version", VERSION]);
    install.args(["cargo-deny", "--root"]).arg(&root).env_remove("CARGO_TARGET_DIR");
    cargo::succeed(&mut install).map_err(|failure| {
        Failure::new(format!("{failure}; by hand: cargo install --locked cargo-deny@{VERSION}"))
    })?;
    Ok(own)
}
