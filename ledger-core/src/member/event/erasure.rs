//! A member is forgotten: what of it the log keeps is about nobody. `compliance.md` section 6.

use serde::{Deserialize, Serialize};

use crate::category::Confidentiality;
use crate::ids::{ActId, BusinessId, LotId, MemberId, PurchaseId, RefundId};
use crate::member::lot::Funder;
use crate::money::Bonuses;

/// On whose demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DemandedBy {
    /// Her own, in the app.
    Herself,
    /// An admin's, for a demand that came another way, or by law.
    Admin,
}

/// Why, as the law names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErasureGround {
    /// She withdrew her consent to the processing. Art. 21 part 5.
    ConsentWithdrawn,
    /// She demanded that the processing end. Art. 21 part 5.1.
    DemandToStop,
    /// What the data were for is reached. Art. 21 part 4.
    PurposeReached,
    /// The processing was unlawful. Art. 21 part 3.
    Unlawful,
    /// The data were shown to be illegally got, or needless. Art. 20 part 3.
    Needless,
}

impl ErasureGround {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::ConsentWithdrawn, Self::DemandToStop, Self::PurposeReached, Self::Unlawful, Self::Needless];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::DemandToStop => "demand_to_stop",
            Self::PurposeReached => "purpose_reached",
            Self::Unlawful => "unlawful",
            Self::Needless => "needless",
        }
    }
}

/// A category of personal data, as an act of destruction names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PersonalCategory {
    /// First and last name.
    Name,
    /// The phone, and what is derived from it to find her.
    Phone,
    /// The e-mail address.
    Email,
    /// The date of birth.
    BirthDate,
    /// The city.
    City,
    /// What was said about her in words: reasons, what a coupon is for; and the codes of coupons.
    Words,
    /// Sign-ins: confirming codes, sessions, messages.
    SignIns,
    /// The key that all of it was sealed with.
    DataKey,
}

impl PersonalCategory {
    /// All of them: an erasure destroys whatever there is.
    pub const ALL: [Self; 8] = [
        Self::Name,
        Self::Phone,
        Self::Email,
        Self::BirthDate,
        Self::City,
        Self::Words,
        Self::SignIns,
        Self::DataKey,
    ];
}

/// What she owed is owed no longer: whoever was to get it bears it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DebtWrittenOff {
    /// The refund that led to the debt.
    pub refund_id: RefundId,
    /// Of which purchase.
    pub purchase_id: PurchaseId,
    /// Where that was.
    pub business_id: BusinessId,
    /// Whether the visit is a medical secret.
    pub confidentiality: Confidentiality,
    /// The lot that could not give it.
    pub lot_id: LotId,
    /// Who bears it.
    pub creditor: Funder,
    /// How much.
    pub amount: Bonuses,
}

/// Whoever she was, nobody knows any more: what was known of her is destroyed. The last fact but for refunds of what she
/// bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MemberErased {
    /// The number of the act.
    pub act_id: ActId,
    /// On whose demand.
    pub demanded_by: DemandedBy,
    /// Why.
    pub ground: ErasureGround,
    /// What is destroyed.
    pub categories: Vec<PersonalCategory>,
    /// Accounts that were one with hers: they are forgotten with her.
    pub accounts: Vec<MemberId>,
}
