//! Proofs: for auditors over the whole log, for a member of her own history. Design L7, L8.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Payload;
use ledger_store::seal::{self, Cosignature};

use ledger_core::ids::MemberId;
use pii_vault::access::AccessQuestion;

use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::problem::ApiError;
use crate::query::{self, Query};
use crate::read::{self, Model};

/// The newest checkpoint, as a signed note with the lines of witnesses: no envelope, it is to be verified byte by byte.
pub(crate) async fn checkpoint(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let is_cosigned = query.flag("cosigned");
    query.finish()?;
    let wanted = read::min_position(&call)?;
    let checkpoint = if is_cosigned {
        let cosigned = read::sealed::cosigned(&call.app).await?.ok_or(ApiError::NotFound)?;
        if cosigned.tree_size < wanted { Err(ApiError::NotSealed) } else { Ok(cosigned) }?
    } else {
        read::sealed::newest(&call.app, wanted).await?.checkpoint
    };
    let mut note = checkpoint.signed_note;
    for line in seal::cosignatures(&call.app.log_pool, checkpoint.tree_size).await? {
        note.push_str(&line);
        note.push('\n');
    }
    let mut answer = HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(note);
    let position = HeaderValue::from(checkpoint.tree_size);
    answer.headers_mut().insert(HeaderName::from_static("x-read-position"), position);
    Ok(answer)
}

/// Keeps what a witness says of a checkpoint, to be shown with it.
pub(crate) async fn cosign(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::Cosign { tree_size, cosignature } = document(&body, dto::Cosign::read)?;
    let checkpoint = read::sealed::of_just(&call.app, tree_size.into()).await?.ok_or(ApiError::NotFound)?;
    let known = Cosignature::of(&cosignature, &checkpoint, &call.app.sealed.witnesses);
    let refused = || ApiError::field("cosignature", "is not this checkpoint's, of a witness known here");
    let cosignature = known.ok_or_else(refused)?;
    let is_new = cosignature.keep(&call.app.log_pool).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let data = dto::Cosigned { tree_size, witness: cosignature.witness, replayed: !is_new };
    call.answer(status, &data, None)
}

/// That an event is among the first so many.
pub(crate) async fn inclusion(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let position = query.required_position("position");
    let size = query.position("tree_size");
    if size.is_some_and(|size| size < position) {
        query.wrong("position", "must not be greater than tree_size");
    }
    query.finish()?;
    let newest = read::sealed::of_size(&call.app, size.unwrap_or(position)).await?;
    let size = size.unwrap_or(newest.checkpoint.tree_size);
    call.ok(&newest.inclusion(&call.app, position, size).await?)
}

/// That the first so many events are the beginning of more.
pub(crate) async fn consistency(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let from = query.required_position("from");
    let to = query.position("to");
    if to.is_some_and(|to| to < from) {
        query.wrong("from", "must not be greater than to");
    }
    query.finish()?;
    let newest = read::sealed::of_size(&call.app, to.unwrap_or(from)).await?;
    let to = to.unwrap_or(newest.checkpoint.tree_size);
    call.ok(&newest.consistency(&call.app, from, to).await?)
}

/// Events as they are hashed.
pub(crate) async fn events(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let from = query.position("from").unwrap_or(1);
    let limit = query.limit();
    query.finish()?;
    call.ok(&read::sealed::events(&call.app, from, limit).await?)
}

/// Who touched whose data in the vault, and why.
pub(crate) async fn accesses(call: Call, _: Payload) -> Answer {
    let mut query = Query::of(&call.http)?;
    let page = query.page(&call);
    let member = query.uuid("member_id").map(MemberId::from_uuid);
    let (from, to) = (query.moment("from"), query.moment("to"));
    query.finish()?;
    let asked = AccessQuestion {
        member,
        from: from.map(|from| from.to_utc()),
        to: to.map(|to| to.to_utc()),
        before: page.before(),
        limit: page.limit.saturating_add(1),
    };
    let found = call.app.vault.access_log().page(asked).await?;
    let (found, next_cursor) = query::paged(&call, found, page.limit, |record| record.access_id.to_string());
    let items = found.into_iter().map(dto::AccessRecord::from).collect();
    call.ok(&dto::AccessRecords { items, next_cursor })
}

/// All that proves a purchase of hers, or a line of her history.
pub(crate) async fn receipt(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    let id = call.path_uuid("id")?;
    let member = call.member()?;
    let accounts = call.accounts(member);
    let passed = read::wait(&call, Model::History, Some(member)).await?;
    let places = match read::history::line(&call.app, &accounts, id).await? {
        Some(line) => vec![line.position],
        None => {
            read::wait(&call, Model::Directory, Some(member)).await?;
            read::sealed::purchase_of(&call.app, &accounts, id).await?
        }
    };
    let row = read::sealed::row_of(&call.app, &accounts, &places).await?;
    let newest = read::sealed::newest(&call.app, row.row.position).await?;
    call.read(&newest.receipt(&call.app, &row).await?, passed)
}
