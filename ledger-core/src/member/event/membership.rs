//! Joining the programme, and consents.

use serde::{Deserialize, Serialize};

use crate::ids::{EvidenceId, SessionId};
use crate::member::consent::{ConsentChannel, ConsentVersion, Purpose};
use crate::member::consent_text::TextHash;
use crate::time::Timestamp;

/// A woman joined the programme; she is `insider` from here. Rule S6.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MemberRegistered {
    /// Since when she is a member (Rule T5 counts from here).
    pub registered_at: Timestamp,
}

/// An admin import said that she has been a member for longer. Rule T6.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MembershipBackdated {
    /// Since when she is a member; earlier than what the log said before.
    pub registered_at: Timestamp,
}

/// She consented to one purpose (`compliance.md` C2, C3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConsentGranted {
    /// What for.
    pub purpose: Purpose,
    /// Which text she saw.
    pub version: ConsentVersion,
    /// SHA-256 of that text, when this program had it (C3); absent from what was written before it kept texts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text_hash: Option<TextHash>,
    /// Which way she decided (C3).
    pub channel: ConsentChannel,
    /// The confirming code request that proves it, if there was one (C3).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evidence: Option<EvidenceId>,
    /// The session she was signed in by, if there was one (C3).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session: Option<SessionId>,
}

/// She withdrew one consent (`compliance.md` C4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConsentWithdrawn {
    /// What for.
    pub purpose: Purpose,
    /// The text's version at the withdrawal.
    pub version: ConsentVersion,
    /// SHA-256 of that text, when this program had it (C3); absent from what was written before it kept texts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text_hash: Option<TextHash>,
    /// Which way she decided (C3).
    pub channel: ConsentChannel,
    /// The confirming code request that proves it, if there was one (C3).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evidence: Option<EvidenceId>,
    /// The session she was signed in by, if there was one (C3).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session: Option<SessionId>,
}
