//! Two accounts of one woman become one, and two again: what an admin can ask, and when it cannot be.
//!
//! The survivor has everything from then on: what is asked of the other is asked of her (the runner forwards it). Undone,
//! each has what was its own, as it stands by then: what was spent stays spent, what was bought meanwhile is the survivor's.

use super::command::MemberOutcome;
use super::debt::settle_on;
use super::decide::write_due;
use super::draft::Draft;
use super::review::after_refund;
use super::state::MemberState;
use super::working::Working;
use crate::category::Confidentiality;
use crate::context::Context;
use crate::ids::{MemberId, ReasonId};
use crate::member::event::{AccountMerged, AccountParted, AccountRestored, AccountTakenIn};
use crate::rejection::{MergeObstacle, Rejection};

/// What moves is one fact, and a fact is one record of at most 1 MB: an account with more lots, sales, bills and coupons
/// than this does not move.
const PIECES_MAX: usize = 2_000;

/// Two accounts, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accounts {
    /// The one that goes into the other.
    pub from: MemberId,
    /// The survivor.
    pub into: MemberId,
    /// Why, in the vault.
    pub reason_id: ReasonId,
}

/// What both streams get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The one's.
    pub from: Draft,
    /// The survivor's.
    pub into: Draft,
    /// What is answered: the survivor's standing.
    pub outcome: MemberOutcome,
}

/// The account `from` becomes one with `into`.
///
/// # Errors
/// A stranger; then [`MergeObstacle`] in its order.
pub fn merge(
    from: &MemberState,
    into: &MemberState,
    accounts: &Accounts,
    context: &Context<'_>,
) -> Result<Joined, Rejection> {
    let (mut of_from, mut of_into) = drafts(from, into, context)?;
    let registered_at = from.registered_at.ok_or(Rejection::MemberNotFound)?;
    let Accounts { from: absorbed, into: survivor, reason_id } = *accounts;
    let now = context.recorded_at;
    if absorbed == survivor {
        return Err(because(MergeObstacle::SameAccount));
    }
    // An account that cannot move is left as it is: nothing due is written on it.
    lasting_obstacle(from, into).map_or(Ok(()), |it| Err(because(it)))?;
    write_due(from, context, &mut of_from)?;
    write_due(into, context, &mut of_into)?;
    let mut old = Working::after(from, &mut of_from)?;
    let mut hers = Working::after(into, &mut of_into)?;
    obstacle(&old.state, &hers.state, context).map_or(Ok(()), |it| Err(because(it)))?;
    let estate = old.state.estate(registered_at);
    let invited = hers.state.ordinary.invited || estate.ordinary.invited;
    old.push(now, AccountMerged { survivor, reason_id, estate: estate.clone() }, None)?;
    hers.push(now, AccountTakenIn { absorbed, reason_id, estate, invited }, None)?;
    after_refund(&mut hers, Confidentiality::Ordinary, context)?;
    let outcome = MemberOutcome::StandingChanged { status: hers.state.status_at(now) };
    Ok(Joined { from: of_from, into: of_into, outcome })
}

