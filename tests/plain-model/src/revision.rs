//! Newer revisions of a purchase's document. Rules D3, B9, F7.
//!
//! Readings:
//! - Only of purchases that were not paid in bonuses and used no coupon: the rest is the core's own tests'.
//! - D3: what each funder gave, net of refunds, is made what it would be for the newest bill; what is more makes lots with the
//!   life of the first ones, what is less is taken back as by a refund.
//! - D3: a bill below what was refunded of it is refused as a refund of more than the purchase is.

use ledger_core::ids::{LotId, PurchaseId};
use ledger_core::time::Timestamp;

use crate::circle::Circle;
use crate::lot::{COALITION, Lot};
use crate::member::{Member, Outcome, Purchase};
use crate::purchase::Accrual;
use crate::refund::{AMOUNT_MAX, Due};
use crate::{Kopecks, Refusal};

impl Purchase {
    /// What the business, the coalition and a chain have given, net of refunds.
    fn given(&self) -> [Kopecks; 3] {
        let refunded = self.refunded();
        let [of_business, rest] = self.taken_back_at(refunded);
        let of_coalition = self.accrual - self.of_business;
        [(self.of_business - of_business).max(0), (of_coalition - rest).max(0), self.of_chain_at(refunded)]
    }
}

impl Member {
    pub(crate) fn revise(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        id: PurchaseId,
        revision: u32,
        bill: Option<Kopecks>,
    ) -> Result<Outcome, Refusal> {
        let place = self.purchases.iter().position(|purchase| purchase.id == id).ok_or("NOT_FOUND")?;
        let before = self.purchases[place].clone();
        let business = circle.business(&before.business).expect("known");
        if !self.consents_to(&business.consent()) {
            return Ok(Outcome::Unmatched);
        }
        if bill.is_some_and(|bill| bill > AMOUNT_MAX) {
            return Err("AMOUNT_OUT_OF_RANGE");
        }
        if bill.is_some_and(|bill| bill < before.refunded()) {
            return Err("REFUND_EXCEEDS_PURCHASE");
        }
        let amount = bill.unwrap_or(0);
        let Accrual { total, of_business } = before.inputs.accrual(amount);
        let mut after = Purchase { revision, amount, accrual: total, of_business, ..before.clone() };
        if after.net() > before.net() && self.is_blocked {
            return Err("MEMBER_BLOCKED");
        }
        if after.net() == 0 {
            self.revoke_triggered(now, id);
        }
        let changes = [0, 1, 2].map(|of| after.given()[of] - before.given()[of]);
        for (funder, more) in [(&before.business, changes[0]), (&COALITION.to_owned(), changes[1])] {
            let lot = LotId::of_revision(id, funder, revision);
            after.lots.extend(self.add(now, lot, funder, more, &before));
        }
        if let Some(of_chain) = &mut after.of_chain {
            let first = self.lots.iter().find(|lot| of_chain.lots.contains(&lot.id)).expect("hers");
            let (funder, lot) = (first.funder.clone(), LotId::of_cross_bonus_revision(id, revision));
            of_chain.lots.extend(self.add(now, lot, &funder, changes[2], &before));
        }
        let less = changes.map(|change| (-change).max(0));
        self.take_back(now, &after, &Due { accrual: [less[0], less[1]], of_coupon: 0, of_chain: less[2] });
        self.purchases[place] = after;
        self.repay(now);
        self.evaluate_after(circle, now, now, business, None);
        let (available_from, expire_at) = before.life;
        let (earned, status) = (total, self.shown(now));
        Ok(Outcome::Recorded { earned, available_from, expire_at, redeemed: 0, discount: 0, status })
    }

    /// The lot of what a revision brings more, if it does.
    fn add(
        &mut self,
        now: Timestamp,
        id: LotId,
        funder: &str,
        more: Kopecks,
        of: &Purchase,
    ) -> Option<LotId> {
        if more <= 0 {
            return None;
        }
        let mut lot = Lot::new(id, funder, Some(of.id), of.life);
        lot.issue(more, now);
        self.lots.push(lot);
        Some(id)
    }
}
