//! Cosignatures that came with a log: what they exclude, what is done to them, and that they are missed.

use ledger_audit::bundle::Bundle;
use ledger_audit::note::{KeyKind, Note, Signature, SignerKey};
use ledger_audit::verify::{Trust, Verdict, What, bundle};
use ledger_core::log::Row;
use ledger_core::time::Timestamp;
use tempfile::TempDir;

use crate::tampering::{Log, judge, log};
use crate::town::Shape;

/// The moment of every cosignature: 2026-02-02T02:40:00Z.
const AT: u64 = 1_770_000_000;

fn witness(name: &str, seed: u8) -> SignerKey {
    SignerKey::from_seed(name, KeyKind::Witness, [seed; 32]).expect("a key")
}

/// What is signed of the checkpoint at `index`.
fn text(shape: &Shape, index: usize) -> String {
    Note::parse(shape.checkpoints[index].note.as_bytes()).expect("a note").text
}

/// The line of `key` under it.
fn line(shape: &Shape, index: usize, key: &SignerKey) -> String {
    key.sign(&text(shape, index), AT).line()
}

/// `log` with the checkpoints at `indexes` cosigned by `key`.
fn cosigned(log: &Log, key: &SignerKey, indexes: &[usize]) -> Shape {
    let mut shape = log.shape.clone();
    for index in indexes {
        let line = line(&shape, *index, key);
        shape.checkpoints[*index].note.push_str(&line);
    }
    shape
}

/// An auditor who knows the log's key, and those of these witnesses.
fn trust(log: &Log, witnesses: &[&SignerKey]) -> Trust {
    let witness_keys = witnesses.iter().map(|key| key.verifier().clone()).collect();
    Trust { keys: vec![log.sealer.key.verifier().clone()], witness_keys, ..Trust::default() }
}

#[test]
fn what_a_witness_cosigned_is_excluded_and_what_it_may_have_seen_later_is_not() {
    let (log, key) = (log(), witness("witness.example/1", 1));
    let shape = cosigned(&log, &key, &[2, 6]);
    let told = judge(&shape, &trust(&log, &[&key]));
    assert_eq!(told.verdict, Verdict::Clean, "{:?}", told.findings);
    let [newest] = &told.cosigned[..] else { panic!("{:?}", told.cosigned) };
    assert_eq!((newest.size, newest.witness.clone()), (70, key.verifier().named()));
    assert_eq!(newest.at, "2026-02-02T02:40:00.000000Z".parse::<Timestamp>().ok());
    let excluded = |text: &str| told.excluded.iter().any(|line| line.contains(text));
    assert!(excluded("Up to position 70") && excluded("witness.example/1"), "{:?}", told.excluded);
    assert!(excluded("Up to position 120: a change by anybody"), "{:?}", told.excluded);
    assert!(told.cannot_exclude[0].contains("has seen 70 of 120 events"), "{:?}", told.cannot_exclude);
    assert!(told.cannot_exclude[0].contains("a tail that was cut off"), "{:?}", told.cannot_exclude);
    // All of it: of the tail alone nothing can be said.
    let told = judge(&cosigned(&log, &key, &[11]), &trust(&log, &[&key]));
    assert!(!told.cannot_exclude[0].contains("has seen"), "{:?}", told.cannot_exclude);
    // What it keeps says more than what it handed in.
    let kept = cosigned(&log, &key, &[9]).checkpoints[9].note.clone();
    let trust = Trust { witness: Some(kept.into_bytes()), ..trust(&log, &[&key]) };
    let told = judge(&shape, &trust);
    assert_eq!((told.verdict, told.witnessed), (Verdict::Clean, Some(100)));
    assert!(told.excluded.iter().any(|line| line.contains("Up to position 100")), "{:?}", told.excluded);
    assert!(told.cannot_exclude[0].contains("has seen 100 of 120 events"), "{:?}", told.cannot_exclude);
}

#[test]
fn cosignatures_that_nobody_can_check_or_that_are_not_there_are_said() {
    let (log, key) = (log(), witness("witness.example/1", 1));
    let shape = cosigned(&log, &key, &[2, 6]);
    let remarked = |told: &ledger_audit::verify::Verification, text: &str| {
        told.remarks.iter().any(|remark| remark.contains("witness.example/1+") && remark.contains(text))
    };
    let unknown = judge(&shape, &Trust::default());
    assert_eq!((unknown.verdict, unknown.cosigned.len()), (Verdict::Clean, 0));
    assert!(remarked(&unknown, "were not checked"), "{:?}", unknown.remarks);
    assert!(unknown.cannot_exclude[0].contains("No witness was asked"), "{:?}", unknown.cannot_exclude);
    // Taken away, all of them: nothing in the log tells, and the report says so.
    let absent = judge(&log.shape, &trust(&log, &[&key]));
    assert_eq!((absent.verdict, absent.cosigned.len()), (Verdict::Clean, 0));
    assert!(remarked(&absent, "none was handed in, or they were taken away"), "{:?}", absent.remarks);
    assert!(absent.cannot_exclude[0].contains("No witness vouches"), "{:?}", absent.cannot_exclude);
    assert!(!absent.excluded.iter().any(|line| line.contains("witness")), "{:?}", absent.excluded);
    // Of two witnesses one.
    let other = witness("other.example", 2);
    let told = judge(&shape, &trust(&log, &[&other, &key, &key]));
    assert_eq!((told.verdict, told.cosigned.len()), (Verdict::Clean, 1));
    assert!(told.remarks.iter().any(|remark| remark.contains("`other.example+")), "{:?}", told.remarks);
    // A key of the log is none of a witness.
    let folder = TempDir::new().expect("a folder");
    shape.write(folder.path());
    let opened = Bundle::open(folder.path()).expect("a bundle");
    let trust = trust(&log, &[&log.sealer.key]);
    let error = bundle(&opened, &trust, false, &mut |_, _| {}).expect_err("no witness").to_string();
    assert!(error.contains("is not the key of a witness"), "{error}");
}

