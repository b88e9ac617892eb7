//! Receipts, balances, witnesses, scans and reports, and the command line around them.

use std::path::Path;
use std::process::{Command, Output};

use ledger_audit::audit::{Wanted, audit};
use ledger_audit::balance::{At, balance};
use ledger_audit::bundle::Bundle;
use ledger_audit::note::{KeyKind, Note, SignerKey};
use ledger_audit::prove;
use ledger_audit::receipt::{Receipt, hashes};
use ledger_audit::report::{Format, report};
use ledger_audit::scan::scan;
use ledger_audit::verify::{Findings, Trust, Verdict, What};
use ledger_audit::witness::{Saw, Witness};
use ledger_core::log::Row;
use serde_json::json;
use tempfile::TempDir;

use crate::town::{Sealer, Shape, Town};

struct World {
    town: Town,
    sealer: Sealer,
    shape: Shape,
    folder: TempDir,
}

fn world(seed: u64, events: i64) -> World {
    let town = Town::of(seed).grown(events);
    let sealer = Sealer::of(town.log_id, 1);
    let all = u64::try_from(town.count()).expect("fits");
    let shape = Shape::of(town.log_id, &town.rows, &sealer, &[50, 100, all]);
    let folder = TempDir::new().expect("a folder");
    shape.write(&folder.path().join("log"));
    World { town, sealer, shape, folder }
}

impl World {
    fn bundle(&self) -> Bundle {
        Bundle::open(&self.folder.path().join("log")).expect("a bundle")
    }
}

#[test]
fn a_receipt_proves_its_event_and_nothing_else() {
    let world = world(21, 300);
    let keys = [world.sealer.key.verifier().clone()];
    for position in [1, 2, 77, 100, world.shape.events.len() as u64] {
        let receipt = prove::receipt(&world.bundle(), position, None).expect("a receipt");
        assert_eq!(receipt.verify(&keys).expect("proved").position, position);
        let envelope = serde_json::to_vec(&json!({ "success": true, "data": &receipt })).expect("JSON");
        assert_eq!(Receipt::parse(&envelope).expect("a receipt"), receipt);
        let other = SignerKey::from_seed(keys[0].name(), KeyKind::Log, [8; 32]).expect("a key");
        receipt.verify(&[other.verifier().clone()]).expect_err("another key");
        receipt.verify(&[]).expect_err("no key");
        let forged: [fn(&mut Receipt); 9] = [
            |receipt| receipt.position += 1,
            |receipt| receipt.index ^= 1,
            |receipt| receipt.tree_size += 1,
            |receipt| receipt.event = receipt.event.replace(':', ": "),
            |receipt| receipt.event = receipt.event.replacen('0', "1", 1),
            |receipt| receipt.leaf_hash = "00".repeat(32),
            |receipt| receipt.path.push(receipt.path[0].clone()),
            |receipt| receipt.proof.push('\n'),
            |receipt| receipt.checkpoint = receipt.checkpoint.replacen("own", "our", 1),
        ];
        for (number, forge) in forged.into_iter().enumerate() {
            let mut other = receipt.clone();
            forge(&mut other);
            other.verify(&keys).expect_err(&format!("forgery {number} of {position}"));
        }
    }
    let small = prove::receipt(&world.bundle(), 20, Some(50)).expect("a receipt");
    assert_eq!(small.verify(&keys).expect("proved").size, 50);
    for (position, size) in [(0, None), (60, Some(50)), (1_000_000, None), (1, Some(51))] {
        prove::receipt(&world.bundle(), position, size).expect_err("not sealed");
    }
}

#[test]
fn a_balance_is_what_her_state_says() {
    let world = world(22, 600);
    for (member, state) in world.town.members.iter().take(10) {
        let at = At::Moment(world.town.now);
        let said = balance(&mut world.bundle().events().expect("events"), *member, at).expect("a balance");
        let right = state.balance(world.town.now, 30).expect("a balance");
        assert_eq!((said.available, said.held), (right.available.to_string(), right.held.to_string()));
        assert_eq!((said.pending, said.debt), (right.pending.to_string(), right.debt.to_string()));
        let all = At::Position(world.town.count());
        let said = balance(&mut world.bundle().events().expect("events"), *member, all).expect("a balance");
        assert_eq!(said.at, world.town.rows.last().expect("an event").recorded_at);
        balance(&mut world.bundle().events().expect("events"), *member, At::Position(3))
            .expect_err("unknown");
    }
}

