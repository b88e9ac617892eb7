//! Money given back. Rules F1–F4, F6, D4, M2.
//!
//! Readings:
//! - F2, M2: each of the purchase's lots gives first for its own funder; then the business's rest and after it the
//!   coalition's come out of whatever is available in the order of B7 (the purchase's other lot among it); then they are
//!   debts, in that order.
//! - F2: what is held of the purchase's own lots is not touched either.
//! - F2, F4: what of an own lot was spent elsewhere and came back past its life has expired: its funder got its face value,
//!   and gets it once. The coalition's lot in its stead is nobody's own.
//! - M2: of several businesses' shares the order is that of their names, the coalition's last; of one funder, what it gave
//!   by the accrual is taken before what it gave by the coupon, and that before what it gave by a chain.
//! - F7: a cross bonus goes back in the cumulative proportion of the refunds; the till that refunds is not told.
//! - F3, F4: what is returned pays older debts before this refund takes back.
//! - F4: whether a lot's life has passed, and the day of the refund, are those of its recording.
//! - D4: what waited takes effect in the order it came, dated now; one that is more than what is left is dropped.

use chrono::TimeDelta;
use ledger_core::ids::{LotId, PurchaseId, RefundId};
use ledger_core::time::Timestamp;

use crate::circle::{Business, Circle};
use crate::lot::{COALITION, ExpiredTo, Lot, Place};
use crate::member::{Member, Outcome, Purchase};
use crate::reward::OfChain;
use crate::{Kopecks, Refusal, calendar, rounded};

/// The largest amount a request may carry.
pub const AMOUNT_MAX: Kopecks = 10_000_000_000;

/// One refund.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Refund {
    pub id: RefundId,
    pub amount: Kopecks,
    pub taken_back: Kopecks,
    pub returned: Kopecks,
}

/// What nobody's lot could give. Rule F3.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Debt {
    pub creditor: String,
    pub amount: Kopecks,
    pub payments: Vec<Kopecks>,
}

/// What is due back of a purchase: of the accrual the business's share and the coalition's, of a coupon, of a chain.
pub(crate) struct Due {
    pub(crate) accrual: [Kopecks; 2],
    pub(crate) of_coupon: Kopecks,
    pub(crate) of_chain: Kopecks,
}

impl Purchase {
    /// What of the bonuses it is paid with comes back when so much is refunded: what pays its newest revision no more, and
    /// of the rest the cumulative share. Below nothing: what is missing of what should pay for it. Rules F4, D3.
    pub(crate) fn comes_back_at(&self, refunded: Kopecks) -> Kopecks {
        let spent: Kopecks = self.spent.iter().map(|(_, part)| part).sum();
        spent - (self.kept - self.gone(self.kept, refunded))
    }

    /// So much more of a lot came back, or less.
    pub(crate) fn is_back(&mut self, lot: LotId, more: Kopecks) {
        match self.came_back.iter_mut().find(|(id, _)| *id == lot) {
            Some((_, back)) => *back += more,
            None => self.came_back.push((lot, more)),
        }
        self.came_back.retain(|(_, back)| *back > 0);
    }

    /// What is taken back of the accrual when so much is refunded: the business's share, and the coalition's as the rest.
    /// Rule F2.
    pub(crate) fn taken_back_at(&self, refunded: Kopecks) -> [Kopecks; 2] {
        let total = self.gone(self.accrual, refunded);
        let of_business = if self.accrual == 0 { 0 } else { rounded(total * self.of_business, self.accrual) };
        [of_business, total - of_business]
    }
}

impl Debt {
    /// What is still owed.
    #[must_use]
    pub fn left(&self) -> Kopecks {
        self.amount - self.payments.iter().sum::<Kopecks>()
    }
}

impl Member {
    /// What she owes. Rule F3.
    #[must_use]
    pub fn debt(&self) -> Kopecks {
        self.debts.iter().map(Debt::left).sum()
    }

