//! What waits for a second person.

use ledger_core::ids::MemberId;
use ledger_core::time::Timestamp;
use pii_vault::auth::ApprovalKind;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Granted;
use crate::json::{self, Fields, Json};

const REASON_CHARS_MAX: usize = 500;

/// Asks a second person for what is not asked for by a call of its own.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskApproval {
    /// mass_export or erasure_override.
    #[schema(value_type = String)]
    pub(crate) kind: ApprovalKind,
    /// About whom, for an erasure.
    #[schema(value_type = Option<String>, format = Uuid, nullable = false)]
    pub(crate) member_id: Option<MemberId>,
    /// Why.
    #[schema(max_length = 500)]
    pub(crate) reason: String,
}

impl AskApproval {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let kind = fields.required("kind", kind);
        let member_id = fields.optional("member_id", json::uuid).map(MemberId::from_uuid);
        let reason = fields.required("reason", json::text(REASON_CHARS_MAX));
        Some(Self { kind: kind?, member_id, reason: reason? })
    }
}

fn kind(json: Json<'_>) -> Result<ApprovalKind, String> {
    let text = json::text(64)(json)?;
    // Bonuses are asked for by the calls that give them.
    let kind = ApprovalKind::of(&text).filter(|kind| *kind != ApprovalKind::ManualBonus);
    kind.ok_or_else(|| "must be mass_export or erasure_override".to_owned())
}

/// Why not.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RejectApproval {
    /// Kept in the vault.
    #[schema(max_length = 500)]
    pub(crate) reason: String,
}

impl RejectApproval {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        Some(Self { reason: fields.required("reason", json::text(REASON_CHARS_MAX))? })
    }
}

/// It waits for a second person: nothing was done.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApprovalAsked {
    /// `approval_required`.
    #[schema(value_type = String)]
    pub(crate) outcome: &'static str,
    /// For whoever approves.
    pub(crate) approval_id: Uuid,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
    /// Present and true when an earlier request of the same key asked.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// What waits, and what did.
#[derive(Serialize, ToSchema)]
pub(crate) struct Approvals {
    /// The newest first.
    pub(crate) items: Vec<Approval>,
    /// For the next page.
    pub(crate) next_cursor: Option<String>,
}

/// What somebody asked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct Approval {
    /// Names it.
    pub(crate) approval_id: Uuid,
    /// manual_bonus, mass_export or erasure_override.
    #[schema(value_type = String)]
    pub(crate) kind: &'static str,
    /// open, approved, rejected or expired.
    #[schema(value_type = String)]
    pub(crate) state: &'static str,
    /// The member it is about.
    pub(crate) member_id: Option<Uuid>,
    /// What is to be carried out, as it was asked for.
    #[schema(value_type = Object)]
    pub(crate) asked: serde_json::Value,
    /// Whose credential asked.
    pub(crate) asked_by: Uuid,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) asked_at: Timestamp,
    /// Until when somebody may approve.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
    /// Whose credential decided.
    pub(crate) decided_by: Option<Uuid>,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) decided_at: Option<Timestamp>,
    /// Why it was rejected.
    pub(crate) reason: Option<String>,
}

/// A second person has decided.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApprovalDecided {
    /// Which.
    pub(crate) approval_id: Uuid,
    /// approved or rejected.
    #[schema(value_type = String)]
    pub(crate) state: &'static str,
    /// The bonuses that were given or corrected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Granted>)]
    pub(crate) granted: Option<Granted>,
}
