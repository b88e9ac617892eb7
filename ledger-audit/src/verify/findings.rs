//! What an audit found, and what it comes to.

use std::collections::BTreeMap;

use serde::Serialize;

/// How many findings are told one by one; the rest are counted.
const TOLD_MAX: usize = 50;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A file is not what the manifest says.
    File,
    /// A line is not of the form that lines have.
    Form,
    /// A position is missing, comes twice, or stands elsewhere.
    Position,
    /// A stream's version is missing, comes twice, or stands elsewhere.
    StreamVersion,
    /// The leaf hash is not that of the event.
    LeafHash,
    /// The event says the same in other bytes than the canonical ones.
    Encoding,
    /// A key is none.
    Key,
    /// A checkpoint is no signed note, or says what none may say.
    Note,
    /// A checkpoint is signed by nobody known, or the signature does not fit.
    Signature,
    /// A checkpoint is signed outside the period of its key.
    KeyPeriod,
    /// A checkpoint is of another log.
    Origin,
    /// A checkpoint's root is not that of the events.
    Root,
    /// Two checkpoints of one size.
    Fork,
    /// Fewer events than a checkpoint or the head says.
    Behind,
    /// Not what the witness saw.
    Witness,
    /// An event that does not follow from those before it.
    History,
    /// A decision that does not follow from the rules.
    Decision,
    /// Postings that do not sum to zero, or balances that are not their sums.
    Postings,
    /// A side that says something else than the log.
    Balance,
    /// Something personal, or medical, where nothing of it may be.
    Privacy,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub what: What,
    /// The first position that it is about; none when it is about no event.
    pub position: Option<u64>,
    /// The last position that it may be about, where that is not the first alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// In words.
    pub text: String,
}

/// What an audit comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing is wrong.
    Clean,
    /// Something is.
    Tampered,
    /// Too little is there to say.
    Undecided,
}

impl Verdict {
    /// The exit code: 0, 1, 2.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Tampered => 1,
            Self::Undecided => 2,
        }
    }
}

/// All that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// The first of them.
    pub told: Vec<Finding>,
    /// How many of each kind.
    pub counts: BTreeMap<What, u64>,
    /// The first position at which something is wrong.
    pub first_bad: Option<u64>,
}

impl Findings {
    /// Adds one.
    pub fn add(&mut self, what: What, position: Option<u64>, text: impl Into<String>) {
        self.add_range(what, position, None, text);
    }

    /// Adds one about positions from `position` until `until`.
    pub fn add_range(
        &mut self,
        what: What,
        position: Option<u64>,
        until: Option<u64>,
        text: impl Into<String>,
    ) {
        *self.counts.entry(what).or_default() += 1;
        self.first_bad = match (self.first_bad, position) {
            (Some(first), Some(position)) => Some(first.min(position)),
            (first, position) => first.or(position),
        };
        if self.told.len() < TOLD_MAX {
            self.told.push(Finding { what, position, until, text: text.into() });
        }
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Whether one of this kind is among them.
    #[must_use]
    pub fn has(&self, what: What) -> bool {
        self.counts.contains_key(&what)
    }
}