    #[expect(clippy::too_many_arguments, reason = "they are the fields of the request")]
    pub(crate) fn refund(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        purchase: PurchaseId,
        business: &str,
        id: RefundId,
        amount: Kopecks,
        occurred_at: Timestamp,
    ) -> Result<Outcome, Refusal> {
        if occurred_at > calendar::later(now, TimeDelta::minutes(circle.policy(now).future_minutes)) {
            return Err("OCCURRED_IN_FUTURE");
        }
        if amount <= 0 || amount > AMOUNT_MAX {
            return Err("AMOUNT_OUT_OF_RANGE");
        }
        let known = self.purchases.iter().rposition(|it| it.id == purchase && it.business == business);
        let place = known.ok_or("NOT_FOUND")?;
        if amount > self.purchases[place].net() {
            return Err("REFUND_EXCEEDS_PURCHASE");
        }
        let (taken_back, returned) = self.give_back(circle, now, place, id, amount);
        self.evaluate_after(circle, now, now, circle.business(business).expect("known"), None);
        Ok(Outcome::Refunded { taken_back, returned, debt: self.debt() })
    }

    /// Rule D4; with a document that waited for an admin they wait as long as it does (decision 6).
    pub(crate) fn apply_waiting(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        (purchase, by_admin): (PurchaseId, bool),
        business: &Business,
    ) {
        let place = self.purchases.iter().rposition(|it| it.id == purchase).expect("just recorded");
        let its = business.waiting.iter().filter(|it| it.purchase == purchase);
        for waiting in its.filter(|it| by_admin || now <= it.until) {
            if waiting.amount <= self.purchases[place].net() {
                self.give_back(circle, now, place, waiting.refund, waiting.amount);
                self.evaluate_after(circle, now, now, business, None);
            }
        }
    }

    /// What is taken back and what is returned.
    fn give_back(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        place: usize,
        id: RefundId,
        amount: Kopecks,
    ) -> (Kopecks, Kopecks) {
        let purchase = self.purchases[place].clone();
        let before = purchase.refunded();
        let upto = before + amount;
        let returned = self.bring_back(circle, now, id, place, purchase.comes_back_at(upto));
        self.repay(now);
        // Rule F2.
        let taken = |refunded| purchase.taken_back_at(refunded);
        let ([of_business_before, rest_before], [of_business, rest]) = (taken(before), taken(upto));
        let of_coupon = purchase.of_coupon(before, upto);
        let due = Due {
            accrual: [of_business - of_business_before, rest - rest_before],
            of_coupon,
            of_chain: purchase.of_chain_at(before) - purchase.of_chain_at(upto),
        };
        let taken_back = due.accrual.iter().sum::<Kopecks>() + of_coupon;
        self.take_back(now, &purchase, &due);
        if upto == purchase.amount {
            self.revoke_triggered(now, purchase.id);
        }
        self.purchases[place].refunds.push(Refund { id, amount, taken_back, returned });
        (taken_back, returned)
    }

    /// Rules F2, F7, M2.
    pub(crate) fn take_back(&mut self, now: Timestamp, purchase: &Purchase, due: &Due) {
        let of_funder = |is_coalition: bool| {
            let its = |id: &&LotId| {
                let lot = self.lots.iter().find(|lot| lot.id == **id).expect("a lot she has");
                (lot.funder == COALITION) == is_coalition
            };
            purchase.lots.iter().filter(its).copied().collect::<Vec<_>>()
        };
        let mut shares = vec![
            (purchase.business.clone(), of_funder(false), due.accrual[0]),
            (COALITION.to_owned(), of_funder(true), due.accrual[1]),
        ];
        if let Some(used) = &purchase.coupon {
            shares.push((used.funder.clone(), used.lots.clone(), due.of_coupon));
        }
        if let Some(OfChain { lots, .. }) = &purchase.of_chain {
            let funder = self.lots.iter().find(|lot| lots.contains(&lot.id)).expect("hers").funder.clone();
            shares.push((funder, lots.clone(), due.of_chain));
        }
        // Stable: of one funder the accrual's share stands before the coupon's, and that before the chain's.
        shares.sort_by_key(|(funder, ..)| (funder == COALITION, funder.clone()));
        let mut missing = Vec::new();
        for (funder, lots, mut want) in shares {
            for lot in self.lots.iter_mut().filter(|lot| lots.contains(&lot.id)) {
                want -= take_of_own(lot, want);
            }
            missing.push((funder, want));
        }
        for (creditor, want) in missing {
            let taken = self.take(want, now, &Place::TakenFor(creditor.clone()));
            let rest = want - taken.iter().map(|(_, part)| part).sum::<Kopecks>();
            if rest > 0 {
                self.debts.push(Debt { creditor, amount: rest, payments: Vec::new() });
            }
        }
    }

