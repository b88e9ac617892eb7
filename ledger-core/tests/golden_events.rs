//! One golden file for every version of every event type ever written: each must be readable for ever. Design L6, L7.
#![expect(clippy::disallowed_methods, reason = "this test reads files; it is no part of the domain")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ledger_core::log::{Event, Row};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn golden(event_type: &str, version: i16) -> Value {
    read(&folder("tests/golden-events").join(format!("{event_type}.v{version}.json")))
}

fn versions() -> impl Iterator<Item = (&'static str, i16)> {
    Event::CATALOGUE.iter().flat_map(|(name, newest)| (1..=*newest).map(move |version| (*name, version)))
}

#[test]
fn design_l6_every_version_ever_written_still_reads() {
    for (event_type, version) in versions() {
        let event = Event::decode(event_type, version, &golden(event_type, version));
        let event = event.unwrap_or_else(|error| panic!("{event_type} v{version}: {error}"));
        assert_eq!(event.event_type(), event_type);
    }
}

#[test]
fn design_l6_the_newest_version_is_written_as_it_was_read() {
    for (event_type, newest) in Event::CATALOGUE {
        let payload = golden(event_type, *newest);
        let event = Event::decode(event_type, *newest, &payload).expect("readable");
        assert_eq!(event.schema_version(), *newest);
        assert_eq!(event.payload().expect("json"), payload, "{event_type}");
    }
}

/// A field that was added without a new version is absent from what was written before: that must be readable for ever, too.
#[test]
fn design_l6_what_was_written_before_a_field_came_still_reads() {
    let folder = folder("tests/golden-events-older");
    let mut read_back = 0;
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        let (event_type, version) = name.split_once(".v").expect("a version");
        let payload = read(&path);
        let event = Event::decode(event_type, version.parse().expect("a number"), &payload);
        let event = event.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(event.payload().expect("json"), payload, "{name}: what is absent stays absent");
        read_back += 1;
    }
    assert_eq!(read_back, 5);
}

#[test]
fn design_l6_no_golden_file_is_left_over() {
    let known: BTreeSet<String> =
        versions().map(|(name, version)| format!("{name}.v{version}.json")).collect();
    let found: BTreeSet<String> = std::fs::read_dir(folder("tests/golden-events"))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(found, known);
}

#[test]
fn every_golden_file_fits_its_schema_and_a_spoilt_one_does_not() {
    for (event_type, version) in versions() {
        let schema = read(&folder("../schemas/events").join(format!("{event_type}.v{version}.json")));
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let mut payload = golden(event_type, version);
        let wrong: Vec<_> = validator.iter_errors(&payload).map(|error| error.to_string()).collect();
        assert_eq!(wrong, Vec::<String>::new(), "{event_type} v{version}");
        payload["stranger"] = json!(true);
        assert!(!validator.is_valid(&payload), "{event_type} v{version} takes any field");
    }
}

/// A row as it stands on the log: the envelope's golden vector.
fn row() -> Row {
    serde_json::from_value(read(&folder("tests/golden-row/row.json"))).expect("a row")
}

#[test]
fn design_l7_the_canonical_form_is_the_one_written_by_hand() {
    let by_hand = std::fs::read_to_string(folder("tests/golden-row/canonical.json")).expect("the file");
    let canonical = row().canonical_json().expect("canonical");
    assert_eq!(String::from_utf8(canonical).expect("text"), by_hand.trim_end());
}

#[test]
fn design_l7_the_leaf_hash_is_sha_256_of_a_zero_byte_and_the_canonical_form() {
    let by_hand = std::fs::read_to_string(folder("tests/golden-row/canonical.json")).expect("the file");
    let independent = Sha256::new().chain_update([0]).chain_update(by_hand.trim_end()).finalize();
    let leaf_hash = row().leaf_hash().expect("a hash");
    assert_eq!(leaf_hash.as_bytes().as_slice(), independent.as_slice());
    let published = std::fs::read_to_string(folder("tests/golden-row/leaf-hash.hex")).expect("the file");
    assert_eq!(String::from(leaf_hash), published.trim_end(), "computed once by sha256sum, never to change");
}

#[test]
fn design_l7_any_change_to_a_row_changes_its_hash() {
    let hash = |row: &Row| String::from(row.leaf_hash().expect("a hash"));
    let original = hash(&row());
    let mut moved = row();
    moved.position += 1;
    let mut paid = row();
    paid.payload["category"] = json!("legal");
    let mut other = row();
    other.metadata.source = "import".to_owned();
    for changed in [moved, paid, other] {
        assert_ne!(hash(&changed), original);
    }
}

#[test]
fn the_kafka_envelope_is_a_row_with_its_log_and_its_hash() {
    let schema = read(&folder("../schemas/kafka-envelope.v1.json"));
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let mut envelope = serde_json::to_value(row()).expect("json");
    assert!(!validator.is_valid(&envelope), "a bare row is no envelope");
    envelope["log_id"] = json!("018f8c1e-7b1a-7c00-8000-00000000cafe");
    envelope["leaf_hash"] = json!(String::from(row().leaf_hash().expect("a hash")));
    let wrong: Vec<_> = validator.iter_errors(&envelope).map(|error| error.to_string()).collect();
    assert_eq!(wrong, Vec::<String>::new());
}
