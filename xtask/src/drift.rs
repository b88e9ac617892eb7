//! What is generated and committed: JSON Schemas, the OpenAPI document, the offline data of SQL queries.
//!
//! Check mode regenerates beside the committed files and compares; nothing in the checkout changes.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use local_stack::{ServerKind, Stack, StackOptions};

use crate::cargo;
use crate::failure::Failure;
use crate::terminal::note;

/// The crates whose queries are checked at compile time.
const QUERYING: [&str; 4] = ["ledger-store", "pii-vault", "ledger-api", "projectors"];
const OPENAPI: &str = "schemas/openapi.json";

/// Write, or compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Write,
    Check,
}

impl Mode {
    pub(crate) fn of(check: bool) -> Self {
        if check { Self::Check } else { Self::Write }
    }
}

/// `schemas/`: the events' JSON Schemas by ledger-core, the OpenAPI document by ledger-api.
pub(crate) fn schemas(mode: Mode) -> Result<(), Failure> {
    let generator =
        ["run", "--quiet", "--locked", "--features", "ledger-core/schema", "--example", "schemas", "--"];
    let check: &[&str] = if mode == Mode::Check { &["--check"] } else { &[] };
    cargo::run("cargo", generator.iter().chain(check).chain(&["schemas"]))?;
    cargo::build(&["--bin", "ledger-api"])?;
    let program = cargo::program("ledger-api")?.display().to_string();
    let document = cargo::output(&mut cargo::command(&program, ["openapi"]))?;
    let path = cargo::root().join(OPENAPI);
    match mode {
        Mode::Write => fs::write(&path, document).map_err(Failure::at(OPENAPI)),
        Mode::Check if fs::read(&path).is_ok_and(|found| found == document) => Ok(()),
        Mode::Check => {
            Err(Failure::new(format!("{OPENAPI} is not what the code says: cargo xtask schemas writes it")))
        }
    }
}

/// `.sqlx`: every migration on an empty database of a temporary server, every querying crate checked against it.
pub(crate) fn queries(mode: Mode) -> Result<(), Failure> {
    cargo::build(&["--bin", "scratch-database"])?;
    let stack = Stack::start(&StackOptions::temporary().only([ServerKind::Postgres]))?;
    let scratch = cargo::program("scratch-database")?.display().to_string();
    let mut prepare = cargo::command(&scratch, ["migrations"]);
    let url = cargo::output(prepare.env("DATABASE_URL", stack.postgres().address()?))?;
    let url = String::from_utf8_lossy(&url).trim().to_owned();
    let fresh = stack.folder().join("sqlx");
    fs::create_dir_all(&fresh).map_err(Failure::at("making a folder for queries"))?;
    for package in QUERYING {
        // The macros run only in a crate that is compiled: an older date would leave it as it is.
        touch(&cargo::root().join(package).join("src"))?;
    }
    // The whole workspace, as clippy checks it: the same features, so dependencies are not compiled anew.
    let mut check = cargo::command("cargo", ["check", "--quiet", "--locked", "--workspace", "--all-targets"]);
    check.env("DATABASE_URL", &url).env("SQLX_OFFLINE", "false").env("SQLX_OFFLINE_DIR", &fresh);
    cargo::succeed(&mut check)?;
    let committed = cargo::root().join(".sqlx");
    let (wanted, found) = (files(&fresh)?, files(&committed)?);
    if wanted.is_empty() {
        return Err(Failure::new("no query was compiled, so nothing is known about them"));
    }
    if wanted == found {
        return Ok(());
    }
    match mode {
        Mode::Write => replace(&committed, &wanted),
        Mode::Check => {
            let differ = |name: &&String| wanted.get(*name) != found.get(*name);
            let names = wanted.keys().chain(found.keys().filter(|name| !wanted.contains_key(*name)));
            for name in names.filter(differ) {
                note(&format!(".sqlx/{name} differs"));
            }
            Err(Failure::new(".sqlx is not what code and migrations say: cargo xtask sqlx-prepare writes it"))
        }
    }
}

/// Dates the roots of a crate's library and program as of now; their content stays.
fn touch(sources: &Path) -> Result<(), Failure> {
    for name in ["lib.rs", "main.rs"] {
        let path = sources.join(name);
        if path.is_file() {
            let failed = || format!("dating {}", path.display());
            let file = File::options().append(true).open(&path).map_err(Failure::at(&failed()))?;
            let now = FileTimes::new().set_modified(SystemTime::now());
            file.set_times(now).map_err(Failure::at(&failed()))?;
        }
    }
    Ok(())
}

fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let failed = format!("reading {}", folder.display());
    let mut files = BTreeMap::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder).map_err(Failure::at(&failed))? {
        let path: PathBuf = entry.map_err(Failure::at(&failed))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with("query-") {
            files.insert(name, fs::read(&path).map_err(Failure::at(&failed))?);
        }
    }
    Ok(files)
}

fn replace(folder: &Path, wanted: &BTreeMap<String, Vec<u8>>) -> Result<(), Failure> {
    let failed = format!("writing {}", folder.display());
    fs::create_dir_all(folder).map_err(Failure::at(&failed))?;
    for name in files(folder)?.keys().filter(|name| !wanted.contains_key(*name)) {
        fs::remove_file(folder.join(name)).map_err(Failure::at(&failed))?;
    }
    for (name, content) in wanted {
        fs::write(folder.join(name), content).map_err(Failure::at(&failed))?;
    }
    Ok(())
}
