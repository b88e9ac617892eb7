//! A report for a terminal.

use std::fmt::Write;

use super::{done, place, plain, verdict};
use crate::audit::Audit;

/// Writing to a string cannot fail.
macro_rules! put {
    ($text:ident, $($rest:tt)*) => {{
        let _ = writeln!($text, $($rest)*);
    }};
}

pub(super) fn text(audit: &Audit) -> String {
    let mut text = String::new();
    let verification = &audit.verification;
    let findings = &verification.findings;
    put!(text, "{} (log {}, {} s).", verdict(audit), verification.log_id, audit.seconds);
    if let Some(first) = findings.first_bad {
        put!(text, "The first bad position is {first}.");
    }
    put!(text, "");
    done(audit).iter().for_each(|line| put!(text, "{}", plain(line)));
    if let Some(root) = &verification.root {
        put!(text, "Root at {}: {root}", verification.sealed);
    }
    if !findings.is_empty() {
        put!(text, "\nWhat is wrong ({} in all):", findings.total());
        findings.told.iter().for_each(|finding| put!(text, "  {}: {}", place(finding), plain(&finding.text)));
        let more = findings.total().saturating_sub(u64::try_from(findings.told.len()).unwrap_or(0));
        if more > 0 {
            put!(text, "  … and {more} more");
        }
    }
    let parts = [
        ("Why it cannot be decided:", &verification.undecided),
        ("What is excluded:", &verification.excluded),
        ("What is not excluded:", &verification.cannot_exclude),
        ("Besides:", &verification.remarks),
    ];
    for (head, lines) in parts {
        if !lines.is_empty() {
            put!(text, "\n{head}");
            lines.iter().for_each(|line| put!(text, "  {}", plain(line)));
        }
    }
    text
}
