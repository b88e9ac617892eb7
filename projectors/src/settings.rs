//! The settings of this program. Read by `ledger_ops::settings`: file < environment (`OWN_CIRCLE__SECTION__KEY`).

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use ledger_ops::settings::{ClickHouse, Database, Kafka, Profile, Seal, load};
use serde::Deserialize;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::error::ProjectError;
use crate::relay::Topic;

/// The number of partitions when no Kafka is configured: the one the topic would get.
const PARTITIONS: i32 = 12;
/// How long a connection is waited for before the attempt counts as failed.
const CONNECT: Duration = Duration::from_secs(5);

/// What the projectors need to know.
#[derive(Debug, Clone, Deserialize)]
pub struct Settings {
    /// Which installation this is.
    #[serde(default)]
    pub profile: Profile,
    /// The log's database.
    pub ledger: Database,
    /// The read models' database.
    pub read: Database,
    /// Kafka; not needed with `--source log`.
    pub kafka: Option<Kafka>,
    /// ClickHouse; needed by `analytics` and `check`.
    pub clickhouse: Option<ClickHouse>,
    /// The seal's role and keys; needed by `seal` and `seal-key`.
    pub seal: Option<Seal>,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// [`ProjectError::Setup`] naming the key.
    pub fn read(file: Option<&Path>) -> Result<Self, ProjectError> {
        let settings: Self = load(file).map_err(|error| ProjectError::Setup(error.to_string()))?;
        if settings.kafka.as_ref().is_some_and(|kafka| !(1..=1_000).contains(&kafka.partitions)) {
            return Err(ProjectError::Setup("settings: kafka.partitions: must be from 1 to 1000".to_owned()));
        }
        Ok(settings)
    }

    /// The number of partitions of the topic, whether or not there is one.
    #[must_use]
    pub fn partitions(&self) -> i32 {
        self.kafka.as_ref().map_or(PARTITIONS, |kafka| kafka.partitions)
    }

    /// Kafka's section.
    ///
    /// # Errors
    /// [`ProjectError::Setup`] when it is missing.
    pub fn kafka(&self) -> Result<&Kafka, ProjectError> {
        self.kafka.as_ref().ok_or_else(|| {
            let text = "settings: kafka.brokers: is missing (OWN_CIRCLE__KAFKA__BROKERS=host:port); \
                        or follow the log itself with --source log";
            ProjectError::Setup(text.to_owned())
        })
    }

    /// ClickHouse's section.
    ///
    /// # Errors
    /// [`ProjectError::Setup`] when it is missing.
    pub fn clickhouse(&self) -> Result<&ClickHouse, ProjectError> {
        self.clickhouse.as_ref().ok_or_else(|| {
            let text = "settings: clickhouse.url: is missing (OWN_CIRCLE__CLICKHOUSE__URL=http://host:port)";
            ProjectError::Setup(text.to_owned())
        })
    }

    /// The seal's section: how it comes to the log, and where its keys lie.
    ///
    /// # Errors
    /// [`ProjectError::Setup`] when either is missing.
    pub fn seal(&self) -> Result<(Database, PathBuf), ProjectError> {
        let missing = |text: &str| ProjectError::Setup(format!("settings: seal.{text}"));
        let seal = self.seal.as_ref().ok_or_else(|| {
            missing("url: is missing (OWN_CIRCLE__SEAL__URL=postgres://…, with the seal's own role)")
        })?;
        let dir = match (&seal.dir, self.profile) {
            (Some(dir), _) => dir.clone(),
            (None, Profile::Dev) => PathBuf::from(".own-circle/seal"),
            (None, Profile::Production) => {
                return Err(missing("dir: must name the folder of the signing keys (OWN_CIRCLE__SEAL__DIR)"));
            }
        };
        Ok((Database { url: seal.url.clone(), connections: 4 }, dir))
    }

    /// The topic.
    ///
    /// # Errors
    /// As [`Settings::kafka`].
    pub fn topic(&self) -> Result<Topic, ProjectError> {
        let kafka = self.kafka()?;
        Ok(Topic::new(&kafka.brokers, &kafka.topic, kafka.partitions))
    }
}

/// A pool on `database`, named in errors as `key`. Tries once, so that a wrong address is said at the start.
///
/// # Errors
/// [`ProjectError::Setup`] naming the key when the address is none, or nothing answers there.
pub async fn pool(database: &Database, key: &str) -> Result<PgPool, ProjectError> {
    let options = PgConnectOptions::from_str(database.url.reveal())
        .map_err(|_| ProjectError::Setup(format!("settings: {key}.url: must be a postgres:// address")))?;
    let place = format!("{}:{}", options.get_host(), options.get_port());
    PgPoolOptions::new()
        .max_connections(database.connections.max(4))
        .acquire_timeout(CONNECT)
        .connect_with(options.application_name("projectors"))
        .await
        .map_err(|error| {
            ProjectError::Setup(format!("settings: {key}.url: {place} does not let us in: {error}"))
        })
}
