//! What a revision gave back of the bonuses that a purchase was paid with, and a later one takes again. Rules D3, F4, R2.
//!
//! Her document is paid as the hold allowed that she agreed to, so a document that is cancelled and restored, or lowered and
//! raised, ends paid as if it had been posted once. Taken again is what came back, out of the very lots it came back to, and
//! only all of what the document lacks: what she has used since is hers to use, and no other lot is touched, for nobody asked
//! her about it.

use super::decide::write_due;
use super::draft::Draft;
use super::extras::net;
use super::purchase_file::PurchaseFile;
use super::redemption::held_part;
use super::refund::minus;
use super::working::Working;
use crate::context::Context;
use crate::ids::{LotId, RedemptionId};
use crate::member::event::{BonusesHeld, BonusesRedeemed, HeldPart, Holding};
use crate::member::state::{LiveLot, MemberState, SpendOrder};
use crate::money::{Bonuses, Roubles};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// What of `kept`, net of refunds, the purchase is not paid with when its bill is `bill`; never below nothing.
pub(super) fn missing(file: &PurchaseFile, bill: Roubles, kept: Bonuses) -> Result<Bonuses, Rejection> {
    let stays = net(kept, bill, file.refunded).ok_or(Rejection::AmountOutOfRange)?;
    let redeemed = file.redeemed().ok_or(Rejection::AmountOutOfRange)?;
    Ok(minus(stays, redeemed)?.max(Bonuses::ZERO))
}

/// What of all that came back still lies there free, once what is due is written and has paid her debts (Rule F3).
pub(super) fn there(
    state: &MemberState,
    file: &PurchaseFile,
    context: &Context<'_>,
) -> Result<Bonuses, Rejection> {
    if file.came_back.is_empty() {
        return Ok(Bonuses::ZERO);
    }
    let now = context.recorded_at;
    let mut due = Draft::new(context.policy_at(now)?.version);
    write_due(state, context, &mut due)?;
    let working = Working::after(state, &mut due)?;
    lying(&working.state, file, now)
}

/// Takes what the purchase, as its newest revision says, is not paid with: held and captured in one append. Nothing when not all
/// of it is there.
pub(super) fn take(
    working: &mut Working<'_>,
    file: &PurchaseFile,
    (revision, cause): (u32, usize),
    context: &Context<'_>,
) -> Result<(), Rejection> {
    let now = context.recorded_at;
    let amount = missing(file, file.bill, file.kept)?;
    let Some(max_share) = file.max_share.filter(|_| amount.is_positive()) else { return Ok(()) };
    if amount > lying(&working.state, file, now)? {
        return Ok(());
    }
    let parts = parts(&working.state, file, amount, now)?;
    let redemption_id = RedemptionId::of_revision(file.purchase_id, revision);
    let held = BonusesHeld {
        redemption_id,
        business_id: file.business_id,
        business: file.business.clone(),
        confidentiality: file.confidentiality,
        bill_amount: file.bill,
        max_share,
        amount,
        lapses_at: now,
        parts: parts.clone(),
    };
    working.push(now, held, Some(cause))?;
    let redeemed = BonusesRedeemed {
        redemption_id,
        purchase_id: file.purchase_id,
        business_id: file.business_id,
        business: file.business.clone(),
        confidentiality: file.confidentiality,
        max_share,
        amount,
        parts,
    };
    working.push(now, redeemed, Some(cause))?;
    Ok(())
}

/// A lot that bonuses of can be taken now.
fn free(state: &MemberState, lot: LotId, now: Timestamp) -> Option<(&SpendOrder, &LiveLot)> {
    let order = state.lot_orders.get(&lot)?;
    let lot = state.lots.get(order)?;
    let is_free = lot.holding == Holding::Available && now <= lot.expires_at && lot.left.is_positive();
    is_free.then_some((order, lot))
}

/// What of all that came back lies free; nothing of who is blocked, who pays nothing in bonuses (Rule R4).
fn lying(state: &MemberState, file: &PurchaseFile, now: Timestamp) -> Result<Bonuses, Rejection> {
    if state.is_barred() {
        return Ok(Bonuses::ZERO);
    }
    let lots = file.came_back.iter();
    let free = lots.filter_map(|(lot, there)| Some(free(state, *lot, now)?.1.left.min(*there)));
    Bonuses::checked_sum(free).ok_or(Rejection::AmountOutOfRange)
}

/// The parts that make up `amount`, what came back last first: so the order of spending is the first one's.
fn parts(
    state: &MemberState,
    file: &PurchaseFile,
    amount: Bonuses,
    now: Timestamp,
) -> Result<Vec<HeldPart>, Rejection> {
    let (mut rest, mut parts) = (amount, Vec::new());
    for (lot, there) in file.came_back.iter().rev() {
        let Some(place) = free(state, *lot, now) else { continue };
        let take = place.1.left.min(*there).min(rest);
        if take.is_positive() {
            rest = minus(rest, take)?;
            parts.push(held_part(place, take, file.confidentiality));
        }
    }
    Ok(parts)
}
