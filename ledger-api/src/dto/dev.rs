//! The `dev` profile's own, and what operators ask.

use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::json::{self, Fields, Json};

/// Messages that would have been sent.
#[derive(Serialize, ToSchema)]
pub(crate) struct Outbox {
    /// Newest last.
    pub(crate) messages: Vec<OutboxMessage>,
}

/// One message.
#[derive(Serialize, ToSchema)]
pub(crate) struct OutboxMessage {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// The text.
    pub(crate) text: String,
    /// The code in it.
    pub(crate) code: String,
}

/// Sets the time.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetClock {
    /// The time; null lets it run again.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub(crate) now: Option<Timestamp>,
}

impl SetClock {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        match fields.maybe_json("now") {
            None => {
                fields.wrong("now", "is required");
                None
            }
            Some(Json::Null) => Some(Self { now: None }),
            Some(json) => match json::moment(json) {
                Ok(now) => Some(Self { now: Some(now) }),
                Err(message) => {
                    fields.wrong("now", message);
                    None
                }
            },
        }
    }
}

/// The time as it is now.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClockSet {
    /// Where the clock stands; null while it runs.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) now: Option<Timestamp>,
}

/// Everything has caught up.
#[derive(Serialize, ToSchema)]
pub(crate) struct Settled {
    /// Up to where.
    pub(crate) position: i64,
}

/// How a process is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    #[schema(value_type = String)]
    pub(crate) status: &'static str,
}
