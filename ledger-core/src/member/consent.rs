//! Consents: a closed list of purposes, each given and withdrawn on its own (`compliance.md` C1–C4).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::category::Confidentiality;
use crate::ids::{EvidenceId, SessionId, Slug};
use crate::member::consent_text::{ConsentText, TextHash};

/// What personal data may be used for. The list is closed: a use without a purpose does not compile.
///
/// On the wire `personal_data`, `marketing`, `profiling`, `partner:<slug>`, `medical:<slug>`, `medical_cross_promo`,
/// `medical_status`, `recommendation`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String", extend("pattern" = r"^(personal_data|marketing|profiling|medical_cross_promo|medical_status|recommendation|(partner|medical):[a-z0-9][a-z0-9-]{0,38}[a-z0-9])$")))]
#[serde(try_from = "String", into = "String")]
pub enum Purpose {
    /// Taking part in the programme at all.
    PersonalData,
    /// Advertising messages.
    Marketing,
    /// Building a profile of her habits.
    Profiling,
    /// An ordinary partner may report her purchases.
    Partner(Slug),
    /// A medical partner may report amounts and dates of her visits.
    Medical(Slug),
    /// A visit to a medical partner may trigger a chain. Rule X9.
    MedicalCrossPromo,
    /// Visits to medical partners count towards her status. Rule S7.
    MedicalStatus,
    /// Recommendations made from her behaviour.
    Recommendation,
}

/// A text that names no purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be one of personal_data, marketing, profiling, partner:<slug>, medical:<slug>, medical_cross_promo, \
     medical_status, recommendation"
)]
pub struct NotAPurpose;

impl Purpose {
    /// The consent without which a business's purchases do not reach a member.
    #[must_use]
    pub fn to_report(business: Slug, confidentiality: Confidentiality) -> Self {
        match confidentiality {
            Confidentiality::Ordinary => Self::Partner(business),
            Confidentiality::Medical => Self::Medical(business),
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PersonalData => f.write_str("personal_data"),
            Self::Marketing => f.write_str("marketing"),
            Self::Profiling => f.write_str("profiling"),
            Self::Partner(slug) => write!(f, "partner:{slug}"),
            Self::Medical(slug) => write!(f, "medical:{slug}"),
            Self::MedicalCrossPromo => f.write_str("medical_cross_promo"),
            Self::MedicalStatus => f.write_str("medical_status"),
            Self::Recommendation => f.write_str("recommendation"),
        }
    }
}

impl FromStr for Purpose {
    type Err = NotAPurpose;

    fn from_str(text: &str) -> Result<Self, NotAPurpose> {
        let slug = |text: &str| text.parse::<Slug>().map_err(|_| NotAPurpose);
        match text.split_once(':') {
            Some(("partner", rest)) => slug(rest).map(Self::Partner),
            Some(("medical", rest)) => slug(rest).map(Self::Medical),
            Some(_) => Err(NotAPurpose),
            None => match text {
                "personal_data" => Ok(Self::PersonalData),
                "marketing" => Ok(Self::Marketing),
                "profiling" => Ok(Self::Profiling),
                "medical_cross_promo" => Ok(Self::MedicalCrossPromo),
                "medical_status" => Ok(Self::MedicalStatus),
                "recommendation" => Ok(Self::Recommendation),
                _ => Err(NotAPurpose),
            },
        }
    }
}

impl TryFrom<String> for Purpose {
    type Error = NotAPurpose;

    fn try_from(text: String) -> Result<Self, NotAPurpose> {
        text.parse()
    }
}

impl From<Purpose> for String {
    fn from(purpose: Purpose) -> Self {
        purpose.to_string()
    }
}

/// The version of a consent's text: a number or a date such as `1`, `v2`, `1.0`, `2026-01-15`. No letter but the first
/// `v`, and never more than eight digits: no name and no phone fits in (`compliance.md` D2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String", extend("pattern" = r"^v?[0-9]{1,4}([.-][0-9]{1,2}){0,2}$")))]
#[serde(try_from = "String", into = "String")]
pub struct ConsentVersion(std::sync::Arc<str>);

/// A text that cannot be a [`ConsentVersion`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a number or a date such as 1, v2, 1.0 or 2026-01-15")]
pub struct NotAConsentVersion;

