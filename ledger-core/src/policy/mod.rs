//! Policies: the parameters of the rule book, published as events, never changed. Rules P1, P2, P4.

pub mod decide;
pub mod event;
mod parameters;

pub use parameters::{Commission, CommissionStep, Parameter, ParameterError, Parameters};

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::time::Timestamp;
use event::PolicyEvent;

/// The one stream of policies.
pub const POLICY_STREAM: Uuid = Uuid::from_u128(0x6f77_6e63_6972_636c_8000_706f_6c69_6379);

/// The revision of the rule code in this program. Rule P5: an old revision stays reproducible by its golden vectors.
pub const RULES_REVISION: u32 = 1;

/// A published policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// From 1, without gaps.
    pub version: u32,
    /// From when it is in force.
    pub effective_from: Timestamp,
    /// The parameters, all of them.
    pub parameters: Parameters,
}

/// All policies ever published: a fold of the policy stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policies {
    /// Shared by copies, as all that every decision sees.
    versions: Arc<BTreeMap<u32, Policy>>,
}

impl Policies {
    /// Applies one fact.
    pub fn apply(&mut self, event: &PolicyEvent) {
        match event {
            PolicyEvent::PolicyPublished(published) => {
                let policy = Policy {
                    version: published.version,
                    effective_from: published.effective_from,
                    parameters: (*published.parameters).clone(),
                };
                Arc::make_mut(&mut self.versions).insert(published.version, policy);
            }
        }
    }

    /// The policy in force at `at`: the highest version with `effective_from` ≤ `at`; version 1 is in force from the
    /// beginning of time. Rule P1. `None` only on a log without policies.
    #[must_use]
    pub fn in_force(&self, at: Timestamp) -> Option<&Policy> {
        self.versions
            .values()
            .rev()
            .find(|policy| policy.effective_from <= at)
            .or_else(|| self.versions.values().next())
    }

    /// All versions, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Policy> {
        self.versions.values()
    }

    /// The highest version published; `None` on a log without policies.
    #[must_use]
    pub fn newest(&self) -> Option<&Policy> {
        self.versions.values().next_back()
    }
}
