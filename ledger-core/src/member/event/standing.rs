//! Her status. Rules S.

use serde::{Deserialize, Serialize};

use crate::member::status::Status;
use crate::money::Roubles;
use crate::time::MoscowDay;

/// Which of the two statuses a fact is about. Rule S7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Track {
    /// The status computed as if purchases at medical businesses had not happened.
    Ordinary,
    /// The status with them.
    WithMedical,
    /// Both at once.
    Both,
}

/// Why a status changed. Rule S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StatusReason {
    /// She meets the conditions of a higher status.
    Reached,
    /// The grace after a scheduled downgrade is over and she has not recovered.
    GraceEnded,
    /// She no longer meets the conditions and the policy grants no grace.
    NoGrace,
}

/// Her status changed. Rule S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StatusChanged {
    /// Which status.
    pub track: Track,
    /// Before.
    pub from: Status,
    /// After.
    pub to: Status,
    /// Why.
    pub reason: StatusReason,
    /// Spent in the window of Rule S1.
    pub spent_12m: Roubles,
    /// Categories visited in it.
    pub categories_12m: u32,
    /// The policy that decided.
    pub policy_version: u32,
}

/// She no longer meets the conditions of her status and will fall on a day unless she recovers. Rule S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StatusDowngradeScheduled {
    /// Which status.
    pub track: Track,
    /// The status she has and keeps until that day.
    pub from: Status,
    /// What she would fall to as things are.
    pub to: Status,
    /// The Moscow day of the fall.
    pub on: MoscowDay,
    /// Spent in the window of Rule S1.
    pub spent_12m: Roubles,
    /// Categories visited in it.
    pub categories_12m: u32,
    /// What she would have to spend more to keep it.
    pub missing_spend: Roubles,
    /// How many more categories she would have to visit to keep it.
    pub missing_categories: u32,
    /// The policy that decided.
    pub policy_version: u32,
}

/// She meets the conditions again before the day of a scheduled downgrade. Rule S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StatusDowngradeCancelled {
    /// Which status.
    pub track: Track,
    /// The status she keeps.
    pub status: Status,
    /// Spent in the window of Rule S1.
    pub spent_12m: Roubles,
    /// Categories visited in it.
    pub categories_12m: u32,
    /// The policy that decided.
    pub policy_version: u32,
}
