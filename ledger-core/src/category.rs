//! The nine categories of businesses and who may know of a visit.

use serde::{Deserialize, Serialize};

/// What a business does. The category of a purchase is the one its business is registered with (Rule S7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the categories of the product's own list")]
pub enum Category {
    BeautySalon,
    Cosmetology,
    Dentistry,
    Medicine,
    Gastronomy,
    Floristry,
    Optics,
    HomeTextile,
    Legal,
}

impl Category {
    /// All of them, in the order of the product's list.
    pub const ALL: [Self; 9] = [
        Self::BeautySalon,
        Self::Cosmetology,
        Self::Dentistry,
        Self::Medicine,
        Self::Gastronomy,
        Self::Floristry,
        Self::Optics,
        Self::HomeTextile,
        Self::Legal,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BeautySalon => "beauty_salon",
            Self::Cosmetology => "cosmetology",
            Self::Dentistry => "dentistry",
            Self::Medicine => "medicine",
            Self::Gastronomy => "gastronomy",
            Self::Floristry => "floristry",
            Self::Optics => "optics",
            Self::HomeTextile => "home_textile",
            Self::Legal => "legal",
        }
    }
}

/// Whether the fact of a purchase is an ordinary one or a medical secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Confidentiality {
    /// Like any shop.
    Ordinary,
    /// A visit is a secret: no description, its own consent, its own status track. Rule S7, `compliance.md` M1.
    Medical,
}

/// What leaves the service in place of a medical business's category.
pub const MEDICAL_SERVICE: &str = "medical_service";
