//! The log as one chain: every event at its place, every checkpoint the tree of what stands before it.
//!
//! Why it is right:
//! 1. One tree is grown over the events in their order. A checkpoint whose root is this tree's at its size covers exactly
//!    these events; two that do are consistent with each other, since the one tree grew from the one to the other.
//! 2. Whatever does not hold is a finding with the first position that it is about. What was hashed anew shows only at the
//!    next checkpoint: then the position lies behind the last one that held.
//!
//! Bounds: one hash for each bit of the size, and a number for each stream.

use std::collections::HashMap;

use ledger_core::time::Timestamp;
use uuid::Uuid;

use super::cosigned::{Cosignatures, Cosigners, Witnesses};
use super::findings::{Findings, What};
use super::keys::Keys;
use super::line::Checked;
use crate::bundle::CheckpointLine;
use crate::note::{Checkpoint, Note, VerifierKey};
use crate::tree::{Frontier, Hash};

/// Where checkpoints come from, the smallest first. The inner error is of one that cannot be read.
pub(crate) type NextCheckpoint<'a> = dyn FnMut() -> Option<Result<CheckpointLine, String>> + 'a;

/// A checkpoint that has been read and believed, waiting for its place.
#[derive(Debug, Clone)]
struct Waiting {
    size: u64,
    root: Hash,
    /// Who signed, and when that is said to have been.
    signed: Vec<VerifierKey>,
    sealed_at: Timestamp,
    cosignatures: Cosignatures,
}

/// What a witness saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// How large the log was.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// A log under audit.
pub struct Chain<'a> {
    origin: String,
    keys: Keys,
    tree: Frontier,
    /// The position before the next one.
    passed: u64,
    /// Where the log would go on if the position that was not to come were right.
    instead: Option<u64>,
    /// When the first and the newest of the events behind the last sound checkpoint were recorded.
    unsealed: Option<(Timestamp, Timestamp)>,
    versions: HashMap<Uuid, i32>,
    next: &'a mut NextCheckpoint<'a>,
    waiting: Option<Waiting>,
    /// The size of the newest checkpoint read.
    newest: u64,
    /// The newest sealed size whose root holds.
    sound: u64,
    sound_root: Option<Hash>,
    checkpoints: u64,
    is_root_told: bool,
    seen: Option<Seen>,
    /// Whether the log is what the witness saw.
    is_met: bool,
    cosigners: Cosigners,
    /// Keys of the list that signed alone, and that the auditor did not bring.
    doubted: Vec<VerifierKey>,
    /// What was found.
    pub findings: Findings,
}

/// What the chain came to.
#[derive(Debug, Clone)]
pub struct Length {
    /// Events.
    pub events: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// The newest sealed size whose root holds.
    pub sealed: u64,
    /// Its root.
    pub root: Option<Hash>,
    /// When the first and the newest event behind it were recorded; none when all are sealed.
    pub unsealed: Option<(Timestamp, Timestamp)>,
    /// Keys that the log lists and the auditor did not bring, which alone signed a checkpoint.
    pub doubted: Vec<VerifierKey>,
    /// Whether the log is what the witness saw.
    pub is_met: bool,
    /// What cosignatures say.
    pub witnesses: Witnesses,
}

impl<'a> Chain<'a> {
    /// An audit of the log with this origin; cosignatures are checked with `witness_keys`.
    pub fn begin(
        origin: String,
        keys: Keys,
        seen: Option<Seen>,
        witness_keys: &[VerifierKey],
        next: &'a mut NextCheckpoint<'a>,
        findings: Findings,
    ) -> Self {
        let mut chain = Self {
            origin,
            keys,
            tree: Frontier::default(),
            passed: 0,
            instead: None,
            unsealed: None,
            versions: HashMap::new(),
            next,
            waiting: None,
            newest: 0,
            sound: 0,
            sound_root: None,
            checkpoints: 0,
            is_root_told: false,
            seen,
            is_met: false,
            cosigners: Cosigners::of(witness_keys),
            doubted: Vec::new(),
            findings,
        };
        chain.read_next();
        chain
    }

