//! Who may sign a log's checkpoints, and when.

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

/// The keys of a log.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    periods: Vec<Period>,
    known: Vec<VerifierKey>,
}

impl Keys {
    /// The keys that a log lists. Where the auditor brings keys of her own (`trusted`), those alone count.
    #[must_use]
    pub fn of(lines: Vec<Result<KeyLine, String>>, trusted: &[VerifierKey], findings: &mut Findings) -> Self {
        let mut keys = Self::default();
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
                Ok(period) if trusted.is_empty() || trusted.contains(&period.key) => keys.push(period),
                Ok(_) => {}
                Err(text) => findings.add(What::Key, None, text),
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

    /// The keys themselves.
    #[must_use]
    pub fn known(&self) -> &[VerifierKey] {
        &self.known
    }

    /// Whether `key` was to sign at `at` what was recorded until `recorded`: of the keys in force the newest signs, and what
    /// was recorded after its end another has to sign.
    #[must_use]
    pub fn signs_at(&self, key: &VerifierKey, at: Timestamp, recorded: Option<Timestamp>) -> bool {
        let in_force = self.periods.iter().filter(|period| period.holds(at));
        let Some(signing) = in_force.max_by_key(|period| period.from) else { return false };
        let next = self.periods.iter().map(|period| period.from).filter(|from| *from > signing.from).min();
        let end = [signing.until, next].into_iter().flatten().min();
        signing.key == *key && recorded.zip(end).is_none_or(|(recorded, end)| recorded < end)
    }
}

impl Period {
    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}
