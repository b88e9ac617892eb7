//! What a member sees of herself.

use ledger_core::money::Bonuses;
use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Her profile.
#[derive(Serialize, ToSchema)]
pub(crate) struct Profile {
    /// Who she is.
    pub(crate) member_id: Uuid,
    /// Her phone in E.164.
    pub(crate) phone: String,
    /// Her first name.
    pub(crate) first_name: Option<String>,
    /// Her last name.
    pub(crate) last_name: Option<String>,
    /// Her e-mail address.
    pub(crate) email: Option<String>,
    /// `YYYY-MM-DD`.
    pub(crate) birth_date: Option<String>,
    /// Where she lives.
    pub(crate) city: Option<String>,
    /// Her status.
    #[schema(value_type = String)]
    pub(crate) status: &'static str,
    /// Since when she is a member.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) registered_at: Option<Timestamp>,
}

/// Another phone finds her.
#[derive(Serialize, ToSchema)]
pub(crate) struct PhoneChanged {
    /// The first moment at which bonuses can be spent again.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) spending_from: Timestamp,
    /// Present and true when an earlier request of the same key did this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// A code to show at the till.
#[derive(Serialize, ToSchema)]
pub(crate) struct Qr {
    /// The code.
    pub(crate) qr: String,
    /// Its last moment.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
}

/// Her bonuses at a moment. Rule B6.
#[derive(Serialize, ToSchema)]
pub(crate) struct Balance {
    /// available + held + pending.
    #[schema(value_type = String)]
    pub(crate) total: Bonuses,
    /// Spendable now.
    #[schema(value_type = String)]
    pub(crate) available: Bonuses,
    /// Earned, not yet spendable.
    #[schema(value_type = String)]
    pub(crate) pending: Bonuses,
    /// Reserved.
    #[schema(value_type = String)]
    pub(crate) held: Bonuses,
    /// Owed back.
    #[schema(value_type = String)]
    pub(crate) debt: Bonuses,
    /// What expires soon, earliest first.
    pub(crate) expiring_soon: Vec<Expiring>,
}

/// What expires at one moment.
#[derive(Serialize, ToSchema)]
pub(crate) struct Expiring {
    /// How much.
    #[schema(value_type = String)]
    pub(crate) amount: Bonuses,
    /// Its last moment.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
}

/// What moved her bonuses, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct History {
    /// The lines.
    pub(crate) items: Vec<HistoryLine>,
    /// For the next page.
    pub(crate) next_cursor: Option<String>,
    /// How many lines there are.
    pub(crate) total: i64,
}

/// One line of her history.
#[derive(Serialize, ToSchema)]
pub(crate) struct HistoryLine {
    /// The line.
    pub(crate) id: Uuid,
    /// earned, spent, expired, returned, revoked, adjusted or gift.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// How much, without a sign.
    #[schema(value_type = String)]
    pub(crate) amount: Bonuses,
    /// Where; null for a medical business.
    pub(crate) business_id: Option<Uuid>,
    /// Its name; null for a medical business.
    pub(crate) business_name: Option<String>,
    /// For a person.
    pub(crate) description: String,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) occurred_at: Timestamp,
    /// Her total after it.
    #[schema(value_type = String)]
    pub(crate) balance_after: Bonuses,
}

/// Her status and the way to the next. Rule S5.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusProgress {
    /// The status she has.
    #[schema(value_type = String)]
    pub(crate) current_status: &'static str,
    /// The next one; null at the top.
    #[schema(value_type = Option<String>)]
    pub(crate) next_status: Option<&'static str>,
    /// How far she is.
    pub(crate) progress: Progress,
    /// What her status gives.
    pub(crate) benefits: Vec<String>,
    /// The fall that waits for her, unless she recovers; null when none does. Rule S3.
    pub(crate) downgrade: Option<Downgrade>,
}

/// A fall that waits.
#[derive(Serialize, ToSchema)]
pub(crate) struct Downgrade {
    /// The Moscow day.
    pub(crate) on: chrono::NaiveDate,
    /// The status she would fall to.
    #[schema(value_type = String)]
    pub(crate) to: &'static str,
    /// What she must spend yet to keep her status.
    #[schema(value_type = String)]
    pub(crate) missing_spent: ledger_core::money::Roubles,
    /// In how many more categories.
    pub(crate) missing_categories: usize,
}

/// How far she is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Progress {
    /// Spent in the last 12 months.
    #[schema(value_type = String)]
    pub(crate) total_spent: ledger_core::money::Roubles,
    /// What the next status demands.
    #[schema(value_type = String)]
    pub(crate) total_spent_required: ledger_core::money::Roubles,
    /// Categories visited.
    pub(crate) categories_visited: usize,
    /// What the next status demands.
    pub(crate) categories_required: usize,
    /// Whole percent.
    pub(crate) percentage: u32,
}
