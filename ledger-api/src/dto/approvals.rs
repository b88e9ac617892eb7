//! What waits for a second person.

use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{CouponIssuedAnswer, Granted, PolicyPublished};
use crate::json::{self, Fields};

const REASON_CHARS_MAX: usize = 500;

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
    /// manual_bonus, bonus_limit or coalition_coupon.
    #[schema(value_type = String)]
    pub(crate) kind: &'static str,
    /// open, approved, carried_out, rejected, expired (nobody decided in time) or lapsed (approved and not carried out in time, or
    /// whoever asked or the member is not there any more).
    #[schema(value_type = String)]
    pub(crate) state: &'static str,
    /// The member it is about.
    pub(crate) member_id: Option<Uuid>,
    /// What is to be carried out, as it was asked for.
    #[schema(value_type = Object)]
    pub(crate) asked: serde_json::Value,
    /// Why, or what the coupon says of itself, unless she was forgotten.
    pub(crate) asked_because: Option<String>,
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
    /// When it was carried out; null until it is.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) carried_out_at: Option<Timestamp>,
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
    /// The policy that was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PolicyPublished>)]
    pub(crate) published: Option<PolicyPublished>,
    /// The coupon that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CouponIssuedAnswer>)]
    pub(crate) issued: Option<CouponIssuedAnswer>,
}

impl ApprovalDecided {
    /// Nothing was carried out yet.
    pub(crate) fn new(approval_id: Uuid, state: &'static str) -> Self {
        Self { approval_id, state, granted: None, published: None, issued: None }
    }
}
