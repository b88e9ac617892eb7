//! Consents: given at registration, changed later.

use ledger_core::member::consent::{self, ConsentChoice, ConsentVersion, Purpose};
use ledger_core::member::consent_text::ConsentText;
use serde::Serialize;
use utoipa::ToSchema;

use super::objects;
use super::values::Version;
use crate::json::{self, FieldErrors, Fields, Json};

/// More than every purpose there is in a coalition of hundreds of businesses.
const CONSENTS_MAX: usize = 500;

/// A consent that is given.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsentGrant {
    /// What for.
    #[schema(value_type = String, example = "personal_data")]
    purpose: Purpose,
    /// The version of the text she saw.
    #[schema(value_type = Version)]
    version: ConsentVersion,
}

impl ConsentGrant {
    /// A list of them.
    pub(crate) fn list(json: Json<'_>, path: &str, errors: &mut FieldErrors) -> Option<Vec<Self>> {
        objects(json, path, CONSENTS_MAX, errors, |fields| {
            let purpose = fields.required("purpose", json::parsed);
            let version = fields.required("version", version);
            Some(Self { purpose: purpose?, version: version? })
        })
    }

    /// The consent a member cannot do without, when nothing else is said.
    pub(crate) fn personal_data() -> Option<Self> {
        Some(Self { purpose: Purpose::PersonalData, version: "1".parse().ok()? })
    }

    /// As the domain has it.
    pub(crate) fn into_change(self) -> consent::ConsentChange {
        consent::ConsentChange::on_its_text(self.purpose, ConsentChoice::Granted, self.version)
    }
}

/// A consent given or withdrawn.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsentChange {
    /// What for.
    #[schema(value_type = String)]
    purpose: Purpose,
    /// Given, or withdrawn.
    granted: bool,
    /// The version of the text she saw.
    #[schema(value_type = Version)]
    version: ConsentVersion,
}

impl ConsentChange {
    /// A list of them, the body itself.
    pub(crate) fn list(json: Json<'_>, errors: &mut FieldErrors) -> Option<Vec<Self>> {
        objects(json, "body", CONSENTS_MAX, errors, |fields: &mut Fields<'_, '_>| {
            let purpose = fields.required("purpose", json::parsed);
            let granted = fields.required("granted", json::flag);
            let version = fields.required("version", version);
            Some(Self { purpose: purpose?, granted: granted?, version: version? })
        })
    }

    /// As the domain has it.
    pub(crate) fn into_change(self) -> consent::ConsentChange {
        let choice = if self.granted { ConsentChoice::Granted } else { ConsentChoice::Withdrawn };
        consent::ConsentChange::on_its_text(self.purpose, choice, self.version)
    }
}

/// A version, as a text or as a whole number's digits.
fn version(json: Json<'_>) -> Result<ConsentVersion, String> {
    match json {
        Json::Number(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().map_err(|error: consent::NotAConsentVersion| error.to_string())
        }
        other => json::parsed(other),
    }
}

/// The words of a consent.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConsentWords {
    /// What it is a consent to.
    purpose: String,
    /// The version, to be sent with the consent.
    version: String,
    /// The words, to be shown as they are.
    text: String,
    /// SHA-256 of the words in UTF-8, 64 hexadecimal digits: what the log keeps of them.
    text_hash: String,
}

impl From<ConsentText> for ConsentWords {
    fn from(text: ConsentText) -> Self {
        Self {
            purpose: text.purpose.to_string(),
            version: text.version,
            text: text.text,
            text_hash: text.hash.to_string(),
        }
    }
}

/// A member's consents.
#[derive(Serialize, ToSchema)]
pub(crate) struct Consents {
    /// One per purpose she ever decided on; after a change, those that were named.
    pub(crate) items: Vec<Consent>,
}

/// One consent as it stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct Consent {
    /// What for.
    pub(crate) purpose: String,
    /// Whether it stands.
    pub(crate) granted: bool,
    /// The version of the text she saw.
    pub(crate) version: String,
}
