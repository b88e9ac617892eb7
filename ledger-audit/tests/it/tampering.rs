//! Everything that may be done to a log is found, and the first bad position named.
//!
//! Whoever tampers here keeps the manifest in step, so that it is not the manifest that tells.

use ledger_audit::bundle::{Bundle, CHECKPOINTS, EVENTS, KEYS, MANIFEST, event_line};
use ledger_audit::error::AuditError;
use ledger_audit::note::{Checkpoint, written};
use ledger_audit::verify::{Trust, Verdict, Verification, What, bundle};
use ledger_core::log::Row;
use tempfile::TempDir;

use crate::town::{Sealer, Shape, Town};

const EVENTS_IN_ALL: usize = 120;
const SEALED_EVERY: u64 = 10;
/// The first, the middle and the last row, from 0.
pub(crate) const ROWS: [usize; 3] = [0, 60, EVENTS_IN_ALL - 1];

pub(crate) struct Log {
    pub(crate) shape: Shape,
    pub(crate) sealer: Sealer,
    pub(crate) sizes: Vec<u64>,
}

pub(crate) fn log() -> Log {
    log_of(11)
}

pub(crate) fn log_of(seed: u64) -> Log {
    let mut town = Town::of(seed).grown(i64::try_from(EVENTS_IN_ALL).expect("fits"));
    town.rows.truncate(EVENTS_IN_ALL);
    let sealer = Sealer::of(town.log_id, 1);
    let sizes: Vec<u64> = (1..=12).map(|one| one * SEALED_EVERY).collect();
    Log { shape: Shape::of(town.log_id, &town.rows, &sealer, &sizes), sealer, sizes }
}

pub(crate) fn judge(shape: &Shape, trust: &Trust) -> Verification {
    let folder = TempDir::new().expect("a folder");
    shape.write(folder.path());
    let opened = Bundle::open(folder.path()).expect("a bundle");
    bundle(&opened, trust, false, &mut |_, _| {}).expect("decided")
}

fn seen(log: &Log) -> Trust {
    let newest = log.shape.checkpoints.last().expect("a checkpoint");
    Trust { witness: Some(newest.note.clone().into_bytes()), ..Trust::default() }
}

/// Found, with a finding of `what` about the row at `index`, and nothing before it named.
pub(crate) fn found(shape: &Shape, what: What, index: usize, why: &str) {
    let verification = judge(shape, &Trust::default());
    assert_eq!(verification.verdict, Verdict::Tampered, "{why}");
    assert_eq!(verification.verdict.exit_code(), 1);
    let position = u64::try_from(index + 1).expect("fits");
    let findings = &verification.findings;
    let about = findings.told.iter().any(|finding| {
        let from = finding.position.unwrap_or(0);
        finding.what == what && (from..=finding.until.unwrap_or(from)).contains(&position)
    });
    assert!(about, "{why}: {what:?} at {position}: {findings:#?}");
    let first = findings.first_bad.expect("a position");
    assert!(first <= position && position < first + SEALED_EVERY, "{why}: {first} for {position}");
}

/// Where the values of all fields begin, nested ones too: the first letter or digit of each.
fn fields(event: &[u8]) -> Vec<usize> {
    let ends = event.windows(2).enumerate().filter(|(_, two)| two == b"\":");
    let value = |(at, _): (usize, &[u8])| {
        let from = at + 2;
        event[from..].iter().position(u8::is_ascii_alphanumeric).map(|skip| from + skip)
    };
    let mut places: Vec<usize> = ends.filter_map(value).collect();
    places.dedup();
    places
}

#[test]
fn one_bit_in_any_field_of_an_event_is_found_there() {
    let log = log();
    let mut flipped = 0;
    for index in ROWS {
        for place in fields(&log.shape.events[index].0) {
            let mut shape = log.shape.clone();
            shape.events[index].0[place] ^= 1;
            found(&shape, What::LeafHash, index, "a bit of a field");
            assert_eq!(judge(&shape, &Trust::default()).findings.first_bad, u64::try_from(index + 1).ok());
            flipped += 1;
        }
        for place in 0..32 {
            let mut shape = log.shape.clone();
            shape.events[index].1[place] ^= 1;
            found(&shape, What::LeafHash, index, "a bit of the leaf hash");
        }
    }
    assert!(flipped > 60, "{flipped}");
}

