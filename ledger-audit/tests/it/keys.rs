//! Who may sign, and when.

use ledger_audit::note::{KeyKind, SignerKey};
use ledger_audit::verify::{Trust, Verdict, What};
use ledger_core::log::Row;

use crate::tampering::{ROWS, found, judge, log};
use crate::town::{Sealer, Shape};

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

#[test]
fn a_stolen_old_key_is_found_though_it_is_the_one_that_was_given() {
    let (shape, old, new) = rotated();
    let keys = |given: &[&Sealer]| Trust {
        keys: given.iter().map(|sealer| sealer.key.verifier().clone()).collect(),
        ..Trust::default()
    };
    assert_eq!(judge(&shape, &keys(&[&old, &new])).verdict, Verdict::Clean);
    // The newest alone: what the old one signed cannot be decided, and nobody is accused.
    let told = judge(&shape, &keys(&[&new]));
    assert_eq!(told.verdict, Verdict::Undecided, "{:?}", told.findings);
    assert!(told.undecided[0].contains("every key since the beginning"), "{:?}", told.undecided);
    assert!(told.cannot_exclude.iter().any(|text| text.contains("the log's own word")));
    // The old one goes on, and ends with the new one's beginning, given or not.
    let mut stolen = shape.clone();
    stolen.seal(&old, &SIZES);
    for given in [&[&old][..], &[&old, &new], &[]] {
        let told = judge(&stolen, &keys(given));
        assert_eq!(told.verdict, Verdict::Tampered);
        assert!(told.findings.has(What::KeyPeriod), "{:?}", told.findings);
    }
    // Without the new one on the list, what was given and is not there is found.
    stolen.keys.pop();
    let told = judge(&stolen, &keys(&[&old, &new]));
    assert_eq!(told.verdict, Verdict::Tampered);
    assert!(told.findings.has(What::Key), "{:?}", told.findings);
}

const SIZES: [u64; 12] = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120];

/// A log whose key changed in the middle, with both keys.
fn rotated() -> (Shape, Sealer, Sealer) {
    let mut log = log();
    let change = log.shape.checkpoints[5].sealed_at.plus(chrono_microsecond());
    let new = Sealer { from: change, until: None, ..Sealer::of(log.shape.log_id, 2) };
    log.shape.keys = vec![log.sealer.line(), new.line()];
    let before = log.shape.checkpoints[..6].to_vec();
    log.shape.seal(&new, &SIZES);
    log.shape.checkpoints.splice(..6, before);
    (log.shape, log.sealer, new)
}

#[test]
fn a_clock_that_ran_ahead_before_the_key_changed_is_no_alarm() {
    let (mut shape, old, new) = rotated();
    // The machine's clock was three hours ahead at the fifth event, and was set right.
    let mut row: Row = serde_json::from_slice(&shape.events[4].0).expect("a row");
    row.recorded_at = shape.checkpoints[5].sealed_at.plus(chrono::TimeDelta::hours(3));
    shape.events[4].0 = row.canonical_json().expect("canonical");
    shape.events[4].1 = ledger_audit::tree::leaf(&shape.events[4].0);
    let moments: Vec<_> = shape.checkpoints.iter().map(|line| line.sealed_at).collect();
    shape.seal(&new, &SIZES);
    let late = shape.checkpoints.split_off(6);
    shape.seal(&old, &SIZES);
    shape.checkpoints.splice(6.., late);
    shape.checkpoints.iter_mut().zip(moments).for_each(|(line, at)| line.sealed_at = at);
    let told = judge(&shape, &Trust::default());
    // Only the first checkpoint covers it; those of the same key after it do not.
    assert!(told.findings.told.iter().all(|finding| finding.position == Some(1)), "{:?}", told.findings);
}
