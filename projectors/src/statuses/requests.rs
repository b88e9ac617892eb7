//! What members demand about their data: one row for each demand, from its coming to its answer.

use ledger_core::deadlines::Reckoned;
use ledger_core::member::event::{
    RequestAnswer, RightsEvent, SubjectRequestAnswered, SubjectRequestExtended, SubjectRequestReceived,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::engine::Decoded;
use crate::error::ProjectError;

/// One by one in their order: they are few, and each builds on the one before.
pub(super) async fn write_requests(
    connection: &mut PgConnection,
    facts: &[(Uuid, &Decoded, &RightsEvent)],
) -> Result<(), ProjectError> {
    for (member, event, fact) in facts {
        match fact {
            RightsEvent::SubjectRequestReceived(fact) => receive(connection, *member, event, fact).await?,
            RightsEvent::SubjectRequestExtended(fact) => extend(connection, fact).await?,
            RightsEvent::SubjectRequestAnswered(fact) => answer(connection, event, fact).await?,
            RightsEvent::ProcessingBlocked(_) | RightsEvent::ProcessingUnblocked(_) => {}
        }
    }
    Ok(())
}

async fn receive(
    connection: &mut PgConnection,
    member: Uuid,
    event: &Decoded,
    fact: &SubjectRequestReceived,
) -> Result<(), ProjectError> {
    sqlx::query(
        "INSERT INTO requests (request_id, member_id, kind, channel, received_at, due_at, by_calendar, position) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(fact.request_id.as_uuid())
    .bind(member)
    .bind(fact.kind.as_str())
    .bind(fact.channel.as_str())
    .bind(fact.received_at.to_utc())
    .bind(fact.due_at.to_utc())
    .bind(fact.reckoned == Reckoned::ByCalendar)
    .bind(event.position)
    .execute(connection)
    .await?;
    Ok(())
}

async fn extend(connection: &mut PgConnection, fact: &SubjectRequestExtended) -> Result<(), ProjectError> {
    sqlx::query(
        "UPDATE requests SET due_at = $2, by_calendar = $3, extended_because = $4 WHERE request_id = $1",
    )
    .bind(fact.request_id.as_uuid())
    .bind(fact.due_at.to_utc())
    .bind(fact.reckoned == Reckoned::ByCalendar)
    .bind(fact.ground.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

async fn answer(
    connection: &mut PgConnection,
    event: &Decoded,
    fact: &SubjectRequestAnswered,
) -> Result<(), ProjectError> {
    let refused_because = match fact.answer {
        RequestAnswer::Refused { ground } => Some(ground.as_str()),
        RequestAnswer::Fulfilled {} | RequestAnswer::Erased {} => None,
    };
    sqlx::query(
        "UPDATE requests SET answered_at = $2, outcome = $3, refused_because = $4 WHERE request_id = $1",
    )
    .bind(fact.request_id.as_uuid())
    .bind(event.recorded_at.to_utc())
    .bind(fact.answer.as_str())
    .bind(refused_because)
    .execute(connection)
    .await?;
    Ok(())
}
