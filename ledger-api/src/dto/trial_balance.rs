//! The trial balance.

use ledger_core::money::Roubles;
use serde::Serialize;
use utoipa::ToSchema;

/// Every account of the chart, and the standing checks of the ledger.
#[derive(Serialize, ToSchema)]
pub(crate) struct TrialBalance {
    /// BON and RUB, never mixed.
    pub(crate) units: Vec<UnitBalance>,
    /// What is true at every moment, each with its two numbers.
    pub(crate) checks: Vec<StandingCheck>,
    /// Present and true when accounts and the numbers of checks are not shown, since there is a medical business. Never for auditors.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) withheld: bool,
}

/// The accounts of one unit.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnitBalance {
    /// BON (bonuses) or RUB.
    pub(crate) unit: String,
    /// By name.
    pub(crate) accounts: Vec<AccountBalance>,
    /// The sum of all balances: zero.
    #[schema(value_type = String)]
    pub(crate) total: Roubles,
}

/// An account with the sum of its postings.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountBalance {
    /// Its name in the chart; all members together are `member/available` and so on.
    pub(crate) account: String,
    /// Signed.
    #[schema(value_type = String)]
    pub(crate) balance: Roubles,
}

/// A standing check.
#[derive(Serialize, ToSchema)]
pub(crate) struct StandingCheck {
    /// Its name, as in metrics.
    pub(crate) check: String,
    /// What must be equal.
    pub(crate) says: String,
    /// The one number; null when it is withheld.
    #[schema(value_type = Option<String>)]
    pub(crate) left: Option<Roubles>,
    /// The other; null: withheld, or not decided now, since the read models it compares are at different positions.
    #[schema(value_type = Option<String>)]
    pub(crate) right: Option<Roubles>,
    /// Whether it holds; null: not decided now.
    pub(crate) ok: Option<bool>,
}
