//! Decisions about offers: drawing one up, changing it, and each step of its way.

use super::audience::Audience;
use super::definition::{Definition, OfferFunder, OfferReward};
use super::event::{
    OfferApproved, OfferCommented, OfferDrafted, OfferEnded, OfferPublished, OfferRejected, OfferSubmitted,
};
use super::{Offer, OfferState};
use crate::business::event::{BusinessMultiplierEnded, BusinessMultiplierSet};
use crate::context::Context;
use crate::ids::{OfferId, ReasonId};
use crate::log::Event;
use crate::money::Roubles;
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// What can be asked about an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfferCommand {
    /// Draw it up.
    Draft(Box<Definition>),
    /// Change it.
    Change(Box<ChangeOffer>),
    /// Submit the newest version.
    Submit,
    /// An admin approves it.
    Approve {
        /// The version that the admin saw; whichever is the newest when absent.
        version: Option<u32>,
    },
    /// An admin rejects it, for a reason in the vault.
    Reject(ReasonId),
    /// Somebody says something about it, in the vault.
    Comment(ReasonId),
    /// Publish it.
    Publish,
    /// End it.
    End,
}

/// Change an offer; what is absent stays, what is there without a value is taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is documented on the definition")]
pub struct ChangeOffer {
    pub title: Option<ReasonId>,
    pub text: Option<Option<ReasonId>>,
    pub reward: Option<OfferReward>,
    pub audience: Option<Audience>,
    pub from: Option<Option<Timestamp>>,
    pub to: Option<Option<Timestamp>>,
    pub limit: Option<Option<u32>>,
    pub budget: Option<Option<Roubles>>,
    pub funded_by: Option<OfferFunder>,
}

impl ChangeOffer {
    fn of(&self, old: &Definition) -> Definition {
        let old = old.clone();
        Definition {
            business_id: old.business_id,
            title: self.title.unwrap_or(old.title),
            text: self.text.unwrap_or(old.text),
            reward: self.reward.clone().unwrap_or(old.reward),
            audience: self.audience.clone().unwrap_or(old.audience),
            from: self.from.unwrap_or(old.from),
            to: self.to.unwrap_or(old.to),
            limit: self.limit.unwrap_or(old.limit),
            budget: self.budget.unwrap_or(old.budget),
            funded_by: self.funded_by.unwrap_or(old.funded_by),
        }
    }
}

/// Where the newest version stands after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Which.
    pub version: u32,
    /// Where it stands.
    pub state: OfferState,
}

/// How many offers that have not ended a business can have: every process holds each.
pub const OFFERS_MAX: usize = 500;
/// How many offers a business can have drawn up in all: every process reads each when it starts.
pub const ALL_OFFERS_MAX: usize = 5_000;
/// How many versions an offer can have.
pub const VERSIONS_MAX: u32 = 200;
/// How many comments an offer can have: every process reads each when it starts.
pub const COMMENTS_MAX: u32 = 200;

/// The events of a decision, and where the version stands after them.
type Decided = Result<(Vec<Event>, Standing), Rejection>;

/// Decides a command about the offer `offer_id`. A fact about the business beside those of the offer is for its stream.
///
/// # Errors
/// What is wrong with the definition, by field; no such offer; a state it cannot be asked in, or another version than was
/// seen; dates that are over; too many offers or comments.
pub fn decide(offer_id: OfferId, command: &OfferCommand, context: &Context<'_>) -> Decided {
    let known = || context.registry.offers.get(offer_id).ok_or(Rejection::OfferNotFound);
    match command {
        OfferCommand::Draft(definition) => draft(offer_id, definition, context),
        OfferCommand::Change(change) => revise(known()?, change, context),
        OfferCommand::Comment(comment_id) => comment(known()?, *comment_id),
        OfferCommand::Publish => publish(known()?, context),
        OfferCommand::End => end(known()?, context),
        OfferCommand::Submit | OfferCommand::Approve { .. } | OfferCommand::Reject(_) => {
            judge(known()?, command)
        }
    }
}

fn one(event: impl Into<Event>, version: u32, state: OfferState) -> Decided {
    Ok((vec![event.into()], Standing { version, state }))
}

fn draft(offer_id: OfferId, definition: &Definition, context: &Context<'_>) -> Decided {
    check(definition, context)?;
    let (open, all) = context.registry.offers.of(definition.business_id);
    if open >= OFFERS_MAX || all >= ALL_OFFERS_MAX {
        return Err(Rejection::TooManyOffers);
    }
    let definition = Box::new(definition.clone());
    one(OfferDrafted { offer_id, version: 1, definition }, 1, OfferState::Draft)
}

