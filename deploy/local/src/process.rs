//! One of this project's own programs, run on a stack: `ledger-api`, `projectors`.
//!
//! A process can be killed, paused and started again in the middle of its work, which is what the tests of recovery
//! do. It ends with its owner in the same way as a server does (`watched`).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;

use crate::port::Port;
use crate::watched::{Launch, OnOwnerDeath, Watched};
use crate::{StackError, probe};

const BIN_DIR: &str = "OWN_CIRCLE_BIN_DIR";

/// What to run and how it differs from the installation's settings.
#[derive(Debug)]
pub struct ProcessOptions {
    label: String,
    program: String,
    arguments: Vec<OsString>,
    environment: BTreeMap<String, OsString>,
    port: Option<Port>,
}

impl ProcessOptions {
    /// `program` with `arguments`; the label names its log file and appears in messages.
    #[must_use]
    pub fn new<A: Into<OsString>>(
        label: &str,
        program: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self {
            label: label.to_owned(),
            program: program.to_owned(),
            arguments,
            environment: [].into(),
            port: None,
        }
    }

    /// Sets a variable for this process alone.
    #[must_use]
    pub fn with(mut self, variable: &str, value: impl Into<OsString>) -> Self {
        self.environment.insert(variable.to_owned(), value.into());
        self
    }

    /// Makes it listen on a port of its own instead of the installation's, and keeps the port reserved.
    #[must_use]
    pub fn listening_on(self, port: Port) -> Self {
        let listen = format!("127.0.0.1:{}", port.number());
        Self { port: Some(port), ..self.with("OWN_CIRCLE__HTTP__LISTEN", listen) }
    }
}

/// A process of ours. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    launch: Launch,
    running: Option<Watched>,
    _port: Option<Port>,
}

impl Process {
    pub(crate) fn start(
        options: ProcessOptions,
        settings: &BTreeMap<String, String>,
        folder: &Path,
    ) -> Result<Self, StackError> {
        let mut command = vec![find(&options.program)?.into_os_string()];
        command.extend(options.arguments);
        let mut environment: BTreeMap<String, OsString> =
            settings.iter().map(|(name, value)| (name.clone(), value.into())).collect();
        environment.extend(options.environment);
        let launch = Launch {
            command,
            environment,
            folder: folder.to_path_buf(),
            log: folder.join(format!("{}.log", options.label)),
            name: options.label,
            account: None,
            on_owner_death: OnOwnerDeath::Kill,
        };
        let running = Some(Watched::start(&launch)?);
        Ok(Self { launch, running, _port: options.port })
    }

    /// Waits until `GET url` answers 200.
    ///
    /// # Errors
    /// `Ended` or `NotReady` with the end of its log; `NotRunning` after it was killed or terminated.
    pub fn wait_ready(&mut self, url: &str, limit: Duration) -> Result<(), StackError> {
        self.running()?.wait_until(limit, || probe::get(url).is_ok_and(|status| status == 200))
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// `NotReady` with the end of its log if it is still running after `limit`; `NotRunning` as above.
    pub fn wait_for_end(&mut self, limit: Duration) -> Result<ExitStatus, StackError> {
        let running = self.running()?;
        let status = running.wait_for_end(limit);
        let log = running.log_tail();
        status.ok_or_else(|| StackError::NotReady { name: self.launch.name.clone(), waited: limit, log })
    }

    /// Waits until it ends by itself with status 0.
    ///
    /// # Errors
    /// As [`Process::wait_for_end`], and `Ended` with the end of its log for any other status.
    pub fn wait_for_success(&mut self, limit: Duration) -> Result<(), StackError> {
        let status = self.wait_for_end(limit)?;
        if status.success() {
            return Ok(());
        }
        let (name, log) = (self.launch.name.clone(), self.running()?.log_tail());
        Err(StackError::Ended { name, status: status.to_string(), log })
    }

    /// Kills it with SIGKILL and waits until it is gone.
    pub fn kill9(&mut self) {
        self.running = None;
    }

    /// Sends SIGTERM and waits; kills it after `limit`. The status is `None` if it had to be killed.
    ///
    /// # Errors
    /// `NotRunning` after it was killed or terminated.
    pub fn terminate(&mut self, limit: Duration) -> Result<Option<ExitStatus>, StackError> {
        let running = self.running.take().ok_or_else(|| StackError::NotRunning(self.launch.name.clone()))?;
        Ok(running.terminate(Signal::TERM, limit))
    }

    /// Stops it in its tracks (SIGSTOP): alive, connections open, silent.
    ///
    /// # Errors
    /// `NotRunning` after it was killed or terminated.
    pub fn pause(&mut self) -> Result<(), StackError> {
        self.running()?.signal(Signal::STOP);
        Ok(())
    }

    /// Lets it go on after [`Process::pause`].
    ///
    /// # Errors
    /// `NotRunning` after it was killed or terminated.
    pub fn resume(&mut self) -> Result<(), StackError> {
        self.running()?.signal(Signal::CONT);
        Ok(())
    }

    /// Kills it if it runs, and starts it again with the same arguments, settings and port.
    ///
    /// # Errors
    /// `Io` if it cannot be started.
    pub fn restart(&mut self) -> Result<(), StackError> {
        self.running = None;
        self.running = Some(Watched::start(&self.launch)?);
        Ok(())
    }

    /// Whether it has neither ended nor been killed.
    pub fn is_running(&mut self) -> bool {
        self.running.as_mut().is_some_and(|running| running.ended().is_none())
    }

    /// Its process id, unless it was killed or terminated.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(Watched::id)
    }

    /// Where its output goes, the runs one after the other.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.launch.log
    }

    fn running(&mut self) -> Result<&mut Watched, StackError> {
        self.running.as_mut().ok_or_else(|| StackError::NotRunning(self.launch.name.clone()))
    }
}

/// `OWN_CIRCLE_BIN_DIR` when set; else beside the current program, or one folder up (tests lie in `deps`).
fn find(program: &str) -> Result<PathBuf, StackError> {
    let folders: Vec<PathBuf> = match std::env::var_os(BIN_DIR) {
        Some(folder) if !folder.is_empty() => vec![folder.into()],
        _ => {
            let current = std::env::current_exe().map_err(StackError::io("finding the current program"))?;
            current.ancestors().skip(1).take(2).map(Path::to_path_buf).collect()
        }
    };
    let found = folders.iter().map(|folder| folder.join(program)).find(|path| path.is_file());
    found.ok_or_else(|| StackError::MissingBinary {
        name: program.to_owned(),
        looked: folders.last().cloned().unwrap_or_default(),
    })
}
