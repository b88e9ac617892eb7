//! The vault's access log as auditors read it.

use ledger_core::time::Timestamp;
use pii_vault::access;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Accesses to personal data.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccessRecords {
    /// The newest first.
    pub(crate) items: Vec<AccessRecord>,
    /// Where the next page begins; null at the end.
    pub(crate) next_cursor: Option<String>,
}

/// One access; never a value.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccessRecord {
    /// Its number; they grow, with gaps.
    access_id: i64,
    /// When.
    #[schema(value_type = String)]
    at: Timestamp,
    /// On whose behalf: `member`, `code_holder`, `business`, `admin` or `system`.
    actor_kind: String,
    /// That one's id; null for the system.
    actor_id: Option<String>,
    /// Which of a business's staff it was: her account's id; null for a business's key and everybody else.
    staff_id: Option<Uuid>,
    /// Whose data; null when nobody was found, or the data is no member's.
    member_id: Option<Uuid>,
    /// `look_up`, `read`, `write` or `delete`.
    action: String,
    /// Which fields.
    fields: Vec<String>,
    /// Why.
    purpose: String,
    /// `done`, `not_found` or `failed`.
    result: String,
    /// The request it belongs to.
    request_id: Option<Uuid>,
}

/// A moment that the vault keeps is one of ours.
fn at_micros(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap_or(Timestamp::BEGINNING)
}

impl From<access::AccessRecord> for AccessRecord {
    fn from(record: access::AccessRecord) -> Self {
        Self {
            access_id: record.access_id,
            at: at_micros(record.at.timestamp_micros()),
            actor_kind: record.actor_kind,
            actor_id: Some(record.actor_id).filter(|id| !id.is_empty()),
            staff_id: record.staff_id,
            member_id: record.member_id,
            action: record.action,
            fields: record.fields,
            purpose: record.purpose,
            result: record.result,
            request_id: record.request_id,
        }
    }
}
