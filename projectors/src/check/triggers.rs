//! Triggers of chains, treated and held out: what the log says against what ClickHouse holds.
//!
//! The fact of a coupon says of its target whether that is a clinic; of its source the registry does, so triggers are kept by
//! source until the registry is read.

use std::collections::BTreeMap;
use std::fmt;

use ledger_core::member::event::MemberEvent;
use uuid::Uuid;

use crate::analytics::trigger_of;

/// How many were given something, and how many were held out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Groups {
    pub(super) treated: i128,
    pub(super) held_out: i128,
}

impl fmt::Display for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {}", self.treated, self.held_out)
    }
}

/// Triggers by the business where they were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Triggers(BTreeMap<Uuid, Groups>);

impl Triggers {
    /// Counts a fact if it is a trigger that ClickHouse hears of.
    pub(super) fn see(&mut self, fact: &MemberEvent) {
        let Some(trigger) = trigger_of(fact) else { return };
        let groups = self.0.entry(trigger.source.as_uuid()).or_default();
        if trigger.held_out {
            groups.held_out += 1;
        } else {
            groups.treated += 1;
        }
    }

    /// Adds another member's.
    pub(super) fn add(&mut self, other: &Self) {
        for (source, more) in &other.0 {
            let groups = self.0.entry(*source).or_default();
            groups.treated += more.treated;
            groups.held_out += more.held_out;
        }
    }

    /// All of them but those at a clinic; `names` says by id which business is one.
    pub(super) fn ordinary(&self, names: &BTreeMap<Uuid, (String, bool)>) -> Groups {
        let is_ordinary = |source: &Uuid| names.get(source).is_some_and(|(_, medical)| !medical);
        let ordinary = self.0.iter().filter(|(source, _)| is_ordinary(source));
        ordinary.fold(Groups::default(), |sum, (_, more)| Groups {
            treated: sum.treated + more.treated,
            held_out: sum.held_out + more.held_out,
        })
    }
}
