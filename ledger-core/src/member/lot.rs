//! Lots of bonuses. Rules B5, B7, M2.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{LotId, NotASlug, Slug};
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

/// What one accrual gave from one funder. Rule B5.
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
