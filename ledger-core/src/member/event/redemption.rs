//! Bonuses reserved for a purchase, and what became of them. Rules R.

use serde::{Deserialize, Serialize};

use crate::category::Confidentiality;
use crate::ids::{BusinessId, LotId, PurchaseId, RedemptionId, Slug};
use crate::log::Position;
use crate::member::lot::{Funder, LotOrigin};
use crate::money::{Bonuses, Roubles};
use crate::rate::Rate;
use crate::time::Timestamp;

/// What of one lot a fact moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LotPart {
    /// The lot.
    pub lot_id: LotId,
    /// What it came from.
    pub origin: LotOrigin,
    /// Whether the lot was earned, or bonuses of it were ever held or spent, where a visit is a medical secret: then
    /// what moves it is one too (design J6).
    pub confidentiality: Confidentiality,
    /// Who funds it.
    pub funder: Funder,
    /// How much; above zero.
    pub amount: Bonuses,
}

/// A part of a lot on its way to being spent, with what makes the lot anew should the part come back after the lot was
/// used up. Rule F4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HeldPart {
    /// What of which lot.
    pub part: LotPart,
    /// From when the lot is spendable.
    pub available_from: Timestamp,
    /// The last moment at which it is.
    pub expires_at: Timestamp,
    /// Where on the log the lot was opened: its place in the order of spending (Rule B7).
    pub opened_at: Position,
}

/// Bonuses were reserved for a purchase. Rules R1, R2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BonusesHeld {
    /// What the purchase names it by.
    pub redemption_id: RedemptionId,
    /// Where alone it can be captured.
    pub business_id: BusinessId,
    /// That business's short name.
    pub business: Slug,
    /// Whether a visit there is a medical secret.
    pub confidentiality: Confidentiality,
    /// The bill as it looked then.
    pub bill_amount: Roubles,
    /// The largest share of a bill that may be paid in bonuses there. Rule R2.
    pub max_share: Rate,
    /// What is reserved in all.
    pub amount: Bonuses,
    /// The first moment at which it no longer is.
    pub lapses_at: Timestamp,
    /// Out of which lots, in the order of spending (Rule B7).
    pub parts: Vec<HeldPart>,
}

/// Why what was left of a hold was released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HoldEnd {
    /// A purchase captured less than was held. Rule R3.
    Captured,
    /// The business called it off. Rule R1.
    Cancelled,
    /// Nobody captured it in time. Rule R1.
    Lapsed,
}

/// What was left of a hold went back to the lots it came from. Rules R1, R3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HoldReleased {
    /// Which hold.
    pub redemption_id: RedemptionId,
    /// Why.
    pub reason: HoldEnd,
    /// What went back.
    pub parts: Vec<LotPart>,
}

/// A purchase was paid partly in bonuses: it captured a hold. Rule R3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BonusesRedeemed {
    /// Which hold.
    pub redemption_id: RedemptionId,
    /// The purchase that was paid.
    pub purchase_id: PurchaseId,
    /// Where.
    pub business_id: BusinessId,
    /// That business's short name.
    pub business: Slug,
    /// Whether the visit is a medical secret.
    pub confidentiality: Confidentiality,
    /// The largest share of the bill that could be paid in bonuses. Rule R2.
    pub max_share: Rate,
    /// How much was paid.
    pub amount: Bonuses,
    /// Out of which lots, in the order of spending (Rule B7).
    pub parts: Vec<HeldPart>,
}