/// Whether it can be an offer.
///
/// # Errors
/// [`Rejection::OfferDefinition`].
pub fn check(definition: &Definition, context: &Context<'_>) -> Result<(), Rejection> {
    let wrong = definition.wrong(&context.registry.businesses);
    if wrong.is_empty() { Ok(()) } else { Err(Rejection::OfferDefinition { wrong }) }
}

/// A change to what already is writes nothing. What was published is a promise, and changes no more.
fn revise(offer: &Offer, change: &ChangeOffer, context: &Context<'_>) -> Decided {
    let Offer { offer_id, version, state, ref definition, .. } = *offer;
    if matches!(state, OfferState::Published | OfferState::Ended) {
        return Err(Rejection::OfferState { state });
    }
    let changed = change.of(definition);
    if changed == **definition {
        return Ok((Vec::new(), Standing { version, state }));
    }
    check(&changed, context)?;
    let version = version.saturating_add(1);
    if version > VERSIONS_MAX {
        return Err(Rejection::TooManyOffers);
    }
    one(OfferDrafted { offer_id, version, definition: Box::new(changed) }, version, OfferState::Draft)
}

/// What leads to an approval.
fn judge(offer: &Offer, command: &OfferCommand) -> Decided {
    let Offer { offer_id, version, state, .. } = *offer;
    match (command, state) {
        (OfferCommand::Submit, OfferState::Draft) => {
            one(OfferSubmitted { offer_id, version }, version, OfferState::Submitted)
        }
        // What was changed since the admin saw it needs another look.
        (OfferCommand::Approve { version: Some(seen) }, _) if *seen != version => {
            Err(Rejection::OfferVersion { newest: version })
        }
        (OfferCommand::Approve { .. }, OfferState::Submitted) => {
            one(OfferApproved { offer_id, version }, version, OfferState::Approved)
        }
        (OfferCommand::Reject(reason_id), OfferState::Submitted | OfferState::Approved) => {
            let rejected = OfferRejected { offer_id, version, reason_id: *reason_id };
            one(rejected, version, OfferState::Rejected)
        }
        _ => Err(Rejection::OfferState { state }),
    }
}

fn comment(offer: &Offer, comment_id: ReasonId) -> Decided {
    let Offer { offer_id, version, state, comments, .. } = *offer;
    if state == OfferState::Ended {
        return Err(Rejection::OfferState { state });
    }
    if comments >= COMMENTS_MAX {
        return Err(Rejection::TooManyComments);
    }
    one(OfferCommented { offer_id, version, comment_id }, version, state)
}

/// A multiplier is in force from now on, or from its beginning. Rule B3.
fn publish(offer: &Offer, context: &Context<'_>) -> Decided {
    let Offer { offer_id, version, state, ref definition, .. } = *offer;
    let now = context.recorded_at;
    if state != OfferState::Approved {
        return Err(Rejection::OfferState { state });
    }
    if let Some(to) = definition.to.filter(|to| *to <= now) {
        return Err(Rejection::OfferOver { to, now });
    }
    let (mut events, standing) =
        one(OfferPublished { offer_id, version, at: now }, version, OfferState::Published)?;
    if let (OfferReward::Multiplier { value }, Some(to)) = (&definition.reward, definition.to) {
        let business_id = definition.business_id;
        let from = definition.from.map_or(now, |from| from.max(now));
        let set = BusinessMultiplierSet { business_id, from, to, value: *value, offer_id: Some(offer_id) };
        events.push(set.into());
    }
    Ok((events, standing))
}

/// What it was publishing stops with it; what it gave is given.
fn end(offer: &Offer, context: &Context<'_>) -> Decided {
    let Offer { offer_id, version, state, ref definition, .. } = *offer;
    let at = context.recorded_at;
    if state == OfferState::Ended {
        return Err(Rejection::OfferState { state });
    }
    let (mut events, standing) = one(OfferEnded { offer_id, version, at }, version, OfferState::Ended)?;
    let is_in_force = state == OfferState::Published && definition.to.is_some_and(|to| at < to);
    if is_in_force && !definition.reward.is_coupon() {
        let business_id = definition.business_id;
        events.push(BusinessMultiplierEnded { business_id, offer_id, at }.into());
    }
    Ok((events, standing))
}
