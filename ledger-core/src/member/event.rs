//! Facts about one member. Variants are added, never changed or removed (design L6).
//!
//! Each holds every input of its decision (Rule P5) and no running total: totals are the fold's. Nothing here says who
//! the member is: names and phones live in the vault.

use serde::{Deserialize, Serialize};

use crate::category::{Category, Confidentiality};
use crate::ids::{BusinessId, EvidenceId, LotId, NaturalKey, PurchaseId, QuarantineId, Slug};
use crate::member::consent::{ConsentChannel, ConsentVersion, Purpose};
use crate::member::lot::{Funder, Lot};
use crate::member::status::Status;
use crate::money::{Bonuses, Roubles};
use crate::rate::{Multiplier, NewCategoryMultiplier, Rate};
use crate::time::{MoscowDay, Timestamp};

/// A fact on a member's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is documented on the struct it holds")]
pub enum MemberEvent {
    MemberRegistered(MemberRegistered),
    MembershipBackdated(MembershipBackdated),
    ConsentGranted(ConsentGranted),
    ConsentWithdrawn(ConsentWithdrawn),
    PurchaseRecorded(PurchaseRecorded),
    PurchaseQuarantined(PurchaseQuarantined),
    BonusAccrued(BonusAccrued),
    BonusMatured(BonusMatured),
    BonusExpired(BonusExpired),
    StatusChanged(StatusChanged),
    StatusDowngradeScheduled(StatusDowngradeScheduled),
    StatusDowngradeCancelled(StatusDowngradeCancelled),
}

/// A woman joined the programme; she is `insider` from here. Rule S6.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MemberRegistered {
    /// Since when she is a member (Rule T5 counts from here).
    pub registered_at: Timestamp,
}

/// An admin import said that she has been a member for longer. Rule T6.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MembershipBackdated {
    /// Since when she is a member; earlier than what the log said before.
    pub registered_at: Timestamp,
}

/// She consented to one purpose (`compliance.md` C2, C3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConsentGranted {
    /// What for.
    pub purpose: Purpose,
    /// Which text she saw.
    pub version: ConsentVersion,
    /// Which way she decided (C3).
    pub channel: ConsentChannel,
    /// The confirming code request that proves it, if there was one (C3).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evidence: Option<EvidenceId>,
}

/// She withdrew one consent (`compliance.md` C4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConsentWithdrawn {
    /// What for.
    pub purpose: Purpose,
    /// The text's version at the withdrawal.
    pub version: ConsentVersion,
    /// Which way she decided (C3).
    pub channel: ConsentChannel,
    /// The confirming code request that proves it, if there was one (C3).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evidence: Option<EvidenceId>,
}

/// How a purchase came to the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the HTTP contract")]
pub enum PurchaseSource {
    Manual,
    Api,
    Qr,
    Csv,
    Crm,
    Import,
}

/// She bought something at a business. Rules D1, T1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PurchaseRecorded {
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// Where.
    pub business_id: BusinessId,
    /// The business's short name, as accounts are named by it.
    pub business: Slug,
    /// The business's registered category. Rule S7.
    pub category: Category,
    /// Whether the visit is a medical secret. Rule S7.
    pub confidentiality: Confidentiality,
    /// The keyed natural key of the document. Rule D1.
    pub natural_key: NaturalKey,
    /// The revision of the document that was taken. Rule D2.
    pub revision: u32,
    /// The bill, before bonuses and coupons.
    pub amount: Roubles,
    /// How it came in.
    pub source: PurchaseSource,
}

/// Why a document waits for an admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum QuarantineReason {
    /// Older than a partner may report on its own. Rule T3.
    TooOld,
}

/// A purchase that an admin must apply or drop. Rule T3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PurchaseQuarantined {
    /// What the admin names it by.
    pub quarantine_id: QuarantineId,
    /// Why it waits.
    pub reason: QuarantineReason,
    /// The document as it would have been recorded.
    pub purchase: PurchaseRecorded,
}

/// Which rate paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RateRule {
    /// The rate of her status. Rule B1.
    Status,
    /// The rate of an active Premium subscription. Rules B1, S4.
    Premium,
}

/// At which moment a policy was looked up. Rule P1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PolicyMoment {
    /// When the business fact happened: recorded soon enough, or an import (Rule T6).
    OccurredAt,
    /// When the log took it.
    RecordedAt,
}

/// Every input of one accrual, and its result. Rules B1–B5, P5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AccrualInputs {
    /// Amount less bonuses redeemed less coupon discount.
    pub base: Roubles,
    /// Her status at the moment before this purchase, as shown (Rule S7).
    pub status: Status,
    /// Which rate paid.
    pub rate_rule: RateRule,
    /// The rate that paid.
    pub rate: Rate,
    /// The rate of her status alone: what the business funds. Rule B5.
    pub status_rate: Rate,
    /// The new-category multiplier applied; 1 when the category was not new. Rule B2.
    pub new_category: NewCategoryMultiplier,
    /// The business multiplier in force. Rule B3.
    pub business_multiplier: Multiplier,
    /// The policy.
    pub policy_version: u32,
    /// At which moment it was looked up. Rule P1.
    pub policy_moment: PolicyMoment,
    /// The revision of the rule code. Rule P5.
    pub rules_revision: u32,
}

/// Bonuses for a purchase: one lot per funder. Rules B4, B5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BonusAccrued {
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// Where it was.
    pub business_id: BusinessId,
    /// Whether the visit is a medical secret: then the movement is one too.
    pub confidentiality: Confidentiality,
    /// What decided the amount.
    pub inputs: AccrualInputs,
    /// The amount, rounded once. Rule B4.
    pub amount: Bonuses,
    /// The lots, business first; their amounts add up to `amount`. Empty for an amount of nothing.
    pub lots: Vec<Lot>,
}

/// A pending lot became available. Rule B5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BonusMatured {
    /// The lot.
    pub lot_id: LotId,
    /// The purchase it came from.
    pub purchase_id: PurchaseId,
    /// The business it was earned at.
    pub business_id: BusinessId,
    /// Whether that business's visits are a medical secret: then the movement is one too.
    pub confidentiality: Confidentiality,
    /// Who funds it.
    pub funder: Funder,
    /// What of it became available.
    pub amount: Bonuses,
}

/// In which of the member's accounts bonuses were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Holding {
    /// Not yet spendable. Rule B5.
    Pending,
    /// Spendable.
    Available,
}

/// Who gets the face value of an expired lot. Rule B8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExpiredTo {
    /// The lot's funder.
    Funder,
    /// The coalition's breakage.
    Coalition,
}

/// What was left of a lot passed its life. Rule B8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BonusExpired {
    /// The lot.
    pub lot_id: LotId,
    /// The purchase it came from.
    pub purchase_id: PurchaseId,
    /// The business it was earned at.
    pub business_id: BusinessId,
    /// Whether that business's visits are a medical secret.
    pub confidentiality: Confidentiality,
    /// Who funded it.
    pub funder: Funder,
    /// What was left.
    pub amount: Bonuses,
    /// Where it was.
    pub holding: Holding,
    /// Who gets its face value.
    pub expired_to: ExpiredTo,
}

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
