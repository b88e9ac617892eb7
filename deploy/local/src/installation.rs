//! One installation of the product on a stack: its settings, its secrets, its processes.
//!
//! Several installations share a stack by name: databases, Kafka topic and ClickHouse database carry it. Passwords
//! and the admin key are random, kept in `installation.json` (readable by its owner alone) in the installation's
//! folder, and stay the same when the stack is started again on the same data.
//!
//! The URLs of the three databases name a login role each (`<name>_ledger_service` …) with its password; who seals the
//! log has one of its own in the log's database. Whoever
//! migrates gets the superuser's URL in `OWN_CIRCLE__ADMIN__URL` and creates databases and roles from those URLs; no
//! other process gets it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::port::Port;
use crate::postgres::write_private;
use crate::process::{Process, ProcessOptions};
use crate::{ServerKind, Stack, StackError, random};

const NAME_CHARACTERS_MAX: usize = 40;
const MIGRATE_LIMIT: Duration = Duration::from_secs(120);

/// What must be the same every time.
#[derive(Debug, Serialize, Deserialize)]
struct Secrets {
    ledger_password: String,
    read_password: String,
    vault_password: String,
    admin_key: String,
    /// Installations made before there was a seal get one when they are started again.
    #[serde(default)]
    seal_password: String,
}

/// A named installation. Drop its processes before the stack.
#[derive(Debug)]
pub struct Installation {
    folder: PathBuf,
    settings: BTreeMap<String, String>,
    admin_url: String,
    admin_key: String,
    port: Port,
}

impl Installation {
    /// Prepares an installation on a stack that has at least PostgreSQL; of Kafka and ClickHouse it gets settings if
    /// the stack has them.
    ///
    /// # Errors
    /// `BadName`, `NotStarted`, `BadAddress` for an unusable `DATABASE_URL`, or a file system error.
    pub fn new(stack: &Stack, name: &str) -> Result<Self, StackError> {
        if !is_name(name) {
            return Err(StackError::BadName(name.to_owned()));
        }
        let folder = stack.folder().join("installations").join(name);
        let secrets_folder = folder.join("secrets");
        let creating = format!("creating {}", secrets_folder.display());
        fs::create_dir_all(&secrets_folder).map_err(StackError::io(creating))?;
        let secrets = Secrets::load_or_make(&folder.join("installation.json"))?;
        let admin_url = stack.postgres().address()?.to_owned();
        let server = PostgresServer::parse(&admin_url)?;
        let port = Port::reserve()?;
        let mut settings = BTreeMap::new();
        let mut set = |key: &str, value: String| settings.insert(format!("OWN_CIRCLE__{key}"), value);
        set("PROFILE", "dev".to_owned());
        let parts = [
            ("LEDGER", "ledger", &secrets.ledger_password),
            ("READ", "read", &secrets.read_password),
            ("VAULT", "vault", &secrets.vault_password),
        ];
        for (section, part, password) in parts {
            let database = format!("{name}_{part}");
            set(&format!("{section}__URL"), server.url(&format!("{database}_service"), password, &database));
        }
        let ledger = format!("{name}_ledger");
        set("SEAL__URL", server.url(&format!("{name}_seal_service"), &secrets.seal_password, &ledger));
        set("SEAL__DIR", folder.join("seal").display().to_string());
        if let Ok(brokers) = stack.kafka().address() {
            set("KAFKA__BROKERS", brokers.to_owned());
            set("KAFKA__TOPIC", format!("{name}.ledger.events.v1"));
        }
        if let Ok(url) = stack.clickhouse().address() {
            set("CLICKHOUSE__URL", url.to_owned());
            set("CLICKHOUSE__DATABASE", name.to_owned());
        }
        set("SECRETS__DIR", secrets_folder.display().to_string());
        set("DEV__ADMIN_KEY", secrets.admin_key.clone());
        set("HTTP__LISTEN", format!("127.0.0.1:{}", port.number()));
        Ok(Self { folder, settings, admin_url, admin_key: secrets.admin_key, port })
    }

    /// The variables every process of this installation gets. The superuser's URL is not among them.
    #[must_use]
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// The superuser's URL on the same PostgreSQL server: `OWN_CIRCLE__ADMIN__URL` of `migrate`.
    #[must_use]
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// The API key of the development superadmin.
    #[must_use]
    pub fn admin_key(&self) -> &str {
        &self.admin_key
    }

