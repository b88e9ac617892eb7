//! What concerns security, for those who watch.

use actix_web::web::Payload;

use crate::call::{Answer, Call};
use crate::dto;
use crate::query::{self, Query};

pub(crate) async fn list(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let page = query.page(&call);
    query.finish()?;
    let wanted = page.limit.saturating_add(1);
    let entries = call.app.vault.security_log().before(page.before(), wanted).await?;
    let (entries, next_cursor) = query::paged(&call, entries, page.limit, |entry| entry.number.to_string());
    call.ok(&dto::SecurityEvents { items: entries.into_iter().map(Into::into).collect(), next_cursor })
}
