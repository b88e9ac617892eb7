//! What is due for a member: lots that matured or expired, Premium that is over. Rules B5, B8, S4.

use crate::context::Context;
use crate::log::Event;
use crate::member::event::{BonusExpired, BonusMatured, Holding, PremiumLapsed};
use crate::member::state::MemberState;
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// A fact that is due, and the moment it became so.
pub(super) struct Due {
    pub(super) at: Timestamp,
    pub(super) event: Event,
}

/// Everything due now, in the order of moments: a lot that is past its life matured before it expired. Who gets an
/// expired lot's face value is decided by the policy of the moment it expired, or of now when that is long ago (Rule P1).
///
/// O(live lots); writes nothing for a member with nothing due.
///
/// # Errors
/// [`Rejection::PolicyMissing`] on a log without policies.
pub(super) fn due(state: &MemberState, context: &Context<'_>) -> Result<Vec<Due>, Rejection> {
    let now = context.recorded_at;
    let mut due = Vec::new();
    for lot in state.live_lots() {
        let mut holding = lot.holding;
        if holding == Holding::Pending && lot.available_from <= now && lot.available_from <= lot.expires_at {
            let matured = BonusMatured {
                lot_id: lot.lot_id,
                origin: lot.origin,
                funder: lot.funder.clone(),
                amount: lot.left,
            };
            due.push(Due { at: lot.available_from, event: matured.into() });
            holding = Holding::Available;
        }
        if now > lot.expires_at {
            let expired = BonusExpired {
                lot_id: lot.lot_id,
                origin: lot.origin,
                funder: lot.funder.clone(),
                amount: lot.left,
                holding,
                expired_to: context.policy_for(lot.expires_at)?.0.parameters.bonus_expired_to,
            };
            due.push(Due { at: lot.expires_at, event: expired.into() });
        }
    }
    if let Some(ended_at) = state.premium.lapse(now) {
        due.push(Due { at: ended_at, event: PremiumLapsed { ended_at }.into() });
    }
    due.sort_by_key(|due| due.at);
    Ok(due)
}
