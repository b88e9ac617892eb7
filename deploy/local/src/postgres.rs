//! PostgreSQL: its data folder, its settings, its superuser.
//!
//! Durability is never traded for speed: `fsync`, `synchronous_commit` and `full_page_writes` are on, as design L9
//! demands of every installation. Connections need a password even on loopback, because a superuser of PostgreSQL
//! can run programs. How the server can be started by root is in `account`.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::account::{self, Account};
use crate::port::Port;
use crate::probe::Probe;
use crate::server::Plan;
use crate::stack::Site;
use crate::watched::{Launch, OnOwnerDeath};
use crate::{ServerKind, StackError, random};

const SETTINGS: [(&str, &str); 16] = [
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    ("max_connections", "300"),
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("max_wal_size", "4GB"),
    ("checkpoint_completion_target", "0.9"),
    ("wal_buffers", "16MB"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("log_min_messages", "warning"),
    ("log_checkpoints", "off"),
    ("log_line_prefix", "%m [%p] "),
    // A failing statement may hold personal data; the log must not (its error text names the constraint).
    ("log_min_error_statement", "panic"),
    ("log_error_verbosity", "terse"),
];

pub(crate) fn plan(site: &Site<'_>) -> Result<Plan, StackError> {
    let account = Account::instead_of_root()?;
    let program = account::reachable_program(&site.cache.server(ServerKind::Postgres)?, account)?;
    let folder = account::reachable_folder(&site.folder.join("postgres"), account)?;
    let password = superuser_password(&site.folder.join("postgres.password"))?;
    let data = folder.join("data");
    if !data.is_dir() {
        initialise(&program, &folder, account, &password)?;
    }
    let port = Port::reserve()?;
    let number = port.number();
    let mut command = vec![program.join("bin/postgres").into_os_string(), "-D".into(), data.into_os_string()];
    let settings = SETTINGS.iter().map(|(name, value)| format!("{name}={value}"));
    let chosen =
        [format!("port={number}"), format!("shared_buffers={}MB", site.options.postgres_shared_buffers_mb)];
    for setting in settings.chain(chosen) {
        command.extend(["-c".into(), setting.into()]);
    }
    Ok(Plan {
        kind: ServerKind::Postgres,
        launch: Launch {
            name: "PostgreSQL".to_owned(),
            command,
            environment: [("LC_ALL".to_owned(), "C".into())].into(),
            folder,
            log: site.folder.join("postgres.log"),
            account,
            on_owner_death: OnOwnerDeath::Quit,
        },
        probe: Probe::Postgres(number),
        address: format!("postgres://postgres:{password}@127.0.0.1:{number}/postgres"),
        // Fast shutdown: clients are disconnected, what is committed is checkpointed.
        stop_signal: Signal::INT,
        ready_limit: site.options.ready_limit,
        _ports: vec![port],
    })
}

/// Creates the data folder under another name and renames it, so that an interrupted attempt is not taken for one.
fn initialise(
    program: &Path,
    folder: &Path,
    account: Option<Account>,
    password: &str,
) -> Result<(), StackError> {
    let partial = folder.join("data.partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(StackError::io(format!("removing {}", partial.display())))?;
    }
    let secret = folder.join("initdb.password");
    write_private(&secret, password)?;
    if let Some(account) = account {
        account.own(&secret)?;
    }
    let mut initdb = Command::new(program.join("bin/initdb"));
    initdb.args([
        "--username=postgres",
        "--auth=password",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-instructions",
    ]);
    // Nothing is in it yet that a power cut could lose: the server's own checkpoints sync what comes.
    initdb.arg("--no-sync").arg("--pwfile").arg(&secret).arg("--pgdata").arg(&partial);
    initdb.current_dir(folder).stdin(Stdio::null());
    if let Some(account) = account {
        account.apply(&mut initdb);
    }
    let output = initdb.output().map_err(StackError::io("running initdb"))?;
    fs::remove_file(&secret).map_err(StackError::io(format!("removing {}", secret.display())))?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        return Err(StackError::Ended { name: "initdb".to_owned(), status: output.status.to_string(), log });
    }
    fs::rename(&partial, folder.join("data"))
        .map_err(StackError::io(format!("renaming {}", partial.display())))
}

fn superuser_password(path: &Path) -> Result<String, StackError> {
    match fs::read_to_string(path) {
        Ok(password) => Ok(password),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let password = random::token()?;
            write_private(path, &password)?;
            Ok(password)
        }
        Err(source) => Err(StackError::Io { doing: format!("reading {}", path.display()), source }),
    }
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), StackError> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(StackError::io(format!("writing {}", path.display())))
}
