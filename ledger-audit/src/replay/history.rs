//! What no decision says, and every log of ours has: facts on their own streams, purchases recorded once, policies that only
//! come after each other.

use ledger_core::log::{Event, Row};
use ledger_core::policy::event::PolicyEvent;
use ledger_core::policy::{POLICY_STREAM, Policies};

/// What is wrong with the stream that a fact stands on: a fact of a member says nothing of whose it is, any other names its own.
pub(super) fn misplaced(row: &Row, event: &Event) -> Option<String> {
    let kind = event.stream_type();
    if row.stream_type != kind {
        let (said, right) = (row.stream_type.as_str(), kind.as_str());
        return Some(format!("{} stands on a stream of kind {said}, it is of {right}", event.event_type()));
    }
    let own = match event {
        Event::Member(_) => return None,
        Event::Business(fact) => fact.business_id().as_uuid(),
        Event::Policy(_) => POLICY_STREAM,
        Event::Chain(fact) => fact.chain_id().as_uuid(),
        Event::Offer(fact) => fact.offer_id().as_uuid(),
    };
    let stream = row.stream_id;
    (own != stream)
        .then(|| format!("{} is of {own}, and stands on the stream of {stream}", event.event_type()))
}

/// What is wrong with the publication of a policy: versions follow each other, and none begins in the past (Rule P2); the first is
/// the origin's.
pub(super) fn republished(policies: &Policies, row: &Row, event: &Event) -> Option<String> {
    let Event::Policy(PolicyEvent::PolicyPublished(published)) = event else { return None };
    let newest = policies.newest().map(|newest| newest.version);
    let next = newest.map_or(Some(1), |newest| newest.checked_add(1));
    if next != Some(published.version) {
        return Some(format!(
            "policy {} is published where {} was the newest",
            published.version,
            newest.map_or_else(|| "none".to_owned(), |newest| newest.to_string())
        ));
    }
    let is_past = newest.is_some() && published.effective_from < row.recorded_at;
    is_past.then(|| {
        format!(
            "policy {} was recorded at {} and is to hold from {}: in the past",
            published.version, row.recorded_at, published.effective_from
        )
    })
}
