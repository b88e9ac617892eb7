//! Processing of her data that is blocked while something is looked into. `compliance.md` S5. Nobody's words are here: every
//! ground is one of a closed list.

use serde::{Deserialize, Serialize};

use super::requests::{SubjectRequestAnswered, SubjectRequestExtended, SubjectRequestReceived};

/// A fact about her rights: one more kind of fact on her stream, told apart because no balance, status or purchase hears of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is documented on the struct it holds")]
pub enum RightsEvent {
    ProcessingBlocked(ProcessingBlocked),
    ProcessingUnblocked(ProcessingUnblocked),
    SubjectRequestReceived(SubjectRequestReceived),
    SubjectRequestExtended(SubjectRequestExtended),
    SubjectRequestAnswered(SubjectRequestAnswered),
}

/// Why her data are not processed for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BlockGround {
    /// She demands it: something is not right, or not lawful, as she says. Art. 21 part 1.
    SubjectDemand,
    /// Whether they are right is in doubt. Art. 21 part 1.
    AccuracyDisputed,
    /// Whether they are processed lawfully is in doubt. Art. 21 part 1.
    LawfulnessDisputed,
    /// The authority says one or the other. Art. 21 part 1.
    AuthorityDemand,
    /// They cannot be destroyed in time. Art. 21 part 6.
    CannotDestroy,
}

impl BlockGround {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::SubjectDemand,
        Self::AccuracyDisputed,
        Self::LawfulnessDisputed,
        Self::AuthorityDemand,
        Self::CannotDestroy,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SubjectDemand => "subject_demand",
            Self::AccuracyDisputed => "accuracy_disputed",
            Self::LawfulnessDisputed => "lawfulness_disputed",
            Self::AuthorityDemand => "authority_demand",
            Self::CannotDestroy => "cannot_destroy",
        }
    }
}

/// Why her data are processed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnblockGround {
    /// They were right, and processed lawfully.
    Confirmed,
    /// What was wrong is put right. Art. 21 part 2.
    Corrected,
    /// She, or the authority, demands it no longer.
    DemandWithdrawn,
}

impl UnblockGround {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Confirmed, Self::Corrected, Self::DemandWithdrawn];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Corrected => "corrected",
            Self::DemandWithdrawn => "demand_withdrawn",
        }
    }
}

/// Her data are kept and not used until they were looked into. S5; art. 21 part 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProcessingBlocked {
    /// Why.
    pub ground: BlockGround,
}

/// They are used again, as if they had been all the time. S5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProcessingUnblocked {
    /// Why.
    pub ground: UnblockGround,
}