    /// Bonuses come back to the lots they came from, the last spent first; those of lots past their life come as one lot of
    /// the coalition. Rule F4.
    ///
    /// So much is to come back now, if anything; how much does.
    pub(crate) fn bring_back(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        refund: RefundId,
        place: usize,
        amount: Kopecks,
    ) -> Kopecks {
        let business = self.purchases[place].business.clone();
        let policy = circle.policy(now);
        let to = if policy.expired_to_coalition { ExpiredTo::Breakage } else { ExpiredTo::Funder };
        let mut instead = 0;
        let mut rest = amount.max(0);
        while rest > 0 {
            let (id, paid) = self.purchases[place].spent.pop().expect("no more comes back than was paid");
            let part = paid.min(rest);
            rest -= part;
            if paid > part {
                self.purchases[place].spent.push((id, paid - part));
            }
            let lot = self.lot_mut(id);
            let redeemed = Place::Redeemed(business.clone());
            if lot.is_alive(now) {
                lot.shift(part, redeemed, Place::Available);
                self.purchases[place].is_back(id, part);
            } else {
                lot.shift(part, redeemed, Place::Expired(to));
                instead += part;
            }
        }
        if instead > 0 {
            let expires_at = calendar::end_of(calendar::days_after(now, policy.returned_life_days));
            let id = LotId::returned_by(refund);
            self.give(id, now, instead, expires_at);
            self.purchases[place].is_back(id, instead);
        }
        amount.max(0)
    }

    /// What lies free in the lots that it came back to: of each no more than came back. Nothing of who is blocked. Rules D3, R4.
    pub(crate) fn lies_there(&self, purchase: &Purchase, now: Timestamp) -> Kopecks {
        if self.is_blocked {
            return 0;
        }
        purchase.came_back.iter().map(|(id, back)| self.free_of(*id, now).min(*back)).sum()
    }

    fn free_of(&self, id: LotId, now: Timestamp) -> Kopecks {
        let lot = self.lots.iter().find(|lot| lot.id == id).expect("a lot she has");
        if lot.is_alive(now) { lot.amount_at(&Place::Available) } else { 0 }
    }

    /// All that is missing of what should pay for a purchase is taken again, from where it came back to last first; none of it
    /// when it is not all there. Rule D3.
    pub(crate) fn take_again(&mut self, now: Timestamp, place: usize, missing: Kopecks) {
        if missing <= 0 || missing > self.lies_there(&self.purchases[place], now) {
            return;
        }
        let mut rest = missing;
        for (id, back) in self.purchases[place].came_back.clone().into_iter().rev() {
            let part = self.free_of(id, now).min(back).min(rest);
            if part == 0 {
                continue;
            }
            rest -= part;
            let redeemed = Place::Redeemed(self.purchases[place].business.clone());
            let lot = self.lot_mut(id);
            // Held and captured at once: a line each.
            lot.shift(part, Place::Available, Place::Held);
            lot.shift(part, Place::Held, redeemed);
            self.purchases[place].spent.push((id, part));
            self.purchases[place].is_back(id, -part);
        }
    }

    /// A new lot of the coalition, spendable at once. Rules F4, B10.
    pub(crate) fn give(&mut self, id: LotId, now: Timestamp, amount: Kopecks, expires_at: Timestamp) {
        let mut lot = Lot::new(id, COALITION, None, (now, expires_at));
        lot.issue(amount, now);
        self.lots.push(lot);
    }
}

/// Takes up to `want` of a purchase's own lot, and counts what of it has expired; what it gave. Rule F2.
fn take_of_own(lot: &mut Lot, want: Kopecks) -> Kopecks {
    let pending = want.min(lot.amount_at(&Place::Pending));
    lot.shift(pending, Place::Pending, Place::TakenBack);
    let available = (want - pending).min(lot.amount_at(&Place::Available));
    lot.shift(available, Place::Available, Place::TakenBack);
    let uncounted = lot.expired() - lot.counted_expired.iter().sum::<Kopecks>();
    let expired = (want - pending - available).min(uncounted);
    lot.counted_expired.push(expired);
    pending + available + expired
}
