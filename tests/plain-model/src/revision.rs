//! Newer revisions of a purchase's document. Rules D3, R3, F4, B9, F7.
//!
//! Readings:
//! - D3: what each funder gave, net of refunds, is made what it would be for the newest bill; what is more makes lots with the
//!   life of the first ones, what is less is taken back as by a refund.
//! - D3: a bill below what was refunded of it is refused as a refund of more than the purchase is.
//! - D3, R3: a smaller bill is a refund: the same share of it is paid in bonuses as of the first, and the rest comes back (F4).
//!   When the bill grows again, what came back is taken again from where it came back to, if all that is missing lies there
//!   free; else nothing is, and the rest is paid in money for good: later revisions add what their own growth adds. The discount
//!   comes off before (C4).
//! - D3, R3: one that says what it is paid with is paid with so much, by R3's limits, and no more than the first captured, or than
//!   is there. The hold it names must be the one that the first captured.
//! - C1, D3: what a coupon gives anew stands before what the accrual brings more, so it is spent before it (B7).
//! - R3: what limits it are the policy and the terms that decided on the purchase.

use ledger_core::ids::{LotId, PurchaseId, RedemptionId, RefundId};
use ledger_core::time::Timestamp;

use crate::circle::Circle;
use crate::coupon::Used;
use crate::lot::{COALITION, Lot};
use crate::member::{Member, Outcome, Purchase};
use crate::purchase::Accrual;
use crate::refund::{AMOUNT_MAX, Due};
use crate::{Kopecks, Refusal};

/// What a newer revision says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the contract")]
pub struct Revision {
    pub purchase: PurchaseId,
    pub revision: u32,
    /// None: it is cancelled.
    pub bill: Option<Kopecks>,
    pub redemption: Option<RedemptionId>,
    pub redeem_amount: Option<Kopecks>,
    pub coupon: Option<u32>,
}

/// A lot of what a revision brings more: its name, its funder, how much, its life.
type More<'a> = (LotId, &'a str, Kopecks, (Timestamp, Timestamp));

impl Purchase {
    /// What the business, the coalition, a coupon and a chain have given, net of refunds.
    pub(crate) fn given(&self) -> [Kopecks; 4] {
        let refunded = self.refunded();
        let [of_business, rest] = self.taken_back_at(refunded);
        let of_coalition = self.accrual - self.of_business;
        let bonuses = self.coupon.as_ref().map_or(0, |used| used.bonuses);
        [
            (self.of_business - of_business).max(0),
            (of_coalition - rest).max(0),
            bonuses - self.gone(bonuses, refunded),
            self.of_chain_at(refunded),
        ]
    }

    /// It as the revision says.
    fn revised(&self, circle: &Circle, asked: &Revision, there: Kopecks) -> Result<Self, Refusal> {
        let amount = asked.bill.unwrap_or(0);
        if amount > AMOUNT_MAX {
            return Err("AMOUNT_OUT_OF_RANGE");
        }
        let coupon = self.coupon.as_ref().map(|used| used.with(amount));
        let discount = coupon.as_ref().map_or(0, |used| used.discount);
        let kept = self.paid_with(circle, asked, (amount, discount), there)?;
        if asked.coupon.is_some_and(|code| self.coupon.as_ref().is_none_or(|used| used.code != code)) {
            return Err("COUPON_NOT_VALID");
        }
        if asked.bill.is_some_and(|bill| bill < self.refunded()) {
            return Err("REFUND_EXCEEDS_PURCHASE");
        }
        let Accrual { total: accrual, of_business } = self.inputs.accrual(amount - kept - discount);
        let revision = asked.revision;
        Ok(Self { revision, amount, accrual, of_business, kept, coupon, ..self.clone() })
    }

