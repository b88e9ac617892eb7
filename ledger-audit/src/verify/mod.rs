//! Whether a log is what was sealed: positions, hashes, bytes, checkpoints, signatures, the witness.
//!
//! | file | what |
//! |---|---|
//! | `line.rs` | one event by itself |
//! | `chain.rs` | all of them, and the checkpoints over them |
//! | `keys.rs` | who may sign, and when |
//! | `cosigned.rs` | what witnesses said of checkpoints |
//! | `limits.rs` | what that excludes, and what it does not |
//! | `pipeline.rs` | reading and hashing on one core, what follows on another |
//! | `findings.rs` | what is wrong, and what that comes to |

mod chain;
mod cosigned;
mod findings;
mod keys;
mod limits;
mod line;
mod pipeline;

pub use chain::{Chain, Length, Seen};
pub use cosigned::{Cosigned, Witnesses};
pub use findings::{Finding, Findings, Verdict, What};
pub use keys::Keys;
pub use line::{Checked, check};
pub use pipeline::{Events, run};

use chrono::TimeDelta;
use ledger_core::time::Timestamp;
use serde::Serialize;

use crate::bundle::{Bundle, CHECKPOINTS, Digest, EVENTS, KEYS, origin};
use crate::error::AuditError;
use crate::note::{Checkpoint, KeyKind, Note, VerifierKey};

/// How long events may wait to be sealed: the sealer takes about a second.
const UNSEALED_MAX: TimeDelta = TimeDelta::minutes(1);

/// What the auditor brings.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The keys she knows to be the log's. None: those that the log lists are taken.
    pub keys: Vec<VerifierKey>,
    /// What a witness has kept: a checkpoint, with its cosignature if it has one.
    pub witness: Option<Vec<u8>>,
    /// The keys of witnesses: what is in their hand is checked, on what was kept and on the log's checkpoints.
    pub witness_keys: Vec<VerifierKey>,
}

/// What a verification came to.
#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    /// What it comes to.
    pub verdict: Verdict,
    /// Which log.
    pub log_id: uuid::Uuid,
    /// How many events were read.
    pub events: u64,
    /// How many checkpoints were read.
    pub checkpoints: u64,
    /// The newest sealed size whose root holds.
    pub sealed: u64,
    /// Its root, hexadecimal.
    pub root: Option<String>,
    /// What the witness had seen; none without one.
    pub witnessed: Option<u64>,
    /// What witnesses whose keys were given cosigned of it, by the checkpoints that came with it.
    pub cosigned: Vec<Cosigned>,
    /// What is wrong.
    pub findings: Findings,
    /// What keeps it from deciding.
    pub undecided: Vec<String>,
    /// What is excluded, in plain words.
    pub excluded: Vec<String>,
    /// What is not excluded, in plain words.
    pub cannot_exclude: Vec<String>,
    /// What else there is to say.
    pub remarks: Vec<String>,
}

/// Verifies a bundle. `each` sees every event in order, with its fact if `decode` says so, and what is found there is added.
///
/// # Errors
/// [`AuditError`]: what keeps it from deciding.
pub fn bundle(
    bundle: &Bundle,
    trust: &Trust,
    decode: bool,
    each: &mut dyn FnMut(Checked, &mut Findings),
) -> Result<Verification, AuditError> {
    if let Some(other) = trust.witness_keys.iter().find(|key| key.kind() != KeyKind::Witness) {
        return Err(AuditError::Input(format!("--witness-key: `{other}` is not the key of a witness")));
    }
    let mut findings = Findings::default();
    let (lines, keys_digest) = bundle.keys()?;
    let keys = Keys::of(lines, &trust.keys, &mut findings);
    compare(bundle, KEYS, &keys_digest, &mut findings);
    let origin = origin(bundle.manifest.log_id);
    let mut remarks = bundle.remarks.clone();
    let seen = witnessed(trust, &origin, &keys, &mut findings, &mut remarks)?;
    let witnessed = seen.as_ref().map(|seen| seen.size);
    let has_keys = !keys.known().is_empty();
    let mut notes = bundle.checkpoints()?;
    let mut failed = None;
    let mut events = bundle.events()?;
    let (length, mut findings) = {
        let mut next = || match notes.read() {
            Ok(note) => note,
            Err(error) => {
                failed = Some(error);
                None
            }
        };
        let mut chain = Chain::begin(origin, keys, seen, &trust.witness_keys, &mut next, findings);
        run(&mut events, decode, &mut |checked| {
            chain.event(&checked);
            each(checked, &mut chain.findings);
        })?;
        chain.end(bundle.manifest.size)
    };
    if let Some(error) = failed {
        return Err(error);
    }
    compare(bundle, CHECKPOINTS, &notes.digest(), &mut findings);
    compare(bundle, EVENTS, &events.digest(), &mut findings);
    let log_id = bundle.manifest.log_id.as_uuid();
    let taken_at = bundle.manifest.exported_at;
    Ok(judge(log_id, &length, findings, Said { trust, witnessed, has_keys, remarks, taken_at }))
}

