//! Who may sign a log's checkpoints, and when.

use chrono::TimeDelta;
use ledger_core::time::Timestamp;

use super::findings::{Findings, What};
use crate::bundle::KeyLine;
use crate::note::{KeyKind, VerifierKey};

/// A key with its period.
#[derive(Debug, Clone)]
struct Period {
    key: VerifierKey,
    from: Timestamp,
    until: Option<Timestamp>,
}

/// How far the clock of who records and of who seals may be apart.
const CLOCKS_APART: TimeDelta = TimeDelta::minutes(5);

/// The keys of a log.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// Of every key that the log lists, known to the auditor or not: who signs then is for all of them together to say.
    periods: Vec<Period>,
    known: Vec<VerifierKey>,
    /// Those that the auditor brings; empty when she brings none.
    trusted: Vec<VerifierKey>,
}

impl Keys {
    /// The keys that a log lists. Where the auditor brings keys of her own (`trusted`), those alone are believed; the periods are
    /// those of the whole list, and one that she brings has to be on it.
    #[must_use]
    pub fn of(lines: Vec<Result<KeyLine, String>>, trusted: &[VerifierKey], findings: &mut Findings) -> Self {
        let mut keys = Self { known: trusted.to_vec(), trusted: trusted.to_vec(), ..Self::default() };
        for line in lines {
            let read = line.and_then(|line| {
                let key: VerifierKey =
                    line.key.parse().map_err(|error| format!("`{}`: {error}", line.key))?;
                if key.kind() != KeyKind::Log
                    || line.valid_until.is_some_and(|until| until <= line.valid_from)
                {
                    return Err(format!("`{key}` is of no log, or its period is none"));
                }
                Ok(Period { key, from: line.valid_from, until: line.valid_until })
            });
            match read {
                Ok(period) => keys.push(period),
                Err(text) => findings.add(What::Key, None, text),
            }
        }
        for key in trusted {
            if !keys.periods.iter().any(|period| period.key == *key) {
                findings.add(What::Key, None, format!("`{key}` was given, and the log does not list it"));
            }
        }
        keys
    }

    fn push(&mut self, period: Period) {
        if !self.known.contains(&period.key) {
            self.known.push(period.key.clone());
        }
        self.periods.push(period);
    }

    /// The keys whose signatures can be checked: those that the log lists, and those that the auditor brings.
    #[must_use]
    pub fn known(&self) -> &[VerifierKey] {
        &self.known
    }

    /// Whether what `key` signs is believed: the auditor has brought it, or has left the keys to the log.
    #[must_use]
    pub fn is_trusted(&self, key: &VerifierKey) -> bool {
        self.trusted.is_empty() || self.trusted.contains(key)
    }

    /// Whether `key` was to sign at `at` what was recorded until `recorded`: of the keys in force the newest signs, and what
    /// was recorded after its end another has to sign, but for what two clocks may differ.
    #[must_use]
    pub fn signs_at(&self, key: &VerifierKey, at: Timestamp, recorded: Option<Timestamp>) -> bool {
        let in_force = self.periods.iter().filter(|period| period.holds(at));
        let Some(signing) = in_force.max_by_key(|period| period.from) else { return false };
        let next = self.periods.iter().map(|period| period.from).filter(|from| *from > signing.from).min();
        let end = [signing.until, next].into_iter().flatten().min();
        let is_later = |(recorded, end): (Timestamp, Timestamp)| recorded.since(end) >= CLOCKS_APART;
        signing.key == *key && !recorded.zip(end).is_some_and(is_later)
    }
}

impl Period {
    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}
