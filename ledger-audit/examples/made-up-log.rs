//! Writes a bundle of a made-up log: `cargo run --release -p ledger-audit --example made-up-log -- FOLDER EVENTS`.
//!
//! Real decisions of made-up people, so that an audit has everything to do that it has to do on a real log.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::print_stdout,
    reason = "a tool for measuring; it shares its town with the tests"
)]

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use ledger_audit::bundle::{Writer, event_line};
use ledger_audit::tree::{Frontier, leaf};
use ledger_core::log::Row;

#[path = "../tests/it/town/mod.rs"]
mod town;

use town::{Sealer, Town};

/// How many events a checkpoint covers that the one before did not.
const SEALED_EVERY: u64 = 1_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().expect("a folder"));
    let events: i64 = arguments.next().and_then(|text| text.parse().ok()).expect("how many events");
    let town = Town::of(1);
    let sealer = Sealer::of(town.log_id, 1);
    let mut writer = Writer::create(&folder, town.log_id).expect("a folder");
    writer.key(&sealer.line()).expect("written");
    let (log_id, writer) = (town.log_id, Rc::new(RefCell::new((writer, Frontier::default()))));
    let sink = {
        let writer = Rc::clone(&writer);
        move |row: Row| {
            let (writer, tree) = &mut *writer.borrow_mut();
            let bytes = row.canonical_json().expect("canonical");
            let hash = leaf(&bytes);
            writer.event(&event_line(&bytes, &hash)).expect("written");
            tree.push(hash);
            if tree.size().is_multiple_of(SEALED_EVERY) {
                let line = sealer.seals(log_id, tree.size(), tree.root(), row.recorded_at);
                writer.checkpoint(&line).expect("written");
            }
        }
    };
    let town = town.into_sink(Box::new(sink)).crowded(events / 40).grown(events);
    let (count, now) = (town.count(), town.now);
    drop(town);
    let (writer, _) = Rc::into_inner(writer).expect("the only one").into_inner();
    let manifest = writer.close(u64::try_from(count).expect("fits"), now).expect("written");
    println!("{count} events, {} bytes", manifest.files["events.ndjson"].bytes);
}
