//! Every rule of the rule book and every refusal has a scenario, and `tests/golden/README.md` says which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ledger_core::rejection::Rejection;

use super::{Scenario, files_below};

/// The rules by number, and what each is about.
const RULES: [(&str, &str); 68] = [
    ("B1", "base rates"),
    ("B2", "new category"),
    ("B3", "business multiplier"),
    ("B4", "one rounding"),
    ("B5", "lots, hold, last day"),
    ("B6", "balance"),
    ("B7", "order of spending"),
    ("B8", "expiry"),
    ("B9", "cross bonus"),
    ("B10", "gifts and adjustments"),
    ("C1", "kinds of coupons"),
    ("C2", "a coupon's way"),
    ("C3", "a coupon's conditions"),
    ("C4", "a discount's limit, who bears it"),
    ("D1", "natural key"),
    ("D2", "replay, stale, other content"),
    ("D3", "newer revisions"),
    ("D4", "a refund before its purchase"),
    ("D5", "suspected duplicates"),
    ("E1", "contributions to the fund"),
    ("E2", "allocations of the fund"),
    ("F1", "full and partial refunds"),
    ("F2", "what is taken back"),
    ("F3", "debt"),
    ("F4", "what is returned"),
    ("F5", "coupons of a refunded purchase"),
    ("F6", "statuses and categories net of refunds"),
    ("F7", "what hangs on a purchase"),
    ("M1", "postings"),
    ("M2", "what funders owe"),
    ("M3", "monthly statements"),
    ("M4", "closed months"),
    ("M5", "exposure"),
    ("P1", "the policy in force"),
    ("P2", "policies ahead, never back"),
    ("P3", "simulation"),
    ("P4", "what was earned stays"),
    ("P5", "recorded inputs"),
    ("R1", "hold, cancel, lapse"),
    ("R2", "limits"),
    ("R3", "capture"),
    ("R4", "refusals"),
    ("R5", "never the same bonuses twice"),
    ("S1", "conditions"),
    ("S2", "occasions"),
    ("S3", "changes, grace"),
    ("S4", "Premium"),
    ("S5", "progress"),
    ("S6", "a new member"),
    ("S7", "medical businesses"),
    ("T1", "two times of a fact"),
    ("T2", "Moscow days"),
    ("T3", "future, quarantine"),
    ("T4", "out of order"),
    ("T5", "before membership"),
    ("T6", "imported history"),
    ("V1", "weights of votes"),
    ("V2", "score, veto"),
    ("X1", "chains"),
    ("X2", "a chain's states"),
    ("X3", "triggers"),
    ("X4", "conversions"),
    ("X5", "limits and budgets"),
    ("X6", "no circles"),
    ("X7", "refunded triggers"),
    ("X8", "Win-Win index"),
    ("X9", "clinics in chains"),
    ("Z", "refusals write nothing"),
];

/// Rules of what is not built: none may be here that has a scenario.
const NOT_BUILT: [&str; 7] = ["E1", "E2", "M3", "M4", "M5", "V1", "V2"];

/// Refusals that no scenario can reach: the log begins with a policy; ten thousand refunds would have to wait (the core's tests let
/// them: `rule_d4…`), a business be part of two thousand chains, or have five hundred offers; two hundred comments be made on one;
/// twenty demands of one member be open (the core's tests let them); amounts that do not fit are stopped at the door.
const OUT_OF_REACH: [&str; 7] = [
    "POLICY_MISSING",
    "TOO_MANY_CHAINS",
    "TOO_MANY_OFFERS",
    "TOO_MANY_COMMENTS",
    "TOO_MANY_WAITING",
    "TOO_MANY_OPEN_REQUESTS",
    "AMOUNT_OUT_OF_RANGE",
];

/// At least so many scenarios.
const LEAST: usize = 60;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// The scenarios by name, each with its text.
fn scenarios() -> BTreeMap<String, (Scenario, String)> {
    let files = files_below(&[folder()]).expect("a folder of scenarios");
    let read = |path: &PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).expect("a file");
        (name, (Scenario::read(path).expect("a scenario"), text))
    };
    files.iter().map(read).collect()
}

/// The table of the README: a line for each rule, with the scenarios that name it.
fn table(scenarios: &BTreeMap<String, (Scenario, String)>) -> String {
    let mut table = "| rule | scenarios |\n| --- | --- |\n".to_owned();
    for (rule, about) in RULES {
        let names = scenarios.iter().filter(|(_, (scenario, _))| scenario.rules.iter().any(|it| it == rule));
        let names: Vec<_> = names.map(|(name, _)| format!("`{name}`")).collect();
        if !names.is_empty() {
            table.push_str(&format!("| {rule} {about} | {} |\n", names.join(" ")));
        }
    }
    table
}

#[test]
fn every_rule_that_is_built_has_a_scenario() {
    let scenarios = scenarios();
    let named: BTreeSet<&str> =
        scenarios.values().flat_map(|(scenario, _)| scenario.rules.iter().map(String::as_str)).collect();
    let known: BTreeSet<&str> = RULES.iter().map(|(rule, _)| *rule).collect();
    assert_eq!(named.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new(), "no such rules");
    let without: Vec<_> = known.difference(&named).copied().collect();
    assert_eq!(without, NOT_BUILT, "rules without a scenario, and those that are not built");
}

#[test]
fn the_readme_says_which_scenarios_show_a_rule() {
    let table = table(&scenarios());
    let readme = std::fs::read_to_string(folder().join("README.md")).expect("a README");
    assert!(readme.contains(&table), "the table of tests/golden/README.md must be:\n\n{table}");
}

#[test]
fn every_refusal_has_a_scenario() {
    let scenarios = scenarios();
    assert!(scenarios.len() >= LEAST, "{} scenarios", scenarios.len());
    let shown = |code: &str| {
        let named = [format!("error: {code}"), format!("code: {code}")];
        scenarios.values().any(|(_, text)| named.iter().any(|named| names_it(text, named)))
    };
    let missing: Vec<_> = Rejection::CODES.iter().filter(|code| !shown(code)).collect();
    assert_eq!(missing, OUT_OF_REACH.iter().collect::<Vec<_>>());
}

/// Whether `text` has `named` with no further letter behind it.
fn names_it(text: &str, named: &str) -> bool {
    text.split(named)
        .skip(1)
        .any(|rest| !rest.starts_with(|next: char| next.is_ascii_uppercase() || next == '_'))
}
