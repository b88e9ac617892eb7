//! Gifts and manual adjustments. Rules B5, B7, B10.

use super::command::MemberOutcome;
use super::decide::write_due;
use super::draft::Draft;
use super::redemption::reserve;
use super::working::Working;
use crate::category::Confidentiality;
use crate::context::Context;
use crate::ids::{GrantId, LotId, ReasonId};
use crate::member::event::{BonusAdjusted, BonusGifted, BonusWithdrawn, GiftKind, Holding, LotPart};
use crate::member::lot::{Funder, Lot};
use crate::member::state::MemberState;
use crate::money::{Bonuses, REQUEST_KOPECKS_MAX};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// A gift. Rule B10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gift {
    /// A fresh id for it.
    pub grant_id: GrantId,
    /// What it is for.
    pub kind: GiftKind,
    /// The admin's reason, in the vault.
    pub reason_id: Option<ReasonId>,
    /// How much; above zero.
    pub amount: Bonuses,
    /// Its life in days; the policy's when absent. Rule B5.
    pub life_days: Option<u32>,
}

/// A manual adjustment. Rule B10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adjustment {
    /// A fresh id for it.
    pub grant_id: GrantId,
    /// The admin's reason, in the vault.
    pub reason_id: ReasonId,
    /// How much, up or down; not nothing.
    pub amount: Bonuses,
}

/// Gives.
///
/// # Errors
/// No such member; an amount that no gift has.
pub(super) fn gift(
    state: &MemberState,
    command: &Gift,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let Gift { grant_id, kind, reason_id, amount, life_days } = *command;
    check(state, amount)?;
    if !amount.is_positive() {
        return Err(Rejection::AmountOutOfRange);
    }
    write_due(state, context, draft)?;
    let lot = lot(grant_id, amount, life_days, context)?;
    let expires_at = Some(lot.expires_at);
    draft.push(context.recorded_at, BonusGifted { grant_id, kind, reason_id, lot }.into());
    Ok(MemberOutcome::Granted { grant_id, expires_at })
}

/// Adjusts: upwards with a lot of its own, downwards out of what is available in the order of Rule B7.
///
/// # Errors
/// No such member; an amount that no adjustment has; more than she has available.
pub(super) fn adjust(
    state: &MemberState,
    command: &Adjustment,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let Adjustment { grant_id, reason_id, amount } = *command;
    check(state, amount)?;
    let now = context.recorded_at;
    if amount.is_positive() {
        write_due(state, context, draft)?;
        let lot = lot(grant_id, amount, None, context)?;
        let expires_at = Some(lot.expires_at);
        draft.push(now, BonusAdjusted { grant_id, reason_id, lot }.into());
        return Ok(MemberOutcome::Granted { grant_id, expires_at });
    }
    let asked = Bonuses::ZERO.checked_sub(amount).ok_or(Rejection::AmountOutOfRange)?;
    write_due(state, context, draft)?;
    let mut working = Working::after(state, draft)?;
    for LotPart { lot_id, origin, confidentiality, funder, amount } in take(&working.state, asked, now)? {
        let fact = BonusWithdrawn { grant_id, reason_id, lot_id, origin, confidentiality, funder, amount };
        working.push(now, fact, None)?;
    }
    Ok(MemberOutcome::Granted { grant_id, expires_at: None })
}

/// What of which lots makes up `asked`, in the order of spending. Rule B7.
fn take(state: &MemberState, asked: Bonuses, now: Timestamp) -> Result<Vec<LotPart>, Rejection> {
    let parts = reserve(state, asked, Confidentiality::Ordinary, now)?;
    Ok(parts.into_iter().map(|held| held.part).collect())
}

fn check(state: &MemberState, amount: Bonuses) -> Result<(), Rejection> {
    if !state.is_registered() {
        return Err(Rejection::MemberNotFound);
    }
    let fits = (-REQUEST_KOPECKS_MAX..=REQUEST_KOPECKS_MAX).contains(&amount.kopecks()) && !amount.is_zero();
    if fits { Ok(()) } else { Err(Rejection::AmountOutOfRange) }
}

/// A lot without a hold and with its own life, funded by the coalition. Rule B5.
fn lot(
    grant_id: GrantId,
    amount: Bonuses,
    life_days: Option<u32>,
    context: &Context<'_>,
) -> Result<Lot, Rejection> {
    let now = context.recorded_at;
    let life = life_days.unwrap_or(context.policy_at(now)?.parameters.bonus_life_days);
    Ok(Lot {
        lot_id: LotId::of_grant(grant_id),
        funder: Funder::Coalition,
        amount,
        opens: Holding::Available,
        available_from: now,
        expires_at: now.moscow_day().plus_days(life).end(),
    })
}
