//! Decisions about chains: drawing one up, changing it, and each step of its way. Rules X1, X2.

use std::collections::{BTreeMap, BTreeSet};

use super::definition::{Audience, ChainFunder, ChainKind, Definition, Limits, Step};
use super::event::{
    ChainActivated, ChainApproved, ChainConsented, ChainDrafted, ChainEnded, ChainPaused, ChainRejected,
    ChainRevised, ChainSubmitted,
};
use super::{Chain, ChainState, Version};
use crate::business::Businesses;
use crate::context::Context;
use crate::ids::{BusinessId, ChainId, ReasonId, Slug};
use crate::log::Event;
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// What can be asked about a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainCommand {
    /// Draw it up.
    Draft(Box<Definition>),
    /// Change it.
    Change(Box<ChangeChain>),
    /// Submit the newest version.
    Submit,
    /// The owner of a business in it consents to the newest version.
    Consent {
        /// Whose business.
        of: BusinessId,
        /// The version that the owner saw; whichever is the newest when absent.
        version: Option<u32>,
    },
    /// An admin approves the newest version.
    Approve,
    /// An admin rejects it, for a reason in the vault.
    Reject(ReasonId),
    /// Activate the newest version, or the one that is paused.
    Activate,
    /// Pause the one that is active.
    Pause,
    /// End it all.
    End,
}

/// Change a chain; what is absent stays, what is there without a value is taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is documented on the definition")]
pub struct ChangeChain {
    pub name: Option<ReasonId>,
    pub kind: Option<ChainKind>,
    pub steps: Option<Vec<Step>>,
    pub audience: Option<Audience>,
    pub limits: Option<Limits>,
    pub from: Option<Option<Timestamp>>,
    pub to: Option<Option<Timestamp>>,
    pub funded_by: Option<ChainFunder>,
    pub holdout_percent: Option<Option<u32>>,
}

impl ChangeChain {
    fn of(&self, old: &Definition) -> Definition {
        let old = old.clone();
        Definition {
            name: self.name.unwrap_or(old.name),
            kind: self.kind.unwrap_or(old.kind),
            steps: self.steps.clone().unwrap_or(old.steps),
            audience: self.audience.clone().unwrap_or(old.audience),
            limits: self.limits.clone().unwrap_or(old.limits),
            from: self.from.unwrap_or(old.from),
            to: self.to.unwrap_or(old.to),
            funded_by: self.funded_by.unwrap_or(old.funded_by),
            holdout_percent: self.holdout_percent.unwrap_or(old.holdout_percent),
        }
    }
}

/// Where the version stands that a command was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Which.
    pub version: u32,
    /// Where it stands.
    pub state: ChainState,
}

/// How many chains that have not ended a business can be part of: every process holds each.
pub const CHAINS_MAX: usize = 2_000;

/// Decides a command about the chain `chain_id`.
///
/// # Errors
/// What is wrong with the definition, by field; no such chain, or none with this business in it; a state it cannot be
/// asked in; consents that are missing; too many chains.
pub fn decide(
    chain_id: ChainId,
    command: &ChainCommand,
    context: &Context<'_>,
) -> Result<(Vec<Event>, Standing), Rejection> {
    let known = || context.registry.chains.get(chain_id).ok_or(Rejection::ChainNotFound);
    match command {
        ChainCommand::Draft(definition) => draft(chain_id, definition, context),
        ChainCommand::Change(change) => revise(known()?, change, context),
        ChainCommand::Activate => activate(known()?, context),
        ChainCommand::Pause => pause(known()?, context),
        ChainCommand::End => end(known()?, context),
        ChainCommand::Submit
        | ChainCommand::Consent { .. }
        | ChainCommand::Approve
        | ChainCommand::Reject(_) => agree(known()?, command, context),
    }
}

/// The events of a decision, and where the version stands after them.
type Decided = Result<(Vec<Event>, Standing), Rejection>;

fn one(event: impl Into<Event>, version: u32, state: ChainState) -> Decided {
    Ok((vec![event.into()], Standing { version, state }))
}

fn draft(chain_id: ChainId, definition: &Definition, context: &Context<'_>) -> Decided {
    check(definition, context)?;
    has_room(&definition.parties(), context)?;
    one(ChainDrafted { chain_id, version: 1, definition: Box::new(definition.clone()) }, 1, ChainState::Draft)
}

/// Whether each of these can be part of one more chain.
fn has_room(parties: &BTreeSet<BusinessId>, context: &Context<'_>) -> Result<(), Rejection> {
    let mut room: BTreeMap<BusinessId, usize> = parties.iter().map(|party| (*party, CHAINS_MAX)).collect();
    let all = context.registry.chains.before(u32::MAX);
    for chain in all.filter(|chain| chain.newest.state != ChainState::Ended) {
        for (_, left) in room.iter_mut().filter(|(party, _)| chain.involves(**party)) {
            *left = left.checked_sub(1).filter(|left| *left > 0).ok_or(Rejection::TooManyChains)?;
        }
    }
    Ok(())
}