    /// The next event.
    pub fn event(&mut self, checked: &Checked) {
        let position = Some(self.place(checked));
        for (what, text) in &checked.faults {
            self.findings.add(*what, position, text.clone());
        }
        if let Some(row) = &checked.row {
            let version = self.versions.entry(row.stream_id).or_default();
            let next = version.saturating_add(1);
            if row.stream_version != next {
                let text = format!(
                    "stream {} goes on with version {}, {next} was to come",
                    row.stream_id, row.stream_version
                );
                self.findings.add(What::StreamVersion, position, text);
            }
            *version = row.stream_version;
            let since = self.unsealed.map_or(row.recorded_at, |(since, _)| since);
            let until = self.unsealed.map_or(row.recorded_at, |(_, until)| until.max(row.recorded_at));
            self.unsealed = Some((since, until));
        }
        self.tree.push(checked.leaf);
        self.compare();
    }

    /// The place of an event. One that stands elsewhere than it says is one finding: if the log goes on from what it says, it
    /// is a gap or a repetition, else that one position was changed.
    fn place(&mut self, checked: &Checked) -> u64 {
        let expected = self.passed + 1;
        let named = checked.row.as_ref().and_then(|row| u64::try_from(row.position).ok());
        let instead = self.instead.take();
        self.passed = match (&checked.row, named) {
            (Some(_), Some(named)) if named == expected || Some(named) == instead => named,
            (Some(row), _) => {
                let text = format!("here stands position {}, {expected} was to come", row.position);
                self.findings.add(What::Position, Some(expected), text);
                self.instead = named.and_then(|named| named.checked_add(1));
                expected
            }
            (None, _) => expected,
        };
        self.passed
    }

    /// Compares checkpoints and the witness with the tree as it is.
    fn compare(&mut self) {
        let size = self.tree.size();
        if let Some(seen) = self.seen.take_if(|seen| seen.size == size) {
            self.is_met = seen.root == self.tree.root();
            if !self.is_met {
                let from = self.wrong_since(size);
                let text = "the witness saw other events up to this size: a fork";
                self.findings.add_range(What::Witness, Some(from), Some(size), text);
            }
        }
        while let Some(waiting) = self.waiting.take_if(|waiting| waiting.size == size) {
            let root = self.tree.root();
            if waiting.root == root {
                self.covered(&waiting);
                self.cosigners.holds(size, &waiting.cosignatures);
                (self.sound, self.sound_root) = (size, Some(root));
                self.unsealed = None;
            } else if !self.is_root_told {
                // What follows is another tree as well: said once.
                self.is_root_told = true;
                let from = self.wrong_since(size);
                let cosigned = self.cosigners.named(&waiting.cosignatures);
                let cosigned =
                    cosigned.map_or_else(String::new, |names| format!(", nor what a witness saw ({names})"));
                let text = format!(
                    "the checkpoint of {size} is of other events: one from {from} on is not what was sealed{cosigned}"
                );
                self.findings.add_range(What::Root, Some(from), Some(size), text);
            }
            self.read_next();
        }
    }

    /// Where the tree of `size` may begin to be another: behind what held last, or where something was found already.
    fn wrong_since(&self, size: u64) -> u64 {
        let least = (self.sound + 1).min(size);
        self.findings.first_bad.filter(|first| (least..=size).contains(first)).unwrap_or(least)
    }

    /// Whether who signed was to sign then what it covers anew, and is believed.
    fn covered(&mut self, waiting: &Waiting) {
        let recorded = self.unsealed.map(|(_, newest)| newest);
        if let Some(signer) = waiting.signed.first()
            && !waiting.signed.iter().any(|key| self.keys.is_trusted(key))
            && !self.doubted.contains(signer)
        {
            self.doubted.push(signer.clone());
        }
        let holds = |key| self.keys.signs_at(key, waiting.sealed_at, recorded);
        if !waiting.signed.iter().any(holds) {
            let named: Vec<&str> = waiting.signed.iter().map(VerifierKey::name).collect();
            let text = format!(
                "the checkpoint of {} is signed outside the period of its key ({})",
                waiting.size,
                named.join(", ")
            );
            self.findings.add_range(What::KeyPeriod, Some(self.sound + 1), Some(waiting.size), text);
        }
    }

