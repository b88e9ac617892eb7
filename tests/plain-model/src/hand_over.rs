//! A newer revision that names another member. Rule D3, and the sixth decision.
//!
//! Readings:
//! - From the one everything is taken back as if the document were cancelled; what a chain added to it stays behind, too.
//! - The other gets what the document earns her posted once, net of the refunds it had: with the original's moment, multiplier
//!   and life of lots, by her own status and categories. It triggers nothing; it follows from a trigger of hers as any (X4),
//!   even if it did before it was another's meanwhile.
//! - S4: her Premium is that of the original's moment; of a document that was reported too late for its own (P1), that of now.
//! - Who is a stranger, has not consented, or was no member yet is answered so, and nothing changes; the one's consent does not
//!   matter.
//! - Whatever was paid in bonuses or used a coupon, and a revision that names a hold, changes no hands. A code where none was
//!   used is not valid, as in any revision.

use chrono::TimeDelta;
use ledger_core::ids::LotId;
use ledger_core::time::Timestamp;

use crate::circle::Circle;
use crate::lot::COALITION;
use crate::member::{Member, Outcome, Purchase};
use crate::purchase::{Accrual, Inputs};
use crate::refund::AMOUNT_MAX;
use crate::revision::Revision;
use crate::{Refusal, calendar};

/// `from` loses the purchase to `to`; or it is refused, and nothing changes. Rule Z.
///
/// # Errors
/// The code of the refusal.
///
/// # Panics
/// When `from` has no such purchase.
pub fn hand_over(
    circle: &Circle,
    now: Timestamp,
    (from, to): (&mut Member, &mut Member),
    asked: &Revision,
) -> Result<Outcome, Refusal> {
    let is_it = |purchase: &Purchase| purchase.id == asked.purchase;
    let place = from.purchases.iter().rposition(is_it).expect("a purchase of hers");
    let before = from.purchases[place].clone();
    let business = circle.business(&before.business).expect("known");
    let Some(since) = to.registered_at.filter(|_| to.consents_to(&business.consent())) else {
        return Ok(Outcome::Unmatched);
    };
    let amount = asked.bill.unwrap_or(0);
    if amount > AMOUNT_MAX {
        return Err("AMOUNT_OUT_OF_RANGE");
    }
    if before.coupon.is_some() {
        return Err("MEMBER_CHANGE_WITH_REDEMPTION");
    }
    if asked.coupon.is_some() {
        return Err("COUPON_NOT_VALID");
    }
    if before.captured > 0 || asked.redemption.is_some() || asked.redeem_amount.is_some() {
        return Err("MEMBER_CHANGE_WITH_REDEMPTION");
    }
    if asked.bill.is_some_and(|bill| bill < before.refunded()) {
        return Err("REFUND_EXCEEDS_PURCHASE");
    }
    if amount > before.refunded() && to.is_blocked {
        return Err("MEMBER_BLOCKED");
    }
    // Rule T5; as of a purchase, after all that.
    let hours = TimeDelta::hours(circle.policy(now).before_membership_hours);
    if before.occurred_at < calendar::earlier(since, hours) {
        return Ok(Outcome::BeforeMembership);
    }
    from.write_due(circle, now);
    to.write_due(circle, now);
    let revision = asked.revision;
    let nothing = Purchase {
        revision,
        amount: 0,
        accrual: 0,
        of_business: 0,
        is_handed_over: true,
        ..from.purchases[place].clone()
    };
    from.becomes(circle, now, place, &nothing);
    Ok(to.takes_over(circle, now, &before, (revision, amount)))
}

impl Member {
    fn takes_over(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        original: &Purchase,
        (revision, amount): (u32, crate::Kopecks),
    ) -> Outcome {
        let business = circle.business(&original.business).expect("known");
        let is_in_time = original.moment == original.occurred_at;
        let premium_at = if is_in_time { original.occurred_at } else { now };
        let of_hers = self.inputs_by(circle, original.policy, premium_at, business);
        let inputs = Inputs { multiplier: original.inputs.multiplier, ..of_hers };
        let Accrual { total, of_business } = inputs.accrual(amount);
        // Of one that she had before chains know already.
        let known = self.purchases.iter().rfind(|purchase| purchase.id == original.id);
        let first = known.unwrap_or(original).clone();
        let mut purchase = Purchase {
            revision,
            amount,
            inputs,
            accrual: total,
            of_business,
            lots: Vec::new(),
            first_bill: amount,
            converts: false,
            of_chain: None,
            is_handed_over: false,
            recorded_at: first.recorded_at,
            paid_first: first.paid_first,
            status: first.status,
            ..original.clone()
        };
        let id = original.id;
        let [of_business, of_coalition, ..] = purchase.given();
        for (funder, amount) in [(business.slug.as_str(), of_business), (COALITION, of_coalition)] {
            let lot = (LotId::of_revision(id, funder, revision), funder, amount, original.life);
            purchase.lots.extend(self.add(now, id, lot));
        }
        let is_something = purchase.net() > 0;
        self.purchases.push(purchase);
        self.repay(now);
        if is_something {
            self.convert_last(circle, now, id);
        }
        self.evaluate_after(circle, now, now, business, None);
        let (available_from, expire_at) = original.life;
        let status = self.shown(now);
        Outcome::Recorded { earned: total, available_from, expire_at, redeemed: 0, discount: 0, status }
    }
}
