//! The fold of refunds: what came back, what was taken, what is owed. Rules F2–F4, F6.

use serde::{Deserialize, Serialize};

use super::event::{
    BonusReturned, BonusTakenBack, DebtIncurred, DebtRepaid, OwnPart, PurchaseAmended, PurchaseRefunded,
    PurchaseTakenOver,
};
use super::state::MemberState;
use crate::category::{Category, Confidentiality};
use crate::ids::{BusinessId, LotId, PurchaseId, RefundId};
use crate::log::Position;
use crate::member::lot::Funder;
use crate::money::{Bonuses, Roubles};
use crate::time::Timestamp;

/// What is owed to one funder after one refund. Rule F3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debt {
    /// The refund that led to it.
    pub refund_id: RefundId,
    /// Of which purchase.
    pub purchase_id: PurchaseId,
    /// Where that was.
    pub business_id: BusinessId,
    /// Whether the visit is a medical secret.
    pub confidentiality: Confidentiality,
    /// The lot that could not give it.
    pub lot_id: LotId,
    /// To whom.
    pub creditor: Funder,
    /// What is still owed; above zero.
    pub left: Bonuses,
}

impl MemberState {
    /// Her debts, the oldest first. Rule F3.
    #[must_use]
    pub fn debts(&self) -> &[Debt] {
        &self.debts
    }

    /// What she owes in all; `None` when it does not fit.
    #[must_use]
    pub fn debt(&self) -> Option<Bonuses> {
        Bonuses::checked_sum(self.debts.iter().map(|debt| debt.left))
    }

    /// Rule F6: bills and categories are net of refunds.
    pub(super) fn refund(&mut self, fact: &PurchaseRefunded) -> Result<(), &'static str> {
        let refunded = fact.refunded_before.checked_add(fact.amount).ok_or("a refund does not fit")?;
        if !fact.amount.is_positive() || refunded > fact.bill {
            return Err("more is refunded than was paid");
        }
        self.spend.reduce(fact.bought_at, fact.category, fact.confidentiality, fact.amount);
        if refunded == fact.bill {
            self.sales.revise(fact.bought_at, fact.purchase_id, Roubles::ZERO);
            let less = |visits: u32| visits.checked_sub(1);
            self.count_visit(fact.category, fact.confidentiality, fact.business_id, less)
                .ok_or("more visits are undone than were made")?;
        }
        Ok(())
    }

    /// Rules D3, F6: the bill counts as if the newest revision had been the first.
    pub(super) fn amend(&mut self, fact: &PurchaseAmended) -> Result<(), &'static str> {
        let (before, after) = fact.counted();
        let (at, category, kind) = (fact.bought_at, fact.category, fact.confidentiality);
        let more = after.checked_sub(before).ok_or("an amendment does not fit")?;
        if more.is_positive() {
            self.spend.record(at, category, kind, more).ok_or("the bills of a day do not fit")?;
        } else {
            self.spend.reduce(at, category, kind, before.checked_sub(after).unwrap_or_default());
        }
        let is_sale = after > Roubles::ZERO;
        self.sales.revise(at, fact.purchase_id, if is_sale { fact.bill } else { Roubles::ZERO });
        let count = |visits: u32| match (before > Roubles::ZERO, after > Roubles::ZERO) {
            (true, false) => visits.checked_sub(1),
            (false, true) => visits.checked_add(1),
            (true, true) | (false, false) => Some(visits),
        };
        self.count_visit(category, kind, fact.business_id, count)
            .ok_or("more visits are undone than were made")
    }

    /// Rule D3: her bill from now on, net of the refunds it had.
    pub(super) fn take_over(&mut self, fact: &PurchaseTakenOver, at: Timestamp) -> Result<(), &'static str> {
        let (purchase, counted) = (&fact.purchase, fact.counted());
        self.sales.record(at, purchase);
        if !counted.is_positive() {
            self.sales.revise(at, purchase.purchase_id, Roubles::ZERO);
            return Ok(());
        }
        let (category, kind) = (purchase.category, purchase.confidentiality);
        self.spend.record(at, category, kind, counted).ok_or("the bills of a day do not fit")?;
        let more = |visits: u32| visits.checked_add(1);
        self.count_visit(category, kind, purchase.business_id, more).ok_or("too many visits")
    }

    /// Counts the visits that make the category known (Rule B2), and her a customer (Rule C3). `None` when `count` finds
    /// nothing to count.
    pub(super) fn count_visit(
        &mut self,
        category: Category,
        confidentiality: Confidentiality,
        business_id: BusinessId,
        count: impl Fn(u32) -> Option<u32>,
    ) -> Option<()> {
        let of_business = match confidentiality {
            Confidentiality::Ordinary => {
                let of_category = self.visited.entry(category).or_default();
                *of_category = count(*of_category)?;
                self.customer_of.entry(business_id).or_default()
            }
            Confidentiality::Medical => self.visited_medical.entry(business_id).or_default(),
        };
        *of_business = count(*of_business)?;
        Some(())
    }

    pub(super) fn take_back(&mut self, fact: &BonusTakenBack) -> Result<(), &'static str> {
        for OwnPart { part, .. } in &fact.own {
            self.take(part)?;
        }
        fact.others.iter().try_for_each(|other| self.take(&other.part))
    }

    pub(super) fn give_all_back(
        &mut self,
        position: Position,
        fact: &BonusReturned,
    ) -> Result<(), &'static str> {
        fact.parts.iter().try_for_each(|held| self.give_back(held))?;
        let Some(lot) = &fact.instead else { return Ok(()) };
        self.open(position, fact.origin(), lot.clone())
    }

    pub(super) fn owe(&mut self, fact: &DebtIncurred) {
        self.debts.push(Debt {
            refund_id: fact.refund_id,
            purchase_id: fact.purchase_id,
            business_id: fact.business_id,
            confidentiality: fact.confidentiality,
            lot_id: fact.lot_id,
            creditor: fact.creditor.clone(),
            left: fact.amount,
        });
    }

    pub(super) fn repay(&mut self, fact: &DebtRepaid) -> Result<(), &'static str> {
        fact.parts.iter().try_for_each(|part| self.take(part))?;
        let is_it = |debt: &&mut Debt| debt.refund_id == fact.refund_id && debt.lot_id == fact.lot_id;
        let debt = self.debts.iter_mut().find(is_it).ok_or("an unknown debt is repaid")?;
        let left = debt.left.checked_sub(fact.amount).filter(|left| *left >= Bonuses::ZERO);
        debt.left = left.ok_or("more is repaid than is owed")?;
        self.debts.retain(|debt| debt.left.is_positive());
        Ok(())
    }
}