/// What is said beside what was found.
struct Said<'a> {
    trust: &'a Trust,
    witnessed: Option<u64>,
    has_keys: bool,
    remarks: Vec<String>,
    taken_at: Timestamp,
}

fn compare(bundle: &Bundle, name: &str, found: &Digest, findings: &mut Findings) {
    let text = match bundle.said_of(name) {
        Some(said) if said == found => return,
        Some(said) => format!(
            "{name} has {} bytes and SHA-256 {}; the manifest says {} and {}",
            found.bytes, found.sha256, said.bytes, said.sha256
        ),
        None => format!("the manifest does not name {name}"),
    };
    findings.add(What::File, None, text);
}

/// What the witness saw. What it kept is the auditor's own: if it cannot be read, nothing can be said.
fn witnessed(
    trust: &Trust,
    origin: &str,
    keys: &Keys,
    findings: &mut Findings,
    remarks: &mut Vec<String>,
) -> Result<Option<Seen>, AuditError> {
    let Some(kept) = &trust.witness else { return Ok(None) };
    let unusable = |why: String| AuditError::Input(format!("what the witness kept cannot be used: {why}"));
    let note = Note::parse(kept).map_err(|error| unusable(error.to_string()))?;
    let checkpoint = Checkpoint::parse(&note.text).map_err(|error| unusable(error.to_string()))?;
    if trust.witness_keys.is_empty() {
        remarks.push(
            "what the witness kept was taken as it is: with --witness-key its cosignature is checked as well"
                .to_owned(),
        );
    } else {
        note.signed_by(&trust.witness_keys).map_err(|error| unusable(error.to_string()))?;
    }
    if checkpoint.origin != origin {
        let text = format!("the witness watches the log `{}`, this is `{origin}`", checkpoint.origin);
        findings.add(What::Witness, Some(1), text);
        return Ok(None);
    }
    if let Err(error) = note.signed_by(keys.known()) {
        let text = format!("what the witness saw is not signed by a key of this log: {error}");
        findings.add(What::Witness, Some(1), text);
    }
    Ok(Some(Seen { size: checkpoint.size, root: checkpoint.root }))
}

fn judge(log_id: uuid::Uuid, length: &Length, findings: Findings, said: Said<'_>) -> Verification {
    let Said { trust, witnessed, has_keys, mut remarks, taken_at } = said;
    remarks.extend(limits::besides(length));
    let mut undecided = Vec::new();
    if length.events == 0 {
        undecided.push("the log has no events: there is nothing to verify".to_owned());
    } else if length.checkpoints == 0 {
        undecided.push(
            "nothing of this log is sealed: without a checkpoint its events vouch for themselves alone"
                .to_owned(),
        );
    } else if !has_keys {
        undecided.push("no key is known that could have signed: give one with --key".to_owned());
    } else if let Some(since) = waits_since(length, taken_at) {
        undecided.push(format!(
            "{} events from position {} on, the first of them of {since}, are signed by nobody, though a seal takes seconds: \
             whoever took their checkpoints away could have rewritten them without a key. Ask for the log anew when its seal \
             has caught up",
            length.events - length.sealed,
            length.sealed + 1
        ));
    }
    for key in &length.doubted {
        undecided.push(format!(
            "checkpoints are signed with `{key}`, which the log lists and you did not give: give every key since the beginning with \
             --key, as the operator publishes them, or find out whose it is"
        ));
    }
    for named in &length.witnesses.doubted {
        undecided.push(format!(
            "checkpoints carry cosignatures of `{named}`, the name of a witness whose key you gave and another key: give every key of that \
             witness with --witness-key, or find out who changed them"
        ));
    }
    let mut verification = Verification {
        verdict: Verdict::Undecided,
        log_id,
        events: length.events,
        checkpoints: length.checkpoints,
        sealed: length.sealed,
        root: length.root.map(hex::encode),
        witnessed,
        cosigned: length.witnesses.cosigned.clone(),
        excluded: limits::excluded(length, trust, witnessed, findings.is_empty()),
        findings,
        undecided,
        cannot_exclude: limits::cannot_exclude(length, trust, witnessed),
        remarks,
    };
    verification.settle();
    verification
}

/// Since when events wait to be sealed, if that is longer than it may be.
fn waits_since(length: &Length, taken_at: Timestamp) -> Option<Timestamp> {
    let (since, newest) = length.unsealed?;
    (newest.max(taken_at).since(since) > UNSEALED_MAX).then_some(since)
}

impl Verification {
    /// What it comes to by now.
    pub fn settle(&mut self) {
        self.verdict = match (self.findings.is_empty(), self.undecided.is_empty()) {
            (false, _) => Verdict::Tampered,
            (true, false) => Verdict::Undecided,
            (true, true) => Verdict::Clean,
        };
    }
}