#[test]
fn a_witness_cosigns_what_grew_and_nothing_else() {
    let world = world(23, 300);
    let key = SignerKey::generate("witness.example/1", KeyKind::Witness).expect("a key");
    let log_keys = [world.sealer.key.verifier().clone()];
    let [first, second, third] = &world.shape.checkpoints[..] else { panic!("three checkpoints") };
    let look = |kept: Option<&str>, note: &str, proof: &[String]| {
        let witness = Witness { key: &key, log_keys: &log_keys, kept: kept.map(str::to_owned) };
        witness.look(note, &hashes(proof).expect("hashes"), 1_770_000_000)
    };
    let Saw::Grew { from: None, to: 50, note: kept } = look(None, &first.note, &[]).expect("seen") else {
        panic!("the first one")
    };
    let note = Note::parse(kept.as_bytes()).expect("a note");
    assert_eq!(note.signed_by(&[log_keys[0].clone(), key.verifier().clone()]).expect("both").len(), 2);
    let proof = prove::grew(&world.bundle(), 50, 100).expect("a proof").path;
    let Saw::Grew { from: Some(50), to: 100, note: kept } =
        look(Some(&kept), &second.note, &proof).expect("seen")
    else {
        panic!("the second one")
    };
    // The same again needs no proof, and stays one cosignature.
    let Saw::Grew { note: again, .. } = look(Some(&kept), &kept, &[]).expect("seen") else {
        panic!("the same")
    };
    assert_eq!(again, kept);
    // Without a proof, with a wrong one, backwards, another log of the same size.
    for (note, proof) in [(&third.note, &[][..]), (&third.note, &proof[..]), (&first.note, &[])] {
        assert!(matches!(look(Some(&kept), note, proof), Ok(Saw::Fork(_))));
    }
    let fork = world.sealer.seals(world.town.log_id, 100, [7; 32], world.town.now);
    assert!(matches!(look(Some(&kept), &fork.note, &[]), Ok(Saw::Fork(_))));
    let stranger = Sealer::of(world.town.log_id, 5).seals(world.town.log_id, 100, [7; 32], world.town.now);
    look(Some(&kept), &stranger.note, &[]).expect_err("a stranger's");
    look(Some("not what it kept"), &third.note, &[]).expect_err("lost");
}

#[test]
fn a_clean_town_has_nothing_personal_and_what_is_put_in_is_found() {
    let town = Town::of(24).grown(3_000);
    let looked = |row: &Row| {
        let mut findings = Findings::default();
        scan(row, &row.event().expect("an event"), &mut findings);
        findings
    };
    for row in &town.rows {
        let findings = looked(row);
        assert!(findings.is_empty(), "{}: {:?}", row.event_type, findings.told);
    }
    let business = town.rows.iter().find(|row| row.event_type == "BusinessRegistered").expect("a business");
    for name in ["Анна +7 916 123-45-67", "anna@example.com", "ИП Петрова Анна Ивановна", "J45.0"]
    {
        let mut row = business.clone();
        row.payload["name"] = json!(name);
        assert!(looked(&row).has(What::Privacy), "{name}");
        assert!(!looked(&row).told[0].text.contains(name), "never shown");
    }
    let consent = town.rows.iter().find(|row| row.event_type == "ConsentGranted").expect("a consent");
    let mut row = consent.clone();
    row.payload["version"] = json!("8-916-123-45-67");
    if row.event().is_ok() {
        assert!(looked(&row).has(What::Privacy));
    }
    let mut row = consent.clone();
    row.metadata.source = "Анна".to_owned();
    assert!(looked(&row).has(What::Privacy));
}