#[test]
fn one_bit_in_any_field_with_its_hash_made_anew_is_found_at_the_next_checkpoint() {
    let log = log();
    for index in ROWS {
        for place in fields(&log.shape.events[index].0) {
            let mut shape = log.shape.clone();
            shape.events[index].0[place] ^= 1;
            shape.events[index].1 = ledger_audit::tree::leaf(&shape.events[index].0);
            found(&shape, What::Root, index, "a field, hashed anew");
        }
    }
}

type Change = fn(&mut Shape, usize);

/// The rest of the log as if nothing had been there: positions and hashes made anew.
fn renumbered(shape: &mut Shape) {
    for (place, (event, hash)) in (1_i64..).zip(&mut shape.events) {
        let mut row: Row = serde_json::from_slice(event).expect("a row");
        row.position = place;
        *event = row.canonical_json().expect("canonical");
        *hash = ledger_audit::tree::leaf(event);
    }
}

#[test]
fn rows_that_are_moved_are_found() {
    let log = log();
    let changes: [(&str, What, Change); 7] = [
        ("deleted", What::Position, |shape, at| drop(shape.events.remove(at))),
        ("deleted, the rest renumbered", What::Root, |shape, at| {
            shape.events.remove(at);
            renumbered(shape);
        }),
        ("duplicated", What::Position, |shape, at| {
            let copy = shape.events[at].clone();
            shape.events.insert(at, copy);
        }),
        ("duplicated, the rest renumbered", What::StreamVersion, |shape, at| {
            let copy = shape.events[at].clone();
            shape.events.insert(at, copy);
            renumbered(shape);
        }),
        ("inserted", What::Root, |shape, at| {
            let mut row: Row = serde_json::from_slice(&shape.events[30].0).expect("a row");
            row.stream_id = uuid::Uuid::from_u128(7);
            row.stream_version = 1;
            let event = row.canonical_json().expect("canonical");
            shape.events.insert(at, (event, [0; 32]));
            renumbered(shape);
        }),
        ("swapped with its neighbour", What::Position, |shape, at| {
            shape.events.swap(at.saturating_sub(1), at.max(1));
        }),
        ("swapped and renumbered", What::Root, |shape, at| {
            shape.events.swap(at.saturating_sub(1), at.max(1));
            renumbered(shape);
        }),
    ];
    for (why, what, change) in changes {
        for index in ROWS {
            let mut shape = log.shape.clone();
            change(&mut shape, index);
            let is_last = index == EVENTS_IN_ALL - 1;
            // Of the last row nothing follows that could show a gap: the checkpoint does.
            let what = if is_last && why.starts_with("deleted") { What::Behind } else { what };
            // What comes twice is wrong where it comes the second time; of two that are swapped, the first.
            let place = match why.split([' ', ',']).next() {
                Some("duplicated") => index + 1,
                Some("swapped") => index.saturating_sub(1),
                _ => index,
            };
            found(&shape, what, place, why);
        }
    }
}

#[test]
fn a_missing_tail_is_found_by_its_checkpoint_or_by_the_witness() {
    let log = log();
    let mut tail = log.shape.clone();
    tail.events.truncate(95);
    found(&tail, What::Behind, 95, "the tail");
    let mut both = tail.clone();
    both.checkpoints.truncate(9);
    let waits = judge(&both, &Trust::default());
    assert_eq!(waits.verdict, Verdict::Undecided, "five events that nobody signed for");
    both.events.truncate(90);
    let alone = judge(&both, &Trust::default());
    assert_eq!(alone.verdict, Verdict::Clean, "nothing in it tells");
    assert!(alone.cannot_exclude[0].contains("No witness was asked"), "{:?}", alone.cannot_exclude);
    let told = judge(&both, &seen(&log));
    assert_eq!((told.verdict, told.findings.first_bad), (Verdict::Tampered, Some(91)));
    let mut head = both;
    head.size = Some(120);
    found(&head, What::Behind, 90, "the tail, and a head that was left");
}

#[test]
fn a_log_written_anew_with_all_signatures_is_found_by_the_witness() {
    let log = log();
    for index in ROWS {
        let mut shape = log.shape.clone();
        let mut row: Row = serde_json::from_slice(&shape.events[index].0).expect("a row");
        row.metadata.source = "other".to_owned();
        let event = row.canonical_json().expect("canonical");
        shape.events[index] = (event.clone(), ledger_audit::tree::leaf(&event));
        shape.seal(&log.sealer, &log.sizes);
        let alone = judge(&shape, &Trust::default());
        assert_eq!(alone.verdict, Verdict::Clean);
        assert!(alone.cannot_exclude[0].contains("not excluded"));
        let told = judge(&shape, &seen(&log));
        assert_eq!(told.verdict, Verdict::Tampered);
        assert!(told.findings.has(What::Witness));
        // With another key as well: what the witness saw was signed by one that is gone.
        let other = Sealer::of(shape.log_id, 9);
        shape.keys = vec![other.line()];
        shape.seal(&other, &log.sizes);
        assert_eq!(judge(&shape, &seen(&log)).verdict, Verdict::Tampered);
        let trust = Trust { keys: vec![log.sealer.key.verifier().clone()], ..Trust::default() };
        let told = judge(&shape, &trust);
        assert!(told.findings.has(What::Key), "the auditor's own key: {:?}", told.findings);
    }
}

