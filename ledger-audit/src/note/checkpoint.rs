//! Checkpoints: what the log signs of itself. C2SP tlog-checkpoint.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::tree::Hash;

/// The size and the root of the tree of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: `own-circle/` and the log's id.
    pub origin: String,
    /// How many leaves: the newest position that it covers.
    pub size: u64,
    /// The root.
    pub root: Hash,
}

/// A signed text that is no checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signed text is no checkpoint: {0}")]
pub struct NotACheckpoint(&'static str);

impl Checkpoint {
    /// What begins the origin of every log of this ledger.
    pub const ORIGIN: &'static str = "own-circle/";

    /// Reads the text of a note. Lines after the third are allowed, and say nothing here.
    ///
    /// # Errors
    /// [`NotACheckpoint`]; a tree of nothing is none that the ledger signs.
    pub fn parse(text: &str) -> Result<Self, NotACheckpoint> {
        let text = text.strip_suffix('\n').ok_or(NotACheckpoint("its last line does not end"))?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(NotACheckpoint("it has fewer than three lines"));
        };
        if origin.is_empty() || lines.any(str::is_empty) {
            return Err(NotACheckpoint("a line of it is empty"));
        }
        let number: u64 = size.parse().map_err(|_| NotACheckpoint("its size is not a number"))?;
        // One way to write a number: no sign, no zero in front.
        if number.to_string() != size {
            return Err(NotACheckpoint("its size is not written as a number is"));
        }
        if number == 0 || i64::try_from(number).is_err() {
            return Err(NotACheckpoint("its size is that of no log"));
        }
        let bytes = STANDARD.decode(root).map_err(|_| NotACheckpoint("its root is not base64"))?;
        let root = bytes.try_into().map_err(|_| NotACheckpoint("its root is not 32 bytes"))?;
        Ok(Self { origin: origin.to_owned(), size: number, root })
    }

    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }
}
