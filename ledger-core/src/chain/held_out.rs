//! Which share of the members a version gave nothing to, as long as it ran. Rules P1, X3.
//!
//! Whom a version held out can be compared with whom it gave something to only if the share was one all the time: otherwise the
//! two groups bought at different times, and some members are of both. A version's own share never changes; the policy's may.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::Version;
use crate::policy::Policies;
use crate::time::Timestamp;

/// The share of a version's members that got nothing, by lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldOut {
    /// There was none: who triggered a step got what it gives.
    Nobody,
    /// The same as long as it ran.
    Some,
    /// The policy's share changed while it ran.
    Changed,
}

impl Version {
    /// When it began to run for the first time; `None` if it never ran.
    #[must_use]
    pub fn ran_since(&self) -> Option<Timestamp> {
        self.runs.first().map(|run| run.from)
    }

    /// Whom it held out up to `until`.
    #[must_use]
    pub fn held_out(&self, policies: &Policies, until: Timestamp) -> HeldOut {
        let of = |percent: Decimal| if percent.is_zero() { HeldOut::Nobody } else { HeldOut::Some };
        if let Some(percent) = self.definition.holdout_percent {
            return of(percent.into());
        }
        let moments = self.runs.iter().flat_map(|run| {
            let end = run.to.unwrap_or(until);
            let changes = policies.iter().map(|policy| policy.effective_from);
            std::iter::once(run.from).chain(changes.filter(move |at| run.from < *at && *at < end))
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
    use crate::chain::Run;
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
        ] {
            assert_eq!(version(None).held_out(&policies(shares), hour(until)), expected, "{shares:?}");
        }
        let mut never = version(None);
        never.runs.clear();
        assert_eq!(never.held_out(&policies(&[(0, "10")]), hour(9)), HeldOut::Nobody);
        assert_eq!((never.ran_since(), version(None).ran_since()), (None, Some(hour(1))));
    }
}
