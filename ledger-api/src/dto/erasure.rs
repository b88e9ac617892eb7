//! Forgetting a member, its papers, and how long what is kept.

use ledger_core::member::event::ErasureGround;
use ledger_core::time::Timestamp;
use pii_vault::auth::OtpCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::registration::code;
use crate::json::{self, Fields, Json};
use crate::retention::Category;

/// Deletes her account. Without a body a sign-in of the last ten minutes is needed.
#[derive(Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteAccount {
    /// From the answer of `send-code`; counts only together with `code`.
    #[schema(nullable = false)]
    pub(crate) code_id: Option<Uuid>,
    /// Six digits.
    #[schema(value_type = Option<String>, pattern = "^[0-9]{6}$", example = "000000", nullable = false)]
    pub(crate) code: Option<OtpCode>,
}

impl DeleteAccount {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let code_id = fields.optional("code_id", json::uuid);
        let code = fields.optional("code", code);
        Some(Self { code_id, code })
    }
}

/// A member is to be forgotten.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EraseMember {
    /// Why: `consent_withdrawn`, `demand_to_stop`, `purpose_reached`, `unlawful` or `needless`. No words: they would outlive
    /// her.
    #[schema(value_type = String, pattern = "^(consent_withdrawn|demand_to_stop|purpose_reached|unlawful|needless)$")]
    pub(crate) reason: ErasureGround,
}

impl EraseMember {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        Some(Self { reason: fields.required("reason", ground)? })
    }
}

fn ground(json: Json<'_>) -> Result<ErasureGround, String> {
    let known = match &json {
        Json::Text(text) => ErasureGround::ALL.into_iter().find(|ground| ground.as_str() == &**text),
        _ => None,
    };
    let names: Vec<&str> = ErasureGround::ALL.iter().map(|ground| ground.as_str()).collect();
    known.ok_or_else(|| format!("must be one of {}", names.join(", ")))
}

/// What becomes of a demand to be forgotten.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErasureAnswer {
    /// The number of the act.
    pub(crate) act_id: Uuid,
    /// `erased`, or `in_progress`: the rest follows by itself.
    pub(crate) state: &'static str,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) begun_at: Timestamp,
    /// When everything was destroyed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) destroyed_at: Option<Timestamp>,
    /// By when the law wants it done.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) done_by: Timestamp,
    /// What is destroyed; empty until everything is.
    pub(crate) destroyed: Vec<&'static str>,
    /// What stays, about nobody, and until when: see `/admin/retention`.
    pub(crate) kept: Vec<&'static str>,
    /// True when this request was answered before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// An erasure and where it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Erasure {
    /// The number of the act.
    pub(crate) act_id: Uuid,
    /// Who was forgotten: an id that leads to nobody.
    pub(crate) member_id: Uuid,
    /// `herself` or `admin`.
    pub(crate) demanded_by: String,
    /// Why.
    pub(crate) reason: String,
    /// `erased` or `in_progress`.
    pub(crate) state: &'static str,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) begun_at: Timestamp,
    /// When everything was destroyed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) destroyed_at: Option<Timestamp>,
    /// Where it is on the log.
    pub(crate) position: Option<i64>,
}

/// Erasures, in the order in which they were asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Erasures {
    /// Some of them.
    pub(crate) items: Vec<Erasure>,
    /// Where the next ones begin.
    pub(crate) next_cursor: Option<String>,
}

/// What personal data there are, why, on what ground and for how long. Compliance E6, O5.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Retention {
    /// Every category.
    pub(crate) categories: Vec<Category>,
}
