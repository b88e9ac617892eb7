//! Sends lines as streamed NDJSON and reads the answers as they come.
//!
//! Why nothing is lost or doubled:
//! 1. Answers come in the order of the lines, one for each. A line is done when its answer is here; `done` counts them.
//! 2. After a broken connection everything from the first line without an answer is sent again. What the service had
//!    taken already is answered `replayed`: a purchase's natural key is kept for ever (Rule D1).
//! 3. The stream is pulled by the connection, so a slow service slows the reading of the file; a segment
//!    ([`SEGMENT_LINES`]) is what is held in memory.

use std::convert::Infallible;

use futures::StreamExt;
use reqwest::Body;
use serde::Deserialize;

use super::error::ImportError;
use super::progress::Progress;
use super::report::{Outcome, Report};
use super::service::{Envelope, Failure, Patience, Service, succeeded};

/// Lines of one request: enough that a request's own cost does not count, little enough to be held for another try.
pub(crate) const SEGMENT_LINES: usize = 10_000;
const CHUNK_LINES: usize = 100;
/// An answer line is a few hundred bytes; one that never ends is not an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The code of a line that was refused only because something is away for now.
const AWAY: &str = "UNAVAILABLE";

/// A line on its way.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    /// Its number in the file.
    pub(crate) number: u64,
    /// To match the answer.
    pub(crate) external_id: String,
    /// What is sent.
    pub(crate) text: String,
}

/// One line of the answer.
#[derive(Debug, Deserialize)]
struct Answer {
    external_id: Option<String>,
    outcome: Outcome,
    #[serde(default)]
    code: Option<String>,
}

/// Where answers go.
pub(crate) struct Ledger<'a> {
    pub(crate) service: &'a Service,
    pub(crate) patience: Patience,
    pub(crate) report: &'a mut Report,
    pub(crate) progress: &'a mut Progress,
}

impl Ledger<'_> {
    /// Sends a segment, again and again if need be, until every line is answered.
    pub(crate) async fn send(&mut self, segment: &[Outgoing]) -> Result<(), ImportError> {
        let mut done = 0;
        while let Some(rest) = segment.get(done..).filter(|rest| !rest.is_empty()) {
            let before = done;
            if let Err(failure) = self.attempt(rest, &mut done).await {
                if done > before {
                    self.patience.progress();
                }
                if let Failure::Passing(reason) = &failure {
                    self.progress
                        .note(&format!("{reason}; trying again from line {}", line_at(segment, done)));
                }
                self.patience.wait(failure).await?;
            }
        }
        self.patience.progress();
        Ok(())
    }

    async fn attempt(&mut self, lines: &[Outgoing], done: &mut usize) -> Result<(), Failure> {
        let chunks: Vec<Vec<u8>> = lines.chunks(CHUNK_LINES).map(joined).collect();
        let body = Body::wrap_stream(futures::stream::iter(chunks).map(Ok::<_, Infallible>));
        let request = self.service.post("/admin/import").header("Content-Type", "application/x-ndjson");
        let response = succeeded("importing", request.body(body).send().await?).await?;
        let mut stream = response.bytes_stream();
        let mut waiting = lines.iter();
        let mut buffer: Vec<u8> = Vec::new();
        while let Some(chunk) = stream.next().await {
            buffer.extend_from_slice(&chunk?);
            let mut taken = 0;
            while let Some(length) = buffer[taken..].iter().position(|byte| *byte == b'\n') {
                let answer = &buffer[taken..taken + length];
                taken += length + 1;
                if answer.trim_ascii().is_empty() {
                    continue;
                }
                let line = waiting.next().ok_or_else(|| protocol("more answers than lines".to_owned()))?;
                self.take(line, answer)?;
                *done += 1;
            }
            buffer.drain(..taken);
            if buffer.len() > ANSWER_BYTES_MAX {
                return Err(protocol("an endless answer".to_owned()));
            }
        }
        match waiting.next() {
            None => Ok(()),
            Some(_) => Err(Failure::Passing("the answer broke off".to_owned())),
        }
    }

    fn take(&mut self, line: &Outgoing, answer: &[u8]) -> Result<(), Failure> {
        let answer: Answer = match serde_json::from_slice(answer) {
            Ok(answer) => answer,
            Err(_) => return Err(broken(answer)),
        };
        // A line the service could not read has no number to repeat.
        if answer.external_id.as_ref().is_some_and(|id| *id != line.external_id) {
            return Err(protocol(format!("the answer to line {} names another purchase", line.number)));
        }
        // The service went away in the middle: this line and all behind it were not looked at.
        if answer.outcome == Outcome::Refused && answer.code.as_deref() == Some(AWAY) {
            return Err(Failure::Passing("the service's database is away".to_owned()));
        }
        let noted = self.report.answered(line.number, answer.outcome, answer.code.as_deref());
        noted.map_err(Failure::Final)?;
        self.progress.advance(1);
        Ok(())
    }
}