/// The account `from` is one with `into` no longer.
///
/// # Errors
/// A stranger; then [`MergeObstacle`]: they are not one, she is blocked, a demand of hers is open, her phone changed a short while ago, bonuses are held.
pub fn unmerge(
    from: &MemberState,
    into: &MemberState,
    accounts: &Accounts,
    context: &Context<'_>,
) -> Result<Joined, Rejection> {
    let (mut of_from, mut of_into) = drafts(from, into, context)?;
    let Accounts { from: absorbed, into: survivor, reason_id } = *accounts;
    let now = context.recorded_at;
    if from.merged_into != Some(survivor) || !into.absorbed.contains_key(&absorbed) {
        return Err(because(MergeObstacle::NotMerged));
    }
    // Both are said of the one that stands for both: the other would be free of them at once.
    if into.is_barred() {
        return Err(because(MergeObstacle::Blocked));
    }
    if into.has_open_requests() {
        // Whose demand it is nobody could tell afterwards.
        return Err(because(MergeObstacle::OpenRequest));
    }
    if into.waits_to_spend(context.recorded_at).is_some() {
        return Err(because(MergeObstacle::Cooldown));
    }
    write_due(into, context, &mut of_into)?;
    let mut hers = Working::after(into, &mut of_into)?;
    if hers.state.open_holds().next().is_some() {
        return Err(because(MergeObstacle::OpenHold));
    }
    let mut estate = hers.state.estate_of(absorbed).ok_or(because(MergeObstacle::NotMerged))?;
    let invited = hers.state.invited_without(absorbed);
    for track in [&mut estate.ordinary, &mut estate.with_medical] {
        track.invited &= hers.state.ordinary.invited;
    }
    hers.push(now, AccountParted { absorbed, reason_id, estate: estate.clone(), invited }, None)?;
    let mut old = Working::after(from, &mut of_from)?;
    old.push(now, AccountRestored { survivor, reason_id, estate }, None)?;
    for working in [&mut hers, &mut old] {
        settle_on(working, context, None)?;
        after_refund(working, Confidentiality::Ordinary, context)?;
    }
    let outcome = MemberOutcome::StandingChanged { status: hers.state.status_at(now) };
    Ok(Joined { from: of_from, into: of_into, outcome })
}

fn drafts(
    from: &MemberState,
    into: &MemberState,
    context: &Context<'_>,
) -> Result<(Draft, Draft), Rejection> {
    if !from.is_registered() || !into.is_registered() {
        return Err(Rejection::MemberNotFound);
    }
    if from.is_erased() || into.is_erased() {
        return Err(Rejection::MemberErased);
    }
    let version = context.policy_at(context.recorded_at)?.version;
    Ok((Draft::new(version), Draft::new(version)))
}

const fn because(because: MergeObstacle) -> Rejection {
    Rejection::MergeNotPossible { because }
}

/// What does not depend on what is due.
fn lasting_obstacle(from: &MemberState, into: &MemberState) -> Option<MergeObstacle> {
    if from.merged_into.is_some() || into.merged_into.is_some() {
        Some(MergeObstacle::AlreadyMerged)
    } else if !from.absorbed.is_empty() {
        // One level: who parts finds both accounts as they were.
        Some(MergeObstacle::HasAbsorbed)
    } else if from.is_barred() || into.is_processing_blocked() {
        Some(MergeObstacle::Blocked)
    } else {
        None
    }
}

fn obstacle(from: &MemberState, into: &MemberState, context: &Context<'_>) -> Option<MergeObstacle> {
    let either = |is: fn(&MemberState) -> bool| is(from) || is(into);
    if either(|state| state.open_holds().next().is_some()) {
        Some(MergeObstacle::OpenHold)
    } else if either(|state| !state.quarantined.is_empty()) {
        Some(MergeObstacle::WaitingDocument)
    } else if either(|state| !state.debts.is_empty()) {
        Some(MergeObstacle::Debt)
    } else if [from, into].iter().all(|state| state.premium.goes_on(context.recorded_at)) {
        Some(MergeObstacle::BothPremium)
    } else if from.has_open_requests() {
        Some(MergeObstacle::OpenRequest)
    } else if from.waits_to_spend(context.recorded_at).is_some() {
        // It would end with the account that says it.
        Some(MergeObstacle::Cooldown)
    } else if from.pieces() > PIECES_MAX {
        Some(MergeObstacle::LongHistory)
    } else {
        None
    }
}

impl MemberState {
    /// Of how many pieces the account's estate is.
    fn pieces(&self) -> usize {
        let books = self.books.spend.len().saturating_add(self.books.sales.len());
        // A lot or a coupon is as long as two bills.
        self.lots.len().saturating_add(self.coupons.len()).saturating_mul(2).saturating_add(books)
    }
}