impl FromStr for ConsentVersion {
    type Err = NotAConsentVersion;

    fn from_str(text: &str) -> Result<Self, NotAConsentVersion> {
        let mut parts = text.strip_prefix('v').unwrap_or(text).split(['.', '-']);
        let number = |part: &str, digits_max| {
            (1..=digits_max).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        let first = parts.next().is_some_and(|part| number(part, 4));
        let finer = parts.by_ref().take(2).all(|part| number(part, 2));
        if first && finer && parts.next().is_none() { Ok(Self(text.into())) } else { Err(NotAConsentVersion) }
    }
}

impl TryFrom<String> for ConsentVersion {
    type Error = NotAConsentVersion;

    fn try_from(text: String) -> Result<Self, NotAConsentVersion> {
        text.parse()
    }
}

impl From<ConsentVersion> for String {
    fn from(version: ConsentVersion) -> Self {
        version.0.as_ref().to_owned()
    }
}

impl fmt::Display for ConsentVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One purpose given or withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentChange {
    /// What for.
    pub purpose: Purpose,
    /// Whether she gives or withdraws it.
    pub choice: ConsentChoice,
    /// The version of the text she saw.
    pub version: ConsentVersion,
    /// The hash of that text, if it is one of ours ([`super::consent_text`]).
    pub text_hash: Option<TextHash>,
}

impl ConsentChange {
    /// A decision on the text that this version of the purpose has here.
    #[must_use]
    pub fn on_its_text(purpose: Purpose, choice: ConsentChoice, version: ConsentVersion) -> Self {
        let text_hash = ConsentText::of(&purpose, &version).map(|text| text.hash);
        Self { purpose, choice, version, text_hash }
    }
}

/// Given or withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentChoice {
    /// She consents.
    Granted,
    /// She consents no longer.
    Withdrawn,
}

/// The way a decision on a consent came to us (`compliance.md` C3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConsentChannel {
    /// She decided herself, signed in or with a confirming code.
    App,
    /// The programme's staff noted it down.
    Admin,
    /// It was given before this ledger and brought in with the history.
    Import,
}

impl ConsentChannel {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::App, Self::Admin, Self::Import];
}

/// Where decisions on consents come from: what proves them (`compliance.md` C3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentOrigin {
    /// Which way they came.
    pub channel: ConsentChannel,
    /// The confirming code request that she answered, if that is how she decided.
    pub evidence: Option<EvidenceId>,
    /// The session she was signed in by, if that is how she decided.
    pub session: Option<SessionId>,
}

impl ConsentOrigin {
    /// Decisions that came this way, without a confirming code of their own.
    #[must_use]
    pub const fn from_channel(channel: ConsentChannel) -> Self {
        Self { channel, evidence: None, session: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_are_a_closed_list() {
        for text in ["personal_data", "partner:mindal", "medical:steam-center", "medical_status"] {
            assert_eq!(text.parse::<Purpose>().expect("a purpose").to_string(), text);
        }
        for wrong in ["", "partner", "partner:", "partner:Mindal", "marketing:mindal", "everything"] {
            assert_eq!(wrong.parse::<Purpose>(), Err(NotAPurpose), "{wrong}");
        }
    }

    #[test]
    fn compliance_d2_a_version_is_a_number_or_a_date_and_nothing_personal() {
        for text in ["1", "v2", "1.0", "1.10.2", "2026", "2026-01", "2026-01-15", "v2026.1"] {
            assert_eq!(text.parse::<ConsentVersion>().expect("a version").to_string(), text);
        }
        for wrong in [
            "",
            "v",
            "vv1",
            "V1",
            "v-1",
            "1.",
            ".1",
            "1..2",
            "1-2-3-4",
            "12345",
            "1.123",
            "1_0",
            " 1",
            "1 ",
            "१",
            "79217403865",
            "+79217403865",
            "9217403865",
            "7403865",
            "7921-74-03-86-5",
            "921.740.38",
            "Anna",
            "anna-petrova",
            "anna.p",
        ] {
            assert_eq!(wrong.parse::<ConsentVersion>(), Err(NotAConsentVersion), "{wrong:?}");
        }
    }
}
