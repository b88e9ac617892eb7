//! What a member consents to, word by word (`compliance.md` C2, C3): one text for each purpose and version.
//!
//! A consent on the log names purpose, version and the text's hash, and from the first two the text itself follows, here: so
//! the exact words that she saw can be shown from the event alone. A text that was ever shown is never changed and never
//! removed; another wording is another version. A test holds the hash of each.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::member::consent::{ConsentVersion, Purpose};

/// Where a text names the partner it is about.
const PARTNER: &str = "{partner}";

/// SHA-256 of a consent's text in UTF-8, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String", extend("pattern" = r"^[0-9a-f]{64}$")))]
pub struct TextHash([u8; 32]);

/// A text that is no [`TextHash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 64 lower-case hexadecimal digits")]
pub struct NotATextHash;

impl TryFrom<String> for TextHash {
    type Error = NotATextHash;

    fn try_from(text: String) -> Result<Self, NotATextHash> {
        let mut hash = [0; 32];
        let is_lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        hex::decode_to_slice(&text, &mut hash).map_err(|_| NotATextHash)?;
        if is_lower { Ok(Self(hash)) } else { Err(NotATextHash) }
    }
}

impl From<TextHash> for String {
    fn from(hash: TextHash) -> Self {
        hash.to_string()
    }
}

impl fmt::Display for TextHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TextHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextHash({self})")
    }
}

/// A consent's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentText {
    /// What it is a consent to.
    pub purpose: Purpose,
    /// Its version.
    pub version: String,
    /// The words.
    pub text: String,
    /// Their hash.
    pub hash: TextHash,
}

/// The wordings of a purpose, the oldest first.
fn wordings(purpose: &Purpose) -> &'static [(&'static str, &'static str)] {
    match purpose {
        Purpose::PersonalData => &[("1", include_str!("../../consents/personal_data.v1.txt"))],
        Purpose::Marketing => &[("1", include_str!("../../consents/marketing.v1.txt"))],
        Purpose::Profiling => &[("1", include_str!("../../consents/profiling.v1.txt"))],
        Purpose::Partner(_) => &[("1", include_str!("../../consents/partner.v1.txt"))],
        Purpose::Medical(_) => &[("1", include_str!("../../consents/medical.v1.txt"))],
        Purpose::MedicalCrossPromo => &[("1", include_str!("../../consents/medical_cross_promo.v1.txt"))],
        Purpose::MedicalStatus => &[("1", include_str!("../../consents/medical_status.v1.txt"))],
        Purpose::Recommendation => &[("1", include_str!("../../consents/recommendation.v1.txt"))],
    }
}

impl ConsentText {
    /// The text of a purpose in a version; `None` for one that never was.
    #[must_use]
    pub fn of(purpose: &Purpose, version: &ConsentVersion) -> Option<Self> {
        let version = version.to_string();
        let wording = wordings(purpose).iter().find(|(known, _)| *known == version)?;
        Some(Self::worded(purpose, *wording))
    }

    /// The text to be shown to whoever decides now.
    #[must_use]
    pub fn newest(purpose: &Purpose) -> Option<Self> {
        Some(Self::worded(purpose, *wordings(purpose).last()?))
    }

    /// A slug is a partner's for ever, its name is not: so the slug stands in the text.
    fn worded(purpose: &Purpose, (version, wording): (&str, &str)) -> Self {
        let text = match purpose {
            Purpose::Partner(slug) | Purpose::Medical(slug) => wording.replace(PARTNER, &slug.to_string()),
            Purpose::PersonalData
            | Purpose::Marketing
            | Purpose::Profiling
            | Purpose::MedicalCrossPromo
            | Purpose::MedicalStatus
            | Purpose::Recommendation => wording.to_owned(),
        };
        let hash = TextHash(Sha256::digest(&text).into());
        Self { purpose: purpose.clone(), version: version.to_owned(), text, hash }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sha256sum` of each text, the partner's slug put in. A line is added for a new version; none is ever changed.
    const SHOWN: &[(&str, &str, &str)] = &[
        ("personal_data", "1", "b73f7245f5145c2b68db6e0a98fd4eabcc8c17d069722f13a22c4820f794171c"),
        ("marketing", "1", "8b77b3f2d7df2f57c6e6b3dd8c65ee0c37fd5b0a200e0a7c82ee8b7e65c20476"),
        ("profiling", "1", "3b918516d24d1251df7250531af7033a5cf2e2e76f654815c9ea9dc32efb13ca"),
        ("partner:mindal", "1", "cca733fa8d399b7d960cf1e5cce837f968c56a8bbbc6e16fe57d02ceb0ff40d2"),
        ("medical:steam-center", "1", "e3e2d7bd30d501164969c5df69de2af53afecb3ef2768179e3def86854fdd3ad"),
        ("medical_cross_promo", "1", "770501ce6a421bcbef77a272a971e55b9a3256f8f1cd687beb46f63fd458781a"),
        ("medical_status", "1", "f8fde0040ec0faa2d3e954764e3f82eb525f4af74396da5e1a546e3c321c829d"),
        ("recommendation", "1", "39a38e9955f908214af2275a90743eb6c57b61568fecf0d59d0e349be057d94c"),
    ];

    #[test]
    fn compliance_c3_a_text_that_was_shown_stays_as_it_was() {
        for (purpose, version, hash) in SHOWN {
            let (purpose, version) =
                (purpose.parse().expect("a purpose"), version.parse().expect("a version"));
            let text = ConsentText::of(&purpose, &version).expect("a text");
            assert_eq!(text.hash.to_string(), *hash, "{purpose} {version}");
            assert!(!text.text.contains(PARTNER), "{purpose}");
        }
    }

    #[test]
    fn compliance_c2_every_purpose_has_a_text_of_its_own() {
        let mut texts = std::collections::BTreeSet::new();
        for (purpose, ..) in SHOWN {
            let newest = ConsentText::newest(&purpose.parse().expect("a purpose")).expect("a text");
            assert!(texts.insert(newest.text), "{purpose}");
        }
        assert_eq!(texts.len(), SHOWN.len());
    }

    #[test]
    fn an_unknown_version_has_no_text() {
        for version in ["2", "v1", "1.0", "2026-01-15"] {
            let version = version.parse().expect("a version");
            assert_eq!(ConsentText::of(&Purpose::Marketing, &version), None);
        }
    }

    #[test]
    fn a_hash_reads_back_and_nothing_else_is_one() {
        let hash = ConsentText::newest(&Purpose::Marketing).expect("a text").hash;
        assert_eq!(TextHash::try_from(hash.to_string()), Ok(hash));
        for wrong in ["", "ab", &hash.to_string().to_uppercase(), &"g".repeat(64)] {
            assert_eq!(TextHash::try_from(wrong.to_owned()), Err(NotATextHash), "{wrong}");
        }
    }
}
