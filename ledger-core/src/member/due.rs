//! What is due for a member: lots that matured or expired, holds that lapsed, coupons and Premium that are over. Rules B5,
//! B8, C2, R1, S4.

use std::collections::BTreeMap;

use crate::context::Context;
use crate::log::Event;
use crate::member::event::{
    BonusMatured, CouponExpired, CouponIssued, HoldEnd, HoldReleased, Holding, PremiumLapsed,
};
use crate::member::redemption::expired;
use crate::member::state::{LiveLot, MemberState};
use crate::money::Bonuses;
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// A fact that is due, and the moment it became so.
pub(super) struct Due {
    pub(super) at: Timestamp,
    pub(super) event: Event,
}

/// Everything due now, in the order of moments: a lot that is past its life matured before it expired, and an overdue
/// hold was released before what of it is past its life expired (Rule R1). Who gets an expired lot's face value is decided
/// by the policy of the moment it expired, or of now when that is long ago (Rule P1).
///
/// O(live lots) when one of them may be due, else O(holds and coupons); writes nothing for a member with nothing due.
///
/// # Errors
/// [`Rejection::PolicyMissing`] on a log without policies.
pub(super) fn due(state: &MemberState, context: &Context<'_>) -> Result<Vec<Due>, Rejection> {
    let now = context.recorded_at;
    let mut due = Vec::new();
    for (id, hold) in state.open_holds().filter(|(_, hold)| hold.lapses_at <= now) {
        let parts = hold.parts.iter().map(|held| held.part.clone()).collect();
        let lapsed = HoldReleased { redemption_id: *id, reason: HoldEnd::Lapsed, parts };
        due.push(Due { at: hold.lapses_at, event: lapsed.into() });
    }
    let lots = (!state.lots_are_quiet(now)).then(|| state.live_lots());
    for lot in lots.into_iter().flatten() {
        let mut holding = lot.holding;
        if holding == Holding::Pending && lot.available_from <= now && lot.available_from <= lot.expires_at {
            let matured = BonusMatured {
                lot_id: lot.lot_id,
                origin: lot.origin,
                confidentiality: lot.confidentiality,
                funder: lot.funder.clone(),
                amount: lot.left,
            };
            due.push(Due { at: lot.available_from, event: matured.into() });
            holding = Holding::Available;
        }
        if now > lot.expires_at {
            expiries(state, &LiveLot { holding, ..lot.clone() }, context, &mut due)?;
        }
    }
    for coupon in state.open_coupons().filter(|coupon| now > coupon.issued.expires_at) {
        let CouponIssued { coupon_id, business_id, confidentiality, expires_at, .. } = coupon.issued;
        due.push(Due {
            at: expires_at,
            event: CouponExpired { coupon_id, business_id, confidentiality }.into(),
        });
    }
    if let Some(ended_at) = state.premium.lapse(now) {
        due.push(Due { at: ended_at, event: PremiumLapsed { ended_at }.into() });
    }
    // Stable: what is named first above comes first of what fell due at the same moment.
    due.sort_by_key(|due| due.at);
    Ok(due)
}

/// A lot past its life: what was left of it then, and what overdue holds gave back later, those of one moment at once.
fn expiries(
    state: &MemberState,
    lot: &LiveLot,
    context: &Context<'_>,
    due: &mut Vec<Due>,
) -> Result<(), Rejection> {
    let (mut at_its_end, mut later) = (lot.left, BTreeMap::<Timestamp, Bonuses>::new());
    if lot.held.is_positive() {
        for (_, hold) in state.open_holds().filter(|(_, hold)| hold.lapses_at <= context.recorded_at) {
            for held in hold.parts.iter().filter(|held| held.part.lot_id == lot.lot_id) {
                let sum = if hold.lapses_at <= lot.expires_at {
                    &mut at_its_end
                } else {
                    later.entry(hold.lapses_at).or_default()
                };
                *sum = sum.checked_add(held.part.amount).ok_or(Rejection::AmountOutOfRange)?;
            }
        }
    }
    if at_its_end.is_positive() {
        due.push(Due { at: lot.expires_at, event: expired(lot, at_its_end, context)?.into() });
    }
    for (at, amount) in later {
        due.push(Due { at, event: expired(lot, amount, context)?.into() });
    }
    Ok(())
}
