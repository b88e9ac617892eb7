//! Notes, keys and checkpoints: the form of the standards, and what is none of it.

use ledger_audit::note::{BadNote, Checkpoint, KeyKind, Note, SignerKey, VerifierKey, written};

/// The example of Go's `golang.org/x/mod/sumdb/note`.
const PETERS_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETERS_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn signer(name: &str, kind: KeyKind, seed: u8) -> SignerKey {
    SignerKey::from_seed(name, kind, [seed; 32]).expect("a key")
}

fn log() -> SignerKey {
    signer("own-circle/1", KeyKind::Log, 1)
}

fn text() -> String {
    Checkpoint { origin: "own-circle/1".to_owned(), size: 7, root: [9; 32] }.text()
}

#[test]
fn a_note_of_another_program_is_read_and_believed() {
    let key: VerifierKey = PETERS_KEY.parse().expect("a key");
    assert_eq!(key.to_string(), PETERS_KEY);
    let note = Note::parse(PETERS_NOTE.as_bytes()).expect("a note");
    assert_eq!(note.signed_by(std::slice::from_ref(&key)), Ok(vec![&key]));
    let other = PETERS_NOTE.replace("answer", "Answer");
    let note = Note::parse(other.as_bytes()).expect("a note");
    assert!(matches!(note.signed_by(&[key]), Err(BadNote::WrongSignature(_))));
}

#[test]
fn keys_read_what_they_write() {
    for kind in [KeyKind::Log, KeyKind::Witness] {
        let key = signer("own-circle/1", kind, 5);
        let read: VerifierKey = key.verifier().to_string().parse().expect("a key");
        assert_eq!(read, *key.verifier());
        let read: SignerKey = key.private_line().parse().expect("a key");
        assert_eq!(read.verifier(), key.verifier());
        assert!(!format!("{key:?}").contains(&key.private_line()[20..]));
    }
    let line = log().verifier().to_string();
    for bad in [
        String::new(),
        "a+b".to_owned(),
        line.replace('+', "-"),
        line.replacen("own", "our", 1),
        format!("{line}AA"),
        line[..line.len() - 4].to_owned(),
        line.replacen("own-", "own ", 1),
    ] {
        bad.parse::<VerifierKey>().expect_err(&bad);
    }
}

#[test]
fn a_cosignature_is_of_what_was_seen_and_when() {
    let (log, witness) = (log(), signer("witness.example/1", KeyKind::Witness, 2));
    let keys = [log.verifier().clone(), witness.verifier().clone()];
    let note = written(&text(), &[log.sign(&text(), 0), witness.sign(&text(), 1_770_000_000)]);
    let read = Note::parse(note.as_bytes()).expect("a note");
    assert_eq!(read.signed_by(&keys).expect("both").len(), 2);
    let mut other = read.clone();
    other.signatures[1].bytes[7] ^= 1;
    assert!(matches!(other.signed_by(&keys), Err(BadNote::WrongSignature(_))), "another moment");
}

#[test]
fn hostile_notes_are_refused() {
    let (log, text) = (log(), text());
    let known = [log.verifier().clone()];
    let signature = log.sign(&text, 0);
    let good = written(&text, std::slice::from_ref(&signature));
    Note::parse(good.as_bytes()).expect("a note").signed_by(&known).expect("signed");
    let twice = written(&text, &[signature.clone(), signature.clone()]);
    let note = Note::parse(twice.as_bytes()).expect("a note");
    assert!(matches!(note.signed_by(&known), Err(BadNote::SignedTwice(_))));
    let many = written(&text, &vec![signature.clone(); 1_000]);
    assert_eq!(Note::parse(many.as_bytes()), Err(BadNote::TooManySignatures(1_000)));
    let large = "a".repeat(10_000_000) + &good;
    assert!(matches!(Note::parse(large.as_bytes()), Err(BadNote::TooLarge(_))));
    let carriage = good.replace('\n', "\r\n");
    assert!(matches!(Note::parse(carriage.as_bytes()), Err(BadNote::Character(_))));
    assert!(matches!(Note::parse(&[0xff, 0xfe]), Err(BadNote::Character(0))));
    let stranger = signer("own-circle/1", KeyKind::Log, 8);
    let note = written(&text, &[stranger.sign(&text, 0)]);
    let note = Note::parse(note.as_bytes()).expect("a note");
    assert!(matches!(note.signed_by(&known), Err(BadNote::UnknownKey(_))));
    for bad in [
        "",
        "\n\n",
        "text\n",
        "text\n\n",
        "text\n\n— a b",
        "text\n\n— a AAAA\n",
        "text\n\n- a AAAAAAA=\n",
        "text\n\n—  AAAAAAA=\n",
        "text\n\n— a+b AAAAAAA=\n",
        "text\n\n— a AAAAAAA=\nmore\n",
        "text\n\n— a AAAAAAA=\n\n",
    ] {
        assert!(Note::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
}

#[test]
fn a_checkpoint_is_written_one_way() {
    let good = text();
    assert_eq!(Checkpoint::parse(&good).expect("a checkpoint").text(), good);
    assert!(Checkpoint::parse(&format!("{good}an extension\n")).is_ok());
    for (from, to) in [
        ("\n7\n", "\n07\n"),
        ("\n7\n", "\n+7\n"),
        ("\n7\n", "\n0\n"),
        ("\n7\n", "\n-7\n"),
        ("\n7\n", "\n18446744073709551615\n"),
        ("\n7\n", "\n9223372036854775808\n"),
        ("\n7\n", "\n99999999999999999999999\n"),
        ("\n7\n", "\n7 \n"),
        ("own-circle/1", ""),
        ("=\n", "\n"),
        ("=\n", "=\n\n"),
        ("CQkJ", "CQk"),
    ] {
        assert!(Checkpoint::parse(&good.replacen(from, to, 1)).is_err(), "{from:?} as {to:?}");
    }
    assert!(Checkpoint::parse(good.trim_end()).is_err());
}

#[test]
fn a_witness_keeps_no_signatures_of_strangers_and_is_not_silenced_by_them() {
    use ledger_audit::note::SIGNATURES_MAX;
    use ledger_audit::witness::{Saw, Witness};

    let log = SignerKey::from_seed("own-circle/1", KeyKind::Log, [1; 32]).expect("a key");
    let own = SignerKey::from_seed("witness.example", KeyKind::Witness, [2; 32]).expect("a key");
    let text = Checkpoint { origin: "own-circle/1".to_owned(), size: 5, root: [5; 32] }.text();
    let stranger = |number: usize| {
        let name = format!("stranger.example/{number}");
        SignerKey::from_seed(&name, KeyKind::Log, [3; 32]).expect("a key").sign(&text, 0)
    };
    let mut signatures = vec![log.sign(&text, 0)];
    signatures.extend((1..SIGNATURES_MAX).map(stranger));
    let log_keys = [log.verifier().clone()];
    let witness = |kept| Witness { key: &own, log_keys: &log_keys, kept };
    let Saw::Grew { note, .. } = witness(None).look(&written(&text, &signatures), &[], 1).expect("seen")
    else {
        panic!("the first one")
    };
    assert_eq!(Note::parse(note.as_bytes()).expect("a note").signatures.len(), 2);
    assert_eq!(witness(Some(note)).seen().expect("readable").map(|seen| seen.size), Some(5));
}