#[test]
fn a_report_says_what_was_done_and_what_is_not_excluded() {
    let world = world(25, 1_500);
    let wanted = Wanted { replay: true, scan: true, months: true, ..Wanted::default() };
    let told = audit(&world.bundle(), &Trust::default(), wanted, &mut |_| {}).expect("decided");
    assert_eq!(told.verdict, Verdict::Clean, "{:?}", told.verification.findings);
    let text = report(&told, Format::Text);
    for part in ["Nothing is wrong", "No witness was asked", "taken again", "Scanned", "What is not excluded"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let page = report(&told, Format::Html);
    assert!(page.contains("<svg") && page.contains("<rect"), "{page}");
    for foreign in ["http:", "https:", "<script", "@import", "url("] {
        assert!(!page.contains(foreign), "the page needs nothing else: {foreign}");
    }
    let read: serde_json::Value = serde_json::from_str(&report(&told, Format::Json)).expect("JSON");
    assert_eq!(read["verdict"], "clean");
    assert_eq!(read["decided"]["events"], told.verification.events);
}

fn program(arguments: &[&str], folder: &Path) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_ledger-audit"));
    program.args(arguments).current_dir(folder).output().expect("it runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn the_command_line_answers_with_the_right_code() {
    let world = world(26, 300);
    let folder = world.folder.path();
    let key = world.sealer.key.verifier().to_string();
    std::fs::write(folder.join("log.key"), format!("{key}\n")).expect("written");
    let ask = |arguments: &[&str], code: i32| {
        let output = program(arguments, folder);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        said(&output)
    };
    ask(&["verify", "log", "--key", "log.key"], 0);
    ask(&["replay", "log"], 0);
    ask(&["scan", "log"], 0);
    ask(&["report", "log", "--format", "html", "--output", "audit.html"], 0);
    assert!(std::fs::read_to_string(folder.join("audit.html")).expect("a page").contains("</html>"));
    assert!(ask(&["verify", "nowhere"], 2).contains("Is the path right"));
    assert!(ask(&["verify", "log", "--key", "not-a-key"], 2).contains("name+id+base64"));
    assert!(ask(&["--help"], 0).contains("A first audit"));

    let receipt = program(&["prove", "log", "--position", "60"], folder);
    std::fs::write(folder.join("receipt.json"), &receipt.stdout).expect("written");
    ask(&["verify-receipt", "receipt.json", "--key", &key], 0);
    assert!(ask(&["verify-receipt", "receipt.json"], 2).contains("give the log's own"));
    let forged = String::from_utf8_lossy(&receipt.stdout).replacen("\"position\": 60", "\"position\": 61", 1);
    std::fs::write(folder.join("forged.json"), forged).expect("written");
    ask(&["verify-receipt", "forged.json", "--key", &key], 1);

    let made = program(&["witness-key", "witness.example"], folder);
    std::fs::write(folder.join("witness.key"), &made.stdout).expect("written");
    for (index, line) in world.shape.checkpoints.iter().enumerate() {
        std::fs::write(folder.join(format!("{index}.txt")), &line.note).expect("written");
    }
    let proof = program(&["prove", "log", "--from", "50", "--to", "100"], folder);
    std::fs::write(folder.join("proof.json"), &proof.stdout).expect("written");
    let look = |checkpoint: &str, proof: &[&str], code| {
        let arguments = ["witness", "--key-file", "witness.key", "--kept", "seen.txt", "--log-key", &key];
        ask(&[&arguments[..], &["--checkpoint", checkpoint], proof].concat(), code)
    };
    look("0.txt", &[], 0);
    look("1.txt", &[], 1);
    look("1.txt", &["--proof", "proof.json"], 0);
    look("0.txt", &[], 1);
    let public = String::from_utf8_lossy(&made.stderr).trim().to_owned();
    let told = ask(&["verify", "log", "--key", &key, "--witness", "seen.txt", "--witness-key", &public], 0);
    assert!(told.contains("a witness saw at 100"), "{told}");
    assert!(told.contains("Up to position 100") && told.contains("none was handed in"), "{told}");
    let told = ask(&["verify", "log", "--witness-key", &public], 0);
    assert!(told.contains("No witness vouches for this log"), "{told}");
    assert!(ask(&["verify", "log", "--witness-key", &key], 2).contains("not the key of a witness"));

    let path = folder.join("log").join("events.ndjson");
    let text = std::fs::read_to_string(&path).expect("events");
    std::fs::write(&path, text.replacen("\"source\":\"api\"", "\"source\":\"apj\"", 1)).expect("written");
    assert!(ask(&["verify", "log"], 1).contains("The first bad position is"));
}