    /// What of the bonuses that the first revision captured pays `bill`, when so much of what came back is there.
    fn paid_with(
        &self,
        circle: &Circle,
        asked: &Revision,
        (bill, discount): (Kopecks, Kopecks),
        there: Kopecks,
    ) -> Result<Kopecks, Refusal> {
        let is_there = |kept| {
            let with = Self { amount: bill, kept, ..self.clone() };
            -with.comes_back_at(with.refunded()) <= there
        };
        if asked.redemption.is_some() && asked.redemption != self.redemption {
            return Err("HOLD_NOT_FOUND");
        }
        if let Some(wanted) = asked.redeem_amount {
            if asked.redemption.is_none() {
                return Err("HOLD_NOT_FOUND");
            }
            let limit = (bill * self.redeem_share / 10_000).min(bill - discount);
            if wanted > limit || wanted < circle.policies[self.policy].redeem_min {
                return Err("OVER_REDEEM_LIMIT");
            }
            let is_too_much = wanted > self.captured || !is_there(wanted);
            return if is_too_much { Err("INSUFFICIENT_BONUSES") } else { Ok(wanted) };
        }
        let share = |bill: Kopecks| {
            let less = self.first_bill - bill;
            let back = if less > 0 { crate::rounded(self.captured * less, self.first_bill) } else { 0 };
            self.captured - back
        };
        // What of the newest bill was paid in money is not paid again.
        let wanted =
            share(bill).min(self.kept + (share(bill) - share(self.amount)).max(0)).min(bill - discount);
        if is_there(wanted) {
            return Ok(wanted);
        }
        let have: Kopecks = self.spent.iter().map(|(_, part)| part).sum();
        let refunded = self.refunded();
        let mut kept = wanted.min(self.kept);
        if bill > refunded {
            // A little too much, and down from there.
            kept = kept.min(have * bill / (bill - refunded) + 2);
        }
        while kept > 0 && kept - crate::rounded(kept * refunded, bill) > have {
            kept -= 1;
        }
        Ok(kept)
    }
}

impl Member {
    pub(crate) fn revise(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        asked: &Revision,
    ) -> Result<Outcome, Refusal> {
        let id = asked.purchase;
        let place = self.purchases.iter().rposition(|purchase| purchase.id == id).ok_or("NOT_FOUND")?;
        let business = circle.business(&self.purchases[place].business).expect("known");
        if !self.consents_to(&business.consent()) {
            return Ok(Outcome::Unmatched);
        }
        self.write_due(circle, now);
        let before = self.purchases[place].clone();
        let after = before.revised(circle, asked, self.lies_there(&before, now))?;
        if after.net() > before.net() && self.is_blocked {
            return Err("MEMBER_BLOCKED");
        }
        self.becomes(circle, now, place, &after);
        let after = &self.purchases[place];
        let (available_from, expire_at) = before.life;
        Ok(Outcome::Recorded {
            earned: after.accrual,
            available_from,
            expire_at,
            redeemed: after.kept,
            discount: after.coupon.as_ref().map_or(0, |used| used.discount),
            status: self.shown(now),
        })
    }

    /// A purchase becomes what its newest revision says.
    pub(crate) fn becomes(&mut self, circle: &Circle, now: Timestamp, place: usize, after: &Purchase) {
        let before = self.purchases[place].clone();
        let (id, revision) = (before.id, after.revision);
        if after.net() == 0 {
            self.revoke_triggered(now, id);
        }
        let mut after = after.clone();
        let comes_back = after.comes_back_at(after.refunded());
        self.take_again(now, place, -comes_back);
        let changes = [0, 1, 2, 3].map(|of| after.given()[of] - before.given()[of]);
        if let Some(Used { funder, life, lots, .. }) = &mut after.coupon {
            let lot = (LotId::of_coupon_revision(id, revision), funder.as_str(), changes[2], *life);
            lots.extend(self.add(now, id, lot));
        }
        let refund = RefundId::of_revision(id, revision);
        self.bring_back(circle, now, refund, place, comes_back);
        self.repay(now);
        after.spent.clone_from(&self.purchases[place].spent);
        after.came_back.clone_from(&self.purchases[place].came_back);
        for (funder, more) in [(before.business.as_str(), changes[0]), (COALITION, changes[1])] {
            let lot = (LotId::of_revision(id, funder, revision), funder, more, before.life);
            after.lots.extend(self.add(now, id, lot));
        }
        if let Some(of_chain) = &mut after.of_chain {
            let first = self.lots.iter().find(|lot| of_chain.lots.contains(&lot.id)).expect("hers");
            let funder = first.funder.clone();
            let lot =
                (LotId::of_cross_bonus_revision(id, revision), funder.as_str(), changes[3], before.life);
            of_chain.lots.extend(self.add(now, id, lot));
        }
        let [of_business, of_coalition, of_coupon, of_chain] = changes.map(|change| (-change).max(0));
        self.take_back(now, &after, &Due { accrual: [of_business, of_coalition], of_coupon, of_chain });
        let business = circle.business(&before.business).expect("known");
        self.purchases[place] = after;
        self.repay(now);
        self.evaluate_after(circle, now, now, business, None);
    }

    /// The lot of what a revision brings more, if it does.
    pub(crate) fn add(
        &mut self,
        now: Timestamp,
        purchase: PurchaseId,
        (id, funder, more, life): More<'_>,
    ) -> Option<LotId> {
        if more <= 0 {
            return None;
        }
        let mut lot = Lot::new(id, funder, Some(purchase), life);
        lot.issue(more, now);
        self.lots.push(lot);
        Some(id)
    }
}
