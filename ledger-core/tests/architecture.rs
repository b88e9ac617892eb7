//! The arrows between our crates, and what the domain may be made of. A wrong arrow fails the build here, not in a review.
#![expect(clippy::disallowed_types, reason = "this test asks cargo; it is no part of the domain")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What each of our crates may depend on: the design's table "Folders", with what it does not name.
const ARROWS: &[(&str, &[&str])] = &[
    ("ledger-core", &[]),
    ("ledger-ops", &["ledger-core"]),
    ("ledger-store", &["ledger-core", "ledger-ops"]),
    ("pii-vault", &["ledger-core"]),
    ("ledger-api", &["ledger-core", "ledger-ops", "ledger-store", "pii-vault"]),
    ("ledger-warehouse", &["ledger-core"]),
    ("projectors", &["ledger-core", "ledger-ops", "ledger-store", "ledger-warehouse"]),
    ("ledger-audit", &["ledger-core", "ledger-warehouse"]),
    ("crm-adapters", &["ledger-core"]),
    ("local-stack", &[]),
    ("bench", &["local-stack", "ledger-core", "ledger-ops", "ledger-store"]),
    ("xtask", &["local-stack"]),
    ("system-tests", &["local-stack", "ledger-core", "plain-model"]),
    ("plain-model", &["ledger-core"]),
];

/// Whom every crate's tests may use besides: real servers.
const IN_TESTS: &[&str] = &["local-stack"];

/// Every crate that ledger-core is built from, without the feature `schema`. No runtime, no driver, no randomness.
const CORE_IS_MADE_OF: &[&str] = &[
    "archery",
    "arrayvec",
    "block-buffer",
    "cfg-if",
    "chrono",
    "chrono-tz",
    "cpufeatures",
    "crypto-common",
    "digest",
    "generic-array",
    "hex",
    "itoa",
    "ledger-core",
    "libc",
    "memchr",
    "num-traits",
    "phf",
    "phf_shared",
    "proc-macro2",
    "quote",
    "rpds",
    "rust_decimal",
    "ryu-js",
    "serde",
    "serde_core",
    "serde_derive",
    "serde_json",
    "sha1_smol",
    "sha2",
    "siphasher",
    "smallvec",
    "syn",
    "thiserror",
    "thiserror-impl",
    "triomphe",
    "typenum",
    "unicode-ident",
    "uuid",
    "zmij",
];

/// Features of direct dependencies that would bring a clock or randomness in by the back door.
const CORE_LEAVES_OUT: &[(&str, &[&str])] = &[
    ("chrono", &["clock", "now", "default", "wasmbind", "iana-time-zone"]),
    ("uuid", &["v1", "v4", "v6", "v7", "rng", "fast-rng"]),
    ("rust_decimal", &["rand", "maths", "default", "serde-float", "serde-with-float"]),
    ("serde_json", &["arbitrary_precision", "preserve_order"]),
];

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--offline")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Our packages by name, with their declared dependencies.
fn packages() -> BTreeMap<String, Vec<Value>> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--no-deps"])).expect("json");
    let packages = metadata["packages"].as_array().expect("packages");
    let entry = |package: &Value| {
        let name = package["name"].as_str().expect("a name").to_owned();
        (name, package["dependencies"].as_array().expect("dependencies").clone())
    };
    packages.iter().map(entry).collect()
}

/// The arrows that `packages` has and `ARROWS` does not allow, as `from -> to`.
fn wrong_arrows(packages: &BTreeMap<String, Vec<Value>>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (from, dependencies) in packages {
        let allowed = ARROWS.iter().find(|(name, _)| name == from).map(|(_, allowed)| *allowed);
        for dependency in dependencies {
            let to = dependency["name"].as_str().expect("a name");
            let in_tests = dependency["kind"].as_str() == Some("dev") && IN_TESTS.contains(&to);
            let right = allowed.is_some_and(|allowed| allowed.contains(&to));
            if packages.contains_key(to) && !right && !in_tests {
                wrong.push(format!("{from} -> {to}"));
            }
        }
    }
    wrong
}

#[test]
fn dependency_arrows_point_inwards() {
    assert_eq!(wrong_arrows(&packages()), Vec::<String>::new());
}

#[test]
fn every_crate_of_ours_stands_in_the_table() {
    let known: BTreeSet<String> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let strangers: Vec<_> = packages().into_keys().filter(|name| !known.contains(name)).collect();
    assert_eq!(strangers, Vec::<String>::new(), "add the crate and what it may depend on");
}

#[test]
fn a_wrong_arrow_is_found() {
    let mut packages = packages();
    let arrow = serde_json::json!({ "name": "ledger-store", "kind": null });
    packages.get_mut("ledger-core").expect("the domain").push(arrow);
    assert_eq!(wrong_arrows(&packages), ["ledger-core -> ledger-store"]);
}

#[test]
fn the_domain_is_made_of_nothing_but_what_is_listed() {
    let tree = cargo(&[
        "tree",
        "-p",
        "ledger-core",
        "-e",
        "normal",
        "--prefix",
        "none",
        "-f",
        "{p}",
        "--target",
        "all",
    ]);
    let found: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let strangers: Vec<_> = found.into_iter().filter(|name| !CORE_IS_MADE_OF.contains(name)).collect();
    assert_eq!(strangers, Vec::<&str>::new(), "ledger-core has no I/O, clock, randomness or async");
}

#[test]
fn the_domain_turns_no_clock_and_no_randomness_on() {
    let packages = packages();
    let dependencies = packages.get("ledger-core").expect("the domain");
    let mut wrong = Vec::new();
    for dependency in dependencies.iter().filter(|it| it["kind"].is_null()) {
        let name = dependency["name"].as_str().expect("a name");
        let banned =
            CORE_LEAVES_OUT.iter().find(|(it, _)| *it == name).map_or(&[][..], |(_, banned)| *banned);
        let features = dependency["features"].as_array().expect("features");
        let on = features.iter().filter_map(Value::as_str).filter(|feature| banned.contains(feature));
        wrong.extend(on.map(|feature| format!("{name}/{feature}")));
        let by_default = dependency["uses_default_features"].as_bool() == Some(true);
        if by_default && banned.contains(&"default") {
            wrong.push(format!("{name}/default"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
