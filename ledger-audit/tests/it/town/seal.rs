//! Sealing a log in the agreed format, and writing it as a bundle.

use std::path::Path;

use ledger_audit::bundle::{CheckpointLine, KeyLine, Manifest, Writer, event_line, origin};
use ledger_audit::note::{Checkpoint, KeyKind, SignerKey, written};
use ledger_audit::tree::{Frontier, Hash};
use ledger_core::ids::LogId;
use ledger_core::log::Row;
use ledger_core::time::Timestamp;

/// A key of a log, with its period.
pub(crate) struct Sealer {
    pub(crate) key: SignerKey,
    pub(crate) from: Timestamp,
    pub(crate) until: Option<Timestamp>,
}

impl Sealer {
    pub(crate) fn of(log_id: LogId, seed: u8) -> Self {
        let key = SignerKey::from_seed(&origin(log_id), KeyKind::Log, [seed; 32]).expect("a key");
        Self { key, from: Timestamp::BEGINNING, until: None }
    }

    pub(crate) fn line(&self) -> KeyLine {
        KeyLine { key: self.key.verifier().to_string(), valid_from: self.from, valid_until: self.until }
    }

    /// A signed checkpoint.
    pub(crate) fn seals(&self, log_id: LogId, size: u64, root: Hash, at: Timestamp) -> CheckpointLine {
        let text = Checkpoint { origin: origin(log_id), size, root }.text();
        CheckpointLine { note: written(&text, &[self.key.sign(&text, 0)]), sealed_at: at, size }
    }
}

/// A bundle as parts that a test can change before it is written.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) log_id: LogId,
    /// Canonical bytes and leaf hash, one for each event.
    pub(crate) events: Vec<(Vec<u8>, Hash)>,
    pub(crate) checkpoints: Vec<CheckpointLine>,
    pub(crate) keys: Vec<KeyLine>,
    /// What is written in place of a line of events.
    pub(crate) raw: std::collections::BTreeMap<usize, Vec<u8>>,
    pub(crate) size: Option<u64>,
    /// When it was taken; long after all of it when absent.
    pub(crate) exported_at: Option<Timestamp>,
}

/// The leaf hash of canonical bytes.
pub(crate) fn leaf(event: &[u8]) -> Hash {
    ledger_audit::tree::leaf(event)
}

impl Shape {
    /// The log of `rows`, sealed by `sealer` at each of `sizes`.
    pub(crate) fn of(log_id: LogId, rows: &[Row], sealer: &Sealer, sizes: &[u64]) -> Self {
        let events = rows.iter().map(|row| {
            let bytes = row.canonical_json().expect("canonical");
            let hash = leaf(&bytes);
            (bytes, hash)
        });
        let mut shape = Self {
            log_id,
            events: events.collect(),
            checkpoints: Vec::new(),
            keys: vec![sealer.line()],
            raw: std::collections::BTreeMap::new(),
            size: None,
            exported_at: None,
        };
        shape.seal(sealer, sizes);
        shape
    }

    /// Seals anew, each checkpoint when its last event was recorded.
    pub(crate) fn seal(&mut self, sealer: &Sealer, sizes: &[u64]) {
        self.checkpoints.clear();
        let mut tree = Frontier::default();
        for (event, hash) in &self.events {
            tree.push(*hash);
            if sizes.contains(&tree.size()) {
                let row: Row = serde_json::from_slice(event).expect("a row");
                let line = sealer.seals(self.log_id, tree.size(), tree.root(), row.recorded_at);
                self.checkpoints.push(line);
            }
        }
    }

    /// Seals events anew that may be none, at the moments at which they were sealed before.
    pub(crate) fn seal_as(&mut self, sealer: &Sealer, sizes: &[u64]) {
        let before = std::mem::take(&mut self.checkpoints);
        let mut tree = Frontier::default();
        let mut before = before.into_iter();
        for (_, hash) in &self.events {
            tree.push(*hash);
            if sizes.contains(&tree.size()) {
                let at = before.next().expect("as many as before").sealed_at;
                self.checkpoints.push(sealer.seals(self.log_id, tree.size(), tree.root(), at));
            }
        }
    }

    /// The root of all events as they are.
    pub(crate) fn root(&self) -> Hash {
        let mut tree = Frontier::default();
        self.events.iter().for_each(|(_, hash)| tree.push(*hash));
        tree.root()
    }

    /// Writes it; the manifest says what the files are.
    pub(crate) fn write(&self, folder: &Path) -> Manifest {
        let mut writer = Writer::create(folder, self.log_id).expect("a folder");
        self.keys.iter().for_each(|key| writer.key(key).expect("written"));
        self.checkpoints.iter().for_each(|line| writer.checkpoint(line).expect("written"));
        for (index, (event, hash)) in self.events.iter().enumerate() {
            let line = self.raw.get(&index).cloned().unwrap_or_else(|| event_line(event, hash));
            writer.event(&line).expect("written");
        }
        let now = "2026-06-01T00:00:00.000000Z".parse().expect("a time");
        let now = self.exported_at.unwrap_or(now);
        let head = self.size.unwrap_or(writer.size());
        writer.close(head, now).expect("written")
    }
}
