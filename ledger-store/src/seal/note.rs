//! The signed text of a checkpoint. C2SP signed-note and tlog-checkpoint.

use chrono::{DateTime, Utc};
use ledger_core::ids::LogId;
use signed_note::{Note, Signature, Signer, StandardVerifier, VerifierList};
use tlog_tiles::checkpoint::Checkpoint;
use tlog_tiles::tlog::Hash;

use super::keys::SealKey;

/// A longer note is none of ours: three lines, our signature, and those of some witnesses.
const NOTE_BYTES_MAX: usize = 65_536;

/// Why a note is no checkpoint of this log.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotSigned {
    /// No signed note, or one whose text is no checkpoint.
    #[error("it is not a signed checkpoint")]
    Malformed,
    /// Another log's.
    #[error("it is of another log, {0}")]
    OtherLog(String),
    /// Without a signature of the key that was in force.
    #[error("it is not signed with the key that was in force")]
    Key,
    /// With a signature of our name that does not hold, or more than one.
    #[error("its signature does not hold")]
    Signature,
}

/// The first line of every checkpoint, and the name of every key, of the log `log_id`.
#[must_use]
pub fn origin(log_id: LogId) -> String {
    format!("own-circle/{log_id}")
}

/// What is signed for the tree of `size` leaves with this `root`.
///
/// # Errors
/// [`NotSigned::Malformed`] for an origin that cannot be one.
pub fn text(origin: &str, size: u64, root: Hash) -> Result<Vec<u8>, NotSigned> {
    let checkpoint = Checkpoint::new(origin, size, root, "").map_err(|_| NotSigned::Malformed)?;
    Ok(checkpoint.to_bytes())
}

/// `text` with the signature of `signer`, as a signed note.
///
/// # Errors
/// [`NotSigned`] when there is no such note.
pub fn sign(text: &[u8], signer: &impl Signer) -> Result<String, NotSigned> {
    let mut note = Note::new(text, &[]).map_err(|_| NotSigned::Malformed)?;
    note.add_sigs(&[signer]).map_err(|_| NotSigned::Signature)?;
    String::from_utf8(note.to_bytes()).map_err(|_| NotSigned::Malformed)
}

/// Size and root of the tree of the log `origin` that `note` says, if it is signed with the key of `keys` that was in
/// force at `at`, and with no other of the log's. Signatures by others, such as witnesses, are not looked at.
///
/// # Errors
/// [`NotSigned`].
pub fn verify(
    note: &str,
    origin: &str,
    keys: &[SealKey],
    at: DateTime<Utc>,
) -> Result<(u64, Hash), NotSigned> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(NotSigned::Malformed);
    }
    let parsed = Note::from_bytes(note.as_bytes()).map_err(|_| NotSigned::Malformed)?;
    let checkpoint = Checkpoint::from_bytes(parsed.text()).map_err(|_| NotSigned::Malformed)?;
    if checkpoint.origin() != origin {
        return Err(NotSigned::OtherLog(checkpoint.origin().to_owned()));
    }
    // One way of writing it, so that nothing rides along.
    let (size, root) = (checkpoint.size(), *checkpoint.hash());
    if parsed.to_bytes() != note.as_bytes() || parsed.text() != text(origin, size, root)? {
        return Err(NotSigned::Malformed);
    }
    let key = SealKey::signing(keys, at).filter(|key| key.name == origin).ok_or(NotSigned::Key)?;
    match ours(note, origin)?.as_slice() {
        [id] if *id == key.id() => {}
        [_] | [] => return Err(NotSigned::Key),
        _ => return Err(NotSigned::Signature),
    }
    let verifier = StandardVerifier::new(&key.verifier()).map_err(|_| NotSigned::Key)?;
    let (verified, _) =
        parsed.verify(&VerifierList::new(vec![Box::new(verifier)])).map_err(|_| NotSigned::Signature)?;
    if verified.len() != 1 {
        return Err(NotSigned::Signature);
    }
    Ok((size, root))
}

