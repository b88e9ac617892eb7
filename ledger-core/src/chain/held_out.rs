//! Which share of the members a version gave nothing to, as long as purchases could trigger it. Rules P1, X3.
//!
//! Whom a version held out can be compared with whom it gave something to only if the share was one all the time: otherwise the
//! two groups bought at different times, and some members are of both. A version's own share never changes; the policy's may.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::{Run, Version};
use crate::policy::Policies;
use crate::time::Timestamp;

/// The share of a version's members that got nothing, by lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldOut {
    /// There was none: who triggered a step got what it gives.
    Nobody,
    /// The same as long as it ran in its dates.
    Some,
    /// The policy's share changed while it ran in its dates.
    Changed,
}

impl Version {
    /// When it began to run for the first time; `None` if it never ran.
    #[must_use]
    pub fn ran_since(&self) -> Option<Timestamp> {
        self.runs.first().map(|run| run.from)
    }

    /// What of a run lies in the version's dates: its first moment, and the first one after it; `None` for nothing. Rule X3:
    /// only then a purchase triggers a step.
    fn triggered_in(&self, run: &Run) -> Option<(Timestamp, Option<Timestamp>)> {
        let first = self.definition.from.map_or(run.from, |from| from.max(run.from));
        let after = [run.to, self.definition.to].into_iter().flatten().min();
        after.is_none_or(|after| first < after).then_some((first, after))
    }

    /// Whom it held out up to `until`, that moment included.
    #[must_use]
    pub fn held_out(&self, policies: &Policies, until: Timestamp) -> HeldOut {
        let of = |percent: Decimal| if percent.is_zero() { HeldOut::Nobody } else { HeldOut::Some };
        if let Some(percent) = self.definition.holdout_percent {
            return of(percent.into());
        }
        let moments = self.runs.iter().filter_map(|run| self.triggered_in(run)).flat_map(|(first, after)| {
            let counts = move |at: Timestamp| at <= until && after.is_none_or(|after| at < after);
            let changes = policies.iter().map(|policy| policy.effective_from).filter(move |at| first < *at);
            std::iter::once(first).chain(changes).filter(move |at| counts(*at))
        });
        let shares = moments.filter_map(|at| policies.in_force(at));
        let shares: BTreeSet<Decimal> =
            shares.map(|policy| policy.parameters.chain_holdout_percent.to_decimal()).collect();
        match (shares.first(), shares.len()) {
            (None, _) => HeldOut::Nobody,
            (Some(percent), 1) => of(*percent),
            (Some(_), _) => HeldOut::Changed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;
    use crate::chain::definition::{Audience, ChainFunder, ChainKind, Definition, Limits};
    use crate::ids::ReasonId;
    use crate::member::testing::{NOON, at};
    use crate::policy::decide::first_policy;
    use crate::policy::event::PolicyEvent;

    /// A version that ran from 1 to 2 hours after noon, and again from 5 on.
    fn version(own: Option<u32>) -> Version {
        let definition = Definition {
            name: ReasonId::from_uuid(Uuid::from_u128(1)),
            kind: ChainKind::Linear,
            steps: Vec::new(),
            audience: Audience::default(),
            limits: Limits::default(),
            from: None,
            to: None,
            funded_by: ChainFunder::Source,
            holdout_percent: own,
        };
        let mut version = Version::drafted(1, &definition);
        version.definition = Arc::new(definition);
        version.runs = vec![Run { from: hour(1), to: Some(hour(2)) }, Run { from: hour(5), to: None }];
        version
    }

    fn hour(hours: i64) -> Timestamp {
        at(NOON).plus(TimeDelta::hours(hours))
    }

    /// Policies whose share is each of `shares` from its hour on; nothing before.
    fn policies(shares: &[(i64, &str)]) -> Policies {
        let mut policies = Policies::default();
        let first = first_policy().expect("the default policy");
        policies.apply(&PolicyEvent::PolicyPublished(first.clone()));
        for (version, (from, share)) in (2..).zip(shares) {
            let mut parameters = first.parameters.clone();
            parameters.set("chain.holdout_percent", &serde_json::json!(share)).expect("a share");
            let published =
                crate::policy::event::PolicyPublished { version, effective_from: hour(*from), parameters };
            policies.apply(&PolicyEvent::PolicyPublished(published));
        }
        policies
    }

    #[test]
    fn rule_x3_a_versions_own_share_is_one_whatever_the_policy_says() {
        let changing = policies(&[(1, "10"), (6, "20")]);
        assert_eq!(version(Some(5)).held_out(&changing, hour(9)), HeldOut::Some);
        assert_eq!(version(Some(0)).held_out(&changing, hour(9)), HeldOut::Nobody);
    }

    #[test]
    fn rule_p1_the_policys_share_is_one_if_it_did_not_change_while_the_version_ran() {
        for (shares, until, expected) in [
            (&[][..], 9, HeldOut::Nobody),
            (&[(0, "10")], 9, HeldOut::Some),
            // Between its runs, and after the last moment that counts.
            (&[(0, "10"), (3, "20"), (4, "10")], 9, HeldOut::Some),
            (&[(0, "10"), (8, "20")], 7, HeldOut::Some),
            (&[(0, "10"), (8, "20")], 9, HeldOut::Changed),
            (&[(3, "10")], 9, HeldOut::Changed),
            // Published anew, the same.
            (&[(0, "10"), (8, "10.00")], 9, HeldOut::Some),
            // At the last moment that counts; and what came after a moment that is long past.
            (&[(0, "10"), (8, "20")], 8, HeldOut::Changed),
            (&[(0, "10"), (6, "20")], 3, HeldOut::Some),
            (&[(0, "10")], 0, HeldOut::Nobody),
        ] {
            assert_eq!(version(None).held_out(&policies(shares), hour(until)), expected, "{shares:?}");
        }
        let mut never = version(None);
        never.runs.clear();
        assert_eq!(never.held_out(&policies(&[(0, "10")]), hour(9)), HeldOut::Nobody);
        assert_eq!((never.ran_since(), version(None).ran_since()), (None, Some(hour(1))));
    }

    #[test]
    fn rule_x3_what_the_policy_says_before_and_after_a_versions_dates_changes_no_share() {
        let dated = |from: Option<i64>, to: Option<i64>| {
            let mut version = version(None);
            let definition = (*version.definition).clone();
            version.definition =
                Arc::new(Definition { from: from.map(hour), to: to.map(hour), ..definition });
            version
        };
        for (from, to, shares, expected) in [
            // It is past its dates, though nobody has ended it.
            (None, Some(7), &[(0, "10"), (8, "20")][..], HeldOut::Some),
            (None, Some(8), &[(0, "10"), (8, "20")], HeldOut::Some),
            (None, Some(9), &[(0, "10"), (8, "20")], HeldOut::Changed),
            // It is active before its dates begin.
            (Some(6), None, &[(0, "10"), (6, "20")], HeldOut::Some),
            (Some(6), None, &[(0, "10"), (7, "20")], HeldOut::Changed),
            // Of its two runs only one lies in its dates.
            (None, Some(4), &[(0, "10"), (3, "20")], HeldOut::Some),
            (Some(2), None, &[(0, "10"), (3, "20")], HeldOut::Some),
            // None does: it held out nobody, and gave nothing to anybody.
            (Some(3), Some(4), &[(0, "10"), (3, "20")], HeldOut::Nobody),
        ] {
            let found = dated(from, to).held_out(&policies(shares), hour(10));
            assert_eq!(found, expected, "{from:?} to {to:?}: {shares:?}");
        }
    }
}
