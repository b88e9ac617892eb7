//! How many bonuses a purchase earns, and in which lots. Rules B1–B5, P5.

use rust_decimal::Decimal;

use crate::ids::{LotId, PurchaseId, Slug};
use crate::member::event::{AccrualInputs, Holding, LotLife};
use crate::member::lot::{COALITION, Funder, Lot};
use crate::money::Bonuses;
use crate::rate::NewCategoryMultiplier;
use crate::time::Timestamp;

/// The amounts of one accrual: the whole, and what each funder gives. Rules B4, B5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// B4, rounded once.
    pub total: Bonuses,
    /// B4 without the coalition's extras, rounded.
    pub business: Bonuses,
    /// The rest.
    pub coalition: Bonuses,
}

/// The amounts that follow from `inputs`. Rules B4, B5: the new-category extra and what Premium pays above the rate of
/// her status are the coalition's.
///
/// `None` when an amount does not fit.
#[must_use]
pub fn split(inputs: &AccrualInputs) -> Option<Split> {
    let base = inputs.base.to_decimal().max(Decimal::ZERO);
    let times = |rate: Decimal, new_category: NewCategoryMultiplier| {
        let exact = base
            .checked_mul(rate)?
            .checked_mul(new_category.to_decimal())?
            .checked_mul(inputs.business_multiplier.to_decimal())?;
        Bonuses::rounded(exact)
    };
    let total = times(inputs.rate.to_decimal(), inputs.new_category)?;
    let own_rate = inputs.rate.to_decimal().min(inputs.status_rate.to_decimal());
    let business = times(own_rate, NewCategoryMultiplier::ONE)?.min(total);
    let coalition = total.checked_sub(business)?;
    Some(Split { total, business, coalition })
}

/// When a lot is spendable. Rule B5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// In which account it begins.
    pub opens: Holding,
    /// From when.
    pub available_from: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

impl Life {
    /// What is said of lots that may come, where an accrual comes to nothing.
    pub(super) const fn of_nothing(self, accrued: Bonuses) -> Option<LotLife> {
        if accrued.is_positive() { None } else { Some(self.moments()) }
    }

    /// What is said of lots that may come later.
    pub(super) const fn moments(self) -> LotLife {
        let Self { available_from, expires_at, .. } = self;
        LotLife { available_from, expires_at }
    }

    /// A lot that lives so.
    #[must_use]
    pub const fn lot(self, lot_id: LotId, funder: Funder, amount: Bonuses) -> Lot {
        let Self { opens, available_from, expires_at } = self;
        Lot { lot_id, funder, amount, opens, available_from, expires_at }
    }
}

/// The lots of an accrual, business first; none for an amount of nothing. Rule B5.
#[must_use]
pub fn lots(purchase_id: PurchaseId, business: &Slug, amounts: Split, life: Life) -> Vec<Lot> {
    [(Funder::Business(business.clone()), amounts.business), (Funder::Coalition, amounts.coalition)]
        .into_iter()
        .filter(|(_, amount)| amount.is_positive())
        .map(|(funder, amount)| life.lot(LotId::of(purchase_id, funder.as_str()), funder, amount))
        .collect()
}

const _: () = assert!(COALITION.len() == 9, "lot ids are derived from this name; it never changes");
