//! Lots of bonuses. Rules B5, B7, M2.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use uuid::Uuid;

use crate::category::Confidentiality;
use crate::ids::{BusinessId, GrantId, LotId, NotASlug, PurchaseId, Slug};
use crate::member::event::Holding;
use crate::money::Bonuses;
use crate::time::Timestamp;

/// Who owes the face value of a lot. Rules B5, M2. On the wire the business's slug, or `coalition`.
///
/// The order is that of spending: the business's lots before the coalition's (Rule B7).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String", extend("pattern" = r"^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$")))]
#[serde(try_from = "String", into = "String")]
pub enum Funder {
    /// A partner business.
    Business(Slug),
    /// The coalition itself.
    Coalition,
}

/// The coalition's name as a funder.
pub const COALITION: &str = "coalition";

impl Funder {
    /// The name in account names and on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Business(slug) => slug.as_str(),
            Self::Coalition => COALITION,
        }
    }
}

impl fmt::Display for Funder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Funder {
    type Err = NotASlug;

    fn from_str(text: &str) -> Result<Self, NotASlug> {
        if text == COALITION { Ok(Self::Coalition) } else { text.parse().map(Self::Business) }
    }
}

impl TryFrom<String> for Funder {
    type Error = NotASlug;

    fn try_from(text: String) -> Result<Self, NotASlug> {
        text.parse()
    }
}

impl From<Funder> for String {
    fn from(funder: Funder) -> Self {
        funder.as_str().to_owned()
    }
}

/// What a lot came from. Rules B5, B9, B10, C1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LotOrigin {
    /// A purchase.
    Purchase {
        /// Which.
        purchase_id: PurchaseId,
        /// Where it was.
        business_id: BusinessId,
        /// Whether the visit is a medical secret: then every movement of the lot is one too.
        confidentiality: Confidentiality,
    },
    /// The coupon that was used with a purchase. Rule C1.
    Coupon {
        /// Which purchase.
        purchase_id: PurchaseId,
        /// Where it was.
        business_id: BusinessId,
        /// Whether the visit is a medical secret.
        confidentiality: Confidentiality,
    },
    /// The step of a chain that a purchase followed from. Rule B9.
    CrossBonus {
        /// Which purchase.
        purchase_id: PurchaseId,
        /// Where it was.
        business_id: BusinessId,
        /// Whether it, or the one before, is a medical secret.
        confidentiality: Confidentiality,
    },
    /// A goodwill gift. Rule B10.
    Gift {
        /// Which.
        grant_id: GrantId,
    },
    /// A gift for a friend who joined.
    Referral {
        /// Which.
        grant_id: GrantId,
    },
    /// A manual adjustment upwards. Rule B10.
    Adjustment {
        /// Which.
        grant_id: GrantId,
    },
}

impl LotOrigin {
    /// The names of all kinds on the wire and in tables.
    pub const KINDS: [&'static str; 6] =
        ["purchase", "coupon", "cross_bonus", "gift", "referral", "adjustment"];

    /// The name of its kind on the wire and in tables, one of [`Self::KINDS`].
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Purchase { .. } => "purchase",
            Self::Coupon { .. } => "coupon",
            Self::CrossBonus { .. } => "cross_bonus",
            Self::Gift { .. } => "gift",
            Self::Referral { .. } => "referral",
            Self::Adjustment { .. } => "adjustment",
        }
    }

    /// The id of the purchase (of a coupon or a cross bonus, too), gift or adjustment.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        match self {
            Self::Purchase { purchase_id, .. }
            | Self::Coupon { purchase_id, .. }
            | Self::CrossBonus { purchase_id, .. } => purchase_id.as_uuid(),
            Self::Gift { grant_id } | Self::Referral { grant_id } | Self::Adjustment { grant_id } => {
                grant_id.as_uuid()
            }
        }
    }

    /// The purchase; `None` for what the coalition gave.
    #[must_use]
    pub const fn purchase_id(&self) -> Option<PurchaseId> {
        match self {
            Self::Purchase { purchase_id, .. }
            | Self::Coupon { purchase_id, .. }
            | Self::CrossBonus { purchase_id, .. } => Some(*purchase_id),
            Self::Gift { .. } | Self::Referral { .. } | Self::Adjustment { .. } => None,
        }
    }

    /// The business it was earned at; `None` for what the coalition gave.
    #[must_use]
    pub const fn business_id(&self) -> Option<BusinessId> {
        match self {
            Self::Purchase { business_id, .. }
            | Self::Coupon { business_id, .. }
            | Self::CrossBonus { business_id, .. } => Some(*business_id),
            Self::Gift { .. } | Self::Referral { .. } | Self::Adjustment { .. } => None,
        }
    }

    /// Whether its movements are a medical secret.
    #[must_use]
    pub const fn confidentiality(&self) -> Confidentiality {
        match self {
            Self::Purchase { confidentiality, .. }
            | Self::Coupon { confidentiality, .. }
            | Self::CrossBonus { confidentiality, .. } => *confidentiality,
            Self::Gift { .. } | Self::Referral { .. } | Self::Adjustment { .. } => Confidentiality::Ordinary,
        }
    }

    /// The origin that a table holds in these columns; `None` for columns that say nothing sensible.
    #[must_use]
    pub fn of_columns(kind: &str, id: Uuid, business: Option<Uuid>, medical: bool) -> Option<Self> {
        let grant_id = GrantId::from_uuid(id);
        let purchase_id = PurchaseId::from_uuid(id);
        let confidentiality = if medical { Confidentiality::Medical } else { Confidentiality::Ordinary };
        match (kind, business.map(BusinessId::from_uuid)) {
            ("purchase", Some(business_id)) => {
                Some(Self::Purchase { purchase_id, business_id, confidentiality })
            }
            ("coupon", Some(business_id)) => Some(Self::Coupon { purchase_id, business_id, confidentiality }),
            ("cross_bonus", Some(business_id)) => {
                Some(Self::CrossBonus { purchase_id, business_id, confidentiality })
            }
            ("gift", None) => Some(Self::Gift { grant_id }),
            ("referral", None) => Some(Self::Referral { grant_id }),
            ("adjustment", None) => Some(Self::Adjustment { grant_id }),
            _ => None,
        }
    }
}

/// What one accrual gave from one funder, or one gift. Rule B5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Lot {
    /// The lot.
    pub lot_id: LotId,
    /// Who funds it.
    pub funder: Funder,
    /// How much; above zero.
    pub amount: Bonuses,
    /// In which account it begins.
    pub opens: Holding,
    /// From when it is spendable.
    pub available_from: Timestamp,
    /// The last moment at which it is spendable.
    pub expires_at: Timestamp,
}

impl Lot {
    /// When it is spendable: from, until.
    #[must_use]
    pub const fn life(&self) -> (Timestamp, Timestamp) {
        (self.available_from, self.expires_at)
    }
}
