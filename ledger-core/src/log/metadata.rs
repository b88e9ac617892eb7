//! Who did something, why, and under which rules. Design L5.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{CorrelationId, EventId};

/// Who caused an event; never a name, only a kind and an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// Its id: a member, an API key; for the system the nil UUID.
    pub id: Uuid,
    /// What kind of actor.
    pub kind: ActorKind,
}

/// What kind of actor caused an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// The member herself.
    Member,
    /// A business's machine or staff.
    Business,
    /// An admin.
    Admin,
    /// A reactor or the installation itself.
    System,
}

impl Actor {
    /// The installation itself.
    pub const SYSTEM: Self = Self { kind: ActorKind::System, id: Uuid::nil() };
}

/// What stands beside a payload. No personal data, ever. The fields stand in the order of their names (RFC 8785).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Who.
    pub actor: Actor,
    /// The event that this one follows from; absent for the first event of a request.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub causation_id: Option<EventId>,
    /// Everything one request led to shares this.
    pub correlation_id: CorrelationId,
    /// The idempotency key of the command, hexadecimal (already keyed or derived: says nothing about a person).
    pub idempotency_key: String,
    /// The policy in force for the decision.
    pub policy_version: u32,
    /// The revision of the rule code. Rule P5.
    pub rules_revision: u32,
    /// Which way it came in: `api`, `import`, `schedule`, ….
    pub source: String,
}
