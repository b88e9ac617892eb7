//! A draft on a period of the real log: NDJSON out, progress and then the result. Here of a policy (Rule P3); a chain
//! (`chain_simulation.rs`) goes the same way.
//!
//! Reading and telling again have a thread of their own, so that no other call waits for them. The log is read page by page
//! by the index of streams, up to the head of the beginning; nothing is locked and no transaction is open between pages.
//! One simulation at a time in a process: a second gets 429. It ends when nobody reads its answer any more.

use std::time::{Duration, Instant};

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Payload};
use futures::stream;
use ledger_core::ids::MemberId;
use ledger_core::log::Position;
use ledger_core::rejection::Rejection;
use ledger_core::simulation::{Fact, NotSimulated, Simulation, Trial};
use ledger_store::StoreError;
use ledger_store::log::{MEMBERS_PAGE, StoredRow, count_members, read_members};
use serde::Serialize;
use sqlx::PgPool;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use uuid::Uuid;

use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, SimulationError, SimulationProgress, SimulationResult, ToldLine, document};
use crate::problem::ApiError;
use crate::query;

/// The least time between two lines of progress.
const TOLD_EVERY: Duration = Duration::from_millis(500);
/// Lines that wait to be read, the last one among them; progress beyond them is not told.
const UNREAD_MAX: usize = 16;
/// Seconds after which a second simulation should be tried again.
const RETRY_AFTER_S: u64 = 10;

/// What is told all members' facts, and says what that comes to.
pub(super) trait Telling: Send + 'static {
    /// What it comes to.
    type Result: Serialize;

    /// Tells one member's facts: all of them, in the order of the log.
    fn member(&mut self, member: MemberId, facts: &[Fact]) -> Result<(), NotSimulated>;

    /// Members and purchases of the period told so far.
    fn progress(&self) -> (u64, u64);

    /// What it came to, on the log up to `head`.
    fn result(self, head: Position) -> Result<Self::Result, ApiError>;
}

impl Telling for Simulation {
    type Result = SimulationResult;

    fn member(&mut self, member: MemberId, facts: &[Fact]) -> Result<(), NotSimulated> {
        Self::member(self, member, facts)
    }

    fn progress(&self) -> (u64, u64) {
        Self::progress(self)
    }

    fn result(self, head: Position) -> Result<SimulationResult, ApiError> {
        Ok(SimulationResult::of(&self.report(), head).ok_or(Rejection::AmountOutOfRange)?)
    }
}

/// One simulation under way.
struct Run<S> {
    head: Position,
    simulation: S,
    lines: mpsc::Sender<Bytes>,
    request_id: String,
}

pub(crate) async fn run(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::SimulatePolicy { from, to, parameters } = document(&body, dto::SimulatePolicy::read)?;
    if to > call.now() {
        return Err(ApiError::field("to", "must not be in the future"));
    }
    call.app.ledger.refresh().await;
    let trial = Trial { from, to, changes: parameters };
    answered(&call, Simulation::begin(&call.app.ledger.registry(), trial)?)
}

/// Answers with how far the telling is, and what it came to.
pub(super) fn answered(call: &Call, simulation: impl Telling) -> Answer {
    let only = call.app.simulating.clone().try_acquire_owned();
    let only = only.map_err(|_| ApiError::RateLimited(RETRY_AFTER_S))?;
    let (lines, mut unread) = mpsc::channel(UNREAD_MAX);
    let log = call.app.log_pool.clone();
    let (head, request_id) = (call.app.ledger.head(), call.correlation_id().to_string());
    let run = Run { head, simulation, lines, request_id };
    let runtime = tokio::runtime::Handle::current();
    drop(tokio::task::spawn_blocking(move || runtime.block_on(run.finish(log, only))));
    let lines = stream::poll_fn(move |context| {
        unread.poll_recv(context).map(|line| line.map(Ok::<_, std::convert::Infallible>))
    });
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").streaming(lines))
}

