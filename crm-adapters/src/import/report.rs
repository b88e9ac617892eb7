//! What became of the lines.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::error::ImportError;
use super::service::create;

const SHOWN_MAX: u64 = 20;

/// The service's word on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Created,
    Replayed,
    Amended,
    Stale,
    Unmatched,
    Quarantined,
    BeforeMembership,
    Refused,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Replayed => "replayed",
            Self::Amended => "amended",
            Self::Stale => "stale",
            Self::Unmatched => "unmatched",
            Self::Quarantined => "quarantined",
            Self::BeforeMembership => "before_membership",
            Self::Refused => "refused",
        }
    }
}

/// Counts, and the list of lines that did not go in.
pub(crate) struct Report {
    outcomes: BTreeMap<Outcome, u64>,
    refused: BTreeMap<String, u64>,
    bad: u64,
    members_made: u64,
    list: Option<(PathBuf, BufWriter<File>)>,
    shown: u64,
}

impl Report {
    /// With a file for the lines that did not go in, or showing the first of them.
    pub(crate) fn new(list: Option<PathBuf>) -> Result<Self, ImportError> {
        let list = match list {
            Some(path) => {
                let file = create(&path)?;
                Some((path, BufWriter::new(file)))
            }
            None => None,
        };
        let mut report = Self {
            outcomes: BTreeMap::new(),
            refused: BTreeMap::new(),
            bad: 0,
            members_made: 0,
            list,
            shown: 0,
        };
        report.write_list("line,code,reason\n")?;
        Ok(report)
    }

    pub(crate) fn member_made(&mut self) {
        self.members_made += 1;
    }

    /// A line that was not sent.
    pub(crate) fn bad(&mut self, line: u64, reason: &str) -> Result<(), ImportError> {
        self.bad += 1;
        self.list_line(line, "BAD_LINE", reason)
    }

    /// The answer to a line that was sent.
    pub(crate) fn answered(
        &mut self,
        line: u64,
        outcome: Outcome,
        code: Option<&str>,
    ) -> Result<(), ImportError> {
        *self.outcomes.entry(outcome).or_default() += 1;
        if outcome != Outcome::Refused {
            return Ok(());
        }
        let code = code.unwrap_or("without a code");
        *self.refused.entry(code.to_owned()).or_default() += 1;
        self.list_line(line, code, "refused by the service")
    }

    /// Whether every line went in, now or earlier.
    pub(crate) fn is_clean(&self) -> bool {
        self.bad == 0 && !self.outcomes.contains_key(&Outcome::Refused)
    }

    /// How many lines were answered.
    pub(crate) fn answers(&self) -> u64 {
        self.outcomes.values().sum()
    }

    /// The summary.
    pub(crate) fn summary(&self, took: Duration) -> String {
        let mut parts: Vec<String> =
            self.outcomes.iter().map(|(outcome, count)| format!("{count} {}", outcome.as_str())).collect();
        if !self.refused.is_empty() {
            let codes: Vec<String> =
                self.refused.iter().map(|(code, count)| format!("{code} {count}")).collect();
            parts.push(format!("refused for {}", codes.join(", ")));
        }
        if self.bad > 0 {
            parts.push(format!("{} bad lines", self.bad));
        }
        if parts.is_empty() {
            parts.push("nothing to send".to_owned());
        }
        let millis = took.as_millis().max(1);
        let rate = u128::from(self.answers()) * 1000 / millis;
        let members = match self.members_made {
            0 => String::new(),
            made => format!("; {made} members made"),
        };
        let seconds = format!("{}.{} s", millis / 1000, millis % 1000 / 100);
        format!("{}{members}; {seconds}, {rate} purchases/s", parts.join(", "))
    }

    /// Makes sure the list is on disk.
    pub(crate) fn finish(&mut self) -> Result<(), ImportError> {
        let Some((path, file)) = &mut self.list else { return Ok(()) };
        file.flush().map_err(|source| ImportError::File { path: path.clone(), source })
    }

    fn list_line(&mut self, line: u64, code: &str, reason: &str) -> Result<(), ImportError> {
        if self.list.is_some() {
            return self.write_list(&format!("{line},{code},\"{}\"\n", reason.replace('"', "\"\"")));
        }
        self.shown += 1;
        if self.shown <= SHOWN_MAX {
            say(&format!("line {line}: {code}: {reason}"));
        }
        if self.shown == SHOWN_MAX {
            say("further ones are only counted; --errors FILE lists all");
        }
        Ok(())
    }

    fn write_list(&mut self, text: &str) -> Result<(), ImportError> {
        let Some((path, file)) = &mut self.list else { return Ok(()) };
        file.write_all(text.as_bytes()).map_err(|source| ImportError::File { path: path.clone(), source })
    }
}

/// A line for the person at the terminal.
pub(crate) fn say(line: &str) {
    // A closed terminal is no reason to stop an import.
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_outcomes_codes_and_bad_lines() {
        let mut report = Report::new(None).unwrap();
        for (line, outcome) in [(1, Outcome::Created), (2, Outcome::Replayed), (3, Outcome::Created)] {
            report.answered(line, outcome, None).unwrap();
        }
        assert!(report.is_clean());
        report.answered(4, Outcome::Refused, Some("OCCURRED_IN_FUTURE")).unwrap();
        report.bad(5, "not UTF-8").unwrap();
        assert!(!report.is_clean());
        assert_eq!(
            report.summary(Duration::from_millis(2_000)),
            "2 created, 1 replayed, 1 refused, refused for OCCURRED_IN_FUTURE 1, 1 bad lines; 2.0 s, 2 purchases/s"
        );
    }

    #[test]
    fn the_list_holds_every_line_that_did_not_go_in() {
        let path = std::env::temp_dir().join(format!("own-circle-report-{}.csv", std::process::id()));
        let mut report = Report::new(Some(path.clone())).unwrap();
        report.bad(7, "a \"quoted\" reason").unwrap();
        report.answered(9, Outcome::Refused, Some("MEMBER_BLOCKED")).unwrap();
        report.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let wanted = "line,code,reason\n7,BAD_LINE,\"a \"\"quoted\"\" reason\"\n9,MEMBER_BLOCKED,\"refused by the service\"\n";
        assert_eq!(text, wanted);
    }
}
