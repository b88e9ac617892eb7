//! A stored snapshot is read back when its revision is this program's, so what the fold of a history gives must not change
//! under the same `STATE_REVISION`: members with a snapshot and members without would be decided on differently.
#![expect(clippy::disallowed_methods, reason = "this test reads files; it is no part of the domain")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ledger_core::log::Event;
use ledger_core::member::MemberState;
use ledger_core::member::state::STATE_REVISION;
use ledger_core::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden-state").join(name)
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A fact of the history, in the first version of its shape: a history never changes.
#[derive(Deserialize)]
struct Fact {
    occurred_at: Timestamp,
    event_type: String,
    payload: Value,
}

/// One member's history, with every kind of fact that a member's stream can hold.
fn history() -> Vec<Fact> {
    serde_json::from_value(read(&file("history.json"))).expect("a history")
}

fn fold() -> MemberState {
    let mut state = MemberState::default();
    for (position, fact) in (1..).zip(history()) {
        let event = Event::decode(&fact.event_type, 1, &fact.payload).expect("readable");
        let Event::Member(event) = event else { panic!("{} is no member's fact", fact.event_type) };
        state.apply(position, fact.occurred_at, &event).expect("a history that holds");
    }
    state
}

/// The golden file of this revision. Those of older revisions go when theirs does.
fn golden() -> PathBuf {
    file(&format!("state.r{STATE_REVISION}.json"))
}

#[test]
fn a_fold_that_changes_has_a_new_revision() {
    let folded = serde_json::to_value(fold()).expect("json");
    let golden = golden();
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(
        serde_json::from_str::<Value>(&expected).is_ok_and(|expected| expected == folded),
        "the fold or its shape is not what {} says: raise STATE_REVISION, so that stored snapshots are not read, and put \
         this into the file of the new revision:\n{folded:#}",
        golden.display()
    );
}

#[test]
fn a_snapshot_reads_back_as_it_was() {
    let state: MemberState = serde_json::from_value(read(&golden())).expect("readable");
    assert_eq!(state, fold());
}

#[test]
fn the_history_has_every_kind_of_fact_and_fills_every_field() {
    let events = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden-events/{name}.v1.json"));
        Event::decode(name, 1, &read(&path)).expect("readable")
    };
    let all: BTreeSet<&str> = Event::CATALOGUE.iter().map(|(name, _)| *name).collect();
    let of_members: BTreeSet<String> =
        all.into_iter().filter(|name| matches!(events(name), Event::Member(_))).map(str::to_owned).collect();
    assert_eq!(history().into_iter().map(|fact| fact.event_type).collect::<BTreeSet<_>>(), of_members);
    let state = read(&golden());
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    let fields = state.as_object().expect("fields");
    let unused: Vec<_> = fields.iter().filter(|(_, value)| empty(value)).map(|(name, _)| name).collect();
    assert_eq!(unused, Vec::<&String>::new());
    assert!(!empty(&state["ordinary"]["scheduled"]), "a downgrade waits");
}
