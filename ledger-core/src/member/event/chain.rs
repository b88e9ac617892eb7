//! What chains did for her: steps triggered, purchases that followed, bonuses for them. Rules X3, X4, B9.

use serde::{Deserialize, Serialize};

use crate::category::Confidentiality;
use crate::ids::{BusinessId, ChainId, PurchaseId, ReasonId, Slug};
use crate::member::lot::{Funder, Lot, LotOrigin};
use crate::money::Bonuses;
use crate::rate::Rate;
use crate::time::Timestamp;

/// A step of a chain, and the purchase that triggered it. Rules X3, X6.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FromChain {
    /// The chain.
    pub chain_id: ChainId,
    /// Which version of it.
    pub version: u32,
    /// The step's place in it, from 0.
    pub step: u32,
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// When it was.
    pub bought_at: Timestamp,
    /// The last moment at which a purchase at the target follows from it. Rule X4.
    pub until: Timestamp,
    /// Where its coupon comes from: the business of the purchase, after those that the coupon came from which the purchase
    /// was made with, if it was.
    pub trail: Vec<BusinessId>,
    /// The vault's text that describes the coupon.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<ReasonId>,
    /// The vault's text that says what a gift is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gift: Option<ReasonId>,
}

/// A purchase at the target of a chain's step followed from a purchase that had triggered the step, with its coupon or without.
/// Rule X4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ChainConverted {
    /// The chain.
    pub chain_id: ChainId,
    /// Which version of it.
    pub version: u32,
    /// The step's place in it, from 0.
    pub step: u32,
    /// The purchase that triggered the step.
    pub trigger_id: PurchaseId,
    /// The purchase that follows.
    pub purchase_id: PurchaseId,
    /// When that was.
    pub bought_at: Timestamp,
    /// Where it was.
    pub business_id: BusinessId,
    /// Whether one of the two visits is a medical secret.
    pub confidentiality: Confidentiality,
    /// Whether the step gave nothing, so that it can be told what it brings.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub held_out: bool,
}

/// What a step brings her that gives no coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// Bonuses with the purchase at the target that follows. Rule B9.
    CrossBonus,
    /// Nothing: she is one of those without whom nobody could tell what the chain brings.
    HeldOut,
    /// Nothing, for a reason that may pass: decided once, whenever the log is read again. Rule X3.
    Nothing,
}

impl Promise {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::CrossBonus, Self::HeldOut, Self::Nothing];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CrossBonus => "cross_bonus",
            Self::HeldOut => "held_out",
            Self::Nothing => "nothing",
        }
    }
}

/// A purchase triggered a step of a chain that gives no coupon. Rule X3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ChainTriggered {
    /// The step, and the purchase.
    pub chain: Box<FromChain>,
    /// Where the step leads.
    pub business_id: BusinessId,
    /// Whether one of the two businesses is a medical secret.
    pub confidentiality: Confidentiality,
    /// What it brings her.
    pub promise: Promise,
}

/// What a purchase at the target of a step brought her of the chain: bonuses, or nothing. Rules B9, P5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CrossBonusAccrued {
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// Where it was.
    pub business_id: BusinessId,
    /// That business's short name.
    pub business: Slug,
    /// Whether that visit, or the one that triggered the step, is a medical secret.
    pub confidentiality: Confidentiality,
    /// The chain.
    pub chain_id: ChainId,
    /// Which version of it.
    pub version: u32,
    /// The step's place in it, from 0.
    pub step: u32,
    /// The purchase that triggered the step.
    pub trigger_id: PurchaseId,
    /// The revision of the document that adds this to what the first one brought. Rule D3.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revision: Option<u32>,
    /// Which part of the bill, net of refunds, it is in all.
    pub rate: Rate,
    /// What it is before refunds at most, whatever becomes of the bill: what was counted for it of the chain's budget. Rule X5.
    pub most: Bonuses,
    /// Who bears it.
    pub funded_by: Funder,
    /// The bonuses; none when it brought nothing, as was decided once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lot: Option<Lot>,
}

impl CrossBonusAccrued {
    /// The cross bonus of its purchase, as the origin of lots.
    #[must_use]
    pub const fn origin(&self) -> LotOrigin {
        let Self { purchase_id, business_id, confidentiality, .. } = *self;
        LotOrigin::CrossBonus { purchase_id, business_id, confidentiality }
    }
}
