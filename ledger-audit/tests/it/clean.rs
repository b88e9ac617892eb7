//! What is right is never called wrong.

use ledger_audit::bundle::{Bundle, pack};
use ledger_audit::verify::{Trust, Verdict, bundle};
use tempfile::TempDir;

use crate::town::{Sealer, Shape, Town};

/// How many logs are exported: 1,000, or as many as the environment says.
fn logs() -> u64 {
    std::env::var("OWN_CIRCLE_CLEAN_LOGS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000)
}

#[test]
fn a_clean_export_is_never_called_tampered() {
    for seed in 0..logs() {
        let mut town = Town::of(seed);
        let events = town.dice.between(7, 60);
        let mut town = town.grown(events);
        let sealer = Sealer::of(town.log_id, 1);
        let all = u64::try_from(town.count()).expect("fits");
        let mut sizes: Vec<u64> = (1..all).filter(|_| town.dice.one_in(5)).collect();
        sizes.push(all);
        let shape = Shape::of(town.log_id, &town.rows, &sealer, &sizes);
        let folder = TempDir::new().expect("a folder");
        shape.write(folder.path());
        let opened = Bundle::open(folder.path()).expect("a bundle");
        // Every third one with what a witness saw on the way.
        let witness = (seed % 3 == 0).then(|| shape.checkpoints[sizes.len() / 2].note.clone().into_bytes());
        let trust = Trust { witness, ..Trust::default() };
        let found = bundle(&opened, &trust, true, &mut |_, _| {}).expect("decided");
        assert_eq!(found.verdict, Verdict::Clean, "seed {seed}: {:#?}", found.findings);
        assert_eq!((found.events, found.sealed), (all, all));
    }
}

#[test]
fn an_archive_says_the_same_as_its_folder() {
    let town = Town::of(5).grown(200);
    let sealer = Sealer::of(town.log_id, 1);
    let all = u64::try_from(town.count()).expect("fits");
    let shape = Shape::of(town.log_id, &town.rows, &sealer, &[10, 100, all]);
    let folder = TempDir::new().expect("a folder");
    shape.write(&folder.path().join("log"));
    let archive = folder.path().join("log.tar.zst");
    pack(&folder.path().join("log"), &archive).expect("packed");
    let say = |path: &std::path::Path| {
        let opened = Bundle::open(path).expect("a bundle");
        let found = bundle(&opened, &Trust::default(), true, &mut |_, _| {}).expect("decided");
        serde_json::to_value(&found).expect("JSON")
    };
    assert_eq!(say(&archive), say(&folder.path().join("log")));
    assert_eq!(say(&archive)["verdict"], "clean");
}

#[test]
fn a_town_does_all_kinds_of_things() {
    let town = Town::of(1).grown(6_000);
    let mut kinds: Vec<&str> = town.rows.iter().map(|row| row.event_type.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert!(kinds.len() >= 42, "{}: {kinds:?}", kinds.len());
}
