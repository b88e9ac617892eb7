//! What is given and taken by hand. Rule B10.
//!
//! Who did it stands beside the fact (design L5). Why is an admin's own text, which may name a person: it lives in the
//! vault, sealed with the member's key, and the fact names it.

use serde::{Deserialize, Serialize};

use crate::category::Confidentiality;
use crate::ids::{GrantId, LotId, ReasonId};
use crate::member::lot::{Funder, Lot, LotOrigin};
use crate::money::Bonuses;

/// What a gift is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum GiftKind {
    /// Goodwill of an admin. Rule B10.
    Goodwill,
    /// A friend joined.
    Referral,
}

/// She was given bonuses: a lot without a hold and with its own life, funded by the coalition. Rules B5, B10.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BonusGifted {
    /// The gift.
    pub grant_id: GrantId,
    /// What it is for.
    pub kind: GiftKind,
    /// The admin's reason, in the vault; none for a referral, which is its own reason.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason_id: Option<ReasonId>,
    /// The lot.
    pub lot: Lot,
}

impl BonusGifted {
    /// The origin of its lot.
    #[must_use]
    pub const fn origin(&self) -> LotOrigin {
        let grant_id = self.grant_id;
        match self.kind {
            GiftKind::Goodwill => LotOrigin::Gift { grant_id },
            GiftKind::Referral => LotOrigin::Referral { grant_id },
        }
    }
}

/// An admin corrected her bonuses upwards. Rule B10.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BonusAdjusted {
    /// The adjustment.
    pub grant_id: GrantId,
    /// The admin's reason, in the vault.
    pub reason_id: ReasonId,
    /// The lot.
    pub lot: Lot,
}

impl BonusAdjusted {
    /// The origin of its lot.
    #[must_use]
    pub const fn origin(&self) -> LotOrigin {
        LotOrigin::Adjustment { grant_id: self.grant_id }
    }
}

/// An admin corrected her bonuses downwards: what this took of one available lot. Rules B7, B10.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BonusWithdrawn {
    /// The adjustment; the same for all lots that it takes from.
    pub grant_id: GrantId,
    /// The admin's reason, in the vault.
    pub reason_id: ReasonId,
    /// The lot.
    pub lot_id: LotId,
    /// What the lot came from.
    pub origin: LotOrigin,
    /// Whether the lot's movements are a medical secret (design J6).
    pub confidentiality: Confidentiality,
    /// Who funded it, and gets its face value back.
    pub funder: Funder,
    /// What was taken of it.
    pub amount: Bonuses,
}
