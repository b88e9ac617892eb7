//! Reading the read models, and waiting for them. Design J7.
//!
//! A position is read before the rows, so the rows are at least of that position. "Passed N" for one member's rows is
//! the checkpoint of her partition alone; for everything else it is the least of all.

pub(crate) mod balances;
pub(crate) mod control;
pub(crate) mod coupons;
pub(crate) mod directory;
pub(crate) mod explain;
pub(crate) mod hindsight;
pub(crate) mod history;
pub(crate) mod journal;
pub(crate) mod offers;
pub(crate) mod promotion;
pub(crate) mod report;
pub(crate) mod requests;
pub(crate) mod sealed;
pub(crate) mod statuses;
pub(crate) mod warehouse;
pub(crate) mod win_win;

use std::time::Duration;

use ledger_core::ids::MemberId;
use ledger_core::log::{Position, partition_of};
use tokio::time::Instant;

use crate::app::App;
use crate::call::Call;
use crate::operations::Operation;
use crate::problem::ApiError;

/// How often a waiting read looks again.
const POLL: Duration = Duration::from_millis(15);

/// A read model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Model {
    /// Lots and balances.
    Balances,
    /// What moved bonuses.
    History,
    /// Statuses, consents, bills.
    Statuses,
    /// Purchases, quarantine, coupons.
    Directory,
    /// Postings.
    Journal,
    /// What ClickHouse has; of no partition alone.
    Analytics,
}

impl Model {
    /// Of one partition.
    const fn passed_one(self) -> &'static str {
        match self {
            Self::Balances => "SELECT COALESCE(min(passed), 0) FROM balances.checkpoint WHERE partition = $1",
            Self::History => "SELECT COALESCE(min(passed), 0) FROM history.checkpoint WHERE partition = $1",
            Self::Statuses => "SELECT COALESCE(min(passed), 0) FROM statuses.checkpoint WHERE partition = $1",
            Self::Directory => {
                "SELECT COALESCE(min(passed), 0) FROM directory.checkpoint WHERE partition = $1"
            }
            Self::Journal => "SELECT COALESCE(min(passed), 0) FROM journal.checkpoint WHERE partition = $1",
            Self::Analytics => self.passed_all(),
        }
    }

    /// Of all partitions.
    const fn passed_all(self) -> &'static str {
        match self {
            Self::Balances => "SELECT COALESCE(min(passed), 0) FROM balances.checkpoint",
            Self::History => "SELECT COALESCE(min(passed), 0) FROM history.checkpoint",
            Self::Statuses => "SELECT COALESCE(min(passed), 0) FROM statuses.checkpoint",
            Self::Directory => "SELECT COALESCE(min(passed), 0) FROM directory.checkpoint",
            Self::Journal => "SELECT COALESCE(min(passed), 0) FROM journal.checkpoint",
            Self::Analytics => {
                "SELECT COALESCE(min(passed), 0) FROM projectors.progress WHERE name = 'analytics'"
            }
        }
    }

    async fn passed(self, app: &App, member: Option<MemberId>) -> Result<Position, sqlx::Error> {
        match member {
            Some(member) => {
                let partition = partition_of(member.as_uuid(), app.partitions);
                sqlx::query_scalar(self.passed_one()).bind(partition).fetch_one(&app.read_pool).await
            }
            None => sqlx::query_scalar(self.passed_all()).fetch_one(&app.read_pool).await,
        }
    }
}

/// The position that `model` has passed for this caller; waits for the one she asks for.
///
/// # Errors
/// [`ApiError::ReadModelBehind`] when it does not pass in time.
pub(crate) async fn wait(call: &Call, model: Model, member: Option<MemberId>) -> Result<Position, ApiError> {
    wait_for(call, model, member, min_position(call)?).await
}

/// The position that `model` has passed, once it has passed `wanted`.
///
/// # Errors
/// [`ApiError::ReadModelBehind`] when it does not pass in time.
pub(crate) async fn wait_for(
    call: &Call,
    model: Model,
    member: Option<MemberId>,
    wanted: Position,
) -> Result<Position, ApiError> {
    let deadline = Instant::now() + call.app.read_wait;
    loop {
        let passed = model.passed(&call.app, member).await?;
        if passed >= wanted {
            return Ok(passed);
        }
        if Instant::now() >= deadline {
            return Err(ApiError::ReadModelBehind);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until `model` has passed everything that is on the log now: for a command that asks it what the command is about.
///
/// # Errors
/// [`ApiError::ReadModelBehind`] when it does not pass in time.
pub(crate) async fn catch_up(call: &Call, model: Model) -> Result<(), ApiError> {
    call.app.ledger.refresh().await;
    wait_for(call, model, None, call.app.ledger.head()).await.map(|_| ())
}

/// The position of the registry in memory, with what other processes appended folded in.
///
/// # Errors
/// [`ApiError::ReadModelBehind`] for a position the log has not reached.
pub(crate) async fn registry(call: &Call) -> Result<Position, ApiError> {
    let wanted = min_position(call)?;
    call.app.ledger.refresh().await;
    let head = call.app.ledger.head();
    if head >= wanted { Ok(head) } else { Err(ApiError::ReadModelBehind) }
}

/// Whether a call reads what may be behind the log, and so takes `X-Min-Position`. A test asks each call.
pub(crate) const fn takes_min_position(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::OwnProfile
            | Operation::OwnConsents
            | Operation::Balance
            | Operation::History
            | Operation::Explanation
            | Operation::StatusProgress
            | Operation::OwnCoupons
            | Operation::OneCoupon
            | Operation::Purchases
            | Operation::OnePurchase
            | Operation::Businesses
            | Operation::OneBusiness
            | Operation::Policies
            | Operation::Quarantine
            | Operation::TrialBalance
            | Operation::Chains
            | Operation::OneChain
            | Operation::Offers
            | Operation::OneOffer
            | Operation::OfferReach
            | Operation::OfferStats
            | Operation::OfferHistory
            | Operation::ChainStats
            | Operation::WinWin
            | Operation::FrequentPaths
            | Operation::Recommendations
            | Operation::Checkpoint
            | Operation::TransactionReceipt
            | Operation::OwnRequests
            | Operation::SubjectRequests
            | Operation::OwnReport
            | Operation::OwnReportPage
            | Operation::MemberReport
            | Operation::MemberReportPage
    )
}

/// The position that a caller wants her data to have passed; 0 when she does not say.
///
/// # Errors
/// [`ApiError::Validation`] for what is none.
pub(crate) fn min_position(call: &Call) -> Result<Position, ApiError> {
    let Some(value) = call.http.headers().get("X-Min-Position") else { return Ok(0) };
    let text = value.to_str().unwrap_or_default();
    let plain = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let wrong = || ApiError::field("X-Min-Position", "must be a position of the log");
    if plain { text.parse().map_err(|_| wrong()) } else { Err(wrong()) }
}
