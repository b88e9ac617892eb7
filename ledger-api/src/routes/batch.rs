//! Many purchases in one call: decided concurrently, so that they share commits; those of one member one after the other.
//!
//! A refusal is an item's own. A server that is away is not: a 200 would tell a till that all is said, and its document
//! would never come again. So the whole batch answers 503 with `Retry-After`. Some items may be on the log by then; sending
//! the same batch again is safe, since each item has its natural key (Rule D1) and those are `replayed`.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use futures::future::join_all;
use ledger_core::ids::MemberId;

use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{BatchAnswer, Form, ItemOutcome, document};
use crate::intake::{self, Became, Reported};
use crate::json::Json;
use crate::problem::{ApiError, Cause};
use crate::query;

/// Documents in one call at most.
const ITEMS_MAX: usize = 1_000;

/// A document that is to be decided.
struct Work {
    place: usize,
    external_id: Option<String>,
    reported: Reported,
    member: MemberId,
}

struct Item {
    external_id: Option<String>,
    reported: Result<Reported, ApiError>,
}

pub(crate) async fn record(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let body = call.body(payload, Limit::Batch).await?;
    let documents = document(&body, |fields| {
        fields.required("transactions", |json| match json {
            Json::List(items) if items.is_empty() => Err("must not be empty".to_owned()),
            Json::List(items) if items.len() > ITEMS_MAX => {
                Err(format!("must have at most {ITEMS_MAX} items"))
            }
            Json::List(items) => Ok(items),
            _ => Err("must be a list".to_owned()),
        })
    })?;
    let registry = intake::registry_for(&call, &documents).await?;
    let items: Vec<Item> = documents
        .into_iter()
        .map(|json| Item {
            external_id: intake::external_id_of(&json),
            reported: intake::read(&call, &registry, json, "", Form::Single),
        })
        .collect();
    let outcomes = decide_all(&call, items).await?;
    // What a reader waits for (design J7): the newest of what the items wrote.
    let newest = outcomes.iter().filter_map(|outcome| outcome.position).max();
    call.answer(StatusCode::OK, &BatchAnswer { outcomes }, newest)
}

/// Look-ups run together (the vault asks its database once), then each member's documents in order.
async fn decide_all(call: &Call, items: Vec<Item>) -> Result<Vec<ItemOutcome>, ApiError> {
    let look_ups = items.iter().map(|item| async {
        match &item.reported {
            Ok(reported) => intake::find_member(call, reported).await.map(Some),
            Err(_) => Ok(None),
        }
    });
    let members = join_all(look_ups).await;
    let mut outcomes: Vec<Option<ItemOutcome>> = Vec::with_capacity(items.len());
    let mut queues: Vec<Vec<Work>> = Vec::new();
    let mut queue_of: HashMap<MemberId, usize> = HashMap::new();
    for (place, (item, member)) in items.into_iter().zip(members).enumerate() {
        let done = match (item.reported, member) {
            (Err(error), _) | (Ok(_), Err(error)) => Err(error),
            (Ok(reported), Ok(Some(Some(member)))) => {
                let queue = *queue_of.entry(call.survivor(member)).or_insert_with(|| {
                    queues.push(Vec::new());
                    queues.len() - 1
                });
                if let Some(queue) = queues.get_mut(queue) {
                    queue.push(Work { place, external_id: item.external_id, reported, member });
                }
                outcomes.push(None);
                continue;
            }
            (Ok(_), Ok(_)) => Ok(intake::UNMATCHED),
        };
        outcomes.push(Some(outcome(call, item.external_id, done)?));
    }
    let decided = join_all(queues.into_iter().map(|queue| one_after_another(call, queue))).await;
    for queue in decided {
        for (place, outcome) in queue? {
            if let Some(slot) = outcomes.get_mut(place) {
                *slot = Some(outcome);
            }
        }
    }
    let lost = || ApiError::Unavailable(Cause::Impossible("an item of a batch was not decided"));
    outcomes.into_iter().map(|outcome| outcome.ok_or_else(lost)).collect()
}

/// Stops at a server that is away: a later document of hers must not overtake an earlier one.
async fn one_after_another(call: &Call, queue: Vec<Work>) -> Result<Vec<(usize, ItemOutcome)>, ApiError> {
    let mut outcomes = Vec::with_capacity(queue.len());
    for Work { place, external_id, reported, member } in queue {
        let became = decide(call, &reported, member).await;
        outcomes.push((place, outcome(call, external_id, became)?));
    }
    Ok(outcomes)
}

/// What became of one document; a server that is away is the whole batch's matter.
fn outcome(
    call: &Call,
    external_id: Option<String>,
    became: Result<Became, ApiError>,
) -> Result<ItemOutcome, ApiError> {
    match became.inspect_err(|error| call.watch(error)) {
        Err(away @ ApiError::Unavailable(_)) => Err(away),
        became => Ok(intake::item(external_id, became)),
    }
}

async fn decide(call: &Call, reported: &Reported, member: MemberId) -> Result<Became, ApiError> {
    let receipt = intake::decide(call, reported, member, Form::Single).await?;
    intake::result_of(&receipt, call.survivor(member))
}
