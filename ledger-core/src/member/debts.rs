//! The fold of refunds: what came back, what was taken, what is owed. Rules F2–F4.

use serde::{Deserialize, Serialize};

use super::event::{BonusReturned, BonusTakenBack, DebtIncurred, DebtRepaid, OwnPart};
use super::state::MemberState;
use crate::category::Confidentiality;
use crate::ids::{BusinessId, LotId, PurchaseId, RefundId};
use crate::log::Position;
use crate::member::lot::{Funder, LotOrigin};
use crate::money::Bonuses;

/// What is owed to one funder after one refund. Rule F3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
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

impl Debt {
    /// The purchase, as the origin of lots.
    #[must_use]
    pub const fn origin(&self) -> LotOrigin {
        let Self { purchase_id, business_id, confidentiality, .. } = *self;
        LotOrigin::Purchase { purchase_id, business_id, confidentiality }
    }
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
        for held in &fact.parts {
            self.give_back(held)?;
            self.claim(fact.purchase_id, held.part.lot_id);
        }
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
