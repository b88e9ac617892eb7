//! Members' demands about their data: processing that is blocked.

use ledger_core::member::event::{BlockGround, UnblockGround};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::json::{Fields, Json};

/// A reader of one of a few names.
pub(crate) fn one_of<T: Copy + 'static>(
    all: &'static [T],
    name_of: fn(T) -> &'static str,
) -> impl FnOnce(Json<'_>) -> Result<T, String> {
    move |json| {
        let known = match &json {
            Json::Text(text) => all.iter().copied().find(|one| name_of(*one) == &**text),
            _ => None,
        };
        let names: Vec<&str> = all.iter().map(|one| name_of(*one)).collect();
        known.ok_or_else(|| format!("must be one of {}", names.join(", ")))
    }
}

/// Her data are not to be used while something is looked into.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlockProcessing {
    /// Why: `accuracy_disputed`, `lawfulness_disputed`, `authority_demand` or `cannot_destroy`. No words: they would be on the log.
    #[schema(value_type = String, pattern = "^(accuracy_disputed|lawfulness_disputed|authority_demand|cannot_destroy)$")]
    pub(crate) reason: BlockGround,
}

impl BlockProcessing {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        Some(Self { reason: fields.required("reason", one_of(&BlockGround::ALL, BlockGround::as_str))? })
    }
}

/// They are to be used again.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnblockProcessing {
    /// Why: `confirmed`, `corrected` or `demand_withdrawn`.
    #[schema(value_type = String, pattern = "^(confirmed|corrected|demand_withdrawn)$")]
    pub(crate) reason: UnblockGround,
}

impl UnblockProcessing {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        Some(Self { reason: fields.required("reason", one_of(&UnblockGround::ALL, UnblockGround::as_str))? })
    }
}

/// Whether a member's data are used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Processing {
    /// The member.
    pub(crate) member_id: Uuid,
    /// True while they are kept and not used.
    pub(crate) processing_blocked: bool,
    /// Present and true when an earlier request of the same key did this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}
