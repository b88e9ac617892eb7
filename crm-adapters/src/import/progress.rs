//! How far the import is: a bar in a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::report::say;

const LINE_EVERY: Duration = Duration::from_secs(5);
const TEMPLATE: &str = "{msg} [{bar:40}] {human_pos}/{human_len} {per_sec} {eta}";

/// Progress over a known number of lines.
pub(crate) struct Progress {
    what: &'static str,
    total: u64,
    done: u64,
    bar: Option<ProgressBar>,
    last_line: Instant,
}

impl Progress {
    pub(crate) fn new(what: &'static str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(total).with_style(style.progress_chars("█▉▊▋▌▍▎▏ ")).with_message(what)
        });
        Self { what, total, done: 0, bar, last_line: Instant::now() }
    }

    pub(crate) fn advance(&mut self, by: u64) {
        self.done += by;
        match &self.bar {
            Some(bar) => bar.set_position(self.done),
            None if self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                say(&format!("{}: {} of {}", self.what, self.done, self.total));
            }
            None => {}
        }
    }

    /// Says something without tearing the bar.
    pub(crate) fn note(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(line)),
            None => say(line),
        }
    }

    pub(crate) fn finish(self) {
        match self.bar {
            Some(bar) => bar.finish(),
            None => say(&format!("{}: {} of {}", self.what, self.done, self.total)),
        }
    }
}
