//! What cannot be decided is not called right, and accuses nobody: what nobody has signed for, what is newer than the program.

use chrono::TimeDelta;
use ledger_audit::audit::{Audit, Wanted, audit};
use ledger_audit::bundle::Bundle;
use ledger_audit::report::{Format, report};
use ledger_audit::verify::{Trust, Verdict, What};
use ledger_core::log::Row;

use crate::tampering::{Log, judge, log, log_of};

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

/// All of an audit.
fn audited(log: &Log) -> Audit {
    let folder = tempfile::TempDir::new().expect("a folder");
    log.shape.write(folder.path());
    let opened = Bundle::open(folder.path()).expect("a bundle");
    let wanted = Wanted { replay: true, scan: true, months: true, ..Wanted::default() };
    audit(&opened, &Trust::default(), wanted, &mut |_| {}).expect("decided")
}

/// A log that was not cut off amid a decision.
fn whole() -> Log {
    let is_whole = |log: &Log| audited(log).verdict == Verdict::Clean;
    (11..40).map(log_of).find(is_whole).expect("one of them")
}

/// The log with one row changed, and sealed as it is now.
fn with(at: usize, change: impl Fn(&mut Row)) -> Log {
    let mut log = whole();
    let (event, hash) = &mut log.shape.events[at];
    let mut row: Row = serde_json::from_slice(event).expect("a row");
    change(&mut row);
    *event = row.canonical_json().expect("canonical");
    *hash = ledger_audit::tree::leaf(event);
    let sizes = log.sizes.clone();
    log.shape.seal_as(&log.sealer, &sizes);
    log
}

#[test]
fn a_program_older_than_the_log_accuses_nobody() {
    let told = audited(&whole());
    assert_eq!(told.verdict, Verdict::Clean, "{:?}", told.verification.findings);
    for at in [40, 119] {
        let newer: [fn(&mut Row); 3] = [
            |row| row.event_type = "SomethingNew".to_owned(),
            |row| row.schema_version = 2,
            |row| row.metadata.rules_revision += 1,
        ];
        for change in newer {
            let told = audited(&with(at, change));
            assert_eq!(told.verdict, Verdict::Undecided, "{:?}", told.verification.findings);
            assert!(told.verification.undecided[0].contains("too old"), "{:?}", told.verification.undecided);
        }
    }
}

#[test]
fn what_cannot_be_read_is_named_and_never_shown() {
    let hostile = "\u{1b}[2J+79161234567\u{202e}";
    let changes: [&dyn Fn(&mut Row); 3] = [
        &|row| row.payload = serde_json::json!(hostile),
        &|row| row.payload[hostile] = serde_json::json!(hostile),
        &|row| row.event_type = hostile.to_owned(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let told = audited(&with(40, change));
        assert_ne!(told.verdict, Verdict::Clean);
        for format in [Format::Text, Format::Html] {
            let report = report(&told, format);
            assert!(!report.contains('\u{1b}') && !report.contains('\u{202e}'), "{number}: {report}");
            assert!(number == 2 || !report.contains("79161234567"), "{number}: {report}");
        }
    }
}

#[test]
fn a_report_says_what_it_believes_and_no_more_than_it_found() {
    let log = log_of(12);
    let told = audited(&log);
    let text = report(&told, Format::Text);
    let gifts = told.decided.as_ref().and_then(|decided| decided.words.get("gifts").copied());
    assert_eq!(
        text.contains("On somebody's word"),
        !told.decided.as_ref().expect("replayed").words.is_empty()
    );
    if let Some(gifts) = gifts {
        assert!(gifts.kopecks > 0 && text.contains(&format!("{} gifts of", gifts.facts)), "{text}");
    }
    assert!(text.contains("postings sum to zero after every event"));
    // A lot larger by a kopeck than what was posted for it.
    let mut other = told.clone();
    other.verification.findings.add(What::Postings, Some(7), "off by a kopeck");
    let text = report(&other, Format::Text);
    assert!(text.contains("not all postings sum to zero") && !text.contains("zero after every event"));
    // A witness of another log is no witness of this one, and was asked.
    let another = log_of(13);
    let newest = another.shape.checkpoints.last().expect("a checkpoint");
    let trust = Trust { witness: Some(newest.note.clone().into_bytes()), ..Trust::default() };
    let told = judge(&log.shape, &trust);
    assert_eq!(told.verdict, Verdict::Tampered);
    assert!(told.cannot_exclude[0].contains("watches another log"), "{:?}", told.cannot_exclude);
}
