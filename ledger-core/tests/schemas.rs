//! `schemas/` says what the types say.
#![expect(clippy::disallowed_methods, reason = "this test reads files; it is no part of the domain")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ledger_core::log::Event;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas")
}

#[test]
fn the_committed_schemas_are_the_generated_ones() {
    for (name, text) in ledger_core::schema::files().expect("schemas") {
        let committed = std::fs::read_to_string(folder().join(&name)).unwrap_or_default();
        assert!(
            committed == text,
            "{name} has drifted: cargo run -p ledger-core --features schema --example schemas -- schemas"
        );
    }
}

#[test]
fn design_l6_every_version_ever_written_has_a_schema_and_nothing_else_has() {
    let known: BTreeSet<String> = Event::CATALOGUE
        .iter()
        .flat_map(|(name, newest)| (1..=*newest).map(move |version| format!("{name}.v{version}.json")))
        .collect();
    let found: BTreeSet<String> = std::fs::read_dir(folder().join("events"))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(found, known);
}
