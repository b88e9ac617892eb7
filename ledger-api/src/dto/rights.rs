//! Members' demands about their data: processing that is blocked, and demands with their terms.

use ledger_core::member::event::{
    BlockGround, ExtensionGround, RefusalGround, RequestChannel, RequestKind, UnblockGround,
};
use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::json::{self, Fields, Json};

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
    /// Why: `subject_demand`, `accuracy_disputed`, `lawfulness_disputed`, `authority_demand` or `cannot_destroy`. No words: they
    /// would be on the log.
    #[schema(value_type = String, pattern = "^(subject_demand|accuracy_disputed|lawfulness_disputed|authority_demand|cannot_destroy)$")]
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

/// She demands something about her data.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnRequest {
    /// What: `access`, `correction`, `blocking`, `erasure`, `withdrawal`, `stop` or `objection`. No words: whoever answers asks her.
    #[schema(value_type = String, pattern = "^(access|correction|blocking|erasure|withdrawal|stop|objection)$")]
    pub(crate) kind: RequestKind,
}

impl OwnRequest {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        Some(Self { kind: fields.required("kind", one_of(&RequestKind::ALL, RequestKind::as_str))? })
    }
}

/// A demand of a member that came another way than by the app.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceiveRequest {
    /// What is demanded.
    #[schema(value_type = String, pattern = "^(access|correction|blocking|erasure|withdrawal|stop|objection)$")]
    pub(crate) kind: RequestKind,
    /// How it came: `app`, `email`, `letter`, `phone`, `office` or `authority`.
    #[schema(value_type = String, pattern = "^(app|email|letter|phone|office|authority)$")]
    pub(crate) channel: RequestChannel,
    /// When it came; now when absent, and never later. The term runs from then on.
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub(crate) received_at: Option<Timestamp>,
}

impl ReceiveRequest {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let kind = fields.required("kind", one_of(&RequestKind::ALL, RequestKind::as_str));
        let channel = fields.required("channel", one_of(&RequestChannel::ALL, RequestChannel::as_str));
        let received_at = fields.optional("received_at", json::moment);
        Some(Self { kind: kind?, channel: channel?, received_at })
    }
}

/// An answer takes longer; she was told so.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtendRequest {
    /// Why: `volume`, `inquiry` or `third_party`.
    #[schema(value_type = String, pattern = "^(volume|inquiry|third_party)$")]
    pub(crate) reason: ExtensionGround,
}

impl ExtendRequest {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let ground = one_of(&ExtensionGround::ALL, ExtensionGround::as_str);
        Some(Self { reason: fields.required("reason", ground)? })
    }
}

/// A demand is refused; she was told why.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefuseRequest {
    /// Why: `not_identified`, `repeated`, `limited_by_law`, `data_confirmed` or `other_ground`.
    #[schema(value_type = String, pattern = "^(not_identified|repeated|limited_by_law|data_confirmed|other_ground)$")]
    pub(crate) reason: RefusalGround,
}

impl RefuseRequest {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let ground = one_of(&RefusalGround::ALL, RefusalGround::as_str);
        Some(Self { reason: fields.required("reason", ground)? })
    }
}

/// A demand with its term.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RequestDue {
    /// Names it.
    pub(crate) request_id: Uuid,
    /// The last moment at which an answer is in time.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) due_at: Timestamp,
    /// Present and true when an earlier request of the same key did this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// A demand that is answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RequestAnswered {
    /// Names it.
    pub(crate) request_id: Uuid,
    /// Present and true when an earlier request of the same key did this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// A demand and where it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SubjectRequest {
    /// Names it.
    pub(crate) request_id: Uuid,
    /// Whose it is; not told to herself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) member_id: Option<Uuid>,
    /// What is demanded.
    pub(crate) kind: String,
    /// How it came.
    pub(crate) channel: String,
    /// `open`, `fulfilled`, `refused`, or `erased`: she was forgotten meanwhile.
    pub(crate) state: String,
    /// Whether it waits although its term is over.
    pub(crate) overdue: bool,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) received_at: Timestamp,
    /// The last moment at which an answer is in time.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) due_at: Timestamp,
    /// False where a year's production calendar was not there: then `due_at` is sooner than the law's term.
    pub(crate) due_by_calendar: bool,
    /// Why the answer takes longer, if it does.
    pub(crate) extended_because: Option<String>,
    /// When it was answered.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) answered_at: Option<Timestamp>,
    /// Why it was refused, if it was.
    pub(crate) refused_because: Option<String>,
}

/// Demands, page by page.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SubjectRequests {
    /// Some of them.
    pub(crate) items: Vec<SubjectRequest>,
    /// Where the next ones begin.
    pub(crate) next_cursor: Option<String>,
}
