//! Members, as the programme's staff registers them.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use pii_vault::access::Purpose;
use pii_vault::members::{FieldChange, ProfileChanges};

use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::joining::{Joining, Registrar, is_replayed, join};
use crate::query;

pub(crate) async fn register(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let key = call.idempotency_key()?;
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, dto::RegisterMember::read)?;
    let caller = call.caller()?;
    let profile = ProfileChanges {
        first_name: FieldChange::Set(wanted.first_name),
        last_name: FieldChange::set_if_some(wanted.last_name),
        ..ProfileChanges::default()
    };
    let joining = Joining {
        phone: wanted.phone,
        profile,
        registered_at: wanted.registered_at,
        consents: wanted.consents.into_iter().map(dto::ConsentGrant::into_change).collect(),
        key,
        by: Registrar::Staff(caller.actor()),
        access: call.vault_access(caller.accessor(), Purpose::Registration),
    };
    let joined = join(&call, joining).await?;
    let replayed = is_replayed(&joined.receipt);
    let status = if replayed { StatusCode::OK } else { StatusCode::CREATED };
    let data = dto::MemberId { member_id: joined.member_id.as_uuid(), replayed };
    call.answer(status, &data, joined.receipt.position)
}
