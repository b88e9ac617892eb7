//! Who may sign, and when.

use ledger_audit::note::{KeyKind, SignerKey};
use ledger_audit::verify::{Trust, Verdict, What};
use ledger_core::log::Row;

use crate::tampering::{ROWS, found, judge, log};
use crate::town::Sealer;

#[test]
fn a_key_signs_in_its_period_alone() {
    let mut log = log();
    let id = log.shape.log_id;
    let middle = log.shape.checkpoints[5].sealed_at;
    let after = |at: ledger_core::time::Timestamp| at.plus(chrono_microsecond());
    // Rotation: the old key until the middle, then the new one.
    let new = Sealer { from: after(middle), until: None, ..Sealer::of(id, 2) };
    log.sealer.until = Some(after(middle));
    log.shape.keys = vec![log.sealer.line(), new.line()];
    let old = log.shape.clone();
    let mut rotated = log.shape.clone();
    rotated.seal(&new, &log.sizes);
    rotated.checkpoints.splice(..6, old.checkpoints[..6].to_vec());
    assert_eq!(judge(&rotated, &Trust::default()).verdict, Verdict::Clean);
    // The old key goes on: stolen.
    let told = judge(&old, &Trust::default());
    assert!(told.findings.has(What::KeyPeriod), "{:?}", told.findings);
    // Back-dated, so that the moment of sealing fits: what it covers was recorded later.
    let mut dated = old.clone();
    dated.checkpoints.iter_mut().for_each(|line| line.sealed_at = line.sealed_at.min(middle));
    let told = judge(&dated, &Trust::default());
    assert!(told.findings.has(What::KeyPeriod), "{:?}", told.findings);
    assert_eq!(told.verdict, Verdict::Tampered);
    // The new key before its time.
    let mut early = log.shape.clone();
    early.seal(&new, &log.sizes);
    let told = judge(&early, &Trust::default());
    assert!(told.findings.has(What::KeyPeriod), "{:?}", told.findings);
    // Back-dated events, hashed anew.
    for index in ROWS {
        let mut shape = rotated.clone();
        let mut row: Row = serde_json::from_slice(&shape.events[index].0).expect("a row");
        row.recorded_at = "2026-01-01T00:00:00.000000Z".parse().expect("a time");
        shape.events[index].0 = row.canonical_json().expect("canonical");
        shape.events[index].1 = ledger_audit::tree::leaf(&shape.events[index].0);
        found(&shape, What::Root, index, "back-dated");
    }
}

fn chrono_microsecond() -> chrono::TimeDelta {
    chrono::TimeDelta::microseconds(1)
}

#[test]
fn keys_that_are_none_are_found() {
    let log = log();
    let mut shape = log.shape.clone();
    shape.keys[0].key = shape.keys[0].key.replacen('+', "+0", 1);
    assert!(judge(&shape, &Trust::default()).findings.has(What::Key));
    let mut shape = log.shape.clone();
    let witness = SignerKey::from_seed("w", KeyKind::Witness, [1; 32]).expect("a key");
    shape.keys[0].key = witness.verifier().to_string();
    assert!(judge(&shape, &Trust::default()).findings.has(What::Key));
}