#[test]
fn the_same_said_in_other_bytes_is_found() {
    let log = log();
    for index in ROWS {
        let (event, _) = &log.shape.events[index];
        let text = String::from_utf8(event.clone()).expect("text");
        let others = [
            text.replacen(':', ": ", 1),
            text.replacen("\"position\":", "\"position\":0", 1),
            text.replacen("\"event_id\"", "\"event\\u005fid\"", 1),
            text.replacen("\"schema_version\":1", "\"schema_version\":1.0", 1),
        ];
        for other in others {
            assert_ne!(other, text);
            let mut shape = log.shape.clone();
            shape.events[index] = (other.clone().into_bytes(), ledger_audit::tree::leaf(other.as_bytes()));
            // Even sealed by the log's own key.
            shape.seal_as(&log.sealer, &log.sizes);
            let told = judge(&shape, &Trust::default());
            assert_eq!(told.verdict, Verdict::Tampered, "{other}");
            assert_eq!(told.findings.first_bad, u64::try_from(index + 1).ok(), "{other}");
        }
    }
}

#[test]
fn lines_that_are_none_are_found() {
    let log = log();
    for index in ROWS {
        let (event, hash) = &log.shape.events[index];
        let good = event_line(event, hash);
        let crlf = [good.strip_suffix(b"\n").expect("a line"), b"\r\n"].concat();
        let upper = good.to_ascii_uppercase();
        let huge = [vec![b'a'; 10_000_000], b"\n".to_vec()].concat();
        for (raw, why) in [(crlf, "CRLF"), (upper, "upper case"), (huge, "10 MB"), (b"\n".to_vec(), "empty")]
        {
            let mut shape = log.shape.clone();
            shape.raw.insert(index, raw);
            found(&shape, What::Form, index, why);
        }
    }
    let mut shape = log.shape.clone();
    let (event, hash) = &shape.events[EVENTS_IN_ALL - 1];
    let line = event_line(event, hash);
    shape.raw.insert(EVENTS_IN_ALL - 1, line.strip_suffix(b"\n").expect("a line").to_vec());
    found(&shape, What::Form, EVENTS_IN_ALL - 1, "no newline at the end");
}

#[test]
fn one_bit_in_any_part_of_a_checkpoint_is_found() {
    let log = log();
    for index in [0, 6, 11] {
        let note = log.shape.checkpoints[index].note.clone();
        for place in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[place] ^= 1;
            let Ok(other) = String::from_utf8(bytes) else { continue };
            let mut shape = log.shape.clone();
            shape.checkpoints[index].note = other;
            let told = judge(&shape, &Trust::default());
            assert_eq!(told.verdict, Verdict::Tampered, "bit {place} of checkpoint {index}");
            let covered = u64::try_from(index).expect("fits") * SEALED_EVERY + 1;
            assert_eq!(told.findings.first_bad, Some(covered), "bit {place} of checkpoint {index}");
        }
        let mut shape = log.shape.clone();
        shape.checkpoints[index].size ^= 1;
        assert_eq!(judge(&shape, &Trust::default()).verdict, Verdict::Tampered);
    }
}

