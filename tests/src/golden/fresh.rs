//! An empty installation for one scenario.

use std::time::Duration;

use local_stack::{Installation, Process, ProcessOptions, Stack, StackError};

use super::play::Target;

const READY_LIMIT: Duration = Duration::from_secs(60);

/// A running installation with nothing in it. Dropping it kills its processes; its databases go with the stack.
#[derive(Debug)]
pub struct Fresh {
    target: Target,
    _processes: [Process; 2],
}

impl Fresh {
    /// Migrates and starts one under a name no other has on this stack.
    ///
    /// # Errors
    /// What kept it from being ready.
    pub fn start(stack: &Stack, name: &str) -> Result<Self, StackError> {
        let installation = Installation::new(stack, name)?;
        installation.migrate()?;
        let mut api = installation.start(ProcessOptions::new("ledger-api", "ledger-api", ["serve"]))?;
        let projectors = installation.start(ProcessOptions::new("projectors", "projectors", ["all"]))?;
        api.wait_ready(&format!("{}/health/ready", installation.http_url()), READY_LIMIT)?;
        let target =
            Target { base_url: installation.http_url(), admin_key: installation.admin_key().to_owned() };
        Ok(Self { target, _processes: [api, projectors] })
    }

    /// Where it answers.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }
}
