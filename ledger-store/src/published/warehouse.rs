//! How far ClickHouse is.

use std::time::Duration;

use clickhouse::Client;
use clickhouse::error::Error;
use ledger_core::ids::LogId;
use ledger_core::log::{LeafHash, Position};
use ledger_ops::settings::ClickHouse;

use crate::error::StoreError;
use crate::start::Witnessed;

/// How long ClickHouse may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// A client for the installation's database.
#[must_use]
pub fn client(settings: &ClickHouse) -> Client {
    let client =
        Client::default().with_url(&settings.url).with_user(&settings.user).with_database(&settings.database);
    match &settings.password {
        Some(password) => client.with_password(password.reveal()),
        None => client,
    }
}

/// Up to where ClickHouse was sent the log `log_id`, and what it saw there; nothing before the first time.
pub(super) async fn newest(settings: &ClickHouse, log_id: LogId) -> Result<Vec<Witnessed>, StoreError> {
    let client = client(settings);
    let question = format!(
        "SELECT to_position, lower(hex(leaf_hash)) FROM ingested_batches WHERE log_id = '{log_id}' \
         ORDER BY to_position DESC LIMIT 1"
    );
    let answer = client.query_raw(&question).fetch_all::<(Position, String)>();
    let answer = tokio::time::timeout(ANSWER, answer).await;
    let rows = match answer.unwrap_or(Err(Error::TimedOut)) {
        Err(Error::BadResponse(text))
            if text.contains("UNKNOWN_DATABASE") || text.contains("UNKNOWN_TABLE") =>
        {
            return Ok(Vec::new());
        }
        rows => rows?,
    };
    let by = format!("ClickHouse database {}", settings.database);
    let seen =
        |(position, hash)| Witnessed { by: by.clone(), position, leaf_hash: LeafHash::try_from(hash).ok() };
    Ok(rows.into_iter().map(seen).collect())
}
