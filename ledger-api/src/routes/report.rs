//! The subject access report: all that is known of a member, for herself, or for an admin whom she asked (152-ФЗ art. 14).

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Payload;
use ledger_core::ids::MemberId;
use pii_vault::auth::{SecurityEvent, SecurityKind};

use crate::call::{Answer, Call};
use crate::problem::ApiError;
use crate::query;
use crate::report::{Reader, Told, gather, page};

/// Hers, as data.
pub(crate) async fn own(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let told = gather(&call, call.account()?, Reader::Herself).await?;
    call.read(&told.report, told.position)
}

/// Hers, to be printed.
pub(crate) async fn own_html(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let told = gather(&call, call.account()?, Reader::Herself).await?;
    Ok(printed(&told))
}

/// A member's, for an admin, as data.
pub(crate) async fn of_member(call: Call, _: Payload) -> Answer {
    let told = for_admin(&call).await?;
    call.read(&told.report, told.position)
}

/// A member's, for an admin, to be printed.
pub(crate) async fn of_member_html(call: Call, _: Payload) -> Answer {
    let told = for_admin(&call).await?;
    Ok(printed(&told))
}

/// Of the member in the address. It leaves no sooner than it is written down who took it, and about whom: a whole file is what
/// somebody who misuses a right would take. Compliance P2, I2.
async fn for_admin(call: &Call) -> Result<Told, ApiError> {
    query::none(call)?;
    let member = MemberId::from_uuid(call.path_uuid("id")?);
    let told = gather(call, member, Reader::Admin).await?;
    let event = SecurityEvent::new(SecurityKind::SubjectReportMade, call.by(), Some(member.as_uuid()));
    let event = SecurityEvent { operation: Some(call.operation.name()), ..event };
    call.app.vault.security_log().write(&[event]).await?;
    Ok(told)
}

/// The page, of the position its data is of.
fn printed(told: &Told) -> HttpResponse {
    let mut answer = HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page::of(&told.report));
    let headers = answer.headers_mut();
    headers.insert(HeaderName::from_static("x-read-position"), HeaderValue::from(told.position));
    answer
}
