//! What each revision of the rule code makes of recorded inputs: an old revision stays reproducible. Rules P5, B4, B5.
//!
//! The vectors were reckoned by another program, in exact decimals. Who changes what an accrual comes to raises
//! `RULES_REVISION`, keeps the old code for the old revision, and adds a file; a file never changes.
#![expect(clippy::disallowed_methods, reason = "this test reads files; it is no part of the domain")]

use std::path::Path;

use ledger_core::member::accrual::split;
use ledger_core::member::event::AccrualInputs;
use ledger_core::policy::RULES_REVISION;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

/// The files as they were first written.
const FILES: [(u32, &str); 1] = [(1, "fb6430dee623637706a6ce5f015a92ff8a8966ef8fab984a3ca59427eb314f9c")];

#[derive(Deserialize)]
struct Vector {
    base: String,
    rate: String,
    status_rate: String,
    new_category: String,
    business_multiplier: String,
    total: String,
    business: String,
    coalition: String,
}

impl Vector {
    fn inputs(&self, revision: u32) -> AccrualInputs {
        let inputs = json!({
            "base": self.base,
            "status": "insider",
            "rate_rule": "status",
            "rate": self.rate,
            "status_rate": self.status_rate,
            "new_category": self.new_category,
            "business_multiplier": self.business_multiplier,
            "policy_version": 1,
            "policy_moment": "occurred_at",
            "rules_revision": revision,
        });
        serde_json::from_value(inputs).expect("recorded inputs")
    }
}

#[test]
fn rule_p5_every_revision_of_the_rules_comes_to_its_golden_vectors() {
    let revisions: Vec<u32> = FILES.iter().map(|(revision, _)| *revision).collect();
    assert_eq!(revisions, (1..=RULES_REVISION).collect::<Vec<_>>(), "vectors for each revision");
    for (revision, digest) in FILES {
        let name = format!("tests/golden-rules/accrual.r{revision}.json");
        let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("the vectors");
        assert_eq!(format!("{:x}", Sha256::digest(&text)), digest, "vectors never change");
        let vectors: Vec<Vector> = serde_json::from_slice(&text).expect("vectors");
        assert!(vectors.len() > 50);
        for vector in vectors {
            let amounts = split(&vector.inputs(revision)).expect("fits");
            let came_to = [amounts.total, amounts.business, amounts.coalition].map(|it| it.to_string());
            assert_eq!(
                came_to,
                [&vector.total, &vector.business, &vector.coalition].map(Clone::clone),
                "{}",
                vector.base
            );
        }
    }
}
