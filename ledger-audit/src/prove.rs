//! Proofs out of a log that one has: that an event is in it, that it only grew.
//!
//! Bounds: all leaf hashes, 32 bytes for each event.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::bundle::{Bundle, CheckpointLine};
use crate::error::AuditError;
use crate::receipt::{ListedKey, Receipt, proof_text};
use crate::tree::{Hash, consistency, inclusion};
use crate::verify::check;

/// That a log of one size is the beginning of it at another.
#[derive(Debug, Clone, Serialize)]
pub struct Consistency {
    /// The older size.
    pub from: u64,
    /// The newer size.
    pub to: u64,
    /// The proof, in base64.
    pub path: Vec<String>,
}

fn encoded(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(|hash| STANDARD.encode(hash)).collect()
}

/// The first `size` leaf hashes, and the event at `position`.
fn leaves(
    bundle: &Bundle,
    size: u64,
    position: Option<u64>,
) -> Result<(Vec<Hash>, Option<String>), AuditError> {
    let (mut lines, mut line) = (bundle.events()?, Vec::new());
    let (mut leaves, mut event) = (Vec::new(), None);
    let mut at = 0;
    while at < size
        && let Some(whole) = lines.read(&mut line)?
    {
        at += 1;
        let checked = check(&line, whole, false);
        if let Some((_, text)) = checked.faults.first() {
            return Err(AuditError::Input(format!("position {at}: {text}. Run `ledger-audit verify` first")));
        }
        if Some(at) == position {
            event = checked.row.and_then(|row| String::from_utf8(row.canonical_json().ok()?).ok());
        }
        leaves.push(checked.leaf);
    }
    if at < size {
        return Err(AuditError::Input(format!("the log has {at} events, {size} were asked for")));
    }
    Ok((leaves, event))
}

/// The newest checkpoint of the bundle, or that of `size`.
fn checkpoint(bundle: &Bundle, size: Option<u64>) -> Result<CheckpointLine, AuditError> {
    let mut notes = bundle.checkpoints()?;
    let mut found = None;
    while let Some(note) = notes.read()? {
        let Ok(line) = note else { continue };
        if size.is_none_or(|size| line.size == size) {
            found = Some(line);
        }
    }
    found.ok_or_else(|| {
        let which = size.map_or_else(String::new, |size| format!(" of {size}"));
        AuditError::Input(format!("the bundle has no checkpoint{which}: nothing signed to prove against"))
    })
}

/// The receipt of the event at `position`, in the tree of `size` or the newest.
///
/// # Errors
/// [`AuditError::Input`] for a position that is not sealed.
pub fn receipt(bundle: &Bundle, position: u64, size: Option<u64>) -> Result<Receipt, AuditError> {
    let line = checkpoint(bundle, size)?;
    let index = position.checked_sub(1).filter(|index| *index < line.size);
    let index = index.ok_or_else(|| {
        AuditError::Input(format!("position {position} is not among the {} that are sealed", line.size))
    })?;
    let (leaves, event) = leaves(bundle, line.size, Some(position))?;
    let place = usize::try_from(index).map_err(|error| AuditError::Input(error.to_string()))?;
    let unread = || AuditError::Input(format!("position {position} cannot be read"));
    let path = inclusion(&leaves, place).ok_or_else(unread)?;
    let leaf_hash = leaves.get(place).map(hex::encode).ok_or_else(unread)?;
    let (keys, _) = bundle.keys()?;
    let listed = keys.into_iter().filter_map(Result::ok).map(|key| ListedKey {
        verifier: key.key,
        valid_from: key.valid_from,
        valid_until: key.valid_until,
    });
    Ok(Receipt {
        position,
        index,
        tree_size: line.size,
        event: event.ok_or_else(unread)?,
        leaf_hash,
        proof: proof_text(index, &path, &line.note),
        path: encoded(&path),
        checkpoint: line.note,
        keys: listed.collect(),
    })
}

/// The proof that the log of `from` events is the beginning of that of `to`.
///
/// # Errors
/// [`AuditError::Input`] for sizes that it does not have.
pub fn grew(bundle: &Bundle, from: u64, to: u64) -> Result<Consistency, AuditError> {
    let (leaves, _) = leaves(bundle, to, None)?;
    let first = usize::try_from(from).ok().filter(|first| *first > 0);
    let proof = first.and_then(|first| consistency(&leaves, first));
    let reversed = || AuditError::Input(format!("a log of {to} events cannot follow one of {from}"));
    Ok(Consistency { from, to, path: encoded(&proof.ok_or_else(reversed)?) })
}
