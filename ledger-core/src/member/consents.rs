//! Giving and withdrawing consents. `compliance.md` C2–C4; Rule S2.

use std::collections::BTreeSet;

use crate::business::Business;
use crate::context::Context;
use crate::log::Event;
use crate::member::consent::{ConsentChange, ConsentChoice, ConsentOrigin, Purpose};
use crate::member::event::{ConsentGranted, ConsentWithdrawn};
use crate::member::state::MemberState;
use crate::rejection::Rejection;

impl MemberState {
    /// Whether she is a member, and lets `business` report her purchases: to a business that may not, she is a stranger.
    #[must_use]
    pub(super) fn lets_report(&self, business: &Business) -> bool {
        let consent = Purpose::to_report(business.slug.clone(), business.confidentiality);
        self.is_registered() && !self.is_erased() && self.consents_to(&consent)
    }
}

/// The facts of `changes`: only purposes whose choice really changes, or that she gives anew to another text (C3: we must
/// prove which one she saw). Of several changes to one purpose the last counts. The consent to take part at all is not withdrawn
/// here: that is leaving the programme.
///
/// # Errors
/// [`Rejection::ConsentRequired`]; [`Rejection::BusinessNotFound`] for a consent that names a business nobody knows, or
/// a medical consent to an ordinary one.
pub(super) fn changes(
    state: &MemberState,
    changes: &[ConsentChange],
    origin: ConsentOrigin,
    context: &Context<'_>,
) -> Result<Vec<Event>, Rejection> {
    let ConsentOrigin { channel, evidence, session } = origin;
    let mut seen = BTreeSet::new();
    let mut events = Vec::new();
    for change in changes.iter().rev() {
        if !seen.insert(&change.purpose) {
            continue;
        }
        check(change, context)?;
        let stands = state.consents_to(&change.purpose);
        let same_text = state.consents.get(&change.purpose).is_some_and(|it| it.version == change.version);
        let (purpose, version) = (change.purpose.clone(), change.version.clone());
        let text_hash = change.text_hash;
        match change.choice {
            ConsentChoice::Granted if !stands || !same_text => {
                events
                    .push(ConsentGranted { purpose, version, text_hash, channel, evidence, session }.into());
            }
            ConsentChoice::Withdrawn if stands => {
                events.push(
                    ConsentWithdrawn { purpose, version, text_hash, channel, evidence, session }.into(),
                );
            }
            ConsentChoice::Granted | ConsentChoice::Withdrawn => {}
        }
    }
    events.reverse();
    Ok(events)
}

fn check(change: &ConsentChange, context: &Context<'_>) -> Result<(), Rejection> {
    match (&change.purpose, change.choice) {
        (Purpose::PersonalData, ConsentChoice::Withdrawn) => Err(Rejection::ConsentRequired),
        (Purpose::Partner(slug) | Purpose::Medical(slug), _) => {
            let business = context.registry.businesses.by_slug(slug).ok_or(Rejection::BusinessNotFound)?;
            let right = Purpose::to_report(business.slug.clone(), business.confidentiality);
            // `partner:` of a medical business is not needed and opens nothing, so an app may name every partner alike.
            let harmless = matches!(change.purpose, Purpose::Partner(_));
            if harmless || right == change.purpose { Ok(()) } else { Err(Rejection::BusinessNotFound) }
        }
        (
            Purpose::PersonalData
            | Purpose::Marketing
            | Purpose::Profiling
            | Purpose::MedicalCrossPromo
            | Purpose::MedicalStatus
            | Purpose::Recommendation,
            _,
        ) => Ok(()),
    }
}
