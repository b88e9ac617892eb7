//! Facts about policies.

use serde::{Deserialize, Serialize};

use super::Parameters;
use crate::time::Timestamp;

/// A fact on the policy stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is documented on the struct it holds")]
pub enum PolicyEvent {
    PolicyPublished(PolicyPublished),
}

/// A policy was published; it never changes. Rules P1, P2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PolicyPublished {
    /// From 1, without gaps.
    pub version: u32,
    /// From when it is in force.
    pub effective_from: Timestamp,
    /// Every parameter, under its name in the rule book; boxed, so that the rare publication does not make every fact
    /// on the log as large as itself.
    pub parameters: Box<Parameters>,
}