    /// Reads checkpoints up to the next one that can be believed.
    fn read_next(&mut self) {
        while let Some(read) = (self.next)() {
            self.checkpoints += 1;
            let before = self.newest;
            let after = Some(before + 1);
            let line = match read {
                Ok(line) => line,
                Err(text) => {
                    let text = format!("what follows the checkpoint of {before} {text}");
                    self.findings.add(What::Note, after, text);
                    continue;
                }
            };
            let checkpoint = match self.believe(&line) {
                Ok(checkpoint) => checkpoint,
                Err((what, text)) => {
                    let text = format!("the checkpoint kept as that of {}: {text}", line.size);
                    self.findings.add_range(what, after, Some(line.size.max(before + 1)), text);
                    continue;
                }
            };
            for error in &checkpoint.cosignatures.wrong {
                let text = format!("the cosignatures of the checkpoint of {}: {error}", checkpoint.size);
                let until = Some(checkpoint.size.max(before + 1));
                self.findings.add_range(What::Witness, after, until, text);
            }
            if checkpoint.size <= before {
                let (what, text) = if checkpoint.size == before {
                    (What::Fork, format!("there are two checkpoints of {before}"))
                } else {
                    (
                        What::Note,
                        format!("the checkpoint of {} stands behind that of {before}", checkpoint.size),
                    )
                };
                self.findings.add(what, Some(checkpoint.size), text);
                continue;
            }
            self.newest = checkpoint.size;
            self.waiting = Some(checkpoint);
            return;
        }
    }

    fn believe(&mut self, line: &CheckpointLine) -> Result<Waiting, (What, String)> {
        let note = Note::parse(line.note.as_bytes()).map_err(|error| (What::Note, error.to_string()))?;
        let signed =
            note.signed_by(self.keys.known()).map_err(|error| (What::Signature, error.to_string()))?;
        let signed = signed.into_iter().cloned().collect();
        let checkpoint = Checkpoint::parse(&note.text).map_err(|error| (What::Note, error.to_string()))?;
        if checkpoint.origin != self.origin {
            let text = format!("it is of the log `{}`, this is `{}`", checkpoint.origin, self.origin);
            return Err((What::Origin, text));
        }
        if checkpoint.size != line.size {
            return Err((What::Note, format!("it says {}", checkpoint.size)));
        }
        let cosignatures = self.cosigners.read(&note, self.keys.known());
        let Checkpoint { size, root, .. } = checkpoint;
        Ok(Waiting { size, root, signed, sealed_at: line.sealed_at, cosignatures })
    }

    /// The end of the log, which is to have `head` events.
    pub fn end(mut self, head: u64) -> (Length, Findings) {
        let events = self.tree.size();
        if self.passed != head {
            let (what, missing) = (What::Behind, self.passed.min(head) + 1);
            let text =
                format!("the log is said to end at position {head}, its events end at {}", self.passed);
            self.findings.add(what, Some(missing), text);
        }
        let mut is_behind_told = false;
        while let Some(waiting) = self.waiting.take() {
            if !is_behind_told {
                let text = format!("{} events were sealed, {events} are there", waiting.size);
                self.findings.add_range(What::Behind, Some(events + 1), Some(waiting.size), text);
            }
            is_behind_told = true;
            self.read_next();
        }
        if let Some(seen) = &self.seen {
            let text = format!("the witness saw {} events, {events} are there", seen.size);
            self.findings.add_range(What::Witness, Some(events + 1), Some(seen.size), text);
        }
        let (sealed, root, checkpoints) = (self.sound, self.sound_root, self.checkpoints);
        let (unsealed, doubted, is_met) = (self.unsealed, self.doubted, self.is_met);
        let witnesses = self.cosigners.end();
        let length = Length { events, checkpoints, sealed, root, unsealed, doubted, is_met, witnesses };
        (length, self.findings)
    }
}
