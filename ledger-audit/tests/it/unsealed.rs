//! What nobody has signed for is not called right.

use chrono::TimeDelta;
use ledger_audit::verify::{Trust, Verdict};
use ledger_core::log::Row;

use crate::tampering::{judge, log};

#[test]
fn what_nobody_sealed_is_not_called_right() {
    let mut log = log();
    log.shape.checkpoints.clear();
    let told = judge(&log.shape, &Trust::default());
    assert_eq!((told.verdict, told.verdict.exit_code()), (Verdict::Undecided, 2));
    log.shape.events.clear();
    assert_eq!(judge(&log.shape, &Trust::default()).verdict, Verdict::Undecided);
}

#[test]
fn a_log_rewritten_behind_the_one_checkpoint_that_was_left_is_not_called_right() {
    let log = log();
    let mut shape = log.shape.clone();
    shape.checkpoints.truncate(1);
    for (event, hash) in shape.events.iter_mut().skip(10) {
        let mut row: Row = serde_json::from_slice(event).expect("a row");
        row.metadata.source = "other".to_owned();
        *event = row.canonical_json().expect("canonical");
        *hash = ledger_audit::tree::leaf(event);
    }
    let told = judge(&shape, &Trust::default());
    assert_eq!((told.verdict, told.verdict.exit_code()), (Verdict::Undecided, 2));
    assert!(told.undecided[0].contains("from position 11"), "{:?}", told.undecided);
    // Said to be all of one moment, they still wait longer than a seal takes.
    let row = |at: usize| serde_json::from_slice::<Row>(&shape.events[at].0).expect("a row");
    let at = row(9).recorded_at;
    for (event, hash) in shape.events.iter_mut().skip(10) {
        let mut row: Row = serde_json::from_slice(event).expect("a row");
        row.recorded_at = at;
        *event = row.canonical_json().expect("canonical");
        *hash = ledger_audit::tree::leaf(event);
    }
    assert_eq!(judge(&shape, &Trust::default()).verdict, Verdict::Undecided);
}

#[test]
fn a_tail_that_was_not_sealed_yet_is_no_alarm() {
    let mut log = log();
    log.shape.events.truncate(12);
    log.shape.checkpoints.truncate(1);
    let row = |event: &[u8]| serde_json::from_slice::<Row>(event).expect("a row");
    let first = row(&log.shape.events[10].0).recorded_at;
    let (event, hash) = &mut log.shape.events[11];
    let mut last = row(event);
    last.recorded_at = first.plus(TimeDelta::seconds(2));
    *event = last.canonical_json().expect("canonical");
    *hash = ledger_audit::tree::leaf(event);
    log.shape.exported_at = Some(first.plus(TimeDelta::seconds(3)));
    let told = judge(&log.shape, &Trust::default());
    assert_eq!((told.verdict, told.sealed), (Verdict::Clean, 10), "{:?}", told.undecided);
    log.shape.exported_at = Some(first.plus(TimeDelta::seconds(90)));
    assert_eq!(judge(&log.shape, &Trust::default()).verdict, Verdict::Undecided);
}
