//! Programs of ours that are run to their end, and what the product says of itself.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use local_stack::ProcessOptions;

use super::site::Site;

impl Site {
    /// Runs a program of ours to its end; gives whether it succeeded, and what it said.
    ///
    /// # Panics
    /// When it does not end within `limit`.
    #[must_use]
    pub fn run(
        &self,
        label: &str,
        program: &str,
        arguments: &[&str],
        set: &[(&str, &str)],
        limit: Duration,
    ) -> (bool, String) {
        let (status, said) = self.run_to_end(label, program, arguments, set, limit);
        (status.success(), said)
    }

    /// The same, with the status that it ended with.
    ///
    /// # Panics
    /// When it does not end within `limit`.
    #[must_use]
    pub fn run_to_end(
        &self,
        label: &str,
        program: &str,
        arguments: &[&str],
        set: &[(&str, &str)],
        limit: Duration,
    ) -> (ExitStatus, String) {
        let mut options = ProcessOptions::new(label, program, arguments.iter().copied());
        for (variable, value) in set {
            options = options.with(variable, value);
        }
        let log = self.installation().folder().join(format!("{label}.log"));
        let _ = std::fs::remove_file(&log);
        let mut process = self.installation().start(options).expect("the program starts");
        let status = process.wait_for_end(limit).expect("the program ends");
        (status, std::fs::read_to_string(log).unwrap_or_default())
    }

    /// `projectors check`: the product's own comparison of log, read models and ClickHouse.
    ///
    /// # Panics
    /// With what it says, unless all is equal.
    pub fn check(&self) {
        let (equal, said) =
            self.run("check", "projectors", &["check", "--wait", "60"], &[], Duration::from_secs(120));
        assert!(equal, "projectors check: {said}");
    }

    /// `ledger-audit report` on the log in its database: it is what was sealed, every decision of it follows from the rules, nothing
    /// personal is on it, and the read models and ClickHouse hold what it says.
    ///
    /// # Panics
    /// With what it says, unless nothing is wrong.
    pub fn audit(&self) {
        let (ledger, read) = (self.address("ledger"), self.address("read"));
        let clickhouse = self.clickhouse();
        let arguments = ["report", &ledger, "--read-url", &read, "--clickhouse-url", &clickhouse];
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let (clean, said) = self.run("audit", "ledger-audit", &arguments, &[], Duration::from_secs(240));
            // By a clock that was set back or leaps, a tail of a second waits for its seal for months.
            let waits = said.contains("when its seal has caught up") && Instant::now() < deadline;
            assert!(clean || waits, "ledger-audit report: {said}");
            if clean {
                return;
            }
        }
    }
}
