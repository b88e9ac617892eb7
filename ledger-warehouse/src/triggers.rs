//! Triggers of chains, treated and held out. Rules X3, X8.
//!
//! The fact of a coupon says of its target whether that is a clinic; of its source the registry does, so triggers are kept by
//! source until the registry is read.

use std::collections::BTreeMap;
use std::fmt;

use ledger_core::category::Confidentiality;
use ledger_core::ids::BusinessId;
use ledger_core::member::event::{FromChain, MemberEvent, Promise};
use uuid::Uuid;

/// Short names of businesses, and whether each is a medical one.
pub type Businesses = BTreeMap<Uuid, (String, bool)>;

/// A trigger that gave something, or was held out.
#[derive(Debug, Clone, Copy)]
pub struct Trigger<'a> {
    /// The step, and the purchase that triggered it.
    pub from: &'a FromChain,
    /// Where it was.
    pub source: BusinessId,
    /// Where the step leads.
    pub target: BusinessId,
    /// Whether she was given nothing.
    pub held_out: bool,
}

/// The trigger that a fact is about; `None` for other facts, for a trigger that brought nothing for another reason, and where the
/// fact says that it is a medical secret.
#[must_use]
pub fn trigger_of(event: &MemberEvent) -> Option<Trigger<'_>> {
    let (from, target, confidentiality, held_out) = match event {
        MemberEvent::CouponIssued(it) => (it.chain.as_deref()?, it.business_id, it.confidentiality, false),
        MemberEvent::ChainTriggered(it) => match it.promise {
            Promise::CrossBonus => (it.chain.as_ref(), it.business_id, it.confidentiality, false),
            Promise::HeldOut => (it.chain.as_ref(), it.business_id, it.confidentiality, true),
            Promise::Nothing => return None,
        },
        _ => return None,
    };
    let source = *from.trail.last()?;
    (confidentiality == Confidentiality::Ordinary).then_some(Trigger { from, source, target, held_out })
}

/// How many were given something, and how many were held out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Groups {
    /// Who were given something.
    pub treated: i128,
    /// Who were held out.
    pub held_out: i128,
}

impl fmt::Display for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {}", self.treated, self.held_out)
    }
}

/// Triggers by the business where they were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Triggers(BTreeMap<Uuid, Groups>);

impl Triggers {
    /// Counts a fact if it is a trigger that ClickHouse hears of.
    pub fn see(&mut self, fact: &MemberEvent) {
        let Some(trigger) = trigger_of(fact) else { return };
        let groups = self.0.entry(trigger.source.as_uuid()).or_default();
        if trigger.held_out {
            groups.held_out += 1;
        } else {
            groups.treated += 1;
        }
    }

    /// Adds another member's.
    pub fn add(&mut self, other: &Self) {
        for (source, more) in &other.0 {
            let groups = self.0.entry(*source).or_default();
            groups.treated += more.treated;
            groups.held_out += more.held_out;
        }
    }

    /// All of them but those at a clinic; `names` says by id which business is one.
    #[must_use]
    pub fn ordinary(&self, names: &Businesses) -> Groups {
        let is_ordinary = |source: &Uuid| names.get(source).is_some_and(|(_, medical)| !medical);
        let ordinary = self.0.iter().filter(|(source, _)| is_ordinary(source));
        ordinary.fold(Groups::default(), |sum, (_, more)| Groups {
            treated: sum.treated + more.treated,
            held_out: sum.held_out + more.held_out,
        })
    }
}