/// Whether it can be a chain. Rule X1.
///
/// # Errors
/// [`Rejection::ChainDefinition`].
pub(crate) fn check(definition: &Definition, context: &Context<'_>) -> Result<(), Rejection> {
    let wrong = definition.wrong(&context.registry.businesses);
    if wrong.is_empty() { Ok(()) } else { Err(Rejection::ChainDefinition { wrong }) }
}

/// A change to what already is writes nothing.
fn revise(chain: &Chain, change: &ChangeChain, context: &Context<'_>) -> Decided {
    let Version { version, state, definition: old, .. } = &chain.newest;
    if *state == ChainState::Ended {
        return Err(Rejection::ChainState { state: *state });
    }
    let definition = change.of(old);
    if definition == **old {
        return Ok((Vec::new(), Standing { version: *version, state: *state }));
    }
    check(&definition, context)?;
    has_room(&definition.parties().into_iter().filter(|party| !chain.involves(*party)).collect(), context)?;
    let version = version.checked_add(1).ok_or(Rejection::AmountOutOfRange)?;
    let revised = ChainRevised { chain_id: chain.chain_id, version, definition: Box::new(definition) };
    one(revised, version, ChainState::Draft)
}

/// What leads to an approval, all of it about the newest version. Rule X2.
fn agree(chain: &Chain, command: &ChainCommand, context: &Context<'_>) -> Decided {
    let Chain { chain_id, newest: Version { version, state, consents, definition, .. }, .. } = chain;
    let (chain_id, version, state) = (*chain_id, *version, *state);
    let parties = definition.parties();
    match (command, state) {
        (ChainCommand::Submit, ChainState::Draft) => {
            one(ChainSubmitted { chain_id, version }, version, ChainState::Submitted)
        }
        (ChainCommand::Consent { of, .. }, _) if !parties.contains(of) => Err(Rejection::ChainNotFound),
        // What was changed since the owner saw it needs another look.
        (ChainCommand::Consent { version: Some(seen), .. }, _) if *seen != version => {
            Err(Rejection::ChainVersion { newest: version })
        }
        (ChainCommand::Consent { of, .. }, ChainState::Draft | ChainState::Submitted) => {
            if consents.contains(of) {
                return Ok((Vec::new(), Standing { version, state }));
            }
            one(ChainConsented { chain_id, version, business_id: *of }, version, state)
        }
        (ChainCommand::Approve, ChainState::Submitted) => {
            let missing: Vec<BusinessId> = parties.difference(consents).copied().collect();
            if missing.is_empty() {
                return one(ChainApproved { chain_id, version }, version, ChainState::Approved);
            }
            Err(Rejection::ChainConsentMissing { of: slugs(&missing, &context.registry.businesses) })
        }
        (ChainCommand::Reject(reason_id), ChainState::Submitted | ChainState::Approved) => {
            one(ChainRejected { chain_id, version, reason_id: *reason_id }, version, ChainState::Rejected)
        }
        _ => Err(Rejection::ChainState { state }),
    }
}

fn slugs(ids: &[BusinessId], businesses: &Businesses) -> Vec<Slug> {
    ids.iter().filter_map(|id| businesses.get(*id)).map(|business| business.slug.clone()).collect()
}

/// The newest version, if it was approved, which ends the one that runs; else the one that is paused.
fn activate(chain: &Chain, context: &Context<'_>) -> Decided {
    let approved = Some(&chain.newest).filter(|newest| newest.state == ChainState::Approved);
    let paused = || chain.running().filter(|running| running.state == ChainState::Paused);
    let version =
        approved.or_else(paused).ok_or(Rejection::ChainState { state: chain.newest.state })?.version;
    let activated = ChainActivated { chain_id: chain.chain_id, version, at: context.recorded_at };
    one(activated, version, ChainState::Active)
}

fn pause(chain: &Chain, context: &Context<'_>) -> Decided {
    let active = chain.running().filter(|running| running.state == ChainState::Active);
    let version = active.ok_or(Rejection::ChainState { state: chain.newest.state })?.version;
    let paused = ChainPaused { chain_id: chain.chain_id, version, at: context.recorded_at };
    one(paused, version, ChainState::Paused)
}

fn end(chain: &Chain, context: &Context<'_>) -> Decided {
    let Version { version, state, .. } = chain.newest;
    if state == ChainState::Ended {
        return Err(Rejection::ChainState { state });
    }
    let ended = ChainEnded { chain_id: chain.chain_id, version, at: context.recorded_at };
    one(ended, version, ChainState::Ended)
}
