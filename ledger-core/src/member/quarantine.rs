//! Documents that wait for an admin: applied or dropped, once. Rules T3, D5.
//!
//! A hold that such a document named is not captured: it lapses like any that nobody captured (Rule R1).

use super::command::{MemberOutcome, PurchaseDocument, PurchaseMode};
use super::decide::write_due;
use super::draft::Draft;
use super::purchase::{Deciding, Paid};
use super::state::{MemberState, Quarantined};
use crate::context::Context;
use crate::ids::{PurchaseId, QuarantineId};
use crate::member::event::{PurchaseQuarantined, QuarantineApplied, QuarantineDropped};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// Records a document that waits, as of now. Its lots live at least as long as bonuses that come back (Rule F4).
///
/// # Errors
/// One that does not wait (any more); a member who is blocked, or no longer lets the business report her purchases.
pub(super) fn apply(
    state: &MemberState,
    quarantine_id: QuarantineId,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let Quarantined { occurred_at, purchase, .. } = waiting(state, quarantine_id)?;
    state.must_be_free()?;
    let now = context.recorded_at;
    let business = context.business(purchase.business_id)?;
    // Who has withdrawn her consent since it came is not told of by it (`compliance.md` C4).
    if !state.lets_report(business) {
        return Err(Rejection::ConsentRequired);
    }
    let (policy, policy_moment) = context.policy_for(*occurred_at)?;
    let days = context.policy_at(now)?.parameters.bonus_returned_life_days;
    let lives_until = Some(now.moscow_day().plus_days(days).end());
    let terms =
        Deciding { decided_at: now, mode: PurchaseMode::Live, policy, policy_moment, business, lives_until };
    let purchase_id = purchase.purchase_id;
    let document = PurchaseDocument {
        business_id: purchase.business_id,
        natural_key: purchase.natural_key,
        revision: purchase.revision,
        amount: purchase.amount,
        occurred_at: *occurred_at,
        source: purchase.source,
        source_system: purchase.source_system,
        cancelled: false,
        redemption_id: None,
        redeem_amount: None,
        coupon_code: None,
    };
    write_due(state, context, draft)?;
    draft.push(now, QuarantineApplied { quarantine_id, purchase_id }.into());
    let came = (purchase.clone(), Paid::default(), business.came_for(purchase_id));
    terms.take(state, came, &document, context, draft)
}

/// Drops a document that waits.
///
/// # Errors
/// One that does not wait (any more).
pub(super) fn discard(
    state: &MemberState,
    quarantine_id: QuarantineId,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    let purchase_id = waiting(state, quarantine_id)?.purchase.purchase_id;
    write_due(state, context, draft)?;
    draft.push(context.recorded_at, QuarantineDropped { quarantine_id, purchase_id }.into());
    Ok(MemberOutcome::QuarantineDropped { quarantine_id })
}

/// Drops what waits of a document of which a newer revision came: that one is decided instead. Rules D2, D3.
pub(super) fn supersede(
    state: &MemberState,
    purchase_id: PurchaseId,
    context: &Context<'_>,
    draft: &mut Draft,
) {
    let of_it = state.quarantined.iter().filter(|(_, waits)| waits.purchase.purchase_id == purchase_id);
    for (id, _) in of_it {
        let dropped = QuarantineDropped { quarantine_id: *id, purchase_id };
        draft.push(context.recorded_at, dropped.into());
    }
}

impl MemberState {
    pub(super) fn wait(&mut self, fact: &PurchaseQuarantined, occurred_at: Timestamp) {
        let waiting = Quarantined { occurred_at, reason: fact.reason, purchase: fact.purchase.clone() };
        self.quarantined.insert(fact.quarantine_id, waiting);
    }

    pub(super) fn wait_over(&mut self, id: QuarantineId) -> Result<(), &'static str> {
        let waited = self.quarantined.remove(&id);
        waited.map(drop).ok_or("a document leaves the quarantine that is not there")
    }
}

fn waiting(state: &MemberState, id: QuarantineId) -> Result<&Quarantined, Rejection> {
    state.quarantined.get(&id).ok_or(Rejection::QuarantineClosed)
}