    /// Where `ledger-api` answers: `http://127.0.0.1:<port>`, without a slash at the end.
    #[must_use]
    pub fn http_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number())
    }

    /// The installation's folder: secrets, and a log file per process.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Changes a setting for every process started from now on.
    pub fn set(&mut self, variable: &str, value: &str) {
        self.settings.insert(variable.to_owned(), value.to_owned());
    }

    /// Starts one of our programs with this installation's settings. It is not waited for.
    ///
    /// # Errors
    /// `MissingBinary`, or `Io` if it cannot be started.
    pub fn start(&self, options: ProcessOptions) -> Result<Process, StackError> {
        Process::start(options, &self.settings, &self.folder)
    }

    /// Runs `ledger-api migrate`, which creates databases, roles and tables, or brings them up to date.
    ///
    /// # Errors
    /// `MissingBinary`; `Ended` with the end of its log if it fails; `NotReady` if it takes longer than two minutes.
    pub fn migrate(&self) -> Result<(), StackError> {
        let options = ProcessOptions::new("migrate", "ledger-api", ["migrate"]);
        let mut process = self.start(options.with("OWN_CIRCLE__ADMIN__URL", &self.admin_url))?;
        process.wait_for_success(MIGRATE_LIMIT)
    }
}

impl Secrets {
    fn load_or_make(path: &Path) -> Result<Self, StackError> {
        let unreadable = |error: serde_json::Error| StackError::Io {
            doing: format!("reading {} (delete it to get new passwords)", path.display()),
            source: error.into(),
        };
        match fs::read(path) {
            Ok(text) => {
                let mut found: Self = serde_json::from_slice(&text).map_err(unreadable)?;
                if found.seal_password.is_empty() {
                    found.seal_password = random::token()?;
                    write_private(path, &serde_json::to_string_pretty(&found).map_err(unreadable)?)?;
                }
                Ok(found)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let made = Self {
                    ledger_password: random::token()?,
                    read_password: random::token()?,
                    vault_password: random::token()?,
                    admin_key: random::token()?,
                    seal_password: random::token()?,
                };
                write_private(path, &serde_json::to_string_pretty(&made).map_err(unreadable)?)?;
                Ok(made)
            }
            Err(source) => Err(StackError::Io { doing: format!("reading {}", path.display()), source }),
        }
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() <= NAME_CHARACTERS_MAX
        && name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && name.bytes().all(allowed)
}

/// Host, port and options of a PostgreSQL URL, without account and database.
struct PostgresServer {
    host_and_port: String,
    query: String,
}

impl PostgresServer {
    fn parse(url: &str) -> Result<Self, StackError> {
        let bad = |problem| StackError::BadAddress { variable: ServerKind::Postgres.variable(), problem };
        let rest = ["postgres://", "postgresql://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        let rest = rest.ok_or_else(|| bad("it must begin with postgres:// or postgresql://"))?;
        let (place, query) = rest.split_once('?').map_or((rest, ""), |(place, query)| (place, query));
        let authority = place.split_once('/').map_or(place, |(authority, _)| authority);
        let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        if host_and_port.is_empty() {
            return Err(bad("it names no host; right is postgres://user:password@host:port/database"));
        }
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        Ok(Self { host_and_port: host_and_port.to_owned(), query })
    }

    fn url(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@{}/{database}{}", self.host_and_port, self.query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_and_database_are_exchanged_and_the_rest_of_the_url_stays() {
        let server =
            PostgresServer::parse("postgresql://admin:p%40ss@db.example:6432/postgres?sslmode=require")
                .unwrap();
        assert_eq!(server.url("u", "p", "d"), "postgres://u:p@db.example:6432/d?sslmode=require");
        let bare = PostgresServer::parse("postgres://127.0.0.1:5432").unwrap();
        assert_eq!(bare.url("u", "p", "d"), "postgres://u:p@127.0.0.1:5432/d");
    }

    #[test]
    fn an_unusable_address_is_refused_without_repeating_it() {
        for url in ["mysql://admin:secret@host/db", "postgres://admin:secret@/db"] {
            let refused = PostgresServer::parse(url).err().unwrap().to_string();
            assert!(refused.contains("DATABASE_URL") && !refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn names_are_what_databases_topics_and_folders_allow() {
        assert!(is_name("own_circle") && is_name("t1"));
        for bad in ["", "1st", "_x", "Own", "a-b", "a/b", "кот", &"a".repeat(41)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
