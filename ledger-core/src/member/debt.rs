//! Paying debts out of whatever becomes available. Rule F3.

use super::draft::Draft;
use super::redemption::{part_of, spendable};
use super::working::Working;
use crate::context::Context;
use crate::member::event::DebtRepaid;
use crate::member::state::MemberState;
use crate::money::Bonuses;
use crate::rejection::Rejection;

/// Adds to `draft` what it makes available and she owes: the oldest debt first, out of lots in the order of spending
/// (Rule B7). So `available` is nothing while there is a debt.
///
/// # Errors
/// [`Rejection::AmountOutOfRange`] for sums that do not fit.
pub(super) fn settle(state: &MemberState, context: &Context<'_>, draft: &mut Draft) -> Result<(), Rejection> {
    if state.debts().is_empty() {
        return Ok(());
    }
    settle_on(&mut Working::after(state, draft)?, context, None)
}

/// The same in the midst of a decision.
///
/// # Errors
/// As [`settle`].
pub(super) fn settle_on(
    working: &mut Working<'_>,
    context: &Context<'_>,
    cause: Option<usize>,
) -> Result<(), Rejection> {
    let now = context.recorded_at;
    for debt in working.state.debts().to_vec() {
        let (mut rest, mut parts) = (debt.left, Vec::new());
        for (_, lot) in spendable(&working.state, now) {
            let take = lot.left.min(rest);
            if !take.is_positive() {
                break;
            }
            rest = rest.checked_sub(take).ok_or(Rejection::AmountOutOfRange)?;
            parts.push(part_of(lot, take, debt.confidentiality));
        }
        if parts.is_empty() {
            return Ok(());
        }
        let amount = Bonuses::checked_sum(parts.iter().map(|part| part.amount));
        let repaid = DebtRepaid {
            refund_id: debt.refund_id,
            purchase_id: debt.purchase_id,
            business_id: debt.business_id,
            confidentiality: debt.confidentiality,
            lot_id: debt.lot_id,
            creditor: debt.creditor,
            amount: amount.ok_or(Rejection::AmountOutOfRange)?,
            parts,
        };
        working.push(now, repaid, cause)?;
    }
    Ok(())
}
