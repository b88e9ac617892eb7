//! Reads the log member by member, along the index of streams.

use ledger_core::ids::MemberId;
use ledger_core::log::{Event, Position};
use ledger_core::time::Timestamp;
use serde_json::Value;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use super::fold::{Cuts, Expected, Folding};
use crate::error::ProjectError;

/// Rows read at once.
const ROWS_MAX: i64 = 5_000;

const PAGE: &str = "SELECT position, stream_id, stream_version, event_type, schema_version, occurred_at, payload \
     FROM ledger.events WHERE stream_type = 'member' AND (stream_id, stream_version) > ($1, $2) AND position <= $3 \
     ORDER BY stream_id, stream_version LIMIT $4";

#[derive(FromRow)]
struct Fact {
    position: i64,
    stream_id: Uuid,
    stream_version: i32,
    event_type: String,
    schema_version: i16,
    occurred_at: chrono::DateTime<chrono::Utc>,
    payload: Value,
}

/// All members of the log, one after the other.
pub(super) struct Members {
    pool: PgPool,
    until: Position,
    page: std::vec::IntoIter<Fact>,
    last: Option<(Uuid, i32)>,
    ended: bool,
    waiting: Option<Fact>,
    events: i64,
}

impl Members {
    /// The members of the log in `pool` up to the position `until`.
    pub(super) fn of(pool: PgPool, until: Position) -> Self {
        let page = Vec::new().into_iter();
        Self { pool, until, page, last: None, ended: false, waiting: None, events: 0 }
    }

    /// How many events were folded.
    pub(super) const fn events(&self) -> i64 {
        self.events
    }

    /// The next members, at most `count`, with what their streams say; empty at the end.
    pub(super) async fn next(
        &mut self,
        count: usize,
        cuts: &(dyn Fn(Uuid) -> Cuts + Sync),
    ) -> Result<Vec<(Uuid, Expected)>, ProjectError> {
        let mut members = Vec::with_capacity(count);
        while members.len() < count {
            let Some(first) = self.fact().await? else { break };
            let member = first.stream_id;
            let expected = self.fold(first, cuts(member)).await?;
            members.push((member, expected));
        }
        Ok(members)
    }

    async fn fold(&mut self, first: Fact, cuts: Cuts) -> Result<Expected, ProjectError> {
        let member = first.stream_id;
        let mut folding = Folding::new(MemberId::from_uuid(member), cuts);
        let mut corrupt = false;
        let mut next = Some(first);
        while let Some(fact) = next {
            if fact.stream_id != member {
                self.waiting = Some(fact);
                break;
            }
            self.events += 1;
            if !corrupt {
                let position = fact.position;
                let event = Event::decode(&fact.event_type, fact.schema_version, &fact.payload)
                    .map_err(|error| ProjectError::Unapplicable { position, reason: error.to_string() })?;
                corrupt = folding.apply(position, Timestamp::new(fact.occurred_at), &event).is_err();
            }
            next = self.fact().await?;
        }
        Ok(if corrupt { folding.close_corrupt() } else { folding.close() })
    }

    async fn fact(&mut self) -> Result<Option<Fact>, ProjectError> {
        if let Some(fact) = self.waiting.take() {
            return Ok(Some(fact));
        }
        if let Some(fact) = self.page.next() {
            return Ok(Some(fact));
        }
        if self.ended {
            return Ok(None);
        }
        let (stream, version) = self.last.unwrap_or((Uuid::nil(), 0));
        let rows: Vec<Fact> = sqlx::query_as(PAGE)
            .bind(stream)
            .bind(version)
            .bind(self.until)
            .bind(ROWS_MAX)
            .fetch_all(&self.pool)
            .await?;
        self.ended = i64::try_from(rows.len()).unwrap_or(0) < ROWS_MAX;
        if let Some(last) = rows.last() {
            self.last = Some((last.stream_id, last.stream_version));
        }
        self.page = rows.into_iter();
        Ok(self.page.next())
    }
}
