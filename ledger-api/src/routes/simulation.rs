//! A draft of a policy on a period of the real log: NDJSON out, progress and then the result. Rule P3.
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
use ledger_core::simulation::{Fact, NotSimulated, Report, Simulation, Trial};
use ledger_store::log::{MEMBERS_PAGE, StoredRow, count_members, read_members};
use sqlx::PgPool;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use uuid::Uuid;

use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, SimulationError, SimulationLine, SimulationProgress, SimulationResult, document};
use crate::problem::ApiError;
use crate::query;

/// The least time between two lines of progress.
const TOLD_EVERY: Duration = Duration::from_millis(500);
/// Lines that wait to be read; progress beyond them is not told.
const UNREAD_MAX: usize = 16;
/// Seconds after which a second simulation should be tried again.
const RETRY_AFTER_S: u64 = 10;

/// One simulation under way.
struct Run {
    log: PgPool,
    head: Position,
    simulation: Simulation,
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
    let simulation = Simulation::begin(&call.app.ledger.registry(), trial)?;
    let only = call.app.simulating.clone().try_acquire_owned();
    let only = only.map_err(|_| ApiError::RateLimited(RETRY_AFTER_S))?;
    let (lines, mut unread) = mpsc::channel(UNREAD_MAX);
    let run = Run {
        log: call.app.log_pool.clone(),
        head: call.app.ledger.head(),
        simulation,
        lines,
        request_id: call.correlation_id().to_string(),
    };
    let runtime = tokio::runtime::Handle::current();
    drop(tokio::task::spawn_blocking(move || runtime.block_on(run.finish(only))));
    let lines = stream::poll_fn(move |context| {
        unread.poll_recv(context).map(|line| line.map(Ok::<_, std::convert::Infallible>))
    });
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").streaming(lines))
}

/// A line of the answer.
fn written(line: &SimulationLine) -> Bytes {
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    Bytes::from(text)
}

impl Run {
    async fn finish(mut self, only: OwnedSemaphorePermit) {
        let told = self.tell_all().await;
        drop(only);
        let Self { lines, simulation, head, request_id, .. } = self;
        let last = match told {
            Ok(End::Told) => result(&simulation.report(), head),
            Ok(End::Unheard) => return,
            Err(error) => Err(error),
        };
        let last = last.unwrap_or_else(|error| {
            error.log_cause(&request_id);
            let (code, message) = (error.code().to_owned(), error.message());
            SimulationLine::Error(SimulationError { code, message })
        });
        // Nobody may be there to read it any more.
        let _unheard = lines.send(written(&last)).await;
    }

    /// Tells every member's facts again.
    async fn tell_all(&mut self) -> Result<End, ApiError> {
        let of = u64::try_from(count_members(&self.log, self.head).await?).unwrap_or_default();
        let (mut members, mut progress_at) = (0, Instant::now());
        self.progress(members, of);
        let (mut after, mut facts) = ((Uuid::nil(), 0), Vec::new());
        loop {
            let rows = read_members(&self.log, after, self.head).await?;
            let is_last = rows.len() < MEMBERS_PAGE;
            for StoredRow { row, .. } in rows {
                if row.stream_id != after.0 {
                    members += self.tell(after.0, &mut facts)?;
                }
                after = (row.stream_id, row.stream_version);
                facts.extend(Fact::of(&row).map_err(|error| unreadable(&error))?);
            }
            if is_last {
                members += self.tell(after.0, &mut facts)?;
                self.progress(members, of);
                return Ok(End::Told);
            }
            if self.lines.is_closed() {
                return Ok(End::Unheard);
            }
            if progress_at.elapsed() >= TOLD_EVERY {
                progress_at = Instant::now();
                self.progress(members, of);
            }
        }
    }

    /// Tells one member's facts again, if there are any; how many members that is.
    fn tell(&mut self, member: Uuid, facts: &mut Vec<Fact>) -> Result<u64, ApiError> {
        if facts.is_empty() {
            return Ok(0);
        }
        let told = self.simulation.member(MemberId::from_uuid(member), facts);
        facts.clear();
        match told {
            Ok(()) => Ok(1),
            Err(NotSimulated::OutOfRange) => Err(Rejection::AmountOutOfRange.into()),
            Err(NotSimulated::Corrupt(corrupt)) => Err(unreadable(&corrupt)),
        }
    }

    fn progress(&self, members: u64, of: u64) {
        let (_, purchases) = self.simulation.progress();
        let line = SimulationLine::Progress(SimulationProgress { members, of, purchases });
        // A reader who is slow misses some.
        let _missed = self.lines.try_send(written(&line));
    }
}

/// How far the telling came.
enum End {
    /// To the end of the log.
    Told,
    /// To where the reader went away.
    Unheard,
}

fn result(report: &Report, head: Position) -> Result<SimulationLine, ApiError> {
    let result = SimulationResult::of(report, head).ok_or(Rejection::AmountOutOfRange)?;
    Ok(SimulationLine::Result(Box::new(result)))
}

fn unreadable(error: &dyn std::error::Error) -> ApiError {
    tracing::error!(error = %error, "a member's history cannot be simulated");
    ApiError::HistoryUnreadable
}
