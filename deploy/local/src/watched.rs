//! Child processes that cannot outlive their owner.
//!
//! Shape: the child is started through `sh`, which forks a small watcher and then becomes the program by `exec`, so
//! the pid, the exit status and the process group are the program's own. The watcher reads a pipe whose only write
//! end is held here and closes by itself when the owner ends, however it ends.
//!
//! Why it is right:
//! 1. The watcher exists before the program does: there is no moment at which the owner's death leaves it alone.
//! 2. The write end is close-on-exec, so no other child of the owner keeps the pipe open.
//! 3. Watcher and program share a process group of their own: Ctrl-C at the terminal reaches the owner alone, and
//!    the group's number cannot be given away while the watcher lives.
//! 4. PostgreSQL's backends leave the group, therefore a kill walks the process tree as well, and the watcher first
//!    asks the postmaster (SIGQUIT), which takes its backends along.
//!
//! Bounds: the watcher gives the program `WATCHER_PATIENCE` tenths of a second before SIGKILL.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::account::Account;
use crate::{StackError, process_tree};

const WATCHER_PATIENCE: &str = "50";
const POLL: Duration = Duration::from_millis(20);
/// SIGKILL is not refused; this bounds the wait for the kernel to carry it out.
const GONE_LIMIT: Duration = Duration::from_secs(5);
const LOG_TAIL_LINES: usize = 40;

// $0 is a name for the process list, $1 the signal, $2 the patience, the rest is the program.
const SCRIPT: &str = r#"
exec 3<&0
signal=$1 patience=$2
shift 2
(
  trap '' HUP INT QUIT TERM
  read -r _ <&3
  kill -s "$signal" $$
  while [ "$patience" -gt 0 ] && kill -0 $$; do sleep 0.1; patience=$((patience - 1)); done
  kill -s KILL -- -$$
) >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
"#;

/// What a watched process does when its owner dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnOwnerDeath {
    /// SIGKILL at once.
    Kill,
    /// SIGQUIT first: PostgreSQL's immediate shutdown, which takes its backends along.
    Quit,
}

/// How to start a process.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// Name for messages.
    pub(crate) name: String,
    /// Program and arguments.
    pub(crate) command: Vec<OsString>,
    /// Variables on top of the owner's.
    pub(crate) environment: BTreeMap<String, OsString>,
    /// Working folder; the account must be able to enter it.
    pub(crate) folder: PathBuf,
    /// Output goes to the end of this file.
    pub(crate) log: PathBuf,
    /// Another account to run under.
    pub(crate) account: Option<Account>,
    /// What happens when the owner dies.
    pub(crate) on_owner_death: OnOwnerDeath,
}

/// A running process on a leash. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Watched {
    child: Child,
    leash: Option<ChildStdin>,
    name: String,
    log: PathBuf,
    log_from: u64,
}

impl Watched {
    pub(crate) fn start(launch: &Launch) -> Result<Self, StackError> {
        let opening = format!("opening {}", launch.log.display());
        let log = OpenOptions::new().create(true).append(true).open(&launch.log);
        let log = log.map_err(StackError::io(opening.clone()))?;
        let log_from = log.metadata().map_err(StackError::io(opening.clone()))?.len();
        let errors = log.try_clone().map_err(StackError::io(opening))?;
        let (signal, patience) = match launch.on_owner_death {
            OnOwnerDeath::Kill => ("KILL", "0"),
            OnOwnerDeath::Quit => ("QUIT", WATCHER_PATIENCE),
        };
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", SCRIPT, "own-circle-watch", signal, patience]).args(&launch.command);
        // Settings of the owner's shell must not reach a process whose settings are given here.
        let settings = std::env::vars_os().map(|(name, _)| name);
        for name in settings.filter(|name| name.as_encoded_bytes().starts_with(b"OWN_CIRCLE__")) {
            shell.env_remove(name);
        }
        shell.envs(&launch.environment).current_dir(&launch.folder).process_group(0);
        shell.stdin(Stdio::piped()).stdout(log).stderr(errors);
        if let Some(account) = &launch.account {
            account.apply(&mut shell);
        }
        let mut child = shell.spawn().map_err(StackError::io(format!("starting {}", launch.name)))?;
        // Out of `child`, because waiting for a child closes its standard input.
        let leash = child.stdin.take();
        Ok(Self { child, leash, name: launch.name.clone(), log: launch.log.clone(), log_from })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Calls `ready` until it holds.
    pub(crate) fn wait_until(&mut self, limit: Duration, ready: impl Fn() -> bool) -> Result<(), StackError> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                let (name, status) = (self.name.clone(), status.to_string());
                return Err(StackError::Ended { name, status, log: self.log_tail() });
            }
            if ready() {
                return Ok(());
            }
            if begun.elapsed() >= limit {
                let (name, waited) = (self.name.clone(), begun.elapsed());
                return Err(StackError::NotReady { name, waited, log: self.log_tail() });
            }
            thread::sleep(POLL);
        }
    }

    /// Waits until it ends by itself; `None` if it has not within `limit`.
    pub(crate) fn wait_for_end(&mut self, limit: Duration) -> Option<ExitStatus> {
        let begun = Instant::now();
        loop {
            let status = self.ended();
            if status.is_some() || begun.elapsed() >= limit {
                return status;
            }
            thread::sleep(POLL);
        }
    }

    /// Sends a signal to the program alone.
    pub(crate) fn signal(&self, signal: Signal) {
        // It fails only when the process has ended, which every caller finds out by waiting.
        let _ = self.pid().map(|pid| kill_process(pid, signal));
    }

    /// Asks the program to end and kills it after `limit`.
    pub(crate) fn terminate(mut self, signal: Signal, limit: Duration) -> Option<ExitStatus> {
        self.signal(signal);
        self.wait_for_end(limit)
    }

    /// The end of what this run wrote to its log.
    pub(crate) fn log_tail(&self) -> String {
        tail_of(&self.log, self.log_from)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Stopped first, so that it cannot start another child while the tree is walked.
        self.signal(Signal::STOP);
        let family = process_tree::family(self.child.id());
        for member in &family {
            member.kill();
        }
        // The watcher is in the group too, and keeps the group's number from being given away before this.
        let _ = self.pid().map(|pid| kill_process_group(pid, Signal::KILL));
        let _ = self.child.wait();
        self.leash = None;
        process_tree::wait_until_gone(&family, GONE_LIMIT);
    }
}

fn tail_of(log: &Path, from: u64) -> String {
    use std::io::{Read, Seek, SeekFrom};
    let mut bytes = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        file.seek(SeekFrom::Start(from))?;
        file.read_to_end(&mut bytes)
    });
    match read {
        Ok(_) => last_lines(&String::from_utf8_lossy(&bytes), LOG_TAIL_LINES),
        Err(error) => format!("(the log {} cannot be read: {error})", log.display()),
    }
}

/// The last `count` lines of a text.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("\n")
}