/// A failure envelope in the middle of the answers: the service stopped there.
fn broken(answer: &[u8]) -> Failure {
    match serde_json::from_slice::<Envelope>(answer) {
        Ok(envelope) => Failure::Passing(format!("the service stopped: {}", envelope.error.code)),
        Err(_) => protocol("a line that is no outcome".to_owned()),
    }
}

fn protocol(problem: String) -> Failure {
    Failure::Final(ImportError::Protocol(problem))
}

fn joined(lines: &[Outgoing]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(lines.iter().map(|line| line.text.len() + 1).sum());
    for line in lines {
        bytes.extend_from_slice(line.text.as_bytes());
        bytes.push(b'\n');
    }
    bytes
}

fn line_at(segment: &[Outgoing], done: usize) -> u64 {
    segment.get(done).or(segment.last()).map_or(0, |line| line.number)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::{Reaction, serve};
    use super::*;

    fn segment(count: u64) -> Vec<Outgoing> {
        let line = |number| Outgoing {
            number,
            external_id: format!("r{number}"),
            text: format!("{{\"external_id\":\"r{number}\"}}"),
        };
        (1..=count).map(line).collect()
    }

    async fn import(reactions: Vec<Reaction>, lines: u64) -> (Result<(), ImportError>, String, Vec<usize>) {
        let (url, task) = serve(reactions).await;
        let service = Service::new(&url, "key").unwrap();
        let mut report = Report::new(None).unwrap();
        let mut progress = Progress::new("purchases", lines);
        let patience = Patience::new(Duration::from_secs(20));
        let mut ledger = Ledger { service: &service, patience, report: &mut report, progress: &mut progress };
        let ended = ledger.send(&segment(lines)).await;
        let requests = task.await.unwrap().iter().map(Vec::len).collect();
        let counts = report.summary(Duration::from_secs(1));
        (ended, counts.split(';').next().unwrap_or_default().to_owned(), requests)
    }

    #[tokio::test]
    async fn every_line_is_answered_once() {
        let (ended, counts, requests) = import(vec![Reaction::Answer], 1_234).await;
        ended.unwrap();
        assert_eq!((counts.as_str(), requests), ("1234 created", vec![1_234]));
    }

    #[tokio::test]
    async fn a_broken_connection_goes_on_at_the_first_line_without_an_answer() {
        let reactions = vec![
            Reaction::Hang,
            Reaction::BreakAfter(300),
            Reaction::Status(503, "UNAVAILABLE"),
            Reaction::BreakAfter(0),
            Reaction::Answer,
        ];
        let (ended, counts, requests) = import(reactions, 1_000).await;
        ended.unwrap();
        assert_eq!(requests, [1_000, 1_000, 700, 700, 700]);
        // The 700 lines behind the break were taken, only their answers were lost.
        assert_eq!(counts, "300 created, 700 replayed");
    }

    #[tokio::test]
    async fn a_refusal_of_the_whole_is_not_tried_again() {
        let (ended, _, requests) = import(vec![Reaction::Status(403, "FORBIDDEN")], 3).await;
        let error = ended.unwrap_err();
        assert_eq!((error.exit_code(), requests), (2, vec![3]));
        assert!(error.to_string().contains("FORBIDDEN"), "{error}");
    }
}
