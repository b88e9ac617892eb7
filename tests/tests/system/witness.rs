//! What a witness says of a checkpoint is shown with it; what is no witness's, or of another checkpoint, is not kept.
//!
//! The witness here is written from C2SP tlog-cosignature, and shares no code with what verifies it.

use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use system_tests::system::{Business, Client, Site, shared};

use crate::proof::{auditor, once_sealed};

/// Somebody elsewhere who watches the log.
struct Witness {
    name: &'static str,
    pair: Ed25519KeyPair,
}

impl Witness {
    fn new(name: &'static str, seed: u8) -> Self {
        Self { name, pair: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a key") }
    }

    /// Algorithm 4 and the public key.
    fn encoded(&self) -> Vec<u8> {
        [&[4], self.pair.public_key().as_ref()].concat()
    }

    fn id(&self) -> [u8; 4] {
        let hash = Sha256::new().chain_update(self.name).chain_update("\n").chain_update(self.encoded());
        hash.finalize()[..4].try_into().expect("four bytes")
    }

    /// Its key as it is published.
    fn verifier(&self) -> String {
        format!("{}+{}+{}", self.name, hex::encode(self.id()), BASE64_STANDARD.encode(self.encoded()))
    }

    /// Its line under `text`, seen at `at`.
    fn line(&self, text: &str, at: u64) -> String {
        let signature = self.pair.sign(format!("cosignature/v1\ntime {at}\n{text}").as_bytes());
        let bytes = [&self.id()[..], &at.to_be_bytes(), signature.as_ref()].concat();
        format!("\u{2014} {} {}", self.name, BASE64_STANDARD.encode(bytes))
    }
}

/// The text of a checkpoint, and how many events it is of.
fn parts(note: &str) -> (String, u64) {
    let (text, _) = note.rsplit_once("\n\n").expect("a note");
    let size = text.lines().nth(1).and_then(|size| size.parse().ok()).expect("a size");
    (format!("{text}\n"), size)
}

async fn hand_in(to: &Client, size: u64, line: &str) -> (u16, Value) {
    let answer = to.post("/audit/cosignatures", &json!({"tree_size": size, "cosignature": line})).await;
    let status = answer.status;
    let body = if status < 300 { answer.data(status) } else { json!(answer.code()) };
    (status, body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_witness_signed_is_shown_with_the_checkpoint() {
    let (known, other) = (Witness::new("witness.example/1", 1), Witness::new("other.example", 2));
    let keys = format!("{}, {}", known.verifier(), other.verifier());
    let site = Site::start_with(shared(), &[("OWN_CIRCLE__AUDIT__WITNESSES", &keys)]).await;
    let auditor = auditor(&site).await;
    Business::register(&site, "watched", "floristry", json!({})).await;
    assert_eq!(auditor.get("/audit/checkpoint?cosigned=true").await.status, 404, "nobody has signed yet");
    let note = once_sealed(&auditor, "/audit/checkpoint").await.text;
    let (text, size) = parts(&note);
    let line = known.line(&text, 1_795_000_000);

    // What is not that witness's line under that checkpoint.
    let forged =
        Witness { name: known.name, pair: Ed25519KeyPair::from_seed_unchecked(&[3; 32]).expect("a key") };
    let stranger = Witness::new("stranger.example", 4);
    let next = text.replacen(&format!("\n{size}\n"), &format!("\n{}\n", size + 1), 1);
    for (line, what) in [
        (forged.line(&text, 1), "signed with another key"),
        (stranger.line(&text, 1), "by nobody who is known"),
        (known.line(&next, 1), "of another checkpoint"),
        (line.replacen("/1 ", "/2 ", 1), "under another name"),
        (known.line(&text, u64::MAX), "at no time"),
        (note.lines().last().expect("a line").to_owned(), "the log's own signature"),
        ("no line".to_owned(), "no line"),
    ] {
        assert_eq!(hand_in(&auditor, size, &line).await, (400, json!("VALIDATION_ERROR")), "{what}");
    }
    for bit in 0..16 {
        let mut bytes = BASE64_STANDARD.decode(line.rsplit(' ').next().expect("base64")).expect("base64");
        bytes[bit * 4 + 5] ^= 1 << (bit % 8);
        let changed = format!("\u{2014} {} {}", known.name, BASE64_STANDARD.encode(bytes));
        assert_eq!(hand_in(&auditor, size, &changed).await.0, 400, "byte {}", bit * 4 + 5);
    }
    assert_eq!(hand_in(&auditor, u64::from(u32::MAX), &line).await, (404, json!("NOT_FOUND")));
    assert_eq!(hand_in(&site.admin(), size, &line).await, (403, json!("FORBIDDEN")));

    let kept = json!({"tree_size": size, "witness": known.name});
    assert_eq!(hand_in(&auditor, size, &line).await, (201, kept));
    let again = json!({"tree_size": size, "witness": known.name, "replayed": true});
    assert_eq!(
        hand_in(&auditor, size, &known.line(&text, 1_795_000_009)).await,
        (200, again),
        "the first stays"
    );
    let second = other.line(&text, 1_795_000_001);
    assert_eq!(hand_in(&auditor, size, &second).await.0, 201);
    let shown = auditor.get("/audit/checkpoint?cosigned=true").await;
    assert_eq!((shown.status, &shown.text), (200, &format!("{note}{second}\n{line}\n")));
    assert_eq!(shown.header("x-read-position"), size.to_string());

    // The newest of all has them when they are of it, and does not wait for them.
    Business::register(&site, "watched-too", "floristry", json!({})).await;
    let newest = auditor.get_after("/audit/checkpoint", site.head().await).await;
    let (_, larger) = parts(&newest.text);
    assert!(larger > size, "{size}, {larger}");
    assert_eq!(newest.text.lines().count(), note.lines().count(), "nobody has seen it yet");
    assert_eq!(parts(&auditor.get("/audit/checkpoint?cosigned=true").await.text).1, size);
    what_it_signed_is_exported(&site, &known, size);
}

/// Who takes the log away takes what witnesses signed along, and checks it with the witness's key.
fn what_it_signed_is_exported(site: &Site, known: &Witness, size: u64) {
    let bundle = site.export("watched-log").display().to_string();
    let verify = |keys: &[String]| {
        let mut arguments = vec!["verify", &bundle];
        for key in keys {
            arguments.extend(["--witness-key", key]);
        }
        site.run("verify", "ledger-audit", &arguments, &[], Duration::from_secs(60))
    };
    let (clean, said) = verify(&[known.verifier()]);
    assert!(clean, "{said}");
    assert!(said.contains(&format!("Cosigned by {}+", known.name)), "{said}");
    assert!(said.contains(&format!("the checkpoint of {size} events")), "{said}");
    assert!(said.contains(&format!("The witness has seen {size} of")), "{said}");
    assert!(said.contains("`other.example+"), "the other's was not checked: {said}");
    let (clean, said) = verify(&[Witness::new("absent.example", 6).verifier()]);
    assert!(clean && said.contains("No witness vouches for this log"), "{said}");
    let (clean, said) = verify(&[]);
    assert!(clean && said.contains("No witness was asked"), "{said}");
    let path = site.installation().folder().join("watched-log").join("checkpoints.ndjson");
    let text = std::fs::read_to_string(&path).expect("checkpoints");
    std::fs::write(&path, text.replace(known.name, "witness.example/7")).expect("written");
    let (clean, said) = verify(&[known.verifier()]);
    assert!(!clean && said.contains("stands under the name of"), "{said}");
}