#[test]
fn one_bit_in_any_part_of_a_cosignature_is_never_passed_over() {
    let (log, key) = (log(), witness("witness.example/1", 1));
    let trust = trust(&log, &[&key]);
    for index in [0, 6, 11] {
        let shape = cosigned(&log, &key, &[index]);
        let note = shape.checkpoints[index].note.clone();
        let begins = note.len() - line(&log.shape, index, &key).len();
        let (mut flipped, mut undecided) = (0, 0);
        for place in begins..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[place] ^= 1;
            let Ok(other) = String::from_utf8(bytes) else { continue };
            let mut shape = shape.clone();
            shape.checkpoints[index].note = other;
            let told = judge(&shape, &trust);
            assert_ne!(told.verdict, Verdict::Clean, "bit {place} of checkpoint {index}");
            assert!(told.cosigned.is_empty(), "bit {place} of checkpoint {index}");
            flipped += 1;
            undecided += usize::from(told.verdict == Verdict::Undecided);
        }
        // One character has bits of both the key's number and the moment: with both changed, it may be of an older key.
        assert!(flipped > 100 && undecided <= 1, "{flipped}, {undecided}");
    }
}

#[test]
fn cosignatures_of_something_else_are_found() {
    let (log, key) = (log(), witness("witness.example/1", 1));
    let trust = trust(&log, &[&key]);
    let with = |index: usize, lines: &str| {
        let mut shape = log.shape.clone();
        shape.checkpoints[index].note.push_str(lines);
        judge(&shape, &trust)
    };
    let own = line(&log.shape, 6, &key);
    assert_eq!(with(6, &own).verdict, Verdict::Clean);
    let forger = witness("witness.example/1", 9);
    let text = text(&log.shape, 6);
    let forged = Signature { bytes: forger.sign(&text, AT).bytes, ..key.sign(&text, AT) };
    for (index, lines, why) in [
        (7, own.clone(), "of another checkpoint"),
        (6, format!("{own}{own}"), "twice"),
        (6, own.replacen("/1 ", "/2 ", 1), "under another name"),
        (6, forged.line(), "by somebody else"),
    ] {
        let told = with(index, &lines);
        assert_eq!(told.verdict, Verdict::Tampered, "{why}");
        let begins = u64::try_from(index).expect("fits") * 10 + 1;
        assert_eq!(told.findings.first_bad, Some(begins), "{why}: {:?}", told.findings);
        assert!(told.findings.has(What::Witness), "{why}: {:?}", told.findings);
    }
    // Another key of the witness's name: an older one of it, or a forger's. Nobody is accused.
    let told = with(6, &line(&log.shape, 6, &forger));
    assert_eq!((told.verdict, told.cosigned.len()), (Verdict::Undecided, 0));
    assert!(told.undecided[0].contains("give every key of that witness"), "{:?}", told.undecided);
}

#[test]
fn a_log_written_anew_with_all_signatures_cannot_keep_its_cosignatures() {
    let (log, key) = (log(), witness("witness.example/1", 1));
    let trust = trust(&log, &[&key]);
    let cosignature = line(&log.shape, 6, &key);
    let mut shape = cosigned(&log, &key, &[6]);
    let mut row: Row = serde_json::from_slice(&shape.events[40].0).expect("a row");
    row.metadata.source = "other".to_owned();
    shape.events[40].0 = row.canonical_json().expect("canonical");
    shape.events[40].1 = ledger_audit::tree::leaf(&shape.events[40].0);
    // Under the old checkpoints: what the witness saw is not what is there.
    let told = judge(&shape, &trust);
    let finding = told.findings.told.iter().find(|finding| finding.what == What::Root).expect("found");
    assert_eq!((finding.position, finding.until), (Some(41), Some(50)));
    assert!(told.cosigned.is_empty(), "{:?}", told.cosigned);
    shape.seal(&log.sealer, &log.sizes);
    let told = judge(&shape, &trust);
    assert_eq!((told.verdict, told.cosigned.len()), (Verdict::Clean, 0));
    assert!(told.cannot_exclude[0].contains("No witness vouches"), "{:?}", told.cannot_exclude);
    shape.checkpoints[6].note.push_str(&cosignature);
    let told = judge(&shape, &trust);
    assert!(told.findings.has(What::Witness), "{:?}", told.findings);
    assert_eq!((told.verdict, told.findings.first_bad), (Verdict::Tampered, Some(61)));
}
