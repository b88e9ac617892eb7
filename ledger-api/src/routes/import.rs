//! History by the stream: NDJSON in, NDJSON out, line by line and in order. Rule T6.
//!
//! A pipeline of three steps, each in the order of the file: read and check a line; look its member up; decide it. Many
//! lines are under way at once, so that they share look-ups and commits, but a member's lines are decided one after the
//! other. Memory is bounded: what the ledger does not take stops the reading of the body.
//!
//! Many clients (Python's `http.client` among them) send a body to its end before they read a byte of the answer. So the
//! lines are driven by a task of their own, and answers wait for their reader up to [`UNREAD_BYTES_MAX`]; beyond that the
//! body waits too. A client with more lines than that reads while it sends, or sends them in parts.
//!
//! A bad line is answered and goes by. A server that is away ends the import: every further line is refused with
//! UNAVAILABLE, so that no member's later line overtakes an earlier one. Running the same file again doubles nothing.

use std::cell::Cell;
use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Payload};
use futures::{Stream, StreamExt};
use ledger_core::context::Registry;
use ledger_core::ids::MemberId;
use ledger_core::time::Timestamp;
use tokio::sync::{Semaphore, mpsc};

use crate::body::check_type;
use crate::call::{Answer, Call};
use crate::dto::{Form, ImportOutcome};
use crate::intake::{self, Reported};
use crate::json::{FieldErrors, parse};
use crate::lines::{Line, lines};
use crate::problem::{ApiError, Cause};
use crate::query;
use crate::turns::Turns;

/// Answers written at once at most.
const ANSWERS_TOGETHER: usize = 64;
/// Answers of one import that wait to be read: those of some 400,000 lines.
const UNREAD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One import under way.
struct Importer {
    call: Call,
    registry: Arc<Registry>,
    newest: Cell<Option<Timestamp>>,
    turns: Rc<Turns>,
    stopped: Cell<bool>,
}

/// A line after its first step.
struct Checked {
    number: u64,
    external_id: Option<String>,
    reported: Result<Reported, ApiError>,
}

/// A line after its second step.
struct Found {
    number: u64,
    external_id: Option<String>,
    found: Result<Option<(Reported, MemberId)>, ApiError>,
}

pub(crate) async fn run(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    check_type(&call.http, &["application/x-ndjson", "application/jsonl", "application/json"])?;
    call.app.ledger.refresh().await;
    let in_flight = call.app.import_in_flight;
    let registry = call.app.ledger.registry();
    let importer = Rc::new(Importer {
        call,
        registry,
        newest: Cell::new(None),
        turns: Rc::default(),
        stopped: Cell::new(false),
    });
    let unread = read_later(answers(importer, payload, in_flight));
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").streaming(unread))
}

/// Goes on with the import whether or not its answers are read; ends it when nobody can read them any more.
fn read_later(
    answers: impl Stream<Item = ImportOutcome> + 'static,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let room = Arc::new(Semaphore::new(UNREAD_BYTES_MAX));
    let (sender, mut receiver) = mpsc::unbounded_channel();
    actix_web::rt::spawn(async move {
        let mut chunks = pin!(answers.ready_chunks(ANSWERS_TOGETHER).map(|some| joined(&some)));
        loop {
            let chunk = tokio::select! {
                chunk = chunks.next() => chunk,
                () = sender.closed() => None,
            };
            let Some(chunk) = chunk else { break };
            let bytes = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
            let taken = tokio::select! {
                taken = Arc::clone(&room).acquire_many_owned(bytes) => taken.ok(),
                () = sender.closed() => None,
            };
            let Some(taken) = taken else { break };
            if sender.send((chunk, taken)).is_err() {
                break;
            }
        }
    });
    futures::stream::poll_fn(move |context| {
        receiver.poll_recv(context).map(|next| next.map(|(chunk, _room)| Ok(chunk)))
    })
}

