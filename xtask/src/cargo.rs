//! Runs cargo and the programs it builds.
//!
//! Queries are checked against the committed offline data everywhere: a DATABASE_URL that names a server for the stack
//! must not make the compiler ask it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::failure::Failure;

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    // Several checkouts may share one folder of artefacts, and this program with it: Cargo says which one it runs for.
    let ours = std::env::var_os("CARGO_MANIFEST_DIR");
    let ours = ours.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    ours.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// A command in the workspace's folder, without input.
pub(crate) fn command<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).stdin(Stdio::null()).env("SQLX_OFFLINE", "true");
    // What `cargo run` sets for this program is not meant for the ones it starts.
    for variable in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
        command.env_remove(variable);
    }
    command
}

/// Runs a command that must succeed.
pub(crate) fn run<A: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = A>,
) -> Result<(), Failure> {
    succeed(&mut command(program, arguments))
}

/// Runs a prepared command that must succeed.
pub(crate) fn succeed(command: &mut Command) -> Result<(), Failure> {
    let shown = shown(command);
    let status = command.status().map_err(Failure::at(&shown))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{shown}` failed ({status})"))) }
}

/// Runs a command that must succeed and takes its output.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>, Failure> {
    let shown = shown(command);
    let output = command.stderr(Stdio::inherit()).output().map_err(Failure::at(&shown))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Failure::new(format!("`{shown}` failed ({})", output.status)))
}

/// Makes what another checkout built into this folder of artefacts be built anew, where it is not a dependency.
///
/// Cargo takes such a build for its own when the sources are older than it, and a test then looks for its files in the other
/// checkout, which may be gone.
pub(crate) fn forget_other_checkouts() -> Result<(), Failure> {
    let (ours, note) = (root(), program("checkout")?);
    let whose = std::fs::read_to_string(&note).unwrap_or_default();
    if Path::new(&whose) == ours {
        return Ok(());
    }
    run("cargo", ["clean", "--quiet", "--locked", "--workspace"])?;
    let noted = std::fs::write(&note, ours.as_os_str().as_encoded_bytes());
    noted.map_err(Failure::at("noting whose artefacts these are"))
}

/// Builds in the dev profile.
pub(crate) fn build(what: &[&str]) -> Result<(), Failure> {
    run("cargo", ["build", "--quiet", "--locked"].iter().chain(what))
}

/// A program of this workspace's dev build: they lie where this one does.
pub(crate) fn program(name: &str) -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().map_err(Failure::at("finding this program"))?;
    Ok(own.with_file_name(name))
}

/// Runs a built program with the terminal's input and passes its exit code on.
pub(crate) fn exec(name: &str, arguments: &[OsString]) -> Result<ExitCode, Failure> {
    exec_at(&program(name)?, arguments)
}

/// The same of the release build.
pub(crate) fn exec_release(name: &str, arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let dev = program(name)?;
    let target = dev.parent().and_then(Path::parent);
    let target = target.ok_or_else(|| Failure::new("this program lies in no target folder"))?;
    exec_at(&target.join("release").join(name), arguments)
}

fn exec_at(program: &Path, arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let shown = program.display().to_string();
    let status = Command::new(program).args(arguments).status().map_err(Failure::at(&shown))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
