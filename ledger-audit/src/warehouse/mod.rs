//! The log against ClickHouse, up to the place that it has been sent. Design J6.
//!
//! | file | what |
//! |---|---|
//! | `address.rs` | where it is |
//! | `expected.rs` | what it is to hold of the log that was decided again |
//! | `compare.rs` | what it holds |
//!
//! What of the log ClickHouse may hear, and how it is asked, is `ledger_warehouse`'s, which `projectors check` uses, too; nothing here
//! writes. ClickHouse says itself up to where it is complete: a stretch of the log is entered there once all of its rows are. With
//! it goes the leaf hash of the stretch's last event, so one that follows another log is found.

mod address;
mod compare;
mod expected;

pub use expected::{Cut, Expected};

use std::time::{Duration, Instant};

use clickhouse::error::Error;
use ledger_core::ids::LogId;
use ledger_core::log::Position;
use ledger_warehouse::{Seen, seen};

use crate::database::block_on;
use crate::error::AuditError;
use address::Address;

/// How long ClickHouse may take to say up to where it is.
const FIRST_ANSWER_MAX: Duration = Duration::from_secs(10);
/// How long it may take for one question about all that it holds.
const ANSWER_MAX: Duration = Duration::from_secs(300);
/// How long a log that was just taken out is waited for: it is on its way there.
const CATCH_UP: Duration = Duration::from_secs(5);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(200);

/// A ClickHouse database, and up to where a log can be compared with it.
pub struct Warehouse {
    address: Address,
    head: Position,
    seen: Seen,
}

/// Whether there is something to compare with.
pub enum Reached {
    /// It is there.
    There(Warehouse),
    /// It is away, or holds nothing of this log; why.
    Not(String),
}

/// Looks for the log `log_id`, which ends at `head`, in the ClickHouse database at `address`.
///
/// # Errors
/// [`AuditError::Input`] for what is no address.
pub fn reach(address: &str, log_id: LogId, head: u64) -> Result<Reached, AuditError> {
    let address: Address = address.parse()?;
    let head = Position::try_from(head).unwrap_or(Position::MAX);
    let looked = block_on(async {
        let client = address.client();
        let until = Instant::now() + CATCH_UP;
        loop {
            let seen = within(FIRST_ANSWER_MAX, seen(&client, log_id, head)).await?;
            if seen.passed >= head || Instant::now() >= until {
                return Ok(seen);
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    Ok(match looked {
        Err(error) => Reached::Not(error.to_string()),
        Ok(seen) if seen.passed < 1 => {
            let besides = if seen.has_another { ": it follows another" } else { "" };
            Reached::Not(format!("ClickHouse has been sent nothing of this log{besides}"))
        }
        Ok(seen) => Reached::There(Warehouse { address, head, seen }),
    })
}

impl Warehouse {
    /// How much of the log is to be folded for the comparison.
    #[must_use]
    pub fn cut(&self) -> Cut {
        Cut { until: self.seen.passed.min(self.head), at: self.seen.at }
    }

    /// What keeps the rest of the log from being compared.
    #[must_use]
    pub fn behind(&self) -> Option<String> {
        let (passed, head) = (self.seen.passed, self.head);
        (passed < head).then(|| {
            format!(
                "ClickHouse has been sent the log up to position {passed}, and it ends at {head}: what lies between cannot be compared. \
                 Does `projectors analytics` run?"
            )
        })
    }
}

/// The answer to a question, if it comes in time.
async fn within<T>(limit: Duration, asked: impl Future<Output = Result<T, Error>>) -> Result<T, AuditError> {
    let hint = "Is it up, are address, user and database right, and may the user read it?";
    match tokio::time::timeout(limit, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            let said: String = error.to_string().chars().take(300).collect();
            Err(AuditError::Input(format!("ClickHouse does not answer: {said}. {hint}")))
        }
        Err(_) => {
            let seconds = limit.as_secs();
            Err(AuditError::Input(format!("ClickHouse does not answer within {seconds} s. {hint}")))
        }
    }
}
