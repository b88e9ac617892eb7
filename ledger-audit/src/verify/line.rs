//! One line of events, checked by itself: its form, its hash, its bytes.
//!
//! The hash is of the bytes as they stand in the line, so it does not depend on how this program writes JSON; that the bytes
//! are the canonical ones is checked besides.

use ledger_core::log::{Event, Row};

use super::findings::What;
use crate::bundle::{EVENT_BEGINS, HASH_BEGINS, HASH_ENDS};
use crate::tree::{self, Hash};

/// A line, checked.
#[derive(Debug)]
pub struct Checked {
    /// The hash of what the line says.
    pub leaf: Hash,
    /// How many bytes it has.
    pub bytes: usize,
    /// The event's envelope, where the line can be read.
    pub row: Option<Box<Row>>,
    /// The fact, where it was asked for and can be read.
    pub event: Option<Box<Event>>,
    /// What is wrong with the line.
    pub faults: Vec<(What, String)>,
}

/// Checks a line without its newline; `whole` says whether it had one and could be kept. The fact is read if `decode` says so.
#[must_use]
pub fn check(line: &[u8], whole: bool, decode: bool) -> Checked {
    let mut checked =
        Checked { leaf: [0; 32], bytes: line.len(), row: None, event: None, faults: Vec::new() };
    let Some((event, hash)) = whole.then(|| parts(line)).flatten() else {
        checked.leaf = tree::leaf(line);
        checked.fault(
            What::Form,
            "the line is not `{\"event\":…,\"leaf_hash\":\"…\"}` with a newline behind it",
        );
        return checked;
    };
    checked.leaf = tree::leaf(event);
    if hex::encode(checked.leaf).as_bytes() != hash {
        let text =
            format!("the event hashes to {}, beside it stands another hash", hex::encode(checked.leaf));
        checked.fault(What::LeafHash, text);
    }
    let row: Row = match serde_json::from_slice(event) {
        Ok(row) => row,
        Err(error) => {
            checked.fault(What::Form, format!("the event cannot be read: {error}"));
            return checked;
        }
    };
    if row.canonical_json().ok().as_deref() != Some(event) {
        checked.fault(What::Encoding, "the event is not written in its canonical form (RFC 8785)");
    }
    if decode {
        match row.event() {
            Ok(event) => checked.event = Some(Box::new(event)),
            Err(error) => checked.fault(What::Form, said(&error)),
        }
    }
    checked.row = Some(Box::new(row));
    checked
}

impl Checked {
    fn fault(&mut self, what: What, text: impl Into<String>) {
        self.faults.push((what, text.into()));
    }
}

/// The bytes of the event, and of its hash.
fn parts(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = line.strip_prefix(EVENT_BEGINS)?.strip_suffix(HASH_ENDS)?;
    let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(64)?)?;
    Some((rest.strip_suffix(HASH_BEGINS)?, hash))
}

/// An error with what caused it.
fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