/// A line of the answer.
fn written(line: &ToldLine<impl Serialize>) -> Bytes {
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    Bytes::from(text)
}

impl<S: Telling> Run<S> {
    async fn finish(mut self, log: PgPool, only: OwnedSemaphorePermit) {
        let told = self.tell(&log).await;
        let Self { lines, simulation, head, request_id, .. } = self;
        let last = match told {
            Ok(End::Told) => simulation.result(head).map(|result| ToldLine::Result(Box::new(result))),
            Ok(End::Unheard) => return,
            Err(error) => Err(error),
        };
        let last = last.unwrap_or_else(|error| {
            error.log_cause(&request_id);
            let (code, message) = (error.code().to_owned(), error.message());
            ToldLine::Error(SimulationError { code, message })
        });
        // Whoever has read the last line may ask for another.
        drop(only);
        // It has a place of its own; nobody may be there to read it any more.
        let _unheard = lines.try_send(written(&last));
    }

    async fn tell(&mut self, log: &PgPool) -> Result<End, ApiError> {
        let head = self.head;
        let of = u64::try_from(count_members(log, head).await?).unwrap_or_default();
        self.tell_all(of, async |after| read_members(log, after, head).await).await
    }

    /// Tells the facts of `of` members again, page by page: those after a version of a stream.
    async fn tell_all(
        &mut self,
        of: u64,
        page_after: impl AsyncFn((Uuid, i32)) -> Result<Vec<StoredRow>, StoreError>,
    ) -> Result<End, ApiError> {
        let (mut members, mut progress_at) = (0, Instant::now());
        self.progress(members, of);
        let (mut after, mut facts) = ((Uuid::nil(), 0), Vec::new());
        while !self.lines.is_closed() {
            let rows = page_after(after).await?;
            let is_last = rows.len() < MEMBERS_PAGE;
            for StoredRow { row, .. } in rows {
                if row.stream_id != after.0 {
                    members += self.tell_one(after.0, &mut facts)?;
                }
                after = (row.stream_id, row.stream_version);
                facts.extend(Fact::of(&row).map_err(|error| unreadable(&error))?);
            }
            if is_last {
                members += self.tell_one(after.0, &mut facts)?;
                self.progress(members, of);
                return Ok(End::Told);
            }
            if progress_at.elapsed() >= TOLD_EVERY {
                progress_at = Instant::now();
                self.progress(members, of);
            }
        }
        Ok(End::Unheard)
    }

    /// Tells one member's facts again, if there are any; how many members that is.
    fn tell_one(&mut self, member: Uuid, facts: &mut Vec<Fact>) -> Result<u64, ApiError> {
        if facts.is_empty() {
            return Ok(0);
        }
        let told = self.simulation.member(MemberId::from_uuid(member), facts);
        facts.clear();
        told.map(|()| 1).map_err(not_told)
    }

    fn progress(&self, members: u64, of: u64) {
        let (_, purchases) = self.simulation.progress();
        let line = ToldLine::<S::Result>::Progress(SimulationProgress { members, of, purchases });
        // A reader who is slow misses some, and keeps nobody waiting: the last place is the last line's.
        if self.lines.capacity() > 1 {
            let _missed = self.lines.try_send(written(&line));
        }
    }
}

/// How far the telling came.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// To the end of the log.
    Told,
    /// To where the reader went away.
    Unheard,
}

/// Why a simulation ends without a result.
pub(super) fn not_told(error: NotSimulated) -> ApiError {
    match error {
        NotSimulated::OutOfRange => Rejection::AmountOutOfRange.into(),
        NotSimulated::Corrupt(corrupt) => unreadable(&corrupt),
        NotSimulated::TooMuch => ApiError::field("days", NotSimulated::TooMuch.to_string()),
    }
}

