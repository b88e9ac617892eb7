//! Bonuses by an admin's hand. Rule B10.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::ids::GrantId;
use ledger_core::member::event::GiftKind;
use ledger_core::member::gift::{Adjustment, Gift};
use ledger_core::member::{MemberCommand, MemberOutcome};
use ledger_core::money::Bonuses;
use ledger_store::{Outcome, Receipt, Repeat};
use uuid::Uuid;

use super::standing::named;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::problem::{ApiError, Cause};
use crate::query;
use crate::words::Reasoned;

pub(crate) async fn adjust(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let (member, key) = named(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, dto::Adjust::read)?;
    let amount = wanted.amount;
    let grant_id = GrantId::from_uuid(Uuid::now_v7());
    let parts: &[&[u8]] = &[&amount.kopecks().to_be_bytes()];
    let reasoned = Reasoned { member, key, text: &wanted.reason, parts };
    let command = |reason_id| MemberCommand::Adjust(Adjustment { grant_id, reason_id, amount });
    let receipt = reasoned.execute(&call, command).await?;
    granted(&call, amount, &receipt)
}

pub(crate) async fn gift(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let (member, key) = named(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let wanted = document(&body, dto::Gift::read)?;
    let (amount, life_days) = (wanted.amount, wanted.life_days);
    let grant_id = GrantId::from_uuid(Uuid::now_v7());
    let life = life_days.map(u32::to_be_bytes);
    let life = life.as_ref().map_or(&[][..], <[u8; 4]>::as_slice);
    let parts: &[&[u8]] = &[&amount.kopecks().to_be_bytes(), life];
    let reasoned = Reasoned { member, key, text: &wanted.reason, parts };
    let command = |reason_id| {
        let kind = GiftKind::Goodwill;
        MemberCommand::Gift(Gift { grant_id, kind, reason_id: Some(reason_id), amount, life_days })
    };
    let receipt = reasoned.execute(&call, command).await?;
    granted(&call, amount, &receipt)
}

fn granted(call: &Call, amount: Bonuses, receipt: &Receipt) -> Answer {
    let Outcome::Member(MemberOutcome::Granted { grant_id, expires_at }) = receipt.outcome else {
        return Err(ApiError::Unavailable(Cause::Impossible("a grant was answered with another outcome")));
    };
    let replayed = receipt.repeat != Repeat::First;
    let status = if replayed { StatusCode::OK } else { StatusCode::CREATED };
    let data = dto::Granted { grant_id: grant_id.as_uuid(), amount, expires_at, replayed };
    call.answer(status, &data, receipt.position)
}
