//! Settings: defaults < file < environment (`OWN_CIRCLE__SECTION__KEY`), typed, checked at start.
//!
//! A bad value is one clear line that names the key. Secrets have no defaults and do not print.

use std::fmt;
use std::path::{Path, PathBuf};

use config::{Config, Environment, File};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A setting that cannot be: names the key and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file or the environment cannot be read, or a value does not fit its key.
    #[error("settings: {0}")]
    Unreadable(String),
    /// A value that fits its type and still cannot be.
    #[error("settings: {key}: {right}")]
    Wrong {
        /// The key, as `section.key`.
        key: &'static str,
        /// What would be right.
        right: String,
    },
}

/// Reads settings of the shape `T` from `file` (TOML, if given) and the environment.
///
/// # Errors
/// [`SettingsError::Unreadable`] naming the key or the file.
pub fn load<T: DeserializeOwned>(file: Option<&Path>) -> Result<T, SettingsError> {
    let mut builder = Config::builder();
    if let Some(path) = file {
        builder = builder.add_source(File::from(path));
    }
    let environment = Environment::with_prefix("OWN_CIRCLE").prefix_separator("__").separator("__");
    let unreadable = |error: config::ConfigError| SettingsError::Unreadable(one_line(&error));
    let read = builder.add_source(environment).build().map_err(unreadable)?;
    read.try_deserialize().map_err(unreadable)
}

/// An error in one line, with the names of the environment's variables as they are written.
fn one_line(error: &config::ConfigError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text that never shows itself.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The secret of this text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for the one call that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Which installation this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// A developer's or a test's: has `/dev` routes and a clock that can be set.
    Dev,
    /// Everything else.
    #[default]
    Production,
}

/// One database.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// A PostgreSQL address with the service's own role; holds a password, so it does not print.
    pub url: Secret,
    /// The largest number of connections.
    #[serde(default = "connections")]
    pub connections: u32,
}

const fn connections() -> u32 {
    8
}

/// Who seals the log. Design L8.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// The log's database, with the seal's own role; holds a password, so it does not print.
    pub url: Secret,
    /// The folder of the signing keys.
    #[serde(default)]
    pub dir: Option<PathBuf>,
}

/// Apache Kafka.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    /// `host:port`, several separated by commas.
    pub brokers: String,
    /// The topic of the log's events.
    #[serde(default = "topic")]
    pub topic: String,
    /// Its number of partitions; fixed once the topic exists.
    #[serde(default = "partitions")]
    pub partitions: i32,
}

fn topic() -> String {
    "ledger.events.v1".to_owned()
}

const fn partitions() -> i32 {
    12
}

/// ClickHouse.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClickHouse {
    /// The HTTP address.
    pub url: String,
    /// The database.
    #[serde(default = "clickhouse_database")]
    pub database: String,
    /// The user.
    #[serde(default = "clickhouse_user")]
    pub user: String,
    /// The user's password, if it has one.
    #[serde(default)]
    pub password: Option<Secret>,
}

fn clickhouse_database() -> String {
    "own_circle".to_owned()
}

fn clickhouse_user() -> String {
    "default".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
    }

    #[test]
    fn a_missing_setting_is_named_in_one_line() {
        #[derive(Debug, Deserialize)]
        struct Shape {
            #[expect(dead_code, reason = "only its absence matters")]
            no_such_section: Database,
        }
        let error = load::<Shape>(None).expect_err("missing").to_string();
        assert!(error.contains("no_such_section") && !error.contains('\n'), "{error}");
    }
}