fn unreadable(error: &dyn std::error::Error) -> ApiError {
    tracing::error!(error = %error, "a member's history cannot be simulated");
    ApiError::HistoryUnreadable
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;

    use ledger_core::context::Registry;
    use ledger_core::policy::decide::first_policy;
    use ledger_core::policy::event::PolicyEvent;
    use ledger_core::time::Timestamp;
    use serde_json::json;

    use super::*;

    fn run() -> (Run<Simulation>, mpsc::Receiver<Bytes>) {
        let mut registry = Registry::default();
        registry.policies.apply(&PolicyEvent::PolicyPublished(first_policy().expect("defaults")));
        let moment = |text: &str| -> Timestamp { text.parse().expect("a time") };
        let trial = Trial {
            from: moment("2026-01-01T00:00:00Z"),
            to: moment("2026-02-01T00:00:00Z"),
            changes: BTreeMap::from([("rates.insider".to_owned(), json!("0.06"))]),
        };
        let simulation = Simulation::begin(&registry, trial).expect("a draft");
        let (lines, unread) = mpsc::channel(UNREAD_MAX);
        (Run { head: 9, simulation, lines, request_id: String::new() }, unread)
    }

    /// A page of members who have joined and done nothing else.
    fn page(first: u32, rows: usize) -> Vec<StoredRow> {
        let id = Uuid::nil();
        let row = |member: u32| {
            let row = json!({
                "event_id": id, "event_type": "MemberRegistered", "occurred_at": "2026-01-05T00:00:00.000000Z",
                "metadata": {
                    "actor": {"id": id, "kind": "system"}, "correlation_id": id, "idempotency_key": "",
                    "policy_version": 1, "rules_revision": 1, "source": "api",
                },
                "payload": {"registered_at": "2026-01-05T00:00:00.000000Z"},
                "position": member, "recorded_at": "2026-01-05T00:00:00.000000Z", "schema_version": 1,
                "stream_id": Uuid::from_u128(member.into()), "stream_type": "member", "stream_version": 1,
                "leaf_hash": "0".repeat(64),
            });
            serde_json::from_value(row).expect("a row")
        };
        (first + 1..).take(rows).map(row).collect()
    }

    fn number(member: Uuid) -> u32 {
        u32::try_from(member.as_u128()).expect("small")
    }

    #[actix_web::test]
    async fn rule_p3_the_log_is_told_page_by_page_to_its_end() {
        let (mut run, mut unread) = run();
        let pages = async |(member, _): (Uuid, i32)| {
            let rows = if member == Uuid::nil() { MEMBERS_PAGE } else { 2 };
            Ok(page(number(member), rows))
        };
        assert_eq!(run.tell_all(4_002, pages).await.expect("told"), End::Told);
        assert_eq!(run.simulation.report().members, 4_002);
        let first = unread.try_recv().expect("a line");
        assert_eq!(first, "{\"progress\":{\"members\":0,\"of\":4002,\"purchases\":0}}\n");
    }

    #[actix_web::test]
    async fn a_reader_who_goes_away_ends_it_however_long_the_log_is() {
        let (mut run, unread) = run();
        let (read, unread) = (Cell::new(0), Cell::new(Some(unread)));
        // It has no end; the reader goes while the second page is read.
        let endless = async |(member, _): (Uuid, i32)| {
            read.set(read.get() + 1);
            if read.get() == 2 {
                drop(unread.take());
            }
            assert!(read.get() < 5, "nobody listens");
            Ok(page(number(member), MEMBERS_PAGE))
        };
        assert_eq!(run.tell_all(1, endless).await.expect("no failure"), End::Unheard);
        assert_eq!(read.get(), 2);
    }

    #[actix_web::test]
    async fn a_reader_who_does_not_read_misses_progress_and_never_the_last_line() {
        let (run, mut unread) = run();
        (0..100).for_each(|members| run.progress(members, 100));
        run.lines.try_send(Bytes::from_static(b"last")).expect("a place");
        let mut lines = Vec::new();
        while let Ok(line) = unread.try_recv() {
            lines.push(line);
        }
        assert_eq!((lines.len(), lines.last().map(|line| &line[..])), (UNREAD_MAX, Some(&b"last"[..])));
    }
}
