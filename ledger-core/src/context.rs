//! What a decision knows besides the state of its stream: now, the policies, the businesses, the chains, the offers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use uuid::Uuid;

use crate::business::{Business, Businesses, UnknownBusiness};
use crate::chain::{Chains, CorruptChain};
use crate::ids::{BusinessId, MemberId};
use crate::log::Event;
use crate::member::event::{MemberEvent, PolicyMoment};
use crate::offer::{CorruptOffer, Offers};
use crate::policy::{Policies, Policy};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// Everything published to all streams: policies, businesses, chains, offers, which accounts are one; folded up to the decision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registry {
    /// All policies.
    pub policies: Policies,
    /// All businesses.
    pub businesses: Businesses,
    /// All chains.
    pub chains: Chains,
    /// All offers.
    pub offers: Offers,
    /// The accounts that became one with others.
    pub accounts: Forwards,
}

/// Which account stands for which: two accounts of one woman may have become one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forwards {
    /// Shared by copies, as all that every decision sees.
    now: Arc<BTreeMap<MemberId, MemberId>>,
    /// Into which others an account ever went: their streams may hold facts about its purchases.
    ever: Arc<BTreeMap<MemberId, BTreeSet<MemberId>>>,
    /// The same from the other side: which others ever came.
    came: Arc<BTreeMap<MemberId, BTreeSet<MemberId>>>,
}

impl Forwards {
    /// The account that stands for `id`; itself, unless it became one with another.
    #[must_use]
    pub fn survivor(&self, id: MemberId) -> MemberId {
        self.now.get(&id).copied().unwrap_or(id)
    }

    /// The account, after those for which it stands.
    #[must_use]
    pub fn one_with(&self, id: MemberId) -> Vec<MemberId> {
        let came = self.came.get(&id).into_iter().flatten().copied();
        came.filter(|from| self.now.get(from) == Some(&id)).chain([id]).collect()
    }

    /// The accounts that went into others, for which those stand.
    pub fn gone(&self) -> impl Iterator<Item = MemberId> + '_ {
        self.now.keys().copied()
    }

    /// Whether `other` is, or was, the account that stands for `id`.
    #[must_use]
    pub fn ever_stood_for(&self, other: MemberId, id: MemberId) -> bool {
        other == id || self.ever.get(&id).is_some_and(|survivors| survivors.contains(&other))
    }

    /// The accounts whose streams may hold facts about a purchase of one of `of`: they, those they ever went into, and
    /// those that ever went into them, near or far.
    #[must_use]
    pub fn ever_one_with(&self, of: impl IntoIterator<Item = MemberId>) -> BTreeSet<MemberId> {
        let (mut all, mut open) = (BTreeSet::new(), of.into_iter().collect::<Vec<_>>());
        while let Some(id) = open.pop() {
            if all.insert(id) {
                open.extend([&self.ever, &self.came].iter().filter_map(|near| near.get(&id)).flatten());
            }
        }
        all
    }

    fn apply(&mut self, account: MemberId, event: &MemberEvent) {
        if let MemberEvent::AccountMerged(fact) = event {
            Arc::make_mut(&mut self.now).insert(account, fact.survivor);
            Arc::make_mut(&mut self.ever).entry(account).or_default().insert(fact.survivor);
            Arc::make_mut(&mut self.came).entry(fact.survivor).or_default().insert(account);
        } else if let MemberEvent::AccountRestored(_) = event {
            Arc::make_mut(&mut self.now).remove(&account);
        }
    }
}

/// A fact that cannot follow from what the log said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CorruptRegistry {
    /// About a business.
    #[error(transparent)]
    Business(#[from] UnknownBusiness),
    /// About a chain.
    #[error(transparent)]
    Chain(#[from] CorruptChain),
    /// About an offer.
    #[error(transparent)]
    Offer(#[from] CorruptOffer),
}

impl Registry {
    /// Applies a fact of the stream `stream_id`: one of a business, a chain, an offer or the policies, or that an account went into
    /// another. Others are not its own.
    ///
    /// # Errors
    /// [`CorruptRegistry`] when the history cannot hold.
    pub fn apply(&mut self, stream_id: Uuid, event: &Event) -> Result<(), CorruptRegistry> {
        match event {
            Event::Business(event) => Ok(self.businesses.apply(event)?),
            Event::Chain(event) => Ok(self.chains.apply(event)?),
            Event::Offer(event) => Ok(self.offers.apply(event)?),
            Event::Policy(event) => {
                self.policies.apply(event);
                Ok(())
            }
            Event::Member(event) => {
                self.accounts.apply(MemberId::from_uuid(stream_id), event);
                Ok(())
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::member::testing::{Pair, anna};

    fn id(number: u128) -> MemberId {
        MemberId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn an_account_is_stood_for_from_its_merging_to_its_parting_and_remembered_as_such() {
        let both = Pair::of(anna().numbered_after(100), anna());
        let merged = both.clone().merged();
        let [goes] = &both.when_merged().expect("accepted").from.events[..] else { panic!("one fact") };
        let [back] = &merged.when_parted().expect("accepted").from.events[..] else { panic!("one fact") };
        let (old, hers) = (crate::member::testing::OLD, crate::member::testing::HERS);
        let mut registry = Registry::default();
        let mut then = |event: &Event| {
            registry.apply(old.as_uuid(), event).expect("known");
            let forwards = &registry.accounts;
            (forwards.survivor(old), forwards.one_with(hers), forwards.ever_stood_for(hers, old))
        };
        assert_eq!(then(&goes.event), (hers, vec![old, hers], true));
        assert_eq!(then(&back.event), (old, vec![hers], true));
        let forwards = &registry.accounts;
        assert!(!forwards.ever_stood_for(old, hers) && forwards.ever_stood_for(id(9), id(9)));
        let all = BTreeSet::from([old, hers]);
        assert_eq!((forwards.ever_one_with([old]), forwards.ever_one_with([hers])), (all.clone(), all));
        assert_eq!(forwards.ever_one_with([id(9)]), BTreeSet::from([id(9)]));
    }
}
