//! Cosignatures that came with checkpoints: what witnesses saw, in their own hand. C2SP tlog-cosignature.
//!
//! A cosignature is a witness's word that the log grew to this checkpoint from all that it saw before. It counts for a checkpoint
//! whose root is the log's. What one of the auditor's witnesses signed and stands under another name is found. What stands under a
//! witness's name and names another key may be of an older key of it, or may have been changed: she has to say which. What names
//! nobody whose key she gave proves nothing.
//!
//! Bounds: two numbers for each witness, and twice [`STRANGERS_MAX`] names.

use std::slice;

use ledger_core::time::Timestamp;
use serde::Serialize;

use crate::note::{Note, Signature, VerifierKey};

/// How many signers that nobody knows are named.
const STRANGERS_MAX: usize = 20;

/// The newest checkpoint that a witness cosigned, of those that are of this log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cosigned {
    /// Its key, as signature lines name it: `name+id`.
    pub witness: String,
    /// How many events it saw.
    pub size: u64,
    /// When, by its clock; none when it does not say so, or at no time that there is.
    pub at: Option<Timestamp>,
}

/// What the witnesses whose keys were given say of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Witnesses {
    /// The newest checkpoint that each has cosigned.
    pub cosigned: Vec<Cosigned>,
    /// Those that have cosigned none.
    pub absent: Vec<String>,
    /// Keys that were not given and have the name of one that was; not checked.
    pub doubted: Vec<String>,
    /// Who else has signed checkpoints; not checked.
    pub strangers: Vec<String>,
}

/// The cosignatures of one checkpoint.
#[derive(Debug, Clone, Default)]
pub(super) struct Cosignatures {
    /// Those that hold: which witness's, and when it says that it saw it.
    sound: Vec<(usize, u64)>,
    /// What is wrong with the others.
    pub(super) wrong: Vec<String>,
}

/// A witness, and what it saw last: how many events, and when.
type Cosigner = (VerifierKey, Option<(u64, u64)>);

/// The witnesses of a log under audit.
#[derive(Debug, Default)]
pub(super) struct Cosigners {
    witnesses: Vec<Cosigner>,
    doubted: Vec<String>,
    strangers: Vec<String>,
}

impl Cosigners {
    /// Those with these keys.
    pub(super) fn of(keys: &[VerifierKey]) -> Self {
        let mut witnesses: Vec<Cosigner> = Vec::new();
        for key in keys {
            if !witnesses.iter().any(|(known, _)| known == key) {
                witnesses.push((key.clone(), None));
            }
        }
        Self { witnesses, ..Self::default() }
    }

    /// What they say under `note`, which one of `log_keys` has signed.
    pub(super) fn read(&mut self, note: &Note, log_keys: &[VerifierKey]) -> Cosignatures {
        let mut read = Cosignatures::default();
        for (index, (key, _)) in self.witnesses.iter().enumerate() {
            match note.signers(slice::from_ref(key)) {
                Ok(signers) if signers.is_empty() => {}
                Ok(_) => {
                    let own = note.signatures.iter().find(|signature| signature.is_of(key));
                    read.sound.push((index, own.and_then(Signature::seen_at).unwrap_or(0)));
                }
                Err(error) => read.wrong.push(error.to_string()),
            }
        }
        for signature in &note.signatures {
            let is_its = |key: &VerifierKey| signature.is_of(key);
            if log_keys.iter().any(is_its) || self.witnesses.iter().any(|(key, _)| is_its(key)) {
                continue;
            }
            let named = signature.named();
            let signed = |(key, _): &&Cosigner| key.verifies(&note.text, &signature.bytes);
            match self.witnesses.iter().find(signed) {
                Some((key, _)) => {
                    read.wrong
                        .push(format!("what `{}` signed stands under the name of `{named}`", key.named()));
                }
                None => {
                    let is_named = self.witnesses.iter().any(|(key, _)| key.name() == signature.name);
                    let names = if is_named { &mut self.doubted } else { &mut self.strangers };
                    if names.len() < STRANGERS_MAX && !names.contains(&named) {
                        names.push(named);
                    }
                }
            }
        }
        read
    }

    /// The checkpoint of `size` with these cosignatures is of this log.
    pub(super) fn holds(&mut self, size: u64, read: &Cosignatures) {
        for (index, at) in &read.sound {
            if let Some((_, newest)) = self.witnesses.get_mut(*index) {
                *newest = Some((size, *at));
            }
        }
    }

    /// Whose cosignatures these are; none when there is none.
    pub(super) fn named(&self, read: &Cosignatures) -> Option<String> {
        let witness = |(index, _): &(usize, u64)| self.witnesses.get(*index).map(|(key, _)| key.named());
        let names: Vec<String> = read.sound.iter().filter_map(witness).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// What they came to.
    pub(super) fn end(self) -> Witnesses {
        let Self { witnesses, doubted, strangers } = self;
        let mut all = Witnesses { doubted, strangers, ..Witnesses::default() };
        for (key, newest) in witnesses {
            match newest {
                Some((size, at)) => {
                    all.cosigned.push(Cosigned { witness: key.named(), size, at: moment(at) })
                }
                None => all.absent.push(key.named()),
            }
        }
        all
    }
}

/// So many seconds since 1970; 0 is no moment.
fn moment(seconds: u64) -> Option<Timestamp> {
    let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
    Timestamp::from_micros(micros).filter(|at| *at > Timestamp::BEGINNING)
}
