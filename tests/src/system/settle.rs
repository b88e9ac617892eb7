//! Waiting until everything that follows the log has caught up.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::Site;
use super::client::Answer;

/// How long everything may take to catch up after the last fault.
const SETTLE: Duration = Duration::from_secs(120);

impl Site {
    /// Waits until every read model, ClickHouse and every reactor has caught up; gives the end of the log.
    ///
    /// # Panics
    /// With what is behind after two minutes.
    pub async fn settle(&self) -> i64 {
        let deadline = Instant::now() + SETTLE;
        loop {
            let last = match self.try_settle().await {
                Ok(answer) if answer.status == 200 => {
                    return answer.body["data"]["position"].as_i64().expect("a position");
                }
                Ok(answer) => answer.text,
                Err(error) => error.to_string(),
            };
            assert!(Instant::now() < deadline, "not settled: {last}\n{}", self.logs());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn try_settle(&self) -> Result<Answer, reqwest::Error> {
        self.nobody().try_call("POST", "/dev/settle", &json!({})).await
    }

    /// Whether everything has caught up.
    pub async fn is_settled(&self) -> bool {
        self.try_settle().await.is_ok_and(|answer| answer.status == 200)
    }
}