#[test]
fn checkpoints_of_others_are_found() {
    let log = log();
    let id = log.shape.log_id;
    let root = log.shape.root();
    let at = log.shape.checkpoints[11].sealed_at;
    let verdict = |shape: &Shape, what: What| {
        let told = judge(shape, &Trust::default());
        assert_eq!(told.verdict, Verdict::Tampered, "{what:?}");
        assert!(told.findings.has(what), "{what:?}: {:?}", told.findings);
        assert!(told.findings.first_bad.is_some());
    };
    let with = |line| {
        let mut shape = log.shape.clone();
        shape.checkpoints[11] = line;
        shape
    };
    // A key that nobody knows, under the log's name.
    verdict(&with(Sealer::of(id, 8).seals(id, 120, root, at)), What::Signature);
    // Another log's checkpoint.
    let mut line = log.shape.checkpoints[11].clone();
    let text = Checkpoint { origin: "own-circle/other".to_owned(), size: 120, root }.text();
    line.note = written(&text, &[log.sealer.key.sign(&text, 0)]);
    verdict(&with(line.clone()), What::Origin);
    // A size of nothing, and one that no log has.
    for size in [0, u64::MAX] {
        let text = Checkpoint { origin: ledger_audit::bundle::origin(id), size, root }.text();
        line.note = written(&text, &[log.sealer.key.sign(&text, 0)]);
        verdict(&with(line.clone()), What::Note);
    }
    // Two signatures of one key; a thousand; 10 MB; carriage returns.
    let good = log.shape.checkpoints[11].note.clone();
    let (text, signature) = good.split_once("\n\n").expect("a note");
    line.note = format!("{text}\n\n{signature}{signature}");
    verdict(&with(line.clone()), What::Signature);
    line.note = format!("{text}\n\n{}", signature.repeat(1_000));
    verdict(&with(line.clone()), What::Note);
    line.note = format!("{}{good}", "a".repeat(10_000_000));
    verdict(&with(line.clone()), What::Note);
    line.note = good.replace('\n', "\r\n");
    verdict(&with(line), What::Note);
    // A fork: two checkpoints of one size.
    let mut shape = log.shape.clone();
    let fork = log.sealer.seals(id, 60, [7; 32], shape.checkpoints[5].sealed_at);
    shape.checkpoints.insert(6, fork);
    verdict(&shape, What::Fork);
    let mut shape = log.shape.clone();
    shape.checkpoints.swap(3, 4);
    verdict(&shape, What::Note);
}

#[test]
fn a_fork_shown_to_another_auditor_is_found_by_what_she_kept() {
    let log = log();
    let mut other = log.shape.clone();
    for index in 80..EVENTS_IN_ALL {
        let mut row: Row = serde_json::from_slice(&other.events[index].0).expect("a row");
        row.metadata.source = "other".to_owned();
        other.events[index].0 = row.canonical_json().expect("canonical");
        other.events[index].1 = ledger_audit::tree::leaf(&other.events[index].0);
    }
    other.seal(&log.sealer, &log.sizes);
    assert_eq!(judge(&other, &Trust::default()).verdict, Verdict::Clean);
    assert_eq!(judge(&log.shape, &Trust::default()).verdict, Verdict::Clean);
    let told = judge(&other, &seen(&log));
    assert_eq!((told.verdict, told.findings.first_bad), (Verdict::Tampered, Some(111)));
    // What both saw before the fork is no alarm.
    let before =
        Trust { witness: Some(log.shape.checkpoints[7].note.clone().into_bytes()), ..Trust::default() };
    assert_eq!(judge(&other, &before).verdict, Verdict::Clean);
}

#[test]
fn files_that_are_not_what_the_manifest_says_are_found() {
    let log = log();
    for name in [EVENTS, CHECKPOINTS, KEYS] {
        let folder = TempDir::new().expect("a folder");
        log.shape.write(folder.path());
        let path = folder.path().join(name);
        let mut bytes = std::fs::read(&path).expect("a file");
        bytes.push(b'\n');
        std::fs::write(&path, bytes).expect("written");
        let opened = Bundle::open(folder.path()).expect("a bundle");
        let told = bundle(&opened, &Trust::default(), false, &mut |_, _| {}).expect("decided");
        assert!(told.findings.has(What::File), "{name}");
        std::fs::remove_file(&path).expect("removed");
        let error = Bundle::open(folder.path()).expect_err("incomplete");
        assert!(matches!(error, AuditError::Missing { .. }), "{error}");
        assert!(error.to_string().contains(name));
    }
    let folder = TempDir::new().expect("a folder");
    log.shape.write(folder.path());
    std::fs::write(folder.path().join("more.txt"), "more").expect("written");
    let opened = Bundle::open(folder.path()).expect("a bundle");
    let told = bundle(&opened, &Trust::default(), false, &mut |_, _| {}).expect("decided");
    assert_eq!(told.verdict, Verdict::Clean);
    assert!(told.remarks.iter().any(|remark| remark.contains("more.txt")));
    for text in ["", "{}", "not JSON", "[1"] {
        std::fs::write(folder.path().join(MANIFEST), text).expect("written");
        Bundle::open(folder.path()).expect_err("no manifest");
    }
}
