//! What an audit came to, for people and for programs.

mod html;
mod text;

use crate::audit::Audit;
use crate::replay::{Decided, Word};
use crate::verify::What;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For a terminal.
    Text,
    /// For a program.
    Json,
    /// One page with charts, complete in itself.
    Html,
}

/// The report.
#[must_use]
pub fn report(audit: &Audit, format: Format) -> String {
    match format {
        Format::Text => text::text(audit),
        // Nothing in it has no form as JSON.
        Format::Json => serde_json::to_string_pretty(audit).unwrap_or_default() + "\n",
        Format::Html => html::html(audit),
    }
}

/// The verdict in words.
fn verdict(audit: &Audit) -> &'static str {
    match audit.verdict {
        crate::verify::Verdict::Clean => "Nothing is wrong with what could be checked",
        crate::verify::Verdict::Tampered => "The log is not what it should be",
        crate::verify::Verdict::Undecided => "It cannot be decided",
    }
}

/// Where something is, in words.
fn place(finding: &crate::verify::Finding) -> String {
    match (finding.position, finding.until) {
        (Some(from), Some(until)) if from != until => format!("positions {from} to {until}"),
        (Some(position), _) => format!("position {position}"),
        (None, _) => "the log as a whole".to_owned(),
    }
}

/// A text that a terminal and a page show as it stands: control characters, and those that turn the direction of writing, as
/// escapes. A bundle is anybody's, and what it says is on one line here.
#[must_use]
pub fn plain(text: &str) -> String {
    let is_hostile = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_hostile(letter) { plain.extend(letter.escape_unicode()) } else { plain.push(letter) }
    }
    plain
}

/// Hundredths of a bonus as bonuses.
fn bonuses(kopecks: i64) -> String {
    let sign = if kopecks < 0 { "−" } else { "" };
    let all = kopecks.unsigned_abs();
    format!("{sign}{}.{:02}", all / 100, all % 100)
}

/// What was believed, which a report must not pass over.
fn words(decided: &Decided) -> Option<String> {
    let word = |(kind, word): (&&str, &Word)| match word.kopecks {
        0 => format!("{} {kind}", word.facts),
        kopecks => format!("{} {kind} of {} bonuses in all", word.facts, bonuses(kopecks)),
    };
    let words: Vec<String> = decided.words.iter().map(word).collect();
    (!words.is_empty()).then(|| {
        format!(
            "On somebody's word, so that any amount would have passed: {}. Hold them against what the operator has on paper.",
            words.join(", ")
        )
    })
}

/// What was done, line by line.
fn done(audit: &Audit) -> Vec<String> {
    let verification = &audit.verification;
    let mut lines = vec![format!(
        "Verified: {} events, {} checkpoints, sealed up to position {}.",
        verification.events, verification.checkpoints, verification.sealed
    )];
    if let Some(seen) = verification.witnessed {
        lines.push(format!("Held against what a witness saw at {seen} events."));
    }
    for one in &verification.cosigned {
        lines.push(format!("Cosigned by {}: the checkpoint of {} events.", one.witness, one.size));
    }
    match &audit.decided {
        Some(decided) => {
            let said: u64 = decided.said.values().sum();
            let sums = if verification.findings.has(What::Postings) {
                "not all postings sum to zero, see below"
            } else {
                "postings sum to zero after every event"
            };
            lines.push(format!(
                "Replayed: {} decisions about {} members taken again, {} facts compared, among them {} accruals, {} expiries, {} \
                 changes of status; {sums}. {said} facts are what an admin or a business said, \
                 which follows from nothing.",
                decided.decisions, decided.members, decided.compared, decided.accruals, decided.expiries, decided.statuses
            ));
            lines.extend(words(decided));
        }
        None => lines.push(
            "Not replayed: whether the events follow from the rules was not asked (`replay`, `report`)."
                .to_owned(),
        ),
    }
    match audit.scanned {
        Some(scanned) => lines.push(format!("Scanned {scanned} events for what is personal or medical.")),
        None => lines.push("Not scanned for personal data (`scan`, `report`).".to_owned()),
    }
    lines.extend(audit.compared.iter().cloned());
    lines
}
