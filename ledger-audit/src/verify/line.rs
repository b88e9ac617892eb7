//! One line of events, checked by itself: its form, its hash, its bytes.
//!
//! The hash is of the bytes as they stand in the line, so it does not depend on how this program writes JSON; that the bytes
//! are the canonical ones is checked besides.

use ledger_core::log::{Event, Row, UnknownEvent};
use serde_json::error::Category;

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
    /// What this program does not know yet, where the fact was asked for.
    pub unknown: Option<String>,
    /// What is wrong with the line.
    pub faults: Vec<(What, String)>,
}

/// Checks a line without its newline; `whole` says whether it had one and could be kept. The fact is read if `decode` says so.
#[must_use]
pub fn check(line: &[u8], whole: bool, decode: bool) -> Checked {
    let mut checked = Checked {
        leaf: [0; 32],
        bytes: line.len(),
        row: None,
        event: None,
        unknown: None,
        faults: Vec::new(),
    };
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
            checked.fault(What::Form, format!("the event cannot be read: {}", kind(&error)));
            return checked;
        }
    };
    if row.canonical_json().ok().as_deref() != Some(event) {
        checked.fault(What::Encoding, "the event is not written in its canonical form (RFC 8785)");
    }
    if decode {
        match row.event() {
            Ok(event) => checked.event = Some(Box::new(event)),
            Err(UnknownEvent::Payload { event_type, source }) => {
                let text = format!("the payload is not a `{event_type}`: {}", kind(&source));
                checked.fault(What::Form, text);
            }
            // A type or a version that a newer program may have written; of none before the first.
            Err(error) if row.schema_version >= 1 => checked.unknown = Some(error.to_string()),
            Err(error) => checked.fault(What::Form, error.to_string()),
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

/// What kind of error it is: the parser's own words repeat what they could not read, which may be somebody's.
fn kind(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Io => "reading failed",
        Category::Syntax => "it is no JSON",
        Category::Data => "a field is missing, unknown or of another form",
        Category::Eof => "it ends too early",
    };
    if error.column() == 0 { what.to_owned() } else { format!("{what} (byte {})", error.column()) }
}
