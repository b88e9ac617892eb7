//! What the log has published, asked from where it went. Design L9.
//!
//! A backup of the whole PostgreSQL server takes the read models back with the log, so they alone cannot tell: the topic
//! and ClickHouse are asked too. A server that is away keeps nobody from starting (design, Failure): it is asked again
//! until it has answered once. What was sealed is asked first: it lies beside the log.

mod read_models;
mod seal;
mod topic;
mod warehouse;

use std::time::Duration;

use ledger_core::ids::LogId;
use ledger_ops::settings::{ClickHouse, Kafka};
use sqlx::PgPool;

pub use topic::last_records;
pub use warehouse::client;

use crate::error::StoreError;
use crate::log;
use crate::start::{Witnessed, check_not_behind};

/// How long a server that is away is left alone.
const AGAIN: Duration = Duration::from_secs(1);

/// Where a log has gone, and who of that is still to be asked.
#[derive(Debug, Clone)]
pub struct Published {
    log: PgPool,
    places: Vec<Place>,
}

#[derive(Debug, Clone)]
enum Place {
    ReadModels(PgPool, Vec<&'static str>),
    Topic(Kafka),
    ClickHouse(ClickHouse),
}

impl Place {
    async fn witnesses(&self, log_id: LogId) -> Result<Vec<Witnessed>, StoreError> {
        match self {
            Self::ReadModels(read, names) => read_models::checkpoints(read, names).await,
            Self::Topic(kafka) => last_records(&kafka.brokers, &kafka.topic, log_id).await,
            Self::ClickHouse(settings) => warehouse::newest(settings, log_id).await,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::ReadModels(..) => "the read models".to_owned(),
            Self::Topic(kafka) => format!("topic {} at {}", kafka.topic, kafka.brokers),
            Self::ClickHouse(settings) => format!("ClickHouse at {}", settings.url),
        }
    }
}

impl Published {
    /// The log in the database of `log`, published nowhere yet.
    #[must_use]
    pub const fn nowhere(log: PgPool) -> Self {
        Self { log, places: Vec::new() }
    }

    /// And to the read models `names` in `read`.
    #[must_use]
    pub fn to_read_models(mut self, read: PgPool, names: impl IntoIterator<Item = &'static str>) -> Self {
        self.places.push(Place::ReadModels(read, names.into_iter().collect()));
        self
    }

    /// And to the topic, if there is one.
    #[must_use]
    pub fn to_topic(mut self, kafka: Option<&Kafka>) -> Self {
        self.places.extend(kafka.cloned().map(Place::Topic));
        self
    }

    /// And to ClickHouse, if there is one.
    #[must_use]
    pub fn to_clickhouse(mut self, settings: Option<&ClickHouse>) -> Self {
        self.places.extend(settings.cloned().map(Place::ClickHouse));
        self
    }

    /// Asks everyone, and holds the log against what was sealed of it; who is away is left for [`Published::watch`].
    ///
    /// # Errors
    /// [`StoreError::Refused`] when one of them has seen more than the log has, or something else; the failure of
    /// PostgreSQL.
    pub async fn ask(&mut self) -> Result<(), StoreError> {
        seal::check(&self.log).await?;
        for (place, error) in self.round().await? {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                error,
                "{place} does not say how far the log was published: going on, and asking again"
            );
        }
        Ok(())
    }

    /// Asks those who were away until they have answered; returns only when one of them refuses.
    pub async fn watch(mut self) -> StoreError {
        while !self.places.is_empty() {
            tokio::time::sleep(AGAIN).await;
            match self.round().await {
                Err(refused @ StoreError::Refused(_)) => return refused,
                Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "asking again"),
                Ok(away) if away.is_empty() => tracing::info!("the log is as far as it was published"),
                Ok(_) => {}
            }
        }
        std::future::pending().await
    }

    /// Asks everyone who has not answered; gives who is away, and why.
    async fn round(&mut self) -> Result<Vec<(String, StoreError)>, StoreError> {
        let log_id = log::log_id(&self.log).await?;
        let (mut left, mut away) = (Vec::new(), Vec::new());
        for place in &self.places {
            match place.witnesses(log_id).await {
                Ok(witnessed) => check_not_behind(&self.log, &witnessed).await?,
                Err(error @ (StoreError::Kafka(_) | StoreError::ClickHouse(_))) => {
                    away.push((place.name(), error));
                    left.push(place.clone());
                }
                Err(error) => return Err(error),
            }
        }
        self.places = left;
        Ok(away)
    }
}
