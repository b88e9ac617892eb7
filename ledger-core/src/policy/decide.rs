//! Publishing a policy. Rules P1, P2.

use std::collections::BTreeMap;

use serde_json::Value;

use super::event::PolicyPublished;
use super::{ParameterError, Parameters, Policies};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// Publish a policy: the newest one with these parameters changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishPolicy {
    /// From when; at once when absent. Rule P2: never in the past.
    pub effective_from: Option<Timestamp>,
    /// The parameters that change, by name.
    pub changes: BTreeMap<String, Value>,
}

/// The first policy: the rule book's defaults, in force from the beginning of time. Rule P1.
///
/// # Errors
/// Never: see [`Parameters::defaults`].
pub fn first_policy() -> Result<PolicyPublished, ParameterError> {
    let parameters = Box::new(Parameters::defaults()?);
    Ok(PolicyPublished { version: 1, effective_from: Timestamp::BEGINNING, parameters })
}

/// Decides a publication.
///
/// # Errors
/// [`Rejection::PolicyParameters`] with what is wrong by name; [`Rejection::PolicyInThePast`].
pub fn publish(
    policies: &Policies,
    command: &PublishPolicy,
    now: Timestamp,
) -> Result<PolicyPublished, Rejection> {
    let newest = policies.newest().ok_or(Rejection::PolicyMissing)?;
    let mut parameters = newest.parameters.clone();
    let mut wrong = BTreeMap::new();
    for (name, value) in &command.changes {
        if let Err(error) = parameters.set(name, value) {
            wrong.insert(name.clone(), error.to_string());
        }
    }
    if wrong.is_empty()
        && let Err((name, error)) = parameters.check()
    {
        wrong.insert(name.to_owned(), error.to_string());
    }
    if !wrong.is_empty() {
        return Err(Rejection::PolicyParameters { wrong });
    }
    let effective_from = command.effective_from.unwrap_or(now);
    if effective_from < now {
        return Err(Rejection::PolicyInThePast { effective_from, now });
    }
    let version = newest.version.checked_add(1).ok_or(Rejection::PolicyMissing)?;
    Ok(PolicyPublished { version, effective_from, parameters: Box::new(parameters) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::event::PolicyEvent;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn published() -> Policies {
        let mut policies = Policies::default();
        policies.apply(&PolicyEvent::PolicyPublished(first_policy().expect("defaults")));
        policies
    }

    fn change(effective_from: Option<Timestamp>, name: &str, value: Value) -> PublishPolicy {
        PublishPolicy { effective_from, changes: BTreeMap::from([(name.to_owned(), value)]) }
    }

    #[test]
    fn rule_p1_the_highest_version_already_effective_is_in_force() {
        let mut policies = published();
        let now = at("2026-03-01T00:00:00Z");
        let later = at("2026-04-01T00:00:00Z");
        let second = publish(&policies, &change(Some(later), "rates.vip", json!("0.08")), now).expect("ok");
        policies.apply(&PolicyEvent::PolicyPublished(second));
        let third = publish(&policies, &change(None, "rates.elite", json!("0.11")), now).expect("ok");
        assert_eq!((third.version, third.effective_from), (3, now));
        policies.apply(&PolicyEvent::PolicyPublished(third));
        let in_force = |when| policies.in_force(when).map(|policy| policy.version);
        assert_eq!(in_force(at("1997-01-01T00:00:00Z")), Some(1));
        assert_eq!(in_force(at("1960-01-01T00:00:00Z")), Some(1));
        assert_eq!(in_force(now), Some(3));
        assert_eq!(in_force(later), Some(3), "the highest version, though version 2 begins later");
    }

    #[test]
    fn rule_p2_a_policy_never_begins_in_the_past() {
        let now = at("2026-03-01T00:00:00Z");
        let earlier = at("2026-02-28T23:59:59Z");
        let answer = publish(&published(), &change(Some(earlier), "rates.vip", json!("0.08")), now);
        assert_eq!(answer, Err(Rejection::PolicyInThePast { effective_from: earlier, now }));
    }

    #[test]
    fn every_wrong_parameter_is_named() {
        let mut command = change(None, "rates.vip", json!("2"));
        command.changes.insert("rates.queen".to_owned(), json!("0.5"));
        let answer = publish(&published(), &command, at("2026-03-01T00:00:00Z"));
        let Err(Rejection::PolicyParameters { wrong }) = answer else { panic!("{answer:?}") };
        assert_eq!(wrong.keys().collect::<Vec<_>>(), ["rates.queen", "rates.vip"]);
    }
}
