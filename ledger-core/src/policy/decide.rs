//! Publishing a policy. Rules P1, P2.

use std::collections::BTreeMap;

use serde_json::Value;

use super::event::PolicyPublished;
use super::{ParameterError, Parameters, Policies, Policy};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// Publish a policy: the one in force when it begins, with these parameters changed.
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
    let effective_from = command.effective_from.unwrap_or(now);
    let base = policies.in_force(effective_from).ok_or(Rejection::PolicyMissing)?;
    let left_open = left_open(policies, base, effective_from, &command.changes);
    let parameters = changed(&base.parameters, &command.changes, left_open)?;
    if effective_from < now {
        return Err(Rejection::PolicyInThePast { effective_from, now });
    }
    let version = next_version(policies)?;
    Ok(PolicyPublished { version, effective_from, parameters: Box::new(parameters) })
}

/// The version that a publication gets.
pub(crate) fn next_version(policies: &Policies) -> Result<u32, Rejection> {
    policies.newest().and_then(|newest| newest.version.checked_add(1)).ok_or(Rejection::PolicyMissing)
}

/// `base` with `changes`, unless something is `wrong` already, or with them.
pub(crate) fn changed(
    base: &Parameters,
    changes: &BTreeMap<String, Value>,
    mut wrong: BTreeMap<String, String>,
) -> Result<Parameters, Rejection> {
    let mut parameters = base.clone();
    for (name, value) in changes {
        if let Err(error) = parameters.set(name, value) {
            wrong.insert(name.clone(), error.to_string());
        }
    }
    if wrong.is_empty()
        && let Err((name, error)) = parameters.check()
    {
        wrong.insert(name.to_owned(), error.to_string());
    }
    if wrong.is_empty() { Ok(parameters) } else { Err(Rejection::PolicyParameters { wrong }) }
}

/// What versions that begin later than `effective_from` change and `changes` say nothing about: the new version will hold
/// in their time, too (Rule P1: the highest counts), so nobody could tell which of the two was meant.
fn left_open(
    policies: &Policies,
    base: &Policy,
    effective_from: Timestamp,
    changes: &BTreeMap<String, Value>,
) -> BTreeMap<String, String> {
    let held = base.parameters.to_map();
    let mut open = BTreeMap::new();
    for ahead in policies.iter().filter(|policy| policy.effective_from > effective_from) {
        let other =
            ahead.parameters.to_map().into_iter().filter(|(name, value)| held.get(name) != Some(value));
        for (name, _) in other.filter(|(name, _)| !changes.contains_key(*name)) {
            let (version, from) = (ahead.version, ahead.effective_from);
            let text = format!(
                "must be said: version {version} was to change it from {from} on, and this one replaces it"
            );
            open.insert(name.to_owned(), text);
        }
    }
    open
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
        let mut third = change(None, "rates.elite", json!("0.11"));
        third.changes.insert("rates.vip".to_owned(), json!("0.08"));
        let third = publish(&policies, &third, now).expect("ok");
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

    #[test]
    fn rule_p1_what_a_version_ahead_was_to_change_must_be_said() {
        let (now, march) = (at("2026-03-02T10:00:00Z"), at("2026-03-15T00:00:00Z"));
        let mut policies = published();
        let ahead = PublishPolicy {
            effective_from: Some(at("2026-04-01T00:00:00Z")),
            changes: [("rates.insider".to_owned(), json!("0.10")), ("bonus.life_days".to_owned(), json!(30))]
                .into(),
        };
        policies.apply(&PolicyEvent::PolicyPublished(publish(&policies, &ahead, now).expect("published")));
        let rate = change(Some(march), "rates.insider", json!("0.20"));
        let Err(Rejection::PolicyParameters { wrong }) = publish(&policies, &rate, now) else {
            panic!("open")
        };
        assert_eq!(wrong.into_keys().collect::<Vec<_>>(), ["bonus.life_days"]);
        for days in [30, 90] {
            let mut said = rate.clone();
            said.changes.insert("bonus.life_days".to_owned(), json!(days));
            let version = publish(&policies, &said, now).expect("nothing is open");
            assert_eq!((version.version, version.parameters.bonus_life_days), (3, days));
        }
        // One that begins after it changes what it says.
        let later = change(Some(at("2026-05-01T00:00:00Z")), "rates.insider", json!("0.20"));
        assert_eq!(publish(&policies, &later, now).expect("later").parameters.bonus_life_days, 30);
    }
}