/// The numbers of the keys that signed `note` in the name of `origin`.
fn ours(note: &str, origin: &str) -> Result<Vec<u32>, NotSigned> {
    let (_, lines) = note.rsplit_once("\n\n").ok_or(NotSigned::Malformed)?;
    let mut ours = Vec::new();
    for line in lines.lines() {
        let signature = Signature::from_bytes(line.as_bytes()).map_err(|_| NotSigned::Malformed)?;
        if signature.name() == origin {
            ours.push(signature.id());
        }
    }
    Ok(ours)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use signed_note::StandardSigner;
    use tlog_tiles::tlog::record_hash;

    use super::*;

    /// The example of the specification of signed notes: `PeterNeumann`'s key and note.
    const SECRET: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NAME: &str = "PeterNeumann";

    fn key(from: i64, until: Option<i64>) -> SealKey {
        let (_, encoded) = PUBLIC.rsplit_once('+').expect("a key");
        let bytes = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, encoded).expect("base64");
        SealKey {
            name: NAME.to_owned(),
            public_key: bytes[1..].try_into().expect("32 bytes"),
            valid_from: at(from),
            valid_until: until.map(at),
        }
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn signed() -> String {
        let signer = StandardSigner::new(SECRET).expect("a signer");
        sign(&text(NAME, 7, record_hash(b"7")).expect("a text"), &signer).expect("a note")
    }

    #[test]
    fn a_key_has_the_number_and_the_form_of_the_specification() {
        assert_eq!(key(0, None).verifier(), PUBLIC);
        let note = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        let signer = StandardSigner::new(SECRET).expect("a signer");
        let line = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        assert_eq!(sign(note.as_bytes(), &signer).expect("a note"), format!("{note}\n{line}"));
    }

    #[test]
    fn a_checkpoint_is_taken_from_the_key_in_force_alone() {
        let keys = [key(10, Some(20))];
        assert_eq!(verify(&signed(), NAME, &keys, at(10)), Ok((7, record_hash(b"7"))));
        assert_eq!(verify(&signed(), NAME, &keys, at(19)), Ok((7, record_hash(b"7"))));
        assert_eq!(verify(&signed(), NAME, &keys, at(9)), Err(NotSigned::Key));
        assert_eq!(verify(&signed(), NAME, &keys, at(20)), Err(NotSigned::Key));
        assert_eq!(verify(&signed(), NAME, &[], at(10)), Err(NotSigned::Key));
        let younger = SealKey { public_key: [1; 32], ..key(15, None) };
        let keys = [key(10, Some(20)), younger];
        assert_eq!(verify(&signed(), NAME, &keys, at(14)), Ok((7, record_hash(b"7"))));
        assert_eq!(verify(&signed(), NAME, &keys, at(15)), Err(NotSigned::Key), "a newer one signs");
        assert_eq!(verify(&signed(), "other", &keys, at(14)), Err(NotSigned::OtherLog(NAME.to_owned())));
    }

    #[test]
    fn a_note_that_was_touched_is_refused() {
        let (note, keys) = (signed(), [key(0, None)]);
        let (_, line) = note.rsplit_once("\n\n").expect("a signature");
        let refused = [
            note.replacen("\n7\n", "\n8\n", 1),
            note.replacen("\n7\n", "\n07\n", 1),
            note.replace('\n', "\r\n"),
            note.trim_end().to_owned(),
            format!("{note}\n"),
            format!("{note}{line}"),
            note.replacen("\n\n", "\nmore\n\n", 1),
            String::new(),
            "\n\n".to_owned(),
            format!("{note}{}", "x".repeat(NOTE_BYTES_MAX)),
            format!("{note}{}", line.repeat(150)),
        ];
        for wrong in refused {
            assert!(verify(&wrong, NAME, &keys, at(0)).is_err(), "{wrong:?}");
        }
        for place in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[place] ^= 1;
            let Ok(wrong) = String::from_utf8(bytes) else { continue };
            assert!(verify(&wrong, NAME, &keys, at(0)).is_err(), "{wrong:?}");
        }
        let witness = format!("{note}{}", line.replace(NAME, "witness.example"));
        assert_eq!(
            verify(&witness, NAME, &keys, at(0)),
            Ok((7, record_hash(b"7"))),
            "a witness's line is its own"
        );
    }
}
