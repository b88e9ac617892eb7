//! What a decision knows besides the state of its stream: now, the policies, the businesses.

use chrono::TimeDelta;

use crate::business::{Business, Businesses, UnknownBusiness};
use crate::ids::BusinessId;
use crate::log::Event;
use crate::member::event::PolicyMoment;
use crate::policy::{Policies, Policy};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// Everything published to all streams: policies and businesses, folded up to the decision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registry {
    /// All policies.
    pub policies: Policies,
    /// All businesses.
    pub businesses: Businesses,
}

impl Registry {
    /// Applies a fact of a business's or the policies' stream; others are not its own.
    ///
    /// # Errors
    /// [`UnknownBusiness`] for a fact about a business that was never registered.
    pub fn apply(&mut self, event: &Event) -> Result<(), UnknownBusiness> {
        match event {
            Event::Business(event) => self.businesses.apply(event),
            Event::Policy(event) => {
                self.policies.apply(event);
                Ok(())
            }
            Event::Member(_) => Ok(()),
        }
    }
}

/// The surroundings of one decision.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// When the log takes the decision. Rule T1.
    pub recorded_at: Timestamp,
    /// Policies and businesses.
    pub registry: &'a Registry,
}

impl<'a> Context<'a> {
    /// The business with this id.
    ///
    /// # Errors
    /// [`Rejection::BusinessNotFound`].
    pub fn business(&self, id: BusinessId) -> Result<&'a Business, Rejection> {
        self.registry.businesses.get(id).ok_or(Rejection::BusinessNotFound)
    }

    /// The policy in force at `at`.
    ///
    /// # Errors
    /// [`Rejection::PolicyMissing`] on a log without policies.
    pub fn policy_at(&self, at: Timestamp) -> Result<&'a Policy, Rejection> {
        self.registry.policies.in_force(at).ok_or(Rejection::PolicyMissing)
    }

    /// The policy that decides on a fact of `occurred_at`, and the moment it was looked up: the fact's own when it is
    /// recorded soon enough after it, else now. Rule P1; how soon is the policy's of now.
    ///
    /// # Errors
    /// [`Rejection::PolicyMissing`] on a log without policies.
    pub fn policy_for(&self, occurred_at: Timestamp) -> Result<(&'a Policy, PolicyMoment), Rejection> {
        let newest = self.policy_at(self.recorded_at)?;
        let lag = TimeDelta::hours(i64::from(newest.parameters.purchase_policy_lag_hours));
        if self.recorded_at.since(occurred_at) <= lag {
            Ok((self.policy_at(occurred_at)?, PolicyMoment::OccurredAt))
        } else {
            Ok((newest, PolicyMoment::RecordedAt))
        }
    }
}
