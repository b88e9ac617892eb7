//! Documents that wait for an admin. Rule T3. They are applied or dropped by calls of another piece of work.

use actix_web::web::Payload;

use crate::call::{Answer, Call};
use crate::dto;
use crate::query::{self, Query};
use crate::read::{self, Model};

pub(crate) async fn list(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let page = query.page(&call);
    query.finish()?;
    let position = read::wait(&call, Model::Directory, None).await?;
    let items = read::directory::quarantine(&call.app, &page).await?;
    let (items, next_cursor) = query::paged(&call, items, page.limit, |(position, _)| position.to_string());
    let items = items.into_iter().map(|(_, item)| item).collect();
    call.read(&dto::Quarantine { items, next_cursor }, position)
}
