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
    /// The first position that was told alone.
    #[serde(skip)]
    point: Option<u64>,
    /// The first position of which it is known that it is the very one that was changed.
    #[serde(skip)]
    exact: Option<u64>,
    /// From where until where something may be wrong: those that begin or end before all others.
    #[serde(skip)]
    ranges: Vec<(u64, u64)>,
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
        let least = |known: Option<u64>, new: u64| Some(known.map_or(new, |known| known.min(new)));
        match (position, until) {
            (Some(from), Some(until)) if from < until => {
                if !self.ranges.iter().any(|(first, last)| *first <= from && *last <= until) {
                    self.ranges.push((from, until));
                }
            }
            (Some(position), _) => self.point = least(self.point, position),
            (None, _) => {}
        }
        self.settle();
        if self.told.len() < TOLD_MAX {
            self.told.push(Finding { what, position, until, text: text.into() });
        }
    }

    /// Adds one about the very event that was changed: of what is said of a range around it, it is the first.
    pub fn add_exact(&mut self, what: What, position: u64, text: impl Into<String>) {
        self.exact = Some(self.exact.map_or(position, |known| known.min(position)));
        self.add(what, Some(position), text);
    }

    fn settle(&mut self) {
        let is_narrowed =
            |(from, until): &(u64, u64)| self.exact.is_some_and(|exact| (*from..=*until).contains(&exact));
        let wide = self.ranges.iter().filter(|range| !is_narrowed(range)).map(|(from, _)| *from);
        self.first_bad = wide.chain(self.point).min();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_exactly_is_the_first_of_the_range_around_it() {
        let mut findings = Findings::default();
        findings.add_range(What::Root, Some(61), Some(70), "one of them");
        assert_eq!(findings.first_bad, Some(61));
        // What follows from a change stands behind it, and does not narrow it.
        findings.add(What::StreamVersion, Some(66), "a gap");
        assert_eq!(findings.first_bad, Some(61));
        findings.add_exact(What::Balance, 64, "the tile");
        assert_eq!(findings.first_bad, Some(64));
        findings.add_range(What::KeyPeriod, Some(21), Some(30), "another");
        assert_eq!(findings.first_bad, Some(21));
        findings.add(What::LeafHash, Some(3), "here");
        assert_eq!(findings.first_bad, Some(3));
    }
}