fn answers(importer: Rc<Importer>, payload: Payload, in_flight: usize) -> impl Stream<Item = ImportOutcome> {
    let (finder, decider) = (Rc::clone(&importer), Rc::clone(&importer));
    lines(payload)
        .map(move |line| importer.check(line))
        .map(move |checked| Rc::clone(&finder).find(checked))
        .buffered(in_flight)
        .map(move |found| decider.clone().queue(found))
        .buffered(in_flight)
}

fn joined(answers: &[ImportOutcome]) -> Bytes {
    let mut text = Vec::with_capacity(answers.len() * 192);
    for answer in answers {
        if serde_json::to_writer(&mut text, answer).is_err() {
            tracing::error!(line = answer.line, "an answer of an import cannot be written");
        }
        text.push(b'\n');
    }
    Bytes::from(text)
}

impl Importer {
    fn check(&self, line: Line) -> Checked {
        let number = line.number;
        let bytes = match line.bytes {
            Ok(bytes) => bytes,
            Err(error) => return Checked { number, external_id: None, reported: Err(error) },
        };
        let json = match parse(&bytes) {
            Ok(json) => json,
            Err(error) => return Checked { number, external_id: None, reported: Err(error.into()) },
        };
        let external_id = intake::external_id_of(&json);
        let reported = intake::read(&self.call, &self.registry, json, "", Form::Import);
        let reported = reported.and_then(|reported| self.in_order(reported));
        Checked { number, external_id, reported }
    }

    /// Rule T6: the file is sorted by time. A moment that has not come yet is Rule T3's matter, and no measure for
    /// the lines after it.
    fn in_order(&self, reported: Reported) -> Result<Reported, ApiError> {
        let at = reported.report.occurred_at;
        if self.newest.get().is_some_and(|newest| at < newest) {
            return Err(ApiError::NotSorted);
        }
        if at <= self.call.now() {
            self.newest.set(Some(at));
        }
        Ok(reported)
    }

    async fn find(self: Rc<Self>, checked: Checked) -> Found {
        let Checked { number, external_id, reported } = checked;
        let found = match reported {
            Ok(_) if self.stopped.get() => Err(stopped()),
            Ok(reported) => match intake::find_member(&self.call, &reported).await {
                Ok(member) => Ok(member.map(|member| (reported, member))),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        if matches!(found, Err(ApiError::Unavailable(_))) {
            self.stopped.set(true);
        }
        Found { number, external_id, found }
    }

    /// Takes the member's place in line at once (this runs in the order of the file), and decides when it is her turn.
    fn queue(self: Rc<Self>, line: Found) -> impl Future<Output = ImportOutcome> {
        let mut turn = match &line.found {
            Ok(Some((_, member))) => Some(self.turns.take(self.call.survivor(*member), line.number)),
            _ => None,
        };
        async move {
            if let Some(turn) = &mut turn {
                turn.comes().await;
            }
            let outcome = self.decide(&line.found).await;
            drop(turn);
            let became = match (outcome, line.found) {
                (Some(became), _) => became,
                (None, Err(error)) => Err(error),
                (None, Ok(_)) => Ok(intake::UNMATCHED),
            };
            if let Err(error) = &became {
                error.log_cause(&self.call.correlation_id().to_string());
                self.call.watch(error);
            }
            ImportOutcome { line: line.number, outcome: intake::item(line.external_id, became) }
        }
    }

    async fn decide(
        &self,
        found: &Result<Option<(Reported, MemberId)>, ApiError>,
    ) -> Option<Result<intake::Became, ApiError>> {
        let Ok(Some((reported, member))) = found else { return None };
        if self.stopped.get() {
            return Some(Err(stopped()));
        }
        let receipt = intake::decide(&self.call, reported, *member, Form::Import).await;
        let became = receipt.and_then(|receipt| intake::result_of(&receipt, self.call.survivor(*member)));
        if matches!(became, Err(ApiError::Unavailable(_))) {
            self.stopped.set(true);
        }
        Some(became)
    }
}

fn stopped() -> ApiError {
    ApiError::Unavailable(Cause::Stopped)
}

/// Only for a line that cannot be read at all.
pub(crate) fn unreadable(message: &str) -> ApiError {
    ApiError::Validation(FieldErrors::one("line", message))
}
